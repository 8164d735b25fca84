//! The sections of config.toml that a cloud needs.

use super::aws::settings as aws;
use super::simulated;
use crate::fleet;

/// A field a section.
#[derive(Clone, Debug)]
pub struct Settings {
    pub fleet: fleet::Settings,
    pub warm: fleet::Warm,
    pub lease: fleet::LeaseSettings,
    pub simulated: simulated::Settings,
    pub aws: aws::Settings,
    pub instance: aws::InstanceSettings,
    pub balancer: aws::BalancerSettings,
    /// The URL of the queue that the fleet's workers take from.
    pub queue: Option<String>,
}
