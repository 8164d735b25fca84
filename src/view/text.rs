//! A scene to one line of text. Pure.

use super::Scene;
use crate::fleet::list;
use crate::gesture::machine::Phase;
use crate::gesture::why::Why;
use crate::hand::Side;

/// Characters that the ring's progress takes as a bar.
const BAR: usize = 10;

/// The terminal's live line.
pub fn live_line(scene: &Scene) -> String {
    let mut line = format!("{} | {} | fleet: {}", scene.mode, phase(scene), scene.fleet);
    if let Some(trouble) = &scene.fleet.trouble {
        line += &format!(" ({trouble})");
    }
    line + " | " + scene.keys()
}

/// What the hands do, or why nothing happens.
pub fn phase(scene: &Scene) -> String {
    match &scene.phase {
        Phase::Paused => "Paused: p goes on".into(),
        Phase::Idle(why) => why.to_string(),
        Phase::Holding { side, fingers, progress, hint } => {
            let done = (progress * BAR as f32) as usize;
            let bar: String = (0..BAR).map(|i| if i < done { '#' } else { '-' }).collect();
            let hint = hint.map_or(String::new(), |why| format!(" {why}"));
            format!("{} [{bar}]{hint}", meaning(*side, *fingers))
        }
        Phase::CountingDown { gesture, left, .. } => format!(
            "{} in {:.1} s ({}); a fist takes it back",
            meaning(gesture.side, gesture.fingers),
            left.as_secs_f32(),
            if scene.victims.is_empty() { "nobody".into() } else { list(&scene.victims) },
        ),
        Phase::Done { gesture, taken_back: None } => {
            format!("{}: done. {}", meaning(gesture.side, gesture.fingers), Why::NotReleased)
        }
        Phase::Done { gesture, taken_back: Some(why) } => {
            format!("{}: taken back ({why})", meaning(gesture.side, gesture.fingers))
        }
    }
}

/// A sign and what it asks for: `left 3 - launch 3`.
pub fn meaning(side: Side, fingers: u8) -> String {
    let what = match side {
        Side::Left => "launch",
        Side::Right => "retire",
    };
    format!("{side} {fingers} - {what} {fingers}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::gesture::Gesture;
    use crate::view::tests::scene;

    fn retire() -> Gesture {
        Gesture { side: Side::Right, fingers: 2, confidence: 1.0, hold: Duration::from_secs(2) }
    }

    #[test]
    fn a_hold_shows_what_it_would_do_and_how_far_it_is() {
        let phase = Phase::Holding { side: Side::Left, fingers: 3, progress: 0.45, hint: None };
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
}
