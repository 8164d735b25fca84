//! Hands to gestures. Pure: no clock, no I/O; time comes from the readings.

pub mod fingers;
pub mod hold;
pub mod machine;
pub mod sign;
pub mod why;

use std::time::Duration;

use crate::config::{Nonsense, demand};
use crate::hand::Side;

/// A sign held long enough to be meant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gesture {
    pub side: Side,
    /// 1 to 5.
    pub fingers: u8,
    /// The mean confidence of the readings that agreed, 0 to 1.
    pub confidence: f32,
    /// How long it was held until it fired, without a countdown.
    pub hold: Duration,
}

/// The `[gesture]` section of config.toml, where each setting says its unit and reason.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Settings {
    #[serde(deserialize_with = "crate::config::seconds")]
    pub hold_launch: Duration,
    #[serde(deserialize_with = "crate::config::seconds")]
    pub hold_retire: Duration,
    pub readings_min: usize,
    #[serde(deserialize_with = "crate::config::seconds")]
    pub gap: Duration,
    #[serde(deserialize_with = "crate::config::share")]
    pub agree: f32,
    #[serde(deserialize_with = "crate::config::share")]
    pub still: f32,
    #[serde(deserialize_with = "crate::config::share")]
    pub jump: f32,
    #[serde(deserialize_with = "crate::config::share")]
    pub hand_min: f32,
    #[serde(deserialize_with = "crate::config::seconds")]
    pub countdown: Duration,
    pub take_back_readings: usize,
    #[serde(deserialize_with = "crate::config::seconds")]
    pub release: Duration,
    #[serde(deserialize_with = "crate::config::seconds")]
    pub disarm_gap: Duration,
}

impl Settings {
    pub fn check(&self) -> Result<(), Nonsense> {
        let more_than_none = |length: Duration, key| demand(!length.is_zero(), key, "must be more than 0");
        more_than_none(self.hold_launch, "gesture.hold_launch")?;
        more_than_none(self.hold_retire, "gesture.hold_retire")?;
        more_than_none(self.gap, "gesture.gap")?;
        demand(self.readings_min >= 2, "gesture.readings_min", "must be at least 2: a hold begins and ends")?;
        demand(self.take_back_readings >= 1, "gesture.take_back_readings", "must be at least 1")
    }

    /// How long a sign of this side is held until it is meant.
    pub fn hold(&self, side: Side) -> Duration {
        match side {
            Side::Left => self.hold_launch,
            Side::Right => self.hold_retire,
        }
    }
}
