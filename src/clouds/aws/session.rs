//! Identity, region, pins. In: config.toml, and the environment, profiles and credentials as AWS's own tools read them.
//! Out: a [`Session`] whose account and region are those that config.toml pins.
//!
//! Nothing but the caller's identity is asked for before the pins hold. No credentials are kept here or printed.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_types::service_config::ServiceConfigKey;

use super::errors::sorted;
use super::launch::LaunchError;
use super::settings;
use crate::clouds::settings::Settings;
use crate::fleet::ports::{CloudError, ErrorKind};

/// The services that are called, by the names of their SDKs.
const SERVICES: [&str; 4] = ["EC2", "Elastic Load Balancing", "Elastic Load Balancing v2", "STS"];
/// For the answer to one request, the connection included.
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
    #[error("AWS did not say who we are, {0}; {remedy}", remedy = remedy(.0))]
    Unidentified(CloudError),
    #[error(transparent)]
    Launch(Arc<LaunchError>),
    #[error("there is no {front} in {region}: make it with `handwave balancer create --live`")]
    NoBalancer { front: String, region: String },
    #[error("AWS does not show {what}, {error}; {remedy}", remedy = hidden_remedy(.error))]
    Hidden { what: &'static str, error: CloudError },
}

/// What to do where AWS does not say who the caller is.
fn remedy(error: &CloudError) -> &'static str {
    let says = |words: &str| error.message.contains(words);
    match (error.kind, error.code.as_str()) {
        (ErrorKind::Throttled, _) => "too many requests come from this account: wait a minute and try again",
        (ErrorKind::Unavailable, _) => "check the network, the proxy and the region's name, and try again",
        (_, "RequestExpired" | "RequestTimeTooSkewed") => "set this machine's clock",
        (_, "SignatureDoesNotMatch") if says("expired") || says("not yet current") => "set this machine's clock",
        (_, "SignatureDoesNotMatch") => "check the secret key: it is not the access key's",
        (_, "RegionDisabledException") => {
            "let the account's administrator turn on STS in this region, or use another one"
        }
        (_, "InvalidClientTokenId" | "UnrecognizedClientException") => {
            "check that the region is enabled for the account, and that the access key still exists"
        }
        _ => "log in (aws sso login, AWS_PROFILE, AWS_ACCESS_KEY_ID) and try again",
    }
}

/// What to do where AWS does not show what the settings name.
fn hidden_remedy(error: &CloudError) -> &'static str {
    match error.kind {
        ErrorKind::Throttled => "too many requests come from this account: wait a minute and try again",
        ErrorKind::Unavailable => "AWS or the way there fails at the moment: try again later",
        ErrorKind::Expired => "log in again (aws sso login, AWS_PROFILE, AWS_ACCESS_KEY_ID)",
        _ => "check the permissions, and balancer.name in config.toml",
    }
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
        let region = region(&settings.aws).await?;
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(region.clone())
            .http_client(https_client())
            .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ANSWER_WITHIN).build());
        if let Some(profile) = &settings.aws.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(url) = &settings.aws.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        let sdk = loader.load().await;

        let identity = aws_sdk_sts::Client::new(&sdk).get_caller_identity().send().await;
        let identity = identity.map_err(|error| OpenError::Unidentified(sorted(error)))?;
        let (account, caller) = (identity.account.unwrap_or_default(), identity.arn.unwrap_or_default());
        match &settings.aws.account {
            Some(pinned) if *pinned != account => {
                Err(OpenError::OtherAccount { pinned: pinned.clone(), found: account })
            }
            _ => {
                let each = SERVICES.map(|service| endpoint(&sdk, service));
                let is_rehearsal = each.iter().all(|url| url.as_deref().is_some_and(is_loopback));
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

/// The pinned region unless the environment or the profile says another, else what they say.
async fn region(settings: &settings::Settings) -> Result<Region, OpenError> {
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
            let ours = ProviderConfig::without_region().with_http_client(https_client());
            ImdsRegionProvider::builder().configure(&ours).build().region().await.ok_or(OpenError::NoRegion)
        }
    }
}

/// The address that a service's calls go to, if not to AWS: config.toml's for all services, else the service's own, else
/// the common one of the environment or the profile. The same order as in the SDK's clients.
fn endpoint(sdk: &SdkConfig, service: &str) -> Option<String> {
    let own = || {
        let key = ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL").profile("endpoint_url");
        sdk.service_config()?.load_config(key.build().ok()?)
    };
    let everywhere = sdk.get_origin("endpoint_url").is_client_config();
    (!everywhere).then(own).flatten().or_else(|| sdk.endpoint_url().map(str::to_owned))
}

/// rustls with ring, the system's certificates, and the proxy that HTTPS_PROXY names.
fn https_client() -> aws_sdk_ec2::config::SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = Connector::builder().proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
        connector.tls_provider(Provider::Rustls(CryptoMode::Ring)).build()
    })
}

fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    // `user@` before a host would hide it.
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_fits_the_reason() {
        let told =
            |kind, code: &str, message: &str| OpenError::Unidentified(CloudError::new(kind, code, message)).to_string();
        let expired = ErrorKind::Expired;
        for (said, remedy) in [
            (told(expired, "SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2"), "clock"),
            (told(expired, "SignatureDoesNotMatch", "Signature not yet current: 1 is still later than 2"), "clock"),
            (told(expired, "SignatureDoesNotMatch", "The request signature we calculated differs"), "secret key"),
            (told(expired, "RequestExpired", "Request has expired"), "clock"),
            (told(expired, "InvalidClientTokenId", "The security token is invalid"), "region is enabled"),
            (told(ErrorKind::Refused, "RegionDisabledException", "STS is not activated"), "turn on STS"),
            (told(ErrorKind::Throttled, "Throttling", "Rate exceeded"), "wait a minute"),
            (told(ErrorKind::Unavailable, "NoAnswer", "no answer in time"), "the network"),
            (told(expired, "ExpiredToken", "The token has expired"), "log in"),
            (told(expired, "NoCredentials", "no provider"), "log in"),
        ] {
            assert!(said.contains(remedy), "{said} lacks {remedy}");
            assert_eq!(said.contains("log in"), remedy == "log in", "{said}");
        }
        let hidden =
            OpenError::Hidden { what: "the fleet", error: CloudError::new(ErrorKind::Throttled, "Throttling", "") };
        assert!(!hidden.to_string().contains("permissions"), "{hidden}");
    }

    #[test]
    fn a_stand_in_is_one_on_this_machine() {
        for url in ["http://127.0.0.1:5000", "http://localhost:5000/", "http://[::1]:5000"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in ["https://ec2.eu-central-1.amazonaws.com", "http://127.0.0.1@example.com", "http://10.0.0.1:1"] {
            assert!(!is_loopback(url), "{url}");
        }
    }
}
