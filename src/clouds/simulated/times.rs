//! How long things take in the simulated cloud.

use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Half of a call: its effect lies between the two halves.
    pub half_call: Duration,
    /// From a launch or a tag until it is described. Until a launch is, its id is not found.
    pub visible: Duration,
    /// From a launch until it runs.
    pub boot: Duration,
    /// From then until its user data is done. Until then it fails its checks; one for a warm pool then powers itself
    /// off.
    pub set_up: Duration,
    /// From the start of one that was stopped until it runs.
    pub start: Duration,
    /// From a stop until it is stopped.
    pub stop: Duration,
    /// From registration to the first passed health check.
    pub health_check: Duration,
    pub drain: Duration,
    pub shut_down: Duration,
    /// How long a terminated instance is still described. Then nothing of it is kept.
    pub remembered: Duration,
    /// How long measurements are kept.
    pub measured: Duration,
}

impl Default for Times {
    /// In proportion to AWS's, and quick enough to watch.
    fn default() -> Self {
        Times {
            half_call: Duration::from_millis(40),
            visible: Duration::from_millis(500),
            boot: Duration::from_secs(4),
            set_up: Duration::ZERO,
            start: Duration::from_secs(1),
            stop: Duration::from_secs(1),
            health_check: Duration::from_secs(2),
            drain: Duration::from_secs(3),
            shut_down: Duration::from_secs(2),
            remembered: Duration::from_secs(60),
            measured: Duration::from_secs(3600),
        }
    }
}
