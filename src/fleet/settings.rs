//! The `[fleet]`, `[warm]` and `[lease]` sections of config.toml, where each setting says its unit and reason.

use std::time::Duration;

use serde::Deserialize;

use crate::settings::{Invalid, in_words, optional, require, seconds};

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

/// The leases'.
#[derive(Clone, Debug, Deserialize)]
pub struct Lease {
    pub at_most: usize,
    #[serde(deserialize_with = "seconds")]
    pub lasts: Duration,
    #[serde(deserialize_with = "seconds")]
    pub longest: Duration,
    pub then: Then,
    #[serde(deserialize_with = "seconds")]
    pub keep: Duration,
    pub activity: Vec<Sign>,
    pub busy_cpu: f64,
    pub busy_network: f64,
    #[serde(deserialize_with = "optional")]
    pub url: Option<String>,
    pub end_on_sign_out: bool,
}

/// What becomes of an instance when its lease ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Then {
    Retire,
    Stop,
}

/// By what it is told that somebody uses a leased instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sign {
    Cpu,
    Network,
    Requests,
    Tag,
}

impl Default for Lease {
    /// None.
    fn default() -> Self {
        Lease {
            at_most: 0,
            lasts: Duration::from_secs(3600),
            longest: Duration::from_secs(3600),
            then: Then::Retire,
            keep: Duration::ZERO,
            activity: Vec::new(),
            busy_cpu: 100.0,
            busy_network: f64::MAX,
            url: None,
            end_on_sign_out: false,
        }
    }
}

impl Lease {
    pub fn check(&self) -> Result<(), Invalid> {
        require(self.lasts >= SHORTEST, "lease.lasts", "must be at least 1: it is in seconds")?;
        let why = format!("must be at least lease.lasts, which is {}", in_words(self.lasts));
        require(self.longest >= self.lasts, "lease.longest", &why)?;
        // A year: what has no end is no lease, and times are added to the clock's.
        require(self.longest <= YEAR, "lease.longest", "must be at most 31536000, a year")?;
        require(self.keep <= YEAR, "lease.keep", "must be at most 31536000, a year")?;
        require(
            (0.0..=100.0).contains(&self.busy_cpu),
            "lease.busy_cpu",
            "must be between 0 and 100: it is in percent",
        )?;
        require(self.busy_network >= 0.0, "lease.busy_network", "must be at least 0: it is in bytes a minute")?;
        self.url.as_deref().map_or(Ok(()), check_url)
    }
}

const SHORTEST: Duration = Duration::from_secs(1);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// What a link's template may name.
pub const PLACES: [&str; 3] = ["{public_address}", "{private_address}", "{id}"];

fn check_url(url: &str) -> Result<(), Invalid> {
    let is_link = ["http://", "https://", "ssh://", "rdp://", "vnc://"].iter().any(|scheme| url.starts_with(scheme));
    require(is_link, "lease.url", "must begin with http://, https://, ssh://, rdp:// or vnc://")?;
    let rest = PLACES.iter().fold(url.to_owned(), |rest, place| rest.replace(place, ""));
    let why = "names something else than {public_address}, {private_address} or {id}";
    require(!rest.contains(['{', '}']), "lease.url", why)
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
