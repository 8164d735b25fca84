//! What `handwave doctor` asks AWS. In: names of the settings. Out: the things that have these names, and what the
//! caller may do. Reads and EC2's dry runs: nothing is changed.

use std::error::Error;

use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::operation::describe_subnets::builders::DescribeSubnetsFluentBuilder;
use aws_sdk_ec2::types::{self as ec2, Filter, InstanceType, Tag};
use jiff::Timestamp;

use super::ec2::Ec2;
use super::errors::{is_denied, sorted};
use super::launch::{LaunchError, template};
use crate::command::{CommandId, InstanceId};
use crate::fleet::ports::{Birth, CloudError, ErrorKind, LEASE_TAG, RETIRING_TAG};

/// Asks about what the settings name.
pub struct Probe<'a>(pub &'a Ec2);

/// An image to launch from.
pub struct Image {
    pub name: String,
    /// Such as `x86_64`.
    pub architecture: String,
    /// `available`, or why it can't be launched.
    pub state: String,
}

/// What a launch template says; each may be left to the call.
pub struct Template {
    pub version: i64,
    pub image: Option<String>,
    pub kind: Option<String>,
    pub subnet: Option<String>,
    pub groups: Vec<String>,
}

pub struct Subnet {
    pub zone: String,
    pub network: String,
}

/// EC2's answer to a dry run.
pub enum Permission {
    Allowed,
    /// AWS's words.
    Missing(String),
    /// Something else is wrong, which hides the answer.
    Unknown(CloudError),
}

impl Probe<'_> {
    pub async fn image(&self, id: &str) -> Result<Image, CloudError> {
        let answer = self.0.client.describe_images().image_ids(id).send().await.map_err(sorted)?;
        let image =
            answer.images.unwrap_or_default().into_iter().next().ok_or_else(|| none("InvalidAMIID.NotFound"))?;
        Ok(Image {
            name: image.name.unwrap_or_default(),
            architecture: image.architecture.map(|name| name.to_string()).unwrap_or_default(),
            state: image.state.map(|name| name.to_string()).unwrap_or_default(),
        })
    }

    /// The architectures that an instance of this type can have.
    pub async fn kind(&self, name: &str) -> Result<Vec<String>, CloudError> {
        let call = self.0.client.describe_instance_types().instance_types(InstanceType::from(name));
        let types = call.send().await.map_err(sorted)?.instance_types.unwrap_or_default();
        let kind = types.into_iter().next().ok_or_else(|| none("InvalidInstanceType"))?;
        let known = kind.processor_info.and_then(|info| info.supported_architectures).unwrap_or_default();
        Ok(known.into_iter().map(|name| name.to_string()).collect())
    }

    /// A launch template, as `instance.launch_template` names it.
    pub async fn template(&self, text: &str) -> Result<Template, CloudError> {
        let named = template(text);
        let call = self.0.client.describe_launch_template_versions();
        let call =
            call.set_launch_template_id(named.launch_template_id).set_launch_template_name(named.launch_template_name);
        let call = call.versions(named.version.as_deref().unwrap_or("$Default"));
        let answer = call.send().await.map_err(sorted)?;
        let found = answer.launch_template_versions.unwrap_or_default().into_iter().next();
        let found = found.ok_or_else(|| none("InvalidLaunchTemplateId.VersionNotFound"))?;
        let data = found.launch_template_data.as_ref();
        let interface = data.and_then(|data| data.network_interfaces().first());
        let groups = data.map(|data| data.security_group_ids()).filter(|groups| !groups.is_empty());
        Ok(Template {
            version: found.version_number.unwrap_or_default(),
            image: data.and_then(|data| data.image_id.clone()),
            kind: data.and_then(|data| Some(data.instance_type.as_ref()?.to_string())),
            subnet: interface.and_then(|interface| interface.subnet_id.clone()),
            groups: groups.or(interface.map(|interface| interface.groups())).unwrap_or_default().to_vec(),
        })
    }

    pub async fn key(&self, name: &str) -> Result<(), CloudError> {
        self.0.client.describe_key_pairs().key_names(name).send().await.map_err(sorted)?;
        Ok(())
    }

    /// The networks that these security groups belong to.
    pub async fn groups(&self, ids: &[String]) -> Result<Vec<String>, CloudError> {
        let call = self.0.client.describe_security_groups().set_group_ids(Some(ids.to_vec()));
        let groups = call.send().await.map_err(sorted)?.security_groups.unwrap_or_default();
        Ok(groups.into_iter().filter_map(|group| group.vpc_id).collect())
    }

    pub async fn subnet(&self, id: &str) -> Result<Subnet, CloudError> {
        let subnets = self.subnets(self.0.client.describe_subnets().subnet_ids(id)).await?;
        subnets.into_iter().next().ok_or_else(|| none("InvalidSubnetID.NotFound"))
    }

    /// The subnets that a launch without one chooses from.
    pub async fn default_subnets(&self) -> Result<Vec<Subnet>, CloudError> {
        let default = Filter::builder().name("default-for-az").values("true").build();
        self.subnets(self.0.client.describe_subnets().filters(default)).await
    }

    async fn subnets(&self, call: DescribeSubnetsFluentBuilder) -> Result<Vec<Subnet>, CloudError> {
        let subnets = call.send().await.map_err(sorted)?.subnets.unwrap_or_default();
        let subnet = |subnet: ec2::Subnet| Subnet {
            zone: subnet.availability_zone.unwrap_or_default(),
            network: subnet.vpc_id.unwrap_or_default(),
        };
        Ok(subnets.into_iter().map(subnet).collect())
    }

    /// May one be launched with these settings?
    pub async fn may_launch(&self) -> Permission {
        match &self.0.launch {
            Ok(launch) => {
                let command = CommandId("handwave doctor".into());
                let birth = Birth { command, at: Timestamp::UNIX_EPOCH, recipe: None, more: Vec::new() };
                match launch.call(&self.0.client, 1, "handwave doctor", &birth) {
                    Ok(call) => permission(call.dry_run(true).send().await),
                    Err(error) => unlaunched(&error),
                }
            }
            Err(error) => unlaunched(error),
        }
    }

    /// May this one be started?
    pub async fn may_start(&self, id: &InstanceId) -> Permission {
        permission(self.0.client.start_instances().instance_ids(&id.0).dry_run(true).send().await)
    }

    /// May this one be stopped?
    pub async fn may_stop(&self, id: &InstanceId) -> Permission {
        permission(self.0.client.stop_instances().instance_ids(&id.0).dry_run(true).send().await)
    }

    /// May this one's console be read?
    pub async fn may_read_console(&self, id: &InstanceId) -> Permission {
        permission(self.0.client.get_console_output().instance_id(&id.0).dry_run(true).send().await)
    }

    /// May this one be tagged as retiring?
    pub async fn may_tag(&self, id: &InstanceId) -> Permission {
        self.may_write(RETIRING_TAG, id).await
    }

    /// May this one be tagged as leased?
    pub async fn may_lease(&self, id: &InstanceId) -> Permission {
        self.may_write(LEASE_TAG, id).await
    }

    async fn may_write(&self, key: &str, id: &InstanceId) -> Permission {
        let tag = Tag::builder().key(key).value("").build();
        permission(self.0.client.create_tags().resources(&id.0).tags(tag).dry_run(true).send().await)
    }

    /// May this one be terminated?
    pub async fn may_terminate(&self, id: &InstanceId) -> Permission {
        permission(self.0.client.terminate_instances().instance_ids(&id.0).dry_run(true).send().await)
    }
}

fn unlaunched(error: &LaunchError) -> Permission {
    Permission::Unknown(CloudError::new(ErrorKind::Refused, "LaunchSettings", error.to_string()))
}

fn permission<T, E: Error + ProvideErrorMetadata + 'static>(answer: Result<T, SdkError<E>>) -> Permission {
    match answer.map_err(sorted) {
        // AWS answers an allowed dry run with an error too; only a stand-in answers without one.
        Ok(_) => Permission::Allowed,
        Err(error) if error.code == "DryRunOperation" => Permission::Allowed,
        Err(error) if is_denied(&error) => Permission::Missing(error.message),
        Err(error) => Permission::Unknown(error),
    }
}

/// An answer that lacks what was asked for.
fn none(code: &str) -> CloudError {
    CloudError::new(ErrorKind::NotFound, code, "AWS does not know it")
}
