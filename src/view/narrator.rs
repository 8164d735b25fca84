//! A run's states to sentences that stay: why nothing happens, and what is about to. Pure; time is the readings'.

use std::time::Duration;

use super::phases;
use crate::daemon::state::{PuppetState, RunState};
use crate::gesture::why::Why;

/// A reason is worth a line when it has lasted this long: a moving hand passes through many.
const LASTS: Duration = Duration::from_millis(600);
/// The same for a hand that moves: every hold begins with one that comes in, and that stays in its window for a while.
const MOVES: Duration = Duration::from_millis(2000);

/// Tells each reason once, until another takes its place.
#[derive(Debug, Default)]
pub struct Narrator {
    /// Sentences to tell at given times, soonest first.
    captions: Vec<(Duration, String)>,
    in_script: bool,
    announced: bool,
    why: Option<Why>,
    since: Duration,
    told: Option<Why>,
}

impl Narrator {
    /// Captions tell a script's scenes.
    pub fn with_captions(captions: Vec<(Duration, String)>) -> Narrator {
        Narrator { captions, in_script: true, ..Narrator::default() }
    }

    /// What is to be said of this state, at its reading's time; without a reading, nothing.
    pub fn see(&mut self, state: &RunState) -> Vec<String> {
        if std::mem::replace(&mut self.in_script, state.puppet != PuppetState::Driven) && !self.in_script {
            self.leave_script();
        }
        let Some(now) = state.reading.as_ref().map(|reading| reading.time) else { return Vec::new() };
        let mut said = Vec::new();
        while self.captions.first().is_some_and(|(at, _)| *at <= now) {
            said.push(self.captions.remove(0).1);
            self.told = None;
        }
        let row = phases::row(state);
        if row.announced && !self.announced {
            said.push(row.line);
        }
        self.announced = row.announced;
        said.extend(self.reason(row.why, now));
        said
    }

    /// Leaves the script: of its captions, only the last is still true, and now.
    fn leave_script(&mut self) {
        let others = self.captions.len().saturating_sub(1);
        self.captions.drain(..others);
        self.captions.iter_mut().for_each(|(at, _)| *at = Duration::ZERO);
    }

    fn reason(&mut self, why: Option<Why>, now: Duration) -> Option<String> {
        if why != self.why {
            self.why = why;
            self.since = now;
        }
        let why = why?;
        let lasts = told_after(why)?;
        if now.saturating_sub(self.since) < lasts || self.told == Some(why) {
            return None;
        }
        self.told = Some(why);
        Some(format!("Nothing happens: {why}."))
    }
}

/// How long a reason lasts before it is worth a line. None: it never is, such as an empty picture, or a hand that is
/// not lowered yet.
fn told_after(why: Why) -> Option<Duration> {
    use Why::*;
    match why {
        Moving => Some(MOVES),
        TooSmall | Picture | Unsure | ThumbSign | TwoHands | NoFist | FewReadings | CameraLost => Some(LASTS),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gesture::machine::Phase;
    use crate::hand::Reading;
    use crate::view::tests::state;

    fn at(phase: Phase, milliseconds: u64) -> RunState {
        let time = Duration::from_millis(milliseconds);
        let reading = Reading { time, size: (640, 480), hands: Vec::new(), searched: true, fresh: true, hidden: false };
        RunState { reading: Some(reading), ..state(phase) }
    }

    fn see(narrator: &mut Narrator, phase: Phase, milliseconds: u64) -> Vec<String> {
        narrator.see(&at(phase, milliseconds))
    }

    #[test]
    fn a_reason_is_told_once_when_it_has_lasted_a_while() {
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
    fn when_a_key_leaves_the_script_only_its_last_caption_is_told() {
        let caption = |at, text: &str| (Duration::from_millis(at), text.to_string());
        let mut narrator = Narrator::with_captions(vec![caption(100, "two"), caption(150, "three")]);
        let driven =
            |milliseconds| RunState { puppet: PuppetState::Driven, ..at(Phase::Idle(Why::NoHand), milliseconds) };
        assert_eq!(narrator.see(&driven(0)), ["three"]);
        assert!(narrator.see(&driven(200)).is_empty());
    }
}
