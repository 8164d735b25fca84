//! A scene's course to sentences that stay: why nothing happens, and what is about to. Pure; time is the readings'.

use std::time::Duration;

use super::{RunState, text};
use crate::gesture::machine::Phase;
use crate::gesture::why::Why;

/// A reason is told when it has stood so long: hands pass through many on their way.
const STANDS: Duration = Duration::from_millis(600);
/// The same for a hand that moves: every hold begins with one that comes in, and that stays in its window for a while.
const MOVES: Duration = Duration::from_millis(2000);

/// Tells each reason once, until another takes its place.
#[derive(Debug, Default)]
pub struct Narrator {
    /// Sentences to tell at given times, soonest first.
    captions: Vec<(Duration, String)>,
    counting_down: bool,
    why: Option<Why>,
    since: Duration,
    told: Option<Why>,
}

impl Narrator {
    /// Captions tell a script's scenes.
    pub fn with_captions(captions: Vec<(Duration, String)>) -> Narrator {
        Narrator { captions, ..Narrator::default() }
    }

    /// Leaves the script: of its captions, the last alone is still true, and now.
    pub fn leave_script(&mut self) {
        let others = self.captions.len().saturating_sub(1);
        self.captions.drain(..others);
        self.captions.iter_mut().for_each(|(at, _)| *at = Duration::ZERO);
    }

    /// What is to be said at this reading's time.
    pub fn see(&mut self, scene: &RunState, now: Duration) -> Vec<String> {
        let mut said = Vec::new();
        while self.captions.first().is_some_and(|(at, _)| *at <= now) {
            said.push(self.captions.remove(0).1);
            self.told = None;
        }
        let counting_down = matches!(scene.phase, Phase::CountingDown { .. });
        if counting_down && !self.counting_down {
            said.push(text::phase(scene));
        }
        self.counting_down = counting_down;
        said.extend(self.reason(scene.phase.why(), now));
        said
    }

    fn reason(&mut self, why: Option<Why>, now: Duration) -> Option<String> {
        if why != self.why {
            self.why = why;
            self.since = now;
        }
        let why = why.filter(|why| is_news(*why))?;
        if now.saturating_sub(self.since) < if why == Why::Moving { MOVES } else { STANDS } {
            return None;
        }
        if self.told == Some(why) {
            return None;
        }
        self.told = Some(why);
        Some(format!("Nothing happens: {why}."))
    }
}

/// Whether a reason is worth a line. An empty picture is not, nor a hand not lowered yet.
fn is_news(why: Why) -> bool {
    use Why::*;
    matches!(why, TooSmall | Unsure | TwoHands | Moving | FewReadings | CameraLost)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::scene;

    fn see(narrator: &mut Narrator, phase: Phase, milliseconds: u64) -> Vec<String> {
        narrator.see(&scene(phase), Duration::from_millis(milliseconds))
    }

    #[test]
    fn a_reason_is_told_once_when_it_has_stood_a_while() {
        let mut narrator = Narrator::default();
        let two = || Phase::Idle(Why::TwoHands);
        assert!(see(&mut narrator, two(), 0).is_empty());
        assert!(see(&mut narrator, two(), 500).is_empty());
        assert_eq!(see(&mut narrator, two(), 600), ["Nothing happens: Two hands: show one."]);
        assert!(see(&mut narrator, two(), 5000).is_empty());
    }

    #[test]
    fn a_reason_that_passes_is_not_told() {
        let mut narrator = Narrator::default();
        for at in [0, 1000, 2000] {
            assert!(see(&mut narrator, Phase::Idle(Why::Unsure), at).is_empty());
            assert!(see(&mut narrator, Phase::Idle(Why::NoHand), at + 500).is_empty());
        }
    }

    #[test]
    fn captions_come_at_their_time() {
        let caption = |at, text: &str| (Duration::from_millis(at), text.to_string());
        let mut narrator = Narrator::with_captions(vec![caption(0, "one"), caption(100, "two"), caption(150, "three")]);
        let empty = || Phase::Idle(Why::NoHand);
        assert_eq!(see(&mut narrator, empty(), 0), ["one"]);
        assert!(see(&mut narrator, empty(), 90).is_empty());
        assert_eq!(see(&mut narrator, empty(), 160), ["two", "three"]);
    }

    #[test]
    fn of_a_script_that_is_left_the_last_caption_is_told_at_once() {
        let caption = |at, text: &str| (Duration::from_millis(at), text.to_string());
        let mut narrator = Narrator::with_captions(vec![caption(100, "two"), caption(150, "three")]);
        narrator.leave_script();
        assert_eq!(see(&mut narrator, Phase::Idle(Why::NoHand), 0), ["three"]);
        narrator.leave_script();
        assert!(see(&mut narrator, Phase::Idle(Why::NoHand), 200).is_empty());
    }
}
