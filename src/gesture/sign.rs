//! What one reading says. In: a reading. Out: its sign: the one hand that counts, or why there is none.

use std::time::Duration;

use glam::{Vec2, Vec3, Vec3Swizzles};

use crate::{
    gesture::why::Why,
    hand::{Hand, Reading, Side},
};

/// A reading, as far as gestures are concerned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sign {
    pub time: Duration,
    /// Whether the whole picture was searched for hands.
    pub searched: bool,
    pub seen: Seen,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seen {
    Nobody,
    /// Nobody but hands too small to be meant.
    Small,
    /// One hand that can't be told.
    Unsure,
    /// One hand so near to the picture's edge that a folded finger can't be told from one that is cut off; whether it is
    /// sure to look like a fist, though.
    CutOff {
        fist: bool,
    },
    Fist,
    Shown(Shown),
    TwoHands,
}

/// One sure hand with raised fingers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shown {
    pub side: Side,
    /// 1 to 5.
    pub fingers: u8,
    pub confidence: f32,
    /// The landmarks in the picture and the palm's width, in pixels.
    pub points: [Vec2; 21],
    pub palm: f32,
}

impl Sign {
    /// `hand_min` is the smallest palm that counts, as a share of the picture's shorter side.
    pub fn of(reading: &Reading, hand_min: f32) -> Sign {
        let size = Vec2::new(reading.size.0 as f32, reading.size.1 as f32);
        let hands = reading.hands.iter().map(|hand| seen(hand, size, hand_min));
        let seen = hands.fold(Seen::Nobody, |before, hand| match (before, hand) {
            (Seen::Nobody | Seen::Small, hand) => hand,
            (before, Seen::Small) => before,
            _ => Seen::TwoHands,
        });
        Sign { time: reading.time, searched: reading.searched, seen }
    }
}

impl Shown {
    pub fn agrees_with(&self, other: &Shown) -> bool {
        (self.side, self.fingers) == (other.side, other.fingers)
    }
}

impl Seen {
    pub fn shown(&self) -> Option<Shown> {
        match *self {
            Seen::Shown(hand) => Some(hand),
            _ => None,
        }
    }

    /// Whether the hand that made a gesture is gone or closed.
    pub fn is_release(&self) -> bool {
        matches!(self, Seen::Nobody | Seen::Small | Seen::Fist)
    }

    /// Whether it takes back: in doubt it does, as nothing is lost by that.
    pub fn is_take_back(&self) -> bool {
        matches!(self, Seen::Fist | Seen::CutOff { fist: true })
    }

    pub fn is_one_hand(&self) -> bool {
        matches!(self, Seen::Unsure | Seen::CutOff { .. } | Seen::Fist | Seen::Shown(_))
    }

    /// Why this reading begins no gesture.
    pub fn why_not(&self) -> Option<Why> {
        match self {
            Seen::Nobody => Some(Why::NoHand),
            Seen::Small => Some(Why::TooSmall),
            Seen::Unsure => Some(Why::Unsure),
            Seen::CutOff { .. } => Some(Why::CutOff),
            Seen::Fist => Some(Why::Fist),
            Seen::TwoHands => Some(Why::TwoHands),
            Seen::Shown(_) => None,
        }
    }
}

fn seen(hand: &Hand, size: Vec2, hand_min: f32) -> Seen {
    let (centre, palm) = (hand.palm_centre(), hand.palm_width());
    // Numbers that no hand in a picture has are not small, they are unclear: they must neither arm nor pass for a release.
    let inside = |point: Vec2| point.cmpge(Vec2::ZERO).all() && point.cmple(size).all();
    let possible = inside(centre) && palm <= size.max_element() && (0.0..=1.0).contains(&hand.confidence);
    if !possible {
        Seen::Unsure
    } else if palm < hand_min * size.min_element() {
        Seen::Small
    } else if !hand.reaches().into_iter().all(inside) {
        Seen::CutOff { fist: hand.sure && hand.fingers() == 0 }
    } else if !hand.sure {
        Seen::Unsure
    } else if hand.fingers() == 0 {
        Seen::Fist
    } else {
        let points = hand.landmarks.map(Vec3::xy);
        Seen::Shown(Shown { side: hand.side, fingers: hand.fingers(), confidence: hand.confidence, points, palm })
    }
}
