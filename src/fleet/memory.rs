//! A read-your-writes cache over an eventually consistent API. In: what this process did and observed. Out: corrections
//! to what the cloud shows late, what must not be forgotten between two looks, and since when something waits.
//!
//! Losing it loses no instance: the cloud's tags tell the next process what is half done.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::change::Change;
use super::lease::Lease;
use super::observed::{Lifecycle, Member, Observed};
use super::ports::{CloudError, ErrorKind, Health, Instance, InstanceState, LEASE_TAG, RETIRING_TAG};
use super::timing::Rules;
use crate::command::{CommandId, InstanceId};

/// The first wait after an id was not found; it doubles.
const FIRST_HOLD: Duration = Duration::from_secs(2);
/// An id that was not found so often is given up. With waits of 2 to 32 s, it was tried for a minute.
const TRIES: u32 = 6;
/// How long the cloud may not show a tag that this process wrote over another value.
const HIDDEN: Duration = Duration::from_secs(60);
/// How many launches are remembered. Commands are written one after the other: what the cloud has not described yet is
/// among the latest few.
const ASKED: usize = 100;

#[derive(Debug, Default)]
pub struct Memory {
    /// Launched, not described yet, and when that was.
    pub launched: BTreeMap<InstanceId, (Instance, Instant)>,
    /// Tagged [`RETIRING_TAG`] by this process, with the value. A description may not show the tag for a while.
    pub retiring: BTreeMap<InstanceId, String>,
    /// The values of [`POOL_TAG`] and [`LEASE_TAG`] that this process wrote, and when. A description may show older
    /// ones for a while.
    ///
    /// [`POOL_TAG`]: super::ports::POOL_TAG
    /// [`LEASE_TAG`]: super::ports::LEASE_TAG
    pub tags: BTreeMap<(InstanceId, &'static str), Written>,
    /// How many of the warm pool's instances in a row never got ready.
    pub never_ready: usize,
    /// Off the balancer, and since when this process knows.
    pub deregistered: BTreeMap<InstanceId, Instant>,
    /// Since when a batch of this change waits: the first of it.
    pub waiting: BTreeMap<Change, Instant>,
    /// Changes that the cloud would not make.
    pub held: BTreeMap<(Change, InstanceId), Held>,
    /// The command that an instance was launched or retired by.
    pub commands: BTreeMap<InstanceId, CommandId>,
    /// The latest launches that this process asked for, each once.
    asked: VecDeque<CommandId>,
    /// Not terminated at the last look.
    pub present: BTreeSet<InstanceId>,
    /// On the balancer at the last look, and known not to be the fleet's.
    pub strangers: BTreeSet<InstanceId>,
    /// There was a look before.
    has_looked: bool,
    /// Came after the first look and were never in service: they may still boot.
    pub newcomers: BTreeSet<InstanceId>,
    /// Where each instance is in its life, and since when this process knows.
    pub since: BTreeMap<InstanceId, (Lifecycle, Instant)>,
    /// The leases whose end was warned of.
    pub warned: BTreeSet<(InstanceId, Lease)>,
}

/// A tag's value that this process wrote.
#[derive(Clone, Debug)]
pub struct Written {
    pub value: String,
    pub at: Instant,
    /// The values before, which a description may still show.
    pub earlier: Vec<String>,
}

impl Written {
    /// Whether a description that shows `value` shows what somebody else wrote since.
    pub fn is_outdone_by(&self, value: &str) -> bool {
        if value.is_empty() || value == self.value || self.earlier.iter().any(|earlier| earlier == value) {
            return false;
        }
        let read = |value| Lease::read(value, Timestamp::UNIX_EPOCH);
        match (read(value), read(&self.value)) {
            // The later end counts.
            (Some(theirs), Some(ours)) if theirs.is_same(&ours) => theirs.until > ours.until,
            _ => true,
        }
    }
}

/// A change that the cloud would not make for one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// When it is tried again.
    pub until: Instant,
    tries: u32,
    /// In the cloud's words.
    pub reason: String,
    /// Nothing waits for it any more: it was refused, or not found too often.
    pub is_given_up: bool,
}

impl Memory {
    /// Corrects an answer that does not show this process's own writes yet. Returns the launched instances that were
    /// never described within their grace period and are denied by id: they are forgotten now.
    pub fn correct(&mut self, observed: &mut Observed, now: Instant, rules: &Rules) -> Vec<InstanceId> {
        for member in &mut observed.instances {
            self.launched.remove(&member.instance.id);
            if member.instance.is_retiring() {
                self.retiring.remove(&member.instance.id);
            } else if let Some(value) = self.retiring.get(&member.instance.id) {
                member.instance.tags.insert(RETIRING_TAG.to_owned(), value.clone());
            }
        }
        let overdue = self.overdue(now, rules);
        let lost: Vec<InstanceId> = overdue.into_iter().filter(|id| !observed.doubtful.contains(id)).collect();
        self.launched.retain(|id, _| !lost.contains(id));
        observed.add_launched(self.launched.values().map(|(instance, _)| instance.clone()));
        lost
    }

    /// Shows the tags that this process wrote last.
    pub fn show_tags(&self, instances: &mut [Instance]) {
        for ((id, key), written) in &self.tags {
            let Some(instance) = instances.iter_mut().find(|instance| instance.id == *id) else { continue };
            let shown = instance.tags.get(*key).map_or("", String::as_str);
            if *key != LEASE_TAG || !written.is_outdone_by(shown) {
                instance.tags.insert((*key).to_owned(), written.value.clone());
            }
        }
    }

    /// The launched instances that should long be described.
    pub fn overdue(&self, now: Instant, rules: &Rules) -> Vec<InstanceId> {
        let overdue = self.launched.iter().filter(|(_, (_, at))| now.duration_since(*at) >= rules.unseen_grace);
        overdue.map(|(id, _)| id.clone()).collect()
    }

    /// Notes what an observation tells, and forgets what is over.
    pub fn note(&mut self, observed: &Observed, now: Instant) {
        let known: BTreeSet<_> = observed.instances.iter().map(Member::id).collect();
        self.held.retain(|(_, id), _| known.contains(id));
        self.retiring.retain(|id, _| known.contains(id));
        self.tags.retain(|_, written| now.duration_since(written.at) < HIDDEN);
        self.commands.retain(|id, _| known.contains(id));
        self.deregistered.retain(|id, _| known.contains(id));
        self.newcomers.retain(|id| known.contains(id));
        let is_first = !std::mem::replace(&mut self.has_looked, true);
        self.since.retain(|id, _| known.contains(id));
        self.warned.retain(|(id, _)| known.contains(id));
        for member in &observed.instances {
            let lifecycle = member.lifecycle();
            match self.since.get_mut(member.id()) {
                Some((before, _)) if *before == lifecycle => {}
                Some(entry) => {
                    if matches!(entry.0, Lifecycle::Warm | Lifecycle::Starting) && member.counts() {
                        self.newcomers.insert(member.id().clone());
                    }
                    *entry = (lifecycle, now);
                }
                None => {
                    self.since.insert(member.id().clone(), (lifecycle, now));
                    if !is_first {
                        self.newcomers.insert(member.id().clone());
                    }
                }
            }
            match member.health {
                Some(Health::Draining | Health::NotRegistered) => {
                    self.deregistered.entry(member.id().clone()).or_insert(now);
                }
                Some(Health::InService) => {
                    self.deregistered.remove(member.id());
                    self.newcomers.remove(member.id());
                }
                Some(_) => {
                    self.deregistered.remove(member.id());
                }
                None => {}
            }
        }
        let is_present = |member: &&Member| member.described && member.instance.state != InstanceState::Terminated;
        let present = observed.instances.iter().filter(is_present).map(|member| member.id().clone());
        self.present = present.collect();
        self.strangers = observed.strangers.iter().cloned().collect();
    }

    /// Notes since when a batch of this change waits, where `due` says that it has any instance.
    pub fn wait(&mut self, change: Change, due: bool, now: Instant) {
        if due {
            self.waiting.entry(change).or_insert(now);
        } else {
            self.waiting.remove(&change);
        }
    }

    /// Remembers that this process asks for a launch, whatever the answer will be.
    pub fn ask(&mut self, command: &CommandId) {
        if !self.has_asked(command) {
            self.asked.push_back(command.clone());
        }
        if self.asked.len() > ASKED {
            self.asked.pop_front();
        }
    }

    /// Whether this process asked for a launch lately.
    pub fn has_asked(&self, command: &CommandId) -> bool {
        self.asked.contains(command)
    }

    /// Remembers what was launched until it is described.
    pub fn launch(&mut self, instances: &[Instance], now: Instant) {
        let new = instances.iter().map(|instance| (instance.id.clone(), (instance.clone(), now)));
        self.launched.extend(new);
    }

    /// Remembers that the cloud would not make this change: one that it refused, or has no room for, is left alone for
    /// long, an id that it did not find is tried again soon, then ever later.
    pub fn hold(&mut self, change: Change, ids: &[InstanceId], error: &CloudError, now: Instant, rules: &Rules) {
        let is_refused = matches!(error.kind, ErrorKind::Refused | ErrorKind::Capacity);
        for id in ids {
            let tries = 1 + self.held.get(&(change, id.clone())).map_or(0, |held| held.tries);
            let wait =
                if is_refused { rules.hold } else { (FIRST_HOLD * 2u32.saturating_pow(tries - 1)).min(rules.hold) };
            let held =
                Held { until: now + wait, tries, reason: error.to_string(), is_given_up: is_refused || tries >= TRIES };
            self.held.insert((change, id.clone()), held);
        }
    }

    /// Forgets that these changes were held: they are made.
    pub fn release(&mut self, change: Change, ids: &[InstanceId]) {
        self.held.retain(|(held, id), _| *held != change || !ids.contains(id));
    }

    /// What holds this change now, if anything does.
    pub fn held(&self, change: Change, id: &InstanceId, now: Instant) -> Option<&Held> {
        // Mostly there is no entry; then the key need not be made.
        let held = (!self.held.is_empty()).then(|| self.held.get(&(change, id.clone()))).flatten();
        held.filter(|held| now < held.until)
    }

    /// How long an instance has been where it is in its life, as far as this process knows.
    pub fn age(&self, member: &Member, now: Instant) -> Duration {
        match self.since.get(member.id()) {
            Some((lifecycle, since)) if *lifecycle == member.lifecycle() => now.duration_since(*since),
            _ => Duration::ZERO,
        }
    }
}
