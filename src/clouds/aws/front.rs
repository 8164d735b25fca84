//! What stands in front of the fleet: the one place that chooses by `balancer.kind`. In: settings and a session. Out: the
//! fleet's [`Balancer`], its longest drain, and its management.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::retry::RetryConfig;

use super::classic::Classic;
use super::classic_setup::ClassicSetup;
use super::session::Session;
use super::settings::BalancerKind;
use super::target_group::TargetGroup;
use super::target_setup::TargetSetup;
use crate::clouds::cloud::{BalancerSetup, Error, SetupOutcome};
use crate::clouds::none::NoBalancer;
use crate::clouds::settings::Settings;
use crate::clouds::several::Several;
use crate::command::InstanceId;
use crate::fleet::ports::{Balancer, CloudError};

/// The balancer of these settings.
pub enum Front {
    Classic(ClassicSetup),
    TargetGroups(TargetSetup),
    Nothing,
}

impl Front {
    pub fn of(session: &Session, settings: &Settings) -> Front {
        match settings.balancer.kind {
            BalancerKind::Classic => Front::Classic(ClassicSetup::new(session, settings)),
            BalancerKind::TargetGroups => Front::TargetGroups(TargetSetup::new(session, settings)),
            BalancerKind::None => Front::Nothing,
        }
    }

    /// How long an instance may drain. None: the balancer is not there.
    pub async fn draining(&self) -> Result<Option<Duration>, CloudError> {
        match self {
            Front::Classic(setup) => setup.draining().await,
            Front::TargetGroups(setup) => setup.draining().await,
            Front::Nothing => Ok(Some(Duration::ZERO)),
        }
    }

    pub fn setup(self) -> Box<dyn BalancerSetup> {
        match self {
            Front::Classic(setup) => Box::new(setup),
            Front::TargetGroups(setup) => Box::new(setup),
            Front::Nothing => Box::new(NothingToSetUp),
        }
    }
}

/// The fleet's balancer. The SDK tries nothing again: the reconciler does, and knows what may be done twice.
pub fn balancer(session: &Session, settings: &Settings) -> Arc<dyn Balancer> {
    let name = settings.balancer.name.clone();
    match settings.balancer.kind {
        BalancerKind::Classic => {
            let client = aws_sdk_elasticloadbalancing::config::Builder::from(&session.sdk);
            let client = client.retry_config(RetryConfig::disabled()).build();
            Arc::new(Classic { client: aws_sdk_elasticloadbalancing::Client::from_conf(client), name })
        }
        BalancerKind::TargetGroups => {
            let client = aws_sdk_elasticloadbalancingv2::config::Builder::from(&session.sdk);
            let client = client.retry_config(RetryConfig::disabled()).build();
            let client = aws_sdk_elasticloadbalancingv2::Client::from_conf(client);
            let group = |name| -> Arc<dyn Balancer> { Arc::new(TargetGroup::new(client.clone(), name)) };
            Arc::new(Several(settings.balancer.groups().into_iter().map(group).collect()))
        }
        BalancerKind::None => Arc::new(NoBalancer),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("balancer.kind is \"none\" in config.toml: there is no load balancer to make, show or delete")]
struct NothingToManage;

/// The management of no balancer.
struct NothingToSetUp;

#[async_trait]
impl BalancerSetup for NothingToSetUp {
    fn banner(&self) -> String {
        "Without a load balancer.".to_owned()
    }

    async fn create(&self) -> Result<SetupOutcome, Error> {
        Err(Error::new(NothingToManage))
    }

    async fn show(&self) -> Result<SetupOutcome, Error> {
        Err(Error::new(NothingToManage))
    }

    async fn registered(&self) -> Result<Vec<InstanceId>, Error> {
        Err(Error::new(NothingToManage))
    }

    async fn delete(&self, _force: bool) -> Result<SetupOutcome, Error> {
        Err(Error::new(NothingToManage))
    }
}
