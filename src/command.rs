//! What somebody wants of the fleet: the ids, the action, and who asks.

use std::fmt;
use std::time::Duration;

use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use crate::hand::Side;
use crate::settings::in_words;

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

/// A command's id: 36 ASCII characters, random, so that no restart and no other machine uses it again. What a launch
/// starts carries it as a tag.
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

    /// What a gesture asks for: to launch or to retire as many instances as it shows fingers.
    pub fn of_gesture(gesture: Gesture) -> Self {
        let n = usize::from(gesture.fingers);
        let action = match gesture.intent() {
            Intent::Launch => Action::ScaleOut(n),
            Intent::Retire => Action::ScaleIn(n),
        };
        Command::new(Source::Gesture(gesture), action)
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
    /// Launch or retire so many that the fleet has this many. How many that is, is decided once: when it is accepted.
    Reach(usize),
    /// One more instance, for this person alone, for so long from when it is accepted.
    Lease { who: String, lasts: Duration },
    /// A lease ends so long from when it is accepted, or as it did where that is later.
    Extend { id: InstanceId, lasts: Duration },
    /// A lease ends now.
    Release(InstanceId),
}

impl Action {
    /// How many instances it is about; for `Reach`, how many the fleet is to have.
    pub fn count(&self) -> usize {
        match self {
            Action::ScaleOut(n) | Action::ScaleIn(n) | Action::Reach(n) => *n,
            Action::Terminate(ids) => ids.len(),
            Action::Lease { .. } | Action::Extend { .. } | Action::Release(_) => 1,
        }
    }

    /// Whether it brings instances into service, rather than out of it.
    pub fn launches(&self) -> bool {
        matches!(self, Action::ScaleOut(_) | Action::Lease { .. })
    }
}

impl fmt::Display for Action {
    /// Such as `launch 3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::ScaleOut(n) => write!(f, "launch {n}"),
            Action::ScaleIn(n) => write!(f, "retire {n}"),
            Action::Terminate(ids) => write!(f, "retire {}", list(ids)),
            Action::Reach(n) => write!(f, "reach {n}"),
            Action::Lease { who, lasts } => write!(f, "lease an instance to {who} for {}", in_words(*lasts)),
            Action::Extend { id, lasts } => write!(f, "let the lease of {id} end in {}", in_words(*lasts)),
            Action::Release(id) => write!(f, "end the lease of {id}"),
        }
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "source", rename_all = "kebab-case")]
pub enum Source {
    Gesture(Gesture),
    /// The system's user, where the system tells.
    CommandLine {
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<String>,
    },
    /// Somebody who is signed in to the web page, and the address they came from.
    Web {
        user: String,
        address: String,
    },
    /// A policy's name, and its reason in words.
    Policy {
        policy: String,
        reason: String,
    },
}

impl Source {
    /// Whether a person asks. What a person asks for goes before what a policy does.
    pub fn is_person(&self) -> bool {
        match self {
            Source::Gesture(_) | Source::CommandLine { .. } | Source::Web { .. } => true,
            Source::Policy { .. } => false,
        }
    }
}

impl fmt::Display for Source {
    /// As the end of a sentence: ` by anna on the command line`. Empty for an unknown user.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Gesture(Gesture { side, fingers, .. }) => write!(f, " by a {side} hand showing {fingers}"),
            Source::CommandLine { user: Some(user) } => write!(f, " by {user} on the command line"),
            Source::CommandLine { user: None } => Ok(()),
            Source::Web { user, address } => write!(f, " by {user} on the web page ({address})"),
            Source::Policy { policy, reason } => write!(f, " by the policy {policy}: {reason}"),
        }
    }
}

/// A sign held long enough to be meant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Gesture {
    pub side: Side,
    /// 1 to 5.
    pub fingers: u8,
    /// The mean confidence of the readings that agreed, 0 to 1.
    #[serde(serialize_with = "thousandths")]
    pub confidence: f32,
    /// How long it was held until it fired, without a countdown. Written in seconds.
    #[serde(serialize_with = "seconds")]
    pub hold: Duration,
}

/// What a gesture asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    Launch,
    Retire,
}

impl Gesture {
    pub fn intent(&self) -> Intent {
        Intent::of(self.side)
    }
}

impl Intent {
    /// The left hand launches, the right hand retires: the one place where that is decided.
    pub fn of(side: Side) -> Intent {
        match side {
            Side::Left => Intent::Launch,
            Side::Right => Intent::Retire,
        }
    }
}

impl fmt::Display for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Intent::Launch => "launch",
            Intent::Retire => "retire",
        })
    }
}

impl fmt::Display for Gesture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hold, percent) = (self.hold.as_secs_f64(), 100.0 * self.confidence);
        write!(f, "{} hand, {} raised, held {hold:.1} s, {percent:.0} % sure", self.side, self.fingers)
    }
}

/// A number with no more digits than a frame's confidence is good for.
fn thousandths<S: Serializer>(number: &f32, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_f32((number * 1000.0).round() / 1000.0)
}

/// Seconds, to the millisecond.
fn seconds<S: Serializer>(duration: &Duration, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_f64(duration.as_millis() as f64 / 1000.0)
}

impl Serialize for Command {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Fields<'a> {
            id: &'a CommandId,
            action: &'static str,
            count: usize,
            /// Those that the action names.
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            instances: &'a [InstanceId],
            /// Whom a `lease` is for.
            #[serde(skip_serializing_if = "Option::is_none")]
            who: Option<&'a str>,
            /// How long a `lease` or an `extend` is to last.
            #[serde(skip_serializing_if = "Option::is_none")]
            seconds: Option<u64>,
            #[serde(flatten)]
            source: &'a Source,
        }
        let (action, instances) = match &self.action {
            Action::ScaleOut(_) => ("scale-out", &[][..]),
            Action::ScaleIn(_) => ("scale-in", &[][..]),
            Action::Terminate(ids) => ("terminate", &ids[..]),
            Action::Reach(_) => ("reach", &[][..]),
            Action::Lease { .. } => ("lease", &[][..]),
            Action::Extend { id, .. } => ("extend", std::slice::from_ref(id)),
            Action::Release(id) => ("release", std::slice::from_ref(id)),
        };
        let (who, lasts) = match &self.action {
            Action::Lease { who, lasts } => (Some(who.as_str()), Some(lasts)),
            Action::Extend { lasts, .. } => (None, Some(lasts)),
            _ => (None, None),
        };
        let (count, seconds) = (self.action.count(), lasts.map(Duration::as_secs));
        Fields { id: &self.id, action, count, instances, who, seconds, source: &self.source }.serialize(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_id_serves_as_client_token() {
        let [one, two] = [(); 2].map(|()| Command::new(Source::CommandLine { user: None }, Action::ScaleOut(1)).id);
        assert_ne!(one, two);
        assert!(one.0.is_ascii() && one.0.len() <= 64);
    }

    #[test]
    fn the_left_hand_launches_and_the_right_hand_retires() {
        let of = |side| Command::of_gesture(Gesture { side, fingers: 3, confidence: 1.0, hold: Duration::ZERO }).action;
        assert_eq!((of(Side::Left), of(Side::Right)), (Action::ScaleOut(3), Action::ScaleIn(3)));
    }

    #[test]
    fn the_source_is_named() {
        let json = |source: &Source| serde_json::to_string(source).unwrap();
        let web = Source::Web { user: "anna".into(), address: "10.0.0.7".into() };
        assert_eq!(json(&web), r#"{"source":"web","user":"anna","address":"10.0.0.7"}"#);
        assert_eq!(web.to_string(), " by anna on the web page (10.0.0.7)");
        let policy = Source::Policy { policy: "cpu".into(), reason: "the mean was 83 %".into() };
        assert_eq!(json(&policy), r#"{"source":"policy","policy":"cpu","reason":"the mean was 83 %"}"#);
        assert_eq!(policy.to_string(), " by the policy cpu: the mean was 83 %");
        let user = Source::CommandLine { user: Some("anna".into()) };
        assert_eq!(json(&user), r#"{"source":"command-line","user":"anna"}"#);
        assert_eq!(json(&Source::CommandLine { user: None }), r#"{"source":"command-line"}"#);
    }
}
