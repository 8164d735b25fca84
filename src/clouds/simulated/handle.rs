//! The way into a simulated cloud. In: the calls of the ports, and the controls of a test that plays the rest of the
//! world. Out: what AWS would answer, and what really happened.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::faults::{Call, Fault, Faults};
use super::front::Front;
use super::load::Load;
use super::profile::Profile;
use super::queue::Worked;
use super::times::Times;
use super::world::{Past, Truth, World};
use crate::clouds::none::NoBalancer;
use crate::clouds::several::Several;
use crate::command::InstanceId;
use crate::fleet::ports::{Balancer, Birth, CloudError, Found, Instance, Instances, Ports, Standings};
use crate::metrics::{Depth, Metrics, MetricsError, Point, Query, Source};

/// A cloud that is quicker than AWS measures oftener too.
const STEP: Duration = Duration::from_secs(1);

/// A handle on one simulated cloud; clones see the same one.
#[derive(Clone)]
pub struct Simulated {
    state: Arc<Mutex<State>>,
    hung: Arc<Notify>,
    times: Times,
    front: Front,
}

/// Its balancer, or one of its target groups.
struct Side {
    cloud: Simulated,
    group: usize,
}

struct State {
    world: World,
    faults: Faults,
    calls: BTreeMap<Call, usize>,
}

impl Default for Simulated {
    fn default() -> Self {
        Simulated::new(Times::default(), 1)
    }
}

impl Simulated {
    /// An empty cloud behind a classic load balancer, whose ids follow from `seed`.
    pub fn new(times: Times, seed: u64) -> Self {
        Simulated::behind(Front::Classic, times, seed)
    }

    /// The same behind another kind of balancer.
    pub fn behind(front: Front, times: Times, seed: u64) -> Self {
        let world = World::new(times, seed, front);
        let state = State { world, faults: Faults::default(), calls: BTreeMap::new() };
        Simulated { state: Arc::new(Mutex::new(state)), hung: Arc::default(), times, front }
    }

    /// The same cloud, whose fleet has this name.
    pub fn named(self, fleet: &str) -> Self {
        self.lock().world.fleet = fleet.to_owned();
        self
    }

    /// The same cloud under this load, of which an instance works so long on each request.
    pub fn loaded(self, profile: Profile, work: Duration) -> Self {
        self.lock().world.load = Load { profile, work };
        self
    }

    /// The wall's clock of this cloud: it goes as tokio's does.
    pub fn wall(&self) -> Arc<dyn Fn() -> Timestamp + Send + Sync> {
        let (wall, start) = self.lock().world.epoch;
        Arc::new(move || wall.saturating_add(start.elapsed()).unwrap_or(wall))
    }

    /// This cloud's ports.
    pub fn ports(&self) -> Ports {
        let side = |group| -> Arc<dyn Balancer> { Arc::new(Side { cloud: self.clone(), group }) };
        let balancer = match self.front {
            Front::Classic => side(0),
            Front::TargetGroups(n) => Arc::new(Several((0..n).map(side).collect())),
            Front::Nothing => Arc::new(NoBalancer::new(self.times.drain)),
        };
        Ports { instances: Arc::new(self.clone()), balancer }
    }

    // --- Controls.

    /// Adds `n` instances of the fleet that have been in service for long.
    pub fn add_in_service(&self, n: usize) -> Vec<InstanceId> {
        (0..n).map(|_| self.lock().world.add_old(true, true)).collect()
    }

    /// Adds a running instance without the fleet's tag.
    pub fn add_stranger(&self, registered: bool) -> InstanceId {
        self.lock().world.add_old(false, registered)
    }

    /// From now on no more than this many instances can be launched.
    pub fn set_room(&self, room: usize) {
        self.lock().world.room = room;
    }

    /// What is launched for the warm pool from now on never powers itself off, or does again.
    pub fn set_endless(&self, endless: bool) {
        self.lock().world.endless = endless;
    }

    /// The next instance that boots dies of this instead.
    pub fn doom_next(&self, reason: &str) {
        self.lock().world.dooms.push_back(reason.to_owned());
    }

    /// Sets or lifts termination protection.
    pub fn protect(&self, id: &InstanceId, protected: bool) {
        self.lock().world.change(id, |host| host.protected = protected);
    }

    /// Makes an instance fail its health check, or pass it again.
    pub fn set_sick(&self, id: &InstanceId, sick: bool) {
        self.lock().world.change(id, |host| host.sick = sick);
    }

    /// Somebody else stops an instance, at once, or starts it again.
    pub fn set_stopped(&self, id: &InstanceId, stopped: bool) {
        let now = Instant::now();
        self.lock().world.set_stopped(id, stopped, now);
    }

    /// An instance turns out to be in another network than the balancer, or no longer.
    pub fn set_elsewhere(&self, id: &InstanceId, elsewhere: bool) {
        self.lock().world.change(id, |host| host.elsewhere = elsewhere);
    }

    /// Somebody deletes the load balancer, or this one of its target groups.
    pub fn delete_group(&self, group: usize) {
        self.lock().world.delete(group, Instant::now());
    }

    /// Somebody else terminates an instance.
    pub fn reap(&self, id: &InstanceId) {
        let now = Instant::now();
        let reason = "Client.UserInitiatedShutdown: terminated by another";
        self.lock().world.change(id, |host| host.end(now, reason));
    }

    /// The next call of this kind that has no fault yet fails.
    pub fn fail_next(&self, call: Call, fault: Fault) {
        self.lock().faults.add(call, fault);
    }

    /// No call fails any more.
    pub fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// Waits until a call hangs.
    pub async fn hung(&self) {
        self.hung.notified().await;
    }

    // --- The truth.

    /// How many calls of this kind were made, failed ones too.
    pub fn calls(&self, call: Call) -> usize {
        self.lock().calls.get(&call).copied().unwrap_or(0)
    }

    /// From now on all that takes effect is kept, with how everything was before: it grows for ever.
    pub fn keep_history(&self) {
        self.lock().world.history.get_or_insert_default();
    }

    /// Everything that took effect since [`Simulated::keep_history`], oldest first.
    pub fn history(&self) -> Vec<Past> {
        self.lock().world.history.clone().unwrap_or_default()
    }

    /// Every instance as it is now, the strangers too; not those that are forgotten.
    pub fn truth(&self) -> Vec<Truth> {
        self.lock().world.truth(Instant::now())
    }

    /// What became of the queue's messages so far. The first look at the queue begins it.
    pub fn worked(&self) -> Worked {
        self.lock().world.queue(Instant::now()).worked.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is made whole under the lock: a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call: half its time, its effect, the other half. A caller that is dropped between the two never learns of the
    /// effect.
    async fn call<T: Default + Send>(
        &self,
        call: Call,
        effect: impl FnOnce(&mut World, Instant) -> Result<T, CloudError> + Send,
    ) -> Result<T, CloudError> {
        sleep(self.times.half_call).await;
        let answer = {
            let mut state = self.lock();
            *state.calls.entry(call).or_default() += 1;
            let now = Instant::now();
            state.world.forget(now);
            let fault = state.faults.take(call);
            let effect = || effect(&mut state.world, now);
            match fault {
                None => Some(effect()),
                Some(Fault::Before(error)) => Some(Err(error)),
                Some(Fault::After(error)) => Some(effect().and(Err(error))),
                Some(Fault::Empty) => Some(Ok(T::default())),
                Some(Fault::Hang { effect: takes_place }) => {
                    if takes_place {
                        // The answer never comes.
                        let _ = effect();
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

#[async_trait]
impl Instances for Simulated {
    async fn list(&self) -> Result<Vec<Instance>, CloudError> {
        self.call(Call::List, |world, now| Ok(world.describe(now))).await
    }

    async fn find(&self, ids: &[InstanceId]) -> Result<BTreeMap<InstanceId, Found>, CloudError> {
        self.call(Call::Find, |world, now| Ok(world.find(ids, now))).await
    }

    async fn launch(&self, n: usize, token: &str, birth: &Birth) -> Result<Vec<Instance>, CloudError> {
        self.call(Call::Launch, |world, now| world.launch(n, token, birth, now)).await
    }

    async fn start(&self, ids: &[InstanceId]) -> Result<(), CloudError> {
        self.call(Call::Start, |world, now| world.start(ids, now)).await
    }

    async fn stop(&self, ids: &[InstanceId]) -> Result<(), CloudError> {
        self.call(Call::Stop, |world, now| world.stop(ids, now)).await
    }

    async fn tag(&self, ids: &[InstanceId], key: &str, value: &str) -> Result<(), CloudError> {
        self.call(Call::Tag, |world, now| world.tag(ids, key, value, now)).await
    }

    async fn terminate(&self, ids: &[InstanceId]) -> Result<(), CloudError> {
        self.call(Call::Terminate, |world, now| world.terminate(ids, now)).await
    }

    async fn console(&self, id: &InstanceId) -> Result<Option<String>, CloudError> {
        self.call(Call::Console, |world, now| world.console(id, now)).await
    }
}

#[async_trait]
impl Balancer for Side {
    async fn health(&self, _: &[InstanceId], leaving: &[InstanceId]) -> Result<Standings, CloudError> {
        let told = self.cloud.call(Call::Health, |world, now| world.health(self.group, leaving, now)).await?;
        Ok(told.into())
    }

    async fn register(&self, ids: &[InstanceId]) -> Result<(), CloudError> {
        self.cloud.call(Call::Register, |world, now| world.register(self.group, ids, now)).await
    }

    async fn deregister(&self, ids: &[InstanceId]) -> Result<(), CloudError> {
        self.cloud.call(Call::Deregister, |world, now| world.deregister(self.group, ids, now)).await
    }
}

#[async_trait]
impl Metrics for Simulated {
    fn source(&self) -> Source {
        Source { name: "the simulated cloud", cpu_step: STEP, requests_step: STEP, settles_after: Duration::ZERO }
    }

    async fn series(&self, queries: &[Query], last: Duration, step: Duration) -> Result<Vec<Vec<Point>>, MetricsError> {
        let counts_each = matches!(self.front, Front::TargetGroups(_));
        if !counts_each && queries.iter().any(|query| matches!(query, Query::RequestsEach)) {
            let why = "this kind of balancer does not count an instance's requests: use target groups";
            return Err(MetricsError(why.to_owned()));
        }
        let answer = self.call(Call::Series, |world, now| Ok(world.series(queries, last, step, now))).await;
        let mut answers = answer.map_err(|error| MetricsError(error.to_string()))?;
        // Where an answer is empty, nothing was measured.
        answers.resize(queries.len(), Vec::new());
        Ok(answers)
    }

    async fn depth(&self) -> Result<Depth, MetricsError> {
        let answer = self.call(Call::Depth, |world, now| Ok(Some(world.queue(now).depth()))).await;
        let depth = answer.map_err(|error| MetricsError(error.to_string()))?;
        depth.ok_or_else(|| MetricsError("the queue's counts are missing".to_owned()))
    }
}
