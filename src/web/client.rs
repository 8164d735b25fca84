//! Where a request comes from. In: the address that it was sent from, its headers, the proxies that are trusted. Out:
//! the client's own address, the host that it named, and whether nobody could listen. Pure.
//!
//! Anybody can write `X-Forwarded-*`: these headers are believed from trusted proxies alone, and of the addresses in
//! `X-Forwarded-For` only those that trusted proxies wrote.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use axum::http::header::{HOST, HeaderName};
use axum::http::uri::Authority;

use super::settings::Network;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    pub address: IpAddr,
    /// None: it named none, or several.
    pub host: Option<Authority>,
    /// Whether it came over TLS, here or at a proxy.
    pub is_https: bool,
    /// Whether a trusted proxy sent it on.
    pub is_forwarded: bool,
}

impl Client {
    /// Whose request this is: sent from `peer`, over TLS or not.
    pub fn of(peer: IpAddr, headers: &HeaderMap, is_tls: bool, trusted: &[Network]) -> Client {
        let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.has(address));
        let peer = peer.to_canonical();
        let is_forwarded = is_trusted(peer) && headers.contains_key(FORWARDED_FOR);
        if !is_forwarded {
            return Client { address: peer, host: only(headers, &HOST).and_then(host), is_https: is_tls, is_forwarded };
        }
        // Each proxy adds whom it heard from: the last one that is no proxy of ours is the client.
        let mut address = peer;
        let chain: Vec<&str> = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).collect();
        for written in chain.join(",").rsplit(',') {
            let Some(before) = parse_address(written.trim()) else { break };
            address = before;
            if !is_trusted(address) {
                break;
            }
        }
        let named = if headers.contains_key(FORWARDED_HOST) { FORWARDED_HOST } else { HOST };
        let is_https =
            is_tls || only(headers, &FORWARDED_PROTO).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
        Client { address, host: only(headers, &named).and_then(host), is_https, is_forwarded }
    }

    /// Where its browser finds this server, as a URL without a path. None: it named no host.
    pub fn origin(&self) -> Option<String> {
        let scheme = if self.is_https { "https" } else { "http" };
        self.host.as_ref().map(|host| format!("{scheme}://{host}"))
    }

    /// Whether it was sent on this machine. A proxy here may not have said whom it heard from.
    pub fn is_local(&self) -> bool {
        self.address.is_loopback() && !self.is_forwarded
    }

    /// Whether nobody on the way can read what is sent.
    pub fn is_private(&self) -> bool {
        self.is_https || self.is_local()
    }
}

/// A header that is there once, with one value.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let (Some(value), None) = (all.next(), all.next()) else { return None };
    value.to_str().ok().filter(|value| !value.contains(','))
}

fn host(text: &str) -> Option<Authority> {
    text.parse().ok().filter(|authority: &Authority| !authority.as_str().contains('@'))
}

/// An address, also one with a port as some proxies write it.
fn parse_address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, all: &[(&'static str, &str)]) -> (String, Option<String>, bool) {
        let trusted = ["10.0.0.0/24", "127.0.0.1", "::1"].map(|text| Network::try_from(text.to_owned()).unwrap());
        let mut map = HeaderMap::new();
        for (name, value) in all {
            map.append(*name, value.parse().unwrap());
        }
        let Client { address, host, is_https, .. } = Client::of(peer.parse().unwrap(), &map, false, &trusted);
        (address.to_string(), host.map(|host| host.to_string()), is_https)
    }

    #[test]
    fn a_stranger_s_headers_are_not_believed() {
        let forged = [
            ("host", "a.example"),
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-host", "b.example"),
            ("x-forwarded-proto", "https"),
        ];
        assert_eq!(client("192.0.2.9", &forged), ("192.0.2.9".into(), Some("a.example".into()), false));
        assert_eq!(client("127.0.0.1", &forged), ("127.0.0.1".into(), Some("b.example".into()), true));
    }

    #[test]
    fn the_client_is_the_last_address_that_is_no_proxys() {
        for (chain, address) in [
            ("192.0.2.1", "192.0.2.1"),
            ("6.6.6.6, 192.0.2.1", "192.0.2.1"),
            ("6.6.6.6,192.0.2.1,10.0.0.3", "192.0.2.1"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("6.6.6.6, unknown, 10.0.0.3", "10.0.0.3"),
            ("unknown", "10.0.0.2"),
            ("", "10.0.0.2"),
        ] {
            assert_eq!(client("10.0.0.2", &[("x-forwarded-for", chain)]).0, address, "{chain:?}");
            assert_eq!(client("::ffff:10.0.0.2", &[("x-forwarded-for", chain)]).0, address, "{chain:?}");
        }
    }

    #[test]
    fn what_a_proxy_sent_on_is_never_local() {
        let sent = |all: &[(&'static str, &str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in all {
                map.append(*name, value.parse().unwrap());
            }
            let trusted = [Network::try_from("127.0.0.1".to_owned()).unwrap()];
            Client::of("127.0.0.1".parse().unwrap(), &map, false, &trusted)
        };
        assert!(sent(&[]).is_local() && sent(&[]).is_private());
        for by in ["unknown", "", "127.0.0.1", "192.0.2.1"] {
            let plain = sent(&[("x-forwarded-for", by), ("x-forwarded-proto", "http")]);
            assert!(!plain.is_local() && !plain.is_private(), "{by}");
            let tls = sent(&[("x-forwarded-for", by), ("x-forwarded-proto", "https")]);
            assert!(!tls.is_local() && tls.is_private(), "{by}");
        }
    }

    #[test]
    fn what_is_said_twice_is_not_said() {
        let by = ("x-forwarded-for", "192.0.2.1");
        for (all, host, is_https) in [
            (&[by, ("host", "a"), ("x-forwarded-proto", "https")][..], Some("a"), true),
            (&[by, ("host", "a"), ("x-forwarded-proto", "http, https")], Some("a"), false),
            (&[by, ("host", "a"), ("x-forwarded-host", "b"), ("x-forwarded-host", "c")], None, false),
            (&[by, ("host", "a"), ("x-forwarded-host", "b, c")], None, false),
            (&[by, ("host", "a@b")], None, false),
            (&[by], None, false),
        ] {
            let (_, named, secure) = client("10.0.0.2", all);
            assert_eq!((named.as_deref(), secure), (host, is_https), "{all:?}");
        }
    }
}
