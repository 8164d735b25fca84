//! Which side a followed hand is of. In: the landmark model's P(right hand), frame by frame. Out: the side as an average,
//! and whether it is sure. Pure.

use std::time::Duration;

/// The weight of one frame in the average: a flip must last to count.
const PACE: f32 = 0.2;

/// A hand whose P(right hand) is closer to 0.5 than this has no sure side. In test pictures of people's two hands it is
/// never closer than 0.43; rendered dark hands seen from the back stay at 0.23.
const MARGIN: f32 = 0.2;

/// A hand that was sure of one side is sure of the other one once its average has been there for this long. No hand
/// changes its side, but another hand may take its place. The model took small, very dark hands in front of a dark wall
/// for the other side for half a second.
const TURNED_FOR: Duration = Duration::from_secs(2);

/// A followed hand's side.
#[derive(Clone, Copy)]
pub struct Handedness {
    /// P(right hand), averaged over frames.
    right: f32,
    /// Whether the last side that was sure is the right one.
    known: Option<bool>,
    /// Since when the average has been on the other side than that.
    turned: Option<Duration>,
}

impl Handedness {
    /// As one frame tells it.
    pub fn new(right: f32) -> Handedness {
        Handedness { right, known: None, turned: None }
    }

    /// With one more frame's P(right hand).
    pub fn with(self, right: f32) -> Handedness {
        Handedness { right: self.right + (right - self.right) * PACE, ..self }
    }

    pub fn is_right(&self) -> bool {
        self.right > 0.5
    }

    pub fn is_sure(&self) -> bool {
        self.is_clear() && self.turned.is_none()
    }

    /// Whether one frame's `right` is the side that this hand was known by.
    pub fn agrees_with(&self, right: f32) -> bool {
        self.known.unwrap_or(self.is_right()) == (right > 0.5)
    }

    /// Remembers which side it is at this time. Expects one call a frame.
    pub fn remember(&mut self, now: Duration) {
        let is_right = self.is_right();
        if self.known.is_none_or(|known| known == is_right) {
            self.turned = None;
        } else {
            let since = *self.turned.get_or_insert(now);
            if now.saturating_sub(since) < TURNED_FOR {
                return;
            }
        }
        if self.is_clear() {
            (self.known, self.turned) = (Some(is_right), None);
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

    fn right_hand() -> (Handedness, Duration) {
        let mut hand = Handedness::new(0.95);
        hand.remember(Duration::ZERO);
        (hand, Duration::ZERO)
    }

    #[test]
    fn the_model_takes_a_hand_for_the_other_one_for_half_a_second() {
        let (mut hand, mut now) = right_hand();
        let flipped = play(&mut hand, &mut now, 0.02, 13);
        assert!(flipped.contains(&(false, false)) && !flipped.contains(&(false, true)), "{flipped:?}");
        let back = play(&mut hand, &mut now, 0.95, 13);
        assert_eq!(back.last(), Some(&(true, true)));
        assert!(!back.contains(&(false, true)));
    }

    #[test]
    fn another_hand_in_its_place_is_sure_after_two_seconds() {
        let (mut hand, mut now) = right_hand();
        let frames = play(&mut hand, &mut now, 0.02, 60);
        let sure = frames.iter().position(|frame| *frame == (false, true)).unwrap();
        let since = frames.iter().position(|(is_right, _)| !is_right).unwrap();
        assert_eq!(sure - since, 50, "2 s");
        assert!(frames[sure..].iter().all(|frame| *frame == (false, true)));
    }

    #[test]
    fn a_side_that_was_never_clear_is_free_to_change() {
        let mut hand = Handedness::new(0.55);
        hand.remember(Duration::ZERO);
        let mut now = Duration::ZERO;
        assert!(!hand.is_sure());
        assert_eq!(play(&mut hand, &mut now, 0.02, 8).last(), Some(&(false, true)));
    }

    #[test]
    fn a_look_is_held_to_the_side_that_was_known() {
        let (mut hand, mut now) = right_hand();
        play(&mut hand, &mut now, 0.02, 13);
        assert!(!hand.is_right() && hand.agrees_with(0.95) && !hand.agrees_with(0.02));
    }
}
