//! The management of target groups and of the load balancer before them. In: `[balancer]`. Out: load balancer, target
//! group and listeners made as it says, described, or deleted. Each may be done twice: what was made by half is
//! finished, what is right already is not changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, Certificate, Listener, LoadBalancer, LoadBalancerTypeEnum, ProtocolEnum, Tag, TargetGroup,
    TargetGroupAttribute, TargetTypeEnum,
};
use serde::Serialize;
use tokio::time::sleep;

use super::errors::sorted;
use super::session::Session;
use super::settings::{self, BalancerSettings, BalancerType};
use super::target_group;
use crate::clouds::cloud::{BalancerSetup, Description, Error, MadeElsewhere, SetupOutcome};
use crate::clouds::settings::Settings;
use crate::command::{InstanceId, list};
use crate::fleet::ports::{Balancer, CloudError, ErrorKind, FLEET_TAG};

const DRAINING: &str = "deregistration_delay.timeout_seconds";
const SLOW_START: &str = "slow_start.duration_seconds";
/// How often a target group is tried to delete whose load balancer is just gone, and the pause between two tries.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_secs(2);

/// What config.toml names, there or not.
pub struct TargetSetup {
    client: Client,
    settings: BalancerSettings,
    /// The load balancer's subnets where `balancer.subnets` names none.
    subnets: super::subnets::Subnets,
    fleet: String,
    /// The session in words.
    session: String,
}

/// Why nothing was done, or not all.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    #[error("cannot {doing} {what}, {error}")]
    Cloud { doing: &'static str, what: String, error: CloudError },
    #[error(
        "{what} is there already and its {differs} differ from config.toml's: change config.toml, or delete it and create \
         it again"
    )]
    Differs { what: String, differs: String },
    #[error(
        "target group {name} still has {instances} registered, which nobody would send requests to: retire them first, \
         or delete it with --force", instances = list(.instances)
    )]
    InUse { name: String, instances: Vec<InstanceId> },
    #[error(transparent)]
    MadeElsewhere(#[from] MadeElsewhere),
    #[error(transparent)]
    Subnets(#[from] super::subnets::SubnetError),
}

/// A target group as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownGroup {
    pub name: String,
    pub arn: String,
    pub forwards_to: String,
    pub health_check: String,
    /// Seconds; 0: cut off at once.
    pub draining: u64,
    /// Seconds; 0: at once.
    pub slow_start: u64,
    /// Whether a load balancer uses it.
    pub is_used: bool,
    pub network: String,
    /// Each target and its health.
    pub targets: BTreeMap<String, String>,
}

/// A load balancer as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownBalancer {
    pub name: String,
    pub kind: String,
    /// The DNS name that the world sends its requests to.
    pub address: String,
    /// Each with its certificate's ARN, where it has one.
    pub listeners: Vec<String>,
    pub zones: Vec<String>,
    pub subnets: Vec<String>,
    pub security_groups: Vec<String>,
}

/// What is shown: the load balancer that config.toml's type makes, and the groups.
#[derive(Serialize)]
struct Shown {
    #[serde(skip_serializing_if = "Option::is_none")]
    balancer: Option<ShownBalancer>,
    target_groups: Vec<ShownGroup>,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows: Vec<(&str, String)> = Vec::new();
        if let Some(balancer) = &self.balancer {
            rows.extend([
                ("name", balancer.name.clone()),
                ("type", balancer.kind.clone()),
                ("address", balancer.address.clone()),
                ("listeners", balancer.listeners.join(", ")),
                ("zones", balancer.zones.join(", ")),
                ("subnets", balancer.subnets.join(", ")),
                ("security groups", balancer.security_groups.join(", ")),
            ]);
        }
        for group in &self.target_groups {
            let targets = group.targets.iter().map(|(id, health)| format!("{id} {health}"));
            let used = if group.is_used { "" } else { ", used by no load balancer" };
            rows.extend([
                ("target group", format!("{}{used}", group.name)),
                ("forwards to", group.forwards_to.clone()),
                ("health check", group.health_check.clone()),
                ("draining", format!("{} s", group.draining)),
                ("slow start", format!("{} s", group.slow_start)),
                ("targets", targets.collect::<Vec<_>>().join(", ")),
            ]);
        }
        let lines: Vec<String> = rows.iter().map(|(name, value)| format!("{name:<16} {value}")).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl TargetSetup {
    pub(super) fn new(session: &Session, settings: &Settings) -> Self {
        TargetSetup {
            client: Client::new(&session.sdk),
            settings: settings.balancer.clone(),
            subnets: super::subnets::Subnets::new(session, settings),
            fleet: settings.fleet.name.clone(),
            session: session.to_string(),
        }
    }

    /// How long each group lets an instance finish its requests. None: the group is not there.
    pub async fn draining(&self) -> Result<Vec<(String, Option<Duration>)>, CloudError> {
        let mut each = Vec::new();
        for name in self.settings.groups() {
            let draining = match self.group(&name).await? {
                Some(group) => Some(Duration::from_secs(self.attributes(&group).await?.0)),
                None => None,
            };
            each.push((format!("target group {name}"), draining));
        }
        Ok(each)
    }

    /// Each group as it is, None where it is not there.
    pub async fn groups(&self) -> Result<Vec<(String, Option<ShownGroup>)>, CloudError> {
        let mut shown = Vec::new();
        for name in self.settings.groups() {
            let group = match self.group(&name).await? {
                Some(group) => Some(self.shown_group(&group).await?),
                None => None,
            };
            shown.push((name, group));
        }
        Ok(shown)
    }

    /// The load balancers that send requests to a group.
    pub async fn balancers_of(&self, group: &str) -> Result<Vec<ShownBalancer>, CloudError> {
        let arns = self.group(group).await?.and_then(|group| group.load_balancer_arns).unwrap_or_default();
        if arns.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.client.describe_load_balancers().set_load_balancer_arns(Some(arns)).send().await;
        let found = found.map_err(sorted)?.load_balancers.unwrap_or_default();
        Ok(found.iter().map(|balancer| shown_balancer(balancer, &[])).collect())
    }

    async fn group(&self, name: &str) -> Result<Option<TargetGroup>, CloudError> {
        found(target_group::TargetGroup::new(self.client.clone(), name.to_owned()).describe().await)
    }

    async fn balancer(&self) -> Result<Option<LoadBalancer>, CloudError> {
        let answer = self.client.describe_load_balancers().names(&self.settings.name).send().await.map_err(sorted);
        let balancers = found(answer)?.and_then(|answer| answer.load_balancers).unwrap_or_default();
        Ok(balancers.into_iter().next())
    }

    async fn listeners(&self, balancer: &LoadBalancer) -> Result<Vec<Listener>, CloudError> {
        let arn = balancer.load_balancer_arn().unwrap_or_default();
        let answer = self.client.describe_listeners().load_balancer_arn(arn).send().await.map_err(sorted)?;
        Ok(answer.listeners.unwrap_or_default())
    }

    /// The seconds of draining and of the slow start.
    async fn attributes(&self, group: &TargetGroup) -> Result<(u64, u64), CloudError> {
        let arn = group.target_group_arn().unwrap_or_default();
        let answer = self.client.describe_target_group_attributes().target_group_arn(arn).send().await;
        let attributes = answer.map_err(sorted)?.attributes.unwrap_or_default();
        let seconds = |key: &str, unset: u64| {
            let found = attributes.iter().find(|attribute| attribute.key() == Some(key));
            found.and_then(|attribute| attribute.value()?.parse().ok()).unwrap_or(unset)
        };
        Ok((seconds(DRAINING, 300), seconds(SLOW_START, 0)))
    }

    async fn shown_group(&self, group: &TargetGroup) -> Result<ShownGroup, CloudError> {
        let (draining, slow_start) = self.attributes(group).await?;
        let arn = group.target_group_arn().unwrap_or_default().to_owned();
        let targets = target_group::TargetGroup::new(self.client.clone(), arn.clone()).health(&[], &[]).await?;
        let targets = targets.of.into_iter().map(|(id, standing)| {
            let why = standing.reason.map_or(String::new(), |why| format!(" ({why})"));
            (id.0, format!("{}{why}", standing.health))
        });
        Ok(ShownGroup {
            name: group.target_group_name().unwrap_or_default().to_owned(),
            arn,
            forwards_to: format!("{}:{}", protocol(group.protocol()), group.port().unwrap_or_default()),
            health_check: health_check(group),
            draining,
            slow_start,
            is_used: !group.load_balancer_arns().is_empty(),
            network: group.vpc_id().unwrap_or_default().to_owned(),
            targets: targets.collect(),
        })
    }

    async fn shown(&self) -> Result<Option<Shown>, TargetError> {
        let failed = |error| TargetError::Cloud { doing: "describe", what: self.settings.front(), error };
        let balancer = match self.settings.made {
            Some(_) => self.balancer().await.map_err(failed)?,
            None => None,
        };
        let balancer = match balancer {
            Some(balancer) => Some(shown_balancer(&balancer, &self.listeners(&balancer).await.map_err(failed)?)),
            None => None,
        };
        let groups = self.groups().await.map_err(failed)?;
        let target_groups: Vec<ShownGroup> = groups.into_iter().filter_map(|(_, group)| group).collect();
        let nothing = balancer.is_none() && target_groups.is_empty();
        Ok((!nothing).then_some(Shown { balancer, target_groups }))
    }

    // --- Making.

    /// Makes what is missing, corrects the health check, the draining and the slow start. Returns whether anything is
    /// new.
    async fn ensure(&self) -> Result<bool, TargetError> {
        let made = self.settings.made.ok_or(MadeElsewhere)?;
        let name = self.settings.name.clone();
        let failed = |doing| cloud(doing, format!("the load balancer {name}"));
        let mut is_new = false;
        let balancer = match self.balancer().await.map_err(failed("describe"))? {
            Some(balancer) => {
                self.same_balancer(&balancer, made)?;
                balancer
            }
            None => {
                is_new = true;
                self.make_balancer(made).await?
            }
        };
        let group = match self.group(&self.group_name()).await.map_err(failed("describe"))? {
            Some(group) => {
                self.same_group(&group, &balancer)?;
                self.set_health_check(&group).await?;
                group
            }
            None => {
                is_new = true;
                self.make_group(&balancer).await?
            }
        };
        self.set_attributes(&group, made).await?;
        let there = self.listeners(&balancer).await.map_err(failed("describe the listeners of"))?;
        let missing = self.missing(&there, &group)?;
        is_new |= !missing.is_empty();
        for listener in missing {
            self.make_listener(listener, &balancer, &group).await?;
        }
        Ok(is_new)
    }

    fn group_name(&self) -> String {
        self.settings.groups().swap_remove(0)
    }

    fn tag(&self) -> Tag {
        Tag::builder().key(FLEET_TAG).value(&self.fleet).build()
    }

    async fn make_balancer(&self, made: BalancerType) -> Result<LoadBalancer, TargetError> {
        let settings = &self.settings;
        let failed = || cloud("create", format!("the load balancer {}", settings.name));
        let groups = Some(settings.security_group_ids.clone()).filter(|ids| !ids.is_empty());
        let call = self
            .client
            .create_load_balancer()
            .name(&settings.name)
            .r#type(kind(made))
            .set_subnets(Some(self.subnets.find().await?))
            .set_security_groups(groups)
            .tags(self.tag());
        let answer = call.send().await.map_err(sorted).map_err(failed())?;
        let balancer = answer.load_balancers.unwrap_or_default().into_iter().next();
        balancer.ok_or_else(|| failed()(CloudError::no_answer("it is not there after all")))
    }

    /// What can't be changed without an interruption must be as config.toml says.
    fn same_balancer(&self, there: &LoadBalancer, made: BalancerType) -> Result<(), TargetError> {
        let shown = shown_balancer(there, &[]);
        let same = |wanted: &[String], found: &[String]| {
            wanted.is_empty() || BTreeSet::from_iter(wanted) == BTreeSet::from_iter(found)
        };
        differs(
            &format!("the load balancer {}", shown.name),
            &[
                ("type", there.r#type() == Some(&kind(made))),
                ("subnets", same(&self.settings.subnets, &shown.subnets)),
                ("security groups", same(&self.settings.security_group_ids, &shown.security_groups)),
            ],
        )
    }

    async fn make_group(&self, balancer: &LoadBalancer) -> Result<TargetGroup, TargetError> {
        let name = self.group_name();
        let failed = || cloud("create", format!("the target group {name}"));
        let Some((inside, port)) = self.settings.listeners.first().map(|listener| listener.inside.clone()) else {
            return Err(failed()(CloudError::new(ErrorKind::Refused, "NoListener", "balancer.listeners is empty")));
        };
        let check = Check::of(&self.settings);
        let call = self
            .client
            .create_target_group()
            .name(&name)
            .protocol(ProtocolEnum::from(inside.as_str()))
            .port(i32::from(port))
            .set_vpc_id(balancer.vpc_id.clone())
            .target_type(TargetTypeEnum::Instance)
            .health_check_protocol(check.protocol)
            .health_check_port(check.port)
            .set_health_check_path(check.path)
            .health_check_interval_seconds(self.settings.health_interval)
            .health_check_timeout_seconds(self.settings.health_timeout)
            .healthy_threshold_count(self.settings.healthy_after)
            .unhealthy_threshold_count(self.settings.unhealthy_after)
            .tags(self.tag());
        let answer = call.send().await.map_err(sorted).map_err(failed())?;
        let group = answer.target_groups.unwrap_or_default().into_iter().next();
        group.ok_or_else(|| failed()(CloudError::no_answer("it is not there after all")))
    }

    fn same_group(&self, there: &TargetGroup, balancer: &LoadBalancer) -> Result<(), TargetError> {
        let wanted = self.settings.listeners.first().map(|listener| &listener.inside);
        let found = (protocol(there.protocol()), there.port().unwrap_or_default());
        differs(
            &format!("the target group {}", self.group_name()),
            &[
                ("protocol or port", wanted.is_none_or(|(name, port)| (name.as_str(), i32::from(*port)) == found)),
                ("network", there.vpc_id == balancer.vpc_id),
                ("targets", there.target_type() == Some(&TargetTypeEnum::Instance)),
            ],
        )
    }

    async fn set_health_check(&self, group: &TargetGroup) -> Result<(), TargetError> {
        let check = Check::of(&self.settings);
        if health_check(group) == check.shown(&self.settings) {
            return Ok(());
        }
        let call = self
            .client
            .modify_target_group()
            .set_target_group_arn(group.target_group_arn.clone())
            .health_check_protocol(check.protocol)
            .health_check_port(check.port)
            .set_health_check_path(check.path)
            .health_check_interval_seconds(self.settings.health_interval)
            .health_check_timeout_seconds(self.settings.health_timeout)
            .healthy_threshold_count(self.settings.healthy_after)
            .unhealthy_threshold_count(self.settings.unhealthy_after);
        let failed = cloud("set the health check of", format!("the target group {}", self.group_name()));
        call.send().await.map_err(sorted).map_err(failed)?;
        Ok(())
    }

    async fn set_attributes(&self, group: &TargetGroup, made: BalancerType) -> Result<(), TargetError> {
        let failed = || cloud("set the draining of", format!("the target group {}", self.group_name()));
        let seconds = |setting: i32| u64::try_from(setting).unwrap_or(0);
        let (draining, slow_start) = self.attributes(group).await.map_err(failed())?;
        let (wanted, slow) = (seconds(self.settings.draining), seconds(self.settings.slow_start));
        let attribute =
            |key: &str, value: u64| TargetGroupAttribute::builder().key(key).value(value.to_string()).build();
        let mut changes = Vec::new();
        if draining != wanted {
            changes.push(attribute(DRAINING, wanted));
        }
        if slow_start != slow && made == BalancerType::Application {
            changes.push(attribute(SLOW_START, slow));
        }
        if changes.is_empty() {
            return Ok(());
        }
        let call = self.client.modify_target_group_attributes().set_target_group_arn(group.target_group_arn.clone());
        call.set_attributes(Some(changes)).send().await.map_err(sorted).map_err(failed())?;
        Ok(())
    }

    /// The listeners that are not there yet. One that is there must be as config.toml says.
    fn missing(&self, there: &[Listener], group: &TargetGroup) -> Result<Vec<&settings::Listener>, TargetError> {
        let what = format!("the load balancer {}", self.settings.name);
        let wanted: BTreeMap<i32, &settings::Listener> =
            self.settings.listeners.iter().map(|listener| (i32::from(listener.outside.1), listener)).collect();
        for found in there {
            let wanted = found.port().and_then(|port| wanted.get(&port));
            let same_protocol = wanted.is_some_and(|wanted| outside(wanted) == protocol(found.protocol()));
            let arn = found.certificates().first().and_then(|certificate| certificate.certificate_arn.clone());
            let forwards = found.default_actions().iter().any(|action| forwards_to(action, group));
            differs(
                &what,
                &[
                    ("listeners", same_protocol && forwards),
                    ("certificates", wanted.is_none_or(|wanted| wanted.certificate == arn)),
                ],
            )?;
        }
        let is_there = |port: &i32| there.iter().any(|found| found.port() == Some(*port));
        Ok(wanted.into_iter().filter(|(port, _)| !is_there(port)).map(|(_, listener)| listener).collect())
    }

    async fn make_listener(
        &self,
        listener: &settings::Listener,
        balancer: &LoadBalancer,
        group: &TargetGroup,
    ) -> Result<(), TargetError> {
        let failed = || cloud("create", format!("the listener {listener} of {}", self.settings.name));
        let forward =
            Action::builder().r#type(ActionTypeEnum::Forward).set_target_group_arn(group.target_group_arn.clone());
        let shown = listener.certificate.as_ref();
        let shown = shown.map(|arn| vec![Certificate::builder().certificate_arn(arn).build()]);
        let call = self
            .client
            .create_listener()
            .set_load_balancer_arn(balancer.load_balancer_arn.clone())
            .protocol(ProtocolEnum::from(outside(listener)))
            .port(i32::from(listener.outside.1))
            .set_certificates(shown)
            .default_actions(forward.build());
        call.send().await.map_err(sorted).map_err(failed())?;
        Ok(())
    }

    // --- Deleting.

    /// Deletes the load balancer, its listeners with it, then the target group. False: neither was there.
    async fn remove(&self, force: bool) -> Result<bool, TargetError> {
        self.settings.made.ok_or(MadeElsewhere)?;
        let failed = |doing| cloud(doing, self.settings.front());
        let instances = self.in_use().await.map_err(failed("describe"))?;
        if !instances.is_empty() && !force {
            return Err(TargetError::InUse { name: self.group_name(), instances });
        }
        let balancer = self.balancer().await.map_err(failed("describe"))?;
        let group = self.group(&self.group_name()).await.map_err(failed("describe"))?;
        if let Some(balancer) = &balancer {
            let call = self.client.delete_load_balancer().set_load_balancer_arn(balancer.load_balancer_arn.clone());
            call.send().await.map_err(sorted).map_err(failed("delete"))?;
        }
        if let Some(group) = &group {
            self.remove_group(group).await.map_err(failed("delete"))?;
        }
        Ok(balancer.is_some() || group.is_some())
    }

    /// A group counts as in use for a while after its load balancer was deleted.
    async fn remove_group(&self, group: &TargetGroup) -> Result<(), CloudError> {
        let mut tries = TRIES;
        loop {
            let call = self.client.delete_target_group().set_target_group_arn(group.target_group_arn.clone());
            match call.send().await.map_err(sorted) {
                Err(error) if error.code == "ResourceInUse" && tries > 0 => tries -= 1,
                answer => return answer.map(|_| ()),
            }
            sleep(PAUSE).await;
        }
    }

    async fn in_use(&self) -> Result<Vec<InstanceId>, CloudError> {
        let mut registered = BTreeSet::new();
        for name in self.settings.groups() {
            let group = target_group::TargetGroup::new(self.client.clone(), name);
            let standings = found(group.health(&[], &[]).await)?.unwrap_or_default();
            registered.extend(standings.registered().cloned());
        }
        Ok(registered.into_iter().collect())
    }
}

#[async_trait]
impl BalancerSetup for TargetSetup {
    fn banner(&self) -> String {
        let application = self.settings.made == Some(BalancerType::Application);
        let waits = "\nIt drains each instance for its whole delay, even when no request is left.";
        let waits = if application { waits } else { "" };
        let what = match self.settings.made {
            Some(_) => format!("Load balancer {} with {}", self.settings.name, self.settings.front()),
            None => format!("Behind {}", self.settings.front()),
        };
        format!("LIVE in AWS: {}\n{what} of fleet {}{waits}", self.session, self.fleet)
    }

    async fn create(&self) -> Result<SetupOutcome, Error> {
        let is_new = self.ensure().await.map_err(Error::new)?;
        let shown = self.shown().await.map_err(Error::new)?;
        let found = shown.as_ref().map(description);
        Ok(match (found, is_new) {
            (None, _) => SetupOutcome::NotThere,
            (Some(found), true) => SetupOutcome::Created(found),
            (Some(found), false) => SetupOutcome::Kept(found),
        })
    }

    async fn show(&self) -> Result<SetupOutcome, Error> {
        let shown = self.shown().await.map_err(Error::new)?;
        Ok(shown.as_ref().map_or(SetupOutcome::NotThere, |shown| SetupOutcome::Shown(description(shown))))
    }

    async fn registered(&self) -> Result<Vec<InstanceId>, Error> {
        self.in_use().await.map_err(Error::new)
    }

    async fn delete(&self, force: bool) -> Result<SetupOutcome, Error> {
        let was_there = self.remove(force).await.map_err(Error::new)?;
        Ok(if was_there { SetupOutcome::Deleted } else { SetupOutcome::NotThere })
    }
}

/// A health check, as the calls take it.
struct Check {
    protocol: ProtocolEnum,
    port: String,
    path: Option<String>,
}

impl Check {
    /// Settings have been checked: `PROTOCOL:PORT`, and a path where the protocol has one.
    fn of(settings: &BalancerSettings) -> Check {
        let (target, path) = match settings.health_check.split_once('/') {
            Some((target, path)) => (target, Some(format!("/{path}"))),
            None => (settings.health_check.as_str(), None),
        };
        let (protocol, port) = target.split_once(':').unwrap_or((target, "traffic-port"));
        Check { protocol: ProtocolEnum::from(protocol), port: port.to_owned(), path }
    }

    fn shown(&self, settings: &BalancerSettings) -> String {
        let BalancerSettings { health_interval, health_timeout, healthy_after, unhealthy_after, .. } = settings;
        let path = self.path.as_deref().unwrap_or_default();
        let target = format!("{}:{}{path}", self.protocol.as_str(), self.port);
        health_words(&target, [*health_interval, *health_timeout, *healthy_after, *unhealthy_after])
    }
}

fn health_check(group: &TargetGroup) -> String {
    let path = group.health_check_path().unwrap_or_default();
    let target =
        format!("{}:{}{path}", protocol(group.health_check_protocol()), group.health_check_port().unwrap_or_default());
    health_words(
        &target,
        [
            group.health_check_interval_seconds().unwrap_or_default(),
            group.health_check_timeout_seconds().unwrap_or_default(),
            group.healthy_threshold_count().unwrap_or_default(),
            group.unhealthy_threshold_count().unwrap_or_default(),
        ],
    )
}

fn health_words(target: &str, [interval, timeout, healthy, unhealthy]: [i32; 4]) -> String {
    format!("{target} every {interval} s, {timeout} s each, healthy after {healthy}, unhealthy after {unhealthy}")
}

fn shown_balancer(balancer: &LoadBalancer, listeners: &[Listener]) -> ShownBalancer {
    let zones = balancer.availability_zones();
    let listeners = listeners.iter().map(|listener| {
        let arn = listener.certificates().first().and_then(|certificate| certificate.certificate_arn.as_ref());
        let arn = arn.map_or(String::new(), |arn| format!(" {arn}"));
        format!("{}:{}{arn}", protocol(listener.protocol()), listener.port().unwrap_or_default())
    });
    ShownBalancer {
        name: balancer.load_balancer_name().unwrap_or_default().to_owned(),
        kind: balancer.r#type().map_or(String::new(), |kind| kind.as_str().to_owned()),
        address: balancer.dns_name().unwrap_or_default().to_owned(),
        listeners: listeners.collect(),
        zones: zones.iter().filter_map(|zone| zone.zone_name.clone()).collect(),
        subnets: zones.iter().filter_map(|zone| zone.subnet_id.clone()).collect(),
        security_groups: balancer.security_groups().to_vec(),
    }
}

fn description(shown: &Shown) -> Description {
    let json = serde_json::to_string(shown).expect("strings, numbers and lists alone always make JSON");
    Description { table: shown.to_string(), json }
}

/// An answer, or None where the thing is not there.
fn found<T>(answer: Result<T, CloudError>) -> Result<Option<T>, CloudError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.kind == ErrorKind::NoBalancer => Ok(None),
        Err(error) => Err(error),
    }
}

/// An error that names what differs, if anything does.
fn differs(what: &str, same: &[(&str, bool)]) -> Result<(), TargetError> {
    let differs: Vec<&str> = same.iter().filter(|(_, same)| !same).map(|(what, _)| *what).collect();
    match differs.is_empty() {
        true => Ok(()),
        false => Err(TargetError::Differs { what: what.to_owned(), differs: differs.join(" and ") }),
    }
}

fn forwards_to(action: &Action, group: &TargetGroup) -> bool {
    let by_forward = action.forward_config().map(|forward| forward.target_groups()).unwrap_or_default();
    let arns = action.target_group_arn.iter().chain(by_forward.iter().filter_map(|to| to.target_group_arn.as_ref()));
    arns.into_iter().any(|arn| Some(arn) == group.target_group_arn.as_ref())
}

/// A listener's protocol as these load balancers name it.
fn outside(listener: &settings::Listener) -> &str {
    if listener.outside.0 == "SSL" { "TLS" } else { &listener.outside.0 }
}

fn kind(made: BalancerType) -> LoadBalancerTypeEnum {
    match made {
        BalancerType::Application => LoadBalancerTypeEnum::Application,
        BalancerType::Network => LoadBalancerTypeEnum::Network,
    }
}

fn protocol(protocol: Option<&ProtocolEnum>) -> &str {
    protocol.map_or("", ProtocolEnum::as_str)
}

fn cloud(doing: &'static str, what: String) -> impl Fn(CloudError) -> TargetError {
    move |error| TargetError::Cloud { doing, what: what.clone(), error }
}
