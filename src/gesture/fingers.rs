//! A hand's landmarks to raised fingers. Pure geometry: joint angles and distances relative to the palm, so neither the
//! hand's turn in the picture nor its side matters.

use crate::hand::Landmarks;
use glam::Vec3;

/// Which fingers are raised, thumb first, and whether all five could be told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fingers {
    pub raised: [bool; 5],
    pub sure: bool,
}

pub fn read(landmarks: &Landmarks) -> Fingers {
    let p = landmarks.map(|p| p * Vec3::new(1.0, 1.0, 1.5));
    let angle = |a: usize, b: usize, c: usize| (p[a] - p[b]).angle_between(p[c] - p[b]).to_degrees();
    let mut raised = [false; 5];
    let mut sure = true;
    for finger in 1..5 {
        let base = 1 + finger * 4;
        let bend = angle(0, base + 1, base + 3);
        raised[finger] = bend > 120.0;
        sure &= (bend - 120.0).abs() > 10.0;
    }
    let palm = p[0].distance(p[9]);
    let bend = angle(2, 3, 4);
    let out = p[4].distance(p[17]) / p[2].distance(p[17]);
    let off = p[4].distance(p[9]) / palm;
    raised[0] = bend > 120.0 && out > 1.2 && off > 0.5;
    Fingers { raised, sure }
}
