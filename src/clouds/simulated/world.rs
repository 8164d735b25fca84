//! How everything in the simulated cloud really is. In: changes, each at a time. Out: what took effect, and what the
//! cloud would describe then.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use tokio::time::Instant;

use super::front::{Front, Group};
use super::load::Load;
use super::queue::{Queue, Worker};
use super::times::Times;
use crate::command::{CommandId, InstanceId, list};
use crate::fleet::ports::{
    Birth, CloudError, ErrorKind, FLEET_TAG, Found, Health, Instance, InstanceState, LEASE_TAG, POOL_TAG, RETIRING_TAG,
    Standing,
};
use crate::metrics::{Point, Query, whole_steps};

/// EC2's reasons of an instance that is stopped.
const POWERED_OFF: &str = "Client.InstanceInitiatedShutdown: Instance initiated shutdown";
const STOPPED: &str = "Client.UserInitiatedShutdown: User initiated shutdown";

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
    Launched { command: CommandId, ids: Vec<InstanceId>, warm: bool },
    Tagged { key: String, value: String, ids: Vec<InstanceId> },
    Started(Vec<InstanceId>),
    Stopped(Vec<InstanceId>),
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
    /// The value of its tag of the warm pool.
    pub pool: Option<String>,
    /// The value of its lease's tag.
    pub lease: Option<String>,
    /// Its last start, by the wall's clock.
    pub launched: Timestamp,
    /// It stopped by itself.
    pub powered_off: bool,
    /// With any target group, or the balancer.
    pub registered: bool,
    /// With all of them; true where there are none.
    pub registered_with_all: bool,
    pub draining: bool,
}

pub(super) struct World {
    pub times: Times,
    /// The fleet's name.
    pub fleet: String,
    pub load: Load,
    /// None: nobody has asked for it yet.
    queue: Option<Queue>,
    /// How many more instances can be launched.
    pub room: usize,
    /// What the next instances that boot die of.
    pub dooms: VecDeque<String>,
    /// What is launched for the warm pool never powers itself off.
    pub endless: bool,
    /// None: nobody asked for it, as it grows for ever.
    pub history: Option<Vec<Past>>,
    /// Ids that look like AWS's and differ.
    ids: SplitMix64,
    /// The wall's time at a time of tokio's clock.
    pub epoch: (Timestamp, Instant),
    hosts: Vec<Host>,
    /// How many hosts there ever were.
    added: usize,
    /// How often one was started, which public addresses follow from.
    started: usize,
    front: Front,
    /// The balancer, or its target groups.
    groups: Vec<Group>,
    /// What each token launched, for which command, and how many were asked for.
    tokens: BTreeMap<String, (usize, CommandId, Vec<InstanceId>)>,
    /// When each instance was in service.
    stays: Vec<Stay>,
}

pub(super) struct Host {
    id: InstanceId,
    /// Its place among all that were ever added, which its address follows from.
    number: usize,
    ours: bool,
    born: Instant,
    /// Launched long ago: visible and running.
    old: bool,
    ended: Option<(Instant, String)>,
    /// The tags that it was launched with.
    birth: Vec<(String, String)>,
    power: Power,
    /// Each key and value, and when it was written; the last one counts.
    tags: Vec<(String, String, Instant)>,
    pub protected: bool,
    pub sick: bool,
    /// In another network than the balancer.
    pub elsewhere: bool,
}

/// Since when it is on, and until when.
struct Power {
    /// Its last start, its launch at first.
    on: Instant,
    /// From then until it runs.
    boots: Duration,
    /// From then until its user data is done.
    sets_up: Duration,
    /// Which start of all it was, and so its public address.
    start: usize,
    /// When it stops, or began to.
    off: Option<Off>,
}

struct Off {
    at: Instant,
    /// From then until it is stopped.
    takes: Duration,
    by_itself: bool,
}

impl Power {
    fn runs_from(&self) -> Instant {
        self.on + self.boots
    }

    /// What stopped it, or stops it.
    fn off(&self, now: Instant) -> Option<&Off> {
        self.off.as_ref().filter(|off| now >= off.at)
    }
}

/// A time in service.
struct Stay {
    id: InstanceId,
    from: Instant,
    until: Option<Instant>,
}

impl Stay {
    fn covers(&self, at: Instant) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}

impl Host {
    fn state(&self, now: Instant, times: &Times) -> InstanceState {
        match &self.ended {
            Some((at, _)) if now >= *at + times.shut_down => InstanceState::Terminated,
            Some((at, _)) if now >= *at => InstanceState::ShuttingDown,
            _ => match self.power.off(now) {
                Some(off) if now >= off.at + off.takes => InstanceState::Stopped,
                Some(_) => InstanceState::Stopping,
                None if now >= self.power.runs_from() => InstanceState::Running,
                None => InstanceState::Pending,
            },
        }
    }

    fn is_visible(&self, now: Instant, times: &Times) -> bool {
        let came = self.old || now >= self.born + times.visible;
        came && !self.is_forgotten(now, times)
    }

    /// Whether it was terminated so long ago that the cloud knows nothing of it any more.
    fn is_forgotten(&self, now: Instant, times: &Times) -> bool {
        self.ended.as_ref().is_some_and(|(at, _)| now >= *at + times.shut_down + times.remembered)
    }

    fn is_retiring(&self) -> bool {
        self.tag(RETIRING_TAG).is_some()
    }

    /// The value of a tag, as it really is.
    fn tag(&self, name: &str) -> Option<&str> {
        let written = self.tags.iter().rev().find(|(key, _, _)| key == name).map(|(_, value, _)| value);
        let born = || self.birth.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        written.or_else(born).map(String::as_str)
    }

    /// Stops where it is on: at once, but for the time that it takes.
    fn stop(&mut self, now: Instant, takes: Duration) {
        if self.power.off(now).is_none() {
            self.power.off = Some(Off { at: now, takes, by_itself: false });
        }
    }

    /// Starts where it is off; its user data has run before.
    fn start(&mut self, now: Instant, boots: Duration, start: usize) {
        self.power = Power { on: now, boots, sets_up: Duration::ZERO, start, off: None };
    }

    pub fn end(&mut self, now: Instant, reason: &str) {
        if self.ended.as_ref().is_none_or(|(at, _)| *at > now) {
            self.ended = Some((now, reason.to_owned()));
        }
    }
}

impl World {
    pub fn new(times: Times, seed: u64, front: Front) -> Self {
        World {
            times,
            fleet: "simulated".to_owned(),
            load: Load::default(),
            queue: None,
            room: usize::MAX,
            dooms: VecDeque::new(),
            endless: false,
            started: 0,
            history: None,
            added: 0,
            ids: SplitMix64::seed_from_u64(seed),
            epoch: (Timestamp::now(), Instant::now()),
            hosts: Vec::new(),
            front,
            groups: (0..front.groups()).map(|_| Group::default()).collect(),
            tokens: BTreeMap::new(),
            stays: Vec::new(),
        }
    }

    /// Adds an instance that was launched long ago.
    pub fn add_old(&mut self, ours: bool, registered: bool) -> InstanceId {
        let now = Instant::now();
        let id = self.add(ours, true, now);
        if registered {
            self.groups.iter_mut().for_each(|group| group.register(&id, now));
        }
        self.note_service(now);
        // It was in service before this world began.
        let began = self.epoch.1;
        self.stays.iter_mut().filter(|stay| stay.id == id).for_each(|stay| stay.from = began);
        id
    }

    fn add(&mut self, ours: bool, old: bool, now: Instant) -> InstanceId {
        let Times { boot, set_up, .. } = self.times;
        let (boots, sets_up) = if old { (Duration::ZERO, Duration::ZERO) } else { (boot, set_up) };
        let id = InstanceId(format!("i-0{:016x}", self.ids.next_u64()));
        let doom = if old { None } else { self.dooms.pop_front() };
        self.added += 1;
        self.started += 1;
        self.hosts.push(Host {
            id: id.clone(),
            number: self.added - 1,
            ours,
            born: now,
            old,
            ended: doom.map(|reason| (now + self.times.boot, reason)),
            birth: Vec::new(),
            power: Power { on: now, boots, sets_up, start: self.started - 1, off: None },
            tags: Vec::new(),
            protected: false,
            sick: false,
            elsewhere: false,
        });
        id
    }

    /// Changes an instance from outside the ports.
    pub fn change(&mut self, id: &InstanceId, change: impl FnOnce(&mut Host)) {
        if let Some(host) = self.hosts.iter_mut().find(|host| host.id == *id) {
            change(host);
        }
        self.note_service(Instant::now());
    }

    /// Somebody else stops an instance, or starts it again.
    pub fn set_stopped(&mut self, id: &InstanceId, stopped: bool, now: Instant) {
        let (times, started) = (self.times, self.started);
        self.started += 1;
        self.change(id, |host| {
            let state = host.state(now, &times);
            match stopped {
                true if matches!(state, InstanceState::Pending | InstanceState::Running) => {
                    host.stop(now, Duration::ZERO);
                }
                false if state == InstanceState::Stopped => host.start(now, times.start, started),
                _ => {}
            }
        });
    }

    // --- The calls that change something.

    pub fn launch(&mut self, n: usize, token: &str, birth: &Birth, now: Instant) -> Result<Vec<Instance>, CloudError> {
        let (command, warm) = (&birth.command, birth.recipe.is_some());
        if let Some((asked, by, ids)) = self.tokens.get(token) {
            return match (*asked, by) == (n, command) {
                true => Ok(self.born(ids)),
                false => {
                    let message = "this token launched something else";
                    Err(CloudError::new(ErrorKind::Taken, "IdempotentParameterMismatch", message))
                }
            };
        }
        let granted = n.min(self.room);
        if granted == 0 {
            let message = "there is no room for more instances";
            return Err(CloudError::new(ErrorKind::Capacity, "InsufficientInstanceCapacity", message));
        }
        self.room -= granted;
        let before = if self.history.is_some() { self.truth(now) } else { Vec::new() };
        let ids: Vec<InstanceId> = (0..granted).map(|_| self.add(true, false, now)).collect();
        let (endless, takes) = (self.endless, self.times.stop);
        for host in self.hosts.iter_mut().filter(|host| ids.contains(&host.id)) {
            host.birth = birth.tags().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
            if warm && !endless {
                let at = host.power.runs_from() + host.power.sets_up;
                host.power.off = Some(Off { at, takes, by_itself: true });
            }
        }
        self.tokens.insert(token.to_owned(), (n, command.clone(), ids.clone()));
        let effect = Effect::Launched { command: command.clone(), ids: ids.clone(), warm };
        self.keep(Past { at: now, before, effect });
        self.note_service(now);
        Ok(self.born(&ids))
    }

    pub fn tag(&mut self, ids: &[InstanceId], key: &str, value: &str, now: Instant) -> Result<(), CloudError> {
        self.all_found(ids, now)?;
        self.record(Effect::Tagged { key: key.to_owned(), value: value.to_owned(), ids: ids.to_vec() }, now);
        for host in self.hosts.iter_mut().filter(|host| ids.contains(&host.id)) {
            host.tags.push((key.to_owned(), value.to_owned(), now));
        }
        self.note_service(now);
        Ok(())
    }

    pub fn start(&mut self, ids: &[InstanceId], now: Instant) -> Result<(), CloudError> {
        use InstanceState::{Pending, Running, Stopped};
        self.all_found(ids, now)?;
        self.all_in(ids, &[Pending, Running, Stopped], now)?;
        self.record(Effect::Started(ids.to_vec()), now);
        for host in self.hosts.iter_mut().filter(|host| ids.contains(&host.id)) {
            if host.state(now, &self.times) == Stopped {
                host.start(now, self.times.start, self.started);
                self.started += 1;
            }
        }
        self.note_service(now);
        Ok(())
    }

    pub fn stop(&mut self, ids: &[InstanceId], now: Instant) -> Result<(), CloudError> {
        use InstanceState::{Running, Stopped, Stopping};
        self.all_found(ids, now)?;
        self.all_in(ids, &[Running, Stopping, Stopped], now)?;
        self.record(Effect::Stopped(ids.to_vec()), now);
        for host in self.hosts.iter_mut().filter(|host| ids.contains(&host.id)) {
            host.stop(now, self.times.stop);
        }
        self.note_service(now);
        Ok(())
    }

    pub fn terminate(&mut self, ids: &[InstanceId], now: Instant) -> Result<(), CloudError> {
        self.all_found(ids, now)?;
        let protected = |id: &InstanceId| self.hosts.iter().any(|host| host.id == *id && host.protected);
        let error = (ErrorKind::Refused, "OperationNotPermitted", "protected from termination");
        none_of(ids, protected, error)?;
        self.record(Effect::Terminated(ids.to_vec()), now);
        for host in self.hosts.iter_mut().filter(|host| ids.contains(&host.id)) {
            host.end(now, "Client.UserInitiatedShutdown");
        }
        self.note_service(now);
        Ok(())
    }

    /// The log of its last start.
    pub fn console(&self, id: &InstanceId, now: Instant) -> Result<Option<String>, CloudError> {
        self.all_found(std::slice::from_ref(id), now)?;
        let Some(host) = self.hosts.iter().find(|host| host.id == *id) else { return Ok(None) };
        let steps = [
            (Some(host.power.on), "the machine starts"),
            (Some(host.power.runs_from()), "the system runs"),
            (Some(host.power.runs_from() + host.power.sets_up), "the user data is done"),
            (host.power.off(now).map(|off| off.at), "the system goes down"),
        ];
        let past = steps.iter().filter_map(|(at, what)| Some((at.filter(|at| now >= *at)?, what)));
        let text: String = past.map(|(at, what)| format!("[{:.1}] {what}\n", self.wall(at))).collect();
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    pub fn register(&mut self, group: usize, ids: &[InstanceId], now: Instant) -> Result<(), CloudError> {
        self.there(group)?;
        let runs = |id: &InstanceId| {
            let host = self.hosts.iter().find(|host| host.id == *id);
            host.is_some_and(|host| host.state(now, &self.times) == InstanceState::Running)
        };
        none_of(ids, |id| !runs(id), (ErrorKind::NotFound, "InvalidInstance", "not running"))?;
        let elsewhere = |id: &InstanceId| self.hosts.iter().any(|host| host.id == *id && host.elsewhere);
        none_of(ids, elsewhere, (ErrorKind::Refused, "InvalidInstance", "not in the balancer's network"))?;
        self.record(Effect::Registered(ids.to_vec()), now);
        ids.iter().for_each(|id| self.groups[group].register(id, now));
        self.note_service(now);
        Ok(())
    }

    pub fn deregister(&mut self, group: usize, ids: &[InstanceId], now: Instant) -> Result<(), CloudError> {
        self.there(group)?;
        if self.front == Front::Classic {
            let off = |id: &InstanceId| !self.groups[group].registered.contains_key(id);
            none_of(ids, off, (ErrorKind::NotFound, "InvalidInstance", "not registered"))?;
        }
        self.record(Effect::Deregistered(ids.to_vec()), now);
        let until = now + self.times.drain;
        ids.iter().for_each(|id| self.groups[group].deregister(id, until));
        self.note_service(now);
        Ok(())
    }

    /// Somebody deletes the balancer, or this one of its target groups.
    pub fn delete(&mut self, group: usize, now: Instant) {
        if let Some(group) = self.groups.get_mut(group) {
            group.delete();
        }
        self.note_service(now);
    }

    fn there(&self, group: usize) -> Result<(), CloudError> {
        match self.groups.get(group).is_some_and(|group| !group.is_gone()) {
            true => Ok(()),
            false => Err(CloudError::new(ErrorKind::NoBalancer, "LoadBalancerNotFound", "there is no such balancer")),
        }
    }

    /// Keeps an effect that takes place now, before it does.
    fn record(&mut self, effect: Effect, now: Instant) {
        if self.history.is_some() {
            let before = self.truth(now);
            self.keep(Past { at: now, before, effect });
        }
    }

    fn keep(&mut self, past: Past) {
        if let Some(history) = &mut self.history {
            history.push(past);
        }
    }

    /// Forgets what is over, as AWS does: hosts that ended long ago, with the tokens that launched them, and what was
    /// measured long ago. What is left does not grow with the time that this world has run.
    pub fn forget(&mut self, now: Instant) {
        if self.queue.is_some() {
            self.queue(now);
        }
        let times = self.times;
        let (gone, kept) = std::mem::take(&mut self.hosts).into_iter().partition(|host| host.is_forgotten(now, &times));
        self.hosts = kept;
        let gone: Vec<Host> = gone;
        for group in &mut self.groups {
            gone.iter().for_each(|host| group.forget(&host.id));
        }
        if !gone.is_empty() {
            let known: BTreeSet<&InstanceId> = self.hosts.iter().map(|host| &host.id).collect();
            self.tokens.retain(|_, (_, _, ids)| ids.iter().any(|id| known.contains(id)));
        }
        self.stays.retain(|stay| stay.until.is_none_or(|until| now < until + times.measured));
    }

    fn all_found(&self, ids: &[InstanceId], now: Instant) -> Result<(), CloudError> {
        let found = |id: &InstanceId| self.hosts.iter().any(|host| host.id == *id && host.is_visible(now, &self.times));
        none_of(ids, |id| !found(id), (ErrorKind::NotFound, "InvalidInstanceID.NotFound", "no such instance"))
    }

    /// Whether the cloud does this to each of them in its state.
    fn all_in(&self, ids: &[InstanceId], states: &[InstanceState], now: Instant) -> Result<(), CloudError> {
        let state =
            |id: &InstanceId| self.hosts.iter().find(|host| host.id == *id).map(|host| host.state(now, &self.times));
        let bad = |id: &InstanceId| !state(id).is_some_and(|state| states.contains(&state));
        none_of(ids, bad, (ErrorKind::Refused, "IncorrectInstanceState", "not in a state from which it can"))
    }

    // --- What can be seen.

    pub fn describe(&self, now: Instant) -> Vec<Instance> {
        let ours = self.hosts.iter().filter(|host| host.ours && host.is_visible(now, &self.times));
        ours.map(|host| self.described(host, now)).collect()
    }

    pub fn find(&self, ids: &[InstanceId], now: Instant) -> BTreeMap<InstanceId, Found> {
        let found = ids.iter().map(|id| {
            let host = self.hosts.iter().find(|host| host.id == *id && host.is_visible(now, &self.times));
            let found = match host {
                Some(host) if host.ours => Found::Ours(Box::new(self.described(host, now))),
                Some(_) => Found::NotOurs,
                None => Found::NotThere,
            };
            (id.clone(), found)
        });
        found.collect()
    }

    /// What a launch answers.
    fn born(&self, ids: &[InstanceId]) -> Vec<Instance> {
        let born = self.hosts.iter().filter(|host| ids.contains(&host.id));
        born.map(|host| self.described(host, host.born)).collect()
    }

    fn described(&self, host: &Host, now: Instant) -> Instance {
        let (net, address) = (host.number / 250 % 250, host.number % 250 + 4);
        let state = host.state(now, &self.times);
        let is_on = matches!(state, InstanceState::Pending | InstanceState::Running);
        let outside = || format!("198.18.{}.{}", host.power.start / 250 % 250, host.power.start % 250 + 4);
        let off = host.power.off(now);
        let written = host.tags.iter().filter(|(_, _, at)| now >= *at + self.times.visible);
        let tags = written.map(|(key, value, _)| (key.clone(), value.clone()));
        let ended = host.ended.as_ref().filter(|(at, _)| now >= *at).map(|(_, reason)| reason.clone());
        let stopped = off.map(|off| if off.by_itself { POWERED_OFF } else { STOPPED }.to_owned());
        Instance {
            kind: Some("t3.micro".to_owned()),
            zone: Some("simulated-1a".to_owned()),
            subnet: Some("subnet-0123456789abcdef0".to_owned()),
            image: Some("ami-0123456789abcdef0".to_owned()),
            private_address: Some(format!("10.0.{net}.{address}")),
            public_address: is_on.then(outside),
            tags: [(FLEET_TAG.to_owned(), self.fleet.clone())]
                .into_iter()
                .chain(host.birth.iter().cloned())
                .chain(tags)
                .collect(),
            reason: ended.or(stopped),
            powered_off: off.is_some_and(|off| off.by_itself),
            ..Instance::new(host.id.clone(), state, self.wall(host.power.on))
        }
    }

    pub fn health(
        &self,
        group: usize,
        leaving: &[InstanceId],
        now: Instant,
    ) -> Result<Vec<(InstanceId, Standing)>, CloudError> {
        self.there(group)?;
        let Group { registered, draining, .. } = &self.groups[group];
        let listed = registered.iter().map(|(id, &since)| {
            let host = self.hosts.iter().find(|host| host.id == *id);
            let runs = host.is_some_and(|host| host.state(now, &self.times) == InstanceState::Running);
            let old = host.is_some_and(|host| host.old && since == host.born);
            let checked = old || now >= since + self.times.health_check;
            let set_up = |host: &Host| now >= host.power.runs_from() + host.power.sets_up;
            let standing = match (checked, runs) {
                (false, _) => Standing::new(Health::Registering),
                (true, true) if host.is_some_and(|host| !host.sick && set_up(host)) => Standing::new(Health::InService),
                (true, runs) => {
                    let reason = if runs { "it fails its health check" } else { "it does not run" };
                    Standing { health: Health::OutOfService, reason: Some(reason.to_owned()) }
                }
            };
            (id.clone(), standing)
        });
        let named = leaving.iter().filter(|id| !registered.contains_key(*id)).map(|id| {
            let drains = draining.get(id).is_some_and(|&until| now < until);
            (id.clone(), Standing::new(if drains { Health::Draining } else { Health::NotRegistered }))
        });
        Ok(listed.chain(named).collect())
    }

    pub fn truth(&self, now: Instant) -> Vec<Truth> {
        let truth = self.hosts.iter().map(|host| Truth {
            id: host.id.clone(),
            state: host.state(now, &self.times),
            ours: host.ours,
            retiring: host.is_retiring(),
            pool: host.tag(POOL_TAG).map(str::to_owned),
            lease: host.tag(LEASE_TAG).map(str::to_owned),
            launched: self.wall(host.power.on),
            powered_off: host.power.off(now).is_some_and(|off| off.by_itself),
            registered: self.groups.iter().any(|group| group.registered.contains_key(&host.id)),
            registered_with_all: self.groups.iter().all(|group| group.registered.contains_key(&host.id)),
            draining: self.groups.iter().any(|group| group.draining.get(&host.id).is_some_and(|&until| now < until)),
        });
        truth.collect()
    }

    // --- What would be measured.

    /// The load's points.
    pub fn series(&self, queries: &[Query], last: Duration, step: Duration, now: Instant) -> Vec<Vec<Point>> {
        let every = usize::try_from(step.as_millis()).unwrap_or(usize::MAX).max(1);
        let steps = whole_steps(self.wall(now), last, step).step_by(every);
        let steps: Vec<_> = steps.filter_map(|at| Timestamp::from_millisecond(at).ok()).collect();
        let points = |query: &Query| {
            let points = steps.iter().filter_map(|&at| {
                let moment = self.moment(at);
                let in_service = || self.stays.iter().filter(|stay| stay.covers(moment));
                let is_one = match query {
                    Query::Cpu(id) | Query::Sent(id) => in_service().any(|stay| stay.id == *id),
                    Query::Requests | Query::RequestsEach => false,
                };
                let value = self.load.value(query, in_service().count(), is_one, moment - self.epoch.1, step)?;
                Some(Point { at, value })
            });
            points.collect()
        };
        queries.iter().map(points).collect()
    }

    /// The queue as it is now.
    pub fn queue(&mut self, now: Instant) -> &Queue {
        let ends = |id: &InstanceId| {
            let host = self.hosts.iter().find(|host| host.id == *id);
            host.map_or(Some(now), |host| host.ended.as_ref().map(|(at, _)| *at))
        };
        let worker =
            |stay: &Stay| Worker { id: stay.id.clone(), from: stay.from, until: stay.until, ends: ends(&stay.id) };
        let workers: Vec<Worker> = self.stays.iter().map(worker).collect();
        let queue = self.queue.get_or_insert_with(|| Queue::new(self.epoch.1, now, &self.load));
        queue.play(now, &self.load, &workers);
        queue
    }

    /// Notes who comes into service and who leaves it, after a change.
    fn note_service(&mut self, now: Instant) {
        for host in &self.hosts {
            let ended = host.ended.as_ref().is_some_and(|(at, _)| *at <= now);
            // Without a balancer, an instance's own tag tells it to take no more work.
            let leaves = self.front == Front::Nothing && host.is_retiring();
            let serves = !(host.sick || host.power.off(now).is_some() || ended || leaves);
            let from = self.serves_from(host).filter(|_| serves);
            let stay = self.stays.iter_mut().find(|stay| stay.id == host.id && stay.until.is_none());
            match (stay, from) {
                (Some(stay), None) => stay.until = Some(now),
                (None, Some(from)) => {
                    self.stays.push(Stay { id: host.id.clone(), from: from.max(now), until: None });
                }
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
    }

    /// When it is in service with every group, if it is registered with all; without a balancer, when it runs.
    fn serves_from(&self, host: &Host) -> Option<Instant> {
        let check = if host.old { Duration::ZERO } else { self.times.health_check };
        let boots = host.power.runs_from() + host.power.sets_up;
        let each = self.groups.iter().map(|group| Some(*group.registered.get(&host.id)? + check));
        each.chain([Some(boots)]).try_fold(boots, |latest, from| Some(latest.max(from?)))
    }

    fn wall(&self, at: Instant) -> Timestamp {
        let (wall, start) = self.epoch;
        wall.saturating_add(at.duration_since(start)).unwrap_or(wall)
    }

    /// The time of tokio's clock. Before this world began, everything was as it was then.
    fn moment(&self, at: Timestamp) -> Instant {
        let (wall, start) = self.epoch;
        start + Duration::try_from(at.duration_since(wall)).unwrap_or_default()
    }
}

/// One bad id fails the batch, and the error names all the bad ones.
fn none_of(
    ids: &[InstanceId],
    bad: impl Fn(&InstanceId) -> bool,
    (kind, code, why): (ErrorKind, &str, &str),
) -> Result<(), CloudError> {
    let bad: Vec<InstanceId> = ids.iter().filter(|id| bad(id)).cloned().collect();
    if bad.is_empty() {
        return Ok(());
    }
    Err(CloudError::new(kind, code, format!("{}: {why}", list(&bad))).about(bad))
}
