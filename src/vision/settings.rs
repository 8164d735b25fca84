//! The `[vision]` section of config.toml, which documents each setting's unit and reason.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::settings::{Invalid, optional_path, require, seconds, share};

#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    #[serde(deserialize_with = "share")]
    pub palm_threshold: f32,
    pub palms_most: usize,
    #[serde(deserialize_with = "share")]
    pub presence: f32,
    #[serde(deserialize_with = "share")]
    pub presence_following: f32,
    pub hands_most: usize,
    #[serde(deserialize_with = "seconds")]
    pub follow_still: Duration,
    #[serde(deserialize_with = "seconds")]
    pub search_moving: Duration,
    #[serde(deserialize_with = "seconds")]
    pub search_restless: Duration,
    #[serde(deserialize_with = "seconds")]
    pub search_still: Duration,
    #[serde(deserialize_with = "optional_path")]
    pub onnxruntime: Option<PathBuf>,
}

impl Settings {
    pub fn check(&self) -> Result<(), Invalid> {
        require(self.palms_most >= 1, "vision.palms_most", "must be at least 1")?;
        require(self.hands_most >= 2, "vision.hands_most", "must be at least 2, or a second hand would go unseen")
    }
}

#[cfg(test)]
impl Settings {
    /// Those of the shipped config.toml.
    pub fn shipped() -> Settings {
        let all: toml::Table = include_str!("../../config.toml").parse().unwrap();
        all["vision"].clone().try_into().unwrap()
    }
}
