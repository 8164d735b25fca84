//! Identity, region, pins. In: config.toml, and the environment, profiles and credentials as AWS's own tools read them.
//! Out: a [`Session`] whose account and region are those that config.toml pins.
//!
//! Nothing but the caller's identity is asked for before the pins hold. No credentials are kept here or printed.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::identity::IdentityCache;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_sdk_ec2::config::SharedHttpClient;
use aws_types::os_shim_internal::{Env, Fs};
use aws_types::service_config::ServiceConfigKey;

use super::credentials::{LOADED_WITHIN, OwnTime};
use super::errors::{deepest, sorted};
use super::launch::LaunchError;
use super::trust::{self, BundleError};
use super::{https, remedy, settings};
use crate::clouds::settings::Settings;
use crate::fleet::ports::CloudError;

/// The services that are called, by the names of their SDKs.
const SERVICES: [&str; 6] = ["EC2", "Elastic Load Balancing", "Elastic Load Balancing v2", "CloudWatch", "SQS", "STS"];
/// For the answer to one request, the connection included. Credentials have their own time (`credentials`).
const ANSWER_WITHIN: Duration = Duration::from_secs(14);

/// Why the fleet in AWS is not opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the fleet has no name, by which its instances are found: set fleet.name in config.toml")]
    NoName,
    #[error("there is no region: set aws.region in config.toml, or AWS_REGION, or the profile's")]
    NoRegion,
    #[error(
        "config.toml pins the region {pinned}, but the environment or profile says {found}: change aws.region or \
         AWS_REGION, so that they agree"
    )]
    OtherRegion { pinned: String, found: String },
    #[error(
        "config.toml pins the account {pinned}, but these credentials are of {found}: log in to the other one, or \
         change aws.account or aws.profile"
    )]
    OtherAccount { pinned: String, found: String },
    #[error("there is no profile {name} in the files of AWS's profiles: correct {named}, or add the profile")]
    NoProfile { name: String, named: &'static str },
    #[error("cannot read the files of AWS's profiles: {0}; correct them")]
    Profiles(String),
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error("AWS did not say who we are, {0}{remedy}", remedy = remedy::of_identity(.0))]
    Unidentified(CloudError),
    #[error(transparent)]
    Launch(Arc<LaunchError>),
    #[error("there is no {front} in {region}: make it with `handwave balancer create --live`")]
    NoBalancer { front: String, region: String },
    #[error("AWS does not show {what}, {error}{remedy}", remedy = remedy::of_look(.error))]
    Hidden { what: &'static str, error: CloudError },
}

/// An identity and a region in AWS, which are those that config.toml pins.
#[derive(Debug)]
pub struct Session {
    pub(super) sdk: SdkConfig,
    /// Twelve digits.
    pub account: String,
    /// The ARN of the user or role.
    pub caller: String,
    pub region: String,
    /// The addresses of calls that do not go to AWS itself.
    pub endpoints: Vec<String>,
    /// Whether every call goes to a stand-in on this machine.
    pub is_rehearsal: bool,
}

impl Session {
    /// Finds out identity and region, and holds them to the pins. One call: GetCallerIdentity.
    pub async fn open(settings: &Settings) -> Result<Session, OpenError> {
        if settings.fleet.name.trim().is_empty() {
            return Err(OpenError::NoName);
        }
        let bundle = bundle(&settings.aws).await?;
        let https = https::client(&trust::store(std::env::var(trust::VARIABLE).ok(), bundle.as_deref())?);
        let region = region(&settings.aws, &https).await?;
        let sdk = loaded(&settings.aws, &region, &https).await;

        let identity = aws_sdk_sts::Client::new(&sdk).get_caller_identity().send().await;
        let identity = identity.map_err(|error| OpenError::Unidentified(sorted(error)))?;
        let (account, caller) = (identity.account.unwrap_or_default(), identity.arn.unwrap_or_default());
        match &settings.aws.account {
            Some(pinned) if *pinned != account => {
                Err(OpenError::OtherAccount { pinned: pinned.clone(), found: account })
            }
            _ => {
                let each = SERVICES.map(|service| endpoint(&sdk, service));
                let is_rehearsal = each.iter().all(|url| url.as_deref().is_some_and(https::is_loopback));
                let endpoints = each.into_iter().flatten().collect::<BTreeSet<_>>().into_iter().collect();
                Ok(Session { account, caller, region: region.to_string(), endpoints, is_rehearsal, sdk })
            }
        }
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "account {} as {}, region {}", self.account, self.caller, self.region)?;
        match self.endpoints.is_empty() {
            true => Ok(()),
            false => write!(f, ", by way of {}", self.endpoints.join(" and ")),
        }
    }
}

/// The selected profile's `ca_bundle`, once it is known that the profile is there. AWS's own tools refuse a profile
/// that is not; the SDK would go on without, as somebody else perhaps.
async fn bundle(settings: &settings::Settings) -> Result<Option<String>, OpenError> {
    let chosen = settings.profile.clone().map(Cow::Owned);
    let files = EnvConfigFiles::default();
    let profiles = aws_config::profile::load(&Fs::real(), &Env::real(), &files, chosen).await;
    let profiles = profiles.map_err(|error| OpenError::Profiles(deepest(&error)))?;
    let name = profiles.selected_profile();
    let named = match &settings.profile {
        Some(_) => Some("aws.profile in config.toml"),
        None => std::env::var_os("AWS_PROFILE").filter(|name| !name.is_empty()).map(|_| "AWS_PROFILE"),
    };
    match (profiles.get_profile(name), named) {
        (Some(profile), _) => Ok(profile.get("ca_bundle").map(str::to_owned)),
        (None, Some(named)) => Err(OpenError::NoProfile { name: name.to_owned(), named }),
        (None, None) => Ok(None),
    }
}

/// What the SDK's clients are made of. The credentials are waited for here: afterwards no request spends its time on
/// them.
async fn loaded(settings: &settings::Settings, region: &Region, https: &SharedHttpClient) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(region.clone())
        .http_client(https.clone())
        .identity_cache(IdentityCache::lazy().load_timeout(LOADED_WITHIN).build())
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ANSWER_WITHIN).build());
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile).credentials_provider(of_profile(profile, region, https));
    }
    if let Some(url) = &settings.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let sdk = loader.load().await;
    let Some(source) = sdk.credentials_provider() else { return sdk };
    let credentials = OwnTime::new(source);
    credentials.ready().await;
    sdk.into_builder().credentials_provider(SharedCredentialsProvider::new(credentials)).build()
}

/// The credentials of a profile that config.toml names. Keys in the environment, which may be anybody's, do not go
/// before it, as with AWS's own `--profile`. A profile without any goes on to the machine's role.
fn of_profile(name: &str, region: &Region, https: &SharedHttpClient) -> CredentialsProviderChain {
    let ours = ProviderConfig::without_region().with_region(Some(region.clone())).with_http_client(https.clone());
    let profile = ProfileFileCredentialsProvider::builder().configure(&ours).profile_name(name).build();
    let container = EcsCredentialsProvider::builder().configure(&ours).build();
    let machine = ImdsCredentialsProvider::builder().configure(&ours).build();
    CredentialsProviderChain::first_try("profile", profile).or_else("container", container).or_else("machine", machine)
}

/// The pinned region unless the environment or the profile says another, else what they say.
async fn region(settings: &settings::Settings, https: &SharedHttpClient) -> Result<Region, OpenError> {
    let mut profile = ProfileFileRegionProvider::builder();
    if let Some(name) = &settings.profile {
        profile = profile.profile_name(name);
    }
    let said = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new()).or_else(profile.build());
    let said = said.region().await;
    match (&settings.region, said) {
        (Some(pinned), Some(found)) if *pinned != *found.as_ref() => {
            Err(OpenError::OtherRegion { pinned: pinned.clone(), found: found.to_string() })
        }
        (Some(pinned), _) => Ok(Region::new(pinned.clone())),
        (None, Some(found)) => Ok(found),
        // On an EC2 instance, the instance's own region.
        (None, None) => {
            let ours = ProviderConfig::without_region().with_http_client(https.clone());
            ImdsRegionProvider::builder().configure(&ours).build().region().await.ok_or(OpenError::NoRegion)
        }
    }
}

/// The address that a service's calls go to, if not to AWS: config.toml's for all services, else the service's own,
/// else the common one of the environment or the profile. The same order as in the SDK's clients.
fn endpoint(sdk: &SdkConfig, service: &str) -> Option<String> {
    let own = || {
        let key = ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL").profile("endpoint_url");
        sdk.service_config()?.load_config(key.build().ok()?)
    };
    let everywhere = sdk.get_origin("endpoint_url").is_client_config();
    (!everywhere).then(own).flatten().or_else(|| sdk.endpoint_url().map(str::to_owned))
}
