//! The head's features. In: a hand's landmarks. Out: cosines of angles, and distances in units of the palm. The same as
//! `measures` in models/train_fingers.py, in the same order.

use glam::{Vec3, Vec3Swizzles};

use super::rule::DEPTH;
use crate::hand::{Landmarks, landmark::*};

/// The number of measures.
pub const COUNT: usize = 52;

/// Each finger's lowest landmark; the three above follow it.
const BASES: [usize; 5] = [THUMB_CMC, INDEX_MCP, MIDDLE_MCP, RING_MCP, LITTLE_MCP];
/// Landmarks near which a folded thumb may lie: knuckles, and the joints above them.
const NEAR_THUMB: [usize; 7] =
    [LITTLE_MCP, MIDDLE_MCP, INDEX_MCP, INDEX_MCP + 1, MIDDLE_MCP + 1, RING_MCP, RING_MCP + 1];

/// The measures; some are not finite if the landmarks make no sense.
pub fn of(landmarks: &Landmarks) -> [f32; COUNT] {
    let flat = |a: usize, b: usize| landmarks[a].xy().distance(landmarks[b].xy());
    let palm = flat(WRIST, MIDDLE_MCP).max(1.3 * flat(INDEX_MCP, LITTLE_MCP));
    let points = landmarks.map(|p| p / palm * Vec3::new(1.0, 1.0, DEPTH));
    let cosine = |a: usize, b: usize, c: usize| {
        let (u, v) = (points[a] - points[b], points[c] - points[b]);
        u.dot(v) / (u.length() * v.length())
    };
    let distance = |a: usize, b: usize| points[a].distance(points[b]);

    let mut measures = [0.0; COUNT];
    let mut places = measures.iter_mut();
    let mut add = |measure| {
        if let Some(place) = places.next() {
            *place = measure;
        }
    };
    BASES.iter().for_each(|&base| add(cosine(WRIST, base, base + 1)));
    BASES.iter().for_each(|&base| add(cosine(base, base + 1, base + 2)));
    BASES.iter().for_each(|&base| add(cosine(base + 1, base + 2, base + 3)));
    BASES.iter().for_each(|&base| add(cosine(WRIST, base + 1, base + 3)));
    BASES.iter().for_each(|&base| add(distance(WRIST, base + 3)));
    BASES.iter().for_each(|&base| add(distance(base, base + 3)));
    NEAR_THUMB.iter().for_each(|&near| add(distance(THUMB_TIP, near)));
    NEAR_THUMB.iter().for_each(|&near| add(flat(THUMB_TIP, near) / palm));
    // To the next finger: to its tip, and to the joint below.
    BASES[..4].iter().for_each(|&base| add(distance(base + 3, base + 7)));
    BASES[..4].iter().for_each(|&base| add(distance(base + 3, base + 6)));
    measures
}
