//! What stands in front of the fleet: the one place that chooses by `balancer.kind`. In: settings and a session. Out:
//! the fleet's [`Balancer`], its longest drain, its management, and where its requests are counted.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;

use super::classic::Classic;
use super::classic_setup::ClassicSetup;
use super::session::Session;
use super::settings::BalancerKind;
use super::target_group::TargetGroup;
use super::target_setup::TargetSetup;
use super::traffic::Traffic;
use crate::clouds::cloud::BalancerSetup;
use crate::clouds::none::{NoBalancer, NoSetup};
use crate::clouds::settings::Settings;
use crate::clouds::several::Several;
use crate::fleet::ports::{Balancer, CloudError};

/// The balancer of these settings, as it is made, shown and deleted.
pub enum FrontSetup {
    Classic(ClassicSetup),
    TargetGroups(TargetSetup),
    /// How long what retires may finish its work.
    Nothing(Duration),
}

impl FrontSetup {
    pub fn of(session: &Session, settings: &Settings) -> FrontSetup {
        match settings.balancer.kind {
            BalancerKind::Classic => FrontSetup::Classic(ClassicSetup::new(session, settings)),
            BalancerKind::TargetGroups => FrontSetup::TargetGroups(TargetSetup::new(session, settings)),
            BalancerKind::None => FrontSetup::Nothing(draining(settings)),
        }
    }

    /// How long an instance may drain with each balancer or target group, by its name in words. None: it is not there.
    pub async fn draining(&self) -> Result<Vec<(String, Option<Duration>)>, CloudError> {
        match self {
            FrontSetup::Classic(setup) => Ok(vec![(setup.in_words(), setup.draining().await?)]),
            FrontSetup::TargetGroups(setup) => setup.draining().await,
            FrontSetup::Nothing(draining) => Ok(vec![("no load balancer".to_owned(), Some(*draining))]),
        }
    }

    pub fn setup(self) -> Box<dyn BalancerSetup> {
        match self {
            FrontSetup::Classic(setup) => Box::new(setup),
            FrontSetup::TargetGroups(setup) => Box::new(setup),
            FrontSetup::Nothing(_) => Box::new(NoSetup),
        }
    }
}

/// The setting, which is checked to be no less than 0.
fn draining(settings: &Settings) -> Duration {
    Duration::from_secs(settings.balancer.draining.unsigned_abs().into())
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
            let group = |group| -> Arc<dyn Balancer> { Arc::new(group) };
            Arc::new(Several(groups(session, settings).map(group).collect()))
        }
        BalancerKind::None => Arc::new(NoBalancer::new(draining(settings))),
    }
}

/// Where the requests to the fleet are counted.
pub fn traffic(session: &Session, settings: &Settings) -> Traffic {
    match settings.balancer.kind {
        BalancerKind::Classic => Traffic::Classic(settings.balancer.name.clone()),
        BalancerKind::TargetGroups => Traffic::of_groups(groups(session, settings).collect()),
        BalancerKind::None => Traffic::Nothing,
    }
}

fn groups(session: &Session, settings: &Settings) -> impl Iterator<Item = TargetGroup> + use<> {
    let client = aws_sdk_elasticloadbalancingv2::config::Builder::from(&session.sdk);
    let client = client.retry_config(RetryConfig::disabled()).build();
    let client = aws_sdk_elasticloadbalancingv2::Client::from_conf(client);
    settings.balancer.groups().into_iter().map(move |name| TargetGroup::new(client.clone(), name))
}
