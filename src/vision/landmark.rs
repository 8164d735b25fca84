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

/// The model: hand landmarks (full). Its outputs are the points, presence, handedness, the points in metres, which are
/// not used, and the features.
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
        self.estimate(picture, roi, false)
    }

    /// A second opinion on a hand, which errs in other places: its mirror image, read on the square around what is
    /// known of it and once more on the square around the landmarks that were found there. None where that can't be
    /// cut, or where no hand of this presence is found, or another one.
    pub fn read_again(
        &mut self,
        picture: &RgbImage,
        hand: &Estimate,
        presence: f32,
    ) -> Result<Option<Estimate>, ModelError> {
        let mut again = None;
        for _ in 0..2 {
            let roi = Roi::of_landmarks(&again.as_ref().unwrap_or(hand).landmarks);
            if !roi.is_sound() {
                return Ok(None);
            }
            again = Some(self.estimate(picture, &roi, true)?);
        }
        Ok(again.filter(|again| again.presence >= presence && again.is_same_hand(hand)))
    }

    /// The estimate for the square, or for its mirror image.
    fn estimate(&mut self, picture: &RgbImage, roi: &Roi, mirrored: bool) -> Result<Estimate, ModelError> {
        let input = self.model.input();
        crop::cut(picture, roi, SIDE, input);
        if mirrored {
            input.chunks_exact_mut(SIDE).for_each(<[f32]>::reverse);
        }
        let outputs = self.model.run()?;
        Ok(decode(outputs, roi, mirrored))
    }
}

/// Decodes the model's outputs (63 numbers: x, y, z in pixels of the square; presence; handedness; world; features)
/// into the picture's pixels and the hand's own side. Numbers that are not finite give a presence of 0.
fn decode(outputs: &[Vec<f32>], roi: &Roi, mirrored: bool) -> Estimate {
    let side = SIDE as f32;
    let unmirrored = |share: f32| if mirrored { 1.0 - share } else { share };
    let landmarks = std::array::from_fn(|i| {
        let [x, y, z] = std::array::from_fn(|axis| outputs[0][i * 3 + axis] / side);
        roi.to_picture(Vec2::new(unmirrored(x), y)).extend(z * roi.size)
    });
    let sound = landmarks.iter().all(|p: &Vec3| p.is_finite());
    let presence = if sound { outputs[1][0] } else { 0.0 };
    Estimate { landmarks, presence, right: unmirrored(outputs[2][0]), features: outputs[4].clone() }
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

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::hand::landmark;

    /// A model that finds a hand at the brightest column, its thumb to the left. The hand fits its own square.
    #[derive(Default)]
    struct Column {
        input: Vec<f32>,
        outputs: Vec<Vec<f32>>,
    }

    impl Model for Column {
        fn input(&mut self) -> &mut [f32] {
            &mut self.input
        }

        fn run(&mut self) -> Result<&[Vec<f32>], ModelError> {
            let row = &self.input[..SIDE];
            let at = (0..SIDE).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap() as f32 + 0.5;
            let points = (0..21).flat_map(|i| match i {
                0 => [at, 179.2, 0.0],
                i => [at + 24.0 * ((i - 1) / 4) as f32 - 48.0, 87.2 - 20.0 * ((i - 1) % 4) as f32, 0.0],
            });
            self.outputs = vec![points.collect(), vec![0.9], vec![0.2], Vec::new(), vec![1.0]];
            Ok(&self.outputs)
        }
    }

    #[test]
    fn a_second_opinion_is_of_the_mirror_image_and_told_in_the_pictures_own_pixels() {
        let mut picture = RgbImage::from_pixel(224, 224, Rgb([9; 3]));
        (0..224).for_each(|y| picture.put_pixel(150, y, Rgb([250; 3])));
        let mut reader =
            LandmarkReader::new(Box::new(Column { input: vec![0.0; 3 * SIDE * SIDE], ..Column::default() }));
        let roi = Roi { centre: Vec2::splat(112.0), size: 224.0, rotation: 0.0 };
        let first = reader.read(&picture, &roi).unwrap();
        let is_thumb_left = |hand: &Estimate| hand.landmarks[landmark::THUMB_TIP].x < hand.landmarks[0].x;
        assert!(first.landmarks[0].x == 150.5 && is_thumb_left(&first));
        let again = reader.read_again(&picture, &first, 0.9).unwrap().expect("it is the same hand");
        assert!((again.landmarks[0].x - 150.5).abs() < 1.0, "{}", again.landmarks[0]);
        assert!(!is_thumb_left(&again), "what lies left in the mirror image lies right");
        assert!((again.right - 0.8).abs() < 1e-6);
        assert_eq!(reader.read_again(&picture, &first, 0.95).unwrap(), None);
        for other in [Vec3::NAN, Vec3::splat(-1e4)] {
            let other = Estimate { landmarks: first.landmarks.map(|point| point + other), ..first.clone() };
            assert_eq!(reader.read_again(&picture, &other, 0.0).unwrap(), None);
        }
    }
}
