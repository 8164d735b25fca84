//! Whether leased instances are used. In: the fleet's state, a source of measurements. Out: commands that let leases go on.
//!
//! What is not known counts as use: an end that nobody meant is worse than an instance that runs on, which it does until
//! `lease.longest` at most.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::select;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::follow::ended;
use crate::command::{Action, Command, InstanceId, Source};
use crate::fleet::leases::{self, Used};
use crate::fleet::ports::{ACTIVE_TAG, Instance};
use crate::fleet::{FleetState, Handle, Lease, LeaseSettings, Sign};
use crate::metrics::{Metrics, MetricsError, Point, Query};

/// How often it is measured; CloudWatch has a point a minute at most.
const EVERY: Duration = Duration::from_secs(60);
/// A measurement that is older than so many steps is missing: a cloud tells with a delay of one or two.
const STEPS: u32 = 3;
/// For an answer.
const WITHIN: Duration = Duration::from_secs(30);

/// What it takes to see who is at work.
pub struct Activity {
    pub settings: LeaseSettings,
    /// None: nothing measures this fleet.
    pub metrics: Option<Arc<dyn Metrics>>,
    pub fleet: Handle,
    /// The wall's clock.
    pub wall: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Activity {
    /// Starts the task, which ends with the fleet's reconciler. Must be called within a tokio runtime.
    pub fn spawn(self) -> JoinHandle<()> {
        tokio::spawn(self.run())
    }

    async fn run(self) {
        let mut ticks = interval(EVERY.min(self.settings.lasts));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut fleet = self.fleet.state();
        loop {
            select! {
                biased;
                () = ended(&mut fleet) => return,
                _ = ticks.tick() => self.look().await,
            }
        }
    }

    /// Measures, and asks for what follows. Nobody waits for the answer: what was not written is asked for again.
    async fn look(&self) {
        let state = self.fleet.state().borrow().clone();
        if state.failing_since.is_some() {
            return;
        }
        let leased = leased(&state);
        if leased.is_empty() {
            return;
        }
        let used = self.used(leased.iter().map(|(instance, _)| instance)).await;
        let now = (self.wall)();
        for (instance, lease) in leased {
            let Some(used) = used.get(&instance.id) else { continue };
            if let Some((lasts, reason)) = leases::extension(&lease, used, &self.settings, now) {
                let source = Source::Policy { policy: "lease".to_owned(), reason };
                drop(self.fleet.send(Command::new(source, Action::Extend { id: instance.id, lasts })));
            }
        }
    }

    /// Whether each of them is used, by the signs that the settings name.
    async fn used<'a>(&self, instances: impl Iterator<Item = &'a Instance>) -> BTreeMap<InstanceId, Used> {
        let requests = match self.settings.activity.contains(&Sign::Requests) {
            true => Some(self.requests().await),
            false => None,
        };
        let mut used = BTreeMap::new();
        for instance in instances {
            let mut told = requests.clone().into_iter().collect::<Vec<Used>>();
            if self.settings.activity.contains(&Sign::Cpu) {
                told.push(self.cpu(&instance.id).await);
            }
            if self.settings.activity.contains(&Sign::Network) {
                told.push(self.network(&instance.id).await);
            }
            if self.settings.activity.contains(&Sign::Tag) {
                told.extend(tag(instance));
            }
            used.insert(instance.id.clone(), together(told));
        }
        used
    }

    async fn cpu(&self, id: &InstanceId) -> Used {
        let least = self.settings.busy_cpu;
        self.measured("CPU", Query::Cpu(id.clone()), |point, _| {
            (point.value >= least).then(|| format!("its CPU was at {:.0} %", point.value))
        })
        .await
    }

    async fn network(&self, id: &InstanceId) -> Used {
        let least = self.settings.busy_network;
        self.measured("network", Query::Sent(id.clone()), |point, step| {
            let rate = point.value * 60.0 / step.as_secs_f64();
            (rate >= least).then(|| format!("it sent {rate:.0} bytes a minute"))
        })
        .await
    }

    /// The balancer's, which tells no leased instance from another.
    async fn requests(&self) -> Used {
        self.measured("requests", Query::Requests, |point, _| {
            (point.value > 0.0).then(|| format!("{:.0} requests came to the fleet", point.value))
        })
        .await
    }

    /// Whether the newest measurement is one of use.
    async fn measured(&self, what: &str, query: Query, busy: impl Fn(&Point, Duration) -> Option<String>) -> Used {
        let Some(metrics) = &self.metrics else { return Used::Unknown("nothing measures this fleet".to_owned()) };
        let source = metrics.source();
        let step = match query {
            Query::Cpu(_) | Query::Sent(_) => source.cpu_step,
            Query::Requests | Query::RequestsEach => source.requests_step,
        };
        let step = step.max(EVERY.min(self.settings.lasts));
        let queries = [query];
        let asked = metrics.series(&queries, STEPS * step + source.settles_after, step);
        let late = |_| MetricsError(format!("no answer within {} s", WITHIN.as_secs()));
        match timeout(WITHIN, asked).await.map_err(late).and_then(|answer| answer) {
            Err(error) => Used::Unknown(error.to_string()),
            Ok(answers) => match answers.first().and_then(|points| points.last()) {
                None => Used::Unknown(format!("its {what} was not measured lately")),
                Some(point) => busy(point, step).map_or(Used::No, |why| Used::Yes(end(point, step), why)),
            },
        }
    }
}

fn end(point: &Point, step: Duration) -> Timestamp {
    point.at.saturating_add(jiff::SignedDuration::try_from(step).unwrap_or_default()).unwrap_or(point.at)
}

/// The leases that go on, or are about to end.
fn leased(state: &FleetState) -> Vec<(Instance, Lease)> {
    let Some(observed) = &state.observed else { return Vec::new() };
    let running = leases::running(observed).filter(|(_, lease)| !lease.is_released());
    running.map(|(member, lease)| (member.instance.clone(), lease)).collect()
}

/// What the workload says by its tag. None: it says nothing.
fn tag(instance: &Instance) -> Option<Used> {
    let value = instance.tags.get(ACTIVE_TAG)?;
    Some(match value.parse() {
        Ok(at) => Used::Yes(at, format!("its tag {ACTIVE_TAG} says {value}")),
        Err(_) => Used::Unknown(format!("its tag {ACTIVE_TAG} is no RFC 3339 time: {value:?}")),
    })
}

/// Any sign of use is use; then what is not known; the latest counts.
fn together(told: Vec<Used>) -> Used {
    let newest = |one: Used, other: Used| match (&one, &other) {
        (Used::Yes(at, _), Used::Yes(then, _)) if at >= then => one,
        (_, Used::Yes(..)) | (Used::No, Used::Unknown(_)) => other,
        (Used::Yes(..) | Used::Unknown(_), _) | (Used::No, Used::No) => one,
    };
    told.into_iter().fold(Used::No, newest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::ports::InstanceState;

    #[test]
    fn any_sign_is_use_and_what_is_not_known_is_no_rest() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let yes = |second| Used::Yes(at(second), String::new());
        let unknown = || Used::Unknown("no answer".to_owned());
        assert_eq!(together(vec![]), Used::No);
        assert_eq!(together(vec![Used::No, Used::No]), Used::No);
        assert_eq!(together(vec![Used::No, unknown(), Used::No]), unknown());
        assert_eq!(together(vec![yes(5), unknown(), yes(9), Used::No, yes(7)]), yes(9));
    }

    #[test]
    fn a_workload_s_tag_is_a_time() {
        let instance = Instance::new("i-1", InstanceState::Running, Timestamp::UNIX_EPOCH);
        assert_eq!(tag(&instance), None);
        let told = tag(&instance.clone().with_tag(ACTIVE_TAG, "1970-01-01T00:00:09Z")).unwrap();
        assert!(matches!(told, Used::Yes(at, _) if at.as_second() == 9));
        assert!(matches!(tag(&instance.with_tag(ACTIVE_TAG, "yes")), Some(Used::Unknown(_))));
    }
}
