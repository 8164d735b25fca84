//! A read-your-writes cache over an eventually consistent API. In: what this process did and observed. Out: corrections
//! to what the cloud shows late, and since when something waits.
//!
//! Losing it loses no instance: the cloud's tags tell the next process what is half done.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use tokio::time::Instant;

use super::change::Change;
use super::observed::{Member, Observed};
use super::ports::{Health, Instance, InstanceState, RETIRING_TAG};
use super::timing::Rules;
use crate::command::{CommandId, InstanceId};

#[derive(Debug, Default)]
pub struct Memory {
    /// Launched, not described yet, and when that was.
    pub launched: BTreeMap<InstanceId, (Instance, Instant)>,
    /// Tagged [`RETIRING_TAG`] by this process, with the value. A description may not show the tag for a while.
    pub retiring: BTreeMap<InstanceId, String>,
    /// Off the balancer, and since when this process knows.
    pub deregistered: BTreeMap<InstanceId, Instant>,
    /// Since when a batch of this change waits: the first of it.
    pub waiting: BTreeMap<Change, Instant>,
    /// Changes that the cloud refused: not tried again, nor waited for, until then.
    pub held: BTreeMap<(Change, InstanceId), Instant>,
    /// The command that an instance was launched or retired by.
    pub commands: BTreeMap<InstanceId, CommandId>,
}

impl Memory {
    /// Corrects an answer that does not show this process's own writes yet. Returns the launched instances that were
    /// never described within their grace period, and are forgotten now.
    pub fn correct(&mut self, observed: &mut Observed, now: Instant, rules: &Rules) -> Vec<InstanceId> {
        for member in &mut observed.instances {
            self.launched.remove(&member.instance.id);
            if member.instance.is_retiring() {
                self.retiring.remove(&member.instance.id);
            } else if let Some(value) = self.retiring.get(&member.instance.id) {
                member.instance.tags.insert(RETIRING_TAG.to_owned(), value.clone());
            }
        }
        let lost = self.launched.extract_if(.., |_, (_, at)| now.duration_since(*at) >= rules.unseen_grace);
        let lost = lost.map(|(id, _)| id).collect();
        observed.add_launched(self.launched.values().map(|(instance, _)| instance.clone()));
        lost
    }

    /// Notes who is off the balancer, and forgets what is over.
    pub fn note(&mut self, observed: &Observed, now: Instant) {
        self.held.retain(|_, until| *until > now);
        let known: BTreeSet<_> = observed.instances.iter().map(Member::id).collect();
        self.retiring.retain(|id, _| known.contains(id));
        self.commands.retain(|id, _| known.contains(id));
        self.deregistered.retain(|id, _| known.contains(id));
        for member in &observed.instances {
            match member.health {
                Some(Health::Draining | Health::NotRegistered) => {
                    self.deregistered.entry(member.id().clone()).or_insert(now);
                }
                Some(_) => {
                    self.deregistered.remove(member.id());
                }
                None => {}
            }
        }
    }

    /// Notes since when a batch of this change waits, where `due` says that it has any instance.
    pub fn wait(&mut self, change: Change, due: bool, now: Instant) {
        if due {
            self.waiting.entry(change).or_insert(now);
        } else {
            self.waiting.remove(&change);
        }
    }

    /// Remembers what was launched until it is described, and returns it.
    pub fn launch(&mut self, ids: &[InstanceId], at: Timestamp, now: Instant) -> Vec<Instance> {
        let new = ids.iter().map(|id| Instance::new(id.clone(), InstanceState::Pending, at));
        let new: Vec<Instance> = new.collect();
        self.launched.extend(new.iter().map(|instance| (instance.id.clone(), (instance.clone(), now))));
        new
    }

    /// Whether the cloud refused this change lately.
    pub fn is_held(&self, change: Change, id: &InstanceId) -> bool {
        // Mostly there is no entry; then the key need not be made.
        !self.held.is_empty() && self.held.contains_key(&(change, id.clone()))
    }
}
