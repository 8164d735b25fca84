//! What keeps others out, whoever is signed in. In: requests. Out: those that name this server and came the right way,
//! each with its client, or a refusal; and headers that hold the browser to this page alone.
//!
//! A page on another site whose name was made to lead here (DNS rebinding) names itself as the host, so only loopback's
//! own names are taken, the address that is listened at, and those of web.hosts. Any port is, as `ssh -L` may lead
//! another one here. Requests from other sites that change something are refused by tower-http's CSRF layer.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::Response;

use super::answer::error;
use super::client::Client;
use super::settings::{Host, Network, Settings};

/// Nothing but this page's own files and requests. Text never becomes markup: the page may not even try (Trusted
/// Types); its one policy names the worker's file.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types handwave";

/// Where this server is, and whom it believes.
#[derive(Clone, Debug)]
pub struct Gate {
    /// By which hosts it is named.
    hosts: Arc<[String]>,
    trusted_proxies: Arc<[Network]>,
    is_tls: bool,
}

impl Gate {
    pub fn of(settings: &Settings) -> Gate {
        let address = settings.listen.0.ip();
        let own = (!address.is_unspecified()).then(|| Host::of(address));
        let loopback = ["127.0.0.1", "localhost", "[::1]"].map(|name| Host(name.to_owned()));
        let hosts = loopback.into_iter().chain(own).chain(settings.hosts.iter().cloned()).map(|Host(host)| host);
        Gate {
            hosts: hosts.collect(),
            trusted_proxies: settings.trusted_proxies.clone().into(),
            is_tls: settings.certificate.is_some(),
        }
    }

    /// Why a request gets no further.
    fn refusal(&self, peer: IpAddr, client: &Client) -> Option<Response> {
        // Without TLS of its own, the page is for this machine and for the proxies that have it.
        let is_direct = !self.is_tls && !peer.is_loopback() && !self.trusted_proxies.iter().any(|one| one.has(peer));
        if is_direct {
            return Some(error(StatusCode::FORBIDDEN, "this page is served by way of a proxy: open it there"));
        }
        let sentence =
            "this is handwave, under another name: open it as 127.0.0.1 or localhost, or add the name to web.hosts";
        let is_here = client.host.as_ref().is_some_and(|host| self.is_here(host));
        (!is_here).then(|| error(StatusCode::MISDIRECTED_REQUEST, sentence))
    }

    fn is_here(&self, named: &Authority) -> bool {
        self.hosts.iter().any(|host| host.eq_ignore_ascii_case(named.host()))
    }
}

/// Refuses a request that names another host, and adds the headers to every answer.
pub async fn guard(
    State(gate): State<Gate>,
    Extension(peer): Extension<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = peer.ip().to_canonical();
    let client = Client::of(peer, request.headers(), gate.is_tls, &gate.trusted_proxies);
    let mut response = match gate.refusal(peer, &client) {
        Some(refusal) => refusal,
        None => {
            // What a proxy calls this server is no browser's origin.
            let host = client.host.as_ref().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
            host.map(|host| request.headers_mut().insert(HOST, host));
            request.extensions_mut().insert(client);
            next.run(request).await
        }
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        // For browsers that do not know frame-ancestors.
        (X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // The page's own files say otherwise.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;
    use crate::web::settings::Listen;

    fn gate(listen: &str, hosts: &[&str]) -> Gate {
        Gate::of(&Settings {
            listen: listen.parse::<Listen>().unwrap(),
            hosts: hosts.iter().map(|host| Host::try_from(host.to_string()).unwrap()).collect(),
            users: None,
            certificate: None,
            key: None,
            trusted_proxies: vec![Network::try_from("10.0.0.2".to_owned()).unwrap()],
            public_read: false,
            openid: Default::default(),
        })
    }

    fn status(gate: &Gate, peer: &str, host: &str) -> u16 {
        let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_str(host).unwrap())]);
        let peer = peer.parse().unwrap();
        let client = Client::of(peer, &headers, gate.is_tls, &gate.trusted_proxies);
        gate.refusal(peer, &client).map_or(200, |refusal| refusal.status().as_u16())
    }

    #[test]
    fn only_loopbacks_own_names_lead_here_and_those_of_the_settings() {
        let local = gate("127.0.0.1:8470", &[]);
        for host in ["127.0.0.1:8470", "localhost:9999", "[::1]:8470", "localhost", "LOCALHOST"] {
            assert_eq!(status(&local, "127.0.0.1", host), 200, "{host}");
        }
        let named = gate("192.168.1.2:8470", &["Hand.Example", "fd00::1"]);
        for host in ["hand.example", "HAND.example:443", "192.168.1.2:8470", "[fd00::1]", "localhost"] {
            assert_eq!(status(&named, "127.0.0.1", host), 200, "{host}");
        }
        for host in [
            "evil.example:8470",
            "127.0.0.1.evil.example:8470",
            "localhost.evil.example",
            "127.0.0.1@evil.example",
            "",
            "evil.example@127.0.0.1",
            "0.0.0.0:8470",
            "192.168.1.3:8470",
            "x.hand.example",
            "LOCALHOST.:1",
        ] {
            assert_eq!(status(&local, "127.0.0.1", host), 421, "{host}");
            assert_eq!(status(&named, "127.0.0.1", host), 421, "{host}");
        }
    }

    #[test]
    fn without_tls_other_machines_come_by_way_of_a_proxy() {
        let open = gate("0.0.0.0:8470", &["hand.example"]);
        for (peer, expected) in [("127.0.0.1", 200), ("::1", 200), ("10.0.0.2", 200), ("10.0.0.3", 403)] {
            assert_eq!(status(&open, peer, "hand.example"), expected, "{peer}");
            let tls = Gate { is_tls: true, ..open.clone() };
            assert_eq!(status(&tls, peer, "hand.example"), 200, "{peer}");
        }
    }
}
