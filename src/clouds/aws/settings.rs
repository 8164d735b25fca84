//! The sections `[aws]`, `[instance]` and `[balancer]` of config.toml, where each setting says its unit and reason.
//! In: strings. Out: what the calls need, checked without asking AWS. Part of every build: config.toml is the same.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, de};

use crate::settings::{Invalid, optional, optional_path, require};

/// Identity and region, and the address of a stand-in.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    #[serde(deserialize_with = "optional")]
    pub region: Option<String>,
    #[serde(deserialize_with = "optional")]
    pub account: Option<String>,
    #[serde(deserialize_with = "optional")]
    pub profile: Option<String>,
    #[serde(deserialize_with = "optional")]
    pub endpoint_url: Option<String>,
}

impl Settings {
    pub fn check(&self) -> Result<(), Invalid> {
        let twelve_digits = |id: &String| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
        require(self.account.as_ref().is_none_or(twelve_digits), "aws.account", "is no account: it has twelve digits")?;
        let is_url = |url: &String| url.starts_with("http://") || url.starts_with("https://");
        require(
            self.endpoint_url.as_ref().is_none_or(is_url),
            "aws.endpoint_url",
            "must begin with http:// or https://",
        )
    }
}

/// What is launched.
#[derive(Clone, Debug, Deserialize)]
pub struct InstanceSettings {
    #[serde(deserialize_with = "optional")]
    pub ami: Option<String>,
    #[serde(deserialize_with = "optional", rename = "type")]
    pub kind: Option<String>,
    #[serde(deserialize_with = "optional")]
    pub key_name: Option<String>,
    pub security_group_ids: Vec<String>,
    #[serde(deserialize_with = "optional")]
    pub subnet_id: Option<String>,
    #[serde(deserialize_with = "optional")]
    pub instance_profile: Option<String>,
    #[serde(deserialize_with = "optional_path")]
    pub user_data: Option<PathBuf>,
    #[serde(deserialize_with = "optional")]
    pub launch_template: Option<String>,
    pub tag_volumes: bool,
    pub tags: BTreeMap<String, String>,
}

impl InstanceSettings {
    pub fn check(&self) -> Result<(), Invalid> {
        let begins = |value: &Option<String>, start: &str| value.as_ref().is_none_or(|value| value.starts_with(start));
        require(begins(&self.ami, "ami-"), "instance.ami", "is no image: it must begin with ami-")?;
        require(begins(&self.subnet_id, "subnet-"), "instance.subnet_id", "is no subnet: it must begin with subnet-")?;
        groups(&self.security_group_ids, "instance.security_group_ids")?;
        // AWS's bounds: 50 tags an instance, of which handwave's two and Name are three.
        require(self.tags.len() <= 47, "instance.tags", "are too many: AWS takes 50 with handwave's own")?;
        let ours = |key: &String| key.starts_with("handwave:") || key.starts_with("aws:");
        require(!self.tags.keys().any(ours), "instance.tags", "begin with handwave: or aws:, which are taken")?;
        let short =
            |(key, value): (&String, &String)| (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256;
        require(
            self.tags.iter().all(short),
            "instance.tags",
            "are too long: a key has 1 to 128 characters, a value 256",
        )
    }
}

/// The classic load balancer.
#[derive(Clone, Debug, Deserialize)]
pub struct BalancerSettings {
    pub name: String,
    pub listeners: Vec<Listener>,
    pub subnets: Vec<String>,
    pub zones: Vec<String>,
    pub security_group_ids: Vec<String>,
    pub health_check: String,
    pub health_interval: i32,
    pub health_timeout: i32,
    pub healthy_after: i32,
    pub unhealthy_after: i32,
    pub draining: i32,
}

impl BalancerSettings {
    pub fn check(&self) -> Result<(), Invalid> {
        let name = &self.name;
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let fine = plain && (1..=32).contains(&name.len()) && !name.starts_with('-') && !name.ends_with('-');
        let rule = "must have 1 to 32 letters, digits and hyphens, no hyphen first or last";
        require(fine, "balancer.name", rule)?;
        require(!self.listeners.is_empty(), "balancer.listeners", "is empty: a balancer forwards something")?;
        let subnets = self.subnets.iter().all(|subnet| subnet.starts_with("subnet-"));
        require(subnets, "balancer.subnets", "names what is no subnet: it must begin with subnet-")?;
        let both = !self.subnets.is_empty() && !self.zones.is_empty();
        require(!both, "balancer.zones", "cannot be set where balancer.subnets is")?;
        groups(&self.security_group_ids, "balancer.security_group_ids")?;
        let rule = "is no check: write HTTP:80/path, HTTPS:443/path, TCP:80 or SSL:443";
        require(is_check(&self.health_check), "balancer.health_check", rule)?;
        within(self.health_interval, 5..=300, "balancer.health_interval")?;
        within(self.health_timeout, 2..=60, "balancer.health_timeout")?;
        let less = self.health_timeout < self.health_interval;
        require(less, "balancer.health_timeout", "must be less than balancer.health_interval")?;
        within(self.healthy_after, 2..=10, "balancer.healthy_after")?;
        within(self.unhealthy_after, 2..=10, "balancer.unhealthy_after")?;
        within(self.draining, 0..=3600, "balancer.draining")
    }
}

/// What the balancer forwards: a port outside to a port of the instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    pub outside: (String, u16),
    pub inside: (String, u16),
    /// The ARN of what HTTPS or SSL outside shows.
    pub certificate: Option<String>,
}

impl Listener {
    /// Reads `HTTP:80 -> HTTP:80`, with a certificate's ARN after it where the outside is HTTPS or SSL.
    fn parse(text: &str) -> Result<Listener, String> {
        let wrong = || format!("{text:?} is no listener: write \"HTTP:80 -> HTTP:80\"");
        let (outside, inside) = text.split_once("->").ok_or_else(wrong)?;
        let mut inside = inside.split_whitespace();
        let (outside, to) = (endpoint(outside.trim()), inside.next().and_then(endpoint));
        let (Some(outside), Some(to), certificate, None) = (outside, to, inside.next(), inside.next()) else {
            return Err(wrong());
        };
        let secure = matches!(outside.0.as_str(), "HTTPS" | "SSL");
        match (secure, certificate) {
            (true, None) => Err(format!("{text:?} lacks its certificate: write its ARN at the end")),
            (false, Some(_)) => Err(format!("{text:?} has a certificate, which {} does not show", outside.0)),
            (_, certificate) => Ok(Listener { outside, inside: to, certificate: certificate.map(str::to_owned) }),
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((protocol, port), (inner, inner_port)) = (&self.outside, &self.inside);
        write!(f, "{protocol}:{port} -> {inner}:{inner_port}")
    }
}

impl<'de> Deserialize<'de> for Listener {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        Listener::parse(&String::deserialize(value)?).map_err(de::Error::custom)
    }
}

/// A protocol and a port, such as `HTTP:80`.
fn endpoint(text: &str) -> Option<(String, u16)> {
    let (protocol, port) = text.split_once(':')?;
    let protocol = protocol.to_ascii_uppercase();
    let known = matches!(protocol.as_str(), "HTTP" | "HTTPS" | "TCP" | "SSL");
    let port = port.parse().ok().filter(|&port: &u16| port > 0)?;
    known.then_some((protocol, port))
}

/// AWS's form of a health check: a path where the protocol has one, and none where it has not.
fn is_check(text: &str) -> bool {
    let (target, path) = text.split_once('/').map_or((text, None), |(target, path)| (target, Some(path)));
    let written = text.split(':').next().is_some_and(|protocol| protocol.bytes().all(|b| b.is_ascii_uppercase()));
    match endpoint(target) {
        Some((protocol, _)) => written && path.is_some() == protocol.starts_with("HTTP"),
        None => false,
    }
}

fn groups(ids: &[String], key: &'static str) -> Result<(), Invalid> {
    require(ids.iter().all(|id| id.starts_with("sg-")), key, "names what is no security group: it must begin with sg-")
}

fn within(value: i32, bounds: RangeInclusive<i32>, key: &'static str) -> Result<(), Invalid> {
    require(bounds.contains(&value), key, &format!("must be from {} to {}", bounds.start(), bounds.end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn refusal(text: &str) -> String {
        Config::parse(text, "my.toml").expect_err("these settings are wrong").to_string()
    }

    #[test]
    fn an_empty_string_is_not_set() {
        let config = Config::shipped();
        assert_eq!((config.aws.region, config.instance.ami, config.instance.user_data), (None, None, None));
    }

    #[test]
    fn tags_are_free() {
        let config = Config::parse("[instance.tags]\nName = \"web\"\n\"cost centre\" = \"7\"\n", "my.toml").unwrap();
        assert_eq!(config.instance.tags["cost centre"], "7");
        assert!(
            refusal("[instance.tags]\n\"handwave:fleet\" = \"x\"\n").contains("line 1: `instance.tags` begin with")
        );
        assert!(refusal("[instance.tags]\nName = 7\n").starts_with("my.toml, line 2: `instance.tags.Name`"));
    }

    #[test]
    fn listeners_are_read() {
        let one = Listener::parse("https:443->HTTP:8080 arn:aws:acm:x").unwrap();
        assert_eq!(
            (one.to_string().as_str(), one.certificate.as_deref()),
            ("HTTPS:443 -> HTTP:8080", Some("arn:aws:acm:x"))
        );
        for wrong in [
            "",
            "80",
            "HTTP:80",
            "HTTP:0 -> HTTP:80",
            "UDP:80 -> UDP:80",
            "HTTPS:443 -> HTTP:80",
            "HTTP:80 -> HTTP:80 arn",
        ] {
            assert!(Listener::parse(wrong).is_err(), "{wrong}");
        }
        let said = refusal("[balancer]\nlisteners = [\"80\"]\n");
        assert_eq!(
            said,
            "my.toml, line 2: `balancer.listeners[0]`: \"80\" is no listener: write \"HTTP:80 -> HTTP:80\""
        );
    }

    #[test]
    fn nonsense_is_refused_with_its_line() {
        for (text, key) in [
            ("[aws]\naccount = \"12\"\n", "aws.account"),
            ("[aws]\nendpoint_url = \"127.0.0.1:1\"\n", "aws.endpoint_url"),
            ("[instance]\nami = \"ubuntu\"\n", "instance.ami"),
            ("[instance]\nsecurity_group_ids = [\"web\"]\n", "instance.security_group_ids"),
            ("[balancer]\nname = \"-\"\n", "balancer.name"),
            ("[balancer]\nlisteners = []\n", "balancer.listeners"),
            ("[balancer]\nhealth_check = \"HTTP:80\"\n", "balancer.health_check"),
            ("[balancer]\nhealth_timeout = 10\n", "balancer.health_timeout"),
            ("[balancer]\ndraining = 4000\n", "balancer.draining"),
        ] {
            assert!(refusal(text).starts_with(&format!("my.toml, line 2: `{key}` ")), "{}", refusal(text));
        }
        let both = "[balancer]\nsubnets = [\"subnet-1\"]\nzones = [\"eu-central-1a\"]\n";
        assert!(refusal(both).starts_with("my.toml, line 3: `balancer.zones` "));
    }
}
