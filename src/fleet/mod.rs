//! Commands to instances. In: commands from any source. Out: calls to the [`ports`], a watch of the fleet's state,
//! and events.
//!
//! `reconciler` observes and acts, `plan` decides (pure), `observed` joins what the ports answered, `memory` is a
//! read-your-writes cache over an eventually consistent API, `diff` tells two observations apart.

mod diff;
mod memory;
pub mod observed;
pub mod plan;
pub mod ports;
pub mod reconciler;
pub mod settings;

pub use settings::{CloudName, Limits, Settings};
