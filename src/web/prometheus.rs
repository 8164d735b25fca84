//! The run's numbers for Prometheus. In: the journal's events, the newest fleet. Out: OpenMetrics text.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::command::{CommandId, Source};
use crate::daemon::journal::{Delivery, Entry, Journal};
use crate::event::Event;
use crate::fleet::{BOUNDS, Counts, FleetState, Lifecycle, Rounds};

/// What [`Meters::text`] is.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Commands whose source is remembered: what becomes of one is told within a minute.
const REMEMBERED: usize = 100;

type Labelled<const N: usize> = Family<[(&'static str, String); N], Counter>;

/// Counts since the run began.
#[derive(Debug, Default)]
pub struct Meters {
    gestures: Labelled<1>,
    taken_back: Counter,
    commands: Labelled<2>,
    launched: Counter,
    terminated: Counter,
    errors: Labelled<1>,
    cameras_lost: Counter,
    sign_ins: Labelled<1>,
    sources: Mutex<VecDeque<(CommandId, &'static str)>>,
}

impl Meters {
    /// Counts the journal's events, those before included, until it is dropped.
    pub async fn follow(&self, journal: &Journal) {
        let mut counted = 0;
        loop {
            let (entries, mut subscription) = journal.subscribe();
            entries.iter().for_each(|entry| self.see(entry, &mut counted));
            // Where events came too fast, the journal has more of them than the subscription.
            while let Some(Delivery::Event(entry)) = subscription.next().await {
                self.see(&entry, &mut counted);
            }
        }
    }

    fn see(&self, entry: &Entry, counted: &mut u64) {
        if entry.number > *counted {
            *counted = entry.number;
            self.count(&entry.stamped.event);
        }
    }

    fn count(&self, event: &Event) {
        match event {
            Event::Gesture(gesture) => one(&self.gestures, [("side", gesture.side.to_string())]),
            Event::TakenBack { .. } => many(&self.taken_back, 1),
            Event::Command(command) => {
                let mut sources = self.sources();
                sources.push_front((command.id.clone(), name(&command.source)));
                sources.truncate(REMEMBERED);
                drop(sources);
                self.outcome(&command.id, "asked");
            }
            Event::Cut { command, .. } => self.outcome(command, "cut"),
            Event::Refused { command, .. } => self.outcome(command, "refused"),
            Event::Launched(of) | Event::Preparing(of) => many(&self.launched, of.instances.len()),
            Event::Terminated { of, .. } => many(&self.terminated, of.instances.len()),
            Event::Error { code, .. } => one(&self.errors, [("code", code.clone())]),
            Event::CameraLost { .. } => many(&self.cameras_lost, 1),
            Event::SignedIn { .. } => one(&self.sign_ins, [("outcome", "done".to_owned())]),
            Event::SignInFailed { .. } => one(&self.sign_ins, [("outcome", "failed".to_owned())]),
            _ => {}
        }
    }

    fn outcome(&self, command: &CommandId, outcome: &str) {
        let source = self.sources().iter().find(|(id, _)| id == command).map_or("unknown", |(_, source)| source);
        one(&self.commands, [("source", source.to_owned()), ("outcome", outcome.to_owned())]);
    }

    fn sources(&self) -> MutexGuard<'_, VecDeque<(CommandId, &'static str)>> {
        // Each change is made whole under the lock.
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything as it is now. There were so many readings, and `streams` are open.
    pub fn text(&self, fleet: &FleetState, cloud: Counts, readings: u64, streams: usize) -> String {
        let mut registry = Registry::with_prefix("handwave");
        let read = Counter::<u64>::default();
        read.inc_by(readings);
        registry.register("readings", "Pictures in which hands were looked for", read);
        registry.register("gestures", "Gestures that were held long enough", self.gestures.clone());
        registry.register("gestures_taken_back", "Retires taken back in their countdown", self.taken_back.clone());
        registry.register("commands", "Commands by who asked and what became of them", self.commands.clone());
        registry.register("instances_launched", "Instances launched", self.launched.clone());
        registry.register("instances_terminated", "Instances terminated", self.terminated.clone());
        registry.register("cloud_errors", "Errors told, once an outage, by the cloud's code", self.errors.clone());
        let calls = Labelled::<2>::default();
        for ((action, code), n) in cloud.calls {
            calls.get_or_create(&[("action", action.to_owned()), ("code", code)]).inc_by(n);
        }
        registry.register("cloud_calls", "Calls to the cloud, by action and the cloud's code", calls);
        let rounds = "Looks at the cloud with what was done on them";
        registry.register_with_unit("reconcile", rounds, Unit::Seconds, Histogram(cloud.rounds));
        registry.register("camera_losses", "Times that the camera was lost", self.cameras_lost.clone());
        registry.register("sign_ins", "Sign-ins to the web page", self.sign_ins.clone());
        // What was not seen is left out, never zero.
        if fleet.observed.is_some() {
            let instances = Family::<[(&'static str, String); 1], Gauge>::default();
            let lifecycles = fleet.lifecycles();
            for lifecycle in Lifecycle::ALL {
                let count = lifecycles.get(&lifecycle).copied().unwrap_or(0);
                instances.get_or_create(&[("state", lifecycle.to_string())]).set(count as i64);
            }
            registry.register("instances", "Instances by state, as last seen", instances);
            gauge(&mut registry, "fleet_count", "Instances that the limits bound, as last seen", fleet.count());
        }
        for (name, help, value) in [
            ("fleet_min", "The fewest instances that commands leave", fleet.limits.min),
            ("fleet_max", "The most instances that commands lead to", fleet.limits.max),
            ("fleet_settled", "1 while nothing changes and the cloud is believed", fleet.settled.into()),
            ("cloud_failing", "1 while the cloud does not answer", fleet.failing_since.is_some().into()),
            ("web_streams", "Open pages: a browser's tabs share one", streams),
        ] {
            gauge(&mut registry, name, help, value);
        }
        let mut text = String::new();
        encode(&mut text, &registry).expect("a string takes all that is written to it");
        text
    }
}

/// The rounds, for the registry.
#[derive(Debug)]
struct Histogram(Rounds);

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> std::fmt::Result {
        let Histogram(Rounds { by_bound, total }) = self;
        let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(by_bound.iter().copied()).collect();
        encoder.encode_histogram::<NoLabelSet>(total.as_secs_f64(), by_bound.iter().sum(), &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

fn one<const N: usize>(of: &Labelled<N>, labels: [(&'static str, String); N]) {
    of.get_or_create(&labels).inc();
}

fn many(of: &Counter, n: usize) {
    of.inc_by(n as u64);
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: usize) {
    let gauge = Gauge::<i64>::default();
    gauge.set(value as i64);
    registry.register(name, help, gauge);
}

fn name(source: &Source) -> &'static str {
    match source {
        Source::Gesture(_) => "gesture",
        Source::CommandLine { .. } => "command-line",
        Source::Web { .. } => "web",
        Source::Policy { .. } => "policy",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::command::{Action, Command};
    use crate::event::{Affected, Stamped};
    use crate::fleet::{Limits, Observed};

    #[tokio::test]
    async fn each_event_is_counted_once_also_those_before() {
        let journal = Journal::new(None);
        let web = Source::Web { user: "anna".into(), address: "127.0.0.1".into() };
        let command = Command::new(web, Action::ScaleOut(3));
        let of = Affected { instances: vec!["i-1".into(), "i-2".into()], command: Some(command.id.clone()) };
        let refused = Event::Refused { command: command.id.clone(), reason: "no".into() };
        let code = "quote\" and \\".to_owned();
        let error = Event::Error { code, message: "markup".into(), instances: Vec::new(), command: None };
        for event in [Event::Command(command), Event::Launched(of), refused, error] {
            journal.write(Stamped::now(event));
        }
        let meters = Meters::default();
        tokio::select! {
            () = meters.follow(&journal) => panic!("the journal goes on"),
            () = async {
                tokio::task::yield_now().await;
                journal.write(Stamped::now(Event::SignInFailed { reason: "wrong".into(), address: "127.0.0.1".into() }));
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            } => {}
        }
        let unseen = FleetState::unknown(Limits { min: 1, max: 5 });
        assert!(
            !meters.text(&unseen, Counts::default(), 0, 0).contains("handwave_instances{"),
            "what was not seen is not zero"
        );
        let mut cloud = Counts::default();
        cloud.calls.insert(("launch", "InsufficientInstanceCapacity".into()), 2);
        cloud.rounds = Rounds { by_bound: [3, 0, 0, 0, 0, 0, 0, 0, 1], total: std::time::Duration::from_secs(40) };
        let text = meters.text(&FleetState { observed: Some(Observed::default()), ..unseen }, cloud, 7, 2);
        for line in [
            r#"handwave_commands_total{source="web",outcome="asked"} 1"#,
            r#"handwave_commands_total{source="web",outcome="refused"} 1"#,
            "handwave_instances_launched_total 2",
            r#"handwave_instances{state="in service"} 0"#,
            r#"handwave_cloud_errors_total{code="quote\" and \\"} 1"#,
            r#"handwave_sign_ins_total{outcome="failed"} 1"#,
            "handwave_fleet_max 5",
            "handwave_readings_total 7",
            "handwave_web_streams 2",
            r#"handwave_cloud_calls_total{action="launch",code="InsufficientInstanceCapacity"} 2"#,
            r#"handwave_reconcile_seconds_bucket{le="0.1"} 3"#,
            r#"handwave_reconcile_seconds_bucket{le="+Inf"} 4"#,
            "handwave_reconcile_seconds_count 4",
            "handwave_reconcile_seconds_sum 40.0",
            "# EOF",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn the_dashboard_asks_for_what_is_there() {
        fn queries(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(fields) => fields.iter().for_each(|(name, value)| match value {
                    Value::String(query) if name == "expr" => found.push(query.clone()),
                    _ => queries(value, found),
                }),
                Value::Array(all) => all.iter().for_each(|value| queries(value, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        queries(&serde_json::from_str(include_str!("../../docs/grafana.json")).unwrap(), &mut found);
        assert!(found.len() > 8, "{found:?}");
        let observed = Some(Observed::default());
        let fleet = FleetState { observed, ..FleetState::unknown(Limits { min: 1, max: 5 }) };
        let meters = Meters::default();
        // What has no label yet is not told.
        for (of, label) in [(&meters.gestures, "side"), (&meters.errors, "code"), (&meters.sign_ins, "outcome")] {
            one(of, [(label, String::new())]);
        }
        meters.outcome(&CommandId("c".into()), "asked");
        let mut cloud = Counts::default();
        cloud.calls.insert(("list", "ok".into()), 1);
        let text = meters.text(&fleet, cloud, 0, 0);
        let metrics: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
        let series = |(name, kind): &(&str, &str)| match *kind {
            "counter" => format!("{name}_total"),
            "histogram" => format!("{name}_bucket"),
            _ => name.to_string(),
        };
        let names: Vec<String> = metrics.iter().map(series).collect();
        for query in &found {
            for rest in query.split("handwave_").skip(1) {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                let name = format!("handwave_{}", &rest[..end]);
                assert!(names.contains(&name), "{query}: there is no {name}, only {names:?}");
            }
        }
        // And it leaves none out.
        for name in names {
            assert!(found.iter().any(|query| query.contains(&name)), "no panel shows {name}");
        }
    }
}
