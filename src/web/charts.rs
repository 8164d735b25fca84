//! Charts of what the cloud measures. In: the fleet, a source of measurements. Out: JSON for the page. For each chart
//! the source is asked once a step at most, a minute in AWS, and only while somebody looks: who asks meanwhile gets the
//! same answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep};

use crate::command::InstanceId;
use crate::fleet::FleetState;
use crate::fleet::ports::InstanceState;
use crate::metrics::{Metrics, MetricsError, Point, Query};

/// How far back a chart looks.
const COVERS: Duration = Duration::from_secs(30 * 60);
/// The shortest step: shorter ones no chart has pixels for.
const SHORTEST: Duration = Duration::from_secs(10);
/// The longest time between two questions while somebody looks.
const MINUTE: Duration = Duration::from_secs(60);
/// How soon it is noticed that somebody looks.
const NOTICED: Duration = Duration::from_secs(1);

/// The charts of one run.
#[derive(Clone)]
pub struct Charts {
    metrics: Option<Arc<dyn Metrics>>,
    cpu: Arc<Mutex<Option<Kept>>>,
    requests: Arc<Mutex<Option<Kept>>>,
}

/// An answer, and when it was asked for.
struct Kept {
    at: Instant,
    answer: Arc<str>,
}

impl Charts {
    pub fn of(metrics: Option<Arc<dyn Metrics>>) -> Charts {
        Charts { metrics, cpu: Arc::default(), requests: Arc::default() }
    }

    /// Goes on for ever: puts out both charts, as they are asked for anew, while somebody looks.
    pub async fn follow(
        self,
        fleet: watch::Receiver<FleetState>,
        is_looked_at: impl Fn() -> bool,
        out: watch::Sender<Arc<str>>,
    ) {
        loop {
            if !is_looked_at() || fleet.borrow().observed.is_none() {
                sleep(NOTICED).await;
                continue;
            }
            let (cpu, requests) = (self.cpu(&fleet).await, self.requests().await);
            out.send_replace(format!("{{\"cpu\":{cpu},\"requests\":{requests}}}").into());
            sleep(self.every()).await;
        }
    }

    /// The CPU of each instance of the fleet, from 0 to 100.
    pub async fn cpu(&self, fleet: &watch::Receiver<FleetState>) -> Arc<str> {
        let Some(instances) = running(&fleet.borrow()) else {
            // Not kept: it is known soon.
            return json!({"error": "it is not known yet which instances there are"}).to_string().into();
        };
        let ask = async {
            let Some(metrics) = &self.metrics else { return nothing() };
            let step = metrics.source().cpu_step.max(SHORTEST);
            let queries: Vec<Query> = instances.iter().cloned().map(Query::Cpu).collect();
            let told = metrics.series(&queries, COVERS, step).await;
            let series = told.map(|told| instances.iter().map(|id| id.0.as_str()).zip(told).collect());
            chart(&**metrics, step, series)
        };
        self.kept(&self.cpu, ask).await
    }

    /// The requests of each step: `all`, and `each` instance's on average where the balancer counts them.
    pub async fn requests(&self) -> Arc<str> {
        let ask = async {
            let Some(metrics) = &self.metrics else { return nothing() };
            let step = metrics.source().requests_step.max(SHORTEST);
            let one = async |query| Ok(metrics.series(&[query], COVERS, step).await?.into_iter().flatten().collect());
            let mut series: Result<BTreeMap<_, _>, _> = one(Query::Requests).await.map(|all| [("all", all)].into());
            // Not every balancer counts them.
            if let Ok(series) = &mut series
                && let Ok(each) = one(Query::RequestsEach).await
            {
                series.insert("each", each);
            }
            chart(&**metrics, step, series)
        };
        self.kept(&self.requests, ask).await
    }

    /// What is kept, or the answer to a new question where that is too old. Readers that come meanwhile wait for it.
    async fn kept(&self, kept: &Mutex<Option<Kept>>, ask: impl Future<Output = Value>) -> Arc<str> {
        let mut kept = kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.at.elapsed() < self.every()) {
            return kept.answer.clone();
        }
        let answer: Arc<str> = ask.await.to_string().into();
        *kept = Some(Kept { at: Instant::now(), answer: answer.clone() });
        answer
    }

    /// The least time between two questions.
    fn every(&self) -> Duration {
        self.metrics.as_ref().map_or(MINUTE, |metrics| metrics.source().requests_step.clamp(SHORTEST, MINUTE))
    }
}

fn nothing() -> Value {
    json!({"error": "this cloud measures nothing"})
}

/// The instances whose CPU can be measured. None: the fleet was not observed yet.
fn running(fleet: &FleetState) -> Option<Vec<InstanceId>> {
    let members = fleet.observed.as_ref()?.instances.iter();
    let running = members.filter(|member| member.instance.state == InstanceState::Running);
    Some(running.map(|member| member.id().clone()).collect())
}

/// Points as `[second, value]`, the seconds of a step, and the second from which values may still grow.
fn chart(metrics: &dyn Metrics, step: Duration, series: Result<BTreeMap<&str, Vec<Point>>, MetricsError>) -> Value {
    let source = metrics.source();
    let series = match series {
        Ok(series) => series,
        Err(error) => return json!({"source": source.name, "error": error.to_string()}),
    };
    let point = |point: &Point| json!([point.at.as_second(), (100.0 * point.value).round() / 100.0]);
    let series: BTreeMap<_, Vec<Value>> =
        series.iter().map(|(name, points)| (name, points.iter().map(point).collect())).collect();
    let growing = Timestamp::now().as_second().saturating_sub_unsigned(source.settles_after.as_secs());
    json!({"source": source.name, "step": step.as_secs(), "growing_from": growing, "series": series})
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use async_trait::async_trait;
    use tokio::time::advance;

    use super::*;
    use crate::fleet::ports::Instance;
    use crate::fleet::{Limits, Member, Observed, Rules};
    use crate::metrics::{Depth, Source};

    /// A slow source that counts how often it is asked, and refuses what it is told to.
    #[derive(Default)]
    struct Counted {
        asked: AtomicUsize,
        refused: Option<Query>,
    }

    #[async_trait]
    impl Metrics for Counted {
        fn source(&self) -> Source {
            let settles_after = Duration::from_secs(120);
            Source { name: "a test", cpu_step: 5 * MINUTE, requests_step: MINUTE, settles_after }
        }

        async fn series(&self, queries: &[Query], _: Duration, _: Duration) -> Result<Vec<Vec<Point>>, MetricsError> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            sleep(Duration::from_secs(5)).await;
            if queries.iter().any(|query| Some(query) == self.refused.as_ref()) {
                return Err(MetricsError("not allowed: add the permission x:Y".into()));
            }
            let point = |i| Point { at: Timestamp::from_second(60).unwrap(), value: f64::from(i) + 0.125 };
            Ok((0..).zip(queries).map(|(i, _)| vec![point(i)]).collect())
        }

        async fn depth(&self) -> Result<Depth, MetricsError> {
            Err(MetricsError("no queue".into()))
        }
    }

    fn json(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    /// A fleet of these, which run.
    fn fleet(ids: &[&str]) -> watch::Receiver<FleetState> {
        let running = |id: &&str| Instance::new(*id, InstanceState::Running, Timestamp::UNIX_EPOCH);
        let members = ids.iter().map(running);
        let members = members.map(|instance| Member { instance, health: None, why: None, described: true });
        let observed = Observed { instances: members.collect(), ..Observed::default() };
        let limits = Limits { min: 0, max: 5 };
        watch::channel(FleetState::at_first(observed, limits, &Rules::default())).1
    }

    #[tokio::test(start_paused = true)]
    async fn the_source_is_asked_once_a_minute_however_many_look() {
        let source = Arc::new(Counted::default());
        let charts = Charts::of(Some(source.clone()));
        let fleet = fleet(&["i-1", "i-2"]);
        for _ in 0..2 {
            let (one, other) = tokio::join!(charts.cpu(&fleet), charts.cpu(&fleet));
            assert_eq!(one, other);
        }
        assert_eq!(source.asked.load(Ordering::Relaxed), 1);
        let told = json(&charts.cpu(&fleet).await);
        assert_eq!(told["series"], json!({"i-1": [[60, 0.13]], "i-2": [[60, 1.13]]}));
        assert_eq!((&told["step"], &told["source"]), (&json!(300), &json!("a test")));
        advance(MINUTE).await;
        charts.cpu(&fleet).await;
        assert_eq!(source.asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fleet_that_was_not_observed_is_no_answer_for_a_minute() {
        let charts = Charts::of(Some(Arc::new(Counted::default())));
        let unknown = watch::channel(FleetState::unknown(Limits { min: 0, max: 5 })).1;
        assert!(json(&charts.cpu(&unknown).await)["error"].is_string());
        assert!(json(&charts.cpu(&fleet(&["i-1"])).await)["error"].is_null());
    }

    #[tokio::test(start_paused = true)]
    async fn while_nobody_looks_nothing_is_asked() {
        let source = Arc::new(Counted::default());
        let looked_at = Arc::new(AtomicBool::new(false));
        let (out, measured) = watch::channel(Arc::from("null"));
        let is_looked_at = looked_at.clone();
        let is_looked_at = move || is_looked_at.load(Ordering::Relaxed);
        tokio::spawn(Charts::of(Some(source.clone())).follow(fleet(&["i-1"]), is_looked_at, out));
        sleep(10 * MINUTE).await;
        assert_eq!((source.asked.load(Ordering::Relaxed), &**measured.borrow()), (0, "null"));
        looked_at.store(true, Ordering::Relaxed);
        sleep(MINUTE).await;
        // One question for CPU, two for requests.
        assert_eq!(source.asked.load(Ordering::Relaxed), 3);
        assert_eq!(json(&measured.borrow())["cpu"]["series"]["i-1"], json!([[60, 0.13]]));
        looked_at.store(false, Ordering::Relaxed);
        sleep(10 * MINUTE).await;
        assert_eq!(source.asked.load(Ordering::Relaxed), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_shows_in_its_own_chart() {
        let source = Arc::new(Counted { refused: Some(Query::Requests), ..Counted::default() });
        let charts = Charts::of(Some(source));
        let told = json(&charts.requests().await);
        assert_eq!(told, json!({"source": "a test", "error": "not allowed: add the permission x:Y"}));
        assert!(json(&charts.cpu(&fleet(&["i-1"])).await)["error"].is_null());

        let source = Arc::new(Counted { refused: Some(Query::RequestsEach), ..Counted::default() });
        let told = json(&Charts::of(Some(source)).requests().await);
        assert_eq!(told["series"], json!({"all": [[60, 0.13]]}));
        assert_eq!(json(&Charts::of(None).requests().await)["error"], "this cloud measures nothing");
    }
}
