//! Random histories through the task, the reconciler and the simulated cloud: loads, measurements that fail or lie for
//! a moment, a cloud that fails, people, pauses, clocks that jump, restarts, two at once. Whatever happens, the
//! promises of docs/policies.md hold. They are judged by what took effect, without the code that decided it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use handwave::clouds::simulated::{Call, Effect, Fault, Front, Past, Profile, Simulated, Times};
use handwave::command::{Action, Command, CommandId, InstanceId, Source};
use handwave::event::{Event, Stamped};
use handwave::fleet::ports::{CloudError, ErrorKind, InstanceState, RETIRING_TAG};
use handwave::fleet::{Handle, Leases, Limits, Outcome, Pool, Reconciler, Timing};
use handwave::metrics::{self, Depth, Metrics, MetricsError, Point, Query};
use handwave::policy::Settings;
use handwave::policy::follow::{Follow, Policies};
use proptest::prelude::*;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::task::{Wall, settings};

const MINUTE: Duration = Duration::from_secs(60);

/// How the next answers of the metrics are wrong.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    /// Every other instance has no points, and a queue's count is missing.
    Partial,
    /// The newest two minutes are missing.
    Late,
    /// Nothing is measured at all, since the source is stale.
    Stale,
    /// The load looks a tenth of what it is, in one answer.
    Low,
}

/// What is asked for measurements, by all processes.
#[derive(Default)]
struct Asked {
    wrong: Vec<Wrong>,
    answers: Vec<Answer>,
}

/// The simulated cloud's metrics for one process, which note what was asked and how it was answered.
struct Witness {
    cloud: Simulated,
    process: usize,
    asked: Arc<Mutex<Asked>>,
}

#[derive(Clone, Copy, Debug)]
struct Answer {
    at: Instant,
    process: usize,
    call: Call,
    /// Whether anything was measured.
    complete: bool,
}

impl Witness {
    fn note(&self, call: Call, complete: bool) {
        let answer = Answer { at: Instant::now(), process: self.process, call, complete };
        self.asked.lock().unwrap().answers.push(answer);
    }

    fn next_wrong(&self) -> Option<Wrong> {
        self.asked.lock().unwrap().wrong.pop()
    }
}

#[async_trait]
impl Metrics for Witness {
    fn source(&self) -> metrics::Source {
        self.cloud.source()
    }

    async fn series(&self, queries: &[Query], last: Duration, step: Duration) -> Result<Vec<Vec<Point>>, MetricsError> {
        // A question that is never answered is none.
        self.note(Call::Series, false);
        let mut answers = self.cloud.series(queries, last, step).await?;
        match self.next_wrong() {
            None => {}
            Some(Wrong::Partial) => answers.iter_mut().step_by(2).for_each(Vec::clear),
            Some(Wrong::Late) => answers.iter_mut().for_each(|points| points.truncate(points.len().saturating_sub(2))),
            Some(Wrong::Stale) => answers.iter_mut().for_each(Vec::clear),
            Some(Wrong::Low) => answers.iter_mut().flatten().for_each(|point| point.value /= 10.0),
        }
        self.note(Call::Series, answers.iter().any(|points| !points.is_empty()));
        Ok(answers)
    }

    async fn depth(&self) -> Result<Depth, MetricsError> {
        self.note(Call::Depth, false);
        let depth = self.cloud.depth().await?;
        let depth = match self.next_wrong() {
            None | Some(Wrong::Late) => depth,
            Some(Wrong::Partial | Wrong::Stale) => {
                return Err(MetricsError("ApproximateNumberOfMessages is missing".to_owned()));
            }
            Some(Wrong::Low) => Depth { visible: depth.visible / 10, in_flight: depth.in_flight / 10, delayed: 0 },
        };
        self.note(Call::Depth, true);
        Ok(depth)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Minutes(u32),
    /// The next answers of the metrics are wrong.
    Wrong(Wrong, usize),
    /// The next questions for measurements fail: denied, throttled, without an answer, the queue is gone.
    Fails(Call, Fault, usize),
    /// The fleet's own calls fail.
    CloudFails(Call, Fault),
    Launch(usize),
    Retire(usize),
    Pause {
        run: bool,
        page: bool,
    },
    ClockJumps(i64),
    /// The process is killed and started again.
    Restart,
    /// Another process follows the same policies for a while.
    Two(u32),
    /// An instance ends by itself.
    Reap(usize),
    Sick(usize, bool),
}

#[derive(Clone, Debug)]
struct History {
    follow: &'static str,
    rules: (usize, usize),
    front: Front,
    limits: Limits,
    first: usize,
    load: String,
    steps: Vec<Step>,
}

fn error(kind: ErrorKind, code: &'static str) -> Fault {
    Fault::Before(CloudError::new(kind, code, "told to fail"))
}

fn metrics_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(error(ErrorKind::Refused, "AccessDenied")),
        Just(error(ErrorKind::Throttled, "Throttling")),
        Just(error(ErrorKind::NotFound, "AWS.SimpleQueueService.NonExistentQueue")),
        Just(Fault::Hang { effect: false }),
        Just(Fault::Empty),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let wrong = prop_oneof![Just(Wrong::Partial), Just(Wrong::Late), Just(Wrong::Stale), Just(Wrong::Low)];
    let asked = prop_oneof![Just(Call::Series), Just(Call::Depth)];
    let call = prop_oneof![Just(Call::List), Just(Call::Health), Just(Call::Launch), Just(Call::Tag)];
    let fault = prop_oneof![
        Just(error(ErrorKind::Throttled, "Throttling")),
        Just(error(ErrorKind::Capacity, "InsufficientInstanceCapacity")),
        Just(Fault::After(CloudError::no_answer("told to fail"))),
        Just(Fault::Before(CloudError::no_answer("told to fail"))),
    ];
    prop_oneof![
        12 => (1..6u32).prop_map(Step::Minutes),
        3 => (wrong, 1..8usize).prop_map(|(wrong, n)| Step::Wrong(wrong, n)),
        3 => (asked, metrics_fault(), 1..8usize).prop_map(|(call, fault, n)| Step::Fails(call, fault, n)),
        1 => (call, fault).prop_map(|(call, fault)| Step::CloudFails(call, fault)),
        2 => (1..4usize).prop_map(Step::Launch),
        2 => (1..4usize).prop_map(Step::Retire),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(run, page)| Step::Pause { run, page }),
        1 => (-7200..7200i64).prop_map(Step::ClockJumps),
        1 => Just(Step::Restart),
        1 => (1..8u32).prop_map(Step::Two),
        1 => (0..8usize).prop_map(Step::Reap),
        1 => (0..8usize, any::<bool>()).prop_map(|(i, sick)| Step::Sick(i, sick)),
    ]
}

fn load() -> impl Strategy<Value = String> {
    let rate = prop_oneof![Just(0u32), 1..60u32, 60..600u32];
    let piece = (any::<bool>(), rate, 1..15u32).prop_map(|(ramps, rate, minutes)| match ramps {
        true => format!("ramp to {rate} over {minutes}m"),
        false => format!("steady {rate} for {minutes}m"),
    });
    prop::collection::vec(piece, 1..6).prop_map(|pieces| pieces.join(", ") + ", repeat")
}

fn history() -> impl Strategy<Value = History> {
    let follow = prop_oneof![Just("\"cpu\""), Just("\"queue\""), Just("\"cpu\", \"queue\"")];
    let front = prop_oneof![Just(Front::Classic), Just(Front::TargetGroups(1)), Just(Front::Nothing)];
    let steps = prop::collection::vec(step(), 1..12);
    (follow, (0..2usize, 0..2usize), front, (0..3usize, 0..8usize), 0..9usize, load(), steps).prop_map(
        |(follow, rules, front, (min, more), first, load, steps)| {
            let limits = Limits { min, max: min + more };
            History { follow, rules, front, limits, first, load, steps }
        },
    )
}

/// A process that follows the policies.
struct Process {
    fleet: Handle,
    policies: Policies,
    events: UnboundedReceiver<Stamped>,
    tasks: (JoinHandle<handwave::fleet::FleetState>, JoinHandle<()>),
    /// When it began.
    began: Instant,
}

struct World {
    cloud: Simulated,
    asked: Arc<Mutex<Asked>>,
    wall: Wall,
    settings: Settings,
    limits: Limits,
    /// What people did, with the fleet's count after it: when, whether they launched, which process.
    people: Vec<(Instant, bool, usize)>,
    /// When each process began: a start counts as a person.
    starts: Vec<Instant>,
    /// Commands of policies, in words.
    policies: BTreeMap<CommandId, String>,
}

impl World {
    fn start(&mut self) -> Process {
        let (tell, events) = unbounded_channel();
        let (fleet, reconciler) = Reconciler::spawn(
            self.cloud.ports(),
            self.limits,
            Pool::default(),
            Leases::default(),
            Timing::default(),
            tell.clone(),
        );
        let (cloud, process, asked) = (self.cloud.clone(), self.starts.len(), self.asked.clone());
        let (metrics, settings) = (Arc::new(Witness { cloud, process, asked }), self.settings.clone());
        let wall = self.wall.clock();
        let follow = Follow { settings, metrics, fleet: fleet.clone(), events: tell, wall };
        let (policies, task) = follow.spawn();
        policies.pause_run(false);
        self.starts.push(Instant::now());
        Process { fleet, policies, events, tasks: (reconciler, task), began: Instant::now() }
    }

    /// Kills it, and keeps what it told.
    fn kill(&mut self, mut process: Process) {
        process.tasks.0.abort();
        process.tasks.1.abort();
        self.hear(&mut process);
    }

    fn hear(&mut self, process: &mut Process) {
        while let Ok(stamped) = process.events.try_recv() {
            if let Event::Command(command) = stamped.event
                && !command.source.is_person()
            {
                let of =
                    format!("{}{} of the process that began at {:?}", command.action, command.source, process.began);
                self.policies.insert(command.id.clone(), of);
            }
        }
    }

    async fn person(&mut self, process: &Process, action: Action) {
        let launches = matches!(action, Action::ScaleOut(_));
        let source = Source::CommandLine { user: Some("anna".into()) };
        let answer = process.fleet.send(Command::new(source, action));
        if let Ok(Outcome::Done { .. }) = answer.await {
            self.people.push((Instant::now(), launches, process.fleet.state().borrow().count()));
        }
    }
}

async fn play(history: &History) -> Result<(), TestCaseError> {
    let rule = |from, to: [&'static str; 2], i: usize| (from, to[i]);
    let settings = settings(&[
        ("follow = []", &format!("follow = [{}]", history.follow)),
        rule("rule = \"target\"", ["rule = \"target\"", "rule = \"thresholds\""], history.rules.0),
        rule("rule = \"backlog\"", ["rule = \"backlog\"", "rule = \"halves-and-tenths\""], history.rules.1),
    ]);
    let cloud = Simulated::behind(history.front, Times::default(), 1);
    let cloud = cloud.loaded(Profile::parse(&history.load).unwrap(), Duration::from_millis(600));
    cloud.keep_history();
    cloud.add_in_service(history.first);
    let mut world = World {
        cloud: cloud.clone(),
        asked: Arc::default(),
        wall: Wall::new(),
        settings,
        limits: history.limits,
        people: Vec::new(),
        starts: Vec::new(),
        policies: BTreeMap::new(),
    };
    let mut process = world.start();
    sleep(11 * MINUTE).await;
    for step in &history.steps {
        match step {
            Step::Minutes(n) => sleep(*n * MINUTE).await,
            Step::Wrong(wrong, n) => world.asked.lock().unwrap().wrong.extend(vec![*wrong; *n]),
            Step::Fails(call, fault, n) => (0..*n).for_each(|_| cloud.fail_next(*call, fault.clone())),
            Step::CloudFails(call, fault) => cloud.fail_next(*call, fault.clone()),
            Step::Launch(n) => world.person(&process, Action::ScaleOut(*n)).await,
            Step::Retire(n) => world.person(&process, Action::ScaleIn(*n)).await,
            Step::Pause { run, page } => {
                process.policies.pause_run(*run);
                process.policies.pause_by_page(*page);
            }
            Step::ClockJumps(seconds) => world.wall.jump(*seconds),
            Step::Restart => {
                let killed = std::mem::replace(&mut process, world.start());
                world.kill(killed);
            }
            Step::Two(n) => {
                let other = world.start();
                sleep(*n * MINUTE).await;
                world.kill(other);
            }
            Step::Reap(i) => {
                if let Some(id) = alive(&cloud).get(*i) {
                    cloud.reap(id);
                }
            }
            Step::Sick(i, sick) => {
                if let Some(id) = alive(&cloud).get(*i) {
                    cloud.set_sick(id, *sick);
                }
            }
        }
        world.hear(&mut process);
    }
    sleep(2 * MINUTE).await;
    world.kill(process);
    judge(&world, &cloud.history(), &world.asked.lock().unwrap().answers)
}

fn alive(cloud: &Simulated) -> Vec<InstanceId> {
    let lives = |state| matches!(state, InstanceState::Pending | InstanceState::Running);
    cloud.truth().iter().filter(|of| lives(of.state) && !of.retiring).map(|of| of.id.clone()).collect()
}

/// Holds all that took effect to the promises.
fn judge(world: &World, pasts: &[Past], answers: &[Answer]) -> Result<(), TestCaseError> {
    let hold = world.settings.hold;
    for past in pasts {
        let lives = |state| matches!(state, InstanceState::Pending | InstanceState::Running);
        let count = past.before.iter().filter(|of| of.ours && lives(of.state) && !of.retiring).count();
        let since = |at: &Instant| past.at.checked_duration_since(*at);
        // Calls take their time: what was done within a second before is in flight still.
        let held = |at: &Instant| since(at).is_some_and(|age| age > Duration::from_secs(2) && age < hold - MINUTE / 30);
        let last = world.people.iter().rfind(|(at, ..)| *at <= past.at);
        match &past.effect {
            Effect::Launched { command, ids, .. } => {
                let Some(of) = world.policies.get(command) else { continue };
                prop_assert!(count + ids.len() <= world.limits.max, "launched beyond the maximum");
                if let Some((at, false, reached)) = last.filter(|(at, ..)| held(at)) {
                    prop_assert!(
                        count + ids.len() <= *reached,
                        "a retire at {at:?} is undone at {:?} by {of}",
                        past.at
                    );
                }
            }
            Effect::Tagged { key, ids, .. } if key == RETIRING_TAG => {
                let is_new = |id: &&InstanceId| past.before.iter().any(|of| of.id == **id && !of.retiring);
                let goes = ids.iter().filter(is_new).count();
                let is_persons = world.people.iter().any(|(at, launches, _)| {
                    !launches && at.checked_duration_since(past.at).is_some_and(|age| age < Duration::from_secs(45))
                });
                if is_persons || goes == 0 {
                    continue;
                }
                prop_assert!(count >= world.limits.min + goes, "retired below the minimum");
                if let Some((at, true, reached)) = last.filter(|(at, ..)| held(at)) {
                    prop_assert!(count - goes >= *reached, "a launch at {at:?} is undone");
                }
                let started = world.starts.iter().filter_map(since).any(|age| age >= hold - MINUTE / 30);
                prop_assert!(started, "retired soon after every start");
                let why: Vec<String> =
                    (0..world.starts.len()).filter_map(|of| unknown(past.at, of, &world.settings, answers)).collect();
                prop_assert!(why.len() < world.starts.len(), "retired on what is not known: {why:?}");
            }
            _ => {}
        }
    }
    Ok(())
}

/// Why this process cannot have known, at the time of a retire, that the fleet may shrink: its last answers were not
/// complete, or too few of those in the window before.
fn unknown(at: Instant, process: usize, settings: &Settings, answers: &[Answer]) -> Option<String> {
    let Settings { window, every, covered, .. } = *settings;
    let before = answers.iter().filter(|answer| answer.process == process && answer.at <= at);
    let recent: Vec<&Answer> = before.filter(|answer| at - answer.at <= window + every).collect();
    if recent.is_empty() {
        return Some("nothing was asked".to_owned());
    }
    for call in [Call::Series, Call::Depth] {
        let asked: Vec<&&Answer> = recent.iter().filter(|answer| answer.call == call).collect();
        let Some(last) = asked.last() else { continue };
        if !last.complete {
            return Some(format!("the last answer to {call:?} was none"));
        }
        // Answers to one look come within seconds; each look stands for one period.
        let mut looks: Vec<Instant> = Vec::new();
        for answer in asked.iter().filter(|answer| answer.complete) {
            if looks.last().is_none_or(|last| answer.at - *last > every / 2) {
                looks.push(answer.at);
            }
        }
        if every.as_secs_f32() * (looks.len() as f32) < covered * window.as_secs_f32() - 1.0 {
            return Some(format!("{} looks had an answer to {call:?}", looks.len()));
        }
    }
    None
}

fn holds(history: &History) -> Result<(), TestCaseError> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(play(history))
}

// Two tests, as they run beside each other.
proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_500) })]

    #[test]
    fn whatever_happens_the_fleet_keeps_the_promises(history in history()) {
        holds(&history)?;
    }

    #[test]
    fn whatever_else_happens_too(history in history()) {
        holds(&history)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn at_constant_load_nothing_changes_after_a_window(
        follow in prop_oneof![Just("\"cpu\""), Just("\"queue\""), Just("\"cpu\", \"queue\"")],
        rules in 0..2usize,
        rate in 0..900u32,
        first in 1..10usize,
    ) {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let settings = settings(&[
                ("follow = []", &format!("follow = [{follow}]")),
                ("rule = \"target\"", ["rule = \"target\"", "rule = \"thresholds\""][rules]),
            ]);
            let cloud = Simulated::behind(Front::Classic, Times::default(), 1);
            let cloud = cloud.loaded(Profile::steady(rate.into()), Duration::from_millis(600));
            cloud.add_in_service(first);
            let mut world = World {
                cloud: cloud.clone(),
                asked: Arc::default(),
                wall: Wall::new(),
                settings,
                limits: Limits { min: 1, max: 10 },
                people: Vec::new(),
                starts: Vec::new(),
                policies: BTreeMap::new(),
            };
            let process = world.start();
            // With thresholds one instance is ended in each window.
            sleep(90 * MINUTE).await;
            let settled = process.fleet.state().borrow().count();
            cloud.keep_history();
            sleep(60 * MINUTE).await;
            let changes = cloud.history().iter().filter(|past| !matches!(past.effect, Effect::Registered(_))).count();
            prop_assert!(changes == 0, "{changes} changes after it had {settled}");
            prop_assert!(process.began.elapsed() > 100 * MINUTE);
            Ok(())
        })?;
    }
}
