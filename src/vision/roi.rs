//! The region of interest that the landmark model reads: a rotated square around a hand, fingers up. In: a detected
//! palm, or the landmarks of the previous frame.
//!
//! The formulas are MediaPipe's (hand_landmark's `palm_detection_detection_to_roi` and
//! `hand_landmark_landmarks_to_roi`).

use std::f32::consts::FRAC_PI_2;

use glam::{Vec2, Vec3Swizzles};

use super::palm::Palm;
use crate::hand::{Landmarks, landmark};

/// A square of the picture, in its pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Roi {
    pub centre: Vec2,
    /// The length of a side, in pixels.
    pub size: f32,
    /// The hand's clockwise rotation in the picture, in radians; 0 is fingers up.
    pub rotation: f32,
}

impl Roi {
    /// The square's x axis in the picture.
    pub fn axis_x(&self) -> Vec2 {
        Vec2::from_angle(self.rotation)
    }

    /// The square's y axis in the picture, from the fingers to the wrist.
    pub fn axis_y(&self) -> Vec2 {
        self.axis_x().perp()
    }

    /// Converts the square's own coordinates (0 to 1, from its top left) into the picture's pixels.
    pub fn to_picture(&self, point: Vec2) -> Vec2 {
        let from_centre = (point - 0.5) * self.size;
        self.centre + self.axis_x() * from_centre.x + self.axis_y() * from_centre.y
    }

    /// The square around a detected palm: wrist (keypoint 0) to middle knuckle (keypoint 2) points up. It is moved up
    /// by half the palm's box and is 2.6 times the box's longer side, which leaves room for the fingers.
    pub fn of_palm(palm: &Palm) -> Roi {
        let rotation = upright(palm.keypoints[0], palm.keypoints[2]);
        Roi { centre: palm.centre, size: palm.size.max_element(), rotation }.moved(palm.size.y * -0.5).grown(2.6)
    }

    /// The square around a hand with known landmarks, for the next frame or a second pass over this one.
    pub fn of_landmarks(landmarks: &Landmarks) -> Roi {
        use landmark::*;
        let at = |i: usize| landmarks[i].xy();
        let rotation = upright(at(WRIST), ((at(INDEX_MCP) + at(RING_MCP)) / 2.0 + at(MIDDLE_MCP)) / 2.0);
        // Fingertips and the joints below them move too much to keep the square steady.
        let steady = [0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18].map(|i| Vec2::from_angle(-rotation).rotate(at(i)));
        let (low, high) = steady.iter().fold((Vec2::MAX, Vec2::MIN), |(low, high), p| (low.min(*p), high.max(*p)));
        let size = high - low;
        let centre = Vec2::from_angle(rotation).rotate((low + high) / 2.0);
        Roi { centre, size: size.max_element(), rotation }.moved(size.y * -0.1).grown(2.0)
    }

    /// Moved along its own y axis, by pixels.
    fn moved(self, down: f32) -> Roi {
        Roi { centre: self.centre + self.axis_y() * down, ..self }
    }

    fn grown(self, factor: f32) -> Roi {
        Roi { size: self.size * factor, ..self }
    }

    /// Whether it can be cut at all; false where the model's numbers make no sense.
    pub fn is_sound(&self) -> bool {
        self.centre.is_finite() && self.rotation.is_finite() && self.size.is_finite() && self.size >= 2.0
    }
}

/// The rotation that turns the line between two points upright, in (-pi, pi].
fn upright(from: Vec2, to: Vec2) -> f32 {
    let angle = (to - from).to_angle() + FRAC_PI_2;
    Vec2::from_angle(angle).to_angle()
}

#[cfg(test)]
mod tests {
    use std::f32::consts::PI;

    use glam::Vec3;

    use super::*;

    #[track_caller]
    fn assert_near(a: Vec2, b: Vec2) {
        assert!(a.distance(b) < 1e-3, "{a} is not {b}");
    }

    /// A palm whose wrist is below its middle knuckle, turned clockwise around its centre.
    fn palm(turned: f32) -> Palm {
        let centre = Vec2::new(300.0, 200.0);
        let mut keypoints = [centre; 7];
        keypoints[0] = centre + Vec2::from_angle(turned).rotate(Vec2::new(0.0, 40.0));
        keypoints[2] = centre - Vec2::from_angle(turned).rotate(Vec2::new(0.0, 40.0));
        Palm { score: 1.0, centre, size: Vec2::new(90.0, 100.0), keypoints }
    }

    #[test]
    fn an_upright_palms_square_lies_above_it() {
        let roi = Roi::of_palm(&palm(0.0));
        assert_near(roi.centre, Vec2::new(300.0, 150.0));
        assert!((roi.size - 260.0).abs() < 1e-3 && roi.rotation.abs() < 1e-6);
        assert_near(roi.to_picture(Vec2::ZERO), Vec2::new(170.0, 20.0));
        assert_near(roi.to_picture(Vec2::splat(0.5)), roi.centre);
    }

    #[test]
    fn the_square_turns_with_the_palm() {
        // Fingers to the right: a quarter turn clockwise.
        let roi = Roi::of_palm(&palm(PI / 2.0));
        assert!((roi.rotation - PI / 2.0).abs() < 1e-5);
        assert_near(roi.centre, Vec2::new(350.0, 200.0));
        // The square's top left is above and right of the hand: its x axis points down.
        assert_near(roi.to_picture(Vec2::ZERO), Vec2::new(480.0, 70.0));
    }

    /// Fingers up: a wrist and four straight fingers.
    fn hand() -> Landmarks {
        std::array::from_fn(|i| match i {
            0 => Vec3::new(100.0, 200.0, 0.0),
            i => Vec3::new(70.0 + 12.0 * ((i - 1) / 4) as f32, 140.0 - 20.0 * ((i - 1) % 4) as f32, 0.0),
        })
    }

    #[test]
    fn a_turned_hands_square_is_the_upright_ones_turned() {
        let upright = Roi::of_landmarks(&hand());
        assert!(upright.rotation.abs() < 0.3);
        for turn in [-3.0, -1.0, 0.5, 2.0] {
            let turned = Roi::of_landmarks(&hand().map(|p| Vec2::from_angle(turn).rotate(p.xy()).extend(0.0)));
            assert_near(turned.centre, Vec2::from_angle(turn).rotate(upright.centre));
            assert!((turned.size - upright.size).abs() < 1e-2);
            assert_near(turned.axis_x(), Vec2::from_angle(turn).rotate(upright.axis_x()));
        }
    }

    #[test]
    fn a_square_from_nonsense_is_not_sound() {
        assert!(!Roi::of_landmarks(&[Vec3::ZERO; 21]).is_sound());
        assert!(!Roi::of_landmarks(&[Vec3::NAN; 21]).is_sound());
        assert!(Roi::of_landmarks(&hand()).is_sound());
    }
}
