//! Readings may be sparse while nothing changes: the machine says which frame it needs in time.

use std::time::Duration;

use handwave::config::Config;
use handwave::gesture::machine::{Machine, Transition};
use handwave::gesture::shape::{SIZE, Shape};
use handwave::hand::{Due, Reading, Side};

/// Plays 30 frames a second, of which every third and those that are due are read; returns when each transition came.
fn play(shape: Option<Shape>, machine: &mut Machine, from: u32, to: u32) -> Vec<(Duration, Transition)> {
    let mut outcomes = Vec::new();
    for frame in from..to {
        let time = Duration::from_secs(1) * frame / 30;
        let due = machine.due().filter(|due| due.has_come(time));
        if (frame - from).is_multiple_of(3) || due.is_some() {
            let hands = shape.iter().map(Shape::hand).collect();
            let fresh = due.is_some_and(|due| due.fresh);
            let outcome = machine.see(&Reading { time, size: SIZE, hands, searched: fresh, fresh, hidden: false });
            outcomes.extend(outcome.map(|outcome| (time, outcome)));
        }
    }
    outcomes
}

#[test]
fn holds_countdowns_and_releases_end_within_a_frame_of_their_time() {
    let settings = Config::shipped().gesture;
    // The frames start at each of the three offsets between two readings.
    for begin in 12..15 {
        let mut machine = Machine::new(settings.clone(), true);
        let began = Duration::from_secs(1) * begin / 30;
        let in_time = |then: Duration, due: Duration| then >= due && then - due < Duration::from_millis(34);

        play(Some(Shape::new(Side::Right, 2)), &mut machine, 0, 3);
        assert_eq!(machine.due(), None, "no fist came before it");
        play(Some(Shape::new(Side::Right, 0)), &mut machine, 3, begin);
        let outcomes = play(Some(Shape::new(Side::Right, 2)), &mut machine, begin, begin + 120);
        let [(counting, Transition::CountingDown(_)), (fired, Transition::Fired(_))] = outcomes[..] else {
            panic!("{outcomes:?}")
        };
        assert!(in_time(counting, began + settings.hold_retire), "{counting:?}");
        assert!(in_time(fired, counting + settings.countdown), "{fired:?}");

        play(None, &mut machine, begin + 120, begin + 121);
        let released = Duration::from_secs(1) * (begin + 120) / 30;
        assert_eq!(machine.due(), Some(Due { at: released + settings.release, fresh: false }));
        play(None, &mut machine, begin + 121, begin + 150);
        assert_eq!(machine.due(), None, "armed again, and nothing is held");
    }
}
