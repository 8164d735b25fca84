//! The `[camera]` section of config.toml, which documents each setting's unit and reason.

use serde::Deserialize;

use super::spec::CameraSpec;
use crate::settings::{Invalid, require};

#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    pub source: CameraSpec,
    pub width: u32,
    pub height: u32,
    pub fps: f64,
    pub mirrored: bool,
}

impl Settings {
    pub fn check(&self) -> Result<(), Invalid> {
        require((64..=8192).contains(&self.width), "camera.width", "must be from 64 to 8192 pixels")?;
        require((64..=8192).contains(&self.height), "camera.height", "must be from 64 to 8192 pixels")?;
        require((0.1..=1000.0).contains(&self.fps), "camera.fps", "must be from 0.1 to 1000 frames a second")
    }
}
