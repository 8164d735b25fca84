//! A cloud that is only pretended, on tokio's clock. In: the calls of [`Cloud`]. Out: what AWS would answer.
//!
//! It keeps AWS's rules: a token launches once, a launch is invisible at first and pending before it runs, health checks
//! and drains take their time, one bad id fails its batch, quotas cut a launch, the terminated stay visible for a while.
//! It can be told to fail, and it records what took effect.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::command::{InstanceId, list};
use crate::fleet::ports::{Cloud, CloudError, Health, Instance, InstanceState};

/// How long things take.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Half of a call: its effect lies between the two halves.
    pub half_call: Duration,
    /// From a launch or a tag until it is described. Until a launch is, its id is not found.
    pub visible: Duration,
    pub boot: Duration,
    /// From registration to the first passed health check.
    pub health_check: Duration,
    pub drain: Duration,
    pub shut_down: Duration,
    /// How long a terminated instance is still described.
    pub remembered: Duration,
}

impl Default for Times {
    /// In proportion to AWS's, and quick enough to watch.
    fn default() -> Self {
        Times {
            half_call: Duration::from_millis(40),
            visible: Duration::from_millis(500),
            boot: Duration::from_secs(4),
            health_check: Duration::from_secs(2),
            drain: Duration::from_secs(3),
            shut_down: Duration::from_secs(2),
            remembered: Duration::from_secs(3600),
        }
    }
}

/// The calls, to say which is to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    Instances,
    Balancer,
    Launch,
    TagRetiring,
    Register,
    Deregister,
    Terminate,
}

/// How a call fails.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nothing takes effect.
    Before(CloudError),
    /// It takes effect, and the answer is an error all the same: a lost reply.
    After(CloudError),
    /// It takes effect or not, and no answer ever comes.
    Hang { effect: bool },
    /// Nothing takes effect, and the answer is empty: what a cloud that forgets a moment answers to a read.
    Empty,
}

/// A change that took effect, when, and how everything was before.
#[derive(Clone, Debug)]
pub struct Past {
    pub at: Instant,
    pub before: Vec<Truth>,
    pub effect: Effect,
}

/// A change that takes effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    Launched { token: String, ids: Vec<InstanceId> },
    Retiring(Vec<InstanceId>),
    Registered(Vec<InstanceId>),
    Deregistered(Vec<InstanceId>),
    Terminated(Vec<InstanceId>),
}

/// An instance as it really is.
#[derive(Clone, Debug)]
pub struct Truth {
    pub id: InstanceId,
    pub state: InstanceState,
    /// Whether it carries the fleet's tag.
    pub ours: bool,
    pub retiring: bool,
    pub registered: bool,
    pub draining: bool,
}

/// A handle on one pretended cloud; clones see the same one.
#[derive(Clone)]
pub struct Simulated {
    world: Arc<Mutex<World>>,
    hung: Arc<Notify>,
    times: Times,
}

impl Default for Simulated {
    fn default() -> Self {
        Simulated::new(Times::default(), 1)
    }
}

impl Simulated {
    /// An empty cloud whose ids follow from `seed`. Must be made within a tokio runtime.
    pub fn new(times: Times, seed: u64) -> Self {
        let world = World {
            times,
            ids: SplitMix64::seed_from_u64(seed),
            epoch: (Timestamp::now(), Instant::now()),
            machines: Vec::new(),
            registered: BTreeMap::new(),
            draining: BTreeMap::new(),
            tokens: BTreeMap::new(),
            room: usize::MAX,
            dooms: VecDeque::new(),
            faults: BTreeMap::new(),
            calls: BTreeMap::new(),
            history: Vec::new(),
        };
        Simulated { world: Arc::new(Mutex::new(world)), hung: Arc::default(), times }
    }

    /// Adds `n` instances of the fleet that have been in service for long.
    pub fn add_in_service(&self, n: usize) -> Vec<InstanceId> {
        (0..n).map(|_| self.world().add_old(true, true)).collect()
    }

    /// Adds a running instance without the fleet's tag.
    pub fn add_stranger(&self, registered: bool) -> InstanceId {
        self.world().add_old(false, registered)
    }

    /// From now on no more than this many instances can be launched.
    pub fn set_room(&self, room: usize) {
        self.world().room = room;
    }

    /// The next instance that boots dies of this instead.
    pub fn doom_next(&self, reason: &str) {
        self.world().dooms.push_back(reason.to_owned());
    }

    /// Sets or lifts termination protection.
    pub fn protect(&self, id: &InstanceId, protected: bool) {
        self.world().change(id, |machine| machine.protected = protected);
    }

    /// Makes an instance fail its health check, or pass it again.
    pub fn set_sick(&self, id: &InstanceId, sick: bool) {
        self.world().change(id, |machine| machine.sick = sick);
    }

    /// Somebody else stops an instance, or starts it again.
    pub fn set_stopped(&self, id: &InstanceId, stopped: bool) {
        self.world().change(id, |machine| machine.stopped = stopped);
    }

    /// Somebody else terminates an instance.
    pub fn reap(&self, id: &InstanceId) {
        let now = Instant::now();
        self.world().change(id, |machine| machine.end(now, "Client.UserInitiatedShutdown: terminated by another"));
    }

    /// The next call of this kind that is not spoken for fails.
    pub fn fail_next(&self, call: Call, fault: Fault) {
        self.world().faults.entry(call).or_default().push_back(fault);
    }

    /// No call fails any more.
    pub fn clear_faults(&self) {
        self.world().faults.clear();
    }

    /// Waits until a call hangs.
    pub async fn hung(&self) {
        self.hung.notified().await;
    }

    /// How many calls of this kind were made, failed ones too.
    pub fn calls(&self, call: Call) -> usize {
        self.world().calls.get(&call).copied().unwrap_or(0)
    }

    /// Everything that ever took effect, in its order.
    pub fn history(&self) -> Vec<Past> {
        self.world().history.clone()
    }

    /// Every instance as it is now, the strangers too.
    pub fn truth(&self) -> Vec<Truth> {
        self.world().truth(Instant::now())
    }

    fn world(&self) -> MutexGuard<'_, World> {
        // Each change is made whole under the lock: a panic elsewhere leaves nothing half done.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call: half its time, its effect, the other half. Whoever drops it between the two never hears of the effect.
    async fn call<T: Default>(
        &self,
        call: Call,
        effect: impl FnOnce(&mut World, Instant) -> Result<T, CloudError>,
    ) -> Result<T, CloudError> {
        sleep(self.times.half_call).await;
        let answer = {
            let mut world = self.world();
            *world.calls.entry(call).or_default() += 1;
            let now = Instant::now();
            match world.faults.get_mut(&call).and_then(VecDeque::pop_front) {
                None => Some(effect(&mut world, now)),
                Some(Fault::Before(error)) => Some(Err(error)),
                Some(Fault::After(error)) => Some(effect(&mut world, now).and(Err(error))),
                Some(Fault::Empty) => Some(Ok(T::default())),
                Some(Fault::Hang { effect: takes_place }) => {
                    if takes_place {
                        // Nobody hears the answer.
                        let _ = effect(&mut world, now);
                    }
                    None
                }
            }
        };
        let Some(answer) = answer else {
            self.hung.notify_one();
            return std::future::pending().await;
        };
        sleep(self.times.half_call).await;
        answer
    }
}

impl Cloud for Simulated {
    async fn instances(&self) -> Result<Vec<Instance>, CloudError> {
        self.call(Call::Instances, |world, now| Ok(world.describe(now))).await
    }

    async fn balancer(&self, also: &[InstanceId]) -> Result<Vec<(InstanceId, Health)>, CloudError> {
        self.call(Call::Balancer, |world, now| Ok(world.health(also, now))).await
    }

    async fn launch(&self, count: usize, token: &str) -> Result<Vec<InstanceId>, CloudError> {
        self.call(Call::Launch, |world, now| world.launch(count, token, now)).await
    }

    async fn tag_retiring(&self, ids: &[InstanceId], _at: Timestamp) -> Result<(), CloudError> {
        self.call(Call::TagRetiring, |world, now| {
            world.all_found(ids, now)?;
            world.record(Effect::Retiring(ids.to_vec()), now);
            for id in ids {
                world.change(id, |machine| {
                    machine.retiring.get_or_insert(now);
                });
            }
            Ok(())
        })
        .await
    }

    async fn register(&self, ids: &[InstanceId]) -> Result<(), CloudError> {
        self.call(Call::Register, |world, now| {
            let runs = |id: &InstanceId| {
                let machine = world.machines.iter().find(|machine| machine.id == *id);
                machine.is_some_and(|machine| machine.state(now, &world.times) == InstanceState::Running)
            };
            none_of(ids, |id| !runs(id), "InvalidInstance", "not running")?;
            world.record(Effect::Registered(ids.to_vec()), now);
            for id in ids {
                world.registered.entry(id.clone()).or_insert(now);
                world.draining.remove(id);
            }
            Ok(())
        })
        .await
    }

    async fn deregister(&self, ids: &[InstanceId]) -> Result<(), CloudError> {
        self.call(Call::Deregister, |world, now| {
            none_of(ids, |id| !world.registered.contains_key(id), "InvalidInstance", "not registered")?;
            world.record(Effect::Deregistered(ids.to_vec()), now);
            for id in ids {
                world.registered.remove(id);
                world.draining.insert(id.clone(), now + world.times.drain);
            }
            Ok(())
        })
        .await
    }

    async fn terminate(&self, ids: &[InstanceId]) -> Result<(), CloudError> {
        self.call(Call::Terminate, |world, now| {
            world.all_found(ids, now)?;
            let protected = |id: &InstanceId| world.machines.iter().any(|m| m.id == *id && m.protected);
            none_of(ids, protected, "OperationNotPermitted", "protected from termination")?;
            world.record(Effect::Terminated(ids.to_vec()), now);
            for id in ids {
                world.change(id, |machine| machine.end(now, "Client.UserInitiatedShutdown"));
            }
            Ok(())
        })
        .await
    }
}

/// One bad id fails the batch, and the error names all the bad ones.
fn none_of(ids: &[InstanceId], bad: impl Fn(&InstanceId) -> bool, code: &str, why: &str) -> Result<(), CloudError> {
    let bad: Vec<InstanceId> = ids.iter().filter(|id| bad(id)).cloned().collect();
    if bad.is_empty() {
        return Ok(());
    }
    Err(CloudError::new(code, format!("{}: {why}", list(&bad))).about(bad))
}

struct World {
    times: Times,
    /// Ids that look like AWS's and differ.
    ids: SplitMix64,
    /// The wall's time at a time of tokio's clock.
    epoch: (Timestamp, Instant),
    machines: Vec<Machine>,
    /// Since when.
    registered: BTreeMap<InstanceId, Instant>,
    /// Until when.
    draining: BTreeMap<InstanceId, Instant>,
    tokens: BTreeMap<String, (usize, Vec<InstanceId>)>,
    room: usize,
    dooms: VecDeque<String>,
    faults: BTreeMap<Call, VecDeque<Fault>>,
    calls: BTreeMap<Call, usize>,
    history: Vec<Past>,
}

struct Machine {
    id: InstanceId,
    ours: bool,
    launched: Instant,
    /// Launched at no time that matters: visible and running.
    old: bool,
    ended: Option<(Instant, String)>,
    retiring: Option<Instant>,
    protected: bool,
    sick: bool,
    stopped: bool,
}

impl Machine {
    fn state(&self, now: Instant, times: &Times) -> InstanceState {
        match &self.ended {
            Some((at, _)) if now >= *at + times.shut_down => InstanceState::Terminated,
            Some((at, _)) if now >= *at => InstanceState::ShuttingDown,
            _ if self.stopped => InstanceState::Stopped,
            _ if self.old || now >= self.launched + times.boot => InstanceState::Running,
            _ => InstanceState::Pending,
        }
    }

    fn is_visible(&self, now: Instant, times: &Times) -> bool {
        let came = self.old || now >= self.launched + times.visible;
        let went = self.ended.as_ref().is_some_and(|(at, _)| now >= *at + times.shut_down + times.remembered);
        came && !went
    }

    fn end(&mut self, now: Instant, reason: &str) {
        if self.ended.as_ref().is_none_or(|(at, _)| *at > now) {
            self.ended = Some((now, reason.to_owned()));
        }
    }
}

impl World {
    fn add(&mut self, ours: bool, old: bool, now: Instant) -> InstanceId {
        let id = InstanceId(format!("i-0{:016x}", self.ids.next_u64()));
        let doom = if old { None } else { self.dooms.pop_front() };
        self.machines.push(Machine {
            id: id.clone(),
            ours,
            launched: now,
            old,
            ended: doom.map(|reason| (now + self.times.boot, reason)),
            retiring: None,
            protected: false,
            sick: false,
            stopped: false,
        });
        id
    }

    fn add_old(&mut self, ours: bool, registered: bool) -> InstanceId {
        let now = Instant::now();
        let id = self.add(ours, true, now);
        if registered {
            self.registered.insert(id.clone(), now);
        }
        id
    }

    fn change(&mut self, id: &InstanceId, change: impl FnOnce(&mut Machine)) {
        if let Some(machine) = self.machines.iter_mut().find(|machine| machine.id == *id) {
            change(machine);
        }
    }

    fn launch(&mut self, count: usize, token: &str, now: Instant) -> Result<Vec<InstanceId>, CloudError> {
        if let Some((before, ids)) = self.tokens.get(token) {
            return match *before == count {
                true => Ok(ids.clone()),
                false => Err(CloudError::new("IdempotentParameterMismatch", "this token launched another number")),
            };
        }
        let granted = count.min(self.room);
        if granted == 0 {
            return Err(CloudError::new("InsufficientInstanceCapacity", "there is no room for more instances"));
        }
        self.room -= granted;
        let before = self.truth(now);
        let ids: Vec<InstanceId> = (0..granted).map(|_| self.add(true, false, now)).collect();
        self.tokens.insert(token.to_owned(), (count, ids.clone()));
        let effect = Effect::Launched { token: token.to_owned(), ids: ids.clone() };
        self.history.push(Past { at: now, before, effect });
        Ok(ids)
    }

    fn describe(&self, now: Instant) -> Vec<Instance> {
        let ours = self.machines.iter().filter(|machine| machine.ours && machine.is_visible(now, &self.times));
        let described = ours.map(|machine| Instance {
            id: machine.id.clone(),
            state: machine.state(now, &self.times),
            launched: self.wall(machine.launched),
            retiring: machine.retiring.is_some_and(|at| now >= at + self.times.visible),
            reason: machine.ended.as_ref().filter(|(at, _)| now >= *at).map(|(_, reason)| reason.clone()),
        });
        described.collect()
    }

    fn health(&self, also: &[InstanceId], now: Instant) -> Vec<(InstanceId, Health)> {
        let registered = self.registered.iter().map(|(id, &since)| {
            let machine = self.machines.iter().find(|machine| machine.id == *id);
            let runs = machine.is_some_and(|m| !m.sick && m.state(now, &self.times) == InstanceState::Running);
            let old = machine.is_some_and(|machine| machine.old && since == machine.launched);
            let checked = old || now >= since + self.times.health_check;
            let health = match (checked, runs) {
                (false, _) => Health::Registering,
                (true, true) => Health::InService,
                (true, false) => Health::OutOfService,
            };
            (id.clone(), health)
        });
        let named = also.iter().filter(|id| !self.registered.contains_key(*id)).map(|id| {
            let drains = self.draining.get(id).is_some_and(|&until| now < until);
            (id.clone(), if drains { Health::Draining } else { Health::NotRegistered })
        });
        registered.chain(named).collect()
    }

    fn truth(&self, now: Instant) -> Vec<Truth> {
        let truth = self.machines.iter().map(|machine| Truth {
            id: machine.id.clone(),
            state: machine.state(now, &self.times),
            ours: machine.ours,
            retiring: machine.retiring.is_some(),
            registered: self.registered.contains_key(&machine.id),
            draining: self.draining.get(&machine.id).is_some_and(|&until| now < until),
        });
        truth.collect()
    }

    fn record(&mut self, effect: Effect, now: Instant) {
        let before = self.truth(now);
        self.history.push(Past { at: now, before, effect });
    }

    fn all_found(&self, ids: &[InstanceId], now: Instant) -> Result<(), CloudError> {
        let found = |id: &InstanceId| self.machines.iter().any(|m| m.id == *id && m.is_visible(now, &self.times));
        none_of(ids, |id| !found(id), "InvalidInstanceID.NotFound", "no such instance")
    }

    fn wall(&self, at: Instant) -> Timestamp {
        let (wall, start) = self.epoch;
        wall.saturating_add(at.duration_since(start)).unwrap_or(wall)
    }
}
