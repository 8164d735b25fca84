//! What the cloud answers, as one picture. In: a look at the cloud. Out: the fleet as the plan and the views read it:
//! each instance with its phase, and the count.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::InstanceId;
use super::cloud::{Cloud, CloudError, Health, Instance, InstanceState};

/// The fleet at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// Oldest first.
    pub instances: Vec<Seen>,
    /// Registered on the balancer without being described as the fleet's: reported, never touched.
    pub strangers: Vec<InstanceId>,
}

/// One instance of the fleet.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub instance: Instance,
    /// None: the balancer said nothing about it.
    pub health: Option<Health>,
    /// False: launched by this process and not described yet.
    pub described: bool,
}

/// Where an instance is in its life, as a person is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    InService,
    /// Registered, and fails its health check.
    Unhealthy,
    /// Running, not yet in service.
    Registering,
    Launching,
    /// Tagged to be retired, still on the balancer.
    Retiring,
    /// Off the balancer, finishing its requests; soon to be terminated where it is retiring.
    Draining,
    Terminating,
    Terminated,
    /// Shown, never counted or touched.
    Stopped,
}

impl Phase {
    /// On the way into service or out of it, and not there without somebody who sees to it.
    pub fn is_under_way(self) -> bool {
        matches!(self, Phase::Registering | Phase::Launching | Phase::Retiring | Phase::Draining)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::InService => "in service",
            Phase::Unhealthy => "unhealthy",
            Phase::Registering => "registering",
            Phase::Launching => "launching",
            Phase::Retiring => "retiring",
            Phase::Draining => "draining",
            Phase::Terminating => "terminating",
            Phase::Terminated => "terminated",
            Phase::Stopped => "stopped",
        })
    }
}

impl Seen {
    pub fn id(&self) -> &InstanceId {
        &self.instance.id
    }

    /// Pending or running.
    pub fn is_alive(&self) -> bool {
        matches!(self.instance.state, InstanceState::Pending | InstanceState::Running)
    }

    /// Terminated, or on its way there.
    pub fn is_ending(&self) -> bool {
        matches!(self.instance.state, InstanceState::ShuttingDown | InstanceState::Terminated)
    }

    /// Whether it is one of the count that limits bound.
    pub fn counts(&self) -> bool {
        self.is_alive() && !self.instance.retiring
    }

    pub fn is_registered(&self) -> bool {
        self.health.is_some_and(Health::is_registered)
    }

    pub fn phase(&self) -> Phase {
        match (self.instance.state, self.health) {
            (InstanceState::Terminated, _) => Phase::Terminated,
            (InstanceState::ShuttingDown, _) => Phase::Terminating,
            (InstanceState::Stopping | InstanceState::Stopped, _) => Phase::Stopped,
            (_, Some(Health::Draining)) => Phase::Draining,
            _ if self.instance.retiring => Phase::Retiring,
            (InstanceState::Pending, _) => Phase::Launching,
            (InstanceState::Running, Some(Health::InService)) => Phase::InService,
            (InstanceState::Running, Some(Health::OutOfService)) => Phase::Unhealthy,
            (InstanceState::Running, _) => Phase::Registering,
        }
    }
}

/// Asks the cloud. `tagged` are retiring, whether or not the cloud describes it yet.
pub async fn look(cloud: &impl Cloud, tagged: &BTreeSet<InstanceId>) -> Result<Observed, CloudError> {
    let instances = cloud.instances().await?;
    let retires = |instance: &&Instance| instance.retiring || tagged.contains(&instance.id);
    let retiring = instances.iter().filter(retires).filter(|instance| instance.state == InstanceState::Running);
    // Whether they still drain is told by their ids alone.
    let also: Vec<InstanceId> = retiring.map(|instance| instance.id.clone()).collect();
    let health = cloud.balancer(&also).await?;
    Ok(Observed::join(instances, health))
}

impl Observed {
    /// Joins the two answers.
    pub fn join(instances: Vec<Instance>, health: Vec<(InstanceId, Health)>) -> Self {
        let mut health: BTreeMap<_, _> = health.into_iter().collect();
        let mut instances: Vec<Seen> = instances
            .into_iter()
            .map(|instance| Seen { health: health.remove(&instance.id), described: true, instance })
            .collect();
        instances.sort_by(|a, b| (a.instance.launched, a.id()).cmp(&(b.instance.launched, b.id())));
        let strangers = health.into_iter().filter(|(_, health)| health.is_registered()).map(|(id, _)| id).collect();
        Observed { instances, strangers }
    }

    /// Pending, running, and launched but not described yet; not what is retiring.
    pub fn count(&self) -> usize {
        self.instances.iter().filter(|seen| seen.counts()).count()
    }

    pub fn get(&self, id: &InstanceId) -> Option<&Seen> {
        self.instances.iter().find(|seen| seen.id() == id)
    }

    /// Adds what was launched and is not described yet.
    pub(super) fn add_launched(&mut self, instances: impl IntoIterator<Item = Instance>) {
        for instance in instances {
            // Asked for again after a lost answer, a launch may name what is described already.
            if self.get(&instance.id).is_none() {
                self.instances.push(Seen { instance, health: None, described: false });
            }
        }
    }

    /// Whose id is among `ids`.
    pub(super) fn among_mut<'a>(&'a mut self, ids: &'a [InstanceId]) -> impl Iterator<Item = &'a mut Seen> {
        self.instances.iter_mut().filter(|seen| ids.contains(seen.id()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use InstanceState::*;

    fn instance(id: &str, state: InstanceState, retiring: bool) -> Instance {
        Instance { id: id.into(), state, launched: jiff::Timestamp::UNIX_EPOCH, retiring, reason: None }
    }

    #[test]
    fn the_count_is_pending_and_running_less_retiring() {
        let states = [Pending, Running, ShuttingDown, Terminated, Stopping, Stopped];
        let fleet = |retiring| states.iter().enumerate().map(move |(i, &s)| instance(&format!("{i}"), s, retiring));
        assert_eq!(Observed::join(fleet(false).collect(), vec![]).count(), 2);
        assert_eq!(Observed::join(fleet(true).collect(), vec![]).count(), 0);
    }

    #[test]
    fn an_id_that_is_not_the_fleets_is_a_stranger() {
        let health = vec![("i-2".into(), Health::InService), ("i-1".into(), Health::InService)];
        let observed = Observed::join(vec![instance("i-1", Running, false)], health);
        assert_eq!(observed.strangers, ["i-2".into()]);
        assert_eq!(observed.instances[0].phase(), Phase::InService);
    }

    #[test]
    fn phases() {
        let phase = |state, retiring, health| {
            Seen { instance: instance("i", state, retiring), health, described: true }.phase()
        };
        assert_eq!(phase(Pending, false, None), Phase::Launching);
        assert_eq!(phase(Pending, true, None), Phase::Retiring);
        assert_eq!(phase(Running, false, None), Phase::Registering);
        assert_eq!(phase(Running, false, Some(Health::Registering)), Phase::Registering);
        assert_eq!(phase(Running, false, Some(Health::InService)), Phase::InService);
        assert_eq!(phase(Running, false, Some(Health::OutOfService)), Phase::Unhealthy);
        assert_eq!(phase(Running, true, Some(Health::InService)), Phase::Retiring);
        assert_eq!(phase(Running, true, Some(Health::Draining)), Phase::Draining);
        assert_eq!(phase(Running, true, Some(Health::NotRegistered)), Phase::Retiring);
        assert_eq!(phase(ShuttingDown, true, Some(Health::OutOfService)), Phase::Terminating);
        assert_eq!(phase(Stopped, true, None), Phase::Stopped);
    }
}
