//! A fleet's instances on EC2. In: the calls of [`Instances`]. Out: one call of EC2's API each, a call a page where
//! there are pages. Nothing is tried again here: the reconciler does that, which knows what may be done twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{self as ec2, Filter, InstanceStateName, Tag};
use aws_smithy_types::base64;
use jiff::Timestamp;

use super::batch::known;
use super::errors::sorted;
use super::launch::{Launch, LaunchError, sum};
use crate::command::InstanceId;
use crate::fleet::ports::{Birth, CloudError, ErrorKind, FLEET_TAG, Found, Instance, InstanceState, Instances};

/// Instances a page: large enough for few calls, small enough that AWS answers soon.
const PAGE: i32 = 500;

/// The instances of one fleet.
#[derive(Clone, Debug)]
pub struct Ec2 {
    pub(super) client: Client,
    pub(super) fleet: String,
    /// What a launch takes, or why nothing can be launched.
    pub(super) launch: Result<Launch, Arc<LaunchError>>,
}

#[async_trait]
impl Instances for Ec2 {
    async fn list(&self) -> Result<Vec<Instance>, CloudError> {
        let of_fleet = Filter::builder().name(format!("tag:{FLEET_TAG}")).values(&self.fleet).build();
        let mut pages = self.client.describe_instances().filters(of_fleet).into_paginator().page_size(PAGE).send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let reservations = page.map_err(sorted)?.reservations.unwrap_or_default();
            let instances = reservations.into_iter().flat_map(|reservation| reservation.instances.unwrap_or_default());
            // The filter knows wildcards, which a fleet's name may contain by chance.
            found.extend(
                instances.filter_map(|instance| described(&instance)).filter(|instance| self.is_ours(instance)),
            );
        }
        Ok(found)
    }

    async fn find(&self, ids: &[InstanceId]) -> Result<BTreeMap<InstanceId, Found>, CloudError> {
        let ask = async |asked: Vec<InstanceId>| {
            let call = self.client.describe_instances().set_instance_ids(Some(names(&asked)));
            Ok(call.send().await.map_err(sorted)?.reservations.unwrap_or_default())
        };
        let (reservations, unknown) = known(ids, ask).await?;
        let instances = reservations.iter().flatten().flat_map(|reservation| reservation.instances());
        let found = instances.filter_map(described).map(|instance| {
            let id = instance.id.clone();
            (id, if self.is_ours(&instance) { Found::Ours(Box::new(instance)) } else { Found::NotOurs })
        });
        Ok(found.chain(unknown.into_iter().map(|id| (id, Found::NotThere))).collect())
    }

    async fn launch(&self, n: usize, token: &str, birth: &Birth) -> Result<Vec<Instance>, CloudError> {
        let n = i32::try_from(n).unwrap_or(i32::MAX);
        let refused = |error: &LaunchError| CloudError::new(ErrorKind::Refused, "LaunchSettings", error.to_string());
        let launch = self.launch.as_ref().map_err(|error| refused(error))?;
        let call = launch.call(&self.client, n, &self.token(token), birth).map_err(|error| refused(&error))?;
        Ok(call.send().await.map_err(sorted)?.instances().iter().filter_map(described).collect())
    }

    async fn start(&self, ids: &[InstanceId]) -> Result<(), CloudError> {
        self.client.start_instances().set_instance_ids(Some(names(ids))).send().await.map_err(sorted)?;
        Ok(())
    }

    async fn stop(&self, ids: &[InstanceId]) -> Result<(), CloudError> {
        self.client.stop_instances().set_instance_ids(Some(names(ids))).send().await.map_err(sorted)?;
        Ok(())
    }

    async fn tag(&self, ids: &[InstanceId], key: &str, value: &str) -> Result<(), CloudError> {
        let tag = Tag::builder().key(key).value(value).build();
        self.client.create_tags().set_resources(Some(names(ids))).tags(tag).send().await.map_err(sorted)?;
        Ok(())
    }

    async fn terminate(&self, ids: &[InstanceId]) -> Result<(), CloudError> {
        self.client.terminate_instances().set_instance_ids(Some(names(ids))).send().await.map_err(sorted)?;
        Ok(())
    }

    async fn console(&self, id: &InstanceId) -> Result<Option<String>, CloudError> {
        let answer = self.client.get_console_output().instance_id(&id.0).send().await.map_err(sorted)?;
        let Some(encoded) = answer.output().filter(|output| !output.is_empty()) else { return Ok(None) };
        let broken = |_| CloudError::no_answer("the console's output is not base64");
        let bytes = base64::decode(encoded).map_err(broken)?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

impl Ec2 {
    fn is_ours(&self, instance: &Instance) -> bool {
        instance.tags.get(FLEET_TAG) == Some(&self.fleet)
    }

    /// EC2's client token, 64 characters at most: fleets share an account, and none may take another's token.
    fn token(&self, token: &str) -> String {
        sum(&format!("{} {token}", self.fleet))
    }
}

fn names(ids: &[InstanceId]) -> Vec<String> {
    ids.iter().map(|id| id.0.clone()).collect()
}

/// The code of EC2's reason where an instance stopped by itself.
const POWERED_OFF: &str = "Client.InstanceInitiatedShutdown";

/// EC2's description as ours. None for one without an id, which nothing could be done with.
fn described(instance: &ec2::Instance) -> Option<Instance> {
    let state = instance.state().and_then(ec2::InstanceState::name);
    let launched = instance.launch_time().and_then(|at| Timestamp::from_second(at.secs()).ok());
    let reason = instance.state_reason().and_then(|reason| reason.message().or(reason.code()));
    let powered_off = instance.state_reason().and_then(|reason| reason.code()) == Some(POWERED_OFF);
    // EC2 leaves some of these empty rather than out once an instance is terminated.
    let told = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let tags = instance.tags().iter().filter_map(|tag| Some((tag.key.clone()?, tag.value.clone().unwrap_or_default())));
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
        kind: told(instance.instance_type().map(ec2::InstanceType::as_str)),
        zone: told(instance.placement().and_then(ec2::Placement::availability_zone)),
        subnet: told(instance.subnet_id()),
        image: told(instance.image_id()),
        key_pair: told(instance.key_name()),
        private_address: told(instance.private_ip_address()),
        public_address: told(instance.public_ip_address()),
        tags: tags.collect(),
        reason: reason.map(|reason| reason.trim_end_matches('.').to_owned()),
        powered_off,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ec2_describes_is_kept() {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let state = ec2::InstanceState::builder().name(InstanceStateName::Running).build();
        let placement = ec2::Placement::builder().availability_zone("eu-central-1a").build();
        let instance = ec2::Instance::builder()
            .instance_id("i-1")
            .state(state)
            .instance_type(ec2::InstanceType::T3Micro)
            .placement(placement)
            .image_id("ami-1")
            .key_name("anna")
            .private_ip_address("10.0.0.7")
            .public_ip_address("")
            .tags(tag(FLEET_TAG, "web"))
            .tags(tag("handwave:retiring", ""))
            .build();
        let found = described(&instance).unwrap();
        let told = [&found.kind, &found.zone, &found.image, &found.key_pair, &found.private_address];
        let told = told.map(|text| text.as_deref().unwrap());
        assert_eq!(told, ["t3.micro", "eu-central-1a", "ami-1", "anna", "10.0.0.7"]);
        assert_eq!((found.public_address.as_ref(), found.tags[FLEET_TAG].as_str()), (None, "web"));
        assert!(found.is_retiring());
    }
}
