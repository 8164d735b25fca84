//! Random histories of a fleet with a warm pool and leases: commands, faults between tag and start, starts that fail,
//! strangers who stop and start instances, restarts anywhere. Held against what the simulated cloud really did; each
//! invariant names its rule.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use handwave::clouds::simulated::{Call, Effect, Fault, Front, Past, Simulated, Times, Truth};
use handwave::command::{Action, Command, InstanceId, Source};
use handwave::fleet::ports::{CloudError, ErrorKind, Instance, InstanceState, LEASE_TAG, POOL_TAG, RETIRING_TAG};
use handwave::fleet::{FleetState, Handle, Lease, LeaseSettings, Leases, Limits, Pool, Reconciler, Then, Timing, Warm};
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, FailurePersistence, FileFailurePersistence, TestError, TestRunner};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

const HISTORIES: u32 = 10_000;
const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fleet/pool_histories.seeds");
/// A command and what goes wrong with it take no longer: see `histories`.
const STALE: Duration = Duration::from_secs(75);
/// An observation is at most this old when a call takes effect, where no call hangs.
const UNSEEN: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
struct History {
    seed: u64,
    front: Front,
    limits: Limits,
    size: usize,
    reuse: bool,
    then: Then,
    start: usize,
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    Wait(Duration),
    ScaleOut(usize),
    ScaleIn(usize),
    /// A lease of one of three people, for so many seconds.
    Lease(u8, u64),
    Extend(Index, u64),
    Release(Index),
    Fail(Call, Failure, usize),
    Kill,
    /// The process is killed in the next call of this kind, with or without its effect.
    KillIn(Call, bool),
    /// The process is killed, and the next one makes instances of something else.
    Recipe,
    Room(usize),
    Doom,
    Endless(bool),
    Sick(Index, bool),
    /// Somebody else stops an instance, starts it, ends it.
    Stop(Index),
    Start(Index),
    Reap(Index),
}

#[derive(Clone, Copy, Debug)]
enum Failure {
    Throttled,
    Capacity,
    WrongState,
    LostReply,
    Hang(bool),
}

fn steps() -> impl Strategy<Value = Step> {
    use Call::*;
    let call = || prop::sample::select(vec![Launch, Tag, Tag, Start, Start, Stop, Register, Deregister, Terminate]);
    let failure = prop_oneof![
        Just(Failure::Throttled),
        Just(Failure::Capacity),
        Just(Failure::WrongState),
        Just(Failure::LostReply),
        any::<bool>().prop_map(Failure::Hang),
    ];
    prop_oneof![
        3 => (0u64..3000).prop_map(|ms| Step::Wait(Duration::from_millis(ms))),
        4 => (5u64..60).prop_map(|s| Step::Wait(Duration::from_secs(s))),
        6 => (1usize..5).prop_map(Step::ScaleOut),
        4 => (1usize..5).prop_map(Step::ScaleIn),
        4 => (0u8..3, 20u64..200).prop_map(|(who, seconds)| Step::Lease(who, seconds)),
        1 => (any::<Index>(), 20u64..400).prop_map(|(i, seconds)| Step::Extend(i, seconds)),
        2 => any::<Index>().prop_map(Step::Release),
        5 => (call(), failure, 1usize..3).prop_map(|(call, failure, n)| Step::Fail(call, failure, n)),
        1 => Just(Step::Kill),
        4 => (call(), any::<bool>()).prop_map(|(call, effect)| Step::KillIn(call, effect)),
        1 => Just(Step::Recipe),
        1 => (0usize..4).prop_map(Step::Room),
        1 => Just(Step::Doom),
        1 => any::<bool>().prop_map(Step::Endless),
        1 => (any::<Index>(), any::<bool>()).prop_map(|(i, yes)| Step::Sick(i, yes)),
        2 => any::<Index>().prop_map(Step::Stop),
        2 => any::<Index>().prop_map(Step::Start),
        1 => any::<Index>().prop_map(Step::Reap),
    ]
}

fn histories() -> impl Strategy<Value = History> {
    let limits = (0usize..2, 1usize..5).prop_map(|(min, more)| Limits { min, max: min + more });
    let front = prop_oneof![3 => Just(Front::Classic), 1 => Just(Front::TargetGroups(2))];
    // The pool is full before the first step, or is being filled.
    let steps = prop::collection::vec(steps(), 1..12);
    let steps = (any::<bool>(), steps).prop_map(|(waits, steps)| {
        let first = Step::Wait(Duration::from_secs(if waits { 40 } else { 6 }));
        std::iter::once(first).chain(steps).collect()
    });
    let then = prop_oneof![Just(Then::Retire), Just(Then::Stop)];
    (any::<u64>(), front, limits, 1usize..4, (any::<bool>(), then), 0usize..3, steps).prop_map(
        |(seed, front, limits, size, (reuse, then), start, steps)| History {
            seed,
            front,
            limits,
            size,
            reuse,
            then,
            start,
            steps,
        },
    )
}

fn fault(failure: Failure) -> Fault {
    let error = |kind, code| CloudError::new(kind, code, "told to fail");
    match failure {
        Failure::Throttled => Fault::Before(error(ErrorKind::Throttled, "RequestLimitExceeded")),
        Failure::Capacity => Fault::Before(error(ErrorKind::Capacity, "InsufficientInstanceCapacity")),
        Failure::WrongState => Fault::Before(error(ErrorKind::Refused, "IncorrectInstanceState")),
        Failure::LostReply => Fault::After(CloudError::no_answer("told to fail")),
        Failure::Hang(effect) => Fault::Hang { effect },
    }
}

/// A process of handwave, and those killed before it.
struct Daemon {
    cloud: Simulated,
    limits: Limits,
    pool: Pool,
    then: Then,
    handle: Handle,
    task: JoinHandle<FleetState>,
}

impl Daemon {
    fn start(cloud: &Simulated, limits: Limits, pool: Pool, then: Then) -> Self {
        let timing = Timing { fast: Duration::from_secs(1), hidden: Duration::from_secs(3), ..Timing::default() };
        let (events, _) = tokio::sync::mpsc::unbounded_channel();
        let seconds = Duration::from_secs;
        let (lasts, longest, keep) = (seconds(60), seconds(300), seconds(120));
        let settings = LeaseSettings { at_most: 3, lasts, longest, then, keep, ..LeaseSettings::default() };
        let leases = Leases { settings, wall: cloud.wall() };
        let (handle, task) = Reconciler::spawn(cloud.ports(), limits, pool.clone(), leases, timing, events);
        Daemon { cloud: cloud.clone(), limits, pool, then, handle, task }
    }

    /// The reconciler is dropped at whatever await it is in.
    async fn kill(&mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
        *self = Daemon::start(&self.cloud, self.limits, self.pool.clone(), self.then);
    }

    fn send(&self, action: Action) {
        self.handle.send(Command::new(Source::CommandLine { user: None }, action));
    }
}

/// What was asked for and what others did, to be held against what was done.
#[derive(Default)]
struct Asked {
    out: usize,
    back: usize,
    /// When somebody else stopped an instance that served.
    stopped: Vec<(InstanceId, Instant)>,
    /// When somebody else started one.
    started: Vec<(InstanceId, Instant)>,
    /// When the end of an instance's lease was asked for.
    released: Vec<(InstanceId, Instant)>,
    /// When instances ended or stopped without a command.
    lost: Vec<Instant>,
}

async fn live(history: &History) -> Result<(), TestCaseError> {
    let times = Times {
        visible: Duration::from_secs(2),
        remembered: Duration::from_secs(7200),
        set_up: Duration::from_secs(5),
        ..Times::default()
    };
    let cloud = Simulated::behind(history.front, times, history.seed);
    cloud.keep_history();
    cloud.add_in_service(history.start);
    let warm = Warm { size: history.size, reuse: history.reuse, prepare_within: Duration::from_secs(60) };
    let mut asked = Asked::default();
    let mut recipes = 0..;
    let mut recipe = || recipes.next().map(|n| n.to_string());
    let pool = Pool { warm, recipe: recipe(), keeps: true };
    let mut daemon = Daemon::start(&cloud, history.limits, pool, history.then);

    for step in &history.steps {
        let truth = cloud.truth();
        let now = Instant::now();
        match step {
            Step::Wait(time) => sleep(*time).await,
            Step::ScaleOut(n) => {
                asked.out += n;
                daemon.send(Action::ScaleOut(*n));
            }
            Step::ScaleIn(n) => {
                asked.back += n;
                daemon.send(Action::ScaleIn(*n));
            }
            Step::Lease(who, seconds) => {
                asked.out += 1;
                // It ends by itself.
                asked.back += 1;
                let lasts = Duration::from_secs(*seconds);
                daemon.send(Action::Lease { who: format!("person {who}"), lasts });
            }
            Step::Extend(index, seconds) if !truth.is_empty() => {
                let lasts = Duration::from_secs(*seconds);
                daemon.send(Action::Extend { id: index.get(&truth).id.clone(), lasts });
            }
            Step::Release(index) if !truth.is_empty() => {
                let id = index.get(&truth).id.clone();
                asked.released.push((id.clone(), now));
                daemon.send(Action::Release(id));
            }
            Step::Fail(call, failure, n) => (0..*n).for_each(|_| cloud.fail_next(*call, fault(*failure))),
            Step::Kill => daemon.kill().await,
            Step::KillIn(call, effect) => {
                cloud.fail_next(*call, Fault::Hang { effect: *effect });
                let _ = timeout(Duration::from_secs(12), cloud.hung()).await;
                daemon.kill().await;
            }
            Step::Recipe => {
                daemon.pool.recipe = recipe();
                daemon.kill().await;
            }
            Step::Room(room) => cloud.set_room(*room),
            Step::Doom => {
                cloud.doom_next("Server.InternalError: it died while it started");
                // It may die much later.
                asked.lost.push(now + Duration::from_secs(3600));
            }
            Step::Endless(yes) => cloud.set_endless(*yes),
            Step::Sick(index, yes) if !truth.is_empty() => cloud.set_sick(&index.get(&truth).id, *yes),
            Step::Stop(index) if !truth.is_empty() => {
                let one = index.get(&truth);
                let is_on = matches!(one.state, InstanceState::Pending | InstanceState::Running);
                if is_on && value(one).starts_with("serve@") {
                    asked.stopped.push((one.id.clone(), now));
                }
                asked.lost.push(now);
                cloud.set_stopped(&one.id, true);
            }
            Step::Start(index) if !truth.is_empty() => {
                let one = index.get(&truth);
                asked.started.push((one.id.clone(), now));
                cloud.set_stopped(&one.id, false);
            }
            Step::Reap(index) if !truth.is_empty() => {
                asked.lost.push(now);
                cloud.reap(&index.get(&truth).id);
            }
            Step::Extend(..) | Step::Release(_) | Step::Sick(..) | Step::Stop(_) | Step::Start(_) | Step::Reap(_) => {}
        }
    }

    cloud.clear_faults();
    cloud.set_endless(false);
    cloud.set_room(usize::MAX);
    // What was refused is tried again after five minutes, what never gets ready is retired after one.
    sleep(Duration::from_secs(600 + 120)).await;
    let settled = timeout(Duration::from_secs(900), daemon.handle.settled()).await;
    prop_assert!(settled.is_ok(), "it never settles: {:?}", *daemon.handle.state().borrow());
    sleep(Duration::from_secs(60)).await;
    at_rest(&cloud.truth(), history)?;
    let past = cloud.history();
    let (wall, end) = ((cloud.wall())(), Instant::now());
    for (i, one) in past.iter().enumerate() {
        at_each_effect(one, &past[..i], &asked, history)?;
        of_leases(one, wall - (end - one.at), &asked)?;
    }
    over_all(&past, &asked)
}

fn value(truth: &Truth) -> &str {
    truth.pool.as_deref().unwrap_or_default()
}

/// For whom it is reserved, or kept.
fn lease(truth: &Truth) -> Option<Lease> {
    read(truth.lease.as_deref()?)
}

fn read(value: &str) -> Option<Lease> {
    Lease::of(&Instance::new("i", InstanceState::Running, Timestamp::UNIX_EPOCH).with_tag(LEASE_TAG, value))
}

/// In the pool, and nobody's.
fn is_free(truth: &Truth) -> bool {
    is_warm(truth) && lease(truth).is_none()
}

/// In the pool, by its tag, and not ended.
fn is_warm(truth: &Truth) -> bool {
    let has_ended = matches!(truth.state, InstanceState::ShuttingDown | InstanceState::Terminated);
    (value(truth) == "warm" || value(truth).starts_with("back@")) && !has_ended
}

/// Tagged to serve, and not started since.
fn is_promoted(truth: &Truth) -> bool {
    let at = value(truth).strip_prefix("serve@").map(|at| at.parse().unwrap());
    let is_off = matches!(truth.state, InstanceState::Stopping | InstanceState::Stopped);
    is_off && at.is_some_and(|at| truth.launched <= at)
}

fn counts(truth: &Truth) -> bool {
    let is_on = matches!(truth.state, InstanceState::Pending | InstanceState::Running);
    truth.ours && !truth.retiring && !is_warm(truth) && (is_on || is_promoted(truth))
}

/// What holds of a settled fleet: rule 1.
fn at_rest(truth: &[Truth], history: &History) -> Result<(), TestCaseError> {
    for truth in truth.iter().filter(|truth| truth.ours) {
        let id = &truth.id;
        match truth.state {
            InstanceState::Running => {
                prop_assert!(!truth.retiring, "{id} is forgotten half retired");
                prop_assert!(!is_warm(truth), "{id} is warm and runs for ever");
                prop_assert!(truth.registered_with_all, "{id} runs unregistered");
            }
            InstanceState::Terminated => prop_assert!(!truth.registered, "{id} is gone and registered"),
            InstanceState::Stopped => {
                let is_left = truth.pool.is_none() || value(truth).starts_with("serve@");
                prop_assert!(is_left || !truth.registered, "{id} is warm and registered");
                prop_assert!(!is_promoted(truth) || truth.retiring, "rule 12: {id} is to serve and was never started");
                prop_assert!(truth.pool.is_none() || !truth.retiring, "{id} is forgotten half retired");
            }
            state => prop_assert!(false, "{id} is {state:?} in a settled fleet"),
        }
    }
    let warm = truth.iter().filter(|truth| is_free(truth)).count();
    prop_assert!(warm <= history.size, "rule 11: {warm} are warm at rest");
    let leased = truth.iter().filter(|truth| counts(truth) && lease(truth).is_some()).count();
    prop_assert_eq!(leased, 0, "rule 16: {} are over, and go on", leased);
    let is_disturbed = history
        .steps
        .iter()
        .any(|step| matches!(step, Step::Doom | Step::Endless(_) | Step::Stop(_) | Step::Start(_) | Step::Reap(_)));
    let serving = truth.iter().filter(|truth| counts(truth) && value(truth).starts_with("serve@")).count();
    let kept = if history.reuse { serving } else { 0 };
    prop_assert!(is_disturbed || warm + kept >= history.size, "rule 11: {warm} are warm at rest");
    Ok(())
}

/// What holds of each effect when it took place, `earlier` being those before it.
fn at_each_effect(
    Past { at, before, effect }: &Past,
    earlier: &[Past],
    asked: &Asked,
    History { limits, size, .. }: &History,
) -> Result<(), TestCaseError> {
    let count = before.iter().filter(|truth| counts(truth)).count();
    let warm = before.iter().filter(|truth| is_free(truth)).count();
    let among = |ids: &[InstanceId]| before.iter().filter(|truth| ids.contains(&truth.id)).cloned().collect::<Vec<_>>();
    // Somebody else's start counts from its own moment on, whatever was just decided.
    let started =
        asked.started.iter().filter(|(_, when)| at.saturating_duration_since(*when) < STALE && when <= at).count();
    match effect {
        Effect::Launched { ids, warm: true, .. } => {
            let warm = warm + ids.len();
            prop_assert!(warm <= *size, "rule 11: {warm} are warm, and {size} are to be");
        }
        Effect::Launched { ids, warm: false, .. } => {
            let count = count + ids.len();
            prop_assert!(count <= limits.max + started, "rule 3: {count} are more than {}", limits.max);
        }
        Effect::Tagged { key, value, ids } if key == POOL_TAG && value.starts_with("serve@") => {
            let new = among(ids).iter().filter(|truth| is_warm(truth)).count();
            let count = count + new;
            prop_assert!(new == 0 || count <= limits.max + started, "rule 3: {count} with {new} to be started");
            for truth in among(ids).iter().filter(|truth| is_warm(truth) && truth.state == InstanceState::Stopped) {
                let was_given_back = self::value(truth).starts_with("back@");
                // Somebody else started it, and stopped it before that was seen.
                let is_unseen = |(id, when): &(InstanceId, Instant)| {
                    *id == truth.id && when <= at && at.saturating_duration_since(*when) < UNSEEN
                };
                let is_prepared = truth.powered_off || was_given_back || asked.started.iter().any(is_unseen);
                prop_assert!(is_prepared, "rule 13: {} is not prepared", truth.id);
            }
        }
        Effect::Tagged { key, value, ids } if key == POOL_TAG => {
            prop_assert!(value.starts_with("back@"));
            // What is kept for a person takes no place.
            let comes = |truth: &&Truth| !is_warm(truth) && truth.pool.is_some() && lease(truth).is_none();
            let new = among(ids).iter().filter(comes).count();
            prop_assert!(warm + new <= *size, "rule 11: {} are warm, and {size} are to be", warm + new);
            bounded_below(before, ids, asked, *at, limits)?;
        }
        Effect::Tagged { key, .. } if key == LEASE_TAG => {}
        Effect::Tagged { key, ids, .. } => {
            prop_assert_eq!(key, RETIRING_TAG);
            bounded_below(before, ids, asked, *at, limits)?;
        }
        Effect::Started(ids) => {
            for truth in among(ids) {
                let id = &truth.id;
                prop_assert!(value(&truth).starts_with("serve@"), "rule 15: {id} was started with {:?}", truth.pool);
                let stop = asked.stopped.iter().rfind(|(stopped, when)| stopped == id && when <= at);
                let Some((_, stop)) = stop.filter(|_| truth.state == InstanceState::Stopped) else { continue };
                let is_new = earlier.iter().any(|past| {
                    past.at >= *stop && matches!(&past.effect, Effect::Tagged { key, ids, .. } if key == POOL_TAG && ids.contains(id))
                });
                let is_unseen = at.duration_since(*stop) < UNSEEN;
                prop_assert!(is_new || is_unseen, "rule 15: somebody else's stop of {id} was undone");
            }
        }
        Effect::Stopped(ids) => {
            for truth in among(ids) {
                prop_assert!(value(&truth).starts_with("back@"), "rule 15: {} was stopped", truth.id);
                prop_assert!(!truth.registered, "rule 14: {} was stopped while registered", truth.id);
                prop_assert!(!truth.draining, "rule 14: {} was stopped while it drained", truth.id);
            }
        }
        Effect::Terminated(ids) => {
            for truth in among(ids) {
                prop_assert!(!truth.registered, "rule 2: {} was terminated while registered", truth.id);
                prop_assert!(!truth.draining, "rule 2: {} was terminated while it drained", truth.id);
                prop_assert!(truth.retiring, "rule 3: {} was terminated without a tag", truth.id);
            }
        }
        Effect::Registered(_) | Effect::Deregistered(_) => {}
    }
    Ok(())
}

/// What holds of leases when an effect took place: nothing takes what is leased, and what is kept goes to its person
/// alone.
fn of_leases(Past { at, before, effect }: &Past, now: Timestamp, asked: &Asked) -> Result<(), TestCaseError> {
    let among = |ids: &[InstanceId]| before.iter().filter(|truth| ids.contains(&truth.id)).cloned().collect::<Vec<_>>();
    let is_leased = |truth: &Truth| lease(truth).is_some_and(|lease| !lease.is_over(now));
    match effect {
        Effect::Tagged { key, value, ids } if key == LEASE_TAG => {
            for truth in among(ids) {
                let (id, Some(old)) = (&truth.id, lease(&truth)) else { continue };
                // What could not be started is as it was before.
                let Some(new) = read(value) else { continue };
                prop_assert_eq!(&old.who, &new.who, "rule 19: {} goes to another", id);
                let is_released = asked.released.iter().any(|(released, when)| released == id && when <= at);
                let is_put_back = is_warm(&truth);
                let moves_back = new.until < old.until;
                prop_assert!(!moves_back || is_released || is_put_back, "rule 18: {id} ends earlier");
            }
        }
        Effect::Tagged { key, value, ids } if key == RETIRING_TAG || value.starts_with("back@") => {
            for truth in among(ids).iter().filter(|truth| counts(truth) && !is_promoted(truth)) {
                prop_assert!(!is_leased(truth), "rule 17: {} is leased, and taken", truth.id);
            }
        }
        Effect::Tagged { .. } => {}
        Effect::Stopped(ids) | Effect::Terminated(ids) => {
            for truth in among(ids).iter().filter(|truth| !is_warm(truth)) {
                prop_assert!(!is_leased(truth), "rule 17: {} was ended while it was leased", truth.id);
            }
        }
        _ => {}
    }
    Ok(())
}

/// What leaves the count leaves the minimum beside what is leased, as far as anybody could know.
fn bounded_below(
    before: &[Truth],
    ids: &[InstanceId],
    asked: &Asked,
    at: Instant,
    limits: &Limits,
) -> Result<(), TestCaseError> {
    let of_min = |truth: &&Truth| counts(truth) && lease(truth).is_none();
    let count = before.iter().filter(of_min).count();
    let going: Vec<&Truth> = before.iter().filter(of_min).filter(|truth| ids.contains(&truth.id)).collect();
    // One that cannot be started was never in.
    let gone = going.iter().filter(|truth| !is_promoted(truth)).count();
    let unknown = asked.lost.iter().filter(|lost| at.saturating_duration_since(**lost) < STALE).count();
    let left = count - going.len();
    prop_assert!(gone == 0 || left + unknown >= limits.min, "rule 3: {left} are less than {}", limits.min);
    Ok(())
}

/// What holds of the whole history: nothing twice, nothing without a command.
fn over_all(history: &[Past], asked: &Asked) -> Result<(), TestCaseError> {
    let mut came = 0;
    let mut went = BTreeSet::new();
    let mut went_back = 0;
    let mut tags: BTreeMap<&InstanceId, &str> = BTreeMap::new();
    for Past { before, effect, .. } in history {
        let of = |id: &InstanceId| before.iter().find(|truth| truth.id == *id);
        match effect {
            Effect::Launched { ids, warm: false, .. } => came += ids.len(),
            Effect::Tagged { key, value, ids } if key == POOL_TAG => {
                for id in ids {
                    let before = tags.insert(id, value).unwrap_or("warm");
                    // It was never started, or had ended.
                    let is_off = of(id)
                        .is_some_and(|truth| !matches!(truth.state, InstanceState::Pending | InstanceState::Running));
                    match (before.starts_with("serve@"), value.starts_with("serve@")) {
                        (false, true) => came += 1,
                        (true, false) if is_off => came = came.saturating_sub(1),
                        (true, false) => went_back += 1,
                        _ => {}
                    }
                }
            }
            Effect::Tagged { key, ids, .. } if key == RETIRING_TAG => {
                went.extend(ids.iter().filter(|id| of(id).is_some_and(counts)).cloned());
            }
            _ => {}
        }
    }
    // What somebody else starts meanwhile is on before it can be taken back.
    let others = asked.started.len();
    let went = went.len() + went_back;
    prop_assert!(came <= asked.out + others, "rule 5: {came} came for {}", asked.out);
    prop_assert!(went <= asked.back + others, "rule 5: {went} went for {}", asked.back);
    Ok(())
}

fn play(history: &History) -> Result<(), TestCaseError> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime needs nothing");
    runtime.block_on(live(history))
}

#[test]
fn whatever_happens_the_pool_keeps_its_rules() {
    let seeds: Box<dyn FailurePersistence> = Box::new(FileFailurePersistence::Direct(SEEDS));
    let config = Config { cases: HISTORIES, failure_persistence: Some(seeds), ..Config::default() };
    let result = TestRunner::new(config).run(&histories(), |history| play(&history));
    if let Err(TestError::Fail(why, history)) = &result {
        panic!("{why}: {history:?}");
    }
    result.expect("every history is tried");
}
