//! A run's state to one line of text. Pure.

use super::phases;
use crate::clouds::Mode;
use crate::daemon::state::{PuppetState, RunState};
use crate::gesture::machine::Phase;
use crate::gesture::why::Why;

/// The terminal's live line.
pub fn live_line(state: &RunState) -> String {
    let mut line = format!("{} | {} | fleet: {}", state.mode, phases::row(state).line, state.fleet);
    if let Some(trouble) = &state.fleet.trouble {
        line += &format!(" ({trouble})");
    }
    line + " | " + keys(state)
}

/// The keys there are. A live run's banner needs its room for the account, so a puppet's keys are left out there.
pub fn keys(state: &RunState) -> &'static str {
    match state.puppet != PuppetState::None && state.mode == Mode::DryRun {
        _ if state.phase == Phase::Idle(Why::Quit) => "Esc quits at once",
        true => "l r 0-5 n move the hand, p pauses, Esc quits",
        false => "p pauses, Esc quits",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::state;

    #[test]
    fn the_line_has_mode_phase_fleet_and_keys() {
        let line = live_line(&state(Phase::Paused));
        assert_eq!(line, "DRY RUN | Paused: p goes on | fleet: not seen yet | p pauses, Esc quits");
    }

    #[test]
    fn trouble_is_told() {
        let mut state = state(Phase::Paused);
        state.fleet.trouble = Some("throttled".into());
        assert!(live_line(&state).contains("Paused: p goes on | fleet: not seen yet (throttled)"));
    }

    #[test]
    fn a_puppets_keys_are_named_where_nothing_is_real() {
        let mut state = state(Phase::Idle(Why::NoHand));
        state.puppet = PuppetState::Scripted;
        assert_eq!(keys(&state), "l r 0-5 n move the hand, p pauses, Esc quits");
        state.mode = Mode::Live { account: "111122223333".into(), region: "eu-central-1".into() };
        assert_eq!(keys(&state), "p pauses, Esc quits");
    }
}
