//! What one process remembers between two looks at the cloud. In: what it did and saw. Out: corrections to what the
//! cloud answers late, and since when something waits.
//!
//! Losing it loses no instance: the cloud's tags tell a new process what is half done.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::observed::{Member, Observed};
use super::plan::{self, Change};
use super::ports::{Health, Instance, InstanceState};
use crate::command::{CommandId, InstanceId};

/// How long a launched instance counts without being described.
pub const UNSEEN: Duration = Duration::from_secs(300);

#[derive(Debug, Default)]
pub struct Memory {
    /// Launched, not described yet, and when that was.
    pub launched: BTreeMap<InstanceId, (Instance, Instant)>,
    /// Tagged to be retired by this process. A description may not show the tag for a while.
    pub tagged: BTreeSet<InstanceId>,
    /// Off the balancer, and since when this process knows.
    pub deregistered: BTreeMap<InstanceId, Instant>,
    /// Since when something waits to be registered, or to be terminated: the first of its batch.
    pub waiting: BTreeMap<Change, Instant>,
    /// Changes that the cloud refused: not tried again, nor waited for, until then.
    pub held: BTreeMap<(Change, InstanceId), Instant>,
    /// Which command an instance was launched or retired by.
    pub commands: BTreeMap<InstanceId, CommandId>,
}

impl Memory {
    /// Puts right what the cloud's answer does not show yet. Answers the launched instances that never came to be seen.
    pub fn correct(&mut self, observed: &mut Observed, now: Instant) -> Vec<InstanceId> {
        for seen in &mut observed.instances {
            self.launched.remove(seen.id());
            if seen.instance.retiring {
                self.tagged.remove(seen.id());
            }
            seen.instance.retiring |= self.tagged.contains(seen.id());
        }
        let lost = self.launched.extract_if(.., |_, (_, at)| now.duration_since(*at) >= UNSEEN);
        let lost = lost.map(|(id, _)| id).collect();
        observed.add_launched(self.launched.values().map(|(instance, _)| instance.clone()));
        lost
    }

    /// Notes since when things wait, and forgets what is over.
    pub fn note(&mut self, observed: &Observed, now: Instant, drain: Duration) {
        self.held.retain(|_, until| *until > now);
        let known: BTreeSet<_> = observed.instances.iter().map(Member::id).collect();
        self.tagged.retain(|id| known.contains(id));
        self.commands.retain(|id, _| known.contains(id));
        self.deregistered.retain(|id, _| known.contains(id));
        for seen in &observed.instances {
            match seen.health {
                Some(Health::Draining | Health::NotRegistered) => {
                    self.deregistered.entry(seen.id().clone()).or_insert(now);
                }
                Some(_) => {
                    self.deregistered.remove(seen.id());
                }
                None => {}
            }
        }
        for change in [Change::Register, Change::Terminate] {
            if plan::due(change, observed, self, now, drain).is_empty() {
                self.waiting.remove(&change);
            } else {
                self.waiting.entry(change).or_insert(now);
            }
        }
    }

    /// Remembers what was launched until it is described, and answers it.
    pub fn launch(&mut self, ids: &[InstanceId], at: jiff::Timestamp, now: Instant) -> Vec<Instance> {
        let state = InstanceState::Pending;
        let new = ids.iter().map(|id| Instance { id: id.clone(), state, launched: at, retiring: false, reason: None });
        let new: Vec<Instance> = new.collect();
        self.launched.extend(new.iter().map(|instance| (instance.id.clone(), (instance.clone(), now))));
        new
    }

    /// Whether the cloud refused this change lately.
    pub fn is_held(&self, change: Change, id: &InstanceId) -> bool {
        // No entry is the rule; then the key need not be made.
        !self.held.is_empty() && self.held.contains_key(&(change, id.clone()))
    }
}
