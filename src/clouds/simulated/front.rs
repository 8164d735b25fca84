//! What stands in front of the simulated fleet. In: registrations. Out: who is registered since when, and who drains.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::command::InstanceId;

/// The kinds of balancer, each with AWS's rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// It minds an id that is not registered.
    Classic,
    /// So many target groups, which do not.
    TargetGroups(usize),
    /// Instances fetch their work themselves.
    Nothing,
}

impl Front {
    pub(super) fn groups(self) -> usize {
        match self {
            Front::Classic => 1,
            Front::TargetGroups(n) => n,
            Front::Nothing => 0,
        }
    }
}

/// A classic balancer, or one target group.
#[derive(Default)]
pub(super) struct Group {
    /// Since when.
    pub registered: BTreeMap<InstanceId, Instant>,
    /// Until when.
    pub draining: BTreeMap<InstanceId, Instant>,
}

impl Group {
    pub fn register(&mut self, id: &InstanceId, now: Instant) {
        self.registered.entry(id.clone()).or_insert(now);
        self.draining.remove(id);
    }

    /// One that is not registered does not drain.
    pub fn deregister(&mut self, id: &InstanceId, until: Instant) {
        if self.registered.remove(id).is_some() {
            self.draining.insert(id.clone(), until);
        }
    }

    /// The instance is no more.
    pub fn forget(&mut self, id: &InstanceId) {
        self.registered.remove(id);
        self.draining.remove(id);
    }
}
