//! AWS as a cloud to open. In: settings. Out: a session that is the one that is meant, and from it the fleet and the
//! management of its load balancer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::retry::RetryConfig;

use super::classic::Classic;
use super::classic_setup::ClassicSetup;
use super::ec2::Ec2;
use super::launch::Launch;
use super::session::{OpenError, Session};
use crate::clouds::cloud::{BalancerSetup, Cloud, Error, OpenFleet};
use crate::clouds::mode::Mode;
use crate::clouds::settings::Settings;
use crate::fleet::ports::Ports;
use crate::fleet::{FleetState, Observed, Rules, Timing, observe};

/// What a drain may take beyond the balancer's timeout, whose clock is not this machine's.
const DRAIN_MARGIN: Duration = Duration::from_secs(30);

/// Opens a session and holds it to the pins. One call: GetCallerIdentity.
pub async fn open(settings: &Settings) -> Result<Box<dyn Cloud>, Error> {
    Ok(Box::new(Aws::open(settings).await.map_err(Error::new)?))
}

/// AWS, in the account and region that are meant.
pub struct Aws {
    pub(super) session: Session,
    settings: Settings,
}

impl Aws {
    /// One call: GetCallerIdentity.
    pub async fn open(settings: &Settings) -> Result<Aws, OpenError> {
        Ok(Aws { session: Session::open(settings).await?, settings: settings.clone() })
    }

    /// The fleet's ports, without a look at the fleet.
    pub fn ports(&self) -> Result<Ports, OpenError> {
        Ok(self.with(self.ec2()?))
    }

    /// These instances behind the load balancer. Another kind of balancer is chosen here and in `setup`.
    pub(super) fn with(&self, instances: Ec2) -> Ports {
        let client = aws_sdk_elasticloadbalancing::config::Builder::from(&self.session.sdk).retry_config(alone());
        let client = aws_sdk_elasticloadbalancing::Client::from_conf(client.build());
        let balancer = Classic { client, name: self.settings.balancer.name.clone() };
        Ports { instances: Arc::new(instances), balancer: Arc::new(balancer) }
    }

    pub(super) fn ec2(&self) -> Result<Ec2, OpenError> {
        let fleet = self.settings.fleet.name.clone();
        let launch = Launch::new(&self.settings.instance, &fleet)?;
        let client = aws_sdk_ec2::config::Builder::from(&self.session.sdk).retry_config(alone()).build();
        Ok(Ec2 { client: aws_sdk_ec2::Client::from_conf(client), fleet, launch })
    }

    pub(super) fn setup(&self) -> ClassicSetup {
        ClassicSetup::new(&self.session, &self.settings)
    }

    fn banner(&self, holds: &Observed) -> String {
        let Settings { fleet, balancer, .. } = &self.settings;
        let state = FleetState { observed: Some(holds.clone()), ..FleetState::unknown(fleet.limits()) };
        let mut banner = format!(
            "LIVE in AWS: {}\nFleet {} behind load balancer {}: {state}",
            self.session, fleet.name, balancer.name
        );
        if !holds.strangers.is_empty() {
            let n = holds.strangers.len();
            banner += &format!("; {n} on the balancer that are not the fleet's, left alone");
        }
        banner
    }
}

/// The SDK tries nothing again: the reconciler does, and knows what may be done twice.
fn alone() -> RetryConfig {
    RetryConfig::disabled()
}

#[async_trait]
impl Cloud for Aws {
    fn mode(&self) -> Mode {
        Mode::Live { account: self.session.account.clone(), region: self.session.region.clone() }
    }

    fn is_rehearsal(&self) -> bool {
        self.session.is_rehearsal
    }

    async fn fleet(&self) -> Result<OpenFleet, Error> {
        let ports = self.ports().map_err(Error::new)?;
        let hidden = |what| move |error| Error::new(OpenError::Hidden { what, error });
        let (name, region) = (self.settings.balancer.name.clone(), self.session.region.clone());
        let drain = self.setup().draining().await.map_err(hidden("the load balancer"))?;
        let drain = drain.ok_or_else(|| Error::new(OpenError::NoBalancer { name, region }))?;
        let holds = observe(&ports, &BTreeMap::new()).await.map_err(hidden("the fleet"))?;
        let timing = Timing { rules: Rules::with_drain(drain + DRAIN_MARGIN), ..Timing::default() };
        let (limits, banner) = (self.settings.fleet.limits(), self.banner(&holds));
        Ok(OpenFleet { ports, limits, timing, holds, settled: false, banner })
    }

    fn balancer(&self) -> Box<dyn BalancerSetup> {
        Box::new(self.setup())
    }
}
