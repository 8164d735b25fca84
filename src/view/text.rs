//! A run's state to one line of text. Pure.

use super::phases;
use crate::clouds::Mode;
use crate::daemon::state::{PuppetState, RunState};
use crate::gesture::machine::Phase;
use crate::gesture::why::Why;
use crate::policy::follow::PolicyState;

/// The terminal's live line.
pub fn live_line(state: &RunState) -> String {
    let mut line = format!("{} | {} | fleet: {}", state.mode, phases::row(state).line, state.fleet);
    if let Some(trouble) = &state.fleet.trouble {
        line += &format!(" ({trouble})");
    }
    if let Some(PolicyState { decision, held, .. }) = &state.policy {
        let held = held.as_ref().map_or(String::new(), |held| format!("; {held}"));
        line += &format!(" | policy: {decision}{held}");
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
    fn a_policys_decision_is_told_with_what_a_person_holds() {
        let mut state = state(Phase::Paused);
        let held = Some("launch by anna holds 5 as the floor for 7 min".to_owned());
        let decision = "hold at 5: enough".to_owned();
        state.policy = Some(PolicyState { decision, held, is_paused: false, is_paused_by_page: false });
        let line = live_line(&state);
        assert!(
            line.contains("| policy: hold at 5: enough; launch by anna holds 5 as the floor for 7 min |"),
            "{line}"
        );
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
