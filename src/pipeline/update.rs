//! What a camera and its vision report, or a recording of them.

use serde::{Deserialize, Serialize};

use crate::hand::Reading;

/// One report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Update {
    Reading(Reading),
    /// There are no frames for now, and why, as a sentence. Sent once.
    Lost(String),
    /// Frames come again.
    Back,
    /// Only in recordings: a person paused, or armed again.
    Paused(bool),
}
