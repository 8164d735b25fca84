//! config.toml to checked, typed settings. The shipped file, built in, holds every setting and is the only place
//! where a default is written.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::{fleet, gesture};

/// The config.toml in the repository's root.
pub const SHIPPED: &str = include_str!("../config.toml");

/// All settings, a field a section.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    pub gesture: gesture::Settings,
    pub fleet: fleet::Settings,
}

impl Config {
    /// The built-in settings.
    pub fn shipped() -> Config {
        toml::from_str(SHIPPED).expect("the shipped config.toml is held right by a test")
    }
}

/// Reads seconds, as people write them (`0.8`), into a duration.
pub fn seconds<'de, D: Deserializer<'de>>(value: D) -> Result<Duration, D::Error> {
    Duration::try_from_secs_f64(f64::deserialize(value)?).map_err(serde::de::Error::custom)
}

/// Reads a share, a number from 0 to 1.
pub fn share<'de, D: Deserializer<'de>>(value: D) -> Result<f32, D::Error> {
    let share = f32::deserialize(value)?;
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err(serde::de::Error::custom(format_args!("{share} is no share: it goes from 0 to 1")))
    }
}
