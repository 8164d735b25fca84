//! A snapshot of the fleet. In: the ports' answers. Out: the fleet as the plan and the views read it: each instance
//! with its lifecycle, the count, and what cannot be relied on.

use std::collections::BTreeMap;
use std::fmt;

use super::lease::Lease;
use super::ports::{Health, Instance, InstanceState, Standing};
use super::stage::Stage;
use crate::command::InstanceId;

/// The fleet at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// Oldest first.
    pub instances: Vec<Member>,
    /// Registered on the balancer without being the fleet's: reported, never touched.
    pub strangers: Vec<InstanceId>,
    /// Were there or are on the balancer, and are neither described nor denied: the answer is not complete.
    pub doubtful: Vec<InstanceId>,
    /// The load balancer is not there: nothing drains, and nothing comes into service.
    pub lacks_balancer: bool,
    /// Which one of several balancers is not there, as a sentence: nothing new comes into service.
    pub missing: Option<String>,
}

/// One instance of the fleet.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub instance: Instance,
    /// None: the balancer said nothing about it.
    pub health: Option<Health>,
    /// Why it is not in service, in the balancer's own words.
    pub why: Option<String>,
    /// False: launched by this process and not described yet.
    pub described: bool,
}

/// Where an instance is in its life, in the words that people are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lifecycle {
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
    /// One of the warm pool's, to be started.
    Starting,
    /// In the warm pool: stopped, and ready to be started.
    Warm,
    /// In the warm pool: it runs its user data, and then powers itself off.
    Preparing,
    /// Going back to the warm pool, still on the balancer or not yet stopped.
    Returning,
}

impl Lifecycle {
    /// In the order in which they are listed.
    pub const ALL: [Lifecycle; 13] = [
        Lifecycle::InService,
        Lifecycle::Unhealthy,
        Lifecycle::Registering,
        Lifecycle::Launching,
        Lifecycle::Retiring,
        Lifecycle::Draining,
        Lifecycle::Terminating,
        Lifecycle::Terminated,
        Lifecycle::Stopped,
        Lifecycle::Starting,
        Lifecycle::Warm,
        Lifecycle::Preparing,
        Lifecycle::Returning,
    ];

    /// On the way into service or out of it: it gets there only while a reconciler runs.
    pub fn is_under_way(self) -> bool {
        matches!(
            self,
            Lifecycle::Registering
                | Lifecycle::Launching
                | Lifecycle::Retiring
                | Lifecycle::Draining
                | Lifecycle::Starting
                | Lifecycle::Returning
        )
    }
}

impl fmt::Display for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Lifecycle::InService => "in service",
            Lifecycle::Unhealthy => "unhealthy",
            Lifecycle::Registering => "registering",
            Lifecycle::Launching => "launching",
            Lifecycle::Retiring => "retiring",
            Lifecycle::Draining => "draining",
            Lifecycle::Terminating => "terminating",
            Lifecycle::Terminated => "terminated",
            Lifecycle::Stopped => "stopped",
            Lifecycle::Starting => "starting",
            Lifecycle::Warm => "warm",
            Lifecycle::Preparing => "preparing",
            Lifecycle::Returning => "returning",
        })
    }
}

impl Member {
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

    /// Whether it is part of the count that the limits bound: not what is warm, but what is to be started.
    pub fn counts(&self) -> bool {
        let is_in = match self.stage() {
            None => self.is_alive(),
            Some(stage) => matches!(stage, Stage::Serving | Stage::Starting),
        };
        is_in && !self.instance.is_retiring()
    }

    /// Where it is in the warm pool's circle; None where it is none of the pool's, or ends.
    pub fn stage(&self) -> Option<Stage> {
        Stage::of(&self.instance)
    }

    /// In the warm pool, not in service.
    pub fn is_warm(&self) -> bool {
        self.stage().is_some_and(Stage::is_warm)
    }

    /// For whom it is reserved, or kept. A lease may be over.
    pub fn lease(&self) -> Option<Lease> {
        Lease::of(&self.instance)
    }

    /// Whether a command may retire it.
    pub fn can_go(&self) -> bool {
        self.counts() && self.described && self.lease().is_none()
    }

    pub fn is_registered(&self) -> bool {
        self.health.is_some_and(Health::is_registered)
    }

    pub fn lifecycle(&self) -> Lifecycle {
        match (self.instance.state, self.health) {
            (InstanceState::Terminated, _) => Lifecycle::Terminated,
            (InstanceState::ShuttingDown, _) => Lifecycle::Terminating,
            (InstanceState::Stopping | InstanceState::Stopped, _) if self.stage().is_none() => Lifecycle::Stopped,
            (_, Some(Health::Draining)) => Lifecycle::Draining,
            _ if self.instance.is_retiring() => Lifecycle::Retiring,
            _ if self.stage().is_some_and(|stage| stage != Stage::Serving) => self.in_pool(),
            (InstanceState::Pending, _) => Lifecycle::Launching,
            (InstanceState::Running, Some(Health::InService)) => Lifecycle::InService,
            (InstanceState::Running, Some(Health::OutOfService)) => Lifecycle::Unhealthy,
            (InstanceState::Running | InstanceState::Stopping | InstanceState::Stopped, _) => Lifecycle::Registering,
        }
    }

    fn in_pool(&self) -> Lifecycle {
        match self.stage() {
            Some(Stage::Preparing) => Lifecycle::Preparing,
            Some(Stage::Ready) => Lifecycle::Warm,
            Some(Stage::Starting) => Lifecycle::Starting,
            Some(Stage::Returning) => Lifecycle::Returning,
            Some(Stage::Unprepared | Stage::StoppedByOthers | Stage::Serving) | None => Lifecycle::Stopped,
        }
    }
}

impl Observed {
    /// Joins the two answers.
    pub fn join(instances: Vec<Instance>, standings: Vec<(InstanceId, Standing)>) -> Self {
        let mut standings: BTreeMap<_, _> = standings.into_iter().collect();
        let member = |instance: Instance| {
            let standing = standings.remove(&instance.id);
            let (health, why) = standing.map_or((None, None), |Standing { health, reason }| (Some(health), reason));
            Member { instance, health, why, described: true }
        };
        let mut instances: Vec<Member> = instances.into_iter().map(member).collect();
        instances.sort_by(|a, b| (a.instance.born(), a.id()).cmp(&(b.instance.born(), b.id())));
        let strangers = standings.into_iter().filter(|(_, standing)| standing.health.is_registered());
        let strangers = strangers.map(|(id, _)| id).collect();
        Observed { instances, strangers, ..Observed::default() }
    }

    /// What a launch is based on: the same fleet, seen by two processes at once, is the same text for both.
    pub fn view(&self) -> String {
        let mut ids: Vec<&str> = self.instances.iter().map(|member| member.id().0.as_str()).collect();
        ids.sort_unstable();
        ids.join(" ")
    }

    /// Pending, running, and launched but not described yet; not what is retiring.
    pub fn count(&self) -> usize {
        self.instances.iter().filter(|member| member.counts()).count()
    }

    pub fn get(&self, id: &InstanceId) -> Option<&Member> {
        self.instances.iter().find(|member| member.id() == id)
    }

    /// Adds what was launched and is not described yet.
    pub(super) fn add_launched(&mut self, instances: impl IntoIterator<Item = Instance>) {
        for instance in instances {
            // Tried again after a lost answer, a launch may name what is described already.
            if self.get(&instance.id).is_none() {
                self.instances.push(Member { instance, health: None, why: None, described: false });
            }
        }
    }

    /// The members whose id is among `ids`.
    pub(super) fn among_mut<'a>(&'a mut self, ids: &'a [InstanceId]) -> impl Iterator<Item = &'a mut Member> {
        self.instances.iter_mut().filter(|member| ids.contains(member.id()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use InstanceState::*;

    use crate::fleet::ports::RETIRING_TAG;

    fn instance(id: &str, state: InstanceState, retiring: bool) -> Instance {
        let instance = Instance::new(id, state, jiff::Timestamp::UNIX_EPOCH);
        if retiring { instance.with_tag(RETIRING_TAG, "") } else { instance }
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
        let standings = ["i-2", "i-1"].map(|id| (id.into(), Standing::new(Health::InService)));
        let observed = Observed::join(vec![instance("i-1", Running, false)], standings.into());
        assert_eq!(observed.strangers, ["i-2".into()]);
        assert_eq!(observed.instances[0].lifecycle(), Lifecycle::InService);
    }

    #[test]
    fn lifecycles() {
        let lifecycle = |state, retiring, health| {
            Member { instance: instance("i", state, retiring), health, why: None, described: true }.lifecycle()
        };
        assert_eq!(lifecycle(Pending, false, None), Lifecycle::Launching);
        assert_eq!(lifecycle(Pending, true, None), Lifecycle::Retiring);
        assert_eq!(lifecycle(Running, false, None), Lifecycle::Registering);
        assert_eq!(lifecycle(Running, false, Some(Health::Registering)), Lifecycle::Registering);
        assert_eq!(lifecycle(Running, false, Some(Health::InService)), Lifecycle::InService);
        assert_eq!(lifecycle(Running, false, Some(Health::OutOfService)), Lifecycle::Unhealthy);
        assert_eq!(lifecycle(Running, true, Some(Health::InService)), Lifecycle::Retiring);
        assert_eq!(lifecycle(Running, true, Some(Health::Draining)), Lifecycle::Draining);
        assert_eq!(lifecycle(Running, true, Some(Health::NotRegistered)), Lifecycle::Retiring);
        assert_eq!(lifecycle(ShuttingDown, true, Some(Health::OutOfService)), Lifecycle::Terminating);
        assert_eq!(lifecycle(Stopped, true, None), Lifecycle::Stopped);
    }
}
