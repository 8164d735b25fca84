//! A scene's words: what the hands do in one line, what a person may do about it in another. Pure.

use crate::command::Gesture;
use crate::gesture::machine::Phase;
use crate::gesture::why::Why;
use crate::view::text::meaning;
use crate::view::{CameraState, RunState};

/// The caption below the picture: what is, and what to do.
pub fn caption(scene: &RunState) -> (String, String) {
    let camera = match &scene.camera {
        CameraState::Watching => None,
        CameraState::Starting => Some((Why::NoPicture.to_string(), String::new())),
        CameraState::Lost(_) => Some((Why::CameraLost.to_string(), "Nothing arms until it is back".into())),
    };
    let done = |gesture: &Gesture, what: &str| format!("{}: {what}", meaning(gesture));
    match (&scene.phase, camera) {
        (Phase::Idle(Why::Quit), _) => ("Quitting".into(), under_way(scene)),
        (Phase::Paused, _) => ("Paused".into(), "Press p or space to go on".into()),
        (Phase::CountingDown { gesture, .. }, _) => ("A fist takes it back".into(), meaning(gesture)),
        (Phase::Done { gesture, taken_back: None }, _) => (done(gesture, "done"), Why::NotReleased.to_string()),
        (Phase::Done { gesture, taken_back: Some(why) }, _) => (done(gesture, "taken back"), sentence(why.in_words())),
        (_, Some(camera)) => camera,
        (Phase::Idle(Why::NoHand), _) if scene.driven => {
            ("Press l or r, and 0 to 5".into(), "Left hand: launch. Right hand: retire. n: no hand.".into())
        }
        (Phase::Idle(Why::NoHand), _) => ("Show fingers".into(), "Left hand: launch. Right hand: retire.".into()),
        (Phase::Idle(why), _) => halves(*why),
        (Phase::Holding { gesture, hint, .. }, _) => {
            (meaning(gesture), hint.map_or("Hold it".into(), |why| why.to_string()))
        }
    }
}

/// What quitting waits for, or leaves to the next start.
fn under_way(scene: &RunState) -> String {
    let phases = scene.fleet.under_way().into_iter().map(|(phase, ids)| format!("{} {phase}", ids.len()));
    let phases: Vec<_> = phases.collect();
    if phases.is_empty() { "Nothing is under way".into() } else { format!("Under way: {}", phases.join(", ")) }
}

/// What a countdown is for.
pub fn order(gesture: Gesture) -> String {
    sentence(&format!("{} {} in", gesture.intent(), gesture.fingers))
}

/// Whom a countdown is about, a line each.
pub fn victims(scene: &RunState) -> Vec<String> {
    if scene.victims.is_empty() {
        return vec!["Nobody: the fleet can give none".into()];
    }
    scene.victims.iter().map(|id| id.to_string()).collect()
}

/// A reason such as `Two hands: show one` as the two lines that it is.
fn halves(why: Why) -> (String, String) {
    let whole = why.to_string();
    match whole.split_once(": ") {
        Some((what, remedy)) => (what.into(), sentence(remedy)),
        None => (whole, String::new()),
    }
}

/// With a capital.
fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or(String::new(), |first| first.to_uppercase().chain(rest).collect())
}
