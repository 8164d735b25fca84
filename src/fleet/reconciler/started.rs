//! What was begun and is not written to the cloud yet: a command that was accepted, or a launch for the warm pool.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::super::handle::Order;
use super::super::lease::Lease;
use super::super::plan::Cut;
use super::super::ports::Birth;
use crate::command::InstanceId;

/// How long what has an unknown outcome is tried again.
pub(super) const RETRY_WITHIN: Duration = Duration::from_secs(30);

/// A launch for the warm pool, the same for each try.
pub(super) struct Filling {
    pub n: usize,
    pub token: String,
    pub birth: Birth,
    /// When it is given up.
    pub until: Instant,
}

/// A command on its way into the cloud.
pub(super) struct Started {
    pub order: Order,
    /// What is to be written next.
    pub work: Work,
    /// What is written.
    pub written: Vec<InstanceId>,
    /// How many were asked for.
    pub asked: usize,
    pub cut: Option<Cut>,
    /// A launch's, the same for each try.
    pub token: String,
    pub birth: Birth,
    /// What it is leased by.
    pub lease: Option<Lease>,
    /// When it is given up.
    pub until: Instant,
    pub answer: LastAnswer,
}

/// A step of a command, and what follows it.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// Start these of the warm pool, which were last started then at the latest, and launch so many.
    Promote {
        ids: Vec<InstanceId>,
        at: Timestamp,
        launch: usize,
        /// The value of its lease's tag before, where it is to be leased.
        before: String,
    },
    Launch(usize),
    /// Give these back to the warm pool, which were last started then at the latest, and retire those.
    GiveBack {
        ids: Vec<InstanceId>,
        at: Timestamp,
        retire: Vec<InstanceId>,
    },
    Retire(Vec<InstanceId>),
    /// Write the instance's lease.
    Write(InstanceId, Lease),
}

/// What is known of a command that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LastAnswer {
    /// Nothing was done.
    None,
    /// An answer was lost: it may have been done.
    Lost,
    /// An answer was lost, and the next try was refused. Only the fleet can tell whether the first one was done.
    LostThenRefused(String),
}
