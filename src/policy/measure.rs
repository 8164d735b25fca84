//! One look at the load. In: the fleet's state, a source of measurements. Out: what each followed rule needs, and what
//! it measured in words. What cannot be asked is unknown.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::need::{Fleet, Measured, Need};
use super::settings::{Rule, Settings};
use super::{cpu, queue};
use crate::command::InstanceId;
use crate::fleet::{FleetState, Lifecycle};
use crate::metrics::{Depth, Metrics, MetricsError, Query};

/// A measurement that is older than so many steps is missing: a cloud tells with a delay of one or two.
const STEPS: u32 = 3;
/// For an answer.
const WITHIN: Duration = Duration::from_secs(30);

/// Measures for the rules that are followed.
pub struct Measure {
    settings: Settings,
    metrics: Arc<dyn Metrics>,
    /// The instances in service, and since when this process has seen them so. None: since before its first look.
    serving: BTreeMap<InstanceId, Option<Instant>>,
    has_looked: bool,
}

impl Measure {
    pub fn new(settings: Settings, metrics: Arc<dyn Metrics>) -> Measure {
        Measure { settings, metrics, serving: BTreeMap::new(), has_looked: false }
    }

    /// What each rule needs of the fleet in this state. A queue is counted `counts` times, and the largest counts.
    pub async fn look(&mut self, state: &FleetState, counts: usize) -> Vec<Measured> {
        if state.observed.is_none() || state.failing_since.is_some() {
            return vec![Measured::new(Need::Unknown, "fleet: the cloud does not say how many there are")];
        }
        self.note_service(state);
        let mut measured = Vec::new();
        for rule in self.settings.follow.clone() {
            measured.push(match rule {
                Rule::Cpu => self.cpu(state).await,
                Rule::Queue => queue::need(&self.settings.queue, &self.depth(counts).await),
            });
        }
        measured
    }

    fn note_service(&mut self, state: &FleetState) {
        let since = self.has_looked.then(Instant::now);
        self.has_looked = true;
        let members = state.observed.iter().flat_map(|observed| &observed.instances);
        let serves = members.filter(|member| member.lifecycle() == Lifecycle::InService);
        let before = std::mem::take(&mut self.serving);
        self.serving =
            serves.map(|member| (member.id().clone(), before.get(member.id()).copied().unwrap_or(since))).collect();
    }

    async fn cpu(&self, state: &FleetState) -> Measured {
        let settings = &self.settings.cpu;
        let is_warm = |since: &Option<Instant>| since.is_none_or(|since| since.elapsed() >= settings.warmup);
        let queries: Vec<Query> =
            self.serving.iter().filter(|(_, since)| is_warm(since)).map(|(id, _)| Query::Cpu(id.clone())).collect();
        let count = state.count();
        let fleet = Fleet { count, warming: count.saturating_sub(queries.len()) };
        if queries.is_empty() {
            return cpu::need(settings, &[], fleet);
        }
        let source = self.metrics.source();
        let step = source.cpu_step.max(self.settings.every);
        match answer(self.metrics.series(&queries, STEPS * step + source.settles_after, step)).await {
            Err(error) => Measured::new(Need::Unknown, format!("cpu: {error}")),
            Ok(answers) if answers.len() != queries.len() => {
                Measured::new(Need::Unknown, format!("cpu: {} answers to {} questions", answers.len(), queries.len()))
            }
            Ok(answers) => {
                let loads: Vec<_> = answers.iter().map(|points| points.last().map(|point| point.value)).collect();
                cpu::need(settings, &loads, fleet)
            }
        }
    }

    /// The largest of so many counts: each may be too small.
    async fn depth(&self, counts: usize) -> Result<Depth, MetricsError> {
        let mut largest = answer(self.metrics.depth()).await?;
        for _ in 1..counts {
            let Depth { visible, in_flight, delayed } = answer(self.metrics.depth()).await?;
            largest = Depth {
                visible: largest.visible.max(visible),
                in_flight: largest.in_flight.max(in_flight),
                delayed: largest.delayed.max(delayed),
            };
        }
        Ok(largest)
    }
}

async fn answer<T>(call: impl Future<Output = Result<T, MetricsError>>) -> Result<T, MetricsError> {
    let late = |_| MetricsError(format!("no answer within {} s", WITHIN.as_secs()));
    timeout(WITHIN, call).await.map_err(late)?
}
