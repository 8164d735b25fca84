//! How each phase of a gesture is shown: one row of a table, read by the terminal's line, the window's caption, its
//! ring and the narrator. In: a run's state. Out: the row of its phase. Pure.

use std::time::Duration;

use crate::command::{Gesture, Intent, list};
use crate::daemon::state::{CameraState, PuppetState, RunState};
use crate::gesture::machine::Phase;
use crate::gesture::why::Why;
use crate::hand::Side;

/// A row of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The terminal's words.
    pub line: String,
    /// The window's caption: what is, and what to do about it.
    pub headline: String,
    pub remedy: String,
    pub tone: Tone,
    /// A shape that can be recognized from a distance, for phases that have one.
    pub icon: Option<Icon>,
    /// How bright the picture stays, 0 to 1: it steps back where something else is to be read.
    pub brightness: f32,
    pub ring: Ring,
    /// Whether hands are drawn over the picture, and whether their counts are written beside them.
    pub skeletons: bool,
    pub labels: bool,
    /// Whether the narrator says `line` when the phase begins.
    pub announced: bool,
    /// Why nothing happens, where nothing does.
    pub why: Option<Why>,
}

/// The caption's colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// White on dark.
    Plain,
    /// The hand's colour on dark.
    Hand(Side),
    /// Dark on the hand's colour.
    Filled(Side),
    /// Dark on white.
    Inverted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    Pause,
    Tick,
    /// An arrow that turns back.
    Back,
    Cross,
}

/// What is drawn over the picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Ring {
    None,
    /// A fist that was seen, around the hand of this side.
    Ready {
        side: Side,
    },
    /// A hold, around the hand of this side: how much of it is done, 0 to 1.
    Filling {
        side: Side,
        done: f32,
    },
    /// A countdown: what comes at its end, to which instances, and when.
    Emptying {
        side: Side,
        title: String,
        victims: Vec<String>,
        left: Duration,
        of: Duration,
    },
}

/// What is said of a run without a camera.
const NO_CAMERA: &str = "No camera";

/// Characters that a hold's progress takes in the terminal.
const BAR: usize = 10;

/// The row of the state's phase.
pub fn row(state: &RunState) -> Row {
    match &state.phase {
        Phase::Idle(Why::Quit) => Row {
            headline: "Quitting".into(),
            remedy: under_way(state),
            tone: Tone::Inverted,
            icon: Some(Icon::Cross),
            brightness: 0.35,
            why: Some(Why::Quit),
            ..plain(Why::Quit.to_string())
        },
        Phase::Idle(why) => {
            let (headline, remedy) = camera_caption(state).unwrap_or_else(|| idle_caption(*why, state.puppet));
            let line = if state.camera == CameraState::None { NO_CAMERA.into() } else { why.to_string() };
            Row { headline, remedy, why: Some(*why), ..plain(line) }
        }
        Phase::Paused => Row {
            headline: "Paused".into(),
            remedy: "Press p or space to go on".into(),
            tone: Tone::Inverted,
            icon: Some(Icon::Pause),
            brightness: 0.35,
            why: Some(Why::Paused),
            ..plain("Paused: p goes on".into())
        },
        Phase::Ready(side) => {
            let as_many = sentence(&format!("{} as many as you open", Intent::of(*side)));
            let caption = ("Now open your fingers".into(), as_many);
            let (headline, remedy) = camera_caption(state).unwrap_or(caption);
            let (tone, ring) = (Tone::Hand(*side), Ring::Ready { side: *side });
            Row { headline, remedy, tone, ring, labels: false, ..plain(format!("{side} fist: now open your fingers")) }
        }
        // The sign is not going to count: no ring.
        Phase::Holding { gesture, hint: Some(Why::NoFist), .. } => {
            let caption = ("Make a fist first".into(), format!("Then open your fingers: {}", meaning(gesture)));
            let (headline, remedy) = camera_caption(state).unwrap_or(caption);
            Row { headline, remedy, why: Some(Why::NoFist), ..plain(format!("{}: {}", meaning(gesture), Why::NoFist)) }
        }
        Phase::Holding { gesture, progress, hint } => {
            let bar: String = (0..BAR).map(|i| if i < (progress * BAR as f32) as usize { '#' } else { '-' }).collect();
            let after = hint.map_or(String::new(), |why| format!(" {why}"));
            let caption = (meaning(gesture), hint.map_or("Hold it".into(), |why| why.to_string()));
            let (headline, remedy) = camera_caption(state).unwrap_or(caption);
            Row {
                headline,
                remedy,
                tone: Tone::Hand(gesture.side),
                ring: Ring::Filling { side: gesture.side, done: if progress.is_finite() { *progress } else { 0.0 } },
                labels: false,
                why: *hint,
                ..plain(format!("{} [{bar}]{after}", meaning(gesture)))
            }
        }
        Phase::CountingDown { gesture, left, of } => Row {
            headline: "A fist takes it back".into(),
            remedy: meaning(gesture),
            tone: Tone::Filled(gesture.side),
            brightness: 0.4,
            ring: Ring::Emptying {
                side: gesture.side,
                title: sentence(&format!("{} {} in", gesture.intent(), gesture.fingers)),
                victims: victims(state),
                left: *left,
                of: *of,
            },
            skeletons: false,
            labels: false,
            announced: true,
            ..plain(format!(
                "{} in {:.1} s ({}); a fist takes it back",
                meaning(gesture),
                left.as_secs_f32(),
                if state.victims.is_empty() { "nobody".into() } else { list(&state.victims) },
            ))
        },
        Phase::Done { gesture, taken_back: None } => Row {
            headline: format!("{}: done", meaning(gesture)),
            remedy: Why::NotReleased.to_string(),
            tone: Tone::Filled(gesture.side),
            icon: Some(Icon::Tick),
            why: Some(Why::NotReleased),
            ..plain(format!("{}: done. {}", meaning(gesture), Why::NotReleased))
        },
        Phase::Done { gesture, taken_back: Some(why) } => Row {
            headline: format!("{}: taken back", meaning(gesture)),
            remedy: sentence(why.in_words()),
            tone: Tone::Inverted,
            icon: Some(Icon::Back),
            why: Some(Why::NotReleased),
            ..plain(format!("{}: taken back ({why})", meaning(gesture)))
        },
    }
}

/// What most rows have in common.
fn plain(line: String) -> Row {
    Row {
        line,
        headline: String::new(),
        remedy: String::new(),
        tone: Tone::Plain,
        icon: None,
        brightness: 1.0,
        ring: Ring::None,
        skeletons: true,
        labels: true,
        announced: false,
        why: None,
    }
}

/// A gesture and what it asks for: `left 3 - launch 3`.
pub fn meaning(gesture: &Gesture) -> String {
    let Gesture { side, fingers, .. } = gesture;
    format!("{side} {fingers} - {} {fingers}", gesture.intent())
}

/// What a camera without pictures puts in a caption's place.
fn camera_caption(state: &RunState) -> Option<(String, String)> {
    match &state.camera {
        CameraState::Watching => None,
        CameraState::None => Some((NO_CAMERA.into(), "The web page changes the fleet".into())),
        CameraState::Starting => Some((Why::NoPicture.to_string(), String::new())),
        CameraState::Lost(_) => Some((Why::CameraLost.to_string(), "Nothing arms until it is back".into())),
    }
}

/// A reason such as `Two hands: show one` as the two lines that it is; without a hand, what to show.
fn idle_caption(why: Why, puppet: PuppetState) -> (String, String) {
    match (why, puppet) {
        (Why::NoHand, PuppetState::None) => {
            ("Make a fist, then open your fingers".into(), "Left hand: launch. Right hand: retire.".into())
        }
        (Why::NoHand, _) => {
            ("Press l or r for a fist, then 1 to 5".into(), "Left hand: launch. Right hand: retire. n: no hand.".into())
        }
        _ => {
            let whole = why.to_string();
            match whole.split_once(": ") {
                Some((what, remedy)) => (what.into(), sentence(remedy)),
                None => (whole, String::new()),
            }
        }
    }
}

/// What quitting waits for, or leaves to the next start.
fn under_way(state: &RunState) -> String {
    let lives = state.fleet.under_way().into_iter().map(|(life, ids)| format!("{} {life}", ids.len()));
    let lives: Vec<_> = lives.collect();
    if lives.is_empty() { "Nothing is under way".into() } else { format!("Under way: {}", lives.join(", ")) }
}

/// The instances that a countdown is about, a line each.
fn victims(state: &RunState) -> Vec<String> {
    if state.victims.is_empty() {
        return vec!["Nobody: the fleet can give none".into()];
    }
    state.victims.iter().map(ToString::to_string).collect()
}

/// With a capital.
fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or(String::new(), |first| first.to_uppercase().chain(rest).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::state;

    fn gesture(side: Side, fingers: u8) -> Gesture {
        Gesture { side, fingers, confidence: 1.0, hold: Duration::from_secs(2) }
    }

    #[test]
    fn a_hold_shows_what_it_would_do_and_how_far_it_is() {
        let gesture = gesture(Side::Left, 3);
        let row = row(&state(Phase::Holding { gesture, progress: 0.45, hint: Some(Why::Moving) }));
        assert_eq!(row.line, "left 3 - launch 3 [####------] Hold still");
        assert_eq!((row.headline.as_str(), row.remedy.as_str()), ("left 3 - launch 3", "Hold still"));
        assert_eq!(row.ring, Ring::Filling { side: Side::Left, done: 0.45 });
        assert_eq!(row.why, Some(Why::Moving));
    }

    #[test]
    fn a_fist_is_seen_and_a_sign_without_one_is_told_what_is_missing() {
        let ready = row(&state(Phase::Ready(Side::Right)));
        assert_eq!((&*ready.headline, &*ready.remedy), ("Now open your fingers", "Retire as many as you open"));
        assert_eq!(ready.ring, Ring::Ready { side: Side::Right });
        let (gesture, hint) = (gesture(Side::Left, 3), Some(Why::NoFist));
        let row = row(&state(Phase::Holding { gesture, progress: 0.0, hint }));
        assert_eq!(row.line, "left 3 - launch 3: Make a fist first, then open your fingers");
        assert_eq!((row.headline.as_str(), row.ring, row.why), ("Make a fist first", Ring::None, hint));
    }

    #[test]
    fn a_countdown_names_its_victims_and_the_way_out() {
        let (left, of) = (Duration::from_millis(1440), Duration::from_secs(2));
        let mut state = state(Phase::CountingDown { gesture: gesture(Side::Right, 2), left, of });
        state.victims = vec!["i-1".into(), "i-2".into()];
        let row = row(&state);
        assert_eq!(row.line, "right 2 - retire 2 in 1.4 s (i-1, i-2); a fist takes it back");
        assert!(row.announced);
        let (title, victims) = ("Retire 2 in".into(), vec!["i-1".into(), "i-2".into()]);
        assert_eq!(row.ring, Ring::Emptying { side: Side::Right, title, victims, left, of });
    }

    #[test]
    fn a_lost_camera_takes_the_caption_but_not_from_a_pause_or_a_countdown() {
        let lost = |phase| {
            let mut state = state(phase);
            state.camera = CameraState::Lost("camera 0 is lost".into());
            row(&state).headline
        };
        assert_eq!(lost(Phase::Idle(Why::CameraLost)), "The camera is lost");
        assert_eq!(lost(Phase::Paused), "Paused");
        assert_eq!(lost(Phase::Done { gesture: gesture(Side::Left, 1), taken_back: None }), "left 1 - launch 1: done");
    }

    #[test]
    fn a_reason_is_two_lines() {
        let row = row(&state(Phase::Idle(Why::TwoHands)));
        assert_eq!((row.headline.as_str(), row.remedy.as_str()), ("Two hands", "Show one"));
    }
}
