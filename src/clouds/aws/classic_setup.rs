//! The management of the classic load balancer. In: `[balancer]`. Out: the balancer made as it says, described, or
//! deleted. Each may be done twice: making it again changes nothing that is right already, deleting one that is gone is
//! no error.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_elasticloadbalancing::Client;
use aws_sdk_elasticloadbalancing::types::{
    ConnectionDraining, HealthCheck, Listener, LoadBalancerAttributes, LoadBalancerDescription, Tag,
};
use serde::Serialize;

use super::errors::sorted;
use super::session::Session;
use super::settings;
use super::subnets::{SubnetError, Subnets};
use crate::clouds::cloud::{BalancerSetup, Description, Error, SetupOutcome};
use crate::clouds::settings::Settings;
use crate::command::InstanceId;
use crate::fleet::ports::{CloudError, ErrorKind, FLEET_TAG};

/// The balancer that config.toml names, there or not.
pub struct ClassicSetup {
    elb: Client,
    settings: settings::BalancerSettings,
    subnets: Subnets,
    fleet: String,
    /// The session in words.
    session: String,
}

/// Why nothing was done, or not all.
#[derive(Debug, thiserror::Error)]
pub enum BalancerError {
    #[error("cannot {doing} the load balancer {name}, {error}")]
    Cloud { doing: &'static str, name: String, error: CloudError },
    #[error(
        "the load balancer {name} is there already and its {differs} differ from config.toml's: change config.toml, or \
         delete the balancer and create it again"
    )]
    Differs { name: String, differs: String },
    #[error(
        "the load balancer {name} still has {instances} registered, which nobody would send requests to: retire them \
         first, or delete it with --force", instances = .instances.join(", ")
    )]
    InUse { name: String, instances: Vec<String> },
    #[error(transparent)]
    Subnets(#[from] SubnetError),
}

/// A balancer as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClassicBalancer {
    pub name: String,
    /// The DNS name that the world sends its requests to.
    pub address: String,
    pub listeners: Vec<String>,
    /// The listeners that show one, each with its ARN.
    pub certificates: Vec<String>,
    /// The VPC's id.
    pub network: Option<String>,
    pub zones: Vec<String>,
    pub subnets: Vec<String>,
    pub security_groups: Vec<String>,
    pub health_check: String,
    /// Seconds; none: cut off at once.
    pub draining: Option<u64>,
    pub instances: Vec<String>,
}

impl fmt::Display for ClassicBalancer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "name             {}", self.name)?;
        writeln!(f, "address          {}", self.address)?;
        let network = Vec::from_iter(self.network.clone());
        for (name, values) in [
            ("listeners", &self.listeners),
            ("certificates", &self.certificates),
            ("network", &network),
            ("zones", &self.zones),
            ("subnets", &self.subnets),
            ("security groups", &self.security_groups),
        ] {
            writeln!(f, "{name:<16} {}", values.join(", "))?;
        }
        writeln!(f, "health check     {}", self.health_check)?;
        match self.draining {
            Some(seconds) => writeln!(f, "draining         {seconds} s")?,
            None => writeln!(f, "draining         off")?,
        }
        write!(f, "registered       {}", self.instances.len())
    }
}

impl ClassicSetup {
    pub(super) fn new(session: &Session, settings: &Settings) -> Self {
        ClassicSetup {
            elb: Client::new(&session.sdk),
            settings: settings.balancer.clone(),
            subnets: Subnets::new(session, settings),
            fleet: settings.fleet.name.clone(),
            session: session.to_string(),
        }
    }

    /// The balancer as it is. None: it is not there.
    pub async fn find(&self) -> Result<Option<ClassicBalancer>, BalancerError> {
        let Some(found) = self.describe().await.map_err(self.failed("describe"))? else { return Ok(None) };
        let draining = self.draining().await.map_err(self.failed("describe"))?;
        Ok(Some(shown(&found, draining.filter(|drain| !drain.is_zero()))))
    }

    pub fn in_words(&self) -> String {
        self.settings.front()
    }

    /// How long the balancer lets an instance finish its requests, zero where draining is off. None: it is not there.
    pub async fn draining(&self) -> Result<Option<Duration>, CloudError> {
        let call = self.elb.describe_load_balancer_attributes().load_balancer_name(&self.settings.name);
        // A server may fail over a name that it does not know; asked for the balancer itself, it says so.
        let answer = match call.send().await.map_err(sorted) {
            Ok(answer) => answer,
            Err(error) if error.kind == ErrorKind::NoBalancer => return Ok(None),
            Err(error) => return if self.describe().await?.is_none() { Ok(None) } else { Err(error) },
        };
        let draining = answer.load_balancer_attributes.and_then(|attributes| attributes.connection_draining);
        let on = draining.filter(ConnectionDraining::enabled);
        let seconds = on.map_or(0, |draining| draining.timeout().unwrap_or(300));
        Ok(Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0))))
    }

    /// Makes the balancer, or corrects its health check and draining where it is there already. Returns it, and whether
    /// it is new.
    async fn ensure(&self) -> Result<(ClassicBalancer, bool), BalancerError> {
        let before = self.find().await?;
        match &before {
            Some(there) => self.same(there)?,
            None => self.make().await?,
        }
        self.set_health_check(before.as_ref()).await?;
        self.set_draining(before.as_ref()).await?;
        match self.find().await? {
            Some(after) => Ok((after, before.is_none())),
            None => Err(self.failed("create")(CloudError::no_answer("it is not there after all"))),
        }
    }

    /// Deletes the balancer. False: it was not there.
    async fn remove(&self, force: bool) -> Result<bool, BalancerError> {
        let Some(there) = self.find().await? else { return Ok(false) };
        if !there.instances.is_empty() && !force {
            return Err(BalancerError::InUse { name: there.name, instances: there.instances });
        }
        let call = self.elb.delete_load_balancer().load_balancer_name(&self.settings.name);
        call.send().await.map_err(|error| self.failed("delete")(sorted(error)))?;
        Ok(true)
    }

    async fn describe(&self) -> Result<Option<LoadBalancerDescription>, CloudError> {
        let call = self.elb.describe_load_balancers().load_balancer_names(&self.settings.name);
        match call.send().await.map_err(sorted) {
            Ok(answer) => Ok(answer.load_balancer_descriptions.unwrap_or_default().into_iter().next()),
            Err(error) if error.kind == ErrorKind::NoBalancer => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What can't be changed without an interruption must be as config.toml says.
    fn same(&self, there: &ClassicBalancer) -> Result<(), BalancerError> {
        let settings = &self.settings;
        let sorted = |values: &[String]| values.iter().cloned().collect::<BTreeSet<_>>();
        let listeners: Vec<String> = settings.listeners.iter().map(ToString::to_string).collect();
        let same_listeners = sorted(&listeners) == sorted(&there.listeners);
        let asked = |wanted: &[String], found: &[String]| wanted.is_empty() || sorted(wanted) == sorted(found);
        let certificates = settings.listeners.iter().filter_map(|listener| {
            let arn = listener.certificate.as_ref()?;
            Some(format!("{}:{} {arn}", listener.outside.0, listener.outside.1))
        });
        let same = [
            ("listeners", same_listeners),
            ("certificates", certificates.collect::<BTreeSet<_>>() == sorted(&there.certificates)),
            ("subnets", asked(&settings.subnets, &there.subnets)),
            ("zones", asked(&settings.zones, &there.zones)),
            ("security groups", asked(&settings.security_group_ids, &there.security_groups)),
        ];
        let differs: Vec<&str> = same.iter().filter(|(_, same)| !same).map(|(what, _)| *what).collect();
        match differs.is_empty() {
            true => Ok(()),
            false => Err(BalancerError::Differs { name: there.name.clone(), differs: differs.join(" and ") }),
        }
    }

    async fn make(&self) -> Result<(), BalancerError> {
        let settings = &self.settings;
        let listeners = settings.listeners.iter().map(|listener| {
            Listener::builder()
                .protocol(&listener.outside.0)
                .load_balancer_port(i32::from(listener.outside.1))
                .instance_protocol(&listener.inside.0)
                .instance_port(i32::from(listener.inside.1))
                .set_ssl_certificate_id(listener.certificate.clone())
                .build()
        });
        let mut call = self.elb.create_load_balancer().load_balancer_name(&settings.name);
        for listener in listeners {
            call = call.listeners(listener.map_err(|error| {
                self.failed("create")(CloudError::new(ErrorKind::Refused, "InvalidListener", error.to_string()))
            })?);
        }
        if settings.zones.is_empty() {
            call = call.set_subnets(Some(self.subnets.find().await?));
        } else {
            call = call.set_availability_zones(Some(settings.zones.clone()));
        }
        let groups = Some(settings.security_group_ids.clone()).filter(|ids| !ids.is_empty());
        let tag = Tag::builder().key(FLEET_TAG).value(&self.fleet).build();
        let tag = tag.map_err(|error| {
            self.failed("create")(CloudError::new(ErrorKind::Refused, "InvalidTag", error.to_string()))
        })?;
        call.set_security_groups(groups)
            .tags(tag)
            .send()
            .await
            .map_err(|error| self.failed("create")(sorted(error)))?;
        Ok(())
    }

    async fn set_health_check(&self, before: Option<&ClassicBalancer>) -> Result<(), BalancerError> {
        let settings = &self.settings;
        let check = HealthCheck::builder()
            .target(&settings.health_check)
            .interval(settings.health_interval)
            .timeout(settings.health_timeout)
            .healthy_threshold(settings.healthy_after)
            .unhealthy_threshold(settings.unhealthy_after)
            .build();
        let failed = |error: CloudError| self.failed("set the health check of")(error);
        let check = check
            .map_err(|error| failed(CloudError::new(ErrorKind::Refused, "InvalidHealthCheck", error.to_string())))?;
        if before.is_some_and(|before| before.health_check == health_check(&check)) {
            return Ok(());
        }
        let call = self.elb.configure_health_check().load_balancer_name(&settings.name).health_check(check);
        call.send().await.map_err(|error| failed(sorted(error)))?;
        Ok(())
    }

    async fn set_draining(&self, before: Option<&ClassicBalancer>) -> Result<(), BalancerError> {
        let wanted = u64::try_from(self.settings.draining).ok().filter(|&seconds| seconds > 0);
        if before.is_some_and(|before| before.draining == wanted) {
            return Ok(());
        }
        let draining = ConnectionDraining::builder().enabled(wanted.is_some());
        let draining = draining.set_timeout(wanted.map(|_| self.settings.draining)).build();
        let attributes = LoadBalancerAttributes::builder().connection_draining(draining).build();
        let call = self.elb.modify_load_balancer_attributes().load_balancer_name(&self.settings.name);
        let answer = call.load_balancer_attributes(attributes).send().await;
        answer.map_err(|error| self.failed("set the draining of")(sorted(error)))?;
        Ok(())
    }

    fn failed(&self, doing: &'static str) -> impl Fn(CloudError) -> BalancerError + use<> {
        let name = self.settings.name.clone();
        move |error| BalancerError::Cloud { doing, name: name.clone(), error }
    }
}

#[async_trait]
impl BalancerSetup for ClassicSetup {
    fn banner(&self) -> String {
        format!("LIVE in AWS: {}\nLoad balancer {} of fleet {}", self.session, self.settings.name, self.fleet)
    }

    async fn create(&self) -> Result<SetupOutcome, Error> {
        let (shown, new) = self.ensure().await.map_err(Error::new)?;
        let found = description(&shown);
        Ok(if new { SetupOutcome::Created(found) } else { SetupOutcome::Kept(found) })
    }

    async fn show(&self) -> Result<SetupOutcome, Error> {
        let found = self.find().await.map_err(Error::new)?;
        Ok(found.map_or(SetupOutcome::NotThere, |shown| SetupOutcome::Shown(description(&shown))))
    }

    async fn registered(&self) -> Result<Vec<InstanceId>, Error> {
        let found = self.find().await.map_err(Error::new)?;
        Ok(found.into_iter().flat_map(|found| found.instances).map(InstanceId).collect())
    }

    async fn delete(&self, force: bool) -> Result<SetupOutcome, Error> {
        let was_there = self.remove(force).await.map_err(Error::new)?;
        Ok(if was_there { SetupOutcome::Deleted } else { SetupOutcome::NotThere })
    }
}

fn description(shown: &ClassicBalancer) -> Description {
    let json = serde_json::to_string(shown).expect("strings, numbers and lists alone always make JSON");
    Description { table: shown.to_string(), json }
}

fn shown(found: &LoadBalancerDescription, draining: Option<Duration>) -> ClassicBalancer {
    let listeners = found.listener_descriptions().iter().filter_map(|described| described.listener());
    let listener = |listener: &Listener| {
        // Where AWS leaves the inner protocol out, it is the outer one.
        let inner = listener.instance_protocol().unwrap_or(listener.protocol());
        let (outside, inside) = (listener.load_balancer_port(), listener.instance_port());
        format!("{}:{outside} -> {inner}:{inside}", listener.protocol())
    };
    let certificates = found.listener_descriptions().iter().filter_map(|described| described.listener());
    let certificates = certificates.filter_map(|listener| {
        let arn = listener.ssl_certificate_id.as_ref()?;
        Some(format!("{}:{} {arn}", listener.protocol(), listener.load_balancer_port()))
    });
    let instances = found.instances().iter().filter_map(|instance| instance.instance_id.clone());
    ClassicBalancer {
        name: found.load_balancer_name().unwrap_or_default().to_owned(),
        address: found.dns_name().unwrap_or_default().to_owned(),
        listeners: listeners.map(listener).collect(),
        certificates: certificates.collect(),
        network: found.vpc_id.clone().filter(|id| !id.is_empty()),
        zones: found.availability_zones().to_vec(),
        subnets: found.subnets().to_vec(),
        security_groups: found.security_groups().to_vec(),
        health_check: found.health_check().map(health_check).unwrap_or_default(),
        draining: draining.map(|drain| drain.as_secs()),
        instances: instances.collect(),
    }
}

fn health_check(check: &HealthCheck) -> String {
    let (target, interval, timeout) = (check.target(), check.interval(), check.timeout());
    let (healthy, unhealthy) = (check.healthy_threshold(), check.unhealthy_threshold());
    format!("{target} every {interval} s, {timeout} s each, healthy after {healthy}, unhealthy after {unhealthy}")
}
