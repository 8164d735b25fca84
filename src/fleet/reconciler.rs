//! The one task that changes the cloud. In: commands, by way of a [`Handle`]. Out: calls to the ports, a watch of the
//! fleet's state, events.
//!
//! The rounds:
//!
//! ```text
//!     observe --> write the command in hand --> repair --> pause --> observe ...
//!        |                    |                    |
//!        |                    +------ error -------+--> back off (1, 2, 4, 8, 8 ... s) --> observe
//!        +-- error ---------------------------------->  back off
//!        +-- instances are missing and their grace period is not over --> pause
//!
//!     pause: long when the fleet is settled, short while something moves; a new command ends it.
//!     back off: a new command does not end it.
//! ```
//!
//! An instance's life. What the tags and the balancer tell is the only record of it, so that a new process goes on where
//! the last one was killed:
//!
//! ```text
//!     launch              runs            register                check passes
//!     ------> launching ------> (running) --------> registering --------------> in service <--> unhealthy
//!                 |                 |                    |                          |               |
//!                 +-----------------+--- a command writes the tag "retiring" -------+---------------+
//!                                                        |
//!                                                        v
//!                                   on the balancer: deregister --> draining
//!                                   not on it:           |             |  off the balancer, or the drain's bound
//!                                                        v             v
//!                                                    terminate --> terminating --> terminated
//!
//!     stopped: shown, never touched. Ended by somebody else while registered: deregistered.
//! ```
//!
//! The task may be dropped at any await: the next reconciler's rounds complete what is half done.

use std::collections::{BTreeSet, VecDeque};
use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use tokio::select;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::change::Change;
use super::diff::changes;
use super::handle::{Handle, Inbox, Order, Outcome, stopped};
use super::memory::Memory;
use super::observed::{Member, Observed, observe};
use super::plan::{self, Accepted, Act, Cut, Work};
use super::ports::{CloudError, ErrorKind, Health, InstanceState, Ports, RETIRING_TAG};
use super::publisher::Publisher;
use super::settings::Limits;
use super::state::FleetState;
use super::timing::Timing;
use crate::command::{CommandId, InstanceId};
use crate::event::{Event, Stamped};

/// A command that can't start within this time is refused.
const START_WITHIN: Duration = Duration::from_secs(10);
/// How long a command whose outcome is unknown is tried again.
const RETRY_WITHIN: Duration = Duration::from_secs(30);
/// The pause after the first error in a row; it doubles up to the longest, which is short enough that a command gets
/// a try before it is refused.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(8);

const LACKS: &str = "the cloud's answer lacks instances that were there; it is not believed yet";
const QUITTING: &str = "handwave is quitting";

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

/// The fleet's one reconciler.
pub struct Reconciler {
    ports: Ports,
    limits: Limits,
    timing: Timing,
    inbox: Inbox,
    publisher: Publisher,
    memory: Memory,
    observed: Option<Observed>,
    waiting: VecDeque<Order>,
    started: Option<Started>,
    /// No command is accepted before. None until there is a good answer.
    accepting_from: Option<Instant>,
    /// Since when answers lack an instance that was there.
    missing_since: Option<Instant>,
    trouble: Option<String>,
    backoff: Option<Duration>,
}

impl Reconciler {
    /// Starts a reconciler. Its task ends after [`Handle::stop`], and returns the fleet as it left it. Must be called within
    /// a tokio runtime.
    pub fn spawn(
        ports: Ports,
        limits: Limits,
        timing: Timing,
        events: mpsc::UnboundedSender<Stamped>,
    ) -> (Handle, JoinHandle<FleetState>) {
        let (publisher, state) = Publisher::new(limits, events);
        let (handle, inbox) = Handle::new(state);
        let reconciler = Reconciler {
            ports,
            limits,
            timing,
            inbox,
            publisher,
            memory: Memory::default(),
            observed: None,
            waiting: VecDeque::new(),
            started: None,
            accepting_from: None,
            missing_since: None,
            trouble: None,
            backoff: None,
        };
        (handle, tokio::spawn(reconciler.run()))
    }

    async fn run(mut self) -> FleetState {
        loop {
            match self.round().await {
                Ok(()) => {
                    self.backoff = None;
                    self.trouble = None;
                    self.publisher.forget_errors();
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
        self.publisher.state().clone()
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
        let settled = self.publisher.state().settled;
        let pause = self.backoff.unwrap_or(if settled { self.timing.slow } else { self.timing.fast });
        let next = Instant::now() + pause;
        loop {
            let late = self.waiting.front().map(|order| order.at + START_WITHIN);
            let given_up = self.started.as_ref().map(|started| started.until);
            let wake = [late, given_up].into_iter().flatten().fold(next, Instant::min);
            select! {
                biased;
                () = stopped(&mut self.inbox.stop) => return Pause::Stopped,
                order = self.inbox.orders.recv() => match order {
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

    /// Takes a snapshot of the fleet. False: it lacks instances whose grace period is not over.
    async fn observe(&mut self) -> Result<bool, CloudError> {
        let answer = self.read(observe(&self.ports, &self.memory.retiring)).await;
        let mut observed = answer.inspect_err(|error| self.tell_once(error, None))?;
        let described: BTreeSet<_> = observed.instances.iter().map(Member::id).collect();
        let there = self.observed.iter().flat_map(|observed| &observed.instances);
        let there = there.filter(|member| member.described && !member.is_ending());
        let missing: Vec<InstanceId> = there.map(Member::id).filter(|id| !described.contains(id)).cloned().collect();
        if !missing.is_empty() && !self.are_gone(&missing) {
            return Ok(false);
        }
        self.missing_since = None;

        let now = Instant::now();
        let lost = self.memory.correct(&mut observed, now, &self.timing.rules);
        if !lost.is_empty() {
            self.publisher.tell_error("NeverSeen", "launched, and never described since", &lost);
        }
        plan::note(&observed, &mut self.memory, now, &self.timing.rules);
        let known = self.observed.as_ref().map_or(&[][..], |before| &before.strangers);
        let new: Vec<_> = observed.strangers.iter().filter(|id| !known.contains(id)).cloned().collect();
        if !new.is_empty() {
            self.publisher.tell_error(
                "NotOurs",
                "registered on the balancer without being the fleet's; left alone",
                &new,
            );
        }
        let told = self.observed.as_ref().map(|before| changes(before, &observed, &self.memory.commands));
        told.into_iter().flatten().for_each(|event| self.publisher.tell(event));
        self.observed = Some(observed);
        self.accepting_from.get_or_insert(now + self.timing.hidden);
        Ok(true)
    }

    /// Whether missing instances count as gone: they have been missing for their grace period.
    fn are_gone(&mut self, missing: &[InstanceId]) -> bool {
        let Some(since) = self.missing_since else {
            self.missing_since = Some(Instant::now());
            self.publisher.tell_error("Incomplete", LACKS, missing);
            return false;
        };
        let gone = since.elapsed() >= self.timing.rules.missing_grace;
        if gone {
            let message = "no longer described as the fleet's; has somebody removed the tag?";
            self.publisher.tell_error("Vanished", message, missing);
        }
        gone
    }

    /// A read is given up when it takes too long or the reconciler is to stop: it leaves nothing half done.
    async fn read<T>(&self, call: impl Future<Output = Result<T, CloudError>>) -> Result<T, CloudError> {
        let mut stop = self.inbox.stop.clone();
        select! {
            biased;
            answer = self.answer(call) => answer,
            () = stopped(&mut stop) => Err(CloudError::no_answer(QUITTING)),
        }
    }

    /// Waits for an answer, for as long as a call may take. After that the outcome of a change is unknown.
    async fn answer<T>(&self, call: impl Future<Output = Result<T, CloudError>>) -> Result<T, CloudError> {
        match timeout(self.timing.call, call).await {
            Ok(answer) => answer,
            Err(_) => Err(CloudError::no_answer(format!("no answer within {} s", self.timing.call.as_secs()))),
        }
    }

    // --- Commands.

    fn take(&mut self, order: Order) {
        self.publisher.tell(Event::Command(order.command.clone()));
        self.waiting.push_back(order);
        // A fleet with a command waiting is not settled.
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
        let missing = self.missing_since.map(|_| LACKS);
        self.trouble.as_deref().or(missing).unwrap_or("the fleet was busy")
    }

    /// Accepts the next command where none is in hand, and writes it to the cloud.
    async fn write_command(&mut self) -> Result<(), CloudError> {
        while let Ok(order) = self.inbox.orders.try_recv() {
            self.take(order);
        }
        self.expire();
        if self.started.is_none() && self.accepting_from.is_some_and(|from| Instant::now() >= from) {
            self.accept_next();
        }
        if self.inbox.is_stopping() {
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
        // The command's id is the token: tried again, the same launch answers.
        let token = &started.order.command.id.0;
        match self.answer(self.ports.instances.launch(n, token)).await {
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
            let at = format!("{:.0}", Timestamp::now());
            match self.answer(self.ports.instances.tag(&ids, RETIRING_TAG, &at)).await {
                Ok(()) => {
                    self.memory.retiring.extend(ids.iter().map(|id| (id.clone(), at.clone())));
                    self.done(started, ids.clone(), bad);
                    self.apply(|observed| {
                        for member in observed.among_mut(&ids) {
                            member.instance.tags.insert(RETIRING_TAG.to_owned(), at.clone());
                        }
                    });
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
        started.order.refuse(&bad.unwrap_or_default());
        Ok(())
    }

    /// Decides by the kind of error what becomes of the command.
    fn not_written(&mut self, mut started: Started, error: CloudError) -> Result<(), CloudError> {
        self.tell_once(&error, Some(&started.order.command.id));
        match error.kind {
            ErrorKind::Unavailable if !started.unknown => {
                started.unknown = true;
                started.until = Instant::now() + RETRY_WITHIN;
            }
            ErrorKind::Throttled | ErrorKind::Expired | ErrorKind::Unavailable => {}
            ErrorKind::Capacity | ErrorKind::Refused | ErrorKind::NotFound => {
                started.order.refuse(&error.to_string());
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
            self.publisher.tell(Event::Cut { command: id.clone(), asked, granted: instances.len(), reason });
        }
        order.answer(Outcome::Done { instances, cut });
    }

    fn refuse(&self, order: Order, reason: &str) {
        self.publisher.tell(Event::Refused { command: order.command.id.clone(), reason: reason.to_owned() });
        order.refuse(reason);
    }

    fn give_up(&mut self, started: Started, why: &str) {
        if !started.unknown {
            return self.refuse(started.order, why);
        }
        let reason = format!("whether it was done is unknown, what was done will be completed: {why}");
        let id = started.order.command.id.clone();
        let error =
            Event::Error { code: "Unknown".into(), message: reason.clone(), instances: vec![], command: Some(id) };
        self.publisher.tell(error);
        self.accepting_from = None;
        started.order.answer(Outcome::Unknown { reason });
    }

    // --- Repair.

    async fn repair(&mut self) -> Result<(), CloudError> {
        let Some(observed) = &self.observed else { return Ok(()) };
        for act in plan::plan(observed, &self.memory, Instant::now(), &self.timing.rules) {
            if self.inbox.is_stopping() {
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
                Change::Register => self.answer(self.ports.balancer.register(&ids)).await,
                Change::Deregister => self.answer(self.ports.balancer.deregister(&ids)).await,
                Change::Terminate => self.answer(self.ports.instances.terminate(&ids)).await,
            };
            match answer.inspect_err(|error| self.tell_once(error, None)) {
                Ok(()) => {
                    self.apply(|observed| {
                        for member in observed.among_mut(&ids) {
                            match change {
                                Change::Register => member.health = Some(Health::Registering),
                                Change::Deregister => member.health = Some(Health::Draining),
                                Change::Terminate => member.instance.state = InstanceState::ShuttingDown,
                            }
                        }
                    });
                    break;
                }
                Err(error) if error.kind == ErrorKind::Refused => {
                    let until = Instant::now() + self.timing.rules.hold;
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

    /// Enters a call's effect in the snapshot, so that its events are told now, not when the cloud describes them.
    fn apply(&mut self, change: impl FnOnce(&mut Observed)) {
        let Some(observed) = &mut self.observed else { return };
        let before = observed.clone();
        change(observed);
        let told = changes(&before, observed, &self.memory.commands);
        told.into_iter().for_each(|event| self.publisher.tell(event));
    }

    // --- Telling.

    fn publish(&self) {
        let now = Instant::now();
        let rules = &self.timing.rules;
        let moving = self.observed.as_ref().is_none_or(|seen| plan::is_moving(seen, &self.memory, now, rules));
        let asked = !self.waiting.is_empty() || self.started.is_some();
        let accepting = self.accepting_from.is_some_and(|from| now >= from);
        let reliable = accepting && self.missing_since.is_none() && self.backoff.is_none();
        let held = self.memory.held.keys().next().map(|(change, id)| format!("the cloud refuses to {change} {id}"));
        let missing = self.missing_since.map(|_| LACKS.to_owned());
        self.publisher.publish(FleetState {
            observed: self.observed.clone(),
            limits: self.limits,
            settled: !moving && !asked && reliable,
            trouble: self.trouble.clone().or(missing).or(held),
        });
    }

    /// Tells a call's error once, and none while quitting.
    fn tell_once(&mut self, error: &CloudError, command: Option<&CommandId>) {
        if !self.inbox.is_stopping() {
            self.publisher.tell_once(error, command);
        }
    }
}

#[derive(PartialEq)]
enum Pause {
    Over,
    Stopped,
}

/// Drops from `ids` those that the error names, or all of them where it names none. Returns the dropped.
fn drop_bad(ids: &mut Vec<InstanceId>, error: &CloudError) -> Vec<InstanceId> {
    let named = ids.iter().any(|id| error.instances.contains(id));
    let (bad, good) = std::mem::take(ids).into_iter().partition(|id| !named || error.instances.contains(id));
    *ids = good;
    bad
}
