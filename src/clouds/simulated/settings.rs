//! The `[simulated]` section of config.toml, where each setting says its unit and reason.

use std::time::Duration;

use serde::Deserialize;

use super::profile::Profile;
use crate::settings::{Invalid, require, seconds};

#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    pub load: Profile,
    #[serde(deserialize_with = "seconds")]
    pub work: Duration,
}

impl Settings {
    pub fn check(&self) -> Result<(), Invalid> {
        let is_some = self.work >= Duration::from_millis(1);
        require(is_some, "simulated.work", "must be at least 0.001: it is in seconds")
    }
}
