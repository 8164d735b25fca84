//! What comes from a camera and its vision, or from a recording of them.

use serde::{Deserialize, Serialize};

use crate::hand::Reading;

/// What comes from a camera.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Update {
    Reading(Reading),
    /// There are no frames for now; why, as a sentence. Told once.
    Lost(String),
    /// The frames go on.
    Back,
    /// A recording's alone: somebody paused, or armed again.
    Paused(bool),
}
