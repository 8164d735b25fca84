//! The `[fleet]` and `[warm]` sections of config.toml, where each setting says its unit and reason.

use std::time::Duration;

use serde::Deserialize;

use crate::settings::{Invalid, require, seconds};

/// The bounds that commands keep the fleet's count in. A fleet found outside them is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub min: usize,
    pub max: usize,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    pub name: String,
    pub min: usize,
    pub max: usize,
    pub cloud: CloudName,
}

/// Which cloud the fleet lives in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CloudName {
    Simulated,
    Aws,
}

impl Settings {
    /// The bounds for commands.
    pub fn limits(&self) -> Limits {
        Limits { min: self.min, max: self.max }
    }

    pub fn check(&self) -> Result<(), Invalid> {
        require(!self.name.trim().is_empty(), "fleet.name", "is empty: it is the tag by which instances are found")?;
        require(self.min <= self.max, "fleet.min", "is more than fleet.max")
    }
}

/// The warm pool's. The default is none.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Warm {
    pub size: usize,
    pub reuse: bool,
    #[serde(deserialize_with = "seconds")]
    pub prepare_within: Duration,
}

impl Warm {
    pub fn check(&self) -> Result<(), Invalid> {
        let is_some = self.prepare_within >= Duration::from_secs(1);
        require(is_some, "warm.prepare_within", "must be at least 1: it is in seconds")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_make_no_sense_together_are_refused() {
        let settings = |min, max| Settings { name: "web".into(), min, max, cloud: CloudName::Simulated };
        let refused = |settings: Settings| settings.check().map_err(|invalid| invalid.key);
        assert_eq!(refused(settings(2, 2)), Ok(()));
        assert_eq!(refused(settings(3, 2)), Err("fleet.min"));
        assert_eq!(refused(Settings { name: " ".into(), ..settings(1, 2) }), Err("fleet.name"));
    }
}
