//! Commands to instances. In: commands from any source. Out: calls to a [`cloud::Cloud`], a watch of the fleet's state,
//! and events. This file holds the words.
//!
//! `actor` observes and acts, `plan` decides (pure), `observed` joins what the cloud answered, `memory` is what one
//! process remembers between two looks, `changes` tells two observations apart, `cloud` is the port, `simulated` and `aws` are clouds.

pub mod actor;
pub mod aws;
mod changes;
pub mod cloud;
mod memory;
pub mod observed;
pub mod plan;
pub mod simulated;

use std::fmt;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;

use crate::config::{Nonsense, demand};
use crate::event::Stamped;
use crate::gesture::Gesture;
use actor::{Actor, FleetState, Handle, Timing};
use simulated::Simulated;

/// An EC2 instance's id, such as `i-0abcdef1234567890`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceId(pub String);

impl From<&str> for InstanceId {
    fn from(id: &str) -> Self {
        InstanceId(id.to_owned())
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Ids as a sentence lists them.
pub fn list(ids: &[InstanceId]) -> String {
    ids.iter().map(|id| id.0.as_str()).collect::<Vec<_>>().join(", ")
}

/// A command's id: 36 ASCII characters, random, so that no restart and no other machine uses it again. A launch
/// carries it to AWS as its ClientToken.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandId(pub String);

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What somebody wants of the fleet.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    pub id: CommandId,
    pub source: Source,
    pub action: Action,
}

impl Command {
    /// A command with an id of its own.
    pub fn new(source: Source, action: Action) -> Self {
        Command { id: CommandId(uuid::Uuid::new_v4().to_string()), source, action }
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Launch this many more.
    ScaleOut(usize),
    /// Retire this many; the fleet chooses which.
    ScaleIn(usize),
    /// Retire these.
    Terminate(Vec<InstanceId>),
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Source {
    Gesture(Gesture),
    CommandLine,
}

/// The bounds that commands keep the fleet's count in. A fleet found outside them is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub min: usize,
    pub max: usize,
}

/// The `[fleet]` section of config.toml, where each setting says its unit and reason.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    pub name: String,
    pub min: usize,
    pub max: usize,
    pub cloud: CloudName,
}

/// Which cloud the fleet lives in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CloudName {
    Simulated,
    Aws,
}

impl Settings {
    /// The bounds for commands.
    pub fn limits(&self) -> Limits {
        Limits { min: self.min, max: self.max }
    }

    pub fn check(&self) -> Result<(), Nonsense> {
        demand(!self.name.trim().is_empty(), "fleet.name", "is empty: it is the tag by which instances are found")?;
        demand(self.min <= self.max, "fleet.min", "is more than fleet.max")
    }
}

/// Starts the fleet's actor on a fresh simulated cloud. The task ends after [`Handle::stop`], with what is left.
/// Must be called within a tokio runtime.
pub fn simulate(settings: &Settings, events: UnboundedSender<Stamped>) -> (Handle, JoinHandle<FleetState>) {
    Actor::spawn(Simulated::default(), settings.limits(), Timing::simulated(), events)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(min: usize, max: usize) -> Settings {
        Settings { name: "web".into(), min, max, cloud: CloudName::Simulated }
    }

    #[test]
    fn settings_that_make_no_sense_together_are_refused() {
        let refused = |settings: Settings| settings.check().map_err(|nonsense| nonsense.key);
        assert_eq!(refused(settings(2, 2)), Ok(()));
        assert_eq!(refused(settings(3, 2)), Err("fleet.min"));
        assert_eq!(refused(Settings { name: " ".into(), ..settings(1, 2) }), Err("fleet.name"));
    }

    #[test]
    fn a_command_id_serves_as_client_token() {
        let [one, two] = [(); 2].map(|()| Command::new(Source::CommandLine, Action::ScaleOut(1)).id);
        assert_ne!(one, two);
        assert!(one.0.is_ascii() && one.0.len() <= 64);
    }
}
