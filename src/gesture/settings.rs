//! The `[gesture]` section of config.toml, which documents each setting's unit and reason.

use std::time::Duration;

use serde::Deserialize;

use crate::command::Intent;
use crate::settings::{Invalid, require, seconds, share};

#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    #[serde(deserialize_with = "seconds")]
    pub hold_launch: Duration,
    #[serde(deserialize_with = "seconds")]
    pub hold_retire: Duration,
    pub readings_min: usize,
    #[serde(deserialize_with = "seconds")]
    pub gap: Duration,
    #[serde(deserialize_with = "share")]
    pub agree: f32,
    #[serde(deserialize_with = "share")]
    pub still: f32,
    #[serde(deserialize_with = "share")]
    pub jump: f32,
    #[serde(deserialize_with = "share")]
    pub hand_min: f32,
    pub begin: Begin,
    pub fist_readings: usize,
    #[serde(deserialize_with = "seconds")]
    pub fist_time: Duration,
    #[serde(deserialize_with = "seconds")]
    pub fist_within: Duration,
    pub fist_near: f32,
    pub upright: f32,
    #[serde(deserialize_with = "share")]
    pub wrist_inside: f32,
    pub thumb_signs: bool,
    #[serde(deserialize_with = "seconds")]
    pub picture_after: Duration,
    #[serde(deserialize_with = "share")]
    pub picture_noise: f32,
    #[serde(deserialize_with = "seconds")]
    pub countdown: Duration,
    pub take_back_readings: usize,
    pub take_back_rest: f32,
    #[serde(deserialize_with = "seconds")]
    pub release: Duration,
    #[serde(deserialize_with = "seconds")]
    pub disarm_gap: Duration,
}

/// What a gesture begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Begin {
    /// The same hand's fist (rule 7).
    Fist,
    /// Any sign, once a release has been seen (rule 4).
    Any,
}

impl Settings {
    pub fn check(&self) -> Result<(), Invalid> {
        let more_than_none = |length: Duration, key| require(!length.is_zero(), key, "must be more than 0");
        more_than_none(self.hold_launch, "gesture.hold_launch")?;
        more_than_none(self.hold_retire, "gesture.hold_retire")?;
        more_than_none(self.gap, "gesture.gap")?;
        more_than_none(self.fist_within, "gesture.fist_within")?;
        more_than_none(self.picture_after, "gesture.picture_after")?;
        require(self.readings_min >= 2, "gesture.readings_min", "must be at least 2: a hold begins and ends")?;
        require(self.fist_readings >= 1, "gesture.fist_readings", "must be at least 1")?;
        let shorter = self.fist_time < self.fist_within;
        require(shorter, "gesture.fist_time", "must be less than gesture.fist_within, which it is a part of")?;
        require(self.fist_near > 0.0, "gesture.fist_near", "must be more than 0")?;
        require((0.0..=180.0).contains(&self.upright), "gesture.upright", "must be an angle from 0 to 180")?;
        require(self.take_back_rest > 0.0, "gesture.take_back_rest", "must be more than 0")?;
        require(self.take_back_readings >= 1, "gesture.take_back_readings", "must be at least 1")
    }

    /// How long a sign with this intent must be held.
    pub fn hold(&self, intent: Intent) -> Duration {
        match intent {
            Intent::Launch => self.hold_launch,
            Intent::Retire => self.hold_retire,
        }
    }
}
