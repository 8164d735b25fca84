//! The journal of a run. In: events, one at a time. Out: the audit file first and completely, then every subscriber.
//!
//! A subscriber reads from a bounded buffer. One that is slow loses its oldest events and is told how many; it never
//! delays the run. Whoever subscribes late gets the latest thousand events first.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver, Sender};

use super::audit::Audit;
use crate::event::Stamped;

/// How many events are kept for whoever comes later.
pub const KEPT: usize = 1000;
/// How many events wait for a subscriber before it loses the oldest.
pub const WAITING: usize = 256;

/// An event and its number in this run, from 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub number: u64,
    pub stamped: Stamped,
}

/// Clones write to the same journal.
#[derive(Clone)]
pub struct Journal(Arc<Mutex<Shared>>);

struct Shared {
    audit: Option<Audit>,
    latest: VecDeque<Entry>,
    written: u64,
    subscribers: Sender<Entry>,
}

impl Journal {
    /// An empty journal; without an audit file, events are kept in memory only.
    pub fn new(audit: Option<Audit>) -> Journal {
        let (subscribers, _) = broadcast::channel(WAITING);
        Journal(Arc::new(Mutex::new(Shared { audit, latest: VecDeque::new(), written: 0, subscribers })))
    }

    /// Writes the event to the audit file, keeps it, and sends it to the subscribers.
    pub fn write(&self, stamped: Stamped) {
        let mut shared = self.lock();
        if let Some(audit) = &mut shared.audit {
            audit.write(&stamped);
        }
        shared.written += 1;
        let entry = Entry { number: shared.written, stamped };
        if shared.latest.len() == KEPT {
            shared.latest.pop_front();
        }
        shared.latest.push_back(entry.clone());
        // An error means that there is no subscriber.
        let _ = shared.subscribers.send(entry);
    }

    /// The newest events, oldest first, `most` of them at most.
    pub fn latest(&self, most: usize) -> Vec<Entry> {
        let shared = self.lock();
        let skipped = shared.latest.len().saturating_sub(most);
        shared.latest.iter().skip(skipped).cloned().collect()
    }

    /// The events so far, at most [`KEPT`], and a subscription to all that follow: none is in both, none is in neither.
    pub fn subscribe(&self) -> (Vec<Entry>, Subscription) {
        let shared = self.lock();
        (shared.latest.iter().cloned().collect(), Subscription(shared.subscribers.subscribe()))
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Every change is complete before the lock is given back: a panic elsewhere leaves nothing half written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The events that follow.
pub struct Subscription(Receiver<Entry>);

/// What a subscriber gets.
#[derive(Clone, Debug, PartialEq)]
pub enum Delivery {
    Event(Entry),
    /// So many events were lost, because this subscriber was slow.
    Missed(u64),
}

impl Subscription {
    /// Waits for the next delivery. None: the journal is gone, and everything it sent was delivered.
    pub async fn next(&mut self) -> Option<Delivery> {
        match self.0.recv().await {
            Ok(entry) => Some(Delivery::Event(entry)),
            Err(RecvError::Lagged(missed)) => Some(Delivery::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    fn error(number: usize) -> Stamped {
        let (code, message) = (number.to_string(), String::new());
        Stamped::now(Event::Error { code, message, instances: Vec::new(), command: None })
    }

    fn code(entry: &Entry) -> &str {
        let Event::Error { code, .. } = &entry.stamped.event else { panic!("only errors are written here") };
        code
    }

    #[tokio::test]
    async fn a_slow_subscriber_loses_its_oldest_and_is_told_while_the_audit_file_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let journal = Journal::new(Some(Audit::open(&path).unwrap()));
        let (before, mut slow) = journal.subscribe();
        assert_eq!(before, []);
        let all = WAITING + 44;
        (0..all).for_each(|number| journal.write(error(number)));
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), all);

        assert_eq!(slow.next().await, Some(Delivery::Missed(44)));
        drop(journal);
        let mut got = Vec::new();
        while let Some(Delivery::Event(entry)) = slow.next().await {
            got.push(entry.number);
        }
        assert_eq!(got, (45..=all as u64).collect::<Vec<_>>(), "numbers are from 1");
    }

    #[tokio::test]
    async fn whoever_comes_later_gets_the_latest_thousand_and_then_what_follows() {
        let journal = Journal::new(None);
        (0..KEPT + 7).for_each(|number| journal.write(error(number)));
        let (before, mut subscription) = journal.subscribe();
        assert_eq!((before.len(), code(&before[0]), before[KEPT - 1].number), (KEPT, "7", KEPT as u64 + 7));
        journal.write(error(9999));
        let Some(Delivery::Event(next)) = subscription.next().await else { panic!("it was written") };
        assert_eq!((next.number, code(&next)), (KEPT as u64 + 8, "9999"));
        assert_eq!(journal.latest(2).iter().map(code).collect::<Vec<_>>(), ["1006", "9999"]);
    }

    #[tokio::test]
    async fn an_event_is_in_the_audit_file_before_any_subscriber_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let journal = Journal::new(Some(Audit::open(&path).unwrap()));
        let (_, mut subscription) = journal.subscribe();
        let reader = tokio::spawn(async move {
            for number in 1.. {
                let Some(Delivery::Event(_)) = subscription.next().await else { return number };
                assert!(std::fs::read_to_string(&path).unwrap().lines().count() >= number);
            }
            0
        });
        for number in 0..50 {
            journal.write(error(number));
            tokio::task::yield_now().await;
        }
        drop(journal);
        assert_eq!(reader.await.unwrap(), 51);
    }
}
