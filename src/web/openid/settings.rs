//! The `[web.openid]` section of config.toml, where each setting says its reason.

use std::path::PathBuf;

use serde::Deserialize;

use crate::settings::{Invalid, optional, optional_path, require};

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Settings {
    /// None: nobody signs in this way.
    #[serde(deserialize_with = "optional")]
    pub issuer: Option<String>,
    pub client_id: String,
    #[serde(deserialize_with = "optional_path")]
    pub client_secret_file: Option<PathBuf>,
    pub scopes: Vec<String>,
    pub name_claim: String,
    pub groups_claim: String,
    pub operators: Vec<String>,
    pub viewers: Vec<String>,
    #[serde(deserialize_with = "optional")]
    pub sign_out_url: Option<String>,
}

impl Settings {
    /// What is wrong with them. Nothing is, where there is no issuer.
    pub fn check(&self) -> Result<(), Invalid> {
        let Some(issuer) = &self.issuer else { return Ok(()) };
        let why = "must begin with https://: whoever is on the way could sign in as anybody (http:// is for this machine \
                   alone)";
        require(is_private(issuer), "web.openid.issuer", why)?;
        if let Some(url) = &self.sign_out_url {
            require(is_private(url), "web.openid.sign_out_url", "must begin with https://")?;
        }
        for (value, key) in [
            (&self.client_id, "web.openid.client_id"),
            (&self.name_claim, "web.openid.name_claim"),
            (&self.groups_claim, "web.openid.groups_claim"),
        ] {
            require(!value.is_empty(), key, "is empty, and web.openid.issuer needs it")?;
        }
        let nobody = "and web.openid.viewers are empty, so nobody could sign in: name the provider's groups";
        require(!(self.operators.is_empty() && self.viewers.is_empty()), "web.openid.operators", nobody)
    }
}

/// Whether nobody on the way can read or change what is sent.
fn is_private(url: &str) -> bool {
    let is_here = |rest: &str| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        ["127.0.0.1", "localhost", "[::1]"].iter().any(|host| {
            authority.strip_prefix(host).is_some_and(|port| port.is_empty() || port.starts_with(':'))
                && !authority.contains('@')
        })
    };
    url.strip_prefix("https://").is_some_and(|rest| !rest.is_empty())
        || url.strip_prefix("http://").is_some_and(is_here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_private_and_has_what_it_needs() {
        let good = Settings {
            issuer: Some("https://login.example.org".into()),
            client_id: "handwave".into(),
            name_claim: "email".into(),
            groups_claim: "groups".into(),
            viewers: vec!["staff".into()],
            ..Settings::default()
        };
        assert_eq!(good.check(), Ok(()));
        assert_eq!(Settings::default().check(), Ok(()), "off");
        for here in ["http://127.0.0.1:4000", "http://localhost/realms/x", "http://[::1]:1"] {
            assert_eq!(Settings { issuer: Some(here.into()), ..good.clone() }.check(), Ok(()), "{here}");
        }
        let key = |of: Settings| of.check().unwrap_err().key;
        for open in [
            "http://login.example.org",
            "http://127.0.0.1.example.org",
            "http://localhost:1@example.org",
            "login.example.org",
            "https://",
        ] {
            assert_eq!(key(Settings { issuer: Some(open.into()), ..good.clone() }), "web.openid.issuer", "{open}");
        }
        assert_eq!(key(Settings { client_id: String::new(), ..good.clone() }), "web.openid.client_id");
        assert_eq!(key(Settings { name_claim: String::new(), ..good.clone() }), "web.openid.name_claim");
        assert_eq!(key(Settings { groups_claim: String::new(), ..good.clone() }), "web.openid.groups_claim");
        assert_eq!(key(Settings { viewers: Vec::new(), ..good.clone() }), "web.openid.operators");
        assert_eq!(key(Settings { sign_out_url: Some("ftp://x".into()), ..good }), "web.openid.sign_out_url");
    }
}
