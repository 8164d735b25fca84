//! Who waits for which answer. In: pictures that somebody waits for, and answers as they come, perhaps twice. Out: each
//! answer once to each who waits, and which answers are overdue. No clock, no I/O.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::message::{Id, Response};

/// The last answers are kept, for who asks again after a connection was lost.
const KEPT: usize = 10_000;
/// When an answer is first looked for in the output bucket, and the longest time between two looks.
const FIRST_LOOK: Duration = Duration::from_secs(2);
const LONGEST_LOOK: Duration = Duration::from_secs(15);
/// What a stream may have of unread answers. A reader that is so far behind connects again.
const UNREAD: usize = 10_000;

#[derive(Default)]
pub struct Desk {
    waiting: HashMap<Id, Waiting>,
    streams: HashMap<String, Stream>,
    answered: HashMap<Id, Response>,
    order: VecDeque<Id>,
    /// Numbers the connections, so that the end of an old one does not end its successor.
    connections: u64,
}

struct Waiting {
    streams: HashSet<String>,
    calls: Vec<oneshot::Sender<Response>>,
    look: Instant,
    step: Duration,
}

struct Stream {
    connection: u64,
    to: mpsc::Sender<Response>,
    ids: HashSet<Id>,
}

/// What an answer is to this process.
#[derive(Debug, PartialEq)]
pub enum Told {
    /// Somebody was waiting.
    Delivered,
    /// It came before.
    Twice,
    /// Nobody waits here: another web process may have sent the picture.
    Unknown,
}

impl Desk {
    /// A stream of answers, and its connection's number. It takes the place of an older one of that name.
    pub fn connect(&mut self, stream: &str) -> (u64, mpsc::Receiver<Response>) {
        self.connections += 1;
        let (to, from) = mpsc::channel(UNREAD);
        let connection = self.connections;
        let ids = self.streams.remove(stream).map(|old| old.ids).unwrap_or_default();
        self.streams.insert(stream.to_owned(), Stream { connection, to, ids });
        (connection, from)
    }

    pub fn disconnect(&mut self, stream: &str, connection: u64) {
        if self.streams.get(stream).is_none_or(|now| now.connection != connection) {
            return;
        }
        let ids = self.streams.remove(stream).map(|old| old.ids).unwrap_or_default();
        for id in ids {
            if let Some(waiting) = self.waiting.get_mut(&id) {
                waiting.streams.remove(stream);
            }
            self.forget(&id);
        }
    }

    /// A stream waits for this answer. False where there is no such stream: it asks again when it connects.
    pub fn watch(&mut self, stream: &str, id: &Id, now: Instant) -> bool {
        let Some(known) = self.streams.get_mut(stream) else { return false };
        if let Some(response) = self.answered.get(id) {
            // Where it is full, the reader is gone.
            let _ = known.to.try_send(response.clone());
            return true;
        }
        known.ids.insert(id.clone());
        self.entry(id, now).streams.insert(stream.to_owned());
        true
    }

    /// A call waits for this answer.
    pub fn call(&mut self, id: &Id, now: Instant) -> oneshot::Receiver<Response> {
        let (to, from) = oneshot::channel();
        match self.answered.get(id) {
            // The receiver is here.
            Some(response) => drop(to.send(response.clone())),
            None => self.entry(id, now).calls.push(to),
        }
        from
    }

    /// Looks for this one soon, as it may be there already.
    pub fn hurry(&mut self, id: &Id, now: Instant) {
        if let Some(waiting) = self.waiting.get_mut(id) {
            waiting.look = now;
        }
    }

    /// Who waits no longer is forgotten.
    pub fn forget(&mut self, id: &Id) {
        if let Some(waiting) = self.waiting.get_mut(id) {
            waiting.calls.retain(|call| !call.is_closed());
            if waiting.calls.is_empty() && waiting.streams.is_empty() {
                self.waiting.remove(id);
            }
        }
    }

    pub fn tell(&mut self, response: &Response) -> Told {
        if self.answered.contains_key(&response.id) {
            return Told::Twice;
        }
        let told = match self.waiting.remove(&response.id) {
            Some(waiting) => {
                for stream in waiting.streams {
                    if let Some(stream) = self.streams.get_mut(&stream) {
                        stream.ids.remove(&response.id);
                        let _ = stream.to.try_send(response.clone());
                    }
                }
                // Who has hung up does not wait.
                waiting.calls.into_iter().for_each(|call| drop(call.send(response.clone())));
                Told::Delivered
            }
            None => Told::Unknown,
        };
        self.answered.insert(response.id.clone(), response.clone());
        self.order.push_back(response.id.clone());
        if self.order.len() > KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.answered.remove(&oldest);
        }
        told
    }

    /// Answers to be looked for in the output bucket now: at most so many, those that are due longest first. Each is
    /// due again later and later.
    pub fn overdue(&mut self, now: Instant, most: usize) -> Vec<Id> {
        let mut due: Vec<_> = self.waiting.iter_mut().filter(|(_, waiting)| waiting.look <= now).collect();
        due.sort_by_key(|(_, waiting)| waiting.look);
        due.truncate(most);
        let looked = due.into_iter().map(|(id, waiting)| {
            waiting.step = (waiting.step * 2).min(LONGEST_LOOK);
            waiting.look = now + waiting.step;
            id.clone()
        });
        looked.collect()
    }

    fn entry(&mut self, id: &Id, now: Instant) -> &mut Waiting {
        self.waiting.entry(id.clone()).or_insert_with(|| Waiting {
            streams: HashSet::new(),
            calls: Vec::new(),
            look: now + FIRST_LOOK,
            step: FIRST_LOOK,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Verdict;

    fn answer(id: &Id) -> Response {
        let verdict = Verdict::Label { label: "tabby".into(), confidence: 0.5 };
        Response { id: id.clone(), verdict, waited_ms: 0, worked_ms: 0, worker: "w".into() }
    }

    #[test]
    fn each_who_waits_is_told_once() {
        let (mut desk, now, id) = (Desk::default(), Instant::now(), Id::new());
        let (_, mut page) = desk.connect("page");
        assert!(desk.watch("page", &id, now));
        let mut call = desk.call(&id, now);
        assert_eq!(desk.tell(&answer(&id)), Told::Delivered);
        assert_eq!(desk.tell(&answer(&id)), Told::Twice);
        assert_eq!(page.try_recv().unwrap(), answer(&id));
        assert!(page.try_recv().is_err());
        assert_eq!(call.try_recv().unwrap(), answer(&id));
        // Who asks later is told as well.
        assert_eq!(desk.call(&id, now).try_recv().unwrap(), answer(&id));
        assert!(desk.watch("page", &id, now));
        assert_eq!(page.try_recv().unwrap(), answer(&id));
    }

    #[test]
    fn what_another_process_sent_is_unknown() {
        assert_eq!(Desk::default().tell(&answer(&Id::new())), Told::Unknown);
    }

    #[test]
    fn a_new_connection_takes_over_and_the_old_ones_end_ends_nothing() {
        let (mut desk, now, id) = (Desk::default(), Instant::now(), Id::new());
        let (old, _gone) = desk.connect("page");
        desk.watch("page", &id, now);
        let (_, mut page) = desk.connect("page");
        desk.disconnect("page", old);
        desk.tell(&answer(&id));
        assert_eq!(page.try_recv().unwrap(), answer(&id));
    }

    #[test]
    fn who_is_gone_is_waited_for_no_longer() {
        let (mut desk, now, id) = (Desk::default(), Instant::now(), Id::new());
        let (connection, _page) = desk.connect("page");
        desk.watch("page", &id, now);
        drop(desk.call(&id, now));
        desk.disconnect("page", connection);
        assert!(!desk.watch("page", &id, now));
        assert!(desk.overdue(now + Duration::from_secs(60), 9).is_empty());
        assert_eq!(desk.tell(&answer(&id)), Told::Unknown);
    }

    #[test]
    fn overdue_answers_are_looked_for_ever_more_seldom() {
        let (mut desk, start, id) = (Desk::default(), Instant::now(), Id::new());
        let _call = desk.call(&id, start);
        let looks: Vec<u64> =
            (0..60).filter(|&s| !desk.overdue(start + Duration::from_secs(s), 9).is_empty()).collect();
        assert_eq!(looks, [2, 6, 14, 29, 44, 59]);
        desk.hurry(&id, start);
        assert_eq!(desk.overdue(start, 9), [id]);
        // Not all at once.
        let calls: Vec<_> = (0..20).map(|_| desk.call(&Id::new(), start)).collect();
        assert_eq!(desk.overdue(start + FIRST_LOOK, 9).len(), 9);
        assert_eq!(calls.len(), 20);
    }

    #[test]
    fn only_the_last_answers_are_kept() {
        let mut desk = Desk::default();
        let first = Id::new();
        desk.tell(&answer(&first));
        for _ in 0..KEPT {
            desk.tell(&answer(&Id::new()));
        }
        assert_eq!((desk.answered.len(), desk.order.len()), (KEPT, KEPT));
        assert_eq!(desk.tell(&answer(&first)), Told::Unknown);
    }
}
