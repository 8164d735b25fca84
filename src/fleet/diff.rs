//! What happened between two observations. In: the fleet before and after. Out: events, those of one command and one
//! kind together. So one mechanism tells what the process did, what a lost reply hid, and what others did.

use std::collections::BTreeMap;

use super::observed::{Member, Observed};
use super::ports::{Health, InstanceState};
use crate::command::{CommandId, InstanceId};
use crate::event::{Affected, Event};

/// The order in which they are told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Launched,
    Registered,
    InService,
    Retiring,
    Deregistered,
    Terminated,
}

/// The events that lead from `before` to `after`.
pub fn changes(before: &Observed, after: &Observed, commands: &BTreeMap<InstanceId, CommandId>) -> Vec<Event> {
    let mut told: BTreeMap<(Kind, Option<CommandId>, Option<String>), Vec<InstanceId>> = BTreeMap::new();
    let earlier: BTreeMap<_, _> = before.instances.iter().map(|seen| (seen.id(), seen)).collect();
    for seen in &after.instances {
        for kind in told_of(earlier.get(seen.id()).copied(), seen) {
            // What was retired needs no reason.
            let tells = kind == Kind::Terminated && !seen.instance.retiring;
            let reason = seen.instance.reason.clone().filter(|_| tells);
            let key = (kind, commands.get(seen.id()).cloned(), reason);
            told.entry(key).or_default().push(seen.id().clone());
        }
    }
    let events = told.into_iter().map(|((kind, command, reason), instances)| {
        let of = Affected { instances, command };
        match kind {
            Kind::Launched => Event::Launched(of),
            Kind::Registered => Event::Registered(of),
            Kind::InService => Event::InService(of),
            Kind::Retiring => Event::Retiring(of),
            Kind::Deregistered => Event::Deregistered(of),
            Kind::Terminated => Event::Terminated { of, reason },
        }
    });
    events.collect()
}

fn told_of(before: Option<&Member>, after: &Member) -> Vec<Kind> {
    let was = |test: fn(&Member) -> bool| before.is_some_and(test);
    let new = |kind, test: fn(&Member) -> bool| (test(after) && !was(test)).then_some(kind);
    let off = after.health.is_some_and(|health| !health.is_registered()) || after.health.is_none() && after.is_ending();
    let told = [
        (before.is_none() && after.is_alive()).then_some(Kind::Launched),
        new(Kind::Registered, |seen| seen.is_alive() && seen.is_registered()),
        new(Kind::InService, |seen| seen.is_alive() && seen.health == Some(Health::InService)),
        new(Kind::Retiring, |seen| seen.instance.retiring),
        (was(Member::is_registered) && off).then_some(Kind::Deregistered),
        new(Kind::Terminated, |seen| seen.instance.state == InstanceState::Terminated),
    ];
    told.into_iter().flatten().collect()
}
