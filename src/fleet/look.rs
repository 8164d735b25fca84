//! A look at the cloud. In: the ports, and what is remembered. Out: the fleet as it was observed, with what the answers
//! lack.

use std::collections::BTreeSet;

use super::lease::Lease;
use super::memory::Memory;
use super::observed::Observed;
use super::ports::{CloudError, ErrorKind, Found, Instance, InstanceState, Ports, Standings, off};
use super::stage::Stage;
use crate::command::InstanceId;

/// Asks the cloud, as a process without a memory does.
pub async fn look(ports: &Ports) -> Result<Observed, CloudError> {
    observe(ports, &Memory::default(), &[]).await
}

/// Asks the cloud. What was there before, is `overdue` or is on the balancer, and is not described now, is looked up by
/// its id: an index may forget for a while.
pub(super) async fn observe(ports: &Ports, memory: &Memory, overdue: &[InstanceId]) -> Result<Observed, CloudError> {
    let mut instances = ports.instances.list().await?;
    let mut doubtful = look_up(memory.present.iter().chain(overdue), &mut instances, ports).await?;

    memory.show_tags(&mut instances);
    // The balancer tells only by id whether they still drain.
    let leaves = |instance: &&Instance| {
        let stage = Stage::of(instance);
        let retires = instance.is_retiring() || memory.retiring.contains_key(&instance.id);
        match instance.state {
            // One that somebody has started again may be registered, or drain.
            InstanceState::Pending | InstanceState::Running => retires || stage == Some(Stage::Returning),
            InstanceState::Stopping | InstanceState::Stopped => {
                retires && (stage.is_some() || Lease::of(instance).is_some())
            }
            InstanceState::ShuttingDown | InstanceState::Terminated => false,
        }
    };
    let serves = |instance: &&Instance| {
        let is_warm = Stage::of(instance).is_some_and(Stage::is_warm);
        instance.state == InstanceState::Running && !is_warm && !leaves(instance)
    };
    let ids = |is_one: &dyn Fn(&&Instance) -> bool| {
        instances.iter().filter(is_one).map(|instance| instance.id.clone()).collect::<Vec<_>>()
    };
    let (serving, leaving) = (ids(&serves), ids(&leaves));
    let (standings, lacks_balancer) = match ports.balancer.health(&serving, &leaving).await {
        Ok(standings) => (standings, false),
        Err(error) if error.kind == ErrorKind::NoBalancer => (Standings::from(off(&leaving)), true),
        Err(error) => return Err(error),
    };

    let new = standings.registered().filter(|id| !memory.strangers.contains(*id));
    doubtful.extend(look_up(new, &mut instances, ports).await?);
    let mut observed = Observed::join(instances, standings.of);
    observed.strangers.retain(|id| !doubtful.contains(id));
    let (doubtful, missing) = (doubtful.into_iter().collect(), standings.missing);
    Ok(Observed { doubtful, lacks_balancer, missing, ..observed })
}

/// Looks up those of `ids` that are not among the instances, and adds the fleet's. Returns those that the cloud said
/// nothing about.
async fn look_up(
    ids: impl Iterator<Item = &InstanceId>,
    instances: &mut Vec<Instance>,
    ports: &Ports,
) -> Result<BTreeSet<InstanceId>, CloudError> {
    let described: BTreeSet<&InstanceId> = instances.iter().map(|instance| &instance.id).collect();
    let asked: Vec<InstanceId> = ids.filter(|id| !described.contains(id)).cloned().collect();
    if asked.is_empty() {
        return Ok(BTreeSet::new());
    }
    let found = ports.instances.find(&asked).await?;
    let silent = asked.into_iter().filter(|id| !found.contains_key(id)).collect();
    let ours = found.into_values().filter_map(|found| match found {
        Found::Ours(instance) => Some(*instance),
        Found::NotOurs | Found::NotThere => None,
    });
    instances.extend(ours);
    Ok(silent)
}
