//! AWS as a cloud to open. In: settings. Out: a session that is the one that is meant, and from it the fleet and the
//! management of its load balancer.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::retry::RetryConfig;
use tokio::time::sleep;

use super::ec2::Ec2;
use super::front::{self, FrontSetup};
use super::launch::Launch;
use super::measurements::Measurements;
use super::session::{OpenError, Session};
use super::settings::BalancerKind;
use crate::clouds::cloud::{BalancerSetup, Cloud, Error, OpenFleet};
use crate::clouds::mode::Mode;
use crate::clouds::settings::Settings;
use crate::fleet::ports::{CloudError, ErrorKind, Ports};
use crate::fleet::{FleetState, Leases, Observed, Pool, Rules, Timing, look};
use crate::metrics::Metrics;

const MINUTE: Duration = Duration::from_secs(60);
/// What a drain may take beyond the balancer's timeout, whose clock is not this machine's.
const DRAIN_MARGIN: Duration = Duration::from_secs(30);
/// The longest that an instance is expected to boot, or to shut down.
const BOOT: Duration = Duration::from_secs(300);
/// The longest pause between two tries of the first reads.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

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
    pub fn ports(&self) -> Ports {
        self.with(self.ec2())
    }

    /// These instances behind the load balancer.
    pub(super) fn with(&self, instances: Ec2) -> Ports {
        Ports { instances: Arc::new(instances), balancer: front::balancer(&self.session, &self.settings) }
    }

    pub(super) fn ec2(&self) -> Ec2 {
        let fleet = self.settings.fleet.name.clone();
        let is_worker = self.settings.balancer.kind == BalancerKind::None;
        let launch = Launch::new(&self.settings.instance, &fleet, is_worker).map_err(Arc::new);
        let client =
            aws_sdk_ec2::config::Builder::from(&self.session.sdk).retry_config(RetryConfig::disabled()).build();
        Ec2 { client: aws_sdk_ec2::Client::from_conf(client), fleet, launch }
    }

    pub fn measurements(&self) -> Measurements {
        let cloudwatch = aws_sdk_cloudwatch::config::Builder::from(&self.session.sdk);
        let cloudwatch = cloudwatch.retry_config(RetryConfig::disabled()).build();
        let sqs = aws_sdk_sqs::config::Builder::from(&self.session.sdk).retry_config(RetryConfig::disabled()).build();
        Measurements {
            cloudwatch: aws_sdk_cloudwatch::Client::from_conf(cloudwatch),
            sqs: aws_sdk_sqs::Client::from_conf(sqs),
            traffic: front::traffic(&self.session, &self.settings),
            queue: self.settings.queue.clone(),
            cpu_step: MINUTE * if self.settings.instance.detailed_monitoring { 1 } else { 5 },
        }
    }

    pub(super) fn front(&self) -> FrontSetup {
        FrontSetup::of(&self.session, &self.settings)
    }

    /// The warm pool. Where a command launches, one that cannot be prepared is an error.
    fn pool(&self, ec2: &Ec2, launches: bool) -> Result<Pool, Error> {
        let warm = self.settings.warm.clone();
        let recipe = match ec2.launch.as_ref().map(Launch::recipe) {
            Ok(Ok(recipe)) => Some(recipe),
            Ok(Err(error)) if launches && warm.size > 0 => return Err(Error::new(OpenError::Launch(Arc::new(error)))),
            Ok(Err(_)) | Err(_) => None,
        };
        Ok(Pool { warm, recipe, keeps: launches })
    }

    /// `missing`: what of the fleet's front is not there.
    fn banner(&self, holds: &Observed, missing: Option<&str>) -> String {
        let Settings { fleet, balancer, .. } = &self.settings;
        let state = FleetState::at_first(holds.clone(), fleet.limits(), &Rules::default());
        let mut banner =
            format!("LIVE in AWS: {}\nFleet {} behind {}: {state}", self.session, fleet.name, balancer.front());
        if !holds.strangers.is_empty() {
            let n = holds.strangers.len();
            banner += &format!("; {n} on the balancer that are not the fleet's, left alone");
        }
        if let Some(missing) = missing {
            let drains = if holds.lacks_balancer { "nothing drains, and " } else { "" };
            let region = &self.session.region;
            banner += &format!("\nThere is no {missing} in {region}: {drains}nothing can be launched.");
        }
        banner
    }
}

/// How long the first reads are tried again where that may help: with 1, 2, 4 and 8 s between them.
struct Patience {
    pause: Duration,
}

impl Patience {
    fn new() -> Patience {
        Patience { pause: Duration::from_secs(1) }
    }

    /// The answer to a read of `what`, asked again where that may help.
    async fn read<T, Answer: Future<Output = Result<T, CloudError>>>(
        &mut self,
        what: &'static str,
        ask: impl Fn() -> Answer,
    ) -> Result<T, Error> {
        loop {
            let error = match ask().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let may_help = matches!(error.kind, ErrorKind::Throttled | ErrorKind::Unavailable);
            if !may_help || self.pause > LONGEST_PAUSE {
                return Err(Error::new(OpenError::Hidden { what, error }));
            }
            sleep(self.pause).await;
            self.pause *= 2;
        }
    }
}

#[async_trait]
impl Cloud for Aws {
    fn mode(&self) -> Mode {
        Mode::Live { account: self.session.account.clone(), region: self.session.region.clone() }
    }

    fn is_rehearsal(&self) -> bool {
        self.session.is_rehearsal
    }

    async fn fleet(&self, launches: bool) -> Result<OpenFleet, Error> {
        let ec2 = self.ec2();
        if launches && let Err(error) = &ec2.launch {
            return Err(Error::new(OpenError::Launch(error.clone())));
        }
        let pool = self.pool(&ec2, launches)?;
        let ports = self.with(ec2);
        let front = self.front();
        let mut patience = Patience::new();
        let draining = patience.read("the load balancer", || front.draining()).await?;
        let missing = draining.iter().find(|(_, draining)| draining.is_none()).map(|(front, _)| front.clone());
        if launches && let Some(front) = missing.clone() {
            return Err(Error::new(OpenError::NoBalancer { front, region: self.session.region.clone() }));
        }
        let holds = patience.read("the fleet", || look(&ports)).await?;
        // What is not there drains nothing; the others drain on.
        let longest = draining.iter().filter_map(|(_, draining)| *draining).max().unwrap_or_default();
        let rules = Rules::new(longest + DRAIN_MARGIN, BOOT + self.settings.balancer.checks());
        let timing = Timing { rules, ..Timing::default() };
        let (limits, banner) = (self.settings.fleet.limits(), self.banner(&holds, missing.as_deref()));
        let leases = Leases { settings: self.settings.lease.clone(), ..Leases::default() };
        Ok(OpenFleet { ports, limits, pool, leases, timing, holds, banner })
    }

    fn metrics(&self) -> Option<Arc<dyn Metrics>> {
        Some(Arc::new(self.measurements()))
    }

    fn balancer(&self) -> Box<dyn BalancerSetup> {
        self.front().setup()
    }
}
