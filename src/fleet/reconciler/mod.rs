//! The one task that changes the cloud. In: commands, by way of a [`Handle`]. Out: calls to the ports, a watch of the
//! fleet's state, events.
//!
//! The rounds (`commands` is the second step, `leases` and `warm` are the fourth):
//!
//! ```text
//!     observe --> write the command in hand --> repair --> end leases, keep the warm pool --> pause --> observe ...
//!        |                    |                    |               |
//!        |                    +------ error -------+---------------+--> back off (1, 2, 4, 8, 8 ... s) --> observe
//!        +-- error ---------------------------------->  back off
//!        +-- instances are missing, and the cloud does not deny them by id --> pause
//!
//!     pause: long when the fleet is settled, short while something moves, and longer the longer nothing has changed; a
//!     new command ends it.
//!     back off: a new command does not end it.
//! ```
//!
//! An instance's life. What the tags and the balancer tell is the only record of it, so that a new process goes on
//! where the last one was killed:
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
//!     the warm pool's: `stage` has its circle, from which `start` leads to launching.
//!     stopped: shown, never touched. Ended by somebody else while registered: deregistered.
//!     at any step for too long, or refused a change: told, no longer waited for.
//! ```
//!
//! The task may be dropped at any await: the next reconciler's rounds complete what is half done.

mod commands;
mod leases;
mod started;
mod warm;

use std::collections::{BTreeSet, VecDeque};
use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use tokio::select;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

pub use self::leases::Leases;
use self::started::{Filling, Started};
use super::change::Change;
use super::diff::changes;
use super::handle::{Handle, Inbox, Order, stopped};
use super::look::observe;
use super::memory::Memory;
use super::observed::{Member, Observed};
use super::plan::{self, Act};
use super::pool::{self, Pool};
use super::ports::{CloudError, ErrorKind, Health, InstanceState, Ports};
use super::publisher::Publisher;
use super::said::{Said, What};
use super::settings::Limits;
use super::state::{FleetState, LACKS};
use super::tally::Tally;
use super::timing::Timing;
use crate::command::{CommandId, InstanceId, Source, list};
use crate::event::Stamped;

/// The pause after the first error in a row; it doubles up to the longest, which is short enough that a command gets
/// a try before it is refused.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(8);

/// Whoever could not see the fleet for so long does not know what was meanwhile.
const AWAY: Duration = Duration::from_secs(60);

const QUITTING: &str = "handwave is quitting";
/// Where nothing changes for a time, the next look comes after this share of it.
const PATIENT: u32 = 8;

/// The fleet's one reconciler.
pub struct Reconciler {
    ports: Ports,
    limits: Limits,
    pool: Pool,
    leases: Leases,
    timing: Timing,
    inbox: Inbox,
    publisher: Publisher,
    memory: Memory,
    observed: Option<Observed>,
    waiting: VecDeque<Order>,
    started: Option<Started>,
    /// What a person last did, and when.
    said: Option<(Said, Instant)>,
    /// A state that was seen until then may lack it.
    said_until: Option<Instant>,
    /// Who asked for the last command whose outcome is unknown: what it did shows later.
    unknown: Option<Source>,
    /// What the last answer lacked.
    doubtful: Vec<InstanceId>,
    /// Since when the fleet is seen without a break, by the wall's clock. None until there is a good answer.
    watched: Option<Timestamp>,
    /// No command is accepted before. None until there is a good answer.
    accepting_from: Option<Instant>,
    /// How many launches came to nothing: each next one needs a token of its own.
    unlaunched: u32,
    /// A launch for the warm pool whose answer was lost.
    filling: Option<Filling>,
    /// Nothing is launched for the warm pool before.
    fill_held: Option<Instant>,
    /// When an observation last differed from the one before.
    changed: Instant,
    trouble: Option<String>,
    failing_since: Option<Instant>,
    backoff: Option<Duration>,
    tally: Tally,
}

impl Reconciler {
    /// Starts a reconciler. Its task ends after [`Handle::stop`], and returns the fleet as it left it. Must be called
    /// within a tokio runtime.
    pub fn spawn(
        ports: Ports,
        limits: Limits,
        pool: Pool,
        leases: Leases,
        timing: Timing,
        events: mpsc::UnboundedSender<Stamped>,
    ) -> (Handle, JoinHandle<FleetState>) {
        let (publisher, state) = Publisher::new(limits, events);
        let tally = Tally::default();
        let ports = tally.over(ports);
        let (handle, inbox) = Handle::new(state, tally.clone(), ports.instances.clone());
        let reconciler = Reconciler {
            ports,
            limits,
            pool,
            leases,
            timing,
            inbox,
            publisher,
            memory: Memory::default(),
            observed: None,
            waiting: VecDeque::new(),
            started: None,
            said: None,
            said_until: None,
            unknown: None,
            doubtful: Vec::new(),
            watched: None,
            accepting_from: None,
            unlaunched: 0,
            filling: None,
            fill_held: None,
            changed: Instant::now(),
            trouble: None,
            failing_since: None,
            backoff: None,
            tally,
        };
        (handle, tokio::spawn(reconciler.run()))
    }

    async fn run(mut self) -> FleetState {
        loop {
            let began = Instant::now();
            let round = self.round().await;
            self.tally.round(began.elapsed());
            match round {
                Ok(()) => {
                    self.backoff = None;
                    self.failing_since = None;
                    self.trouble = None;
                    self.publisher.forget_errors();
                }
                Err(error) => {
                    self.backoff = Some(self.backoff.map_or(FIRST_BACKOFF, |last| (2 * last).min(LONGEST_BACKOFF)));
                    self.failing_since.get_or_insert_with(Instant::now);
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
            // The last process's tags and launches may not be shown yet.
            if self.is_accepting() && !self.inbox.is_stopping() {
                self.keep_leases().await?;
                self.keep_pool().await?;
            }
        }
        Ok(())
    }

    /// Waits until the next round.
    async fn pause(&mut self) -> Pause {
        let settled = self.publisher.state().settled;
        let Timing { fast, slow, .. } = self.timing;
        let patient = (self.changed.elapsed() / PATIENT).clamp(fast, slow.max(fast));
        let pause = self.backoff.unwrap_or(if settled { slow } else { patient });
        let next = Instant::now() + pause;
        loop {
            let given_up = self.started.as_ref().map(|started| started.until);
            let wake = [self.late(), given_up].into_iter().flatten().fold(next, Instant::min);
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

    /// Takes a snapshot of the fleet. False: it is not complete.
    async fn observe(&mut self) -> Result<bool, CloudError> {
        let rules = self.timing.rules;
        let overdue = self.memory.overdue(Instant::now(), &rules);
        let answer = self.read(observe(&self.ports, &self.memory, &overdue)).await;
        let mut observed = answer.inspect_err(|error| self.tell_once(error, None))?;
        if !observed.doubtful.is_empty() {
            if self.doubtful.is_empty() {
                self.publisher.tell_error("Incomplete", LACKS, &observed.doubtful);
            }
            self.doubtful = observed.doubtful;
            return Ok(false);
        }
        self.doubtful.clear();

        let now = Instant::now();
        let described: BTreeSet<_> = observed.instances.iter().map(Member::id).collect();
        let members = self.observed.iter().flat_map(|before| &before.instances);
        let was_here = members.filter(|member| member.described && member.is_alive()).map(Member::id);
        let gone: Vec<_> = was_here.filter(|id| !described.contains(id)).cloned().collect();
        if !gone.is_empty() {
            let message = "no longer the fleet's: its tag was removed, or it ended long ago";
            self.publisher.tell_error("Vanished", message, &gone);
        }
        let lost = self.memory.correct(&mut observed, now, &rules);
        if !lost.is_empty() {
            self.publisher.tell_error("NeverSeen", "launched, and never described since", &lost);
        }
        let strangers = observed.strangers.iter().filter(|id| !self.memory.strangers.contains(*id));
        let strangers: Vec<_> = strangers.cloned().collect();
        if !strangers.is_empty() {
            let message = "registered on the balancer without being the fleet's; left alone";
            self.publisher.tell_error("NotOurs", message, &strangers);
        }
        self.notice_others(&observed);
        if let Some(before) = &self.observed {
            let (ready, lost) = pool::prepared(before, &observed);
            self.memory.never_ready = if ready > 0 { 0 } else { self.memory.never_ready + lost };
        }
        plan::note(&observed, &mut self.memory, now, &rules);
        let told = self.observed.as_ref().map(|before| changes(before, &observed, &self.memory.commands));
        told.into_iter().flatten().for_each(|event| self.publisher.tell(event));
        if self.observed.as_ref() != Some(&observed) {
            self.changed = now;
        }
        let said = self.notice_people(&observed);
        self.observed = Some(observed);
        if let Some((what, by)) = said {
            self.note_said(what, by);
        }
        self.accepting_from.get_or_insert(now + self.timing.hidden);
        if self.watched.is_none() || self.failing_since.is_some_and(|since| since.elapsed() >= AWAY) {
            self.watched = Some((self.leases.wall)());
        }
        Ok(true)
    }

    /// An instance that is new tells by its tag which command launched it: one of this process, whose answer may have
    /// been lost, or another's.
    fn notice_others(&mut self, observed: &Observed) {
        let Some(before) = &self.observed else { return };
        let mut others = Vec::new();
        for member in observed.instances.iter().filter(|member| before.get(member.id()).is_none()) {
            let Some(command) = member.instance.born_of().cloned().map(CommandId) else { continue };
            if self.memory.has_asked(&command) {
                // No command is behind what the pool launches.
                if member.stage().is_none() {
                    self.memory.commands.insert(member.id().clone(), command);
                }
            } else {
                others.push(member.id().clone());
            }
        }
        if !others.is_empty() {
            let message = "launched by another handwave; let one at a time change a fleet";
            self.publisher.tell_error("AnotherHandwave", message, &others);
        }
    }

    /// What an observation tells that a person did, and who. A launch or a retire that this process did not enter in
    /// its snapshot is somebody else's, or its answer was lost.
    fn notice_people(&self, observed: &Observed) -> Option<(What, String)> {
        let Some(before) = &self.observed else { return Some((What::Start, String::new())) };
        let asked = self.started.as_ref().map(|started| &started.order.command.source).or(self.unknown.as_ref());
        // New to the count: launched, or taken from the warm pool.
        let new = observed.instances.iter().find(|member| {
            let earlier = before.get(member.id());
            member.counts() && earlier.is_none_or(Member::is_warm)
        });
        let goes = |member: &Member| {
            let leaves = member.instance.is_retiring() || member.is_warm();
            leaves && before.get(member.id()).is_some_and(Member::counts)
        };
        let retires = observed.instances.iter().any(goes);
        let (what, is_ours) = match new {
            Some(member) if member.stage().is_some() => (What::Launch, asked.is_some()),
            Some(member) => {
                let command = member.instance.born_of().cloned().map(CommandId);
                (What::Launch, command.is_some_and(|command| self.memory.has_asked(&command)))
            }
            None if retires => (What::Retire, asked.is_some()),
            None => return None,
        };
        match asked.filter(|_| is_ours) {
            Some(source) if source.is_person() => Some((what, source.to_string())),
            Some(_) => None,
            None => Some((What::Other, " by somebody else".to_owned())),
        }
    }

    /// Notes what a person did just now, with the count that the fleet has of it, and publishes it: whoever decides on
    /// a state of before is told so.
    fn note_said(&mut self, what: What, by: String) {
        let count = self.observed.as_ref().map_or(0, Observed::count);
        self.said = Some((Said { what, by, count }, Instant::now()));
        self.publish();
        self.said_until = Some(Instant::now());
    }

    /// A read is given up when it takes too long or the reconciler is to stop: it leaves nothing half done.
    async fn read<T>(&self, call: impl Future<Output = Result<T, CloudError>>) -> Result<T, CloudError> {
        let mut stop = self.inbox.stop.clone();
        select! {
            biased;
            answer = within(self.timing.look, call) => answer,
            () = stopped(&mut stop) => Err(CloudError::no_answer(QUITTING)),
        }
    }

    /// Waits for a change's answer, for as long as a call may take. After that its outcome is unknown.
    async fn answer<T>(&self, call: impl Future<Output = Result<T, CloudError>>) -> Result<T, CloudError> {
        within(self.timing.call, call).await
    }

    // --- Repair.

    async fn repair(&mut self) -> Result<(), CloudError> {
        let Some(observed) = &self.observed else { return Ok(()) };
        for act in plan::plan(observed, &self.memory, Instant::now(), &self.timing.rules) {
            if self.inbox.is_stopping() {
                break;
            }
            // The last process's tags may not be shown yet.
            if act.change.is_of_pool() && !self.is_accepting() {
                continue;
            }
            self.act(act).await?;
        }
        Ok(())
    }

    /// One change to a batch. What the cloud does not make is dropped from it, told and held, and the others go on.
    async fn act(&mut self, Act { change, mut ids }: Act) -> Result<(), CloudError> {
        if change == Change::Start {
            self.start(ids).await?;
            return Ok(());
        }
        while !ids.is_empty() {
            let answer = match change {
                Change::Register => self.answer(self.ports.balancer.register(&ids)).await,
                Change::Deregister => self.answer(self.ports.balancer.deregister(&ids)).await,
                Change::Terminate => self.answer(self.ports.instances.terminate(&ids)).await,
                Change::Stop => self.answer(self.ports.instances.stop(&ids)).await,
                // They have ways of their own.
                Change::Start | Change::Retire => Ok(()),
            };
            match answer.inspect_err(|error| self.tell_once(error, None)) {
                Ok(()) => {
                    self.memory.release(change, &ids);
                    self.apply(|observed| {
                        for member in observed.among_mut(&ids) {
                            match change {
                                Change::Register => member.health = Some(Health::Registering),
                                Change::Deregister => member.health = Some(Health::Draining),
                                Change::Terminate => member.instance.state = InstanceState::ShuttingDown,
                                Change::Stop => member.instance.state = InstanceState::Stopping,
                                Change::Start | Change::Retire => {}
                            }
                        }
                    });
                    break;
                }
                Err(error) if matches!(error.kind, ErrorKind::Refused | ErrorKind::NotFound) => {
                    let dropped = drop_bad(&mut ids, &error);
                    self.memory.hold(change, &dropped, &error, Instant::now(), &self.timing.rules);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Enters a call's effect in the snapshot, so that its events are told now, not when the cloud describes them.
    fn apply(&mut self, change: impl FnOnce(&mut Observed)) {
        let Some(observed) = &mut self.observed else { return };
        let before = observed.clone();
        change(observed);
        self.changed = Instant::now();
        let told = changes(&before, observed, &self.memory.commands);
        told.into_iter().for_each(|event| self.publisher.tell(event));
    }

    /// Whether the cloud shows by now what an earlier process did.
    fn is_accepting(&self) -> bool {
        self.accepting_from.is_some_and(|from| Instant::now() >= from)
    }

    // --- Telling.

    fn publish(&self) {
        let now = Instant::now();
        let rules = &self.timing.rules;
        let moving = self.observed.as_ref().map(|seen| plan::moving(seen, &self.memory, now, rules));
        let nothing_moves = moving.as_ref().is_some_and(Vec::is_empty) && !self.is_pool_due(now);
        let nothing_moves = nothing_moves && self.leases_due(now).is_empty();
        let asked = !self.waiting.is_empty() || self.started.is_some();
        let reliable = self.is_accepting() && self.doubtful.is_empty() && self.backoff.is_none();
        let stuck = self.observed.as_ref().map(|seen| {
            let told = plan::stuck(seen, &self.memory, now, rules);
            told.into_iter().chain(self.pool.trouble(&self.memory)).collect::<Vec<_>>().join("; ")
        });
        let missing = (!self.doubtful.is_empty()).then(|| format!("{LACKS} ({})", list(&self.doubtful)));
        self.publisher.publish(FleetState {
            observed: self.observed.clone(),
            limits: self.limits,
            said: self.said.clone(),
            moving: moving.unwrap_or_default(),
            settled: nothing_moves && !asked && reliable,
            failing_since: self.failing_since,
            trouble: self.trouble.clone().or(missing).or(stuck.filter(|told| !told.is_empty())),
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

/// An answer within this time, or none that can be relied on.
async fn within<T>(bound: Duration, call: impl Future<Output = Result<T, CloudError>>) -> Result<T, CloudError> {
    match timeout(bound, call).await {
        Ok(answer) => answer,
        Err(_) => Err(CloudError::no_answer(format!("no answer within {} s", bound.as_secs()))),
    }
}

/// Drops from `ids` those that the error names, or all of them where it names none. Returns the dropped.
fn drop_bad(ids: &mut Vec<InstanceId>, error: &CloudError) -> Vec<InstanceId> {
    let named = ids.iter().any(|id| error.instances.contains(id));
    let (bad, good) = std::mem::take(ids).into_iter().partition(|id| !named || error.instances.contains(id));
    *ids = good;
    bad
}
