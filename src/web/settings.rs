//! The `[web]` section of config.toml, where each setting says its unit and reason.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use ipnet::IpNet;
use serde::Deserialize;

use super::openid::settings::Settings as OpenId;
use crate::settings::{Invalid, optional_path, require};

#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    pub listen: Listen,
    pub hosts: Vec<Host>,
    #[serde(deserialize_with = "optional_path")]
    pub users: Option<PathBuf>,
    #[serde(deserialize_with = "optional_path")]
    pub certificate: Option<PathBuf>,
    #[serde(deserialize_with = "optional_path")]
    pub key: Option<PathBuf>,
    pub trusted_proxies: Vec<Network>,
    pub public_read: bool,
    pub openid: OpenId,
}

impl Settings {
    /// The same at another address, where one is given.
    pub fn at(&self, listen: Option<Listen>) -> Settings {
        Settings { listen: listen.unwrap_or(self.listen), ..self.clone() }
    }

    /// Whoever reaches the page can ask for its sign-in, and what is typed goes over the wire. So what other machines
    /// reach has users or a provider, and TLS here or at a proxy.
    pub fn check(&self) -> Result<(), Invalid> {
        let (alone, pair) = match self.key {
            Some(_) => ("web.key", "needs the certificate that it belongs to: set web.certificate too, or neither"),
            None => ("web.certificate", "needs the key that it belongs to: set web.key too, or neither"),
        };
        require(self.certificate.is_some() == self.key.is_some(), alone, pair)?;
        self.openid.check()?;
        let lacking = self.lacking();
        if self.listen.is_loopback() || lacking.is_empty() {
            return Ok(());
        }
        let Listen(address) = self.listen;
        let port = address.port();
        let reason = format!(
            "is {address}, which other machines can reach: set {}; or set it to 127.0.0.1:{port}, and come from \
             elsewhere by `ssh -L {port}:127.0.0.1:{port} THIS-MACHINE`",
            lacking.join(", and ")
        );
        Err(Invalid { key: "web.listen", reason })
    }

    /// What a page that other machines reach must have and this one has not.
    fn lacking(&self) -> Vec<&'static str> {
        let mut lacking = Vec::new();
        if self.users.is_none() && self.openid.issuer.is_none() {
            lacking.push("web.users, the file that `handwave web user add` makes, or web.openid.issuer");
        }
        if self.certificate.is_none() && self.trusted_proxies.is_empty() {
            lacking.push("web.certificate and web.key for TLS, or web.trusted_proxies where a proxy has it");
        }
        if self.hosts.is_empty() && (self.listen.0.ip().is_unspecified() || !self.trusted_proxies.is_empty()) {
            lacking.push("web.hosts, the names by which browsers open the page");
        }
        lacking
    }
}

/// Where the page is served: an address and a port, such as `127.0.0.1:8470` or `localhost:8470`. Port 0 is any free
/// one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Listen(pub SocketAddr);

impl Listen {
    /// Whether this machine alone can reach it.
    pub fn is_loopback(&self) -> bool {
        self.0.ip().is_loopback()
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Listen, String> {
        let named = text.strip_prefix("localhost:").and_then(|port| port.parse().ok());
        let address = named.map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
        let address = address.or_else(|| text.parse().ok());
        address
            .map(Listen)
            .ok_or_else(|| format!("{text:?} is no address: write an IP address and a port, 127.0.0.1:8470"))
    }
}

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Listen, String> {
        text.parse()
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A name or an address by which browsers open the page, as it stands in a URL; small letters, without a port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Host(pub String);

impl Host {
    /// An address as it stands in a URL.
    pub fn of(address: IpAddr) -> Host {
        match address {
            IpAddr::V4(address) => Host(address.to_string()),
            IpAddr::V6(address) => Host(format!("[{address}]")),
        }
    }
}

impl TryFrom<String> for Host {
    type Error = String;

    fn try_from(text: String) -> Result<Host, String> {
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        let is_label = |label: &str| {
            let is_plain = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
            is_plain && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
        };
        let is_name = text.split('.').all(is_label);
        match bare.parse() {
            Ok(address) => Ok(Host::of(address)),
            _ if is_name => Ok(Host(text.to_ascii_lowercase())),
            _ => Err(format!("{text:?} is no host: write a name alone, such as \"handwave.example.org\"")),
        }
    }
}

/// An address, or a network of them such as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network(IpNet);

impl Network {
    pub fn has(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Network, String> {
        let address = text.parse::<IpAddr>().map(IpNet::from);
        let network = address.or_else(|_| text.parse()).map_err(|_| {
            format!(
                "{text:?} is no address: write an IP address such as \"10.0.0.2\", or a network such as \"10.0.0.0/24\""
            )
        })?;
        match network.prefix_len() {
            0 => Err(format!("{text:?} is every address, and all would be believed: name the proxy's own")),
            _ => Ok(Network(network)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(listen: &str) -> Settings {
        Settings {
            listen: listen.parse().unwrap(),
            hosts: Vec::new(),
            users: None,
            certificate: None,
            key: None,
            trusted_proxies: Vec::new(),
            public_read: false,
            openid: OpenId::default(),
        }
    }

    #[test]
    fn an_address_is_an_ip_or_localhost_with_a_port() {
        let address = |text: &str| text.parse::<Listen>().map(|listen| listen.to_string());
        assert_eq!(address("localhost:1"), Ok("127.0.0.1:1".into()));
        assert_eq!(address("[::1]:8470"), Ok("[::1]:8470".into()));
        for wrong in ["8470", "localhost", "example.org:80", "127.0.0.1", "127.0.0.1:70000", ""] {
            assert!(address(wrong).unwrap_err().contains("write an IP address and a port"), "{wrong}");
        }
    }

    #[test]
    fn a_host_is_a_name_as_it_stands_in_a_url() {
        let host = |text: &str| Host::try_from(text.to_owned()).map(|Host(host)| host);
        for (text, stands) in
            [("Hand.Example", "hand.example"), ("::1", "[::1]"), ("[::1]", "[::1]"), ("10.0.0.1", "10.0.0.1")]
        {
            assert_eq!(host(text), Ok(stands.to_owned()));
        }
        for wrong in ["", "https://x", "x:80", "a b", "x/", "*", "a@b", "-", "-a.b", "a-.b", ".", "a..b", "a."] {
            assert!(host(wrong).unwrap_err().contains("write a name alone"), "{wrong}");
        }
    }

    #[test]
    fn a_proxy_is_an_address_or_a_network() {
        let network = |text: &str| Network::try_from(text.to_owned());
        let has = |text: &str, address: &str| network(text).unwrap().has(address.parse().unwrap());
        assert!(has("10.0.0.2", "10.0.0.2") && !has("10.0.0.2", "10.0.0.3"));
        assert!(has("10.0.0.0/24", "10.0.0.3") && !has("10.0.0.0/24", "10.0.1.3") && !has("::1", "127.0.0.1"));
        for wrong in ["", "proxy.example", "10.0.0.0/33", "10.0.0"] {
            assert!(network(wrong).unwrap_err().contains("write an IP address"), "{wrong}");
        }
        for all in ["0.0.0.0/0", "::/0"] {
            assert!(network(all).unwrap_err().contains("name the proxy's own"), "{all}");
        }
    }

    #[test]
    fn other_machines_need_passwords_and_tls_and_the_sentence_says_what_is_lacking() {
        let users = Some(PathBuf::from("users.toml"));
        let tls = |of: Settings| Settings { certificate: Some("c.pem".into()), key: Some("k.pem".into()), ..of };
        let host = vec![Host("hand.example".into())];
        let proxy = vec![Network::try_from("10.0.0.2".to_owned()).unwrap()];
        let said =
            |of: &Settings| of.check().err().map_or(String::new(), |Invalid { key, reason }| format!("{key} {reason}"));
        for loopback in ["127.0.0.1:80", "[::1]:80"] {
            assert_eq!(said(&settings(loopback)), "");
        }
        let open = settings("0.0.0.0:80");
        let all = said(&open);
        assert!(all.starts_with("web.listen is 0.0.0.0:80, which other machines can reach: set web.users,"), "{all}");
        for part in ["web.certificate and web.key", "web.trusted_proxies", "web.hosts", "ssh -L 80:127.0.0.1:80"] {
            assert!(all.contains(part), "{all}");
        }
        assert!(said(&settings("[::]:80")).contains("web.hosts"));
        let with_users = Settings { users: users.clone(), ..open.clone() };
        assert!(said(&with_users).contains("set web.certificate") && !said(&with_users).contains("web.users"));
        let by_tls = Settings { users: users.clone(), hosts: host.clone(), ..tls(open.clone()) };
        assert_eq!(said(&by_tls), "");
        let without = Settings { users: None, ..by_tls };
        assert!(said(&without).contains("set web.users"));
        let openid = OpenId {
            issuer: Some("https://login.example.org".into()),
            client_id: "page".into(),
            name_claim: "email".into(),
            groups_claim: "groups".into(),
            viewers: vec!["staff".into()],
            ..OpenId::default()
        };
        assert_eq!(said(&Settings { openid, ..without.clone() }), "", "a provider knows who people are");
        let openid = OpenId { issuer: Some("https://login.example.org".into()), ..OpenId::default() };
        assert!(said(&Settings { openid, ..without }).starts_with("web.openid.client_id is empty"));
        let by_proxy = Settings { users: users.clone(), hosts: host, trusted_proxies: proxy, ..open };
        assert_eq!(said(&by_proxy), "");
        assert!(said(&Settings { hosts: Vec::new(), ..by_proxy }).contains("set web.hosts"));
        assert_eq!(said(&Settings { users, ..tls(settings("192.0.2.1:80")) }), "", "its own address is a name");
        let paired = tls(settings("127.0.0.1:80"));
        assert!(said(&Settings { key: None, ..paired.clone() }).starts_with("web.certificate needs the key"));
        assert!(said(&Settings { certificate: None, ..paired }).starts_with("web.key needs the certificate"));
    }
}
