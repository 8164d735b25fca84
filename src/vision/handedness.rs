//! Which side a followed hand is of. In: the landmark model's P(right hand), frame by frame. Out: the side as an
//! average, and whether it is sure. Pure.

use std::time::Duration;

/// The weight of one frame in the average: a flip must last to count.
const PACE: f32 = 0.2;

/// A hand whose P(right hand) is closer to 0.5 than this has no sure side. In test pictures of people's two hands it is
/// never closer than 0.43; rendered dark hands seen from the back stay at 0.23.
const MARGIN: f32 = 0.2;

/// A hand is known by the side that its average was on for this long. What comes into the picture is often blurred at
/// first, or seen from its edge.
const KNOWN_AFTER: Duration = Duration::from_millis(500);

/// A hand that was known by one side is known by the other one after this long there. No hand changes its side, but
/// another one may come into its place. The model took small, very dark hands in front of a dark wall for the other
/// side for half a second.
const TURNED_AFTER: Duration = Duration::from_secs(2);

/// A followed hand's side.
#[derive(Clone, Copy)]
pub struct Handedness {
    /// P(right hand), averaged over frames.
    right: f32,
    /// Since when the average has been on this side: whether that is the right one.
    since: Option<(bool, Duration)>,
    /// Whether the side that the hand is known by is the right one.
    known: Option<bool>,
}

impl Handedness {
    /// As one frame tells it.
    pub fn new(right: f32) -> Handedness {
        Handedness { right, since: None, known: None }
    }

    /// With one more frame's P(right hand).
    pub fn with(self, right: f32) -> Handedness {
        Handedness { right: self.right + (right - self.right) * PACE, ..self }
    }

    pub fn is_right(&self) -> bool {
        self.right > 0.5
    }

    /// Whether the average is clear, and on the side that the hand is known by, if it is known.
    pub fn is_sure(&self) -> bool {
        self.is_clear() && self.known.is_none_or(|known| known == self.is_right())
    }

    /// Whether one frame's `right` is on the side that the hand is known by, or on the average's.
    pub fn agrees_with(&self, right: f32) -> bool {
        self.known.unwrap_or(self.is_right()) == (right > 0.5)
    }

    /// Remembers on which side the average is at this time. Expects one call a reading.
    pub fn remember(&mut self, now: Duration) {
        let is_right = self.is_right();
        let since = self.since.filter(|(side, _)| *side == is_right).map_or(now, |(_, since)| since);
        self.since = Some((is_right, since));
        let has_turned = self.known.is_some_and(|known| known != is_right);
        let after = if has_turned { TURNED_AFTER } else { KNOWN_AFTER };
        if self.is_clear() && now.saturating_sub(since) >= after {
            self.known = Some(is_right);
        }
    }

    fn is_clear(&self) -> bool {
        (self.right - 0.5).abs() > MARGIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays frames 40 ms apart that all say `right`, after those before. Answers side and sureness frame by frame.
    fn play(hand: &mut Handedness, now: &mut Duration, right: f32, frames: usize) -> Vec<(bool, bool)> {
        let mut frame = || {
            *now += Duration::from_millis(40);
            *hand = hand.with(right);
            hand.remember(*now);
            (hand.is_right(), hand.is_sure())
        };
        (0..frames).map(|_| frame()).collect()
    }

    /// A right hand that has been in view for this many frames.
    fn right_hand(frames: usize) -> (Handedness, Duration) {
        let (mut hand, mut now) = (Handedness::new(0.95), Duration::ZERO);
        hand.remember(now);
        assert!(play(&mut hand, &mut now, 0.95, frames).iter().all(|frame| *frame == (true, true)));
        (hand, now)
    }

    #[test]
    fn the_model_takes_a_hand_for_the_other_one_for_half_a_second() {
        let (mut hand, mut now) = right_hand(13);
        let flipped = play(&mut hand, &mut now, 0.02, 13);
        assert!(flipped.contains(&(false, false)) && !flipped.contains(&(false, true)), "{flipped:?}");
        let back = play(&mut hand, &mut now, 0.95, 13);
        assert_eq!(back.last(), Some(&(true, true)));
        assert!(!back.contains(&(false, true)));
    }

    #[test]
    fn another_hand_in_its_place_is_sure_after_two_seconds() {
        let (mut hand, mut now) = right_hand(13);
        let frames = play(&mut hand, &mut now, 0.02, 60);
        let sure = frames.iter().position(|frame| *frame == (false, true)).unwrap();
        let since = frames.iter().position(|(is_right, _)| !is_right).unwrap();
        assert_eq!(sure - since, 50, "2 s");
        assert!(frames[sure..].iter().all(|frame| *frame == (false, true)));
    }

    #[test]
    fn a_hand_that_has_just_come_may_turn_out_to_be_the_other_one() {
        let (mut hand, mut now) = right_hand(5);
        assert_eq!(play(&mut hand, &mut now, 0.02, 8).last(), Some(&(false, true)));
    }

    #[test]
    fn a_side_that_was_never_clear_is_free_to_change() {
        let (mut hand, mut now) = (Handedness::new(0.55), Duration::ZERO);
        assert!(play(&mut hand, &mut now, 0.55, 50).iter().all(|frame| *frame == (true, false)));
        assert_eq!(play(&mut hand, &mut now, 0.02, 8).last(), Some(&(false, true)));
    }

    #[test]
    fn a_look_is_held_to_the_side_that_is_known() {
        let (mut hand, mut now) = right_hand(13);
        play(&mut hand, &mut now, 0.02, 13);
        assert!(!hand.is_right() && hand.agrees_with(0.95) && !hand.agrees_with(0.02));
    }
}
