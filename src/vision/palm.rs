//! Palm detection, the first of MediaPipe Hands' two stages. In: a whole picture. Out: the palms in it, with keypoints.

use glam::Vec2;
use image::RgbImage;

use super::letterbox::{Border, Letterbox, Placement};
use super::model::{Model, ModelError, Spec};
use crate::hand::{Landmarks, palm_centre, palm_width};

/// The side of the model's square input, in pixels.
pub const SIDE: usize = 192;
/// The model: palm detection (full). Its outputs are the boxes and the raw scores of 2016 anchors.
pub const SPEC: Spec = Spec {
    file: "palm.onnx",
    embedded: include_bytes!("../../models/palm.onnx"),
    side: SIDE,
    outputs: &[2016 * BOX, 2016],
};
/// Numbers per box: centre, width and height, then seven keypoints.
const BOX: usize = 18;

/// A palm in the picture's pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Palm {
    /// The probability that it is a palm, 0 to 1.
    pub score: f32,
    pub centre: Vec2,
    pub size: Vec2,
    /// Wrist; the knuckles of index, middle, ring and little finger; the thumb's two lower joints.
    pub keypoints: [Vec2; 7],
}

impl Palm {
    /// Whether this is the palm of a hand with these landmarks: the centres are within half a palm's width.
    pub fn is_of(&self, landmarks: &Landmarks) -> bool {
        let centre = self.keypoints[..5].iter().sum::<Vec2>() / 5.0;
        centre.distance(palm_centre(landmarks)) < palm_width(landmarks) / 2.0
    }
}

/// Thresholds of the detection.
#[derive(Clone, Debug)]
pub struct Params {
    /// Boxes below this score are dropped. It is low, since the landmark model's presence is the better judge.
    pub threshold: f32,
    /// Boxes with a larger intersection over union (IoU) than this are one palm.
    pub overlap: f32,
    /// The number of palms to keep, best first: each costs a run of the landmark model.
    pub most: usize,
}

/// The model and its buffers.
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

    /// The palms in the picture, best first. A `zoom` below 1 shrinks the picture further, for hands that fill it.
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

/// Decodes boxes ([anchor, 18], pixels of the square relative to each anchor's centre) and raw scores into palms in the
/// square's pixels.
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

/// Weighted non-maximum suppression: each palm is the score-weighted mean of the boxes that overlap the best one.
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

/// Intersection over union.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_mediapipes() {
        let anchors = anchors();
        assert_eq!(anchors.len(), 2016);
        let cell = |x: f32, y: f32, cells: f32| (Vec2::new(x, y) + 0.5) / cells;
        // The second anchor of the first cell, then the next cell; the second row.
        assert_eq!([anchors[1], anchors[2], anchors[48]], [cell(0., 0., 24.), cell(1., 0., 24.), cell(0., 1., 24.)]);
        // The coarse grid has six anchors in a cell.
        assert_eq!([anchors[1152 + 5], anchors[1152 + 6]], [cell(0., 0., 12.), cell(1., 0., 12.)]);
        assert_eq!(anchors[2015], cell(11., 11., 12.));
    }

    #[test]
    fn decoding_adds_the_anchors_centre_and_drops_what_is_unlikely() {
        let mut boxes = [0.0; 2 * BOX];
        boxes[BOX..BOX + 6].copy_from_slice(&[3.0, -6.0, 40.0, 50.0, 7.0, 8.0]);
        let palms = decode(&boxes, &[-5.0, 200.0], &[Vec2::ZERO, Vec2::splat(0.5)], 0.5);
        assert_eq!(palms.len(), 1);
        assert_eq!(palms[0].centre, Vec2::new(99.0, 90.0));
        assert_eq!(palms[0].size, Vec2::new(40.0, 50.0));
        assert_eq!(palms[0].keypoints[0], Vec2::new(103.0, 104.0));
        assert_eq!(palms[0].keypoints[1], Vec2::splat(96.0));
        assert_eq!(palms[0].score, 1.0);
    }

    #[test]
    fn numbers_that_are_not_finite_are_no_palm() {
        let mut boxes = [1.0; BOX];
        boxes[7] = f32::NAN;
        assert!(decode(&boxes, &[9.0], &[Vec2::ZERO], 0.5).is_empty());
        assert!(decode(&[1.0; BOX], &[f32::NAN], &[Vec2::ZERO], 0.5).is_empty());
    }

    fn palm(x: f32, score: f32) -> Palm {
        Palm { score, centre: Vec2::new(x, 50.0), size: Vec2::splat(40.0), keypoints: [Vec2::new(x, 0.0); 7] }
    }

    #[test]
    fn overlapping_boxes_become_their_mean_by_score() {
        let kept = suppress(vec![palm(54.0, 0.3), palm(50.0, 0.9), palm(150.0, 0.5)], 0.3);
        assert_eq!(kept.len(), 2);
        assert_eq!((kept[0].score, kept[1].score), (0.9, 0.5));
        assert!((kept[0].centre.x - 51.0).abs() < 1e-4 && (kept[0].keypoints[6].x - 51.0).abs() < 1e-4);
        assert_eq!(kept[1], palm(150.0, 0.5));
    }

    #[test]
    fn boxes_that_hardly_overlap_stay_two() {
        // 40 wide and 25 apart: they share 15 of 65.
        assert_eq!(suppress(vec![palm(50.0, 0.9), palm(75.0, 0.8)], 0.3).len(), 2);
    }
}
