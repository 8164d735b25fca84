//! The classic load balancer in front of a fleet. In: the calls of [`Balancer`]. Out: one call of its API each. Nothing
//! is tried again here: the reconciler does that, which knows what may be done twice.

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_elasticloadbalancing::Client;
use aws_sdk_elasticloadbalancing::types::{Instance, InstanceState as Told};

use super::batch::known;
use super::errors::sorted;
use crate::command::InstanceId;
use crate::fleet::ports::{Balancer, CloudError, Health, Standing, Standings, off};

/// A classic load balancer.
#[derive(Clone, Debug)]
pub struct Classic {
    pub(super) client: Client,
    pub(super) name: String,
}

impl Classic {
    /// The balancer's words about these, or about all that are registered where `ids` is empty.
    async fn states(&self, ids: &[InstanceId]) -> Result<Vec<Told>, CloudError> {
        let call = self.client.describe_instance_health().load_balancer_name(&self.name);
        let call = call.set_instances((!ids.is_empty()).then(|| members(ids)));
        Ok(call.send().await.map_err(sorted)?.instance_states.unwrap_or_default())
    }

    /// The health of those that are not registered. One that the balancer does not know at all is off.
    async fn unregistered(&self, ids: &[InstanceId]) -> Result<Vec<(InstanceId, Standing)>, CloudError> {
        let (states, unknown) = known(ids, async |asked| self.states(&asked).await).await?;
        let told = states.iter().flatten();
        let told = told.filter_map(|state| Some((id(state)?, Standing::new(unlisted(state)?))));
        Ok(told.chain(off(&unknown)).collect())
    }
}

#[async_trait]
impl Balancer for Classic {
    async fn health(&self, _: &[InstanceId], leaving: &[InstanceId]) -> Result<Standings, CloudError> {
        let states = self.states(&[]).await?;
        let mut known: Vec<_> = states.iter().filter_map(|state| Some((id(state)?, standing(state)))).collect();
        let registered: BTreeSet<_> = known.iter().map(|(id, _)| id).collect();
        let others: Vec<InstanceId> = leaving.iter().filter(|id| !registered.contains(id)).cloned().collect();
        known.extend(self.unregistered(&others).await?);
        Ok(known.into())
    }

    async fn register(&self, ids: &[InstanceId]) -> Result<(), CloudError> {
        let call = self.client.register_instances_with_load_balancer().load_balancer_name(&self.name);
        call.set_instances(Some(members(ids))).send().await.map_err(sorted)?;
        Ok(())
    }

    async fn deregister(&self, ids: &[InstanceId]) -> Result<(), CloudError> {
        let call = self.client.deregister_instances_from_load_balancer().load_balancer_name(&self.name);
        call.set_instances(Some(members(ids))).send().await.map_err(sorted)?;
        Ok(())
    }
}

fn members(ids: &[InstanceId]) -> Vec<Instance> {
    ids.iter().map(|id| Instance::builder().instance_id(&id.0).build()).collect()
}

fn id(state: &Told) -> Option<InstanceId> {
    state.instance_id().map(InstanceId::from)
}

/// Whether AWS's description says this. Only its sentences tell a drain.
fn says(state: &Told, words: &str) -> bool {
    state.description().is_some_and(|told| told.to_ascii_lowercase().contains(words))
}

const DRAINING: &str = "deregistration currently in progress";
const OFF: &str = "not currently registered";

/// The standing of an instance that the balancer lists by itself.
fn standing(state: &Told) -> Standing {
    let health = listed(state);
    let told =
        state.description().map(|told| told.trim_end_matches('.')).filter(|told| !told.is_empty() && *told != "N/A");
    let reason = told.filter(|_| health != Health::InService).map(str::to_owned);
    Standing { health, reason }
}

fn listed(state: &Told) -> Health {
    match state.state() {
        _ if says(state, DRAINING) => Health::Draining,
        _ if says(state, OFF) => Health::NotRegistered,
        Some("InService") => Health::InService,
        // On its way: registered, and not yet often enough found healthy.
        Some("OutOfService") if says(state, "registration is still in progress") => Health::Registering,
        Some("OutOfService") if says(state, "has not passed the configured healthythreshold") => Health::Registering,
        Some("OutOfService") => Health::OutOfService,
        // "A transient error occurred": it is registered, and that is all that is known.
        _ => Health::Registering,
    }
}

/// The health of an instance that was asked for by its id. None: the balancer does not know at the moment.
fn unlisted(state: &Told) -> Option<Health> {
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
            Told::builder().instance_id("i-1").state(state).description(description).build()
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
