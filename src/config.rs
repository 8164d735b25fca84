//! Settings. In: config.toml. Out: checked, typed settings, or one sentence with the line that is wrong. The built-in
//! copy of config.toml holds every setting: it is the only place for defaults, and the list of the keys that exist.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::clouds::aws::settings as aws;
use crate::settings::{Invalid, require};
use crate::{camera, clouds, fleet, gesture, policy, vision, web};

/// The config.toml in the repository's root.
pub const SHIPPED: &str = include_str!("../config.toml");

/// All settings, one field for each section.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    pub camera: camera::Settings,
    pub vision: vision::Settings,
    pub gesture: gesture::Settings,
    pub fleet: fleet::Settings,
    pub warm: fleet::Warm,
    pub lease: fleet::LeaseSettings,
    pub simulated: clouds::simulated::Settings,
    pub policy: policy::Settings,
    pub web: web::Settings,
    pub aws: aws::Settings,
    pub instance: aws::InstanceSettings,
    pub balancer: aws::BalancerSettings,
}

/// Why settings are refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the settings {}: {reason}; name a file that exists, or leave --config away", path.display())]
    Unreadable { path: PathBuf, reason: std::io::Error },
    #[error("{place}: {reason}")]
    Refused { place: Place, reason: String },
}

/// A file, and the line if it is known.
#[derive(Debug)]
pub struct Place {
    pub origin: String,
    pub line: Option<usize>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}, line {line}", self.origin),
            None => f.write_str(&self.origin),
        }
    }
}

impl Config {
    /// The built-in settings.
    pub fn shipped() -> Config {
        Config::parse(SHIPPED, "the built-in config.toml").expect("a test holds the shipped config.toml right")
    }

    /// The sections that a cloud needs.
    pub fn clouds(&self) -> clouds::Settings {
        let Config { fleet, warm, lease, simulated, aws, instance, balancer, policy, .. } = self.clone();
        clouds::Settings { fleet, warm, lease, simulated, aws, instance, balancer, queue: policy.queue.url }
    }

    /// The settings of the named file, else of `./config.toml`, else of the user's config folder, else the built-in
    /// ones; and where they are from.
    pub fn load(named: Option<&Path>) -> Result<(Config, String), ConfigError> {
        let file = match named {
            Some(path) => Some(path.to_path_buf()),
            None => [Some(PathBuf::from("config.toml")), user_file()].into_iter().flatten().find(|path| path.is_file()),
        };
        let Some(path) = file else {
            return Ok((Config::shipped(), "the built-in settings".into()));
        };
        let origin = path.display().to_string();
        let text = std::fs::read_to_string(&path).map_err(|reason| ConfigError::Unreadable { path, reason })?;
        Ok((Config::parse(&text, &origin)?, origin))
    }

    /// Settings from a file's text; what it leaves out keeps its default.
    pub fn parse(text: &str, origin: &str) -> Result<Config, ConfigError> {
        let refuse = |at: Option<usize>, reason: String| {
            let line = at.map(|at| text[..at].matches('\n').count() + 1);
            ConfigError::Refused { place: Place { origin: origin.into(), line }, reason }
        };
        let keys = DeTable::parse(text)
            .map_err(|error| refuse(error.span().map(|span| span.start), error.message().to_string()))?;
        let values: toml::Table = toml::from_str(text).map_err(|error| refuse(None, error.message().into()))?;
        let mut merged: toml::Table = toml::from_str(SHIPPED).expect("a test holds the shipped config.toml right");

        if let Some(unknown) = first_unknown(keys.get_ref(), &merged, "") {
            return Err(refuse(Some(unknown.at), unknown.reason));
        }
        overlay(&mut merged, values);
        let config: Config = serde_path_to_error::deserialize(merged).map_err(|error| {
            let key = error.path().to_string();
            refuse(position(keys.get_ref(), &key), format!("`{key}`: {}", error.inner().message().trim_end()))
        })?;
        config.check().map_err(|nonsense| {
            let at = position(keys.get_ref(), nonsense.key);
            refuse(at, format!("`{}` {}", nonsense.key, nonsense.reason))
        })?;
        Ok(config)
    }

    fn check(&self) -> Result<(), Invalid> {
        self.camera.check()?;
        self.vision.check()?;
        self.gesture.check()?;
        self.fleet.check()?;
        self.warm.check()?;
        self.lease.check()?;
        self.simulated.check()?;
        self.policy.check()?;
        self.web.check()?;
        self.aws.check()?;
        self.instance.check()?;
        self.balancer.check()?;
        // Without a balancer an instance serves as soon as it runs: also while it is prepared.
        let has_front = self.balancer.kind != aws::BalancerKind::None;
        let why =
            "must be 0 with balancer.kind = \"none\": what is prepared would fetch work before it powers itself off";
        require(self.warm.size == 0 || has_front, "warm.size", why)
    }
}

/// `handwave/config.toml` in the user's config folder.
fn user_file() -> Option<PathBuf> {
    dirs::config_dir().map(|folder| folder.join("handwave").join("config.toml"))
}

struct Unknown {
    at: usize,
    reason: String,
}

/// The first key that the shipped settings don't have, with the nearest one that they do.
fn first_unknown(keys: &DeTable<'_>, known: &toml::Table, section: &str) -> Option<Unknown> {
    keys.iter().find_map(|(key, value)| {
        let name: &str = key.get_ref();
        let at = key.span().start;
        match (known.get(name), value.get_ref()) {
            // A section that is empty in the built-in file takes any keys: tags.
            (Some(toml::Value::Table(known)), DeValue::Table(_)) if known.is_empty() => None,
            (Some(toml::Value::Table(known)), DeValue::Table(keys)) => {
                first_unknown(keys, known, &format!("{section}{name}."))
            }
            (Some(toml::Value::Table(_)), _) => {
                let name = format!("{section}{name}");
                Some(Unknown { at, reason: format!("`{name}` is a section: write [{name}] above its settings") })
            }
            (Some(_), _) => None,
            (None, _) => {
                let what = if section.is_empty() { "no section" } else { "no setting" };
                let nearest = nearest(name, known.keys().map(String::as_str));
                let hint = nearest.map_or(String::new(), |nearest| format!("; did you mean `{section}{nearest}`?"));
                Some(Unknown { at, reason: format!("there is {what} `{section}{name}`{hint}") })
            }
        }
    })
}

/// The name most like the given one, if any is like it at all.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = names.map(|candidate| (strsim::jaro_winkler(name, candidate), candidate));
    scored.filter(|(likeness, _)| *likeness > 0.7).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

/// Where in the text the setting with this full name stands.
fn position(keys: &DeTable<'_>, name: &str) -> Option<usize> {
    let (first, rest) = name.split_once('.').map_or((name, None), |(first, rest)| (first, Some(rest)));
    // An element of a list (`listeners[2]`) is where the list is.
    let first = first.split('[').next().unwrap_or(first);
    let (key, value): (&Spanned<_>, &Spanned<DeValue<'_>>) = keys.get_key_value(first)?;
    match (rest, value.get_ref()) {
        (Some(rest), DeValue::Table(keys)) => position(keys, rest),
        _ => Some(key.span().start),
    }
}

fn overlay(settings: &mut toml::Table, values: toml::Table) {
    for (key, value) in values {
        match (settings.get_mut(&key), value) {
            (Some(toml::Value::Table(settings)), toml::Value::Table(values)) => overlay(settings, values),
            (_, value) => {
                settings.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn refusal(text: &str) -> String {
        Config::parse(text, "my.toml").expect_err("these settings are wrong").to_string()
    }

    #[test]
    fn the_shipped_file_is_right() {
        Config::parse(SHIPPED, "config.toml").unwrap();
    }

    #[test]
    fn what_is_left_out_keeps_its_default() {
        let config = Config::parse("[gesture]\nhold_launch = 1\n", "my.toml").unwrap();
        assert_eq!(config.gesture.hold_launch, Duration::from_secs(1));
        assert_eq!(config.gesture.hold_retire, Config::shipped().gesture.hold_retire);
    }

    #[test]
    fn a_setting_out_of_range_is_refused() {
        assert_eq!(
            refusal("[camera]\nfps = 0\n"),
            "my.toml, line 2: `camera.fps` must be from 0.1 to 1000 frames a second"
        );
        assert!(refusal("[camera]\nwidth = 0\n").contains("line 2: `camera.width` must be"));
        assert!(refusal("[camera]\nfps = nan\n").contains("`camera.fps` must be"));
    }

    #[test]
    fn a_misspelt_key_is_refused_with_its_line_and_the_nearest_name() {
        assert_eq!(
            refusal("[gesture]\n\nhold_lunch = 1\n"),
            "my.toml, line 3: there is no setting `gesture.hold_lunch`; did you mean `gesture.hold_launch`?"
        );
        assert_eq!(
            refusal("[web.openid]\nisuer = \"\"\n"),
            "my.toml, line 2: there is no setting `web.openid.isuer`; did you mean `web.openid.issuer`?"
        );
        assert_eq!(
            refusal("[web]\nopenid = 1\n"),
            "my.toml, line 2: `web.openid` is a section: write [web.openid] above its settings"
        );
        assert_eq!(refusal("[gestures]\n"), "my.toml, line 1: there is no section `gestures`; did you mean `gesture`?");
        assert_eq!(refusal("qqq = 1\n"), "my.toml, line 1: there is no section `qqq`");
    }

    #[test]
    fn a_section_is_no_value() {
        assert_eq!(
            refusal("gesture = 3\n"),
            "my.toml, line 1: `gesture` is a section: write [gesture] above its settings"
        );
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused_with_its_line() {
        let said = refusal("[vision]\npresence = \"high\"\n");
        assert!(said.starts_with("my.toml, line 2: `vision.presence`: invalid type"), "{said}");
        let said = refusal("[gesture]\ngap = -1\n");
        assert_eq!(said, "my.toml, line 2: `gesture.gap`: -1 is no length of time in seconds");
    }

    #[test]
    fn a_nonsense_value_is_refused_with_its_line() {
        let said = refusal("[vision]\n# Far too sure.\npresence = 7.5\n");
        assert_eq!(said, "my.toml, line 3: `vision.presence`: 7.5 is no share: it must be between 0 and 1");
        let said = refusal("[vision]\npresence = nan\n");
        assert_eq!(said, "my.toml, line 2: `vision.presence`: NaN is no share: it must be between 0 and 1");
        let said = refusal("[vision]\npalms_most = 0\n");
        assert_eq!(said, "my.toml, line 2: `vision.palms_most` must be at least 1");
    }

    #[test]
    fn broken_toml_is_refused_with_its_line() {
        let said = refusal("[gesture]\nhold_launch = = 1\n");
        assert!(said.starts_with("my.toml, line 2: "), "{said}");
        assert!(!said.contains('\n'), "one sentence: {said}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let said = Config::load(Some(Path::new("nowhere.toml"))).unwrap_err().to_string();
        assert!(said.contains("nowhere.toml") && said.contains("--config"), "{said}");
    }
}
