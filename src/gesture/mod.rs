//! Hands to gestures. Pure: no clock, no I/O; time comes from the readings.

pub mod fingers;
pub mod hold;
pub mod machine;
pub mod sign;
pub mod why;

use std::time::Duration;

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
    /// How long a sign of this side is held until it is meant.
    pub fn hold(&self, side: Side) -> Duration {
        match side {
            Side::Left => self.hold_launch,
            Side::Right => self.hold_retire,
        }
    }
}
