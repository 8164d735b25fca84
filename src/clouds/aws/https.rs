//! The HTTP client of every call, those for credentials too. In: the trusted certificates, and the proxy that the
//! environment names. Out: a client for the SDK.

use std::net::IpAddr;

use aws_sdk_ec2::config::{ConfigBag, HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;

/// rustls with ring. The proxy of HTTPS_PROXY, HTTP_PROXY or ALL_PROXY is asked for what is not near.
pub fn client(trust: &TrustStore) -> SharedHttpClient {
    let by = |proxy: ProxyConfig| {
        let trust = trust.clone();
        aws_smithy_http_client::Builder::new().build_with_connector_fn(move |settings, components| {
            let tls = TlsContext::builder().with_trust_store(trust.clone()).build().unwrap_or_default();
            let mut connector = Connector::builder().proxy_config(proxy.clone());
            connector.set_connector_settings(settings.cloned());
            connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
            connector.tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(tls).build()
        })
    };
    SharedHttpClient::new(Routes { direct: by(ProxyConfig::disabled()), proxied: by(ProxyConfig::from_env()) })
}

/// The two ways to an address.
#[derive(Debug)]
struct Routes<T> {
    direct: T,
    proxied: T,
}

impl HttpClient for Routes<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let by = |client: &SharedHttpClient| client.http_connector(settings, components);
        SharedHttpConnector::new(Routes { direct: by(&self.direct), proxied: by(&self.proxied) })
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        HttpClient::validate_base_client_config(&self.proxied, components, config)
    }

    fn validate_final_config(&self, components: &RuntimeComponents, config: &ConfigBag) -> Result<(), BoxError> {
        HttpClient::validate_final_config(&self.proxied, components, config)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.proxied.connector_metadata()
    }
}

impl HttpConnector for Routes<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        match is_near(host(request.uri())) {
            true => self.direct.call(request),
            false => self.proxied.call(request),
        }
    }
}

/// Whether a host is this machine or on its own link, which no proxy reaches in its place: a proxy would be shown this
/// machine's metadata and credentials, or answer with its own. NO_PROXY is often set without them.
fn is_near(host: &str) -> bool {
    match host.parse::<IpAddr>().map(|address| address.to_canonical()) {
        // Link-local: EC2's metadata (169.254.169.254), ECS's and EKS's credentials (169.254.170.2 and .23).
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_link_local(),
        // fd00:ec2::/32: the same of AWS, by version 6.
        Ok(IpAddr::V6(address)) => {
            address.is_loopback() || address.is_unicast_link_local() || address.segments()[..2] == [0xfd00, 0xec2]
        }
        Err(_) => is_localhost(host),
    }
}

/// Whether a URL's host is this machine.
pub fn is_loopback(url: &str) -> bool {
    let host = host(url);
    is_localhost(host) || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_localhost(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
}

/// A URL's host, an address of version 6 without its brackets.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    // `user@` before a host would hide it.
    let host = authority.rsplit('@').next().unwrap_or_default();
    match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_is_one_on_this_machine() {
        for url in ["http://127.0.0.1:5000", "http://localhost:5000/", "http://[::1]:5000"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in ["https://ec2.eu-central-1.amazonaws.com", "http://127.0.0.1@example.com", "http://10.0.0.1:1"] {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[test]
    fn what_is_near_needs_no_proxy() {
        for url in [
            "http://169.254.169.254/latest/api/token",
            "http://[fd00:ec2::254]/latest/api/token",
            "http://169.254.170.2/v2/credentials/x",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
            "http://[::ffff:169.254.169.254]/",
            "http://127.0.0.53:5000/",
            "http://[::1]:5000/",
            "https://LOCALHOST/",
        ] {
            assert!(is_near(host(url)), "{url}");
        }
        for url in [
            "https://sts.us-east-1.amazonaws.com/",
            "http://169.254.169.254.example.com/",
            "http://localhost.example.com/",
            "http://169.254.169.254@10.0.0.1/",
            "http://10.0.0.1/",
            "http://[fd00:ec3::254]/",
        ] {
            assert!(!is_near(host(url)), "{url}");
        }
    }
}
