//! The simulated cloud as a cloud to open: a fresh fleet, and what would be done to its load balancer.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::front::Front;
use super::handle::Simulated;
use super::times::Times;
use crate::clouds::aws::settings::{BalancerKind, BalancerSettings, BalancerType};
use crate::clouds::cloud::{BalancerSetup, Cloud, Error, MadeElsewhere, OpenFleet, SetupOutcome};
use crate::clouds::mode::Mode;
use crate::clouds::none::NoSetup;
use crate::clouds::settings::Settings;
use crate::command::InstanceId;
use crate::fleet::{LeaseSettings, Leases, Limits, Pool, Timing, Warm, look};
use crate::metrics::Metrics;

/// A fresh cloud whose fleet holds so many instances in service.
pub fn open(settings: &Settings, holds: usize) -> Box<dyn Cloud> {
    let front = match settings.balancer.kind {
        BalancerKind::Classic => Front::Classic,
        BalancerKind::TargetGroups => Front::TargetGroups(settings.balancer.groups().len()),
        BalancerKind::None => Front::Nothing,
    };
    let simulated = Simulated::behind(front, Times::default(), 1).named(&settings.fleet.name);
    let simulated = simulated.loaded(settings.simulated.load.clone(), settings.simulated.work);
    simulated.add_in_service(holds);
    let (limits, warm, balancer) = (settings.fleet.limits(), settings.warm.clone(), settings.balancer.clone());
    Box::new(SimulatedCloud { simulated, holds, limits, warm, leases: settings.lease.clone(), balancer })
}

struct SimulatedCloud {
    simulated: Simulated,
    holds: usize,
    limits: Limits,
    warm: Warm,
    leases: LeaseSettings,
    balancer: BalancerSettings,
}

/// The reconciler's pace on a cloud that is quicker than AWS.
fn timing() -> Timing {
    Timing { fast: Duration::from_millis(250), hidden: Duration::from_secs(1), ..Timing::default() }
}

#[async_trait]
impl Cloud for SimulatedCloud {
    fn mode(&self) -> Mode {
        Mode::DryRun
    }

    fn is_rehearsal(&self) -> bool {
        true
    }

    async fn fleet(&self, launches: bool) -> Result<OpenFleet, Error> {
        let ports = self.simulated.ports();
        let holds = look(&ports).await.map_err(Error::new)?;
        let fleet = match self.holds {
            0 => "an empty simulated fleet".to_owned(),
            n => format!("a simulated fleet of {n}"),
        };
        let banner = format!("A dry run on {fleet}: nothing is asked of AWS; with --live it is.");
        // All of its instances are made alike.
        let pool = Pool { warm: self.warm.clone(), recipe: Some("simulated".to_owned()), keeps: launches };
        let leases = Leases { settings: self.leases.clone(), wall: self.simulated.wall() };
        Ok(OpenFleet { ports, limits: self.limits, pool, leases, timing: timing(), holds, banner })
    }

    fn metrics(&self) -> Option<Arc<dyn Metrics>> {
        Some(Arc::new(self.simulated.clone()))
    }

    fn balancer(&self) -> Box<dyn BalancerSetup> {
        match self.balancer.kind {
            BalancerKind::None => Box::new(NoSetup),
            BalancerKind::Classic | BalancerKind::TargetGroups => Box::new(DryRunSetup(self.balancer.clone())),
        }
    }
}

/// Says what would be done.
struct DryRunSetup(BalancerSettings);

impl DryRunSetup {
    /// What is made and deleted here, in words.
    fn made(&self) -> Result<&'static str, Error> {
        match (self.0.kind, self.0.made) {
            (BalancerKind::TargetGroups, Some(BalancerType::Application)) => Ok("application load balancer"),
            (BalancerKind::TargetGroups, Some(BalancerType::Network)) => Ok("network load balancer"),
            (BalancerKind::TargetGroups, None) => Err(Error::new(MadeElsewhere)),
            (BalancerKind::Classic | BalancerKind::None, _) => Ok("load balancer"),
        }
    }
}

#[async_trait]
impl BalancerSetup for DryRunSetup {
    fn banner(&self) -> String {
        "A dry run: nothing is asked of AWS; with --live it is.".to_owned()
    }

    async fn create(&self) -> Result<SetupOutcome, Error> {
        let BalancerSettings { name, listeners, health_check, draining, .. } = &self.0;
        let what = self.made()?;
        let forwards = listeners.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Ok(SetupOutcome::Would(format!(
            "would create {what} {name}: {forwards}, checked by {health_check}, draining {draining} s"
        )))
    }

    async fn show(&self) -> Result<SetupOutcome, Error> {
        Ok(SetupOutcome::Would(format!("would show the {}", self.0.front())))
    }

    async fn registered(&self) -> Result<Vec<InstanceId>, Error> {
        Ok(Vec::new())
    }

    async fn delete(&self, force: bool) -> Result<SetupOutcome, Error> {
        self.made()?;
        let unless = if force { "even with instances registered" } else { "unless instances are registered" };
        Ok(SetupOutcome::Would(format!("would delete the {}, {unless}", self.0.front())))
    }
}
