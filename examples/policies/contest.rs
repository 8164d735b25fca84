//! The same load for each contender, on the simulated cloud and the real reconciler. In: a contender, a load. Out: a
//! score.
//!
//! Workers take one message at a time and need 6 s for it, an instance boots in 45 s, one is there at the start, and
//! there are 19 at most. The first 20 minutes are not counted. All contenders go for ten waiting messages a worker, a
//! minute's work.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use handwave::clouds::simulated::{Effect, Front, Profile, Simulated, Times};
use handwave::command::{Action, Command, Source};
use handwave::config::Config;
use handwave::fleet::ports::InstanceState;
use handwave::fleet::{Handle, Leases, Limits, Pool, Reconciler, Timing};
use handwave::metrics::{Depth, Metrics};
use handwave::policy::follow::Follow;
use handwave::policy::queue;
use handwave::policy::settings::{Queue, QueueRule, Rule};
use jiff::Timestamp;
use tokio::runtime::Builder;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::{Instant, interval, sleep_until};

const MINUTE: Duration = Duration::from_secs(60);
const LEAD_IN: Duration = Duration::from_secs(20 * 60);
const WORK: Duration = Duration::from_secs(6);
const LIMITS: Limits = Limits { min: 1, max: 19 };
/// Messages that may wait for each worker.
const BACKLOG: usize = 10;

pub struct Load {
    pub name: &'static str,
    /// Messages a minute; a worker does ten.
    text: &'static str,
    /// Minutes, without the lead-in.
    minutes: u32,
}

pub const LOADS: &[Load] = &[
    Load { name: "steady", text: "steady 45", minutes: 240 },
    Load { name: "ramp", text: "steady 10 for 30m, ramp to 150 over 1h, ramp to 10 over 1h, steady 10", minutes: 170 },
    Load { name: "burst", text: "steady 20 for 1h, steady 150 for 10m, steady 20", minutes: 120 },
    Load { name: "day", text: "steady 10 for 20m, ramp to 120 over 12h, ramp to 10 over 12h, repeat", minutes: 1440 },
    Load { name: "spikes", text: "steady 20 for 27m, steady 120 for 3m, repeat", minutes: 300 },
    Load { name: "batches", text: "steady 3600 for 1s, steady 0 for 899s, repeat", minutes: 240 },
];

pub struct Contender {
    pub name: &'static str,
    /// How long a worker that is to go may finish what it has.
    grace: Duration,
    kind: Kind,
}

enum Kind {
    /// `policy.every`.
    Ours(Duration),
    /// How often it looks, and its rule.
    Peer(Duration, fn() -> Box<dyn Peer>),
}

pub const CONTENDERS: &[Contender] = &[
    Contender {
        name: "halves and tenths",
        grace: Duration::ZERO,
        kind: Kind::Peer(MINUTE, || Box::new(Halves::new())),
    },
    Contender {
        name: "KEDA and HPA",
        // Kubernetes' terminationGracePeriodSeconds.
        grace: Duration::from_secs(30),
        kind: Kind::Peer(Duration::from_secs(15), || Box::new(Keda::default())),
    },
    Contender {
        name: "AWS target tracking",
        grace: Duration::ZERO,
        kind: Kind::Peer(MINUTE, || Box::new(Tracking::default())),
    },
    // balancer.draining.
    Contender { name: "handwave", grace: Duration::from_secs(60), kind: Kind::Ours(MINUTE) },
    Contender {
        name: "handwave, every 15 s",
        grace: Duration::from_secs(60),
        kind: Kind::Ours(Duration::from_secs(15)),
    },
];

/// What a rule sees.
struct Seen {
    at: Duration,
    depth: Depth,
    /// Pending and running.
    count: usize,
    /// Of these, at work.
    serving: usize,
}

/// A rule: what the fleet is to reach.
trait Peer {
    fn wants(&mut self, seen: &Seen) -> usize;
}

/// The seed: the rule "halves-and-tenths", in once its need was the same for five minutes.
struct Halves {
    settings: Queue,
    needs: VecDeque<usize>,
}

impl Halves {
    fn new() -> Halves {
        let settings = Queue { rule: QueueRule::HalvesAndTenths, ..Config::shipped().policy.queue };
        Halves { settings, needs: VecDeque::new() }
    }
}

impl Peer for Halves {
    fn wants(&mut self, seen: &Seen) -> usize {
        let need = queue::need(&self.settings, &Ok(seen.depth)).need;
        let (Some(out_to), Some(in_to)) = (need.out_to(), need.in_to()) else { return seen.count };
        self.needs.push_back(in_to);
        if self.needs.len() > 5 {
            self.needs.pop_front();
        }
        let is_steady = self.needs.len() == 5 && self.needs.iter().all(|before| *before == in_to);
        if out_to > seen.count {
            out_to
        } else if is_steady && in_to < seen.count {
            in_to
        } else {
            seen.count
        }
    }
}

/// KEDA's aws-sqs-queue scaler (visible and in flight, over `queueLength`) with the Horizontal Pod Autoscaler's
/// defaults: 10 % tolerance, no more than four pods or the double in 15 s, in to the largest of the last five minutes.
#[derive(Default)]
struct Keda {
    recommended: VecDeque<(Duration, usize)>,
}

impl Peer for Keda {
    fn wants(&mut self, seen: &Seen) -> usize {
        let messages = (seen.depth.visible + seen.depth.in_flight) as usize;
        let ratio = messages as f64 / (BACKLOG * seen.count.max(1)) as f64;
        let wanted = if (ratio - 1.0).abs() <= 0.1 { seen.count } else { messages.div_ceil(BACKLOG) };
        self.recommended.push_back((seen.at, wanted));
        while self.recommended.front().is_some_and(|(at, _)| seen.at - *at > Duration::from_secs(300)) {
            self.recommended.pop_front();
        }
        let largest = self.recommended.iter().map(|(_, wanted)| *wanted).max().unwrap_or(wanted);
        if wanted > seen.count { wanted.min((seen.count + 4).max(2 * seen.count)) } else { largest.min(seen.count) }
    }
}

/// EC2 Auto Scaling's target tracking on the backlog per instance: out in proportion after three minutes above the
/// target, in after fifteen minutes below nine tenths of it, and not while instances warm up (300 s).
#[derive(Default)]
struct Tracking {
    above: usize,
    below: usize,
    last_launch: Option<Duration>,
}

impl Peer for Tracking {
    fn wants(&mut self, seen: &Seen) -> usize {
        let a_worker = seen.depth.visible as f64 / seen.serving.max(1) as f64;
        let target = BACKLOG as f64;
        self.above = if a_worker > target { self.above + 1 } else { 0 };
        self.below = if a_worker < 0.9 * target { self.below + 1 } else { 0 };
        let wanted = (seen.serving as f64 * a_worker / target).ceil() as usize;
        let warms_up = self.last_launch.is_some_and(|at| seen.at - at < Duration::from_secs(300));
        if self.above >= 3 && wanted > seen.count {
            self.last_launch = Some(seen.at);
            wanted
        } else if self.below >= 15 && !warms_up {
            self.below = 0;
            wanted.min(seen.count)
        } else {
            seen.count
        }
    }
}

/// What came of a load.
#[derive(Clone, Debug, Default)]
pub struct Score {
    pub launches: usize,
    /// Messages whose worker ended before they were done.
    pub interrupted: usize,
    pub hours: f64,
    pub p95: Duration,
    /// Instance-hours at work beyond what the load needs at that moment, and short of it.
    pub over: f64,
    pub under: f64,
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Score { launches, interrupted, hours, p95, over, under } = self;
        write!(f, "{launches} | {interrupted} | {hours:.1} | {} s | {over:.1} | {under:.1}", p95.as_secs())
    }
}

/// Plays a load to its end.
pub fn play(contender: &Contender, load: &Load) -> Score {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(plays(contender, load))
}

async fn plays(contender: &Contender, load: &Load) -> Score {
    let profile = Profile::parse(load.text).expect("the loads are right");
    let times = Times { boot: Duration::from_secs(45), drain: contender.grace, ..Times::default() };
    let cloud = Simulated::behind(Front::Nothing, times, 1).loaded(profile.clone(), WORK);
    cloud.add_in_service(LIMITS.min);
    cloud.keep_history();
    cloud.worked();
    let began = Instant::now();
    let (tell, _events) = unbounded_channel();
    let (fleet, _task) =
        Reconciler::spawn(cloud.ports(), LIMITS, Pool::default(), Leases::default(), Timing::default(), tell.clone());
    let metrics: Arc<dyn Metrics> = Arc::new(cloud.clone());
    match &contender.kind {
        Kind::Ours(every) => {
            let mut settings = Config::shipped().policy;
            settings.every = *every;
            settings.follow = vec![Rule::Queue];
            settings.queue.backlog = (BACKLOG as u64).try_into().expect("it is not 0");
            let start = Timestamp::now();
            let wall = Box::new(move || start + began.elapsed());
            let (policies, _task) = Follow { settings, metrics, fleet: fleet.clone(), events: tell, wall }.spawn();
            policies.pause_run(false);
            measure(&cloud, &fleet, &profile, load, began).await
        }
        Kind::Peer(every, make) => {
            let (peer, every) = (make(), *every);
            let following = follow(peer, every, metrics, fleet.clone(), began);
            tokio::select! {
                () = following => unreachable!("it goes on for ever"),
                score = measure(&cloud, &fleet, &profile, load, began) => score,
            }
        }
    }
}

/// Follows a rule for ever.
async fn follow(mut peer: Box<dyn Peer>, every: Duration, metrics: Arc<dyn Metrics>, fleet: Handle, began: Instant) {
    let mut ticks = interval(every);
    loop {
        ticks.tick().await;
        let Ok(depth) = metrics.depth().await else { continue };
        let state = fleet.state().borrow().clone();
        let Some(observed) = &state.observed else { continue };
        let runs = observed.instances.iter().filter(|member| member.counts());
        let serving = runs.filter(|member| member.instance.state == InstanceState::Running).count();
        let seen = Seen { at: began.elapsed(), depth, count: state.count(), serving };
        let wants = peer.wants(&seen).clamp(LIMITS.min, LIMITS.max);
        if wants != seen.count {
            let source = Source::Policy { policy: "peer".into(), reason: String::new() };
            // What comes of it shows in the fleet.
            drop(fleet.send(Command::new(source, Action::Reach(wants))));
        }
    }
}

async fn measure(cloud: &Simulated, fleet: &Handle, profile: &Profile, load: &Load, began: Instant) -> Score {
    const STEP: Duration = Duration::from_secs(10);
    let (begin, end) = (began + LEAD_IN, began + LEAD_IN + load.minutes * MINUTE);
    sleep_until(begin).await;
    let before = cloud.worked();
    let mut score = Score::default();
    let hours = STEP.as_secs_f64() / 3600.0;
    let mut at = begin;
    while at < end {
        sleep_until(at).await;
        let all = cloud.truth();
        let lives = all.iter().filter(|of| matches!(of.state, InstanceState::Pending | InstanceState::Running));
        let works = all.iter().filter(|of| of.state == InstanceState::Running && !of.retiring);
        let (lives, works) = (lives.count() as f64, works.count() as f64);
        let needed = profile.rate(at - began) / 60.0 * WORK.as_secs_f64();
        score.hours += lives * hours;
        score.over += (works - needed).max(0.0) * hours;
        score.under += (needed - works).max(0.0) * hours;
        at += STEP;
    }
    let after = cloud.worked();
    fleet.stop();
    score.interrupted = after.interrupted - before.interrupted;
    let mut waits = after.waits[before.waits.len()..].to_vec();
    waits.sort();
    score.p95 = waits.get(waits.len() * 95 / 100).copied().unwrap_or_default();
    let launched = |effect: &Effect| match effect {
        Effect::Launched { ids, .. } => ids.len(),
        _ => 0,
    };
    score.launches = cloud.history().iter().filter(|past| past.at >= begin).map(|past| launched(&past.effect)).sum();
    score
}

/// The goals that ours misses under a load, by the scores in the order of [`CONTENDERS`].
pub fn missed(load: &Load, scores: &[Score]) -> Vec<String> {
    let is_ours = |contender: &Contender| matches!(contender.kind, Kind::Ours(_));
    let all = || CONTENDERS.iter().zip(scores);
    let peers: Vec<&Score> = all().filter(|(of, _)| !is_ours(of)).map(|(_, score)| score).collect();
    let fewest = peers.iter().map(|peer| peer.launches).min().unwrap_or(0);
    let mut missed = Vec::new();
    for (Contender { name, .. }, ours) in all().filter(|(of, _)| is_ours(of)) {
        let mut miss = |what: String| missed.push(format!("{}: {name} {what}", load.name));
        if ours.interrupted > 0 {
            miss(format!("interrupts {} messages", ours.interrupted));
        }
        if load.name == "steady" && 3 * ours.launches > fewest {
            miss(format!("launches {}, the best peer {fewest}", ours.launches));
        }
        if peers.iter().all(|peer| ours.p95 > peer.p95 && ours.hours > peer.hours) {
            miss("is worse than every peer on both wait and hours".to_owned());
        }
    }
    missed
}
