//! The `[web]` section of config.toml, where each setting says its unit and reason.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use serde::Deserialize;

use crate::settings::Invalid;

#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    pub listen: Listen,
}

impl Settings {
    pub fn check(&self) -> Result<(), Invalid> {
        self.listen.check().map_err(|reason| Invalid { key: "web.listen", reason })
    }
}

/// Where the page is served: an address and a port, such as `127.0.0.1:8470` or `localhost:8470`. Port 0 is any free one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Listen(pub SocketAddr);

impl Listen {
    /// Whoever reaches the page can ask for its sign-in, and what is typed goes over the wire as it is. So it stays on this
    /// machine.
    pub fn check(&self) -> Result<(), String> {
        if self.0.ip().is_loopback() {
            return Ok(());
        }
        let port = self.0.port();
        Err(format!(
            "is {}, which other machines can reach, and the page has no passwords and no TLS: set it to 127.0.0.1:{port}, \
             and come from elsewhere by `ssh -L {port}:127.0.0.1:{port} THIS-MACHINE`",
            self.0
        ))
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn other_machines_are_kept_out_with_the_sentence_that_says_how_to_come() {
        for (text, stays) in [("127.0.0.1:80", true), ("[::1]:80", true), ("0.0.0.0:80", false), ("[::]:80", false)] {
            let check = text.parse::<Listen>().unwrap().check();
            assert_eq!(check.is_ok(), stays, "{text}");
            assert!(check.is_ok() || check.unwrap_err().contains("ssh -L 80:127.0.0.1:80"));
        }
    }
}
