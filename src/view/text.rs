//! A scene to one line of text, and what is left at the end to a sentence. Pure.

use super::RunState;
use crate::clouds::Mode;
use crate::command::{Gesture, list};
use crate::fleet::FleetState;
use crate::gesture::machine::Phase;
use crate::gesture::why::Why;

/// Characters that the ring's progress takes as a bar.
const BAR: usize = 10;

/// The terminal's live line.
pub fn live_line(scene: &RunState) -> String {
    let mut line = format!("{} | {} | fleet: {}", scene.mode, phase(scene), scene.fleet);
    if let Some(trouble) = &scene.fleet.trouble {
        line += &format!(" ({trouble})");
    }
    line + " | " + scene.keys()
}

/// What quitting leaves half done, and who finishes it; None where nothing is.
pub fn left(mode: &Mode, fleet: &FleetState) -> Option<String> {
    let under_way = fleet.under_way().into_iter();
    let who: Vec<_> = under_way.map(|(phase, ids)| format!("{} {phase} ({})", ids.len(), list(&ids))).collect();
    let finished = match mode {
        Mode::DryRun => "It ends with the simulated fleet",
        Mode::Live { .. } => "The next start finishes it, or `handwave fleet settle --live` does",
    };
    (!who.is_empty()).then(|| format!("Left under way: {}. {finished}.", who.join(", ")))
}

/// What the hands do, or why nothing happens.
pub fn phase(scene: &RunState) -> String {
    match &scene.phase {
        Phase::Paused => "Paused: p goes on".into(),
        Phase::Idle(why) => why.to_string(),
        Phase::Holding { gesture, progress, hint } => {
            let done = (progress * BAR as f32) as usize;
            let bar: String = (0..BAR).map(|i| if i < done { '#' } else { '-' }).collect();
            let hint = hint.map_or(String::new(), |why| format!(" {why}"));
            format!("{} [{bar}]{hint}", meaning(gesture))
        }
        Phase::CountingDown { gesture, left, .. } => format!(
            "{} in {:.1} s ({}); a fist takes it back",
            meaning(gesture),
            left.as_secs_f32(),
            if scene.victims.is_empty() { "nobody".into() } else { list(&scene.victims) },
        ),
        Phase::Done { gesture, taken_back: None } => {
            format!("{}: done. {}", meaning(gesture), Why::NotReleased)
        }
        Phase::Done { gesture, taken_back: Some(why) } => {
            format!("{}: taken back ({why})", meaning(gesture))
        }
    }
}

/// A gesture and what it asks for: `left 3 - launch 3`.
pub fn meaning(gesture: &Gesture) -> String {
    let Gesture { side, fingers, .. } = gesture;
    format!("{side} {fingers} - {} {fingers}", gesture.intent())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::command::Gesture;
    use crate::fleet::Observed;
    use crate::fleet::ports::{Health, Instance, InstanceState, RETIRING_TAG};
    use crate::hand::Side;
    use crate::view::tests::scene;

    fn retire() -> Gesture {
        Gesture { side: Side::Right, fingers: 2, confidence: 1.0, hold: Duration::from_secs(2) }
    }

    #[test]
    fn a_hold_shows_what_it_would_do_and_how_far_it_is() {
        let phase = Phase::Holding {
            gesture: Gesture { side: Side::Left, fingers: 3, ..retire() },
            progress: 0.45,
            hint: None,
        };
        let line = live_line(&scene(phase));
        assert_eq!(line, "DRY RUN | left 3 - launch 3 [####------] | fleet: not seen yet | p pauses, Esc quits");
    }

    #[test]
    fn a_countdown_names_its_victims_and_the_way_out() {
        let phase =
            Phase::CountingDown { gesture: retire(), left: Duration::from_millis(1440), of: Duration::from_secs(2) };
        let mut scene = scene(phase);
        scene.victims = vec!["i-1".into(), "i-2".into()];
        assert_eq!(super::phase(&scene), "right 2 - retire 2 in 1.4 s (i-1, i-2); a fist takes it back");
    }

    #[test]
    fn trouble_is_told() {
        let mut scene = scene(Phase::Paused);
        scene.fleet.trouble = Some("throttled".into());
        assert!(live_line(&scene).contains("Paused: p goes on | fleet: not seen yet (throttled)"));
    }

    #[test]
    fn what_is_left_is_told_with_who_finishes_it() {
        let mut fleet = scene(Phase::Paused).fleet;
        assert_eq!(left(&Mode::DryRun, &fleet), None);
        let instance = |id: &str, state, retiring| {
            let instance = Instance::new(id, state, jiff::Timestamp::UNIX_EPOCH);
            if retiring { instance.with_tag(RETIRING_TAG, "") } else { instance }
        };
        let (running, pending) = (InstanceState::Running, InstanceState::Pending);
        let instances = vec![
            instance("i-1", running, false),
            instance("i-2", running, true),
            instance("i-3", pending, false),
            instance("i-4", InstanceState::ShuttingDown, true),
        ];
        let health = vec![("i-1".into(), Health::InService), ("i-2".into(), Health::Draining)];
        fleet.observed = Some(Observed::join(instances, health));
        let who = "Left under way: 1 launching (i-3), 1 draining (i-2).";
        assert_eq!(left(&Mode::DryRun, &fleet).unwrap(), format!("{who} It ends with the simulated fleet."));
        let live = Mode::Live { account: "111122223333".into(), region: "eu-central-1".into() };
        let finished = "The next start finishes it, or `handwave fleet settle --live` does.";
        assert_eq!(left(&live, &fleet).unwrap(), format!("{who} {finished}"));
    }
}
