//! What happened to an instance, and who did it. In: the journal's events, an id. Out: the end of a sentence. Pure.

use crate::command::{Action, Command, InstanceId};
use crate::daemon::journal::Entry;
use crate::event::{Affected, Event, Stamped};

/// The newest thing that took the instance out of the fleet, such as `retiring since 12:03:05 UTC, asked for by anna on
/// the web page (127.0.0.1)`. None: the journal does not know.
pub fn leaving(entries: &[Entry], id: &InstanceId) -> Option<String> {
    let (at, what, of) = entries.iter().rev().find_map(|Entry { stamped: Stamped { at, event }, .. }| match event {
        Event::Retiring(of) if of.instances.contains(id) => Some((at, "retiring", of)),
        Event::Terminated { of, .. } if of.instances.contains(id) => Some((at, "terminated", of)),
        _ => None,
    })?;
    let who = source(entries, of).map_or(String::new(), |source| format!(", asked for{source}"));
    Some(format!("{what} since {} UTC{who}", at.strftime("%H:%M:%S")))
}

/// Who asked for what happened to these.
fn source(entries: &[Entry], of: &Affected) -> Option<String> {
    let id = of.command.as_ref()?;
    entries.iter().find_map(|entry| match &entry.stamped.event {
        Event::Command(command) if command.id == *id => Some(command.source.to_string()),
        _ => None,
    })
}

/// Why the instance's lease was last extended, such as `by the policy lease: its CPU was at 40 %`. None: it was not, as
/// far as the journal knows.
pub fn extended(entries: &[Entry], id: &InstanceId) -> Option<String> {
    let about = |entry: &&Entry| entry.stamped.event.lease().is_some_and(|leased| leased.of.instances.contains(id));
    let newest = entries.iter().rev().filter(about).find_map(|entry| match &entry.stamped.event {
        // An earlier lease of it is another matter.
        Event::Leased(_) => Some(None),
        Event::LeaseExtended(leased) => Some(Some(&leased.of)),
        _ => None,
    });
    Some(source(entries, newest??)?.trim().to_owned())
}

/// Who last asked for a change of the count, and when: what may be behind another count than was shown.
pub fn last_command(entries: &[Entry]) -> Option<String> {
    entries.iter().rev().find_map(|Entry { stamped: Stamped { at, event }, .. }| match event {
        // The end of a lease is another matter.
        Event::Command(Command { action: Action::Extend { .. }, .. }) => None,
        Event::Command(command) => {
            Some(format!("{}{} at {} UTC", command.action, command.source, at.strftime("%H:%M:%S")))
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Action, Command, Source};

    #[test]
    fn who_retired_an_instance_is_told() {
        let web = Source::Web { user: "anna".into(), address: "127.0.0.1".into() };
        let command = Command::new(web, Action::Terminate(vec!["i-1".into()]));
        let of = Affected { instances: vec!["i-1".into()], command: Some(command.id.clone()) };
        let events = [Event::Command(command), Event::Retiring(of.clone()), Event::Deregistered(of)];
        let entries: Vec<Entry> = events
            .into_iter()
            .zip(1..)
            .map(|(event, number)| Entry {
                number,
                stamped: Stamped { at: "2026-01-02T03:04:05Z".parse().unwrap(), event },
            })
            .collect();
        let told = "retiring since 03:04:05 UTC, asked for by anna on the web page (127.0.0.1)";
        assert_eq!(leaving(&entries, &"i-1".into()).as_deref(), Some(told));
        assert_eq!(leaving(&entries, &"i-2".into()), None);
        assert_eq!(
            last_command(&entries).as_deref(),
            Some("retire i-1 by anna on the web page (127.0.0.1) at 03:04:05 UTC")
        );
    }
}
