//! A synthetic hand, for trying the gesture rules without a camera. In: a side, a count and a place. Out: a hand with
//! landmarks.

use glam::Vec2;

use crate::hand::{Hand, Side, landmark::*};

/// Width and height of the synthetic picture, in pixels.
pub const SIZE: (u32, u32) = (640, 480);

/// A hand, fingers up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    pub side: Side,
    /// Thumb first.
    pub raised: [bool; 5],
    pub sure: bool,
    /// The palm's centre and width, in pixels.
    pub x: f32,
    pub y: f32,
    pub palm: f32,
    /// Clockwise rotation about the palm's centre in the picture, in degrees. At 0 the middle finger's knuckle leans
    /// counterclockwise from the wrist by 11.3 degrees.
    pub roll: f32,
}

/// The fingers that people raise for a count of 0 to 5, thumb first: the index finger comes first, the thumb last.
pub fn raised(count: u8) -> [bool; 5] {
    std::array::from_fn(|finger| count == 5 || (1..=count as usize).contains(&finger))
}

impl Shape {
    /// A sure hand in the picture's middle, upright, that shows a count of 0 to 5.
    pub fn new(side: Side, fingers: u8) -> Shape {
        Shape { side, raised: raised(fingers), sure: true, x: 320.0, y: 240.0, palm: 60.0, roll: 0.0 }
    }

    /// The hand with its landmarks. `raised` tells the count; the landmarks only tell where the palm is and how large.
    pub fn hand(&self) -> Hand {
        let turned = Vec2::from_angle(self.roll.to_radians());
        let at = |x: f32, y: f32| (Vec2::new(self.x, self.y) + self.palm * turned.rotate(Vec2::new(x, y))).extend(0.0);
        let mut landmarks = [at(0.0, 0.0); 21];
        landmarks[WRIST] = at(0.0, 1.0);
        landmarks[INDEX_MCP] = at(-0.5, -0.25);
        landmarks[MIDDLE_MCP] = at(-0.25, -0.25);
        landmarks[RING_MCP] = at(0.25, -0.25);
        landmarks[LITTLE_MCP] = at(0.5, -0.25);
        for (finger, x) in [-0.7, -0.5, -0.25, 0.25, 0.5].into_iter().enumerate() {
            // The thumb starts lower. Of these joints only the knuckles belong to the palm.
            let first = if finger == 0 { THUMB_CMC } else { 4 * finger + 2 };
            (first..=4 * finger + 4).for_each(|joint| landmarks[joint] = at(x, -0.25 - 0.2 * (joint % 4) as f32));
        }
        Hand { side: self.side, landmarks, raised: self.raised, sure: self.sure, confidence: 0.9 }
    }
}
