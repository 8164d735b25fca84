//! The sections `[policy]`, `[policy.cpu]` and `[policy.queue]` of config.toml, which say each setting's unit and
//! reason.

use std::num::NonZeroU64;
use std::time::Duration;

use serde::Deserialize;

use crate::settings::{Invalid, optional, require, seconds, share};

#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    pub follow: Vec<Rule>,
    #[serde(deserialize_with = "seconds")]
    pub every: Duration,
    #[serde(deserialize_with = "seconds")]
    pub window: Duration,
    #[serde(deserialize_with = "share")]
    pub covered: f32,
    #[serde(deserialize_with = "seconds")]
    pub hold: Duration,
    pub cpu: Cpu,
    pub queue: Queue,
}

/// What a policy follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    Cpu,
    Queue,
}

impl Rule {
    pub fn name(&self) -> &'static str {
        match self {
            Rule::Cpu => "cpu",
            Rule::Queue => "queue",
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
pub struct Cpu {
    pub rule: CpuRule,
    pub target: f64,
    pub tolerance: f64,
    #[serde(deserialize_with = "seconds")]
    pub warmup: Duration,
    pub upper: f64,
    pub lower: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CpuRule {
    Target,
    Thresholds,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Queue {
    #[serde(deserialize_with = "optional")]
    pub url: Option<String>,
    pub rule: QueueRule,
    pub concurrency: NonZeroU64,
    pub backlog: NonZeroU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueRule {
    Backlog,
    HalvesAndTenths,
}

impl Settings {
    pub fn check(&self) -> Result<(), Invalid> {
        let is_twice = self.follow.iter().enumerate().any(|(i, rule)| self.follow[..i].contains(rule));
        require(!is_twice, "policy.follow", "names a rule twice")?;
        require(self.every >= Duration::from_secs(1), "policy.every", "must be at least 1: it is in seconds")?;
        require(self.window >= self.every, "policy.window", "must be at least policy.every")?;
        let Cpu { target, tolerance, upper, lower, .. } = self.cpu;
        require(target > 0.0 && target <= 100.0, "policy.cpu.target", "must be above 0 and at most 100 (percent)")?;
        require((0.0..1.0).contains(&tolerance), "policy.cpu.tolerance", "must be a share from 0 to below 1")?;
        require((0.0..=100.0).contains(&upper), "policy.cpu.upper", "must be from 0 to 100 (percent)")?;
        require((0.0..upper).contains(&lower), "policy.cpu.lower", "must be from 0 to below policy.cpu.upper")?;
        let begins = |url: &String| ["https://", "http://"].iter().any(|scheme| url.starts_with(scheme));
        let fine = self.queue.url.as_ref().is_none_or(begins);
        require(fine, "policy.queue.url", "is no URL: SQS shows it, https://sqs.REGION.amazonaws.com/ACCOUNT/NAME")
    }
}
