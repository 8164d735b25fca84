//! The geometric rule. In: a hand's landmarks. Out: how far joint angles and relative distances are beyond fixed
//! limits.

use glam::Vec3;

use crate::hand::{Landmarks, landmark::*};

/// The model's depth is too shallow; scaled by this much it reads fingers that point at the camera best.
pub const DEPTH: f32 = 1.5;

/// A straighter finger than this is raised, in degrees: the mean of three angles at its joints. A single angle
/// (MediaPipe's users take the middle joint's) is fooled by one misplaced landmark.
const STRAIGHT: f32 = 149.0;
/// Closer to [`STRAIGHT`] than this, the rule can't tell.
const STRAIGHT_MARGIN: f32 = 8.0;

/// A raised thumb exceeds all three limits: how straight it is, in degrees; the distance of its tip from the little
/// finger's knuckle, relative to that of its base; and the distance of its tip from the middle knuckle, in palm
/// lengths.
const THUMB: [f32; 3] = [135.0, 1.15, 0.57];
/// Closer to a limit than this, the rule can't tell.
const THUMB_MARGIN: [f32; 3] = [12.0, 0.06, 0.06];

/// How far each finger, thumb first, is beyond its limit, in margins: above 0 is raised.
pub fn margins(landmarks: &Landmarks) -> [f32; 5] {
    let points = landmarks.map(|p| p * Vec3::new(1.0, 1.0, DEPTH));
    let finger = |knuckle| (straightness(&points, knuckle) - STRAIGHT) / STRAIGHT_MARGIN;
    [thumb(&points), finger(INDEX_MCP), finger(MIDDLE_MCP), finger(RING_MCP), finger(LITTLE_MCP)]
}

/// The mean of three angles, in degrees: wrist - middle joint - tip, and those at the finger's two joints.
fn straightness(points: &Landmarks, knuckle: usize) -> f32 {
    let [middle, upper, tip] = [knuckle + 1, knuckle + 2, knuckle + 3];
    (angle(points, WRIST, middle, tip) + angle(points, knuckle, middle, upper) + angle(points, middle, upper, tip))
        / 3.0
}

/// The smallest of the thumb's three margins.
fn thumb(points: &Landmarks) -> f32 {
    let distance = |a: usize, b: usize| points[a].distance(points[b]);
    let measures = [
        angle(points, THUMB_MCP, THUMB_IP, THUMB_TIP),
        distance(THUMB_TIP, LITTLE_MCP) / distance(THUMB_MCP, LITTLE_MCP),
        distance(THUMB_TIP, MIDDLE_MCP) / distance(WRIST, MIDDLE_MCP),
    ];
    let beyond = |i: usize| (measures[i] - THUMB[i]) / THUMB_MARGIN[i];
    beyond(0).min(beyond(1)).min(beyond(2))
}

/// The angle at `b`, in degrees.
fn angle(points: &Landmarks, a: usize, b: usize, c: usize) -> f32 {
    (points[a] - points[b]).angle_between(points[c] - points[b]).to_degrees()
}
