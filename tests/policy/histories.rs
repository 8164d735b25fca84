//! Random histories of loads, gaps, clocks and people: whatever happens, the promises of docs/policies.md hold.

use std::time::Duration;

use handwave::config::{Config, SHIPPED};
use handwave::fleet::{Limits, Said, What};
use handwave::metrics::{Depth, MetricsError};
use handwave::policy::Settings;
use handwave::policy::bounds::bounds;
use handwave::policy::cpu;
use handwave::policy::decide::{Decision, decide};
use handwave::policy::history::History;
use handwave::policy::need::{Fleet, Measured, Need};
use handwave::policy::queue;
use proptest::prelude::*;

const MINUTE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
enum Moment {
    /// Loads, of which the last so many instances of the fleet have none yet.
    Cpu(Vec<Option<f64>>, usize),
    Queue(Result<Depth, MetricsError>),
    Both(Vec<Option<f64>>, Result<Depth, MetricsError>),
    Person(What, usize),
    Later(u64),
    Earlier(u64),
}

fn loads() -> impl Strategy<Value = Vec<Option<f64>>> {
    let load = prop_oneof![4 => (0.0..100.0f64).prop_map(Some), 2 => Just(Some(10.0)), 1 => Just(None)];
    prop::collection::vec(load, 0..8)
}

fn depth() -> impl Strategy<Value = Result<Depth, MetricsError>> {
    let count = || prop_oneof![4 => 0..60u64, 3 => Just(0)];
    let counts = (count(), count(), count());
    let depth = counts.prop_map(|(visible, in_flight, delayed)| Ok(Depth { visible, in_flight, delayed }));
    prop_oneof![2 => depth, 1 => Just(Err(MetricsError("no answer".into())))]
}

fn moment() -> impl Strategy<Value = Moment> {
    let what = prop_oneof![Just(What::Launch), Just(What::Retire), Just(What::Start)];
    prop_oneof![
        6 => (loads(), 0..3usize).prop_map(|(loads, warming)| Moment::Cpu(loads, warming)),
        6 => depth().prop_map(Moment::Queue),
        4 => (loads(), depth()).prop_map(|(loads, depth)| Moment::Both(loads, depth)),
        2 => (what, 0..12usize).prop_map(|(what, n)| Moment::Person(what, n)),
        1 => (1..900u64).prop_map(Moment::Later),
        1 => (1..900u64).prop_map(Moment::Earlier),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    (0..2usize, 0..2usize, 50.0..90.0f64, 1.0..49.0f64).prop_map(|(cpu, queue, upper, lower)| {
        let text = SHIPPED
            .replace("rule = \"target\"", ["rule = \"target\"", "rule = \"thresholds\""][cpu])
            .replace("rule = \"backlog\"", ["rule = \"backlog\"", "rule = \"halves-and-tenths\""][queue])
            .replace("upper = 80.0", &format!("upper = {upper:.1}"))
            .replace("lower = 30.0", &format!("lower = {lower:.1}"));
        Config::parse(&text, "the test's").unwrap().policy
    })
}

/// One decision, and all that it was made of.
struct Made {
    at: Duration,
    needs: Vec<Need>,
}

/// Holds a decision to the promises, without the code that made it.
fn judge(
    settings: &Settings,
    limits: Limits,
    made: &[Made],
    count: usize,
    said: Option<&(Said, Duration)>,
    reach: usize,
) -> Result<(), TestCaseError> {
    let Made { at: now, needs } = made.last().unwrap();
    if let Some((said, at)) = said {
        let holds = now.saturating_sub(*at) < settings.hold;
        let (floor, ceiling) = (said.what != What::Retire, said.what != What::Launch);
        prop_assert!(!(holds && floor && reach < count && reach < said.count), "a launch is undone");
        prop_assert!(!(holds && ceiling && reach > count && reach > said.count), "a retire is undone");
    }
    if reach > count {
        prop_assert!(reach <= limits.max);
        prop_assert!(needs.iter().any(|need| need.out_to().is_some_and(|n| n >= reach)), "more than is needed");
        return Ok(());
    }
    prop_assert!(reach < count && reach >= limits.min);
    prop_assert!(needs.iter().all(|need| need.in_to().is_some()), "in on what is not known");
    // Since the clock last ran back.
    let begins = made.windows(2).rposition(|two| two[0].at > two[1].at).map_or(0, |i| i + 1);
    let window: Vec<&Made> = made[begins..].iter().filter(|one| *now - one.at <= settings.window).collect();
    let known = window.iter().filter(|one| one.needs.iter().all(|need| need.in_to().is_some())).count();
    let longest = settings.every.as_secs_f32() * known as f32;
    prop_assert!(longest >= settings.covered * settings.window.as_secs_f32() - 0.01, "in on {known} moments");
    let needed = window.iter().flat_map(|one| &one.needs).filter_map(|need| need.in_to().or(need.out_to())).max();
    prop_assert!(reach >= needed.unwrap_or(0), "{needed:?} were needed");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(5_000) })]

    #[test]
    fn whatever_happens_the_promises_hold(
        settings in settings(),
        moments in prop::collection::vec(moment(), 1..60),
        min in 0..3usize,
        more in 0..10usize,
        first in 0..12usize,
    ) {
        let limits = Limits { min, max: min + more };
        let (mut now, mut count, mut said) = (Duration::from_secs(10_000), first, None);
        let mut history = History::new(settings.window, settings.every);
        let mut made: Vec<Made> = Vec::new();
        for moment in moments {
            let of_cpu = |loads: &[Option<f64>], warming| cpu::need(&settings.cpu, loads, Fleet { count, warming });
            let measured: Vec<Measured> = match moment {
                Moment::Cpu(loads, warming) => vec![of_cpu(&loads, warming)],
                Moment::Queue(depth) => vec![queue::need(&settings.queue, &depth)],
                Moment::Both(loads, depth) => vec![of_cpu(&loads, 0), queue::need(&settings.queue, &depth)],
                Moment::Person(what, n) => {
                    count = n;
                    said = Some((Said { what, by: String::new(), count: n }, now));
                    continue;
                }
                Moment::Later(seconds) => {
                    now += Duration::from_secs(seconds);
                    continue;
                }
                Moment::Earlier(seconds) => {
                    now = now.saturating_sub(Duration::from_secs(seconds));
                    continue;
                }
            };
            let needs: Vec<Need> = measured.iter().map(|one| one.need.clone()).collect();
            history.push(now, needs.clone());
            made.push(Made { at: now, needs });
            let held = said.as_ref().and_then(|(said, at)| bounds(said, now.saturating_sub(*at), settings.hold));
            if let Decision::Reach(n, _) =
                decide(&measured, &history, count, held.as_ref(), limits, settings.covered)
            {
                judge(&settings, limits, &made, count, said.as_ref(), n)?;
                count = n;
            }
            now += MINUTE;
        }
    }

    #[test]
    fn at_constant_load_nothing_changes_after_a_window(
        settings in settings(),
        // All of the fleet's work, in percent of one instance.
        work in 0.0..900.0f64,
        first in 1..12usize,
    ) {
        let limits = Limits { min: 1, max: 12 };
        let (mut count, mut changed) = (first, 0);
        let mut history = History::new(settings.window, settings.every);
        // With thresholds an instance is ended after each window.
        let last_change = 12 * 6;
        for minute in 0..3 * last_change {
            let loads = vec![Some((work / count as f64).min(100.0)); count];
            let measured = [cpu::need(&settings.cpu, &loads, Fleet { count, warming: 0 })];
            history.push(minute * MINUTE, vec![measured[0].need.clone()]);
            if let Decision::Reach(n, _) = decide(&measured, &history, count, None, limits, settings.covered) {
                (count, changed) = (n, minute);
            }
        }
        prop_assert!(changed <= last_change, "the last change came after {changed} minutes");
    }
}
