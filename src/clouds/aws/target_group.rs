//! A target group of an application or network load balancer, in front of a fleet. In: the calls of [`Balancer`]. Out:
//! one call of its API each, and one more to find the group's ARN by its name. Nothing is tried again here: the
//! reconciler does that, which knows what may be done twice.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::{
    TargetDescription, TargetGroup as Described, TargetHealthDescription, TargetHealthReasonEnum as Reason,
    TargetHealthStateEnum as State,
};
use tokio::sync::OnceCell;

use super::errors::sorted;
use crate::clouds::several::worst;
use crate::command::InstanceId;
use crate::fleet::ports::{Balancer, CloudError, ErrorKind, Health, Standing, Standings};

/// A target group, by its name or ARN.
#[derive(Debug)]
pub struct TargetGroup {
    client: Client,
    name: String,
    arn: OnceCell<String>,
}

impl TargetGroup {
    pub(super) fn new(client: Client, name: String) -> Self {
        TargetGroup { client, name, arn: OnceCell::new() }
    }

    /// The group as AWS describes it. An error of [`ErrorKind::NoBalancer`]: it is not there.
    pub(super) async fn describe(&self) -> Result<Described, CloudError> {
        let call = self.client.describe_target_groups();
        let call =
            if self.name.starts_with("arn:") { call.target_group_arns(&self.name) } else { call.names(&self.name) };
        let found = call.send().await.map_err(sorted)?.target_groups.unwrap_or_default().into_iter().next();
        let message = format!("there is no target group {}", self.name);
        found.ok_or_else(|| CloudError::new(ErrorKind::NoBalancer, "TargetGroupNotFound", message))
    }

    async fn arn(&self) -> Result<&str, CloudError> {
        let ask = async || {
            if self.name.starts_with("arn:") {
                return Ok(self.name.clone());
            }
            Ok(self.describe().await?.target_group_arn.unwrap_or_default())
        };
        self.arn.get_or_try_init(ask).await.map(String::as_str)
    }

    /// What the group says about these, or about all its targets where `ids` is empty: those that drain are among them.
    async fn states(&self, ids: &[InstanceId]) -> Result<Vec<TargetHealthDescription>, CloudError> {
        let call = self.client.describe_target_health().target_group_arn(self.arn().await?);
        let call = call.set_targets((!ids.is_empty()).then(|| targets(ids)));
        Ok(call.send().await.map_err(sorted)?.target_health_descriptions.unwrap_or_default())
    }
}

#[async_trait]
impl Balancer for TargetGroup {
    async fn health(&self, _: &[InstanceId], leaving: &[InstanceId]) -> Result<Standings, CloudError> {
        let mut told = joined(&self.states(&[]).await?);
        // A group does not list what has left it.
        let others: Vec<InstanceId> = leaving.iter().filter(|id| !told.contains_key(id)).cloned().collect();
        if !others.is_empty() {
            told.extend(joined(&self.states(&others).await?));
        }
        Ok(told.into_iter().collect::<Vec<_>>().into())
    }

    async fn register(&self, ids: &[InstanceId]) -> Result<(), CloudError> {
        let call = self.client.register_targets().target_group_arn(self.arn().await?);
        call.set_targets(Some(targets(ids))).send().await.map_err(sorted)?;
        Ok(())
    }

    async fn deregister(&self, ids: &[InstanceId]) -> Result<(), CloudError> {
        let call = self.client.deregister_targets().target_group_arn(self.arn().await?);
        call.set_targets(Some(targets(ids))).send().await.map_err(sorted)?;
        Ok(())
    }
}

/// On the group's own port.
fn targets(ids: &[InstanceId]) -> Vec<TargetDescription> {
    ids.iter().map(|id| TargetDescription::builder().id(&id.0).build()).collect()
}

/// Each instance's standing. One that somebody registered with several ports is as well as its worst.
fn joined(states: &[TargetHealthDescription]) -> BTreeMap<InstanceId, Standing> {
    let mut joined: BTreeMap<InstanceId, Standing> = BTreeMap::new();
    for state in states {
        let Some(id) = state.target().and_then(TargetDescription::id).map(InstanceId::from) else { continue };
        let standing = standing(state);
        let other = joined.remove(&id);
        joined.insert(id, worst(other.into_iter().chain([standing.clone()])).unwrap_or(standing));
    }
    joined
}

fn standing(state: &TargetHealthDescription) -> Standing {
    let told = state.target_health();
    let reason = told.and_then(|told| told.reason());
    let health = match told.and_then(|told| told.state()) {
        Some(State::Healthy) => Health::InService,
        Some(State::Unhealthy | State::UnhealthyDraining) => Health::OutOfService,
        Some(State::Draining) => Health::Draining,
        Some(State::Unused) if reason == Some(&Reason::NotRegistered) => Health::NotRegistered,
        // Registered, and no request reaches it: its zone or the group itself is not in use, or it is stopped.
        Some(State::Unused) => Health::OutOfService,
        // Initial, without health checks, or a state that is not known: it is registered, and that is all.
        _ => Health::Registering,
    };
    let words = told.and_then(|told| told.description()).map(|words| words.trim_end_matches('.').to_owned());
    let code = reason.map(|reason| reason.as_str().to_owned());
    let reason = words.filter(|words| !words.is_empty()).or(code).filter(|_| health != Health::InService);
    Standing { health, reason }
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticloadbalancingv2::types::TargetHealth;

    use super::*;

    fn state(state: State, reason: Option<Reason>, words: &str) -> TargetHealthDescription {
        let target = TargetDescription::builder().id("i-1").port(80).build();
        let health = TargetHealth::builder().state(state).set_reason(reason).description(words).build();
        TargetHealthDescription::builder().target(target).target_health(health).build()
    }

    #[test]
    fn states_are_told_apart() {
        use Health::*;
        let told = |one, reason| standing(&state(one, reason, "")).health;
        assert_eq!(told(State::Initial, Some(Reason::RegistrationInProgress)), Registering);
        assert_eq!(told(State::Healthy, None), InService);
        assert_eq!(told(State::Unhealthy, Some(Reason::FailedHealthChecks)), OutOfService);
        assert_eq!(told(State::Draining, Some(Reason::DeregistrationInProgress)), Draining);
        assert_eq!(told(State::Unused, Some(Reason::NotRegistered)), NotRegistered);
        for reason in [Reason::NotInUse, Reason::InvalidState] {
            assert_eq!(told(State::Unused, Some(reason)), OutOfService);
        }
    }

    #[test]
    fn an_unused_target_tells_why() {
        let words = "Target is in an Availability Zone that is not enabled for the load balancer";
        let zone = standing(&state(State::Unused, Some(Reason::NotInUse), words));
        assert_eq!(zone.reason.as_deref(), Some(words));
        let stopped = standing(&state(State::Unused, Some(Reason::InvalidState), ""));
        assert_eq!(stopped.reason.as_deref(), Some("Target.InvalidState"));
    }

    #[test]
    fn an_instance_with_two_ports_is_as_well_as_its_worst() {
        let each = [state(State::Unhealthy, None, "404"), state(State::Healthy, None, "")];
        assert_eq!(joined(&each)[&"i-1".into()].health, Health::OutOfService);
    }
}
