//! Which cloud is meant. In: the command line's flags and `fleet.cloud`. Out: a choice.

use super::settings::Settings;
use crate::fleet::CloudName;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// A fresh simulated fleet that holds so many instances in service.
    Simulated { holds: usize },
    /// The real cloud.
    Live,
}

impl Choice {
    /// The flags go before `fleet.cloud`. A simulated fleet is empty.
    pub fn of(live: bool, dry_run: bool, settings: &Settings) -> Choice {
        let by_setting = settings.fleet.cloud == CloudName::Aws && !dry_run;
        if live || by_setting { Choice::Live } else { Choice::Simulated { holds: 0 } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn flags_go_before_the_setting() {
        let of = |cloud: &str, live, dry_run| {
            let text = format!("[fleet]\ncloud = \"{cloud}\"\n");
            Choice::of(live, dry_run, &Config::parse(&text, "my.toml").unwrap().clouds())
        };
        let simulated = Choice::Simulated { holds: 0 };
        assert_eq!(of("simulated", false, false), simulated);
        assert_eq!(of("simulated", true, false), Choice::Live);
        assert_eq!(of("aws", false, false), Choice::Live);
        assert_eq!(of("aws", false, true), simulated);
    }
}
