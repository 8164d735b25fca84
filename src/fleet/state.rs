//! What the reconciler publishes: the fleet as people are shown it. In: a snapshot. Out: counts, lifecycles, victims, a
//! sentence.

use std::collections::BTreeMap;
use std::fmt;

use tokio::time::Instant;

use super::observed::{Lifecycle, Observed};
use super::plan::{self, Accepted, Work};
use super::said::Said;
use super::settings::Limits;
use super::timing::Rules;
use crate::command::{InstanceId, list};

/// What a look says that is not complete.
pub(super) const LACKS: &str =
    "the cloud's answer lacks instances that were there or are on the balancer; it is not believed";

/// The fleet as views show it.
#[derive(Clone, Debug, PartialEq)]
pub struct FleetState {
    /// None until the first answer.
    pub observed: Option<Observed>,
    pub limits: Limits,
    /// What a person last did, and when: the start of this process too. None before the first answer.
    pub said: Option<(Said, Instant)>,
    /// The instances on their way that are waited for.
    pub moving: Vec<InstanceId>,
    /// Nothing moves, no command waits, and the answers can be relied on.
    pub settled: bool,
    /// Since when every look at the cloud, or every change, has failed.
    pub failing_since: Option<Instant>,
    /// What is in the way, as a sentence without its full stop: the error backed off from, or what the cloud refused.
    pub trouble: Option<String>,
}

impl FleetState {
    /// A fleet that has not been observed.
    pub fn unknown(limits: Limits) -> Self {
        FleetState {
            observed: None,
            limits,
            said: None,
            moving: Vec::new(),
            settled: false,
            failing_since: None,
            trouble: None,
        }
    }

    /// A fleet at a first look, before any reconciler has moved it.
    pub fn at_first(observed: Observed, limits: Limits, rules: &Rules) -> Self {
        let settled = plan::is_settled(&observed, Instant::now(), rules);
        let doubtful = &observed.doubtful;
        let trouble = (!doubtful.is_empty()).then(|| format!("{LACKS} ({})", list(doubtful)));
        FleetState { settled, trouble, observed: Some(observed), ..FleetState::unknown(limits) }
    }

    pub fn count(&self) -> usize {
        self.observed.as_ref().map_or(0, Observed::count)
    }

    /// The count that commands leave at least.
    pub fn floor(&self) -> usize {
        self.observed.as_ref().map_or(self.limits.min, |observed| plan::floor(observed, self.limits))
    }

    /// The number of instances at each lifecycle that has any.
    pub fn lifecycles(&self) -> BTreeMap<Lifecycle, usize> {
        let mut lifecycles = BTreeMap::new();
        for member in self.observed.iter().flat_map(|observed| &observed.instances) {
            *lifecycles.entry(member.lifecycle()).or_default() += 1;
        }
        lifecycles
    }

    /// The instances on the way into service or out of it: what ending now leaves half done.
    pub fn under_way(&self) -> BTreeMap<Lifecycle, Vec<InstanceId>> {
        let mut ids: BTreeMap<Lifecycle, Vec<InstanceId>> = BTreeMap::new();
        for member in self.observed.iter().flat_map(|observed| &observed.instances) {
            if member.lifecycle().is_under_way() {
                ids.entry(member.lifecycle()).or_default().push(member.id().clone());
            }
        }
        ids
    }

    /// The instances that `ScaleIn(n)` would retire now, within the limits: what a countdown shows.
    pub fn victims(&self, n: usize) -> Vec<InstanceId> {
        self.scale_in(n).0
    }

    /// The same, and why they are fewer than `n`, if they are.
    pub fn scale_in(&self, n: usize) -> (Vec<InstanceId>, Option<String>) {
        let accepted = self.observed.as_ref().map(|observed| plan::scale_in(n, observed, self.limits));
        match accepted {
            Some(Ok(Accepted { work: Work::Retire(ids), cut, .. })) => (ids, cut.map(|cut| cut.reason)),
            _ => (Vec::new(), None),
        }
    }
}

impl fmt::Display for FleetState {
    /// Such as `3 instances (1 to 5): 2 in service, 1 launching`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.observed.is_none() {
            return f.write_str("not seen yet");
        }
        let (count, Limits { min, max }) = (self.count(), self.limits);
        write!(f, "{count} instance{} ({min} to {max})", if count == 1 { "" } else { "s" })?;
        let lifecycles = self.lifecycles().into_iter().filter(|(lifecycle, _)| *lifecycle != Lifecycle::Terminated);
        for (i, (lifecycle, n)) in lifecycles.enumerate() {
            write!(f, "{}{n} {lifecycle}", if i == 0 { ": " } else { ", " })?;
        }
        Ok(())
    }
}
