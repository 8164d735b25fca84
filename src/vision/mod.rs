//! From frames to hands: palm detection, landmarks, tracking. [`open`] loads the models and returns a [`Tracker`].

pub mod crop;
pub mod fingers;
pub mod handedness;
pub mod landmark;
pub mod letterbox;
pub mod model;
pub mod motion;
pub mod pace;
pub mod palm;
pub mod roi;
pub mod runtime;
pub mod settings;
pub mod tensor;
pub mod tracker;

use std::path::Path;

use landmark::LandmarkReader;
use model::{ModelError, OrtModel};
use palm::PalmDetector;
use runtime::RuntimeError;
use tracker::Tracker;

pub use settings::Settings;

/// Why hands can't be read.
#[derive(Debug, thiserror::Error)]
pub enum VisionError {
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Loads the runtime library and the two models, either the built-in ones or those in the folder `models`. `mirrored`:
/// pictures are mirror images, in which a right hand looks like a left one.
pub fn open(settings: &Settings, models: Option<&Path>, mirrored: bool) -> Result<Tracker, VisionError> {
    let runtime = runtime::load(settings.onnxruntime.as_deref())?;
    // The larger model first: the other one then reuses the memory that loading this one has freed.
    let landmarks = LandmarkReader::new(Box::new(OrtModel::open(runtime, &landmark::SPEC, models)?));
    let palms = PalmDetector::new(
        Box::new(OrtModel::open(runtime, &palm::SPEC, models)?),
        palm::Params { threshold: settings.palm_threshold, overlap: PALM_OVERLAP, most: settings.palms_most },
    );
    Ok(Tracker::new(palms, landmarks, settings.clone(), mirrored))
}

/// Boxes with a larger intersection over union are one palm. MediaPipe's value for this model.
const PALM_OVERLAP: f32 = 0.3;
