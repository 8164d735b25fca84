//! The EC2 instance that this process runs on, if it runs on one. In: the instance metadata service (IMDSv2). Out: its
//! id, and whether handwave has tagged it to retire.

use std::time::Duration;

use aws_config::imds::client::error::ImdsError;
use aws_config::imds::{self, Client};
use aws_config::provider_config::ProviderConfig;
use tracing::{debug, warn};

use crate::aws::{deepest, https};

const ID: &str = "/latest/meta-data/instance-id";
/// Instance metadata has the tags where the launch asked for it, as handwave's do.
const RETIRING: &str = "/latest/meta-data/tags/instance/handwave:retiring";

pub struct Instance {
    imds: imds::Client,
    pub id: String,
}

impl Instance {
    /// None where no metadata service answers.
    pub async fn find() -> Option<Instance> {
        if std::env::var("AWS_EC2_METADATA_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true")) {
            return None;
        }
        let second = Duration::from_secs(1);
        let ours = ProviderConfig::without_region().with_http_client(https());
        let imds =
            Client::builder().configure(&ours).connect_timeout(second).read_timeout(second).max_attempts(2).build();
        match imds.get(ID).await {
            Ok(id) => Some(Instance { imds, id: String::from(id) }),
            Err(error) => {
                debug!("no instance metadata: {}", deepest(&error));
                None
            }
        }
    }

    /// Whether it carries the tag. What can't be told is no: the next question may be answered.
    pub async fn is_retiring(&self) -> bool {
        match self.imds.get(RETIRING).await {
            Ok(_) => true,
            Err(ImdsError::ErrorResponse(error)) if error.response().status().as_u16() == 404 => false,
            Err(error) => {
                warn!("the instance's metadata doesn't say its tags: {}", deepest(&error));
                false
            }
        }
    }
}
