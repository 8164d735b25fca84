//! The subnets that a new load balancer serves. In: `[balancer]` and `[instance]`. Out: those that are set, else the
//! instances' own, else every default one. Classic load balancers and others take them alike.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::Filter;

use super::errors::sorted;
use super::session::Session;
use crate::clouds::settings::Settings;
use crate::fleet::ports::CloudError;

pub struct Subnets {
    client: Client,
    /// `balancer.subnets`, else `instance.subnet_id`.
    set: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum SubnetError {
    #[error("cannot find the subnets for the load balancer, {0}; set balancer.subnets in config.toml")]
    Cloud(CloudError),
    #[error("there is no default subnet in this region: set balancer.subnets in config.toml")]
    None,
}

impl Subnets {
    pub fn new(session: &Session, settings: &Settings) -> Self {
        let set = match settings.balancer.subnets.as_slice() {
            [] => settings.instance.subnet_id.iter().cloned().collect(),
            set => set.to_vec(),
        };
        Subnets { client: Client::new(&session.sdk), set }
    }

    pub async fn find(&self) -> Result<Vec<String>, SubnetError> {
        if !self.set.is_empty() {
            return Ok(self.set.clone());
        }
        let default = Filter::builder().name("default-for-az").values("true").build();
        let answer = self.client.describe_subnets().filters(default).send().await.map_err(sorted);
        let subnets = answer.map_err(SubnetError::Cloud)?.subnets.unwrap_or_default();
        let ids: Vec<String> = subnets.into_iter().filter_map(|subnet| subnet.subnet_id).collect();
        if ids.is_empty() { Err(SubnetError::None) } else { Ok(ids) }
    }
}
