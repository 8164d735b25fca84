//! What a person sees. [`Scene`] is all that a view needs; the views are thin.

pub mod audit;
pub mod narrator;
pub mod terminal;
pub mod text;

use crate::fleet::InstanceId;
use crate::fleet::actor::FleetState;
use crate::gesture::machine::Phase;

/// Everything that a view shows at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    pub phase: Phase,
    pub fleet: FleetState,
    /// Who would be retired, while a countdown runs.
    pub victims: Vec<InstanceId>,
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::fleet::Limits;

    /// A scene of an empty fleet.
    pub fn scene(phase: Phase) -> Scene {
        let limits = Limits { min: 1, max: 5 };
        let fleet = FleetState { observed: None, limits, settled: true, trouble: None };
        Scene { phase, fleet, victims: Vec::new() }
    }
}
