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
    #[serde(deserialize_with = "seconds")]
    pub countdown: Duration,
    pub take_back_readings: usize,
    #[serde(deserialize_with = "seconds")]
    pub release: Duration,
    #[serde(deserialize_with = "seconds")]
    pub disarm_gap: Duration,
}

impl Settings {
    pub fn check(&self) -> Result<(), Invalid> {
        let more_than_none = |length: Duration, key| require(!length.is_zero(), key, "must be more than 0");
        more_than_none(self.hold_launch, "gesture.hold_launch")?;
        more_than_none(self.hold_retire, "gesture.hold_retire")?;
        more_than_none(self.gap, "gesture.gap")?;
        require(self.readings_min >= 2, "gesture.readings_min", "must be at least 2: a hold begins and ends")?;
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
