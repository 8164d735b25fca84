//! Hands to gestures. Pure: no clock, no I/O; time comes from the readings.

pub mod fingers;

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
}
