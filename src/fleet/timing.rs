//! How long things may take. [`Rules`] are what the plan decides by, [`Timing`] adds the pace of the reconciler. All
//! durations are tokio's.

use std::time::Duration;

/// The waits and grace periods that decide when a change is due.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The longest a drain may take: the balancer's own setting and a margin.
    pub drain: Duration,
    /// How long the first instance of a batch waits for the others.
    pub batch_wait: Duration,
    /// How long a change that the cloud refused is not tried again.
    pub hold: Duration,
    /// The grace period before a missing instance counts as gone, when it was described before.
    pub missing_grace: Duration,
    /// The grace period before a launched instance that was never described counts as gone.
    pub unseen_grace: Duration,
}

impl Rules {
    /// The default rules with another bound for a drain.
    pub const fn with_drain(drain: Duration) -> Self {
        Rules {
            drain,
            batch_wait: Duration::from_secs(10),
            hold: Duration::from_secs(300),
            missing_grace: Duration::from_secs(30),
            unseen_grace: Duration::from_secs(300),
        }
    }
}

impl Default for Rules {
    /// The drain is a classic load balancer's default of 300 s and a margin.
    fn default() -> Self {
        Rules::with_drain(Duration::from_secs(330))
    }
}

/// The reconciler's pace.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Between two observations while something moves.
    pub fast: Duration,
    /// Between two observations of a settled fleet.
    pub slow: Duration,
    /// For the answer to a change, whose outcome then counts as unknown, or to an observation of the whole fleet.
    pub call: Duration,
    /// How long the cloud may hide what was just launched or tagged. No command is accepted for so long after the first
    /// good answer, at the start as after an unknown outcome: what an earlier process did may not be described yet.
    pub hidden: Duration,
    pub rules: Rules,
}

impl Default for Timing {
    /// For AWS.
    fn default() -> Self {
        Timing {
            fast: Duration::from_secs(2),
            slow: Duration::from_secs(30),
            call: Duration::from_secs(15),
            hidden: Duration::from_secs(5),
            rules: Rules::default(),
        }
    }
}
