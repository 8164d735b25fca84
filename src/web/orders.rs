//! Commands from the page. In: what somebody wishes, and what they saw when they did. Out: a command to the fleet,
//! once, and what became of it; or why the fleet is no longer as it was shown.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use uuid::Uuid;

use super::story;
use crate::command::{Action, Command, CommandId, InstanceId, Source};
use crate::daemon::journal::Entry;
use crate::fleet::ports::COMMAND_TAG;
use crate::fleet::{FleetState, Handle, Member, Outcome};

/// So many commands are remembered: a repeated one does nothing twice.
const REMEMBERED: usize = 1000;

/// What somebody wishes. `id` is made anew for each command; `fleet` is the name of the fleet that they mean.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Wish {
    /// `count` more, where `seen` were shown.
    ScaleOut { id: Uuid, fleet: String, count: usize, seen: usize },
    /// To retire the instances that were named.
    Terminate { id: Uuid, fleet: String, instances: Vec<InstanceId> },
    // Those of `leases`, which knows who may.
    #[serde(skip)]
    Lease { id: Uuid, fleet: String, who: String, seconds: u32 },
    #[serde(skip)]
    Extend { id: Uuid, fleet: String, instance: InstanceId, seconds: u32 },
    #[serde(skip)]
    Release { id: Uuid, fleet: String, instance: InstanceId },
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Told {
    Done {
        instances: Vec<InstanceId>,
        /// What was asked for and is not done.
        cut: Option<String>,
    },
    /// Nothing was done.
    Refused { error: String },
    /// The cloud did not say.
    Unknown { error: String },
}

/// Why a wish is not made into a command. Nothing was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It makes no sense.
    Nonsense(String),
    /// The fleet is not as it was shown.
    Changed(String),
    /// Nothing can be changed now.
    NotNow(String),
}

impl Wish {
    fn id(&self) -> Uuid {
        match *self {
            Wish::ScaleOut { id, .. }
            | Wish::Terminate { id, .. }
            | Wish::Lease { id, .. }
            | Wish::Extend { id, .. }
            | Wish::Release { id, .. } => id,
        }
    }

    fn fleet(&self) -> &str {
        match self {
            Wish::ScaleOut { fleet, .. }
            | Wish::Terminate { fleet, .. }
            | Wish::Lease { fleet, .. }
            | Wish::Extend { fleet, .. }
            | Wish::Release { fleet, .. } => fleet,
        }
    }

    /// Whether it makes sense, whatever the fleet is like.
    fn check(&self, fleet_name: &str) -> Result<(), Refusal> {
        if self.fleet() != fleet_name {
            let sentence = format!("this is the fleet {fleet_name}, not {:?}; nothing was done", self.fleet());
            return Err(Refusal::Nonsense(sentence));
        }
        match self {
            Wish::ScaleOut { count: 0, .. } => Err(Refusal::Nonsense("`count` must be at least 1".into())),
            Wish::Terminate { instances, .. } if instances.is_empty() => {
                Err(Refusal::Nonsense("`instances` must name at least one".into()))
            }
            Wish::Terminate { instances, .. } if has_twice(instances) => {
                Err(Refusal::Nonsense("`instances` names one twice".into()))
            }
            _ => Ok(()),
        }
    }

    /// The action, if the fleet still is as it was shown.
    fn action(&self, state: &FleetState, entries: &[Entry]) -> Result<Action, Refusal> {
        let Some(observed) = &state.observed else {
            return Err(Refusal::NotNow("the fleet was not seen yet: try again in a moment".into()));
        };
        if state.failing_since.is_some() {
            let why = state.trouble.as_deref().unwrap_or("it does not answer");
            return Err(Refusal::NotNow(format!("the cloud cannot be asked now: {why}; try again when it can")));
        }
        let (has, limits) = (observed.count(), state.limits);
        match self {
            Wish::ScaleOut { count, seen, .. } => {
                if has != *seen {
                    let who = story::last_command(entries).map_or(String::new(), |who| format!(" (last: {who})"));
                    return Err(Refusal::Changed(format!("the fleet has {has} instances now, not {seen}{who}")));
                }
                let room = limits.max.saturating_sub(has);
                if *count > room {
                    let sentence =
                        format!("the fleet has {has} and its maximum is {}: {room} more can come", limits.max);
                    return Err(Refusal::Changed(sentence));
                }
                Ok(Action::ScaleOut(*count))
            }
            Wish::Terminate { instances, .. } => {
                let can_go = |id: &InstanceId| observed.get(id).is_some_and(Member::can_go);
                let gone: Vec<String> = instances
                    .iter()
                    .filter(|id| !can_go(id))
                    .map(|id| format!("{id} is {}", what_it_is(observed.get(id), entries, id)))
                    .collect();
                if !gone.is_empty() {
                    return Err(Refusal::Changed(format!("{}; nothing was retired", gone.join("; "))));
                }
                let room = has.saturating_sub(state.floor());
                if instances.len() > room {
                    let (min, asked) = (limits.min, instances.len());
                    let sentence = format!(
                        "the fleet has {has} and its minimum is {min}: {room} of these {asked} can go; none went"
                    );
                    return Err(Refusal::Changed(sentence));
                }
                Ok(Action::Terminate(instances.clone()))
            }
            Wish::Lease { who, seconds, .. } => {
                Ok(Action::Lease { who: who.clone(), lasts: Duration::from_secs((*seconds).into()) })
            }
            Wish::Extend { instance, seconds, .. } => {
                Ok(Action::Extend { id: instance.clone(), lasts: Duration::from_secs((*seconds).into()) })
            }
            Wish::Release { instance, .. } => Ok(Action::Release(instance.clone())),
        }
    }
}

fn has_twice(ids: &[InstanceId]) -> bool {
    ids.iter().enumerate().any(|(i, id)| ids[..i].contains(id))
}

/// What an instance is that cannot be retired, and by whom.
fn what_it_is(member: Option<&Member>, entries: &[Entry], id: &InstanceId) -> String {
    if let Some(story) = story::leaving(entries, id) {
        return story;
    }
    match member {
        None => "not in the fleet".into(),
        Some(member) if !member.described => "not described by the cloud yet".into(),
        Some(member) if member.counts() => "leased, and stays until its lease ends".into(),
        Some(member) => format!("{} already", member.lifecycle()),
    }
}

/// The commands of this run's page. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Orders(Arc<Mutex<VecDeque<Given>>>);

/// A command that was given, and what became of it, once that is known.
#[derive(Clone, Debug)]
struct Given {
    wish: Wish,
    told: watch::Receiver<Option<Told>>,
}

impl Orders {
    /// Makes the wish a command, unless it was one before, and waits for what becomes of it. Nobody need wait: the
    /// command goes on.
    pub async fn give(
        &self,
        wish: Wish,
        source: Source,
        fleet_name: &str,
        fleet: &Handle,
        entries: &[Entry],
    ) -> Result<Told, Refusal> {
        wish.check(fleet_name)?;
        let mut told = {
            let mut given = self.lock();
            match given.iter().find(|given| given.wish.id() == wish.id()) {
                Some(before) if before.wish == wish => before.told.clone(),
                Some(_) => {
                    let sentence = "this `id` was another command's: make a new one for each command";
                    return Err(Refusal::Nonsense(sentence.into()));
                }
                None => {
                    let state = fleet.state().borrow().clone();
                    if let Some(told) = done_before(&wish, &state) {
                        return Ok(told);
                    }
                    let action = wish.action(&state, entries)?;
                    let command = Command { id: CommandId(wish.id().to_string()), source, action };
                    let told = send(fleet, command);
                    given.push_back(Given { wish, told: told.clone() });
                    if given.len() > REMEMBERED {
                        given.pop_front();
                    }
                    told
                }
            }
        };
        let told = told.wait_for(Option::is_some).await.ok().and_then(|told| told.clone());
        let ended = "handwave ended meanwhile: the fleet's tags keep what was begun, and the next start finishes it";
        Ok(told.unwrap_or(Told::Unknown { error: ended.into() }))
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Given>> {
        // Each change is made whole under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an earlier process launched for this wish: the tags tell.
fn done_before(wish: &Wish, state: &FleetState) -> Option<Told> {
    if !matches!(wish, Wish::ScaleOut { .. } | Wish::Lease { .. }) {
        return None;
    }
    let id = wish.id().to_string();
    let members = state.observed.iter().flat_map(|observed| &observed.instances);
    let of_it = members.filter(|member| member.instance.tags.get(COMMAND_TAG) == Some(&id));
    let instances: Vec<InstanceId> = of_it.map(|member| member.id().clone()).collect();
    (!instances.is_empty()).then_some(Told::Done { instances, cut: None })
}

fn send(fleet: &Handle, command: Command) -> watch::Receiver<Option<Told>> {
    let answer = fleet.send(command);
    let (tell, told) = watch::channel(None);
    tokio::spawn(async move {
        if let Ok(outcome) = answer.await {
            tell.send_replace(Some(match outcome {
                Outcome::Done { instances, cut } => Told::Done { instances, cut },
                Outcome::Refused { reason } => Told::Refused { error: reason },
                Outcome::Unknown { reason } => Told::Unknown { error: reason },
            }));
        }
    });
    told
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::fleet::ports::{Health, Instance, InstanceState, RETIRING_TAG, Standing};
    use crate::fleet::{Limits, Observed};

    const ID: Uuid = Uuid::from_u128(0x8c9f5f3e_7d0b_4c43_9a57_0a1d4c2b9f10);

    /// i-1 to i-3 in service, i-4 retiring.
    fn state() -> FleetState {
        let instance = |i: i64| {
            Instance::new(format!("i-{i}").as_str(), InstanceState::Running, Timestamp::from_second(i).unwrap())
        };
        let instances = vec![instance(1), instance(2), instance(3), instance(4).with_tag(RETIRING_TAG, "")];
        let standings = (1..5).map(|i| (format!("i-{i}").as_str().into(), Standing::new(Health::InService)));
        let observed = Observed::join(instances, standings.collect());
        FleetState { observed: Some(observed), settled: true, ..FleetState::unknown(Limits { min: 1, max: 5 }) }
    }

    fn out(count: usize, seen: usize) -> Wish {
        Wish::ScaleOut { id: ID, fleet: "web".into(), count, seen }
    }

    fn retire(ids: &[&str]) -> Wish {
        let instances = ids.iter().map(|&id| id.into()).collect();
        Wish::Terminate { id: ID, fleet: "web".into(), instances }
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        let said = |wish: Wish| match wish.check("web") {
            Err(Refusal::Nonsense(said)) => said,
            other => panic!("{wish:?}: {other:?}"),
        };
        assert!(said(out(0, 3)).contains("at least 1"));
        assert!(said(retire(&[])).contains("at least one"));
        assert!(said(retire(&["i-1", "i-1"])).contains("twice"));
        let other = Wish::Terminate { id: ID, fleet: "wep".into(), instances: vec!["i-1".into()] };
        assert!(said(other).contains("this is the fleet web, not \"wep\""));
        assert_eq!(out(1, 3).check("web"), Ok(()));
    }

    #[test]
    fn a_wish_holds_only_for_the_fleet_that_was_shown() {
        let state = state();
        let changed = |wish: Wish| match wish.action(&state, &[]) {
            Err(Refusal::Changed(said)) => said,
            other => panic!("{wish:?}: {other:?}"),
        };
        assert_eq!(out(2, 3).action(&state, &[]), Ok(Action::ScaleOut(2)));
        assert!(changed(out(2, 2)).contains("has 3 instances now, not 2"));
        assert!(changed(out(3, 3)).contains("maximum is 5: 2 more"));
        let ids = vec!["i-1".into(), "i-3".into()];
        assert_eq!(retire(&["i-1", "i-3"]).action(&state, &[]), Ok(Action::Terminate(ids)));
        assert!(changed(retire(&["i-1", "i-4"])).contains("i-4 is retiring already; nothing was retired"));
        assert!(changed(retire(&["i-9"])).contains("i-9 is not in the fleet"));
        assert!(changed(retire(&["i-1", "i-2", "i-3"])).contains("minimum is 1: 2 of these 3"));
    }

    #[test]
    fn nothing_is_changed_while_the_cloud_does_not_answer() {
        let failing = Some(tokio::time::Instant::now());
        let silent = FleetState { failing_since: failing, trouble: Some("throttled".into()), ..state() };
        let Err(Refusal::NotNow(said)) = out(1, 3).action(&silent, &[]) else { panic!("it cannot be asked") };
        assert!(said.contains("throttled"), "{said}");
        let unseen = FleetState::unknown(Limits { min: 1, max: 5 });
        assert!(matches!(out(1, 0).action(&unseen, &[]), Err(Refusal::NotNow(_))));
    }

    #[test]
    fn a_launch_of_an_earlier_process_is_known_by_its_tag() {
        let mut state = state();
        assert_eq!(done_before(&out(1, 3), &state), None);
        let member = &mut state.observed.as_mut().unwrap().instances[2];
        member.instance.tags.insert(COMMAND_TAG.to_owned(), ID.to_string());
        let done = Told::Done { instances: vec!["i-3".into()], cut: None };
        assert_eq!(done_before(&out(1, 2), &state), Some(done));
        assert_eq!(done_before(&retire(&["i-3"]), &state), None, "a launch's id is no retire's");
    }
}
