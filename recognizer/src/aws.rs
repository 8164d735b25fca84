//! The way to AWS, or to a stand-in. In: the environment, profiles and the instance's role, as any program with AWS's
//! SDK reads them. Out: clients for SQS and S3, and the instance's own metadata.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sqs::config::SharedHttpClient;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_types::service_config::ServiceConfigKey;

use crate::store::{Store, StoreError};

/// Longer than SQS waits for a message.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("there is no region: set AWS_REGION, or `region` in the profile")]
    NoRegion,
    #[error("there are no credentials: log in as for AWS's own tools, or give the instance a role")]
    NoCredentials,
    #[error("credentials can't be had ({0}): see to the login, or try again")]
    Credentials(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub struct Aws {
    pub sqs: aws_sdk_sqs::Client,
    pub store: Store,
    pub region: String,
}

pub async fn open() -> Result<Aws, OpenError> {
    let sdk = config().await;
    let region = sdk.region().ok_or(OpenError::NoRegion)?.to_string();
    let credentials = sdk.credentials_provider().ok_or(OpenError::NoCredentials)?;
    // Asked for here, where the failure has a plain reason.
    credentials.provide_credentials().await.map_err(|error| match error {
        CredentialsError::CredentialsNotLoaded(_) => OpenError::NoCredentials,
        error => OpenError::Credentials(in_one_line(&deepest(&error))),
    })?;
    let store = Store::new(&region, s3_endpoint(&sdk).as_deref(), credentials)?;
    Ok(Aws { sqs: aws_sdk_sqs::Client::new(&sdk), store, region })
}

async fn config() -> SdkConfig {
    // A connection that has died must not keep a worker for good.
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ANSWER_WITHIN).build();
    aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(https()).timeout_config(timeouts).load().await
}

/// rustls with ring, as handwave: it trusts the system's certificates.
pub fn https() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

/// Where S3 is, if not at AWS: its own setting, else the one for all services, as the SDK's clients look for it.
fn s3_endpoint(sdk: &SdkConfig) -> Option<String> {
    let own = || {
        let key = ServiceConfigKey::builder().service_id("S3").env("AWS_ENDPOINT_URL").profile("endpoint_url");
        sdk.service_config()?.load_config(key.build().ok()?)
    };
    own().or_else(|| sdk.endpoint_url().map(str::to_owned))
}

/// What the SDK says of a failed call, on one line and without a full stop: AWS's own words where there are some.
pub fn told<E: ProvideErrorMetadata + std::error::Error + 'static>(error: &SdkError<E>) -> String {
    let text = match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code} ({message})"),
        (Some(code), None) => code.to_owned(),
        _ => deepest(error),
    };
    in_one_line(&text)
}

/// Without a full stop, for use inside a sentence.
pub fn in_one_line(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").trim_end_matches('.').to_owned()
}

/// The last cause, which is the one that tells something.
pub fn deepest(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
