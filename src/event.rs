//! Events: one thing that happened. Out: a JSON line for `--events`, and a sentence for people.

use std::fmt;

use jiff::{Timestamp, Unit};
use serde::Serialize;

use crate::command::{Command, CommandId, Gesture, InstanceId, list};

/// An event and when it happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stamped {
    pub at: Timestamp,
    #[serde(flatten)]
    pub event: Event,
}

impl Stamped {
    /// The event, happening now, to the millisecond.
    pub fn now(event: Event) -> Self {
        let now = Timestamp::now();
        Stamped { at: now.round(Unit::Millisecond).unwrap_or(now), event }
    }

    /// The line of `--events`, without the line break.
    pub fn to_json_line(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers alone always make JSON")
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    Gesture(Gesture),
    /// A gesture's countdown ended without a command.
    TakenBack {
        reason: String,
    },
    Command(Command),
    /// Less was done than was asked for.
    Cut {
        command: CommandId,
        asked: usize,
        granted: usize,
        reason: String,
    },
    /// Nothing was done.
    Refused {
        command: CommandId,
        reason: String,
    },
    /// A policy decided to leave the fleet as it is, for another reason than before. To change it is a command.
    Decided {
        policy: String,
        decision: String,
    },
    Launched(Affected),
    /// Launched for the warm pool.
    Preparing(Affected),
    /// In the warm pool, and ready to be started.
    Warm(Affected),
    /// Taken from the warm pool.
    Starting(Affected),
    /// Going back to the warm pool.
    Returning(Affected),
    /// Out of the warm pool for good; it is retired.
    LeavesPool {
        #[serde(flatten)]
        of: Affected,
        reason: String,
    },
    /// Reserved for one person.
    Leased(Leased),
    /// The end of a lease moved.
    LeaseExtended(Leased),
    /// A lease ends soon.
    LeaseEnding(Leased),
    /// A lease is over: what was leased is retired, or stopped and kept for the person.
    LeaseEnded {
        #[serde(flatten)]
        of: Leased,
        kept: bool,
    },
    Registered(Affected),
    InService(Affected),
    Retiring(Affected),
    Deregistered(Affected),
    Terminated {
        #[serde(flatten)]
        of: Affected,
        /// The cloud's own reason, where it gives one.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    Error {
        code: String,
        message: String,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        instances: Vec<InstanceId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        command: Option<CommandId>,
    },
    Paused,
    Armed,
    /// The policies alone.
    PoliciesPaused {
        by: String,
    },
    PoliciesResumed {
        by: String,
    },
    CameraLost {
        reason: String,
    },
    CameraBack,
    /// Somebody signed in to the web page.
    SignedIn {
        user: String,
        role: String,
        address: String,
        /// What proved it: a link, a password, or a provider.
        by: String,
    },
    SignInFailed {
        reason: String,
        address: String,
    },
    SignedOut {
        user: String,
    },
    Quit,
}

/// The instances that something happened to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Affected {
    pub instances: Vec<InstanceId>,
    /// The command behind it, where this process knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandId>,
}

/// What is reserved, for whom, and until when.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Leased {
    #[serde(flatten)]
    pub of: Affected,
    pub who: String,
    pub until: Timestamp,
}

impl Event {
    /// The instances that it is about.
    pub fn instances(&self) -> &[InstanceId] {
        match self {
            Event::Launched(of)
            | Event::Preparing(of)
            | Event::Warm(of)
            | Event::Starting(of)
            | Event::Returning(of)
            | Event::LeavesPool { of, .. }
            | Event::Registered(of)
            | Event::InService(of)
            | Event::Retiring(of)
            | Event::Deregistered(of)
            | Event::Terminated { of, .. } => &of.instances,
            Event::Error { instances, .. } => instances,
            _ => self.lease().map_or(&[], |leased| &leased.of.instances),
        }
    }

    /// Whose lease it is about. None: it is about no lease.
    pub fn lease(&self) -> Option<&Leased> {
        match self {
            Event::Leased(of) | Event::LeaseExtended(of) | Event::LeaseEnding(of) | Event::LeaseEnded { of, .. } => {
                Some(of)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Gesture(gesture) => write!(f, "Gesture: {gesture}."),
            Event::TakenBack { reason } => write!(f, "Taken back: {reason}."),
            Event::Command(command) => write!(f, "Asked to {}{}.", command.action, command.source),
            Event::Cut { asked, granted, reason, .. } if asked == granted => {
                write!(f, "Not as long as asked for: {reason}.")
            }
            Event::Cut { asked, granted, reason, .. } => write!(f, "Only {granted} of {asked}: {reason}."),
            Event::Refused { reason, .. } => write!(f, "Refused: {reason}."),
            Event::Decided { decision, .. } => write!(f, "Policy: {decision}."),
            Event::Launched(of) => write!(f, "Launched {of}."),
            Event::Preparing(of) => write!(f, "Preparing for the warm pool: {of}."),
            Event::Warm(of) => write!(f, "Ready in the warm pool: {of}."),
            Event::Starting(of) => write!(f, "Starting from the warm pool: {of}."),
            Event::Returning(of) => write!(f, "Going back to the warm pool: {of}."),
            Event::LeavesPool { of, reason } => write!(f, "Leaving the warm pool: {of} ({reason})."),
            Event::Leased(of) => write!(f, "Leased {of}."),
            Event::LeaseExtended(of) => write!(f, "Lease goes on: {of}."),
            Event::LeaseEnding(of) => write!(f, "Lease ends soon: {of}."),
            Event::LeaseEnded { of, kept: true } => write!(f, "Lease over, stopped and kept: {of}."),
            Event::LeaseEnded { of, kept: false } => write!(f, "Lease over, retired: {of}."),
            Event::Registered(of) => write!(f, "Registered {of}."),
            Event::InService(of) => write!(f, "In service: {of}."),
            Event::Retiring(of) => write!(f, "Retiring {of}."),
            Event::Deregistered(of) => write!(f, "Deregistered {of}."),
            Event::Terminated { of, reason: None } => write!(f, "Terminated {of}."),
            Event::Terminated { of, reason: Some(reason) } => write!(f, "Terminated {of} ({reason})."),
            Event::Error { code, message, instances, .. } if instances.is_empty() => write!(f, "{code}: {message}."),
            Event::Error { code, message, instances, .. } => write!(f, "{code}: {message} ({}).", list(instances)),
            Event::Paused => f.write_str("Paused."),
            Event::Armed => f.write_str("Armed."),
            Event::PoliciesPaused { by } => write!(f, "Policies paused by {by}."),
            Event::PoliciesResumed { by } => write!(f, "Policies resumed by {by}."),
            // The reason is a sentence that names the camera.
            Event::CameraLost { reason } => write!(f, "Lost: {reason}."),
            Event::CameraBack => f.write_str("The camera is back."),
            Event::SignedIn { user, role, address, by } => {
                write!(f, "Signed in: {user} as {role} by {by} ({address}).")
            }
            Event::SignInFailed { reason, address } => write!(f, "A sign-in failed: {reason} ({address})."),
            Event::SignedOut { user } => write!(f, "Signed out: {user}."),
            Event::Quit => f.write_str("Quitting."),
        }
    }
}

impl fmt::Display for Leased {
    /// Such as `i-1 for anna until 2026-01-02T03:04:05Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {} until {:.0}", self.of, self.who, self.until)
    }
}

impl fmt::Display for Affected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.instances.len() {
            1 => write!(f, "{}", list(&self.instances)),
            n => write!(f, "{n}: {}", list(&self.instances)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::command::{Action, Source};
    use crate::hand::Side;

    fn line(event: Event) -> String {
        Stamped { at: "2026-01-02T03:04:05.678Z".parse().unwrap(), event }.to_json_line()
    }

    fn two() -> Affected {
        Affected { instances: vec!["i-1".into(), "i-2".into()], command: Some(CommandId("c".into())) }
    }

    #[test]
    fn a_command_carries_the_gesture_that_caused_it() {
        let gesture = Gesture { side: Side::Left, fingers: 3, confidence: 0.981_234, hold: Duration::from_millis(833) };
        let command =
            Command { id: CommandId("c".into()), source: Source::Gesture(gesture), action: Action::ScaleOut(3) };
        let event = Event::Command(command);
        assert_eq!(event.to_string(), "Asked to launch 3 by a left hand showing 3.");
        assert_eq!(
            line(event),
            r#"{"at":"2026-01-02T03:04:05.678Z","event":"command","id":"c","action":"scale-out","count":3,"source":"gesture","side":"left","fingers":3,"confidence":0.981,"hold":0.833}"#
        );
        let event = Event::Gesture(gesture);
        assert_eq!(event.to_string(), "Gesture: left hand, 3 raised, held 0.8 s, 98 % sure.");
        assert_eq!(
            line(event),
            r#"{"at":"2026-01-02T03:04:05.678Z","event":"gesture","side":"left","fingers":3,"confidence":0.981,"hold":0.833}"#
        );
    }

    #[test]
    fn a_terminate_names_its_instances() {
        let action = Action::Terminate(vec!["i-1".into()]);
        let command =
            Command { id: CommandId("c".into()), source: Source::CommandLine { user: Some("anna".into()) }, action };
        assert_eq!(
            line(Event::Command(command)),
            r#"{"at":"2026-01-02T03:04:05.678Z","event":"command","id":"c","action":"terminate","count":1,"instances":["i-1"],"source":"command-line","user":"anna"}"#
        );
    }

    #[test]
    fn names_are_the_designs() {
        let (reason, command) = (String::new(), CommandId(String::new()));
        let error =
            Event::Error { code: "Throttling".into(), message: "slow".into(), instances: vec![], command: None };
        let events = [
            (Event::TakenBack { reason: reason.clone() }, "taken-back"),
            (Event::CameraLost { reason: reason.clone() }, "camera-lost"),
            (Event::Cut { command: command.clone(), asked: 4, granted: 2, reason: reason.clone() }, "cut"),
            (Event::Refused { command, reason }, "refused"),
            (Event::Launched(two()), "launched"),
            (Event::Registered(two()), "registered"),
            (Event::Preparing(two()), "preparing"),
            (Event::Warm(two()), "warm"),
            (Event::Starting(two()), "starting"),
            (Event::Returning(two()), "returning"),
            (Event::LeavesPool { of: two(), reason: String::new() }, "leaves-pool"),
            (Event::Leased(leased()), "leased"),
            (Event::LeaseExtended(leased()), "lease-extended"),
            (Event::LeaseEnding(leased()), "lease-ending"),
            (Event::LeaseEnded { of: leased(), kept: true }, "lease-ended"),
            (Event::InService(two()), "in-service"),
            (Event::Retiring(two()), "retiring"),
            (Event::Deregistered(two()), "deregistered"),
            (Event::Terminated { of: two(), reason: None }, "terminated"),
            (error, "error"),
            (Event::Paused, "paused"),
            (Event::Decided { policy: String::new(), decision: String::new() }, "decided"),
            (Event::PoliciesPaused { by: String::new() }, "policies-paused"),
            (Event::PoliciesResumed { by: String::new() }, "policies-resumed"),
            (Event::Armed, "armed"),
            (Event::CameraBack, "camera-back"),
            (
                Event::SignedIn { user: String::new(), role: String::new(), address: String::new(), by: String::new() },
                "signed-in",
            ),
            (Event::SignInFailed { reason: String::new(), address: String::new() }, "sign-in-failed"),
            (Event::SignedOut { user: String::new() }, "signed-out"),
            (Event::Quit, "quit"),
        ];
        for (event, name) in events {
            let value: serde_json::Value = serde_json::from_str(&line(event)).unwrap();
            assert_eq!(value["event"], name);
        }
    }

    fn leased() -> Leased {
        let of = Affected { instances: vec!["i-1".into()], command: None };
        Leased { of, who: "anna".to_owned(), until: "2026-01-02T04:04:05Z".parse().unwrap() }
    }

    #[test]
    fn a_lease_tells_whose_it_is_and_its_end() {
        let event = Event::LeaseEnded { of: leased(), kept: false };
        assert_eq!(event.to_string(), "Lease over, retired: i-1 for anna until 2026-01-02T04:04:05Z.");
        assert_eq!(
            line(event),
            r#"{"at":"2026-01-02T03:04:05.678Z","event":"lease-ended","instances":["i-1"],"who":"anna","until":"2026-01-02T04:04:05Z","kept":false}"#
        );
    }

    #[test]
    fn instances_and_their_command_are_fields_of_the_line() {
        let event = Event::Terminated { of: two(), reason: Some("no capacity".into()) };
        assert_eq!(event.to_string(), "Terminated 2: i-1, i-2 (no capacity).");
        assert_eq!(
            line(event),
            r#"{"at":"2026-01-02T03:04:05.678Z","event":"terminated","instances":["i-1","i-2"],"command":"c","reason":"no capacity"}"#
        );
    }
}
