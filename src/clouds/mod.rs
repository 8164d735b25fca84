//! The clouds that a fleet can live in. In: settings, and which cloud is meant. Out: a [`Cloud`], whose fleet is seen
//! and changed through the fleet's ports.
//!
//! `several` joins balancers to one, `none` is no balancer at all; every cloud may use both.
//!
//! [`open`] is the only place that chooses a cloud. Another one is a folder with its own `open` and `check`, and a line
//! in each of the two functions here.

pub mod aws;
mod choice;
mod cloud;
mod finding;
mod mode;
mod none;
mod settings;
mod several;
pub mod simulated;

pub use choice::Choice;
pub use cloud::{BalancerSetup, Cloud, Description, Error, OpenFleet, SetupOutcome};
pub use finding::{Finding, Progress, Verdict};
pub use mode::Mode;
pub use settings::Settings;

/// Opens the chosen cloud and finds out whether it is the one that is meant. Neither the fleet nor its load balancer is
/// looked at.
pub async fn open(settings: &Settings, choice: Choice) -> Result<Box<dyn Cloud>, Error> {
    match choice {
        Choice::Simulated { holds } => Ok(simulated::open(settings, holds)),
        Choice::Live => aws::open(settings).await,
    }
}

/// Checks what a run needs of the chosen cloud, and tells each finding as it comes. Changes nothing.
pub async fn check(settings: &Settings, choice: Choice, tell: &mut (dyn FnMut(Progress) + Send)) -> Result<(), Error> {
    match choice {
        Choice::Simulated { .. } => Ok(()),
        Choice::Live => aws::check(settings, tell).await,
    }
}
