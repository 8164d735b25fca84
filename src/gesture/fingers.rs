//! A hand's landmarks to raised fingers. Pure geometry: joint angles, and distances relative to the palm, so neither
//! the hand's turn in the picture nor its side matters.

use glam::Vec3;

use crate::hand::{Landmarks, landmark::*};

/// Which fingers are raised, thumb first, and whether all five could be told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fingers {
    pub raised: [bool; 5],
    pub sure: bool,
}

/// The model's depth is too shallow; so much more of it reads fingers that point at the camera best.
const DEPTH: f32 = 1.5;

/// A finger straighter than this is raised, in degrees: the mean of three angles at its joints. One angle alone
/// (MediaPipe's users take the one at the middle joint) is fooled by a single misplaced landmark.
const STRAIGHT: f32 = 149.0;
/// Nearer to [`STRAIGHT`] than this it can't be told.
const STRAIGHT_MARGIN: f32 = 8.0;

/// The thumb has three measures, all of which must be exceeded: how straight it is, how much farther its tip is from
/// the little finger's knuckle than its base, and how far its tip is from the middle knuckle, in palm lengths.
const THUMB: [f32; 3] = [135.0, 1.15, 0.57];
/// The unit of each measure's distance from its limit, for comparing them.
const THUMB_UNIT: [f32; 3] = [20.0, 0.1, 0.1];
/// Nearer to a limit than this, in those units, it can't be told.
const THUMB_MARGIN: f32 = 0.6;

/// Tells the raised fingers. Numbers that are not finite make the hand a fist that is not sure.
pub fn read(landmarks: &Landmarks) -> Fingers {
    let points = landmarks.map(|p| p * Vec3::new(1.0, 1.0, DEPTH));
    let thumb = thumb_beyond_limits(&points);
    let mut raised = [thumb > 0.0, false, false, false, false];
    let mut sure = thumb.abs() > THUMB_MARGIN;
    for (finger, knuckle) in [INDEX_MCP, MIDDLE_MCP, RING_MCP, LITTLE_MCP].into_iter().enumerate() {
        let beyond = straightness(&points, knuckle) - STRAIGHT;
        raised[finger + 1] = beyond > 0.0;
        sure &= beyond.abs() > STRAIGHT_MARGIN;
    }
    Fingers { raised, sure }
}

/// The mean of the angles wrist - middle joint - tip, and of the finger's two joints, in degrees.
fn straightness(points: &Landmarks, knuckle: usize) -> f32 {
    let [middle, upper, tip] = [knuckle + 1, knuckle + 2, knuckle + 3];
    (angle(points, WRIST, middle, tip) + angle(points, knuckle, middle, upper) + angle(points, middle, upper, tip))
        / 3.0
}

/// The thumb's measure that is least beyond its limit, in units; raised above 0.
fn thumb_beyond_limits(points: &Landmarks) -> f32 {
    let distance = |a: usize, b: usize| points[a].distance(points[b]);
    let measures = [
        angle(points, THUMB_MCP, THUMB_IP, THUMB_TIP),
        distance(THUMB_TIP, LITTLE_MCP) / distance(THUMB_MCP, LITTLE_MCP),
        distance(THUMB_TIP, MIDDLE_MCP) / distance(WRIST, MIDDLE_MCP),
    ];
    let beyond = std::array::from_fn::<f32, 3, _>(|i| (measures[i] - THUMB[i]) / THUMB_UNIT[i]);
    // Not f32::min, which would pass over a NaN.
    beyond.into_iter().reduce(|least, x| if x < least || x.is_nan() { x } else { least }).unwrap_or(f32::NAN)
}

/// The angle at `b`, in degrees.
fn angle(points: &Landmarks, a: usize, b: usize, c: usize) -> f32 {
    (points[a] - points[b]).angle_between(points[c] - points[b]).to_degrees()
}
