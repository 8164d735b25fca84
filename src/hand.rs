//! A hand as the camera saw it: what vision makes and gestures read.

use std::time::Duration;

use glam::{Vec2, Vec3, Vec3Swizzles};
use serde::{Deserialize, Serialize};

/// The person's own side, whether or not the picture is mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Left,
    Right,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Side::Left => "left",
            Side::Right => "right",
        })
    }
}

/// The 21 landmarks of MediaPipe Hands: the wrist, then four per finger from its base to its tip, thumb first. x and y
/// are in the picture's pixels; z is in the same unit, smaller is nearer to the camera, 0 at the wrist.
pub type Landmarks = [Vec3; 21];

/// Indices into [`Landmarks`].
pub mod landmark {
    pub const WRIST: usize = 0;
    pub const THUMB_CMC: usize = 1;
    pub const THUMB_MCP: usize = 2;
    pub const THUMB_IP: usize = 3;
    pub const THUMB_TIP: usize = 4;
    pub const INDEX_MCP: usize = 5;
    pub const MIDDLE_MCP: usize = 9;
    pub const RING_MCP: usize = 13;
    pub const LITTLE_MCP: usize = 17;
}

/// One hand in one frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hand {
    pub side: Side,
    pub landmarks: Landmarks,
    /// Which fingers are raised, thumb first: the best guess, even if not `sure`.
    pub raised: [bool; 5],
    /// False if a finger or the side is unclear. Such a hand never counts towards a gesture.
    pub sure: bool,
    /// The probability that this is a hand, 0 to 1.
    pub confidence: f32,
}

impl Hand {
    /// Raised fingers, 0 to 5.
    pub fn fingers(&self) -> u8 {
        self.raised.iter().map(|&up| u8::from(up)).sum()
    }

    /// The bounding box of the landmarks in pixels: top left, bottom right.
    pub fn bounds(&self) -> (Vec2, Vec2) {
        let points = self.landmarks.iter().map(|p| p.xy());
        points.fold((Vec2::MAX, Vec2::MIN), |(low, high), p| (low.min(p), high.max(p)))
    }

    /// The palm's centre, in pixels.
    pub fn palm_centre(&self) -> Vec2 {
        palm_centre(&self.landmarks)
    }

    /// The palm's width, in pixels.
    pub fn palm_width(&self) -> f32 {
        palm_width(&self.landmarks)
    }

    /// Where the fingertips would be, thumb first, in pixels, if all fingers were raised. A finger is about as long as
    /// its knuckle's distance from the wrist (on 422 open hands 0.86 to 1.00 of it, medians by finger); a thumb reaches
    /// 0.6 palm widths beyond the index finger's knuckle.
    pub fn reaches(&self) -> [Vec2; 5] {
        use landmark::*;
        let at = |landmark: usize| self.landmarks[landmark].xy();
        let finger = |knuckle| at(knuckle) + 0.9 * (at(knuckle) - at(WRIST));
        let thumb = at(INDEX_MCP) + 0.6 * (at(INDEX_MCP) - at(LITTLE_MCP));
        [thumb, finger(INDEX_MCP), finger(MIDDLE_MCP), finger(RING_MCP), finger(LITTLE_MCP)]
    }
}

/// The mean of the wrist and the four knuckles, in pixels.
pub fn palm_centre(landmarks: &Landmarks) -> Vec2 {
    use landmark::*;
    let points = [WRIST, INDEX_MCP, MIDDLE_MCP, RING_MCP, LITTLE_MCP];
    points.iter().map(|&i| landmarks[i].xy()).sum::<Vec2>() / points.len() as f32
}

/// The palm's width in pixels: the distance between the knuckles of index and little finger, but at least three
/// quarters of that from wrist to middle knuckle, so that a palm seen from its edge keeps its size.
pub fn palm_width(landmarks: &Landmarks) -> f32 {
    use landmark::*;
    let across = landmarks[INDEX_MCP].xy().distance(landmarks[LITTLE_MCP].xy());
    let along = landmarks[WRIST].xy().distance(landmarks[MIDDLE_MCP].xy());
    across.max(0.75 * along)
}

/// The hands in one frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The frame's time on its camera's own clock.
    pub time: Duration,
    /// Width and height of the picture in pixels.
    pub size: (u32, u32),
    pub hands: Vec<Hand>,
    /// Whether the whole picture was searched, rather than only known hands followed. Only a search can find a second
    /// hand.
    pub searched: bool,
    /// Whether this was a fresh look: a search as of a picture that stands alone, which nothing seen before colours.
    /// Recordings from before there were fresh looks replay as if each reading had been one.
    #[serde(default = "always")]
    pub fresh: bool,
    /// Whether the last search saw what may be a second hand, half hidden: too little of it to be a hand of this
    /// reading.
    #[serde(default)]
    pub hidden: bool,
}

fn always() -> bool {
    true
}

/// What gestures need of the frames to come: from this time on, the next frame is read in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    pub at: Duration,
    /// By a fresh look.
    pub fresh: bool,
}

impl Due {
    /// Whether a frame of that time is read in any case.
    pub fn has_come(self, time: Duration) -> bool {
        time >= self.at
    }
}
