//! What happened between two observations. In: the fleet before and after. Out: events, those of one command and one
//! kind together. One mechanism thus tells what this process did, what a lost reply hid, and what others did.

use std::collections::BTreeMap;

use super::lease::Lease;
use super::observed::{Lifecycle, Member, Observed};
use super::ports::{Health, InstanceState};
use super::stage::Stage;
use crate::command::{CommandId, InstanceId};
use crate::event::{Affected, Event, Leased};

/// The kinds of events, in the order in which they are told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Launched,
    Preparing,
    Warm,
    Starting,
    Registered,
    InService,
    Retiring,
    Returning,
    Deregistered,
    Terminated,
}

/// The events that lead from `before` to `after`.
pub fn changes(before: &Observed, after: &Observed, commands: &BTreeMap<InstanceId, CommandId>) -> Vec<Event> {
    let mut groups: BTreeMap<(Kind, Option<CommandId>, Option<String>), Vec<InstanceId>> = BTreeMap::new();
    let earlier: BTreeMap<_, _> = before.instances.iter().map(|member| (member.id(), member)).collect();
    for member in &after.instances {
        for kind in kinds(earlier.get(member.id()).copied(), member) {
            // One that was retired needs no reason.
            let ends_by_itself = kind == Kind::Terminated && !member.instance.is_retiring();
            let reason = member.instance.reason.clone().filter(|_| ends_by_itself);
            let key = (kind, commands.get(member.id()).cloned(), reason);
            groups.entry(key).or_default().push(member.id().clone());
        }
    }
    let events = groups.into_iter().map(|((kind, command, reason), instances)| {
        let of = Affected { instances, command };
        match kind {
            Kind::Launched => Event::Launched(of),
            Kind::Preparing => Event::Preparing(of),
            Kind::Warm => Event::Warm(of),
            Kind::Starting => Event::Starting(of),
            Kind::Returning => Event::Returning(of),
            Kind::Registered => Event::Registered(of),
            Kind::InService => Event::InService(of),
            Kind::Retiring => Event::Retiring(of),
            Kind::Deregistered => Event::Deregistered(of),
            Kind::Terminated => Event::Terminated { of, reason },
        }
    });
    let leased = after.instances.iter().filter_map(|member| {
        let before = earlier.get(member.id()).copied();
        lease(before, member, commands.get(member.id()).cloned())
    });
    events.chain(leased).collect()
}

/// What became of an instance's lease. That one is over is told by who ends it.
fn lease(before: Option<&Member>, after: &Member, command: Option<CommandId>) -> Option<Event> {
    let now = after.lease().filter(|lease| !lease.is_released())?;
    let told = |now: Lease| {
        let of = Affected { instances: vec![after.id().clone()], command };
        Leased { of, who: now.who, until: now.until }
    };
    match before.and_then(Member::lease) {
        Some(before) if before == now => None,
        Some(before) if before.is_same(&now) => (now.until > before.until).then(|| Event::LeaseExtended(told(now))),
        _ => Some(Event::Leased(told(now))),
    }
}

fn kinds(before: Option<&Member>, after: &Member) -> Vec<Kind> {
    let was = |test: fn(&Member) -> bool| before.is_some_and(test);
    let new = |kind, test: fn(&Member) -> bool| (test(after) && !was(test)).then_some(kind);
    let off = after.health.is_some_and(|health| !health.is_registered()) || after.health.is_none() && after.is_ending();
    let is_new = before.is_none() && after.is_alive();
    let prepares = after.lifecycle() == Lifecycle::Preparing;
    let kinds = [
        (is_new && !prepares).then_some(Kind::Launched),
        (is_new && prepares).then_some(Kind::Preparing),
        (before.is_some()).then(|| new(Kind::Warm, |member| member.lifecycle() == Lifecycle::Warm)).flatten(),
        (was(Member::is_warm) && after.counts()).then_some(Kind::Starting),
        new(Kind::Registered, |member| member.is_alive() && member.is_registered()),
        new(Kind::InService, |member| member.is_alive() && member.health == Some(Health::InService)),
        new(Kind::Retiring, |member| member.instance.is_retiring()),
        new(Kind::Returning, |member| member.stage() == Some(Stage::Returning)),
        (was(Member::is_registered) && off).then_some(Kind::Deregistered),
        new(Kind::Terminated, |member| member.instance.state == InstanceState::Terminated),
    ];
    kinds.into_iter().flatten().collect()
}
