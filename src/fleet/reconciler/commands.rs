//! The command in hand. In: orders, one at a time. Out: what each asks for is written to the cloud once, or refused.
//!
//! ```text
//!     waiting --accept--> started --written--> done
//!        |                   |  |
//!        |                   |  +-- the answer is lost --> tried again; if refused now, looked for by its tag --> done
//!        +-- 10 s, limits ---+--> refused                                                               |
//!            nothing was done                                  unknown: not found within its time <-----+
//! ```

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::super::handle::{Order, Outcome};
use super::super::lease::Lease;
use super::super::leases::{self, Terms};
use super::super::observed::{Member, Observed};
use super::super::plan::{self, Accepted};
use super::super::pool::{Pool, latest_start};
use super::super::ports::{Birth, CloudError, ErrorKind, Found, Instance, LEASE_TAG, POOL_TAG};
use super::super::said::What;
use super::super::settings::Then;
use super::super::stage::{PoolTag, Stage};
use super::super::state::LACKS;
use super::started::{LastAnswer, RETRY_WITHIN, Started, Work};
use super::{Reconciler, drop_bad};
use crate::command::{CommandId, InstanceId};
use crate::event::Event;

/// A command that can't start within this time is refused.
const START_WITHIN: Duration = Duration::from_secs(10);
/// Seconds for which the same view of the fleet gives the same token: two processes that launch at once look within it,
/// and what the cloud remembers of earlier launches is not in the way of later ones.
const SAME_VIEW: i64 = 600;

const ANOTHER: &str = "another handwave launched at the same moment: look at the fleet, and ask again";

impl Reconciler {
    pub(super) fn take(&mut self, order: Order) {
        self.publisher.tell(Event::Command(order.command.clone()));
        // People go first.
        let before = match order.command.source.is_person() {
            true => self.waiting.iter().position(|waits| !waits.command.source.is_person()),
            false => None,
        };
        self.waiting.insert(before.unwrap_or(self.waiting.len()), order);
        // A fleet with a command waiting is not settled.
        self.publish();
    }

    /// When the command that has waited longest is refused.
    pub(super) fn late(&self) -> Option<Instant> {
        self.waiting.iter().map(|order| order.at + START_WITHIN).min()
    }

    /// Refuses what waited too long, gives up what was tried too long.
    pub(super) fn expire(&mut self) {
        let now = Instant::now();
        let is_late = |order: &Order| now >= order.at + START_WITHIN;
        while let Some(order) = self.waiting.iter().position(is_late).and_then(|i| self.waiting.remove(i)) {
            let why = format!("not done within {} s: {}", START_WITHIN.as_secs(), self.in_the_way());
            self.refuse(order, &why);
        }
        if let Some(started) = self.started.take_if(|started| now >= started.until) {
            let why = format!("tried for too long: {}", self.in_the_way());
            self.give_up(started, &why);
        }
    }

    fn in_the_way(&self) -> &str {
        let missing = (!self.doubtful.is_empty()).then_some(LACKS);
        self.trouble.as_deref().or(missing).unwrap_or("the fleet was busy")
    }

    /// Accepts the next command where none is in hand, and writes it to the cloud.
    pub(super) async fn write_command(&mut self) -> Result<(), CloudError> {
        while let Ok(order) = self.inbox.orders.try_recv() {
            self.take(order);
        }
        self.expire();
        if self.started.is_none() && self.is_accepting() {
            self.accept_next();
        }
        let mut next = self.started.take();
        while let Some(started) = next {
            if self.inbox.is_stopping() {
                self.started = Some(started);
                return Ok(());
            }
            next = match (started.work.clone(), &started.answer) {
                (Work::Launch(_), LastAnswer::LostThenRefused(_)) => {
                    self.look_for(started);
                    None
                }
                (Work::Promote { ids, at, launch, before }, _) => {
                    self.promote(ids, at, launch, before, started).await?
                }
                (Work::Launch(n), _) => {
                    self.launch(n, started).await?;
                    None
                }
                (Work::GiveBack { ids, at, retire }, _) => self.give_back(ids, at, retire, started).await?,
                (Work::Retire(ids), _) => {
                    self.retire(ids, started).await?;
                    None
                }
                (Work::Write(id, lease), _) => {
                    self.write_lease(id, &lease, started).await?;
                    None
                }
            };
        }
        Ok(())
    }

    fn accept_next(&mut self) {
        let (Some(observed), Some(order)) = (&self.observed, self.waiting.pop_front()) else { return };
        let is_outdone = self.said_until.is_some_and(|until| until >= order.seen);
        if is_outdone && !order.command.source.is_person() {
            return self.refuse(order, "a person has changed the fleet since it was decided");
        }
        let ready = self.pool.ready(observed, &self.memory, Instant::now());
        let terms = Terms { settings: &self.leases.settings, ready: &ready, now: (self.leases.wall)() };
        match plan::accept(&order.command.action, observed, self.limits, terms) {
            Ok(Accepted { work, asked, cut }) => {
                let until = order.at + START_WITHIN;
                let token = self.token(observed);
                let command = order.command.id.clone();
                let lease = match &work {
                    plan::Work::Lease(leases::Work::Grant { lease, .. }) => Some(lease.clone()),
                    _ => None,
                };
                let more = lease.as_ref().map_or(Vec::new(), |lease| self.tells(lease));
                let birth = Birth { command, at: Timestamp::now(), recipe: None, more };
                let (written, answer) = (Vec::new(), LastAnswer::None);
                let work = steps(work, ready, &self.pool, observed);
                self.started = Some(Started { order, work, written, asked, cut, token, birth, lease, until, answer });
            }
            Err(refusal) => self.refuse(order, &refusal.to_string()),
        }
    }

    /// What a launched instance tells of its lease. One that is to be stopped at its end is the pool's: nothing else
    /// ever is.
    fn tells(&self, lease: &Lease) -> Vec<(&'static str, String)> {
        let serves = (POOL_TAG, PoolTag::Serve(Timestamp::UNIX_EPOCH).to_string());
        let is_kept = self.leases.settings.then == Then::Stop;
        [(LEASE_TAG, lease.to_string())].into_iter().chain(is_kept.then_some(serves)).collect()
    }

    /// The token of a launch that is decided on this view of the fleet.
    pub(super) fn token(&self, observed: &Observed) -> String {
        let (view, moment) = (observed.view(), Timestamp::now().as_second() / SAME_VIEW);
        format!("{view} {moment} {}", self.unlaunched)
    }

    /// Tags instances of the warm pool to serve, and starts them. Returns the command where it goes on with a launch.
    async fn promote(
        &mut self,
        mut ids: Vec<InstanceId>,
        at: Timestamp,
        mut launch: usize,
        before: String,
        mut started: Started,
    ) -> Result<Option<Started>, CloudError> {
        let command = started.order.command.id.clone();
        if started.lease.is_some() {
            for id in &ids {
                match self.another_lease(id).await {
                    Ok(None) => {}
                    Ok(Some(other)) => {
                        let why = taken(id, &other);
                        self.withdraw(started, &why);
                        return Ok(None);
                    }
                    Err(error) => {
                        started.work = Work::Promote { ids, at, launch, before };
                        self.started = Some(started);
                        return Err(error);
                    }
                }
            }
        }
        while !ids.is_empty() {
            self.memory.commands.extend(ids.iter().map(|id| (id.clone(), command.clone())));
            // Its lease first: what serves is never without one that it was started for.
            let leased = match &started.lease {
                Some(lease) => self.write_tag(&ids, LEASE_TAG, &lease.to_string()).await,
                None => Ok(()),
            };
            let answer = match leased {
                Ok(()) => self.tag_pool(&ids, PoolTag::Serve(at)).await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(()) => break,
                Err(error) if is_final(&error) && started.answer == LastAnswer::None => {
                    let dropped = drop_bad(&mut ids, &error);
                    launch += dropped.len();
                    self.tell_once(&error.about(dropped), Some(&command));
                }
                Err(error) => {
                    started.work = Work::Promote { ids, at, launch, before };
                    self.not_written(started, error)?;
                    return Ok(None);
                }
            }
        }
        // From here on they count, and whoever comes next starts them. Somebody else may have started one already.
        let is_off = |id: &&InstanceId| {
            let member = self.observed.as_ref().and_then(|observed| observed.get(id));
            member.is_some_and(|member| member.stage() == Some(Stage::Starting))
        };
        let off: Vec<InstanceId> = ids.iter().filter(is_off).cloned().collect();
        let answer = if off.is_empty() { Ok(0) } else { self.start(off).await };
        let still_warm = |id: &InstanceId| {
            let member = self.observed.as_ref().and_then(|observed| observed.get(id));
            member.is_some_and(Member::is_warm)
        };
        let (back, serving): (Vec<_>, Vec<_>) = ids.into_iter().partition(still_warm);
        for id in serving.iter().filter(|_| started.lease.is_some()) {
            // Of two who write a tag, the last one has it.
            if let Ok(Some(other)) = self.another_lease(id).await {
                let why = taken(id, &other);
                self.withdraw(started, &why);
                return Ok(None);
            }
        }
        started.written.extend(serving);
        if started.lease.is_some() && !back.is_empty() {
            // Another one is launched for the person; until this is written, it is kept for them.
            let answer = self.write_tag(&back, LEASE_TAG, &before).await;
            answer.unwrap_or_else(|error| self.tell_once(&error, Some(&command)));
        }
        launch += answer.as_ref().copied().unwrap_or_default();
        started.answer = LastAnswer::None;
        started.work = Work::Launch(launch);
        if launch > 0 {
            return match answer {
                Ok(_) => Ok(Some(started)),
                Err(error) => {
                    self.started = Some(started);
                    Err(error)
                }
            };
        }
        self.finish(started, What::Launch, None);
        answer.map(|_| None)
    }

    /// A lease that somebody else has written to this instance, by a fresh look. None: there is none, as far as the
    /// cloud shows it.
    async fn another_lease(&self, id: &InstanceId) -> Result<Option<Lease>, CloudError> {
        let found = self.read(self.ports.instances.find(std::slice::from_ref(id))).await?;
        let Some(Found::Ours(fresh)) = found.get(id) else { return Ok(None) };
        let value = fresh.tags.get(LEASE_TAG).map_or("", String::as_str);
        let known = self.observed.as_ref().and_then(|observed| observed.get(id)?.instance.tags.get(LEASE_TAG));
        let is_known = known.map_or("", String::as_str) == value;
        let written = self.memory.tags.get(&(id.clone(), LEASE_TAG));
        let is_ours = written.is_some_and(|written| !written.is_outdone_by(value));
        Ok(if is_known || is_ours { None } else { Lease::of(fresh) })
    }

    /// Nothing is done of this command, as far as it is this process's to say.
    fn withdraw(&mut self, started: Started, why: &str) {
        self.unlaunched += 1;
        self.refuse(started.order, why);
    }

    /// Writes another end of a lease.
    async fn write_lease(&mut self, id: InstanceId, lease: &Lease, mut started: Started) -> Result<(), CloudError> {
        let other = match self.another_lease(&id).await {
            Ok(other) => other,
            Err(error) => {
                self.started = Some(started);
                return Err(error);
            }
        };
        match other {
            Some(other) if lease.is_released() && other.who == lease.who => {}
            Some(other) if other.is_same(lease) && other.until < lease.until => {}
            Some(other) => {
                let why =
                    format!("the lease of {id} was changed meanwhile: it is {}'s until {:.0}", other.who, other.until);
                self.withdraw(started, &why);
                return Ok(());
            }
            None => {}
        }
        self.memory.commands.insert(id.clone(), started.order.command.id.clone());
        match self.write_tag(std::slice::from_ref(&id), LEASE_TAG, &lease.to_string()).await {
            Ok(()) => {
                started.written.push(id);
                // Whoever waits for the answer looks at the new end.
                self.publish();
                self.answer_done(started, None);
                Ok(())
            }
            Err(error) => self.not_written(started, error),
        }
    }

    async fn launch(&mut self, n: usize, mut started: Started) -> Result<(), CloudError> {
        let id = &started.order.command.id;
        self.memory.ask(id);
        let answer = self.answer(self.ports.instances.launch(n, &started.token, &started.birth)).await;
        match answer {
            Ok(instances) if instances.iter().any(|instance| is_of_another(instance, id)) => {
                self.not_written(started, CloudError::new(ErrorKind::Taken, "AnotherHandwave", ANOTHER))
            }
            Ok(instances) => {
                self.memory.launch(&instances, Instant::now());
                let short = (instances.len() < n).then(|| "the cloud has no room for more".to_owned());
                started.written.extend(instances.iter().map(|instance| instance.id.clone()));
                self.memory.commands.extend(instances.iter().map(|instance| (instance.id.clone(), id.clone())));
                self.apply(|observed| observed.add_launched(instances));
                self.finish(started, What::Launch, short);
                Ok(())
            }
            Err(error) => self.not_written(started, error),
        }
    }

    /// Looks for what a launch whose answer was lost has launched after all.
    fn look_for(&mut self, mut started: Started) {
        let id = &started.order.command.id;
        let members = self.observed.iter().flat_map(|observed| &observed.instances);
        let of_it = members.filter(|member| member.instance.born_of() == Some(&id.0));
        let found: Vec<InstanceId> = of_it.map(|member| member.id().clone()).collect();
        if found.is_empty() {
            self.started = Some(started);
        } else {
            started.written.extend(found);
            self.finish(started, What::Launch, None);
        }
    }

    /// Gives instances back to the warm pool. Returns the command where it goes on with a retire.
    async fn give_back(
        &mut self,
        mut ids: Vec<InstanceId>,
        at: Timestamp,
        mut retire: Vec<InstanceId>,
        mut started: Started,
    ) -> Result<Option<Started>, CloudError> {
        let command = started.order.command.id.clone();
        while !ids.is_empty() {
            self.memory.commands.extend(ids.iter().map(|id| (id.clone(), command.clone())));
            match self.tag_pool(&ids, PoolTag::Back(at)).await {
                Ok(()) => break,
                Err(error) if is_final(&error) && started.answer == LastAnswer::None => {
                    let dropped = drop_bad(&mut ids, &error);
                    self.tell_once(&error.about(dropped.clone()), Some(&command));
                    retire.extend(dropped);
                }
                Err(error) => {
                    started.work = Work::GiveBack { ids, at, retire };
                    self.not_written(started, error)?;
                    return Ok(None);
                }
            }
        }
        started.written.extend(ids);
        started.answer = LastAnswer::None;
        if retire.is_empty() {
            self.finish(started, What::Retire, None);
            return Ok(None);
        }
        started.work = Work::Retire(retire);
        Ok(Some(started))
    }

    async fn retire(&mut self, mut ids: Vec<InstanceId>, mut started: Started) -> Result<(), CloudError> {
        let mut bad = None;
        while !ids.is_empty() {
            match self.tag_retiring(&ids).await {
                Ok(()) => {
                    let id = started.order.command.id.clone();
                    self.memory.commands.extend(ids.iter().map(|instance| (instance.clone(), id.clone())));
                    self.show_retiring(&ids);
                    started.written.extend(ids);
                    self.finish(started, What::Retire, bad);
                    return Ok(());
                }
                Err(error) if is_final(&error) => {
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
        let why = bad.unwrap_or_default();
        if started.answer == LastAnswer::None && started.written.is_empty() {
            started.order.refuse(&why);
        } else {
            self.give_up(started, &why);
        }
        Ok(())
    }

    /// Decides by the kind of error what becomes of the command.
    fn not_written(&mut self, mut started: Started, error: CloudError) -> Result<(), CloudError> {
        self.tell_once(&error, Some(&started.order.command.id));
        match error.kind {
            ErrorKind::Unavailable if started.answer == LastAnswer::None => {
                started.answer = LastAnswer::Lost;
                started.until = Instant::now() + RETRY_WITHIN;
            }
            ErrorKind::Throttled | ErrorKind::Expired | ErrorKind::Unavailable | ErrorKind::NoBalancer => {}
            ErrorKind::Capacity | ErrorKind::Refused | ErrorKind::NotFound | ErrorKind::Taken => {
                self.unlaunched += 1;
                if started.answer == LastAnswer::None && !started.written.is_empty() {
                    let what = if matches!(started.work, Work::Retire(_)) { What::Retire } else { What::Launch };
                    self.finish(started, what, Some(error.to_string()));
                } else if started.answer == LastAnswer::None {
                    let why = if error.kind == ErrorKind::Taken { ANOTHER.to_owned() } else { error.to_string() };
                    started.order.refuse(&why);
                } else {
                    // The cloud may hide it for a while, from its first refusal on.
                    if !matches!(started.answer, LastAnswer::LostThenRefused(_)) {
                        started.until = Instant::now() + 2 * self.timing.hidden;
                    }
                    started.answer = LastAnswer::LostThenRefused(error.to_string());
                    self.started = Some(started);
                }
                return Ok(());
            }
        }
        self.started = Some(started);
        Err(error)
    }

    /// All of it that can be is written, and it changes what the fleet counts. `short`: why that is less than was
    /// accepted.
    fn finish(&mut self, started: Started, what: What, short: Option<String>) {
        if started.order.command.source.is_person() {
            self.note_said(what, started.order.command.source.to_string());
        }
        self.answer_done(started, short);
    }

    fn answer_done(&mut self, started: Started, short: Option<String>) {
        let Started { order, cut, asked, written: instances, .. } = started;
        let id = &order.command.id;
        self.memory.commands.extend(instances.iter().map(|instance| (instance.clone(), id.clone())));
        let reasons: Vec<String> = cut.map(|cut| cut.reason).into_iter().chain(short).collect();
        let cut = (!reasons.is_empty()).then(|| reasons.join("; "));
        if let Some(reason) = cut.clone() {
            self.publisher.tell(Event::Cut { command: id.clone(), asked, granted: instances.len(), reason });
        }
        order.answer(Outcome::Done { instances, cut });
    }

    pub(super) fn refuse(&self, order: Order, reason: &str) {
        self.publisher.tell(Event::Refused { command: order.command.id.clone(), reason: reason.to_owned() });
        order.refuse(reason);
    }

    /// Refuses a command of which nothing was done. Where an answer was lost nobody can say so: its outcome is unknown.
    pub(super) fn give_up(&mut self, started: Started, why: &str) {
        let why = match &started.answer {
            // A part of it is done.
            LastAnswer::None if !started.written.is_empty() => {
                let what = if matches!(started.work, Work::Retire(_)) { What::Retire } else { What::Launch };
                return self.finish(started, what, Some(why.to_owned()));
            }
            LastAnswer::None => return self.refuse(started.order, why),
            LastAnswer::Lost => why,
            LastAnswer::LostThenRefused(refusal) => refusal,
        };
        let reason = format!("whether it was done is unknown, what was done will be completed: {why}");
        let id = started.order.command.id.clone();
        let error =
            Event::Error { code: "Unknown".into(), message: reason.clone(), instances: vec![], command: Some(id) };
        self.publisher.tell(error);
        self.unknown = Some(started.order.command.source.clone());
        self.accepting_from = None;
        started.order.answer(Outcome::Unknown { reason });
    }
}

fn taken(id: &InstanceId, by: &Lease) -> String {
    format!("{id} was leased to {} at the same moment by another handwave: ask again", by.who)
}

/// What a command writes: first what the warm pool gives or takes.
fn steps(work: plan::Work, mut ready: Vec<InstanceId>, pool: &Pool, observed: &Observed) -> Work {
    match work {
        plan::Work::Launch(n) => {
            ready.truncate(n);
            match ready.len() {
                0 => Work::Launch(n),
                warm => {
                    let at = latest_start(observed, &ready);
                    Work::Promote { at, ids: ready, launch: n - warm, before: String::new() }
                }
            }
        }
        plan::Work::Retire(ids) => {
            let back = pool.returning(observed, &ids);
            let rest: Vec<InstanceId> = ids.into_iter().filter(|id| !back.contains(id)).collect();
            match back.is_empty() {
                true => Work::Retire(rest),
                false => Work::GiveBack { at: latest_start(observed, &back), ids: back, retire: rest },
            }
        }
        plan::Work::Lease(leases::Work::Grant { start: None, .. }) => Work::Launch(1),
        plan::Work::Lease(leases::Work::Grant { start: Some((id, before)), .. }) => {
            let ids = vec![id];
            Work::Promote { at: latest_start(observed, &ids), ids, launch: 0, before }
        }
        plan::Work::Lease(leases::Work::Write(id, lease)) => Work::Write(id, lease),
    }
}

/// Whether another try would have the same answer.
fn is_final(error: &CloudError) -> bool {
    matches!(error.kind, ErrorKind::Refused | ErrorKind::NotFound)
}

/// Whether an instance tells that another command launched it.
fn is_of_another(instance: &Instance, command: &CommandId) -> bool {
    instance.born_of().is_some_and(|told| *told != command.0)
}
