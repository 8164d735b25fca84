//! The stream of changes to one reader. In: the feed, the journal, a session. Out: server-sent events.
//!
//! The first is a whole snapshot. Then come changes: `fleet`, `hands`, `policy`, `history` and `measured` as they are
//! now, `event` for each event with its id, a `ping` every 15 s. A reader that comes again with the id of its last
//! event misses none that is still kept. A slow reader is sent what is newest when it reads on, and delays nobody:
//! nothing is made for it until then.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Extension, http::HeaderName};
use futures_util::stream;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::select;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tower_sessions::Session;
use tower_sessions::session::Id;

use super::answer::error;
use super::assets;
use super::context::Context;
use super::feed::Feed;
use super::people::Person;
use super::shown::{self, Sight};
use crate::daemon::journal::{Delivery, Entry, Subscription};

/// Streams that may be open at once. Each costs some kilobytes and a connection.
pub const MOST: usize = 500;
const PING: Duration = Duration::from_secs(15);

/// Where a reader goes on.
#[derive(Deserialize)]
pub struct After {
    /// The id of the last event that it has. A browser's own header does not survive a new `EventSource`.
    after: Option<String>,
}

/// `GET /api/v1/stream`.
pub async fn stream(
    State(context): State<Context>,
    person: Option<Extension<Person>>,
    session: Session,
    Query(After { after }): Query<After>,
    headers: HeaderMap,
) -> Response {
    let Ok(permit) = context.streams.clone().try_acquire_owned() else {
        return error(StatusCode::SERVICE_UNAVAILABLE, "too many pages are open: close some, or wait");
    };
    let header = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(ToOwned::to_owned);
    let signed_in = match (person, session.id()) {
        (None, _) => None,
        (Some(Extension(person)), Some(id)) => Some((person, id)),
        // A stream that could not be ended at the sign-out.
        (Some(_), None) => return error(StatusCode::UNAUTHORIZED, "the session has no id: sign in again"),
    };
    let reader = Reader::new(context, signed_in, header.or(after).as_deref(), permit);
    let events = stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((Ok::<_, Infallible>(event), reader))
    });
    // A proxy must not wait for more.
    ([(HeaderName::from_static("x-accel-buffering"), "no")], Sse::new(events)).into_response()
}

struct Reader {
    context: Context,
    /// None: it looks without a sign-in.
    session: Option<Id>,
    sight: Sight,
    sessions_ended: watch::Receiver<u64>,
    feed: watch::Receiver<Feed>,
    /// What was sent last.
    sent: Feed,
    journal: Subscription,
    /// The number of the newest event that was sent.
    number: u64,
    ping: Interval,
    waiting: VecDeque<Event>,
    is_over: bool,
    _permit: OwnedSemaphorePermit,
}

impl Reader {
    fn new(
        context: Context,
        signed_in: Option<(Person, Id)>,
        after: Option<&str>,
        permit: OwnedSemaphorePermit,
    ) -> Reader {
        let (entries, journal) = context.journal.subscribe();
        let mut feed = context.feed.clone();
        let sent = feed.borrow_and_update().clone();
        let number = entries.last().map_or(0, |entry| entry.number);
        // Another run's events have other numbers: all are new then.
        let had = after.and_then(|id| id.strip_prefix(&*context.run)?.strip_prefix('-')?.parse().ok()).unwrap_or(0);
        let (person, session) = signed_in.unzip();
        let mut sight = Sight::of(person.clone());
        // All of them, as what is hidden hides what follows from it.
        let seen = entries.iter().filter(|entry| sight.may_see(entry));
        let new: Vec<Value> = seen.filter(|entry| entry.number > had).map(shown::event).collect();
        // The larger parts are text already.
        let snapshot = format!(
            "{{\"run\":{},\"about\":{},\"version\":{},\"now\":{},\"person\":{},\"goes_on\":{},\"events\":{},\
             \"fleet\":{},\"hands\":{},\"policy\":{},\"history\":{},\"measured\":{}}}",
            json!(context.run),
            context.about,
            json!(assets::version()),
            json!(Timestamp::now()),
            json!(person),
            had > 0,
            json!(new),
            sent.fleet,
            sent.hands,
            sent.policy,
            sent.history,
            sent.measured
        );
        let id = format!("{}-{number}", context.run);
        let mut ping = interval(PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.reset();
        Reader {
            session,
            sight,
            sessions_ended: context.sessions.ended(),
            feed,
            sent,
            journal,
            number,
            ping,
            waiting: VecDeque::from([Event::default().event("snapshot").id(id).data(snapshot)]),
            is_over: false,
            _permit: permit,
            context,
        }
    }

    /// Waits for what is to be sent next. None: the run or the session has ended.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            if self.is_over {
                return None;
            }
            select! {
                biased;
                Ok(()) = self.sessions_ended.changed() => self.check_session(),
                // Before the feed, which a slow reader always finds changed: its session would never end.
                _ = self.ping.tick() => {
                    self.waiting.push_back(Event::default().event("ping").data(Timestamp::now().to_string()));
                    self.check_session();
                }
                delivery = self.journal.next() => match delivery {
                    Some(Delivery::Event(entry)) => self.event(&entry),
                    Some(Delivery::Missed(_)) => self.catch_up(),
                    None => self.end("ended"),
                },
                changed = self.feed.changed() => match changed {
                    Ok(()) => self.changes(),
                    Err(_) => {
                        self.catch_up();
                        self.end("ended");
                    }
                },
            }
        }
    }

    fn check_session(&mut self) {
        if self.session.is_some_and(|id| !self.context.sessions.is_open(&id)) {
            self.end("signed-out");
        }
    }

    /// Says why, and sends no more.
    fn end(&mut self, why: &str) {
        self.waiting.push_back(Event::default().event("end").data(why));
        self.is_over = true;
    }

    fn event(&mut self, entry: &Entry) {
        if entry.number > self.number {
            self.number = entry.number;
            if !self.sight.may_see(entry) {
                return;
            }
            let id = format!("{}-{}", self.context.run, entry.number);
            self.waiting.push_back(Event::default().event("event").id(id).data(shown::event(entry).to_string()));
        }
    }

    /// Takes what the subscription lost from the journal, which keeps more.
    fn catch_up(&mut self) {
        let (entries, journal) = self.context.journal.subscribe();
        self.journal = journal;
        entries.iter().for_each(|entry| self.event(entry));
    }

    fn changes(&mut self) {
        let feed = self.feed.borrow_and_update().clone();
        for (name, before, now) in [
            ("fleet", &self.sent.fleet, &feed.fleet),
            ("hands", &self.sent.hands, &feed.hands),
            ("policy", &self.sent.policy, &feed.policy),
            ("history", &self.sent.history, &feed.history),
            ("measured", &self.sent.measured, &feed.measured),
        ] {
            if !Arc::ptr_eq(before, now) {
                self.waiting.push_back(Event::default().event(name).data(&**now));
            }
        }
        self.sent = feed;
    }
}
