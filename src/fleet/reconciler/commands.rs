//! The command in hand. In: orders, one at a time. Out: what each asks for is written to the cloud once, or refused.
//!
//! ```text
//!     waiting --accept--> started --written--> done
//!        |                   |  |
//!        |                   |  +-- the answer is lost --> tried again; refused now, it is looked for by its tag --> done
//!        +-- 10 s, limits ---+--> refused                                                                  |
//!            nothing was done                                     unknown: not found within its time <-----+
//! ```

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::super::handle::{Order, Outcome};
use super::super::plan::{self, Accepted, Work};
use super::super::ports::{COMMAND_TAG, CloudError, ErrorKind, Instance, RETIRING_TAG};
use super::super::said::What;
use super::super::state::LACKS;
use super::started::{LastAnswer, Started};
use super::{Reconciler, drop_bad};
use crate::command::{CommandId, InstanceId, Source};
use crate::event::Event;

/// A command that can't start within this time is refused.
const START_WITHIN: Duration = Duration::from_secs(10);
/// How long a command whose outcome is unknown is tried again.
const RETRY_WITHIN: Duration = Duration::from_secs(30);
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
        if self.started.is_none() && self.accepting_from.is_some_and(|from| Instant::now() >= from) {
            self.accept_next();
        }
        if self.inbox.is_stopping() {
            return Ok(());
        }
        let Some(started) = self.started.take() else { return Ok(()) };
        match (started.work.clone(), &started.answer) {
            (Work::Launch(_), LastAnswer::LostThenRefused(_)) => self.look_for(started),
            (Work::Launch(n), _) => return self.launch(n, started).await,
            (Work::Retire(ids), _) => return self.retire(ids, started).await,
        }
        Ok(())
    }

    fn accept_next(&mut self) {
        let (Some(observed), Some(order)) = (&self.observed, self.waiting.pop_front()) else { return };
        let is_outdone = self.said_until.is_some_and(|until| until >= order.seen);
        if is_outdone && !order.command.source.is_person() {
            return self.refuse(order, "a person has changed the fleet since it was decided");
        }
        match plan::accept(&order.command.action, observed, self.limits) {
            Ok(Accepted { work, asked, cut }) => {
                let until = order.at + START_WITHIN;
                let (view, moment) = (observed.view(), Timestamp::now().as_second() / SAME_VIEW);
                let token = format!("{view} {moment} {}", self.unlaunched);
                self.started = Some(Started { order, work, asked, cut, token, until, answer: LastAnswer::None });
            }
            Err(refusal) => self.refuse(order, &refusal.to_string()),
        }
    }

    async fn launch(&mut self, n: usize, started: Started) -> Result<(), CloudError> {
        let id = &started.order.command.id;
        self.memory.ask(id);
        let answer = self.answer(self.ports.instances.launch(n, &started.token, id)).await;
        match answer {
            Ok(instances) if instances.iter().any(|instance| is_of_another(instance, id)) => {
                self.not_written(started, CloudError::new(ErrorKind::Taken, "AnotherHandwave", ANOTHER))
            }
            Ok(instances) => {
                self.memory.launch(&instances, Instant::now());
                let short = (instances.len() < n).then(|| "the cloud has no room for more".to_owned());
                let source = started.order.command.source.clone();
                self.done(started, ids(&instances), short);
                self.apply(|observed| observed.add_launched(instances));
                self.note_person(What::Launch, &source);
                Ok(())
            }
            Err(error) => self.not_written(started, error),
        }
    }

    /// Looks for what a launch whose answer was lost has launched after all.
    fn look_for(&mut self, started: Started) {
        let id = &started.order.command.id;
        let members = self.observed.iter().flat_map(|observed| &observed.instances);
        let of_it = members.filter(|member| member.instance.tags.get(COMMAND_TAG) == Some(&id.0));
        let found: Vec<InstanceId> = of_it.map(|member| member.id().clone()).collect();
        if found.is_empty() {
            self.started = Some(started);
        } else {
            let source = started.order.command.source.clone();
            self.done(started, found, None);
            self.note_person(What::Launch, &source);
        }
    }

    fn note_person(&mut self, what: What, source: &Source) {
        if source.is_person() {
            self.note_said(what, source.to_string());
        }
    }

    async fn retire(&mut self, mut ids: Vec<InstanceId>, mut started: Started) -> Result<(), CloudError> {
        let mut bad = None;
        while !ids.is_empty() {
            let at = format!("{:.0}", Timestamp::now());
            match self.answer(self.ports.instances.tag(&ids, RETIRING_TAG, &at)).await {
                Ok(()) => {
                    self.memory.retiring.extend(ids.iter().map(|id| (id.clone(), at.clone())));
                    let source = started.order.command.source.clone();
                    self.done(started, ids.clone(), bad);
                    self.apply(|observed| {
                        for member in observed.among_mut(&ids) {
                            member.instance.tags.insert(RETIRING_TAG.to_owned(), at.clone());
                        }
                    });
                    self.note_person(What::Retire, &source);
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
        let why = bad.unwrap_or_default();
        if started.answer == LastAnswer::None {
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
                if started.answer == LastAnswer::None {
                    let why = if error.kind == ErrorKind::Taken { ANOTHER.to_owned() } else { error.to_string() };
                    started.order.refuse(&why);
                } else {
                    // The cloud may hide it for a while.
                    started.until = Instant::now() + 2 * self.timing.hidden;
                    started.answer = LastAnswer::LostThenRefused(error.to_string());
                    self.started = Some(started);
                }
                return Ok(());
            }
        }
        self.started = Some(started);
        Err(error)
    }

    fn done(&mut self, started: Started, instances: Vec<InstanceId>, short: Option<String>) {
        let Started { order, cut, asked, .. } = started;
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

fn ids(instances: &[Instance]) -> Vec<InstanceId> {
    instances.iter().map(|instance| instance.id.clone()).collect()
}

/// Whether an instance tells that another command launched it.
fn is_of_another(instance: &Instance, command: &CommandId) -> bool {
    instance.tags.get(COMMAND_TAG).is_some_and(|told| *told != command.0)
}
