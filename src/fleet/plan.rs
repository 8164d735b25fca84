//! What is to be done. In: the fleet as observed, the process's memory, the time, the rules. Out: the changes that are
//! due ([`plan`]), and a command made into a number or into victims ([`accept`]). Pure: no clock, no I/O.

use std::cmp::{Ordering, Reverse};
use std::time::Duration;

use tokio::time::Instant;

use super::change::Change;
use super::leases;
use super::memory::Memory;
use super::observed::{Lifecycle, Member, Observed};
use super::ports::{Health, InstanceState};
use super::settings::Limits;
use super::stage::Stage;
use super::timing::Rules;
use crate::command::{Action, InstanceId};

/// One call: a change to a batch of instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    pub change: Change,
    pub ids: Vec<InstanceId>,
}

/// What an instance needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Nothing,
    /// It is on its way; observe again.
    Wait,
    Do(Change),
}

/// The changes that are due now, none for a fleet that is settled or has to wait.
pub fn plan(observed: &Observed, memory: &Memory, now: Instant, rules: &Rules) -> Vec<Act> {
    // Off the balancer first: no request may reach an instance that goes.
    let changes = [Change::Deregister, Change::Terminate, Change::Stop, Change::Start, Change::Register];
    let acts = changes.map(|change| {
        let ids = due(change, observed, memory, now, rules);
        let first = memory.waiting.get(&change);
        let waited = first.is_none_or(|&since| now.duration_since(since) >= rules.batch_wait);
        let others_come = observed.instances.iter().any(|member| match change {
            Change::Register => member.counts() && member.instance.state == InstanceState::Pending,
            Change::Terminate => {
                let left = member.is_alive() && member.instance.is_retiring() && !ids.contains(member.id());
                left && next(member, observed, memory, now, rules) != Next::Nothing
            }
            Change::Deregister | Change::Start | Change::Stop | Change::Retire => false,
        });
        let ids = if others_come && !waited { Vec::new() } else { ids };
        Act { change, ids }
    });
    acts.into_iter().filter(|act| !act.ids.is_empty()).collect()
}

/// Notes in the memory what follows from an observation: who is off the balancer, and since when a batch waits.
pub fn note(observed: &Observed, memory: &mut Memory, now: Instant, rules: &Rules) {
    memory.note(observed, now);
    for change in [Change::Register, Change::Terminate] {
        let due = !due(change, observed, memory, now, rules).is_empty();
        memory.wait(change, due, now);
    }
}

/// The instances that are still on their way. What the cloud refused to change, and what stays at one step for too
/// long, is not.
pub fn moving(observed: &Observed, memory: &Memory, now: Instant, rules: &Rules) -> Vec<InstanceId> {
    let moves = |member: &&Member| next(member, observed, memory, now, rules) != Next::Nothing;
    observed.instances.iter().filter(moves).map(|member| member.id().clone()).collect()
}

/// Whether a process without a memory would find nothing to do and nothing to wait for.
pub fn is_settled(observed: &Observed, now: Instant, rules: &Rules) -> bool {
    observed.doubtful.is_empty() && moving(observed, &Memory::default(), now, rules).is_empty()
}

/// What keeps the fleet from being as it should be and is waited for no longer, a sentence each without its full stop.
pub fn stuck(observed: &Observed, memory: &Memory, now: Instant, rules: &Rules) -> Vec<String> {
    let told = observed.instances.iter().filter_map(|member| {
        let id = member.id();
        let given_up = Change::ALL
            .into_iter()
            .find_map(|change| Some((change, memory.held(change, id, now).filter(|held| held.is_given_up)?)));
        if let Some((change, held)) = given_up {
            return Some(format!("the cloud refuses to {change} {id} ({})", held.reason));
        }
        let is_late = is_waited_for(member) && memory.age(member, now) >= bound(member, rules);
        let why = member.why.as_ref().map_or(String::new(), |why| format!(" ({why})"));
        let seconds = memory.age(member, now).as_secs();
        is_late.then(|| format!("{id} has been {} for {seconds} s{why}", member.lifecycle()))
    });
    let balancer =
        observed.lacks_balancer.then(|| "there is no load balancer: nothing drains or comes into service".into());
    balancer.into_iter().chain(told).collect()
}

/// Whether an instance is at a step that leads somewhere by itself.
fn is_waited_for(member: &Member) -> bool {
    match member.lifecycle() {
        Lifecycle::InService | Lifecycle::Terminated | Lifecycle::Stopped => false,
        // The pool has a bound of its own for it.
        Lifecycle::Warm | Lifecycle::Preparing => false,
        Lifecycle::Unhealthy
        | Lifecycle::Registering
        | Lifecycle::Launching
        | Lifecycle::Retiring
        | Lifecycle::Draining
        | Lifecycle::Starting
        | Lifecycle::Returning
        | Lifecycle::Terminating => true,
    }
}

/// How long an instance is waited for at the step where it is.
fn bound(member: &Member, rules: &Rules) -> Duration {
    match member.lifecycle() {
        Lifecycle::Draining => rules.drain,
        Lifecycle::Terminating => rules.shut_down,
        _ => rules.patience,
    }
}

/// The instances that need this change, whether or not their batch is complete.
fn due(change: Change, observed: &Observed, memory: &Memory, now: Instant, rules: &Rules) -> Vec<InstanceId> {
    let is_due = |member: &&Member| next(member, observed, memory, now, rules) == Next::Do(change);
    observed.instances.iter().filter(is_due).map(|member| member.id().clone()).collect()
}

fn next(member: &Member, observed: &Observed, memory: &Memory, now: Instant, rules: &Rules) -> Next {
    use InstanceState::*;
    let next = match member.instance.state {
        ShuttingDown | Terminated if member.is_registered() => Next::Do(Change::Deregister),
        ShuttingDown => Next::Wait,
        Terminated => Next::Nothing,
        // It has a grace period of its own.
        _ if !member.described => return Next::Wait,
        // One whose lease ends is nobody's any more.
        Stopping | Stopped
            if member.stage().is_none() && !(member.instance.is_retiring() && member.lease().is_some()) =>
        {
            Next::Nothing
        }
        state if member.instance.is_retiring() => leave(member, state, Change::Terminate, memory, now, rules),
        state if member.stage().is_some_and(|stage| stage != Stage::Serving) => {
            in_pool(member, state, memory, now, rules)
        }
        Pending => Next::Wait,
        Running | Stopping | Stopped => match member.health {
            Some(Health::InService) => Next::Nothing,
            // Its application may still boot.
            Some(Health::OutOfService) if memory.newcomers.contains(member.id()) => Next::Wait,
            Some(Health::OutOfService) => Next::Nothing,
            Some(Health::Registering | Health::Draining) => Next::Wait,
            Some(Health::NotRegistered | Health::Partly) | None if observed.lacks_balancer => Next::Nothing,
            Some(Health::NotRegistered | Health::Partly) | None => Next::Do(Change::Register),
        },
    };
    match next {
        Next::Do(change) => match memory.held(change, member.id(), now) {
            Some(held) if held.is_given_up => Next::Nothing,
            Some(_) => Next::Wait,
            None => next,
        },
        Next::Wait if memory.age(member, now) >= bound(member, rules) => Next::Nothing,
        Next::Wait | Next::Nothing => next,
    }
}

/// What one that is the pool's and does not serve needs.
fn in_pool(member: &Member, state: InstanceState, memory: &Memory, now: Instant, rules: &Rules) -> Next {
    match member.stage() {
        Some(Stage::Returning) if state == InstanceState::Running => {
            leave(member, state, Change::Stop, memory, now, rules)
        }
        Some(Stage::Returning) => Next::Wait,
        Some(Stage::Starting) if state == InstanceState::Stopped => Next::Do(Change::Start),
        Some(Stage::Starting) => Next::Wait,
        // Somebody else has registered it.
        Some(Stage::Preparing | Stage::Ready | Stage::Unprepared) if member.is_registered() => {
            Next::Do(Change::Deregister)
        }
        _ => Next::Nothing,
    }
}

/// Off the balancer, drained, and then the change that ends it.
fn leave(member: &Member, state: InstanceState, end: Change, memory: &Memory, now: Instant, rules: &Rules) -> Next {
    match member.health {
        Some(Health::NotRegistered) => Next::Do(end),
        Some(Health::Draining) => {
            let since = memory.deregistered.get(member.id());
            let over = since.is_some_and(|&since| now.duration_since(since) >= rules.drain);
            if over { Next::Do(end) } else { Next::Wait }
        }
        Some(_) => Next::Do(Change::Deregister),
        // Only running instances get registered. For one of those, silence does not prove that it is off the balancer.
        None if state == InstanceState::Pending => Next::Do(end),
        None => Next::Wait,
    }
}

/// A command made into what is written to the cloud, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    pub work: Work,
    /// How many were asked for.
    pub asked: usize,
    /// What was asked for and is not done, with the reason.
    pub cut: Option<Cut>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    Launch(usize),
    Retire(Vec<InstanceId>),
    Lease(leases::Work),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    pub asked: usize,
    pub granted: usize,
    pub reason: String,
}

/// Why nothing of a command is done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("nothing was asked for")]
    Nothing,
    #[error("{0}")]
    Limit(String),
    #[error("the fleet has {0} already")]
    There(usize),
    #[error("{0}")]
    NotOurs(String),
    #[error("{0}")]
    Lease(String),
    #[error("there is no load balancer, and nothing would come into service: make it with `handwave balancer create`")]
    NoBalancer,
    #[error("nothing would come into service: {0}")]
    Missing(String),
}

/// Cuts a command to the limits and chooses its victims.
pub fn accept(
    action: &Action,
    observed: &Observed,
    limits: Limits,
    terms: leases::Terms<'_>,
) -> Result<Accepted, Refusal> {
    let count = observed.count();
    let written = |work: Result<leases::Work, String>| {
        let work = Work::Lease(work.map_err(Refusal::Lease)?);
        Ok(Accepted { work, asked: 1, cut: None })
    };
    match action {
        Action::ScaleOut(asked) => scale_out(*asked, observed, limits),
        Action::ScaleIn(asked) => scale_in(*asked, observed, limits),
        Action::Terminate(ids) => {
            let mut wanted: Vec<InstanceId> = Vec::new();
            for id in ids {
                if !wanted.contains(id) {
                    wanted.push(id.clone());
                }
            }
            let can_go = |id: &InstanceId| observed.get(id).is_some_and(Member::can_go);
            let (good, bad): (Vec<_>, Vec<_>) = wanted.iter().cloned().partition(can_go);
            let bad = (!bad.is_empty()).then(|| why_not(&bad, observed));
            retire_some(good, wanted.len(), observed, limits, bad)
        }
        Action::Reach(n) => match n.cmp(&count) {
            Ordering::Equal => Err(Refusal::There(count)),
            Ordering::Greater => scale_out(n - count, observed, limits),
            Ordering::Less => scale_in(count - n, observed, limits),
        },
        Action::Lease { who, lasts } => {
            let work = leases::grant(who, *lasts, observed, terms);
            // It is one more, and has to come into service like any other.
            work.map_err(Refusal::Lease).and_then(|work| {
                scale_out(1, observed, limits)?;
                written(Ok(work))
            })
        }
        Action::Extend { id, lasts } => {
            let (work, short) = leases::extend(id, *lasts, observed, terms).map_err(Refusal::Lease)?;
            let cut = short.map(|reason| Cut { asked: 1, granted: 1, reason });
            Ok(Accepted { cut, ..written(Ok(work))? })
        }
        Action::Release(id) => written(leases::release(id, observed, terms)),
    }
}

fn scale_out(asked: usize, observed: &Observed, limits: Limits) -> Result<Accepted, Refusal> {
    let count = observed.count();
    if asked == 0 {
        return Err(Refusal::Nothing);
    }
    if observed.lacks_balancer {
        return Err(Refusal::NoBalancer);
    }
    if let Some(missing) = &observed.missing {
        return Err(Refusal::Missing(missing.clone()));
    }
    let granted = limits.max.saturating_sub(count).min(asked);
    let reason = format!("the fleet has {count} and its maximum is {}", limits.max);
    if granted == 0 {
        return Err(Refusal::Limit(reason));
    }
    Ok(Accepted { work: Work::Launch(granted), asked, cut: cut(asked, granted, reason) })
}

/// Chooses `asked` victims within the limits.
pub fn scale_in(asked: usize, observed: &Observed, limits: Limits) -> Result<Accepted, Refusal> {
    if asked == 0 {
        return Err(Refusal::Nothing);
    }
    retire_some(victims(observed, asked), asked, observed, limits, None)
}

/// The count that commands leave at least: what is leased, and the minimum beside it. So the end of a lease never
/// leaves fewer than the minimum.
pub fn floor(observed: &Observed, limits: Limits) -> usize {
    limits.min + leases::running(observed).count()
}

/// Which `n` instances would be retired first: those that fail their health check, then the newest. Never a leased one.
pub fn victims(observed: &Observed, n: usize) -> Vec<InstanceId> {
    let mut members: Vec<&Member> = observed.instances.iter().filter(|member| member.can_go()).collect();
    members.sort_by_key(|member| {
        (member.lifecycle() != Lifecycle::Unhealthy, Reverse((member.instance.born(), member.id())))
    });
    members.into_iter().take(n).map(|member| member.id().clone()).collect()
}

fn retire_some(
    mut ids: Vec<InstanceId>,
    asked: usize,
    observed: &Observed,
    limits: Limits,
    bad: Option<String>,
) -> Result<Accepted, Refusal> {
    let (count, leased) = (observed.count(), leases::running(observed).count());
    let room = count.saturating_sub(floor(observed, limits));
    let limited = ids.len() > room || (bad.is_none() && asked > room);
    ids.truncate(room);
    let reason = match bad {
        _ if limited && leased > 0 => {
            format!("the fleet has {count}, of which {leased} are leased, and its minimum is {}", limits.min)
        }
        _ if limited => format!("the fleet has {count} and its minimum is {}", limits.min),
        Some(why) => why,
        None if asked == 0 => return Err(Refusal::Nothing),
        None => "those launched last are not described by the cloud yet".to_owned(),
    };
    match ids.len() {
        0 if limited => Err(Refusal::Limit(reason)),
        0 => Err(Refusal::NotOurs(reason)),
        granted => Ok(Accepted { work: Work::Retire(ids), asked, cut: cut(asked, granted, reason) }),
    }
}

fn why_not(ids: &[InstanceId], observed: &Observed) -> String {
    let why = |id: &InstanceId| match observed.get(id) {
        None => format!("{id} is not in the fleet"),
        Some(member) => match member.lease().filter(|_| member.counts()) {
            Some(lease) => format!("{id} is leased to {} until {:.0}", lease.who, lease.until),
            None => format!("{id} is {}", member.lifecycle()),
        },
    };
    ids.iter().map(why).collect::<Vec<_>>().join(", ")
}

fn cut(asked: usize, granted: usize, reason: String) -> Option<Cut> {
    (granted < asked).then_some(Cut { asked, granted, reason })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::fleet::ports::{CloudError, ErrorKind, Instance, RETIRING_TAG};

    const RULES: Rules = Rules::new(Duration::from_secs(60), Duration::from_secs(300));
    const LIMITS: Limits = Limits { min: 1, max: 5 };

    /// Where nothing is leased.
    fn accept(action: &Action, observed: &Observed, limits: Limits) -> Result<Accepted, Refusal> {
        let settings = crate::fleet::LeaseSettings::default();
        let terms = leases::Terms { settings: &settings, ready: &[], now: Timestamp::UNIX_EPOCH };
        super::accept(action, observed, limits, terms)
    }

    /// A fleet written as words: `running`, `pending`, `in-service`, `unhealthy`, `draining`, `off`, with `retiring:`
    /// before. Ids are i-0, i-1, ... in the order of their launch.
    fn fleet(words: &str) -> Observed {
        let members = words.split_whitespace().enumerate().map(|(i, word)| {
            let (retiring, word) = match word.strip_prefix("retiring:") {
                Some(rest) => (true, rest),
                None => (false, word),
            };
            let (state, health) = match word {
                "pending" | "unseen" => (InstanceState::Pending, None),
                "running" => (InstanceState::Running, None),
                "in-service" => (InstanceState::Running, Some(Health::InService)),
                "registering" => (InstanceState::Running, Some(Health::Registering)),
                "unhealthy" => (InstanceState::Running, Some(Health::OutOfService)),
                "draining" => (InstanceState::Running, Some(Health::Draining)),
                "off" => (InstanceState::Running, Some(Health::NotRegistered)),
                "stopped" => (InstanceState::Stopped, Some(Health::OutOfService)),
                "ended-registered" => (InstanceState::Terminated, Some(Health::OutOfService)),
                "ended" => (InstanceState::Terminated, None),
                "ending" => (InstanceState::ShuttingDown, None),
                other => panic!("{other}"),
            };
            let launched = Timestamp::from_second(i as i64).unwrap();
            let instance = Instance::new(id(i), state, launched);
            let instance = if retiring { instance.with_tag(RETIRING_TAG, "") } else { instance };
            Member { instance, health, why: None, described: word != "unseen" }
        });
        Observed { instances: members.collect(), ..Observed::default() }
    }

    fn id(i: usize) -> InstanceId {
        InstanceId(format!("i-{i}"))
    }

    fn ids(numbers: &[usize]) -> Vec<InstanceId> {
        numbers.iter().copied().map(id).collect()
    }

    /// The plan for a fleet that has been as it is for `after` seconds.
    fn planned(words: &str, after: u64) -> Vec<(Change, Vec<InstanceId>)> {
        let (observed, mut memory, start) = (fleet(words), Memory::default(), Instant::now());
        note(&observed, &mut memory, start, &RULES);
        let now = start + Duration::from_secs(after);
        note(&observed, &mut memory, now, &RULES);
        plan(&observed, &memory, now, &RULES).into_iter().map(|act| (act.change, act.ids)).collect()
    }

    fn accepted(action: Action, words: &str) -> Result<Accepted, Refusal> {
        accept(&action, &fleet(words), LIMITS)
    }

    #[test]
    fn rule_2_running_and_not_registered_is_registered() {
        assert_eq!(planned("in-service running off", 0), [(Change::Register, ids(&[1, 2]))]);
    }

    #[test]
    fn rule_2_a_batch_is_registered_when_all_of_it_runs() {
        assert_eq!(planned("running running pending", 9), []);
        assert_eq!(planned("running running unseen", 9), []);
        assert_eq!(planned("running running running", 0), [(Change::Register, ids(&[0, 1, 2]))]);
    }

    #[test]
    fn rule_2_or_ten_seconds_after_its_first() {
        assert_eq!(planned("running running pending", 10), [(Change::Register, ids(&[0, 1]))]);
    }

    #[test]
    fn rule_2_retiring_is_deregistered_then_drained_then_terminated() {
        assert_eq!(planned("retiring:in-service", 0), [(Change::Deregister, ids(&[0]))]);
        assert_eq!(planned("retiring:unhealthy", 0), [(Change::Deregister, ids(&[0]))]);
        assert_eq!(planned("retiring:draining", 0), []);
        assert_eq!(planned("retiring:off", 0), [(Change::Terminate, ids(&[0]))]);
        assert_eq!(planned("retiring:pending", 0), [(Change::Terminate, ids(&[0]))]);
    }

    #[test]
    fn rule_2_what_retires_together_is_terminated_together() {
        assert_eq!(planned("retiring:off retiring:draining", 9), []);
        assert_eq!(planned("retiring:off retiring:draining", 10), [(Change::Terminate, ids(&[0]))]);
    }

    #[test]
    fn rule_2_registered_but_terminated_is_deregistered() {
        assert_eq!(planned("ended-registered ended ending", 0), [(Change::Deregister, ids(&[0]))]);
    }

    #[test]
    fn rule_2_a_settled_fleet_needs_nothing() {
        let moving = |words| !moving(&fleet(words), &Memory::default(), Instant::now(), &RULES).is_empty();
        assert_eq!(planned("in-service unhealthy ended stopped", 0), []);
        assert!(!moving("in-service unhealthy ended stopped"));
        for word in
            "pending unseen running registering draining ending retiring:in-service retiring:off ended-registered"
                .split_whitespace()
        {
            assert!(moving(word), "{word}");
        }
    }

    #[test]
    fn rule_3_stopped_instances_are_never_touched() {
        assert_eq!(planned("stopped retiring:stopped", 100), []);
        assert_eq!(victims(&fleet("stopped"), 1), []);
    }

    #[test]
    fn rule_3_limits_cut_a_command_and_the_cut_is_said() {
        let out = accepted(Action::ScaleOut(4), "in-service pending unseen retiring:in-service stopped ended").unwrap();
        assert_eq!(out.work, Work::Launch(2));
        let cut = out.cut.unwrap();
        assert_eq!((cut.asked, cut.granted), (4, 2));
        assert_eq!(cut.reason, "the fleet has 3 and its maximum is 5");

        let within = accepted(Action::ScaleIn(3), "in-service in-service in-service").unwrap();
        assert_eq!(within.work, Work::Retire(ids(&[2, 1])));
        assert_eq!(within.cut.unwrap().reason, "the fleet has 3 and its minimum is 1");
    }

    #[test]
    fn rule_3_a_command_cut_to_nothing_is_refused() {
        let full = "in-service in-service in-service in-service in-service in-service";
        assert!(matches!(accepted(Action::ScaleOut(1), full), Err(Refusal::Limit(_))));
        assert!(matches!(accepted(Action::ScaleIn(1), "in-service"), Err(Refusal::Limit(_))));
        assert!(matches!(accepted(Action::ScaleIn(1), ""), Err(Refusal::Limit(_))));
        assert_eq!(accepted(Action::ScaleOut(0), ""), Err(Refusal::Nothing));
        assert_eq!(accepted(Action::Terminate(vec![]), ""), Err(Refusal::Nothing));
    }

    #[test]
    fn rule_3_limits_never_repair() {
        assert_eq!(planned("", 100), []);
        assert_eq!(planned(&"in-service ".repeat(9), 100), []);
    }

    #[test]
    fn rule_3_victims_are_the_unhealthy_then_the_newest() {
        let observed = fleet("in-service unhealthy in-service retiring:unhealthy unhealthy unseen pending");
        assert_eq!(victims(&observed, 9), ids(&[4, 1, 6, 2, 0]));
        assert_eq!(victims(&observed, 2), ids(&[4, 1]));
    }

    #[test]
    fn rule_3_named_victims_keep_to_the_fleet_and_its_minimum() {
        let named = |numbers, words| accepted(Action::Terminate(ids(numbers)), words);
        assert_eq!(named(&[0], "in-service in-service").unwrap().work, Work::Retire(ids(&[0])));
        assert_eq!(named(&[0, 0], "in-service in-service").unwrap().cut, None);
        let cut = named(&[0, 1], "in-service in-service").unwrap();
        assert_eq!(cut.work, Work::Retire(ids(&[0])));
        assert_eq!(cut.cut.unwrap().reason, "the fleet has 2 and its minimum is 1");
        let some = named(&[7, 1, 2], "in-service in-service stopped").unwrap();
        assert_eq!(some.work, Work::Retire(ids(&[1])));
        assert_eq!(some.cut.unwrap().reason, "i-7 is not in the fleet, i-2 is stopped");
        assert!(matches!(named(&[7], "in-service in-service"), Err(Refusal::NotOurs(_))));
    }

    #[test]
    fn rule_5_what_the_cloud_refused_is_left_and_the_others_go_on() {
        let (observed, mut memory, now) = (fleet("retiring:off retiring:off"), Memory::default(), Instant::now());
        let error = CloudError::new(ErrorKind::Refused, "OperationNotPermitted", "protected");
        memory.hold(Change::Terminate, &ids(&[0]), &error, now, &RULES);
        note(&observed, &mut memory, now, &RULES);
        assert_eq!(plan(&observed, &memory, now, &RULES), [Act { change: Change::Terminate, ids: ids(&[1]) }]);
        assert_eq!(moving(&fleet("retiring:off"), &memory, now, &RULES), []);
        assert_eq!(
            stuck(&observed, &memory, now, &RULES),
            ["the cloud refuses to terminate i-0 (OperationNotPermitted: protected)"]
        );
        let later = now + Duration::from_secs(300);
        note(&observed, &mut memory, later, &RULES);
        assert_eq!(plan(&observed, &memory, later, &RULES)[0].ids, ids(&[0, 1]));
    }

    #[test]
    fn rule_5_what_is_not_found_is_tried_ever_later_and_given_up() {
        let (observed, mut memory, start) = (fleet("ended-registered running"), Memory::default(), Instant::now());
        let error = CloudError::new(ErrorKind::NotFound, "InvalidInstance", "not there");
        let (mut now, mut waits) = (start, Vec::new());
        loop {
            memory.hold(Change::Deregister, &ids(&[0]), &error, now, &RULES);
            let held = memory.held(Change::Deregister, &id(0), now).unwrap().clone();
            waits.push(held.until.duration_since(now).as_secs());
            // The other one goes on.
            assert_eq!(plan(&observed, &memory, now, &RULES), [Act { change: Change::Register, ids: ids(&[1]) }]);
            if held.is_given_up {
                break;
            }
            now = held.until;
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64]);
        memory.release(Change::Deregister, &ids(&[0]));
        assert_eq!(memory.held(Change::Deregister, &id(0), now), None);
    }

    #[test]
    fn rule_8_nothing_is_waited_for_for_ever() {
        let words = "ending pending registering retiring:running";
        let (observed, mut memory, start) = (fleet(words), Memory::default(), Instant::now());
        note(&observed, &mut memory, start, &RULES);
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(moving(&observed, &memory, at(89), &RULES), ids(&[0, 1, 2, 3]));
        assert_eq!(moving(&observed, &memory, at(90), &RULES), ids(&[1, 2, 3]));
        assert_eq!(stuck(&observed, &memory, at(299), &RULES), ["i-0 has been terminating for 299 s"]);
        assert_eq!(moving(&observed, &memory, at(300), &RULES), []);
        assert_eq!(stuck(&observed, &memory, at(300), &RULES).len(), 4);
    }

    #[test]
    fn rule_8_an_instance_that_boots_slowly_is_waited_for() {
        let mut memory = Memory::default();
        let start = Instant::now();
        note(&fleet("in-service"), &mut memory, start, &RULES);
        note(&fleet("in-service unhealthy"), &mut memory, start, &RULES);
        assert_eq!(moving(&fleet("in-service unhealthy"), &memory, start, &RULES), ids(&[1]));
        // One that was in service before has nothing to wait for.
        note(&fleet("unhealthy in-service"), &mut memory, start, &RULES);
        assert_eq!(moving(&fleet("unhealthy unhealthy"), &memory, start, &RULES), []);
    }

    #[test]
    fn without_a_balancer_nothing_is_registered_or_launched() {
        let observed = Observed { lacks_balancer: true, ..fleet("running retiring:off") };
        let (mut memory, now) = (Memory::default(), Instant::now());
        note(&observed, &mut memory, now, &RULES);
        let acts = plan(&observed, &memory, now, &RULES);
        assert_eq!(acts, [Act { change: Change::Terminate, ids: ids(&[1]) }]);
        assert_eq!(accept(&Action::ScaleOut(1), &observed, LIMITS), Err(Refusal::NoBalancer));
        assert_eq!(stuck(&observed, &memory, now, &RULES).len(), 1);
    }

    #[test]
    fn rule_6_silence_of_the_balancer_terminates_nothing() {
        assert_eq!(planned("retiring:running", 1000), []);
    }

    #[test]
    fn rule_6_the_drain_is_bounded() {
        assert_eq!(planned("retiring:draining", 59), []);
        assert_eq!(planned("retiring:draining", 60), [(Change::Terminate, ids(&[0]))]);
    }

    #[test]
    fn rule_10_a_count_is_made_into_a_number_once_and_cut_to_the_limits() {
        let three = fleet("in-service in-service pending");
        let accepted = |n| accept(&Action::Reach(n), &three, LIMITS);
        assert_eq!(accepted(3), Err(Refusal::There(3)));
        assert_eq!(accepted(5).unwrap(), Accepted { work: Work::Launch(2), asked: 2, cut: None });
        let Accepted { work, asked, cut } = accepted(9).unwrap();
        assert_eq!((work, asked, cut.map(|cut| cut.granted)), (Work::Launch(2), 6, Some(2)));
        // The newest goes first.
        assert_eq!(accepted(2).unwrap().work, Work::Retire(vec![id(2)]));
        let Accepted { work, asked, cut } = accepted(0).unwrap();
        assert_eq!((work, asked, cut.map(|cut| cut.granted)), (Work::Retire(vec![id(2), id(1)]), 3, Some(2)));
    }
}
