//! Palm detection: a whole picture to the palms in it, with their keypoints. The first of MediaPipe Hands' two stages.

use glam::Vec2;
use image::RgbImage;

use super::model::{Model, ModelError};
use super::warp::{Border, Letterbox, Placement};
use crate::hand::{Landmarks, palm_centre, palm_width};

/// The side of the model's square input, in pixels.
pub const SIDE: usize = 192;
/// Numbers a box: centre, width and height, then seven keypoints.
const BOX: usize = 18;

/// A palm in the picture's pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Palm {
    /// How likely it is one, 0 to 1.
    pub score: f32,
    pub centre: Vec2,
    pub size: Vec2,
    /// Wrist, the knuckles of index, middle, ring and little finger, and the thumb's two lower joints.
    pub keypoints: [Vec2; 7],
}

impl Palm {
    /// Whether this is the palm of a hand whose landmarks are known: their centres lie within half a palm.
    pub fn is_of(&self, landmarks: &Landmarks) -> bool {
        let centre = self.keypoints[..5].iter().sum::<Vec2>() / 5.0;
        centre.distance(palm_centre(landmarks)) < palm_width(landmarks) / 2.0
    }
}

/// Thresholds of the detection.
#[derive(Clone, Debug)]
pub struct Params {
    /// Boxes below this score are dropped. Low, as the landmark model's presence is the better judge.
    pub threshold: f32,
    /// Boxes that share more than this of their joint area (IoU) are one palm.
    pub overlap: f32,
    /// At most so many palms, the likeliest first: each costs a run of the landmark model.
    pub most: usize,
}

/// Finds palms with the model and its buffers.
pub struct PalmDetector {
    model: Box<dyn Model>,
    letterbox: Letterbox,
    anchors: Vec<Vec2>,
    params: Params,
}

impl PalmDetector {
    pub fn new(model: Box<dyn Model>, params: Params) -> PalmDetector {
        PalmDetector { model, letterbox: Letterbox::new(SIDE), anchors: anchors(), params }
    }

    /// The palms in the picture, likeliest first. `zoom` below 1 shrinks the picture further, for hands that fill it.
    pub fn detect(&mut self, picture: &RgbImage, zoom: f32) -> Result<Vec<Palm>, ModelError> {
        let border = if zoom < 1.0 { Border::Replicated } else { Border::Black };
        let placement = self.letterbox.fill(picture, zoom, border, self.model.input());
        let outputs = self.model.run()?;
        let palms = decode(&outputs[0], &outputs[1], &self.anchors, self.params.threshold);
        let mut palms = suppress(palms, self.params.overlap);
        palms.truncate(self.params.most);
        palms.iter_mut().for_each(|palm| place(palm, &placement));
        Ok(palms)
    }
}

/// Anchor centres in [0, 1]: 24 x 24 cells with two anchors each, then 12 x 12 with six, row by row.
pub fn anchors() -> Vec<Vec2> {
    let grid = |cells: usize, each: usize| {
        (0..cells * cells * each).map(move |i| {
            let cell = i / each;
            (Vec2::new((cell % cells) as f32, (cell / cells) as f32) + 0.5) / cells as f32
        })
    };
    grid(24, 2).chain(grid(12, 6)).collect()
}

/// Boxes ([anchor, 18], pixels of the square about each anchor's centre) and raw scores to palms in the square's pixels.
fn decode(boxes: &[f32], scores: &[f32], anchors: &[Vec2], threshold: f32) -> Vec<Palm> {
    let side = SIDE as f32;
    let rows = scores.iter().zip(boxes.chunks_exact(BOX)).zip(anchors);
    let palms = rows.filter_map(|((raw, numbers), anchor)| {
        let score = 1.0 / (1.0 + (-raw.clamp(-100.0, 100.0)).exp());
        let centre = *anchor * side;
        let point = |i: usize| Vec2::new(numbers[i], numbers[i + 1]);
        let keypoints = std::array::from_fn(|k| centre + point(4 + 2 * k));
        let palm = Palm { score, centre: centre + point(0), size: point(2), keypoints };
        (score >= threshold && numbers.iter().all(|n| n.is_finite())).then_some(palm)
    });
    palms.collect()
}

/// Weighted non-maximum suppression: each palm is the mean, by score, of the boxes that overlap the best of them.
fn suppress(mut palms: Vec<Palm>, overlap: f32) -> Vec<Palm> {
    palms.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept = Vec::new();
    while let Some(best) = palms.first() {
        let best = best.clone();
        let (same, others) = palms.into_iter().partition(|palm| *palm == best || iou(palm, &best) > overlap);
        palms = others;
        kept.push(mean(&same, best.score));
    }
    kept
}

fn mean(palms: &[Palm], score: f32) -> Palm {
    let total: f32 = palms.iter().map(|palm| palm.score).sum();
    let mean = |of: &dyn Fn(&Palm) -> Vec2| palms.iter().map(|palm| of(palm) * palm.score).sum::<Vec2>() / total;
    Palm {
        score,
        centre: mean(&|palm| palm.centre),
        size: mean(&|palm| palm.size),
        keypoints: std::array::from_fn(|k| mean(&|palm| palm.keypoints[k])),
    }
}

/// The area that two boxes share, over the area that they cover together.
fn iou(a: &Palm, b: &Palm) -> f32 {
    let low = (a.centre - a.size / 2.0).max(b.centre - b.size / 2.0);
    let high = (a.centre + a.size / 2.0).min(b.centre + b.size / 2.0);
    let shared = (high - low).max(Vec2::ZERO).element_product();
    shared / (a.size.element_product() + b.size.element_product() - shared)
}

fn place(palm: &mut Palm, placement: &Placement) {
    palm.centre = placement.to_picture(palm.centre);
    palm.size /= placement.scale;
    palm.keypoints = palm.keypoints.map(|point| placement.to_picture(point));
}
