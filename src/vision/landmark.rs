//! The landmark model, the second of MediaPipe Hands' two stages. In: a rotated square of a picture. Out: 21 landmarks,
//! presence, handedness, and the features that the model made them of.

use glam::{Vec2, Vec3};
use image::RgbImage;

use super::crop;
use super::model::{Model, ModelError, Spec};
use super::roi::Roi;
use crate::hand::{Landmarks, palm_centre, palm_width};

/// The side of the model's square input, in pixels.
pub const SIDE: usize = 224;

/// How many features the model makes a hand's landmarks of.
pub const FEATURES: usize = 1152;

/// The model: hand landmarks (full). Its outputs are the points, presence, handedness, the points in metres, which are not
/// used, and the features.
pub const SPEC: Spec = Spec {
    file: "landmark.onnx",
    embedded: include_bytes!("../../models/landmark.onnx"),
    side: SIDE,
    outputs: &[63, 1, 1, 63, FEATURES],
};

/// The model's estimate for one square.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    pub landmarks: Landmarks,
    /// The probability that the square shows a hand, 0 to 1.
    pub presence: f32,
    /// The probability that it is a right hand, 0 to 1, provided that the picture is not mirrored.
    pub right: f32,
    /// What the model's last layers compute all this from: means over the square, none negative. Empty if unknown.
    pub features: Vec<f32>,
}

/// The model and its buffers.
pub struct LandmarkReader {
    model: Box<dyn Model>,
}

impl LandmarkReader {
    pub fn new(model: Box<dyn Model>) -> LandmarkReader {
        LandmarkReader { model }
    }

    pub fn read(&mut self, picture: &RgbImage, roi: &Roi) -> Result<Estimate, ModelError> {
        crop::cut(picture, roi, SIDE, self.model.input());
        let outputs = self.model.run()?;
        Ok(decode(outputs, roi))
    }
}

/// Decodes the model's outputs (63 numbers: x, y, z in pixels of the square; presence; handedness; world; features) into
/// the picture's pixels. Numbers that are not finite give a presence of 0.
fn decode(outputs: &[Vec<f32>], roi: &Roi) -> Estimate {
    let side = SIDE as f32;
    let landmarks = std::array::from_fn(|i| {
        let [x, y, z] = std::array::from_fn(|axis| outputs[0][i * 3 + axis] / side);
        roi.to_picture(Vec2::new(x, y)).extend(z * roi.size)
    });
    let sound = landmarks.iter().all(|p: &Vec3| p.is_finite());
    let presence = if sound { outputs[1][0] } else { 0.0 };
    Estimate { landmarks, presence, right: outputs[2][0], features: outputs[4].clone() }
}

impl Estimate {
    /// The estimate for a square that can't be cut.
    pub const NOTHING: Estimate =
        Estimate { landmarks: [Vec3::ZERO; 21], presence: 0.0, right: 0.5, features: Vec::new() };

    /// Whether both show the same hand: the palms' centres are within half a palm's width of each other.
    pub fn is_same_hand(&self, other: &Estimate) -> bool {
        let (ours, theirs) = (&self.landmarks, &other.landmarks);
        let reach = palm_width(ours).max(palm_width(theirs)) / 2.0;
        palm_centre(ours).distance(palm_centre(theirs)) < reach
    }
}
