//! Reduces a reading to what gestures need. In: a reading. Out: the sign of the one hand that counts, or why there is
//! none.

use std::time::Duration;

use glam::{Vec2, Vec3, Vec3Swizzles};

use super::why::Why;
use crate::hand::{Hand, Reading, Side};

/// A reading, reduced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    pub time: Duration,
    /// Whether the whole picture was searched for hands.
    pub searched: bool,
    pub shown: Shown,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shown {
    NoHand,
    /// Only hands too small to count.
    Small,
    /// One hand whose fingers are not sure.
    Unsure,
    /// One hand so close to the picture's edge that a folded finger can't be told from one that is cut off. `fist`: it
    /// surely looks like a fist.
    CutOff {
        fist: bool,
    },
    Fist,
    Sign(Sign),
    TwoHands,
}

/// One sure hand with raised fingers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sign {
    pub side: Side,
    /// 1 to 5.
    pub fingers: u8,
    pub confidence: f32,
    /// The landmarks and the palm's width, in the picture's pixels.
    pub points: [Vec2; 21],
    pub palm: f32,
}

impl Sample {
    /// `hand_min` is the smallest palm that counts, as a share of the picture's shorter side.
    pub fn of(reading: &Reading, hand_min: f32) -> Sample {
        let size = Vec2::new(reading.size.0 as f32, reading.size.1 as f32);
        let hands = reading.hands.iter().map(|hand| shown_by(hand, size, hand_min));
        let shown = hands.fold(Shown::NoHand, |before, hand| match (before, hand) {
            (Shown::NoHand | Shown::Small, hand) => hand,
            (before, Shown::Small) => before,
            _ => Shown::TwoHands,
        });
        Sample { time: reading.time, searched: reading.searched, shown }
    }
}

impl Sign {
    pub fn agrees_with(&self, other: &Sign) -> bool {
        (self.side, self.fingers) == (other.side, other.fingers)
    }
}

impl Shown {
    pub fn sign(&self) -> Option<Sign> {
        match *self {
            Shown::Sign(hand) => Some(hand),
            _ => None,
        }
    }

    /// Whether this shows that the hand of the last gesture is gone or closed.
    pub fn is_release(&self) -> bool {
        matches!(self, Shown::NoHand | Shown::Small | Shown::Fist)
    }

    /// Whether this takes a retire back. If in doubt it does: a retire that is taken back can be repeated.
    pub fn is_take_back(&self) -> bool {
        matches!(self, Shown::Fist | Shown::CutOff { fist: true })
    }

    pub fn is_one_hand(&self) -> bool {
        matches!(self, Shown::Unsure | Shown::CutOff { .. } | Shown::Fist | Shown::Sign(_))
    }

    /// Why this reading starts no gesture.
    pub fn why_not(&self) -> Option<Why> {
        match self {
            Shown::NoHand => Some(Why::NoHand),
            Shown::Small => Some(Why::TooSmall),
            Shown::Unsure => Some(Why::Unsure),
            Shown::CutOff { .. } => Some(Why::CutOff),
            Shown::Fist => Some(Why::Fist),
            Shown::TwoHands => Some(Why::TwoHands),
            Shown::Sign(_) => None,
        }
    }
}

fn shown_by(hand: &Hand, size: Vec2, hand_min: f32) -> Shown {
    let (centre, palm) = (hand.palm_centre(), hand.palm_width());
    // Impossible numbers make a hand unclear, not small: it must neither arm nor count as a release.
    let inside = |point: Vec2| point.cmpge(Vec2::ZERO).all() && point.cmple(size).all();
    let possible = inside(centre) && palm <= size.max_element() && (0.0..=1.0).contains(&hand.confidence);
    if !possible {
        Shown::Unsure
    } else if palm < hand_min * size.min_element() {
        Shown::Small
    } else if !hand.reaches().into_iter().all(inside) {
        Shown::CutOff { fist: hand.sure && hand.fingers() == 0 }
    } else if !hand.sure {
        Shown::Unsure
    } else if hand.fingers() == 0 {
        Shown::Fist
    } else {
        let points = hand.landmarks.map(Vec3::xy);
        Shown::Sign(Sign { side: hand.side, fingers: hand.fingers(), confidence: hand.confidence, points, palm })
    }
}
