//! The clouds that a fleet can live in.

pub mod aws;
mod mode;
pub mod simulated;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;

use crate::event::Stamped;
use crate::fleet::Settings;
use crate::fleet::reconciler::{FleetState, Handle, Reconciler, Timing};
use simulated::Simulated;

pub use mode::Mode;

/// Starts the fleet's reconciler on a fresh simulated cloud. The task ends after [`Handle::stop`], with what is left.
/// Must be called within a tokio runtime.
pub fn simulate(settings: &Settings, events: UnboundedSender<Stamped>) -> (Handle, JoinHandle<FleetState>) {
    Reconciler::spawn(Simulated::default(), settings.limits(), Timing::simulated(), events)
}
