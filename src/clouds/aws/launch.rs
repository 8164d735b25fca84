//! What an instance is launched with. In: `[instance]` and the fleet's name. Out: a RunInstances call that lacks only
//! its number and token. The user data is read here, once, so that a missing file is reported before anything is done.

use std::path::PathBuf;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::operation::run_instances::builders::RunInstancesFluentBuilder;
use aws_sdk_ec2::types::{
    HttpTokensState, IamInstanceProfileSpecification, InstanceMetadataOptionsRequest, InstanceMetadataTagsState,
    InstanceType, LaunchTemplateSpecification, ResourceType, RunInstancesMonitoringEnabled, ShutdownBehavior, Tag,
    TagSpecification,
};
use aws_smithy_types::base64;
use sha2::{Digest, Sha256};

use super::prepare::{PrepareError, USER_DATA_MOST, prepared};
use super::settings::InstanceSettings;
use crate::fleet::ports::{Birth, FLEET_TAG};

/// The type where neither the settings nor a template name one: AWS's own default is one that new accounts lack.
pub const TYPE: &str = "t3.micro";

/// Why instances can't be launched with these settings.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    #[error("there is no image to launch: set instance.ami or instance.launch_template in config.toml")]
    NoImage,
    #[error("cannot read instance.user_data {}: {reason}; name a file that exists, or leave it empty", path.display())]
    Unreadable { path: PathBuf, reason: std::io::Error },
    #[error("instance.user_data {} has {bytes} bytes, AWS takes {USER_DATA_MOST}: let it fetch the rest", path.display())]
    TooLong { path: PathBuf, bytes: usize },
    #[error("{0}, or set warm.size to 0")]
    Warm(#[from] PrepareError),
}

/// Checked settings.
#[derive(Clone, Debug)]
pub struct Launch {
    settings: InstanceSettings,
    user_data: Option<Vec<u8>>,
    tags: Vec<Tag>,
    is_worker: bool,
}

impl Launch {
    /// A worker reads its own tags, so that it learns of its retirement, and ends by powering itself off.
    pub fn new(settings: &InstanceSettings, fleet: &str, is_worker: bool) -> Result<Launch, LaunchError> {
        if settings.ami.is_none() && settings.launch_template.is_none() {
            return Err(LaunchError::NoImage);
        }
        let user_data = settings.user_data.as_ref().map(|path| {
            let bytes = std::fs::read(path).map_err(|reason| LaunchError::Unreadable { path: path.clone(), reason })?;
            if bytes.len() > USER_DATA_MOST {
                return Err(LaunchError::TooLong { path: path.clone(), bytes: bytes.len() });
            }
            Ok(bytes)
        });
        let mut tags = settings.tags.clone();
        tags.entry("Name".to_owned()).or_insert_with(|| fleet.to_owned());
        tags.insert(FLEET_TAG.to_owned(), fleet.to_owned());
        let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
        Ok(Launch { settings: settings.clone(), user_data: user_data.transpose()?, tags, is_worker })
    }

    /// What an instance is made of, the same for the same image, type and user data. An error where the warm pool
    /// cannot be prepared with them.
    pub fn recipe(&self) -> Result<String, LaunchError> {
        let InstanceSettings { ami, kind, launch_template, .. } = &self.settings;
        let user_data = base64::encode(self.prepared()?);
        let parts = [ami.as_deref(), launch_template.as_deref(), kind.as_deref(), Some(&user_data)];
        // Half of the sum is enough to tell recipes apart, and short enough to read.
        Ok(sum(&parts.map(Option::unwrap_or_default).join("\n"))[..32].to_owned())
    }

    /// The user data of the warm pool's instances.
    fn prepared(&self) -> Result<Vec<u8>, LaunchError> {
        Ok(prepared(self.user_data.as_deref(), self.settings.launch_template.is_some())?)
    }

    /// The call for 1 to `count` instances.
    pub fn call(
        &self,
        ec2: &Client,
        count: i32,
        token: &str,
        birth: &Birth,
    ) -> Result<RunInstancesFluentBuilder, LaunchError> {
        let InstanceSettings {
            ami,
            kind,
            key_name,
            security_group_ids,
            subnet_id,
            instance_profile,
            launch_template,
            tag_volumes,
            detailed_monitoring,
            ..
        } = &self.settings;
        let kind = kind.as_deref().or(launch_template.is_none().then_some(TYPE));
        // An instance alone tells of its birth: volumes outlive it.
        let own: Vec<Tag> =
            birth.tags().into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
        let tagged = |kind| {
            let own = if kind == ResourceType::Instance { own.clone() } else { Vec::new() };
            let tags = self.tags.iter().cloned().chain(own).collect();
            TagSpecification::builder().resource_type(kind).set_tags(Some(tags)).build()
        };
        let mut kinds = vec![ResourceType::Instance];
        if *tag_volumes {
            kinds.extend([ResourceType::Volume, ResourceType::NetworkInterface]);
        }
        // A template may turn it on too.
        let monitored = RunInstancesMonitoringEnabled::builder().enabled(true).build();
        // Version 1 of the metadata service gives an instance's role to anybody who makes it fetch an address.
        let metadata = InstanceMetadataOptionsRequest::builder()
            .http_tokens(HttpTokensState::Required)
            .set_instance_metadata_tags(self.is_worker.then_some(InstanceMetadataTagsState::Enabled))
            .build();
        let is_warm = birth.recipe.is_some();
        let at_shutdown = match is_warm {
            true => Some(ShutdownBehavior::Stop),
            false => self.is_worker.then_some(ShutdownBehavior::Terminate),
        };
        let user_data = if is_warm { Some(self.prepared()?) } else { self.user_data.clone() };
        let call = ec2
            .run_instances()
            .min_count(1)
            .max_count(count)
            .client_token(token)
            .set_image_id(ami.clone())
            .set_instance_type(kind.map(InstanceType::from))
            .set_key_name(key_name.clone())
            .set_security_group_ids(Some(security_group_ids.clone()).filter(|ids| !ids.is_empty()))
            .set_subnet_id(subnet_id.clone())
            .set_iam_instance_profile(instance_profile.as_deref().map(profile))
            .set_user_data(user_data.map(base64::encode))
            .set_instance_initiated_shutdown_behavior(at_shutdown)
            .set_launch_template(launch_template.as_deref().map(template))
            .metadata_options(metadata)
            .set_monitoring(detailed_monitoring.then_some(monitored))
            .set_tag_specifications(Some(kinds.into_iter().map(tagged).collect()));
        Ok(call)
    }
}

/// A text's SHA-256, as 64 hexadecimal digits.
pub(super) fn sum(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A profile's name, or its ARN.
fn profile(text: &str) -> IamInstanceProfileSpecification {
    let profile = IamInstanceProfileSpecification::builder();
    if text.starts_with("arn:") { profile.arn(text).build() } else { profile.name(text).build() }
}

/// A template's id or name, then `:` and its version or none.
pub(super) fn template(text: &str) -> LaunchTemplateSpecification {
    let (which, version) = text.split_once(':').map_or((text, None), |(which, version)| (which, Some(version)));
    let template = LaunchTemplateSpecification::builder().set_version(version.map(str::to_owned));
    if which.starts_with("lt-") {
        template.launch_template_id(which).build()
    } else {
        template.launch_template_name(which).build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn launch(text: &str) -> Result<Launch, LaunchError> {
        Launch::new(&Config::parse(text, "my.toml").unwrap().instance, "web", false)
    }

    #[test]
    fn there_must_be_an_image() {
        assert!(matches!(launch(""), Err(LaunchError::NoImage)));
        assert!(launch("[instance]\nami = \"ami-1\"\n").is_ok());
        assert!(launch("[instance]\nlaunch_template = \"web:3\"\n").is_ok());
    }

    #[test]
    fn a_name_of_ones_own_goes_before_the_fleets() {
        let name = |launch: Launch| {
            let name = launch.tags.iter().find(|tag| tag.key() == Some("Name"));
            name.and_then(|tag| tag.value().map(str::to_owned))
        };
        assert_eq!(name(launch("[instance]\nami = \"ami-1\"\n").unwrap()).as_deref(), Some("web"));
        let named = "[instance]\nami = \"ami-1\"\n[instance.tags]\nName = \"mine\"\n";
        assert_eq!(name(launch(named).unwrap()).as_deref(), Some("mine"));
    }

    #[test]
    fn user_data_is_read_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("boot.sh");
        let read = || launch(&format!("[instance]\nami = \"ami-1\"\nuser_data = {:?}\n", path.to_str().unwrap()));
        assert!(matches!(read(), Err(LaunchError::Unreadable { .. })));
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        assert_eq!(read().unwrap().user_data.as_deref(), Some(&b"#!/bin/sh\n"[..]));
        std::fs::write(&path, vec![b'#'; USER_DATA_MOST + 1]).unwrap();
        assert!(matches!(read(), Err(LaunchError::TooLong { .. })));
    }

    #[test]
    fn a_recipe_is_of_image_type_and_user_data_and_of_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("boot.sh");
        std::fs::write(&path, "#!/bin/sh\ntrue\n").unwrap();
        let recipe = |rest: &str| {
            launch(&format!("[instance]\nuser_data = {:?}\n{rest}", path.to_str().unwrap())).unwrap().recipe().unwrap()
        };
        let one = recipe("ami = \"ami-1\"\n");
        // Another run of another build must find the same.
        assert_eq!(one, "cd4bad8db0441bc58faf54d5e2c899a2");
        assert_eq!(recipe("ami = \"ami-1\"\nkey_name = \"anna\"\n"), one);
        assert_ne!(recipe("ami = \"ami-2\"\n"), one);
        assert_ne!(recipe("ami = \"ami-1\"\ntype = \"p5.48xlarge\"\n"), one);
        std::fs::write(&path, "#!/bin/sh\nfalse\n").unwrap();
        assert_ne!(recipe("ami = \"ami-1\"\n"), one);
    }

    #[test]
    fn a_template_is_an_id_or_a_name_with_a_version_or_without() {
        let id = template("lt-0123:3");
        assert_eq!((id.launch_template_id(), id.version()), (Some("lt-0123"), Some("3")));
        let name = template("web");
        assert_eq!((name.launch_template_name(), name.version()), (Some("web"), None));
    }

    #[test]
    fn a_worker_reads_its_tags_and_ends_by_powering_itself_off() {
        let config = aws_sdk_ec2::Config::builder().behavior_version(aws_sdk_ec2::config::BehaviorVersion::latest());
        let ec2 = Client::from_conf(config.build());
        let birth = |recipe: Option<&str>| Birth {
            command: crate::command::CommandId("c".to_owned()),
            at: jiff::Timestamp::UNIX_EPOCH,
            recipe: recipe.map(str::to_owned),
            more: Vec::new(),
        };
        let text = "[instance]\nami = \"ami-1\"\n";
        for (is_worker, tags, at_shutdown) in
            [(true, Some(&InstanceMetadataTagsState::Enabled), Some(&ShutdownBehavior::Terminate)), (false, None, None)]
        {
            let launch = Launch { is_worker, ..launch(text).unwrap() };
            let call = launch.call(&ec2, 1, "token", &birth(None)).unwrap();
            let asked = call.as_input();
            assert_eq!(asked.get_metadata_options().as_ref().unwrap().instance_metadata_tags(), tags);
            assert_eq!(asked.get_instance_initiated_shutdown_behavior().as_ref(), at_shutdown);
        }
    }
}
