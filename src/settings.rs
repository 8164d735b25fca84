//! What all sections of config.toml share. In: values as people write them. Out: typed values, or why one is refused.

use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, de::Error};

/// A value of the right type that is invalid: the setting's full name (`gesture.gap`), and why.
#[derive(Debug, PartialEq, Eq)]
pub struct Invalid {
    pub key: &'static str,
    pub reason: String,
}

/// Refuses a value unless `valid`.
pub fn require(valid: bool, key: &'static str, reason: &str) -> Result<(), Invalid> {
    if valid { Ok(()) } else { Err(Invalid { key, reason: reason.into() }) }
}

/// The longest time that people write: a month.
const LONGEST: Duration = Duration::from_secs(720 * 3600);

/// Reads a length of time as people write it, such as `90s` or `5m`, up to a month.
pub fn length_of_time(text: &str) -> Result<Duration, String> {
    let time = text.parse::<SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok());
    let time = time.filter(|time| *time <= LONGEST);
    time.ok_or_else(|| format!("{text:?} is no length of time; write one such as 90s or 5m, up to 720h"))
}

/// A length of time as people say it, rounded up: `45 s`, `7 min`.
pub fn in_words(time: Duration) -> String {
    match time.as_millis().div_ceil(1000) {
        seconds if seconds < 60 => format!("{seconds} s"),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}

/// Reads a number of seconds (`0.8`).
pub fn seconds<'de, D: Deserializer<'de>>(value: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(value)?;
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| Error::custom(format!("{seconds} is no length of time in seconds")))
}

/// Reads a share from 0 to 1.
pub fn share<'de, D: Deserializer<'de>>(value: D) -> Result<f32, D::Error> {
    let share = f32::deserialize(value)?;
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err(Error::custom(format!("{share} is no share: it must be between 0 and 1")))
    }
}

/// Reads a string; an empty one means none.
pub fn optional<'de, D: Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(value)?;
    Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
}

/// Reads a path; an empty one means none.
pub fn optional_path<'de, D: Deserializer<'de>>(value: D) -> Result<Option<PathBuf>, D::Error> {
    let path = PathBuf::deserialize(value)?;
    Ok((!path.as_os_str().is_empty()).then_some(path))
}
