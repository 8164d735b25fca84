//! The warm pool. In: the fleet as observed, the process's memory, the settings. Out: how many to launch for it, which
//! of it to start for a command, which instances to give back to it, and which leave it and why. Pure: no clock, no
//! I/O.
//!
//! What the tags alone tell, [`Stage`] knows, and `plan` brings to its end whatever the settings say.

use std::cmp::Reverse;
use std::fmt;

use jiff::Timestamp;
use tokio::time::Instant;

use super::change::Change;
use super::memory::Memory;
use super::observed::{Member, Observed};
use super::ports::{Health, InstanceState, RECIPE_TAG};
use super::settings::Warm;
use super::stage::Stage;
use crate::command::InstanceId;

/// So many instances in a row that never got ready, and no more are launched: each costs money.
const FAILURES: usize = 3;

/// The pool that a process works with. The default one leaves whatever there is as it is.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    pub warm: Warm,
    /// What its instances are made of now. None: nobody knows, as nothing can be launched.
    pub recipe: Option<String>,
    /// Whether this process fills it and takes out of it what does not belong there, or only uses it.
    pub keeps: bool,
}

/// Why an instance leaves the pool for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    NeverReady,
    Unprepared,
    Outdated,
    Surplus,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::NeverReady => {
                "it did not power itself off within warm.prepare_within: see whether its user data runs to the end"
            }
            Why::Unprepared => "it was stopped by somebody else, and may not be prepared",
            Why::Outdated => "it is made of another image, type or user data than new ones",
            Why::Surplus => "the pool has more than warm.size",
        })
    }
}

impl Pool {
    fn is_current(&self, member: &Member) -> bool {
        self.recipe.is_some() && member.instance.tags.get(RECIPE_TAG) == self.recipe.as_ref()
    }

    /// The instances that can be started for a command, the oldest first.
    pub fn ready(&self, observed: &Observed, memory: &Memory, now: Instant) -> Vec<InstanceId> {
        let is_ready = |member: &&Member| {
            member.stage() == Some(Stage::Ready)
                && member.described
                && !member.instance.is_retiring()
                && !member.is_registered()
                // What is kept for a person is nobody else's.
                && member.lease().is_none()
                && self.is_current(member)
                && memory.held(Change::Start, member.id(), now).is_none()
        };
        observed.instances.iter().filter(is_ready).map(|member| member.id().clone()).collect()
    }

    /// How many are to be launched for the pool.
    pub fn missing(&self, observed: &Observed, memory: &Memory) -> usize {
        let is_known = self.keeps && self.recipe.is_some();
        let is_useless = observed.lacks_balancer || observed.missing.is_some() || is_failing(memory);
        if !is_known || is_useless {
            return 0;
        }
        let keeps_place = |member: &Member| match member.stage().filter(|_| member.lease().is_none()) {
            // Where it cannot be started, it is warm again.
            Some(Stage::Starting) => true,
            Some(Stage::Serving) => self.warm.reuse && self.is_current(member) && !member.instance.is_retiring(),
            Some(stage) => stage.is_warm(),
            None => false,
        };
        self.warm.size.saturating_sub(observed.instances.iter().filter(|member| keeps_place(member)).count())
    }

    /// Of instances that are to be retired, those that go back to the pool instead.
    pub fn returning(&self, observed: &Observed, ids: &[InstanceId]) -> Vec<InstanceId> {
        // What cannot be started is warm again.
        let has_place = |member: &&Member| {
            let comes = member.is_warm() || member.stage() == Some(Stage::Starting);
            comes && member.lease().is_none()
        };
        let mut room = self.warm.size.saturating_sub(observed.instances.iter().filter(has_place).count());
        let goes_back = |id: &&InstanceId| {
            let Some(member) = observed.get(id).filter(|_| self.warm.reuse) else { return false };
            let is_fit = self.is_current(member) && member.health != Some(Health::OutOfService);
            match member.stage() {
                Some(Stage::Starting) => is_fit,
                Some(Stage::Serving) if is_fit && room > 0 => {
                    room -= 1;
                    true
                }
                _ => false,
            }
        };
        ids.iter().filter(goes_back).cloned().collect()
    }

    /// What is to leave the pool for good. Of too many, first those that are not ready, then the newest.
    pub fn leaving(&self, observed: &Observed, memory: &Memory, now: Instant) -> Vec<(InstanceId, Why)> {
        if !self.keeps {
            return Vec::new();
        }
        let warm = observed
            .instances
            .iter()
            .filter(|member| member.is_warm() && member.described && !member.instance.is_retiring())
            // `lease` knows when it goes.
            .filter(|member| member.lease().is_none());
        let (bad, mut good): (Vec<_>, Vec<_>) =
            warm.map(|member| (member, self.flaw(member, memory, now))).partition(|(_, why)| why.is_some());
        good.sort_by_key(|(member, _)| {
            let is_ready = member.stage() == Some(Stage::Ready);
            // What returns is on the balancer, and goes last.
            (member.stage() == Some(Stage::Returning), is_ready, Reverse((member.instance.born(), member.id())))
        });
        let surplus = good.len().saturating_sub(self.warm.size);
        let surplus = good.into_iter().take(surplus).map(|(member, _)| (member, Some(Why::Surplus)));
        let all = bad.into_iter().chain(surplus);
        let told = all.filter_map(|(member, why)| Some((member.id().clone(), why?)));
        told.filter(|(id, _)| memory.held(Change::Retire, id, now).is_none()).collect()
    }

    fn flaw(&self, member: &Member, memory: &Memory, now: Instant) -> Option<Why> {
        match member.stage()? {
            Stage::Unprepared => Some(Why::Unprepared),
            // What came back is judged once it is stopped.
            Stage::Returning => None,
            _ if self.recipe.is_some() && !self.is_current(member) => Some(Why::Outdated),
            Stage::Preparing if memory.age(member, now) >= self.warm.prepare_within => Some(Why::NeverReady),
            _ => None,
        }
    }

    /// Why it is not filled, a sentence without its full stop.
    pub fn trouble(&self, memory: &Memory) -> Option<String> {
        let told = format!(
            "the warm pool is not filled any more: {FAILURES} instances in a row never got ready; see to instance.user_data, \
             then start handwave again"
        );
        (self.keeps && self.warm.size > 0 && is_failing(memory)).then_some(told)
    }
}

fn is_failing(memory: &Memory) -> bool {
    memory.never_ready >= FAILURES
}

/// The latest start of these instances: one that is started from now on is started later.
pub fn latest_start(observed: &Observed, ids: &[InstanceId]) -> Timestamp {
    let starts = ids.iter().filter_map(|id| Some(observed.get(id)?.instance.launched));
    starts.max().unwrap_or(Timestamp::UNIX_EPOCH)
}

/// How many got ready between two observations, and how many will not.
pub fn prepared(before: &Observed, after: &Observed) -> (usize, usize) {
    let was_preparing = |member: &&Member| {
        let earlier = before.get(member.id()).and_then(Member::stage);
        earlier == Some(Stage::Preparing) && !member.instance.is_retiring()
    };
    let changed: Vec<&Member> = after.instances.iter().filter(was_preparing).collect();
    let ready = changed.iter().filter(|member| member.stage() == Some(Stage::Ready)).count();
    let is_lost = |member: &&&Member| {
        let ends = matches!(member.instance.state, InstanceState::ShuttingDown | InstanceState::Terminated);
        ends || member.stage() == Some(Stage::Unprepared)
    };
    (ready, changed.iter().filter(is_lost).count())
}
