//! The one that acts. In: commands, over a channel. Out: calls to the cloud, a watch of the fleet's state, events.
//!
//! A round is: observe, write the command in hand to the cloud, do what the plan says; then pause, short while something
//! moves, long when the fleet is settled. The actor may be dropped at any await: what is half done stands in the cloud's
//! tags, and the next actor's rounds complete it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use tokio::select;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::diff::changes;
use super::memory::Memory;
use super::observed::{Lifecycle, Member, Observed, look};
use super::plan::{self, Accepted, Act, Change, Cut, Work};
use super::ports::{Cloud, CloudError, ErrorKind, Health, InstanceState};
use super::settings::Limits;
use crate::command::{Action, Command, CommandId, InstanceId};
use crate::event::{Event, Stamped};

/// A command that can't start within this time is refused.
const START_WITHIN: Duration = Duration::from_secs(10);
/// How long a command whose outcome is unknown is asked for again.
const RETRY_WITHIN: Duration = Duration::from_secs(30);
/// How long answers that lack an instance which was there are not believed.
const DOUBT: Duration = Duration::from_secs(30);
/// How long a change that the cloud refused is left.
const HOLD: Duration = Duration::from_secs(300);
/// The pause after the first error in a row; it doubles up to the longest, which is short enough that a command gets
/// a try before it is refused.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(8);

const LACKS: &str = "the cloud's answer lacks instances that were there; it is not believed yet";
const QUITTING: &str = "handwave is quitting";

/// How long the actor waits. All durations are tokio's.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Between two looks while something moves.
    pub fast: Duration,
    /// Between two looks at a settled fleet.
    pub slow: Duration,
    /// For the answer to a change, whose outcome then counts as unknown, or to a look at the whole fleet.
    pub call: Duration,
    /// How long the cloud may hide what was just launched or tagged. No command is accepted for so long after the first
    /// good answer, at the start as after an unknown outcome: what an earlier process did may not be described yet.
    pub hidden: Duration,
    /// The longest a drain may take, by the balancer's own setting.
    pub drain: Duration,
}

impl Default for Timing {
    /// For AWS; `drain` is a classic load balancer's default of 300 s and some.
    fn default() -> Self {
        Timing {
            fast: Duration::from_secs(2),
            slow: Duration::from_secs(30),
            call: Duration::from_secs(15),
            hidden: Duration::from_secs(5),
            drain: Duration::from_secs(330),
        }
    }
}

impl Timing {
    /// For the simulated cloud, which is quicker.
    pub fn simulated() -> Self {
        Timing { fast: Duration::from_millis(250), hidden: Duration::from_secs(1), ..Timing::default() }
    }
}

/// The fleet as views show it.
#[derive(Clone, Debug, PartialEq)]
pub struct FleetState {
    /// None until the first answer.
    pub observed: Option<Observed>,
    pub limits: Limits,
    /// Nothing moves, no command waits, and the answers can be relied on.
    pub settled: bool,
    /// Why things do not go on, as a sentence without its full stop: the error backed off from, or what was refused.
    pub trouble: Option<String>,
}

impl FleetState {
    pub fn count(&self) -> usize {
        self.observed.as_ref().map_or(0, Observed::count)
    }

    /// How many instances are in each phase that any is in.
    pub fn phases(&self) -> BTreeMap<Lifecycle, usize> {
        let mut phases = BTreeMap::new();
        for seen in self.observed.iter().flat_map(|observed| &observed.instances) {
            *phases.entry(seen.phase()).or_default() += 1;
        }
        phases
    }

    /// Who is on the way into service or out of it: what ending now leaves half done.
    pub fn under_way(&self) -> BTreeMap<Lifecycle, Vec<InstanceId>> {
        let mut ids: BTreeMap<Lifecycle, Vec<InstanceId>> = BTreeMap::new();
        for seen in self.observed.iter().flat_map(|observed| &observed.instances) {
            if seen.phase().is_under_way() {
                ids.entry(seen.phase()).or_default().push(seen.id().clone());
            }
        }
        ids
    }

    /// Whom `ScaleIn(n)` would retire now, within the limits: what a countdown shows.
    pub fn victims(&self, n: usize) -> Vec<InstanceId> {
        let accepted = self.observed.as_ref().map(|observed| plan::accept(&Action::ScaleIn(n), observed, self.limits));
        match accepted {
            Some(Ok(Accepted { work: Work::Retire(ids), .. })) => ids,
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for FleetState {
    /// Such as `3 instances (1 to 5): 2 in service, 1 launching`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.observed.is_none() {
            return f.write_str("not seen yet");
        }
        let (count, Limits { min, max }) = (self.count(), self.limits);
        write!(f, "{count} instance{} ({min} to {max})", if count == 1 { "" } else { "s" })?;
        let phases = self.phases().into_iter().filter(|(phase, _)| *phase != Lifecycle::Terminated);
        for (i, (phase, n)) in phases.enumerate() {
            write!(f, "{}{n} {phase}", if i == 0 { ": " } else { ", " })?;
        }
        Ok(())
    }
}

/// What became of a command, once it is written to the cloud or given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// These are launched or retiring. `cut` says what was asked for and is not done.
    Done { instances: Vec<InstanceId>, cut: Option<String> },
    /// Nothing was done.
    Refused { reason: String },
    /// The cloud did not say. What was done after all is completed.
    Unknown { reason: String },
}

struct Order {
    command: Command,
    /// When it was sent.
    at: Instant,
    outcome: oneshot::Sender<Outcome>,
}

/// A command on its way into the cloud.
struct Started {
    order: Order,
    work: Work,
    cut: Option<Cut>,
    /// When it is given up.
    until: Instant,
    /// An answer was lost: it may have been done.
    unknown: bool,
}

/// The way to an actor. Clones lead to the same one; when the last is dropped, the actor stops.
#[derive(Clone)]
pub struct Handle {
    orders: mpsc::UnboundedSender<Order>,
    state: watch::Receiver<FleetState>,
    stop: watch::Sender<bool>,
}

impl Handle {
    /// Sends a command. The answer comes when the command is written to the cloud or refused, never when the actor is
    /// gone; it need not be waited for.
    pub fn send(&self, command: Command) -> oneshot::Receiver<Outcome> {
        let (outcome, answer) = oneshot::channel();
        // An actor that is gone drops the order, which the receiver tells.
        let _ = self.orders.send(Order { command, at: Instant::now(), outcome });
        answer
    }

    /// A watch of the fleet's state.
    pub fn state(&self) -> watch::Receiver<FleetState> {
        self.state.clone()
    }

    /// Waits until the fleet is settled; for a command's effects, after its outcome has come. Answers the state, which
    /// tells of what was refused, or None where the actor ended before.
    pub async fn settled(&self) -> Option<FleetState> {
        let mut state = self.state.clone();
        state.wait_for(|state| state.settled).await.ok().map(|state| state.clone())
    }

    /// Lets the actor finish the change under way and end. What is half done stays in the cloud's tags.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }
}

/// The fleet's one actor.
pub struct Reconciler<C> {
    cloud: C,
    limits: Limits,
    timing: Timing,
    orders: mpsc::UnboundedReceiver<Order>,
    stop: watch::Receiver<bool>,
    state: watch::Sender<FleetState>,
    events: mpsc::UnboundedSender<Stamped>,
    memory: Memory,
    observed: Option<Observed>,
    waiting: VecDeque<Order>,
    started: Option<Started>,
    /// No command is accepted before; None until there is a good answer to reckon from.
    accepting_from: Option<Instant>,
    /// Since when answers lack an instance that was there.
    doubt: Option<Instant>,
    trouble: Option<String>,
    backoff: Option<Duration>,
    /// The errors told since the last good round, so that an outage is told once.
    told: BTreeSet<(String, Vec<InstanceId>)>,
}

impl<C: Cloud> Reconciler<C> {
    /// Starts an actor. Its task ends after [`Handle::stop`], with what is left.
    pub fn spawn(
        cloud: C,
        limits: Limits,
        timing: Timing,
        events: mpsc::UnboundedSender<Stamped>,
    ) -> (Handle, JoinHandle<FleetState>) {
        let (orders_in, orders) = mpsc::unbounded_channel();
        let (stop_in, stop) = watch::channel(false);
        let (state, state_out) = watch::channel(FleetState { observed: None, limits, settled: false, trouble: None });
        let actor = Reconciler {
            cloud,
            limits,
            timing,
            orders,
            stop,
            state,
            events,
            memory: Memory::default(),
            observed: None,
            waiting: VecDeque::new(),
            started: None,
            accepting_from: None,
            doubt: None,
            trouble: None,
            backoff: None,
            told: BTreeSet::new(),
        };
        (Handle { orders: orders_in, state: state_out, stop: stop_in }, tokio::spawn(actor.run()))
    }

    async fn run(mut self) -> FleetState {
        loop {
            match self.round().await {
                Ok(()) => {
                    self.backoff = None;
                    self.trouble = None;
                    self.told.clear();
                }
                Err(error) => {
                    self.backoff = Some(self.backoff.map_or(FIRST_BACKOFF, |last| (2 * last).min(LONGEST_BACKOFF)));
                    self.trouble = Some(error.to_string());
                }
            }
            self.publish();
            if self.pause().await == Pause::Stopped {
                break;
            }
        }
        for order in std::mem::take(&mut self.waiting) {
            self.refuse(order, QUITTING);
        }
        if let Some(started) = self.started.take() {
            self.give_up(started, QUITTING);
        }
        self.publish();
        self.state.borrow().clone()
    }

    /// Observes, writes the command in hand, does what is due. An error is one to back off from.
    async fn round(&mut self) -> Result<(), CloudError> {
        if self.observe().await? {
            self.write_command().await?;
            self.repair().await?;
        }
        Ok(())
    }

    /// Waits until the next round.
    async fn pause(&mut self) -> Pause {
        let settled = self.state.borrow().settled;
        let pause = self.backoff.unwrap_or(if settled { self.timing.slow } else { self.timing.fast });
        let next = Instant::now() + pause;
        loop {
            let late = self.waiting.front().map(|order| order.at + START_WITHIN);
            let given_up = self.started.as_ref().map(|started| started.until);
            let wake = [late, given_up].into_iter().flatten().fold(next, Instant::min);
            select! {
                biased;
                () = stopped(&mut self.stop) => return Pause::Stopped,
                order = self.orders.recv() => match order {
                    Some(order) => {
                        self.take(order);
                        // A command does not break a backoff.
                        if self.backoff.is_none() {
                            return Pause::Over;
                        }
                    }
                    None => return Pause::Stopped,
                },
                () = sleep_until(wake) => {
                    self.expire();
                    if Instant::now() >= next {
                        return Pause::Over;
                    }
                    self.publish();
                }
            }
        }
    }

    // --- Observing.

    /// Looks at the cloud. False: the answer is not to be relied on.
    async fn observe(&mut self) -> Result<bool, CloudError> {
        let answer = self.read(look(&self.cloud, &self.memory.tagged)).await;
        let mut observed = answer.inspect_err(|error| self.tell_once(error, None))?;
        let described: BTreeSet<_> = observed.instances.iter().map(Member::id).collect();
        let there = self.observed.iter().flat_map(|observed| &observed.instances);
        let there = there.filter(|seen| seen.described && !seen.is_ending());
        let missing: Vec<InstanceId> = there.map(Member::id).filter(|id| !described.contains(id)).cloned().collect();
        if !missing.is_empty() && !self.has_doubted_enough(&missing) {
            return Ok(false);
        }
        self.doubt = None;

        let now = Instant::now();
        let lost = self.memory.correct(&mut observed, now);
        if !lost.is_empty() {
            self.tell_error("NeverSeen", "launched, and never described since", &lost);
        }
        self.memory.note(&observed, now, self.timing.drain);
        let known = self.observed.as_ref().map_or(&[][..], |before| &before.strangers);
        let new: Vec<_> = observed.strangers.iter().filter(|id| !known.contains(id)).cloned().collect();
        if !new.is_empty() {
            self.tell_error("NotOurs", "registered on the balancer without being the fleet's; left alone", &new);
        }
        let told = self.observed.as_ref().map(|before| changes(before, &observed, &self.memory.commands));
        told.into_iter().flatten().for_each(|event| self.tell(event));
        self.observed = Some(observed);
        self.accepting_from.get_or_insert(now + self.timing.hidden);
        Ok(true)
    }

    /// Answers that lack instances which were there are believed when they have kept coming for a while.
    fn has_doubted_enough(&mut self, missing: &[InstanceId]) -> bool {
        let Some(since) = self.doubt else {
            self.doubt = Some(Instant::now());
            self.tell_error("Incomplete", LACKS, missing);
            return false;
        };
        let enough = since.elapsed() >= DOUBT;
        if enough {
            self.tell_error("Vanished", "no longer described as the fleet's; has somebody removed the tag?", missing);
        }
        enough
    }

    /// A read is given up when it takes too long or the actor is to stop: it leaves nothing half done.
    async fn read<T>(&self, call: impl Future<Output = Result<T, CloudError>>) -> Result<T, CloudError> {
        let mut stop = self.stop.clone();
        select! {
            biased;
            answer = self.answer(call) => answer,
            () = stopped(&mut stop) => Err(CloudError::no_answer(QUITTING)),
        }
    }

    /// Waits for an answer, not for ever. The outcome of a change that was waited for in vain is unknown.
    async fn answer<T>(&self, call: impl Future<Output = Result<T, CloudError>>) -> Result<T, CloudError> {
        match timeout(self.timing.call, call).await {
            Ok(answer) => answer,
            Err(_) => Err(CloudError::no_answer(format!("no answer within {} s", self.timing.call.as_secs()))),
        }
    }

    // --- Commands.

    fn take(&mut self, order: Order) {
        self.tell(Event::Command(order.command.clone()));
        self.waiting.push_back(order);
        // Whoever waits for a settled fleet now waits for this command too.
        self.publish();
    }

    /// Refuses what waited too long, gives up what was tried too long.
    fn expire(&mut self) {
        let now = Instant::now();
        while self.waiting.front().is_some_and(|order| now >= order.at + START_WITHIN) {
            let Some(order) = self.waiting.pop_front() else { break };
            let why = format!("not done within {} s: {}", START_WITHIN.as_secs(), self.in_the_way());
            self.refuse(order, &why);
        }
        if let Some(started) = self.started.take_if(|started| now >= started.until) {
            let why = format!("tried for too long: {}", self.in_the_way());
            self.give_up(started, &why);
        }
    }

    fn in_the_way(&self) -> &str {
        let doubt = self.doubt.map(|_| LACKS);
        self.trouble.as_deref().or(doubt).unwrap_or("the fleet was busy")
    }

    /// Accepts the next command where none is in hand, and writes it to the cloud.
    async fn write_command(&mut self) -> Result<(), CloudError> {
        while let Ok(order) = self.orders.try_recv() {
            self.take(order);
        }
        self.expire();
        if self.started.is_none() && self.accepting_from.is_some_and(|from| Instant::now() >= from) {
            self.accept_next();
        }
        if self.is_stopping() {
            return Ok(());
        }
        let Some(started) = self.started.take() else { return Ok(()) };
        match started.work.clone() {
            Work::Launch(n) => self.launch(n, started).await,
            Work::Retire(ids) => self.retire(ids, started).await,
        }
    }

    fn accept_next(&mut self) {
        let (Some(observed), Some(order)) = (&self.observed, self.waiting.pop_front()) else { return };
        match plan::accept(&order.command.action, observed, self.limits) {
            Ok(Accepted { work, cut }) => {
                let until = order.at + START_WITHIN;
                self.started = Some(Started { order, work, cut, until, unknown: false });
            }
            Err(refusal) => self.refuse(order, &refusal.to_string()),
        }
    }

    async fn launch(&mut self, n: usize, started: Started) -> Result<(), CloudError> {
        // The command's id is the token: asked again, the same launch answers.
        let token = &started.order.command.id.0;
        match self.answer(self.cloud.launch(n, token)).await {
            Ok(ids) => {
                let new = self.memory.launch(&ids, Timestamp::now(), Instant::now());
                let short = (ids.len() < n).then(|| "the cloud has no room for more".to_owned());
                self.done(started, ids, short);
                self.apply(|observed| observed.add_launched(new));
                Ok(())
            }
            Err(error) => self.not_written(started, error),
        }
    }

    async fn retire(&mut self, mut ids: Vec<InstanceId>, mut started: Started) -> Result<(), CloudError> {
        let mut bad = None;
        while !ids.is_empty() {
            match self.answer(self.cloud.tag_retiring(&ids, Timestamp::now())).await {
                Ok(()) => {
                    self.memory.tagged.extend(ids.iter().cloned());
                    self.done(started, ids.clone(), bad);
                    self.apply(|observed| observed.among_mut(&ids).for_each(|seen| seen.instance.retiring = true));
                    return Ok(());
                }
                Err(error) if matches!(error.kind, ErrorKind::Refused | ErrorKind::NotFound) => {
                    let dropped = drop_bad(&mut ids, &error);
                    self.tell_once(&error.clone().about(dropped), Some(&started.order.command.id));
                    bad = Some(error.to_string());
                }
                Err(error) => {
                    started.work = Work::Retire(ids);
                    return self.not_written(started, error);
                }
            }
        }
        not_done(started.order, &bad.unwrap_or_default());
        Ok(())
    }

    /// Sorts an error by what is to become of the command.
    fn not_written(&mut self, mut started: Started, error: CloudError) -> Result<(), CloudError> {
        self.tell_once(&error, Some(&started.order.command.id));
        match error.kind {
            ErrorKind::Unavailable if !started.unknown => {
                started.unknown = true;
                started.until = Instant::now() + RETRY_WITHIN;
            }
            ErrorKind::Throttled | ErrorKind::Expired | ErrorKind::Unavailable => {}
            ErrorKind::Capacity | ErrorKind::Refused | ErrorKind::NotFound => {
                not_done(started.order, &error.to_string());
                return Ok(());
            }
        }
        self.started = Some(started);
        Err(error)
    }

    fn done(&mut self, started: Started, instances: Vec<InstanceId>, short: Option<String>) {
        let Started { order, cut, .. } = started;
        let id = &order.command.id;
        self.memory.commands.extend(instances.iter().map(|instance| (instance.clone(), id.clone())));
        let asked = order.command.action.count();
        let reasons: Vec<String> = cut.map(|cut| cut.reason).into_iter().chain(short).collect();
        let cut = (!reasons.is_empty()).then(|| reasons.join("; "));
        if let Some(reason) = cut.clone() {
            self.tell(Event::Cut { command: id.clone(), asked, granted: instances.len(), reason });
        }
        let _ = order.outcome.send(Outcome::Done { instances, cut });
    }

    fn refuse(&self, order: Order, reason: &str) {
        self.tell(Event::Refused { command: order.command.id.clone(), reason: reason.to_owned() });
        not_done(order, reason);
    }

    fn give_up(&mut self, started: Started, why: &str) {
        if !started.unknown {
            return self.refuse(started.order, why);
        }
        let reason = format!("whether it was done is unknown, what was done will be completed: {why}");
        let id = started.order.command.id.clone();
        let error =
            Event::Error { code: "Unknown".into(), message: reason.clone(), instances: vec![], command: Some(id) };
        self.tell(error);
        self.accepting_from = None;
        let _ = started.order.outcome.send(Outcome::Unknown { reason });
    }

    // --- Repair.

    async fn repair(&mut self) -> Result<(), CloudError> {
        let Some(observed) = &self.observed else { return Ok(()) };
        for act in plan::plan(observed, &self.memory, Instant::now(), self.timing.drain) {
            if self.is_stopping() {
                break;
            }
            self.act(act).await?;
        }
        Ok(())
    }

    /// One change to a batch. What the cloud refuses is dropped from it, told and held, and the others go on.
    async fn act(&mut self, Act { change, mut ids }: Act) -> Result<(), CloudError> {
        let mut not_found = None;
        while !ids.is_empty() {
            let answer = match change {
                Change::Register => self.answer(self.cloud.register(&ids)).await,
                Change::Deregister => self.answer(self.cloud.deregister(&ids)).await,
                Change::Terminate => self.answer(self.cloud.terminate(&ids)).await,
            };
            match answer.inspect_err(|error| self.tell_once(error, None)) {
                Ok(()) => {
                    self.apply(|observed| {
                        for seen in observed.among_mut(&ids) {
                            match change {
                                Change::Register => seen.health = Some(Health::Registering),
                                Change::Deregister => seen.health = Some(Health::Draining),
                                Change::Terminate => seen.instance.state = InstanceState::ShuttingDown,
                            }
                        }
                    });
                    break;
                }
                Err(error) if error.kind == ErrorKind::Refused => {
                    let until = Instant::now() + HOLD;
                    let dropped = drop_bad(&mut ids, &error);
                    self.memory.held.extend(dropped.into_iter().map(|id| ((change, id), until)));
                }
                Err(error) if error.kind == ErrorKind::NotFound => {
                    drop_bad(&mut ids, &error);
                    not_found = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        not_found.map_or(Ok(()), Err)
    }

    /// Takes over what a call did, so that its events are told now, not when the cloud describes them.
    fn apply(&mut self, change: impl FnOnce(&mut Observed)) {
        let Some(observed) = &mut self.observed else { return };
        let before = observed.clone();
        change(observed);
        let told = changes(&before, observed, &self.memory.commands);
        told.into_iter().for_each(|event| self.tell(event));
    }

    // --- Telling.

    fn publish(&self) {
        let now = Instant::now();
        let moving =
            self.observed.as_ref().is_none_or(|seen| plan::is_moving(seen, &self.memory, now, self.timing.drain));
        let asked = !self.waiting.is_empty() || self.started.is_some();
        let accepting = self.accepting_from.is_some_and(|from| now >= from);
        let reliable = accepting && self.doubt.is_none() && self.backoff.is_none();
        let held = self.memory.held.keys().next().map(|(change, id)| format!("the cloud refuses to {change} {id}"));
        let doubt = self.doubt.map(|_| LACKS.to_owned());
        let state = FleetState {
            observed: self.observed.clone(),
            limits: self.limits,
            settled: !moving && !asked && reliable,
            trouble: self.trouble.clone().or(doubt).or(held),
        };
        self.state.send_if_modified(|last| {
            let modified = *last != state;
            *last = state;
            modified
        });
    }

    fn tell(&self, event: Event) {
        tracing::info!("{event}");
        // Nobody need listen.
        let _ = self.events.send(Stamped::now(event));
    }

    fn tell_error(&self, code: &str, message: &str, instances: &[InstanceId]) {
        let (code, message, instances) = (code.to_owned(), message.to_owned(), instances.to_vec());
        self.tell(Event::Error { code, message, instances, command: None });
    }

    /// Tells a call's error, unless that was done in this row of bad rounds.
    fn tell_once(&mut self, error: &CloudError, command: Option<&CommandId>) {
        if self.is_stopping() || !self.told.insert((error.code.clone(), error.instances.clone())) {
            return;
        }
        let CloudError { code, message, instances, .. } = error.clone();
        self.tell(Event::Error { code, message, instances, command: command.cloned() });
    }

    fn is_stopping(&self) -> bool {
        *self.stop.borrow() || self.stop.has_changed().is_err()
    }
}

#[derive(PartialEq)]
enum Pause {
    Over,
    Stopped,
}

/// Waits until the actor is to stop: it was told to, or nobody can reach it any more.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Nothing was done of it, for a reason that has been told. Nobody need wait for the outcome.
fn not_done(order: Order, reason: &str) {
    let _ = order.outcome.send(Outcome::Refused { reason: reason.to_owned() });
}

/// Drops from `ids` those that the error names, or all of them where it names none. Answers the dropped.
fn drop_bad(ids: &mut Vec<InstanceId>, error: &CloudError) -> Vec<InstanceId> {
    let named = ids.iter().any(|id| error.instances.contains(id));
    let (bad, good) = std::mem::take(ids).into_iter().partition(|id| !named || error.instances.contains(id));
    *ids = good;
    bad
}
