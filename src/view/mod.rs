//! What a person sees here: a window and the terminal, both of one [`RunState`](crate::daemon::state::RunState).
//!
//! `phases` is the table of how each phase of a gesture is shown. `overlay` draws a state (pure) and `window` puts the
//! pixels on a screen; `text` is the state in one line, `narrator` picks the reasons worth a sentence, `terminal`
//! writes lines and reads keys, and `report` follows a run in it.

pub mod narrator;
pub mod overlay;
pub mod phases;
pub mod report;
pub mod terminal;
pub mod text;
#[cfg(feature = "window")]
pub mod window;

#[cfg(test)]
pub mod tests {
    use crate::clouds::Mode;
    use crate::daemon::state::{CameraState, RunState};
    use crate::fleet::FleetState;
    use crate::fleet::Limits;
    use crate::gesture::machine::Phase;

    /// A run that watches, with an empty fleet.
    pub fn state(phase: Phase) -> RunState {
        let limits = Limits { min: 1, max: 5 };
        let fleet = FleetState { settled: true, ..FleetState::unknown(limits) };
        RunState { phase, ..RunState::starting(Mode::DryRun, CameraState::Watching, fleet) }
    }
}
