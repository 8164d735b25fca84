//! The sections `[aws]`, `[instance]` and `[balancer]` of config.toml, where each setting says its unit and reason.
//! In: strings. Out: what the calls need, checked without asking AWS. Part of every build: config.toml is the same.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

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
    pub detailed_monitoring: bool,
    pub tags: BTreeMap<String, String>,
}

impl InstanceSettings {
    pub fn check(&self) -> Result<(), Invalid> {
        let begins = |value: &Option<String>, start: &str| value.as_ref().is_none_or(|value| value.starts_with(start));
        require(begins(&self.ami, "ami-"), "instance.ami", "is no image: it must begin with ami-")?;
        require(begins(&self.subnet_id, "subnet-"), "instance.subnet_id", "is no subnet: it must begin with subnet-")?;
        groups(&self.security_group_ids, "instance.security_group_ids")?;
        // AWS's bounds: 50 tags an instance, of which handwave's three and Name are four.
        require(self.tags.len() <= 46, "instance.tags", "are too many: AWS takes 50 with handwave's own")?;
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

/// What stands in front of the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BalancerKind {
    Classic,
    /// Of application or network load balancers.
    TargetGroups,
    /// Instances fetch their work themselves.
    None,
}

/// The kind of load balancer that `handwave balancer create` makes for a target group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BalancerType {
    Application,
    Network,
}

/// The load balancer.
#[derive(Clone, Debug, Deserialize)]
pub struct BalancerSettings {
    pub kind: BalancerKind,
    /// Names or ARNs.
    pub target_groups: Vec<String>,
    #[serde(rename = "type", deserialize_with = "balancer_type")]
    pub made: Option<BalancerType>,
    pub slow_start: i32,
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
    /// How long a registered instance takes to pass its checks.
    pub fn checks(&self) -> Duration {
        let seconds = self.health_interval.saturating_mul(self.healthy_after);
        Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
    }

    /// The target groups, which is the one of `handwave balancer create` where none is named.
    pub fn groups(&self) -> Vec<String> {
        if self.target_groups.is_empty() { vec![self.name.clone()] } else { self.target_groups.clone() }
    }

    /// What stands in front of the fleet, in words.
    pub fn front(&self) -> String {
        match self.kind {
            BalancerKind::Classic => format!("load balancer {}", self.name),
            BalancerKind::TargetGroups => format!("target group {}", self.groups().join(" and ")),
            BalancerKind::None => "no load balancer".to_owned(),
        }
    }

    fn check_groups(&self) -> Result<(), Invalid> {
        if self.kind != BalancerKind::TargetGroups {
            let idle = "says nothing without balancer.kind = \"target-groups\"";
            require(self.target_groups.is_empty(), "balancer.target_groups", idle)?;
            return require(self.made.is_none(), "balancer.type", idle);
        }
        let unnamed = self.target_groups.is_empty() && self.made.is_none();
        let rule = "is empty: name one, or set balancer.type, so that `handwave balancer create` makes one";
        require(!unnamed, "balancer.target_groups", rule)?;
        let fine = |group: &String| group.starts_with("arn:") || is_name(group);
        let rule = "must be ARNs, or names of 1 to 32 letters, digits and hyphens";
        require(self.target_groups.iter().all(fine), "balancer.target_groups", rule)?;
        let mut distinct = self.target_groups.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let twice = distinct.len() < self.target_groups.len();
        require(!twice, "balancer.target_groups", "names one twice")?;
        let Some(made) = self.made else { return Ok(()) };
        let one = self.groups().iter().all(|group| is_name(group)) && self.groups().len() == 1;
        require(one, "balancer.target_groups", "must be one name where balancer.type is set: create makes one group")?;
        let inside: Vec<_> = self.listeners.iter().map(|listener| &listener.inside).collect();
        let same = inside.windows(2).all(|two| two[0] == two[1]);
        require(same, "balancer.listeners", "must lead to one port: a target group has one")?;
        let secure = |protocol: &str| matches!(protocol, "HTTP" | "HTTPS");
        let known = |listener: &Listener| match made {
            BalancerType::Application => secure(&listener.outside.0) && secure(&listener.inside.0),
            // A network load balancer calls it TLS.
            BalancerType::Network => !secure(&listener.outside.0) && listener.inside.0 == "TCP",
        };
        let rule = match made {
            BalancerType::Application => "must be HTTP or HTTPS on both sides for an application load balancer",
            BalancerType::Network => "must be TCP or SSL outside and TCP inside for a network load balancer",
        };
        require(self.listeners.iter().all(known), "balancer.listeners", rule)?;
        let tcp_check = self.health_check.starts_with("TCP:");
        let rule = "must be HTTP:PORT/PATH or HTTPS:PORT/PATH for an application load balancer";
        require(made == BalancerType::Network || !tcp_check, "balancer.health_check", rule)?;
        let rule = "must be TCP:PORT, HTTP:PORT/PATH or HTTPS:PORT/PATH for a target group";
        require(!self.health_check.starts_with("SSL:"), "balancer.health_check", rule)?;
        require(self.zones.is_empty(), "balancer.zones", "are for the classic load balancer: set balancer.subnets")?;
        let slow = self.slow_start == 0 || (30..=900).contains(&self.slow_start);
        require(slow, "balancer.slow_start", "must be 0 or from 30 to 900")?;
        let slow = self.slow_start > 0 && made == BalancerType::Network;
        require(!slow, "balancer.slow_start", "is for application load balancers alone")
    }

    pub fn check(&self) -> Result<(), Invalid> {
        let name = &self.name;
        let fine = is_name(name);
        let rule = "must have 1 to 32 letters, digits and hyphens, no hyphen first or last";
        require(fine, "balancer.name", rule)?;
        self.check_groups()?;
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

/// AWS's rule for the names of load balancers and target groups.
fn is_name(name: &str) -> bool {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    plain && (1..=32).contains(&name.len()) && !name.starts_with('-') && !name.ends_with('-')
}

/// An empty string is not set.
fn balancer_type<'de, D: Deserializer<'de>>(value: D) -> Result<Option<BalancerType>, D::Error> {
    match String::deserialize(value)?.as_str() {
        "" => Ok(None),
        "application" => Ok(Some(BalancerType::Application)),
        "network" => Ok(Some(BalancerType::Network)),
        other => Err(de::Error::custom(format!("{other:?} is no type: write \"application\" or \"network\""))),
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
        let groups = "[balancer]\nkind = \"target-groups\"\n";
        for (text, key) in [
            ("", "target_groups"),
            ("target_groups = [\"a\", \"a\"]\n", "target_groups"),
            ("target_groups = [\"a b\"]\n", "target_groups"),
            ("type = \"application\"\n", "health_check"),
            ("type = \"network\"\n", "listeners"),
            ("type = \"network\"\nlisteners = [\"TCP:1 -> TCP:1\", \"TCP:2 -> TCP:2\"]\n", "listeners"),
            ("type = \"application\"\nhealth_check = \"HTTP:80/\"\nslow_start = 10\n", "slow_start"),
            ("type = \"gateway\"\n", "type"),
        ] {
            let said = refusal(&format!("{groups}{text}"));
            assert!(said.contains(&format!("`balancer.{key}`")), "{text}: {said}");
        }
        let said = refusal("[balancer]\ntype = \"network\"\n");
        assert!(said.contains("`balancer.type` says nothing without"), "{said}");
        let both = "[balancer]\nsubnets = [\"subnet-1\"]\nzones = [\"eu-central-1a\"]\n";
        assert!(refusal(both).starts_with("my.toml, line 3: `balancer.zones` "));
    }
}
