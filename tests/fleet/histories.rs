//! Random histories of commands, faults and kills on paused time, held against what the simulated cloud really did.
//! Each invariant names the fleet rule it comes from.
//!
//! A history that fails is kept by its seed in `histories.seeds`: the run that finds it adds the line. A seed is a
//! history only as long as the strategies below stay as they are, so the shrunk history goes into `kept` with the fix.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use handwave::clouds::simulated::{Call, Effect, Fault, Front, Past, Simulated, Times, Truth};
use handwave::command::{Action, Command, InstanceId, Source};
use handwave::fleet::ports::{CloudError, ErrorKind, InstanceState, RETIRING_TAG};
use handwave::fleet::{FleetState, Handle, Leases, Limits, Pool, Reconciler, Timing};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, FailurePersistence, FileFailurePersistence, TestError, TestRunner};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

const HISTORIES: u32 = 10_000;
const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fleet/histories.seeds");

/// The longest that a command may be in hand: 10 s to start, 30 s of trying again, calls that hang. It can't take
/// account of what is lost meanwhile.
const STALE: Duration = Duration::from_secs(75);

#[derive(Clone, Debug)]
struct History {
    seed: u64,
    front: Front,
    limits: Limits,
    start: usize,
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    Wait(Duration),
    ScaleOut(usize),
    ScaleIn(usize),
    /// Instances by their number, strangers among them, and an id that does not exist.
    Terminate(Vec<Index>),
    Fail(Call, Failure, usize),
    /// The process is killed here, and another one started.
    Kill,
    /// The process is killed in the next call of this kind, with or without its effect.
    KillIn(Call, bool),
    Room(usize),
    Doom,
    Sick(Index, bool),
    Protect(Index, bool),
    /// An instance turns out to be in another network than the balancer, or no longer.
    Elsewhere(Index, bool),
    Stop(Index),
    Reap(Index),
}

#[derive(Clone, Copy, Debug)]
enum Failure {
    Throttled,
    Expired,
    Unauthorized,
    ServerError,
    LostReply,
    Hang(bool),
    Empty,
}

fn steps() -> impl Strategy<Value = Step> {
    use Call::*;
    let call = || prop::sample::select(vec![List, Find, Health, Launch, Tag, Register, Deregister, Terminate]);
    let failure = prop_oneof![
        Just(Failure::Throttled),
        Just(Failure::Expired),
        Just(Failure::Unauthorized),
        Just(Failure::ServerError),
        Just(Failure::LostReply),
        any::<bool>().prop_map(Failure::Hang),
        Just(Failure::Empty),
    ];
    prop_oneof![
        4 => (0u64..3000).prop_map(|ms| Step::Wait(Duration::from_millis(ms))),
        2 => (3u64..60).prop_map(|s| Step::Wait(Duration::from_secs(s))),
        5 => (1usize..6).prop_map(Step::ScaleOut),
        5 => (1usize..6).prop_map(Step::ScaleIn),
        2 => prop::collection::vec(any::<Index>(), 1..4).prop_map(Step::Terminate),
        6 => (call(), failure, 1usize..4).prop_map(|(call, failure, n)| Step::Fail(call, failure, n)),
        2 => Just(Step::Kill),
        3 => (call(), any::<bool>()).prop_map(|(call, effect)| Step::KillIn(call, effect)),
        1 => (0usize..4).prop_map(Step::Room),
        1 => Just(Step::Doom),
        1 => (any::<Index>(), any::<bool>()).prop_map(|(i, yes)| Step::Sick(i, yes)),
        1 => (any::<Index>(), any::<bool>()).prop_map(|(i, yes)| Step::Protect(i, yes)),
        1 => (any::<Index>(), any::<bool>()).prop_map(|(i, yes)| Step::Elsewhere(i, yes)),
        1 => any::<Index>().prop_map(Step::Stop),
        1 => any::<Index>().prop_map(Step::Reap),
    ]
}

fn histories() -> impl Strategy<Value = History> {
    let limits = (0usize..3, 0usize..4).prop_map(|(min, more)| Limits { min, max: min + more + 2 });
    let front = prop_oneof![
        3 => Just(Front::Classic),
        1 => Just(Front::TargetGroups(1)),
        2 => Just(Front::TargetGroups(2)),
        1 => Just(Front::Nothing),
    ];
    (any::<u64>(), front, limits, 0usize..6, prop::collection::vec(steps(), 1..16))
        .prop_map(|(seed, front, limits, start, steps)| History { seed, front, limits, start, steps })
}

fn fault(call: Call, failure: Failure) -> Fault {
    let error = |kind, code| CloudError::new(kind, code, "told to fail");
    match failure {
        Failure::Throttled => Fault::Before(error(ErrorKind::Throttled, "Throttling")),
        Failure::Expired => Fault::Before(error(ErrorKind::Expired, "ExpiredToken")),
        Failure::Unauthorized => Fault::Before(error(ErrorKind::Refused, "UnauthorizedOperation")),
        Failure::ServerError => Fault::Before(error(ErrorKind::Unavailable, "InternalError")),
        Failure::LostReply => Fault::After(CloudError::no_answer("told to fail")),
        Failure::Hang(effect) => Fault::Hang { effect },
        // Only a read can be answered with nothing.
        Failure::Empty if matches!(call, Call::List | Call::Health) => Fault::Empty,
        Failure::Empty => Fault::Before(error(ErrorKind::Throttled, "Throttling")),
    }
}

/// A process of handwave, and those killed before it.
struct Daemon {
    cloud: Simulated,
    front: Front,
    limits: Limits,
    handle: Handle,
    task: JoinHandle<FleetState>,
}

impl Daemon {
    fn start(cloud: &Simulated, front: Front, limits: Limits) -> Self {
        let timing = Timing { fast: Duration::from_secs(1), hidden: Duration::from_secs(3), ..Timing::default() };
        // The events have no receiver.
        let (events, _) = tokio::sync::mpsc::unbounded_channel();
        let (handle, task) =
            Reconciler::spawn(cloud.ports(), limits, Pool::default(), Leases::default(), timing, events);
        Daemon { cloud: cloud.clone(), front, limits, handle, task }
    }

    /// The reconciler is dropped at whatever await it is in.
    async fn kill(&mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
        if self.front == Front::Nothing {
            // The next process has seen nothing: see `Step::Fail`.
            self.cloud.clear_faults();
        }
        *self = Daemon::start(&self.cloud, self.front, self.limits);
    }

    fn sees_nothing(&self) -> bool {
        self.handle.state().borrow().observed.as_ref().is_none_or(|observed| observed.instances.is_empty())
    }
}

/// What was asked for, to be held against what was done.
#[derive(Default)]
struct Asked {
    /// How many each command may launch, and since when it was asked for.
    launches: BTreeMap<String, (usize, Instant)>,
    scale_in: usize,
    named: BTreeSet<InstanceId>,
    /// Instances that ended or stopped without a command, and when.
    lost: Vec<Instant>,
}

async fn live(history: &History) -> Result<(), TestCaseError> {
    // The terminated are looked at to the end.
    let remembered = Duration::from_secs(3600);
    let times = Times { visible: Duration::from_secs(2), remembered, ..Times::default() };
    let cloud = Simulated::behind(history.front, times, history.seed);
    cloud.keep_history();
    cloud.add_in_service(history.start);
    let strangers = [cloud.add_stranger(true), cloud.add_stranger(false)];
    let mut asked = Asked::default();
    let mut daemon = Daemon::start(&cloud, history.front, history.limits);

    for step in &history.steps {
        let ids: Vec<InstanceId> = cloud.truth().into_iter().map(|truth| truth.id).collect();
        match step {
            Step::Wait(time) => sleep(*time).await,
            Step::ScaleOut(n) => {
                let command = Command::new(Source::CommandLine { user: None }, Action::ScaleOut(*n));
                asked.launches.insert(command.id.0.clone(), (*n, Instant::now()));
                daemon.handle.send(command);
            }
            Step::ScaleIn(n) => {
                asked.scale_in += n;
                daemon.handle.send(Command::new(Source::CommandLine { user: None }, Action::ScaleIn(*n)));
            }
            Step::Terminate(indices) => {
                let unknown = InstanceId::from("i-0123456789abcdef0");
                let all: Vec<&InstanceId> = ids.iter().chain([&unknown]).collect();
                let named: Vec<InstanceId> = indices.iter().map(|index| (*index.get(&all)).clone()).collect();
                asked.named.extend(named.iter().cloned());
                daemon.handle.send(Command::new(Source::CommandLine { user: None }, Action::Terminate(named)));
            }
            // Rule 6: without a balancer, a process that has seen nothing yet believes an answer that stays empty.
            Step::Fail(Call::List, Failure::Empty, _) if history.front == Front::Nothing && daemon.sees_nothing() => {}
            Step::Fail(call, failure, n) => (0..*n).for_each(|_| cloud.fail_next(*call, fault(*call, *failure))),
            Step::Kill => daemon.kill().await,
            Step::KillIn(call, effect) => {
                cloud.fail_next(*call, Fault::Hang { effect: *effect });
                let _ = timeout(Duration::from_secs(12), cloud.hung()).await;
                daemon.kill().await;
            }
            Step::Room(room) => cloud.set_room(*room),
            Step::Doom => {
                cloud.doom_next("Server.InternalError: it died while it started");
                // It may die much later.
                asked.lost.push(Instant::now() + Duration::from_secs(3600));
            }
            Step::Sick(index, yes) => cloud.set_sick(index.get(&ids), *yes),
            Step::Protect(index, yes) => cloud.protect(index.get(&ids), *yes),
            Step::Elsewhere(index, yes) => cloud.set_elsewhere(index.get(&ids), *yes),
            Step::Stop(index) => {
                asked.lost.push(Instant::now());
                cloud.set_stopped(index.get(&ids), true);
            }
            Step::Reap(index) => {
                asked.lost.push(Instant::now());
                cloud.reap(index.get(&ids));
            }
        }
    }

    // The faults stop; what was refused is tried again at a look after five minutes.
    cloud.clear_faults();
    for truth in cloud.truth() {
        cloud.protect(&truth.id, false);
        cloud.set_elsewhere(&truth.id, false);
    }
    sleep(Duration::from_secs(300 + 60)).await;
    let settled = timeout(Duration::from_secs(600), daemon.handle.settled()).await;
    prop_assert!(settled.is_ok(), "it never settles: {:?}", *daemon.handle.state().borrow());
    at_rest(&cloud.truth())?;
    let past = cloud.history();
    past.iter().try_for_each(|past| at_each_effect(past, &asked, history.limits))?;
    over_all(&past, &asked, &strangers)
}

fn counts(truth: &Truth) -> bool {
    truth.ours && !truth.retiring && matches!(truth.state, InstanceState::Pending | InstanceState::Running)
}

/// What holds of a settled fleet: rule 1.
fn at_rest(truth: &[Truth]) -> Result<(), TestCaseError> {
    for truth in truth.iter().filter(|truth| truth.ours) {
        match truth.state {
            InstanceState::Running => {
                prop_assert!(!truth.retiring, "{} is forgotten half retired", truth.id);
                prop_assert!(truth.registered_with_all, "{} runs unregistered", truth.id);
            }
            InstanceState::Terminated => prop_assert!(!truth.registered, "{} is gone and registered", truth.id),
            InstanceState::Stopped => {}
            state => prop_assert!(false, "{} is {state:?} in a settled fleet", truth.id),
        }
    }
    Ok(())
}

/// What holds of each effect when it took place.
fn at_each_effect(Past { at, before, effect }: &Past, asked: &Asked, limits: Limits) -> Result<(), TestCaseError> {
    let count = before.iter().filter(|truth| counts(truth)).count();
    let among = |ids: &[InstanceId]| before.iter().filter(|truth| ids.contains(&truth.id)).cloned().collect::<Vec<_>>();
    match effect {
        Effect::Launched { command, ids, .. } => {
            let sent = asked.launches.get(&command.0).map_or(*at, |(_, sent)| *sent);
            prop_assert!(at.duration_since(sent) < STALE, "rule 4: launched so long after it was asked for");
            let count = count + ids.len();
            prop_assert!(count <= limits.max, "rule 3: {count} are more than {}", limits.max);
        }
        Effect::Tagged { key, ids, .. } => {
            prop_assert_eq!(key, RETIRING_TAG);
            let gone = among(ids).iter().filter(|truth| counts(truth)).count();
            let unknown = asked.lost.iter().filter(|lost| at.saturating_duration_since(**lost) < STALE).count();
            let left = count - gone;
            prop_assert!(gone == 0 || left + unknown >= limits.min, "rule 3: {left} are less than {}", limits.min);
        }
        Effect::Terminated(ids) => {
            for truth in among(ids) {
                prop_assert!(!truth.registered, "rule 2: {} was terminated while registered", truth.id);
                prop_assert!(!truth.draining, "rule 2: {} was terminated while it drained", truth.id);
                prop_assert!(truth.retiring, "rule 3: {} was terminated without a command", truth.id);
            }
        }
        Effect::Started(_) | Effect::Stopped(_) => prop_assert!(false, "there is no warm pool to start or stop"),
        Effect::Registered(_) | Effect::Deregistered(_) => {}
    }
    Ok(())
}

/// What holds of the whole history.
fn over_all(history: &[Past], asked: &Asked, strangers: &[InstanceId]) -> Result<(), TestCaseError> {
    let mut launched: BTreeMap<&str, usize> = BTreeMap::new();
    let mut retired = BTreeSet::new();
    for past in history {
        let ids = match &past.effect {
            Effect::Launched { command, ids, .. } => {
                *launched.entry(&command.0).or_default() += ids.len();
                ids
            }
            Effect::Tagged { ids, .. } => {
                retired.extend(ids.iter().filter(|id| !asked.named.contains(id)).cloned());
                ids
            }
            Effect::Registered(ids)
            | Effect::Deregistered(ids)
            | Effect::Terminated(ids)
            | Effect::Started(ids)
            | Effect::Stopped(ids) => ids,
        };
        // Rule 6.
        prop_assert!(!strangers.iter().any(|stranger| ids.contains(stranger)), "a stranger was touched");
    }
    // Rules 3 and 5: nothing twice, nothing without a command.
    for (command, n) in launched {
        let most = asked.launches.get(command).map_or(0, |(n, _)| *n);
        prop_assert!(n <= most, "{n} launched for a command of {most}");
    }
    prop_assert!(retired.len() <= asked.scale_in, "{} retired for {}", retired.len(), asked.scale_in);
    Ok(())
}

/// Histories that failed once, each with what the code did wrong then.
fn kept() -> Vec<(&'static str, History)> {
    let history = |limits: (usize, usize), start, steps| History {
        seed: 0,
        front: Front::Classic,
        limits: Limits { min: limits.0, max: limits.1 },
        start,
        steps,
    };
    let wait = |ms| Step::Wait(Duration::from_millis(ms));
    vec![
        ("the bound of a drain is not waited for", history((0, 2), 1, vec![Step::ScaleIn(1)])),
        (
            "an instance is terminated without being deregistered first",
            history((0, 2), 1, vec![Step::ScaleIn(1), wait(0)]),
        ),
        (
            "missing instances count as gone",
            history(
                (0, 2),
                3,
                vec![wait(3000), Step::Fail(Call::List, Failure::Empty, 1), Step::ScaleOut(1), wait(41)],
            ),
        ),
        (
            "a new process accepts a command before the cloud shows the last one's tags",
            history((1, 3), 4, vec![Step::ScaleIn(3), Step::KillIn(Call::Tag, true), Step::ScaleIn(1), wait(0)]),
        ),
        (
            "an instance that is launched and not described yet does not count",
            history((0, 2), 0, vec![Step::ScaleOut(1), Step::ScaleOut(2)]),
        ),
    ]
}

fn play(history: &History) -> Result<(), TestCaseError> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime needs nothing");
    runtime.block_on(live(history))
}

#[test]
fn what_failed_once_holds() {
    for (wrong, history) in kept() {
        if let Err(why) = play(&history) {
            panic!("{wrong}: {why}: {history:?}");
        }
    }
}

#[test]
fn whatever_happens_the_fleet_settles_and_keeps_its_rules() {
    let seeds: Box<dyn FailurePersistence> = Box::new(FileFailurePersistence::Direct(SEEDS));
    let seeds = Some(seeds);
    let config = Config { cases: HISTORIES, failure_persistence: seeds, ..Config::default() };
    let result = TestRunner::new(config).run(&histories(), |history| play(&history));
    if let Err(TestError::Fail(why, history)) = &result {
        panic!("{why}: {history:?}");
    }
    result.expect("every history is tried");
}
