//! A simulated cloud, on tokio's clock. In: the calls of the fleet's ports. Out: what AWS would answer.
//!
//! It keeps AWS's rules: a token launches once, a launch is invisible at first and pending before it runs, health
//! checks and drains take their time, one bad id fails its batch, quotas cut a launch, the terminated stay visible for
//! a while. It can be told to fail, and it records what took effect.
//!
//! `handle` is the way in: the ports and the controls. `world` is how everything really is, `front` what stands before
//! the fleet, `faults` how calls fail, `profile` what comes over time, `load` and `queue` what would be measured of it,
//! `cloud` what [`open`] opens.

mod cloud;
mod faults;
mod front;
mod handle;
mod load;
mod profile;
mod queue;
mod settings;
mod times;
mod world;

pub use cloud::open;
pub use faults::{Call, Fault};
pub use front::Front;
pub use handle::Simulated;
pub use profile::{Profile, ProfileError};
pub use queue::Worked;
pub use settings::Settings;
pub use times::Times;
pub use world::{Effect, Past, Truth};
