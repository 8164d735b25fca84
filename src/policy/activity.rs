//! Whether leased instances are used. In: the fleet's state, a source of measurements. Out: commands that let leases go
//! on.
//!
//! What is not known counts as use: an end that nobody meant is worse than an instance that runs on, which it does
//! until `lease.longest` at most.

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
        let instances: Vec<&Instance> = leased.iter().map(|(instance, _)| instance).collect();
        let used = self.used(&instances).await;
        let now = (self.wall)();
        for ((instance, lease), used) in leased.iter().zip(used) {
            if let Some((lasts, reason)) = leases::extension(lease, &used, &self.settings, now) {
                let source = Source::Policy { policy: "lease".to_owned(), reason };
                let id = instance.id.clone();
                drop(self.fleet.send(Command::new(source, Action::Extend { id, lasts })));
            }
        }
    }

    /// Whether each of them is used, by the signs that the settings name. One question a sign, for all of them.
    async fn used(&self, instances: &[&Instance]) -> Vec<Used> {
        let mut told: Vec<Vec<Used>> = vec![Vec::new(); instances.len()];
        for sign in &self.settings.activity {
            let of_sign = match sign {
                Sign::Cpu => self.measured("CPU", instances, Query::Cpu, |value, _| self.by_cpu(value)).await,
                Sign::Network => {
                    self.measured("network", instances, Query::Sent, |sent, step| self.by_sent(sent, step)).await
                }
                Sign::Requests => {
                    // The same for all.
                    let one = &instances[..instances.len().min(1)];
                    let used = self.measured("requests", one, |_| Query::Requests, |count, _| by_requests(count)).await;
                    used.into_iter().cycle().take(instances.len()).collect()
                }
                Sign::Tag => instances.iter().map(|instance| tag(instance).unwrap_or(Used::No)).collect(),
            };
            told.iter_mut().zip(of_sign).for_each(|(told, used)| told.push(used));
        }
        told.into_iter().map(together).collect()
    }

    fn by_cpu(&self, percent: f64) -> Option<String> {
        (percent >= self.settings.busy_cpu).then(|| format!("its CPU was at {percent:.0} %"))
    }

    fn by_sent(&self, bytes: f64, step: Duration) -> Option<String> {
        let rate = bytes * 60.0 / step.as_secs_f64();
        (rate >= self.settings.busy_network).then(|| format!("it sent {rate:.0} bytes a minute"))
    }

    /// Whether the newest measurement of each is one of use, and why.
    async fn measured(
        &self,
        what: &str,
        instances: &[&Instance],
        query: impl Fn(InstanceId) -> Query,
        busy: impl Fn(f64, Duration) -> Option<String>,
    ) -> Vec<Used> {
        let unknown = |why: String| vec![Used::Unknown(why); instances.len()];
        let Some(metrics) = &self.metrics else { return unknown("nothing measures this fleet".to_owned()) };
        let source = metrics.source();
        let queries: Vec<Query> = instances.iter().map(|instance| query(instance.id.clone())).collect();
        let step = match queries.first() {
            Some(Query::Requests | Query::RequestsEach) => source.requests_step,
            _ => source.cpu_step,
        };
        let step = step.max(EVERY.min(self.settings.lasts));
        let asked = metrics.series(&queries, STEPS * step + source.settles_after, step);
        let late = |_| MetricsError(format!("no answer within {} s", WITHIN.as_secs()));
        let used = |points: &Vec<Point>| match points.last() {
            None => Used::Unknown(format!("its {what} was not measured lately")),
            Some(point) => busy(point.value, step).map_or(Used::No, |why| Used::Yes(end(point, step), why)),
        };
        match timeout(WITHIN, asked).await.map_err(late).and_then(|answer| answer) {
            Err(error) => unknown(error.to_string()),
            Ok(answers) if answers.len() != instances.len() => unknown("some answers are missing".to_owned()),
            Ok(answers) => answers.iter().map(used).collect(),
        }
    }
}

/// The balancer's, which tells no leased instance from another.
fn by_requests(count: f64) -> Option<String> {
    (count > 0.0).then(|| format!("{count:.0} requests came to the fleet"))
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
