//! Commands to instances. In: commands from any source. Out: calls to the [`ports`], a watch of the fleet's state,
//! and events.
//!
//! `reconciler` observes and acts, `plan` decides (pure), `look` asks the cloud, `observed` joins what the ports
//! answered, `memory` is a read-your-writes cache over an eventually consistent API, `diff` tells two observations
//! apart. `handle` is the way to a reconciler, `state` and `publisher` are what it publishes, `said` is what a person
//! last did, `tally` counts the calls. `stage` tells by its tags where an instance of the warm pool is, `pool` what the
//! pool needs, `lease` for whom an instance is reserved, and `leases` what follows from that (all pure). [`ports`] are
//! all that the fleet knows of a cloud.

mod change;
mod diff;
mod handle;
pub mod lease;
pub mod leases;
mod look;
mod memory;
mod observed;
mod plan;
mod pool;
pub mod ports;
mod publisher;
mod reconciler;
mod said;
mod settings;
mod stage;
mod state;
mod tally;
mod timing;

pub use handle::{Handle, Outcome};
pub use lease::Lease;
pub use look::look;
pub use observed::{Lifecycle, Member, Observed};
pub use pool::Pool;
pub use reconciler::{Leases, Reconciler};
pub use said::{Said, What};
pub use settings::{CloudName, Lease as LeaseSettings, Limits, Settings, Sign, Then, Warm};
pub use state::FleetState;
pub use tally::{BOUNDS, Counts, Rounds, Tally};
pub use timing::{Rules, Timing};
