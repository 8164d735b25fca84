//! Reduces a reading to what gestures need. In: a reading. Out: the sign of the one hand that counts, or why there is
//! none (rules 1 and 2).

use std::time::Duration;

use glam::{Vec2, Vec3, Vec3Swizzles};

use super::pictures::Pictures;
use super::settings::Settings;
use super::why::Why;
use crate::hand::{Hand, Reading, Side, landmark::*};

/// A reading, reduced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    pub time: Duration,
    /// Whether the whole picture was searched for hands.
    pub searched: bool,
    /// Whether that was a fresh look.
    pub fresh: bool,
    /// Whether a second hand may be half hidden.
    pub hidden: bool,
    pub shown: Shown,
    /// The palm of the one hand, whatever it shows; none where it is impossible.
    pub palm: Option<Palm>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shown {
    /// No hand that counts, and why: none at all, or only some that neither arm nor block.
    NoHand(Why),
    /// One hand that counts towards nothing, and why. `fist`: it surely looks like a fist.
    Refused {
        why: Why,
        fist: bool,
    },
    Fist,
    Sign(Sign),
    TwoHands,
}

/// One sure, raised hand with raised fingers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sign {
    /// 1 to 5.
    pub fingers: u8,
    pub confidence: f32,
    pub palm: Palm,
    /// The landmarks in the picture's pixels.
    pub points: [Vec2; 21],
}

/// Whose palm, where, and how wide, in the picture's pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Palm {
    pub side: Side,
    pub centre: Vec2,
    pub width: f32,
}

impl Sample {
    pub fn of(reading: &Reading, settings: &Settings, pictures: &Pictures) -> Sample {
        let size = Vec2::new(reading.size.0 as f32, reading.size.1 as f32);
        let &Reading { time, searched, fresh, hidden, .. } = reading;
        let mut sample = Sample { time, searched, fresh, hidden, shown: Shown::NoHand(Why::NoHand), palm: None };
        for hand in &reading.hands {
            let shown = if pictures.have(hand) { Shown::NoHand(Why::Picture) } else { shown_by(hand, size, settings) };
            match (sample.shown, shown) {
                (Shown::NoHand(_), Shown::NoHand(_)) => sample.shown = shown,
                (_, Shown::NoHand(_)) => {}
                (Shown::NoHand(_), _) => (sample.shown, sample.palm) = (shown, palm(hand, size)),
                _ => (sample.shown, sample.palm) = (Shown::TwoHands, None),
            }
        }
        sample
    }
}

impl Sign {
    pub fn agrees_with(&self, other: &Sign) -> bool {
        (self.palm.side, self.fingers) == (other.palm.side, other.fingers)
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
        matches!(self, Shown::NoHand(_) | Shown::Fist)
    }

    /// Whether this takes a retire back, at rest. If in doubt it does: a retire that is taken back can be repeated.
    pub fn is_take_back(&self) -> bool {
        matches!(self, Shown::Fist | Shown::Refused { fist: true, .. })
    }

    /// Why this reading starts no gesture.
    pub fn why_not(&self) -> Option<Why> {
        match *self {
            Shown::NoHand(why) | Shown::Refused { why, .. } => Some(why),
            Shown::Fist => Some(Why::Fist),
            Shown::TwoHands => Some(Why::TwoHands),
            Shown::Sign(_) => None,
        }
    }
}

/// The palm of a hand that is possible: its centre is in the picture, and it is no wider than it.
fn palm(hand: &Hand, size: Vec2) -> Option<Palm> {
    let palm = Palm { side: hand.side, centre: hand.palm_centre(), width: hand.palm_width() };
    (is_inside(palm.centre, size, 0.0) && palm.width <= size.max_element()).then_some(palm)
}

fn shown_by(hand: &Hand, size: Vec2, settings: &Settings) -> Shown {
    let fist = hand.sure && hand.fingers() == 0;
    let refused = |why| Shown::Refused { why, fist };
    let points = hand.landmarks.map(Vec3::xy);
    // Impossible numbers make a hand unclear, not small: it must neither arm nor count as a release.
    let Some(palm) = palm(hand, size).filter(|_| (0.0..=1.0).contains(&hand.confidence)) else {
        return Shown::Refused { why: Why::Unsure, fist: false };
    };
    if palm.width < settings.hand_min * size.min_element() {
        Shown::NoHand(Why::TooSmall)
    } else if lean(&points) > settings.upright {
        refused(Why::NotUpright)
    } else if !is_inside(points[WRIST], size, settings.wrist_inside * palm.width) {
        refused(Why::WristHidden)
    } else if !hand.reaches().into_iter().all(|point| is_inside(point, size, 0.0)) {
        refused(Why::CutOff)
    } else if !hand.sure {
        refused(Why::Unsure)
    } else if fist {
        Shown::Fist
    } else if !settings.thumb_signs && matches!(hand.raised, [true, false, false, false, _]) {
        refused(Why::ThumbSign)
    } else {
        Shown::Sign(Sign { fingers: hand.fingers(), confidence: hand.confidence, palm, points })
    }
}

/// How far the line from the wrist to the middle finger's knuckle leans from upright, in degrees: 180 points down, and
/// so does a line without a length.
fn lean(points: &[Vec2; 21]) -> f32 {
    let along = points[MIDDLE_MCP] - points[WRIST];
    let cosine = (-along.y / along.length()).clamp(-1.0, 1.0);
    if cosine.is_nan() { 180.0 } else { cosine.acos().to_degrees() }
}

/// Whether a point is in the picture, that many pixels or more from its edges.
fn is_inside(point: Vec2, size: Vec2, margin: f32) -> bool {
    point.cmpge(Vec2::splat(margin)).all() && point.cmple(size - margin).all()
}
