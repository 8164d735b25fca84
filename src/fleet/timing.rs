//! How long things may take. [`Rules`] are what the plan decides by, [`Timing`] adds the pace of the reconciler. All
//! durations are tokio's.

use std::time::Duration;

/// The waits and grace periods that decide when a change is due.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The longest a drain may take: the balancer's own setting and a margin.
    pub drain: Duration,
    /// The longest that an instance is waited for while it shuts down: the cloud has agreed, and nothing is left to do.
    pub shut_down: Duration,
    /// The longest that an instance is waited for at any other step of its life: to boot, or to pass the balancer's
    /// checks.
    pub patience: Duration,
    /// How long the first instance of a batch waits for the others.
    pub batch_wait: Duration,
    /// How long a change that the cloud refused is not tried again.
    pub hold: Duration,
    /// The grace period before a launched instance that was never described is looked up by its id.
    pub unseen_grace: Duration,
}

impl Rules {
    /// The default rules with these bounds for a drain and for booting.
    pub const fn new(drain: Duration, patience: Duration) -> Self {
        Rules {
            drain,
            shut_down: Duration::from_secs(90),
            patience,
            batch_wait: Duration::from_secs(10),
            hold: Duration::from_secs(300),
            unseen_grace: Duration::from_secs(300),
        }
    }

    /// How long a launch may take until it is in service: it boots, then it passes its checks.
    pub fn longest_launch(&self) -> Duration {
        2 * self.patience
    }

    /// How long a retire may take: to leave the balancer, to drain, to shut down.
    pub fn longest_retire(&self) -> Duration {
        self.patience + self.drain + self.shut_down
    }
}

impl Default for Rules {
    /// The drain is a classic load balancer's default of 300 s and a margin, the patience five minutes for booting and
    /// two checks of ten seconds.
    fn default() -> Self {
        Rules::new(Duration::from_secs(330), Duration::from_secs(320))
    }
}

/// The reconciler's pace.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Between two observations while something moves.
    pub fast: Duration,
    /// Between two observations of a settled fleet, and of one in which nothing has changed for long.
    pub slow: Duration,
    /// For the answer to a change, whose outcome then counts as unknown.
    pub call: Duration,
    /// For an observation of the whole fleet, which may have many pages. Each page has a bound of its own.
    pub look: Duration,
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
            look: Duration::from_secs(60),
            hidden: Duration::from_secs(5),
            rules: Rules::default(),
        }
    }
}
