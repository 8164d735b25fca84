//! The port to AWS. In: the calls of [`Cloud`]. Out: one call of EC2's or the classic load balancer's API each, a call a
//! page where there are pages. Nothing is tried again here: the actor does that, which knows what may be done twice.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{self as ec2, Filter, InstanceStateName, Tag};
use aws_sdk_elasticloadbalancing::types::{self as elb, InstanceState as Standing};
use jiff::Timestamp;

use super::errors::sorted;
use super::launch::Launch;
use crate::command::InstanceId;
use crate::fleet::ports::{Cloud, CloudError, ErrorKind, FLEET_TAG, Health, Instance, InstanceState, RETIRING_TAG};

/// Instances a page: large enough for few calls, small enough that AWS answers soon.
const PAGE: i32 = 500;

/// A fleet on EC2 behind a classic load balancer.
#[derive(Debug)]
pub struct Aws {
    pub(super) ec2: aws_sdk_ec2::Client,
    pub(super) elb: aws_sdk_elasticloadbalancing::Client,
    pub(super) fleet: String,
    pub(super) balancer: String,
    pub(super) launch: Launch,
}

impl Aws {
    /// How these stand with the balancer, or all that are registered where `ids` is empty.
    async fn health(&self, ids: &[InstanceId]) -> Result<Vec<Standing>, CloudError> {
        let call = self.elb.describe_instance_health().load_balancer_name(&self.balancer);
        let call = call.set_instances((!ids.is_empty()).then(|| members(ids)));
        Ok(call.send().await.map_err(sorted)?.instance_states.unwrap_or_default())
    }

    /// The same for those that are not registered. One that the balancer does not know at all fails the batch: it is
    /// off the balancer, and the others are asked for again.
    async fn unregistered(&self, ids: &[InstanceId]) -> Result<Vec<(InstanceId, Health)>, CloudError> {
        let (mut asked, mut unknown) = (ids.to_vec(), Vec::new());
        while !asked.is_empty() {
            match self.health(&asked).await {
                Ok(states) => {
                    unknown.extend(states.iter().filter_map(|state| Some((id(state)?, unlisted(state)?))));
                    break;
                }
                Err(error) if error.kind == ErrorKind::NotFound => {
                    let alone = asked.len() == 1;
                    let named = |id: &InstanceId| alone || error.instances.contains(id);
                    let (gone, others): (Vec<_>, Vec<_>) = asked.into_iter().partition(named);
                    if gone.is_empty() {
                        return Err(error);
                    }
                    unknown.extend(gone.into_iter().map(|id| (id, Health::NotRegistered)));
                    asked = others;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(unknown)
    }
}

impl Cloud for Aws {
    async fn instances(&self) -> Result<Vec<Instance>, CloudError> {
        let of_fleet = Filter::builder().name(format!("tag:{FLEET_TAG}")).values(&self.fleet).build();
        let mut pages = self.ec2.describe_instances().filters(of_fleet).into_paginator().page_size(PAGE).send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let reservations = page.map_err(sorted)?.reservations.unwrap_or_default();
            let instances = reservations.into_iter().flat_map(|reservation| reservation.instances.unwrap_or_default());
            // The filter knows wildcards, which a fleet's name may contain by chance.
            let ours = |instance: &ec2::Instance| tag(instance, FLEET_TAG) == Some(&self.fleet);
            found.extend(instances.filter(ours).filter_map(|instance| described(&instance)));
        }
        Ok(found)
    }

    async fn balancer(&self, also: &[InstanceId]) -> Result<Vec<(InstanceId, Health)>, CloudError> {
        let states = self.health(&[]).await?;
        let mut known: Vec<_> = states.iter().filter_map(|state| Some((id(state)?, listed(state)))).collect();
        let registered: BTreeSet<_> = known.iter().map(|(id, _)| id).collect();
        let others: Vec<InstanceId> = also.iter().filter(|id| !registered.contains(id)).cloned().collect();
        known.extend(self.unregistered(&others).await?);
        Ok(known)
    }

    async fn launch(&self, count: usize, token: &str) -> Result<Vec<InstanceId>, CloudError> {
        let many = i32::try_from(count).unwrap_or(i32::MAX);
        let answer = self.launch.call(&self.ec2, many, token).send().await.map_err(sorted)?;
        Ok(answer.instances().iter().filter_map(|instance| instance.instance_id()).map(InstanceId::from).collect())
    }

    async fn tag_retiring(&self, ids: &[InstanceId], at: Timestamp) -> Result<(), CloudError> {
        let tag = Tag::builder().key(RETIRING_TAG).value(format!("{at:.0}")).build();
        self.ec2.create_tags().set_resources(Some(names(ids))).tags(tag).send().await.map_err(sorted)?;
        Ok(())
    }

    async fn register(&self, ids: &[InstanceId]) -> Result<(), CloudError> {
        let call = self.elb.register_instances_with_load_balancer().load_balancer_name(&self.balancer);
        call.set_instances(Some(members(ids))).send().await.map_err(sorted)?;
        Ok(())
    }

    async fn deregister(&self, ids: &[InstanceId]) -> Result<(), CloudError> {
        let call = self.elb.deregister_instances_from_load_balancer().load_balancer_name(&self.balancer);
        call.set_instances(Some(members(ids))).send().await.map_err(sorted)?;
        Ok(())
    }

    async fn terminate(&self, ids: &[InstanceId]) -> Result<(), CloudError> {
        self.ec2.terminate_instances().set_instance_ids(Some(names(ids))).send().await.map_err(sorted)?;
        Ok(())
    }
}

fn names(ids: &[InstanceId]) -> Vec<String> {
    ids.iter().map(|id| id.0.clone()).collect()
}

fn members(ids: &[InstanceId]) -> Vec<elb::Instance> {
    ids.iter().map(|id| elb::Instance::builder().instance_id(&id.0).build()).collect()
}

fn tag<'a>(instance: &'a ec2::Instance, key: &str) -> Option<&'a String> {
    instance.tags().iter().find(|tag| tag.key() == Some(key)).and_then(|tag| tag.value.as_ref())
}

/// EC2's description as ours. None for one without an id, which nothing could be done with.
fn described(instance: &ec2::Instance) -> Option<Instance> {
    let state = instance.state().and_then(ec2::InstanceState::name);
    let launched = instance.launch_time().and_then(|at| Timestamp::from_second(at.secs()).ok());
    let reason = instance.state_reason().and_then(|reason| reason.message().or(reason.code()));
    Some(Instance {
        id: instance.instance_id()?.into(),
        state: match state {
            Some(InstanceStateName::Pending) => InstanceState::Pending,
            Some(InstanceStateName::Running) => InstanceState::Running,
            Some(InstanceStateName::ShuttingDown) => InstanceState::ShuttingDown,
            Some(InstanceStateName::Terminated) => InstanceState::Terminated,
            Some(InstanceStateName::Stopping) => InstanceState::Stopping,
            // A state that is not known is shown, and never touched.
            _ => InstanceState::Stopped,
        },
        launched: launched.unwrap_or(Timestamp::UNIX_EPOCH),
        retiring: tag(instance, RETIRING_TAG).is_some(),
        reason: reason.map(|reason| reason.trim_end_matches('.').to_owned()),
    })
}

fn id(state: &Standing) -> Option<InstanceId> {
    state.instance_id().map(InstanceId::from)
}

/// Whether AWS's description says this. Its sentences are the only place where a drain is told.
fn says(state: &Standing, words: &str) -> bool {
    state.description().is_some_and(|told| told.to_ascii_lowercase().contains(words))
}

const DRAINING: &str = "deregistration currently in progress";
const OFF: &str = "not currently registered";

/// How an instance stands that the balancer lists by itself.
fn listed(state: &Standing) -> Health {
    match state.state() {
        _ if says(state, DRAINING) => Health::Draining,
        _ if says(state, OFF) => Health::NotRegistered,
        Some("InService") => Health::InService,
        // On its way: registered, and not yet often enough found healthy.
        Some("OutOfService") if says(state, "registration is still in progress") => Health::Registering,
        Some("OutOfService") if says(state, "has not passed the configured healthythreshold") => Health::Registering,
        Some("OutOfService") => Health::OutOfService,
        // "A transient error occurred": it is registered, more is not known now.
        _ => Health::Registering,
    }
}

/// How an instance stands that was asked for by its id. None: the balancer does not know now.
fn unlisted(state: &Standing) -> Option<Health> {
    match state.state() {
        Some("InService" | "OutOfService") => Some(listed(state)),
        _ if says(state, DRAINING) || says(state, OFF) => Some(listed(state)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_balancers_sentences_are_told_apart() {
        let state = |state: &str, description: &str| {
            Standing::builder().instance_id("i-1").state(state).description(description).build()
        };
        let draining = state("InService", "Instance deregistration currently in progress.");
        let off = state("OutOfService", "Instance is not currently registered with the LoadBalancer.");
        let fresh = state("OutOfService", "Instance registration is still in progress.");
        let coming = state(
            "OutOfService",
            "Instance has not passed the configured HealthyThreshold number of health checks consecutively.",
        );
        let sick = state(
            "OutOfService",
            "Instance has failed at least the UnhealthyThreshold number of health checks consecutively.",
        );
        let hazy = state("Unknown", "A transient error occurred. Please try again later.");
        let each = [&state("InService", "N/A"), &draining, &off, &fresh, &coming, &sick, &hazy];
        use Health::*;
        let expected = [InService, Draining, NotRegistered, Registering, Registering, OutOfService, Registering];
        assert_eq!(each.map(listed), expected);
        // What is not known terminates nothing.
        assert_eq!(unlisted(&hazy), None);
        assert_eq!(unlisted(&draining), Some(Draining));
        assert_eq!(unlisted(&off), Some(NotRegistered));
    }
}
