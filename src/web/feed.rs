//! What every reader of the page is sent, made once for all of them. In: a run's states, what is measured. Out: the
//! newest fleet, hands, policies, history and measurements as JSON, each replaced only when it has changed.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::select;
use tokio::sync::watch;
use tokio::time::{Instant, interval, sleep};

use super::history::{BEAT, History};
use super::shown;
use crate::daemon::state::RunState;
use crate::fleet::{FleetState, Lifecycle};

/// The least time between two changes that are sent: fifteen pictures of a hand a second look smooth.
const PACE: Duration = Duration::from_millis(66);

/// The newest of everything, as JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Feed {
    pub fleet: Arc<str>,
    pub hands: Arc<str>,
    pub policy: Arc<str>,
    pub history: Arc<str>,
    /// The charts of what the cloud measures; `null` until it was asked.
    pub measured: Arc<str>,
}

/// Makes feeds out of states.
pub struct Feeder {
    states: watch::Receiver<RunState>,
    measured: watch::Receiver<Arc<str>>,
    history: History,
    failing: Option<(Instant, Timestamp)>,
    /// What the feed shows.
    fleet: FleetState,
    out: watch::Sender<Feed>,
}

impl Feeder {
    pub fn new(
        mut states: watch::Receiver<RunState>,
        measured: watch::Receiver<Arc<str>>,
        mut history: History,
    ) -> (Feeder, watch::Receiver<Feed>) {
        let state = states.borrow_and_update().clone();
        history.note(Timestamp::now(), counts(&state.fleet));
        let feed = Feed {
            fleet: text(&shown::fleet(&state.fleet, None)),
            hands: text(&shown::hands(&state)),
            policy: text(&shown::policy(state.policy.as_ref())),
            history: text(&points(&history)),
            measured: measured.borrow().clone(),
        };
        let (out, feed) = watch::channel(feed);
        (Feeder { states, measured, history, failing: None, fleet: state.fleet, out }, feed)
    }

    /// Goes on until the run has ended.
    pub async fn run(mut self) {
        let mut beat = interval(Duration::from_secs(BEAT.unsigned_abs()));
        loop {
            let changed = select! {
                changed = self.states.changed() => changed,
                Ok(()) = self.measured.changed() => Ok(()),
                _ = beat.tick() => Ok(()),
            };
            self.publish();
            if changed.is_err() {
                return;
            }
            sleep(PACE).await;
        }
    }

    fn publish(&mut self) {
        let state = self.states.borrow_and_update().clone();
        let (now, shown) = (Timestamp::now(), self.out.borrow().clone());
        let mut feed = shown.clone();
        if state.fleet != self.fleet {
            self.failing = state.fleet.failing_since.map(|since| match self.failing {
                Some(failing) if failing.0 == since => failing,
                _ => (since, now.saturating_sub(since.elapsed()).unwrap_or(now)),
            });
            feed.fleet = text(&shown::fleet(&state.fleet, self.failing.map(|(_, since)| since)));
            self.fleet = state.fleet.clone();
        }
        if self.history.note(now, counts(&state.fleet)) {
            feed.history = text(&points(&self.history));
        }
        feed.measured = self.measured.borrow_and_update().clone();
        let hands = shown::hands(&state).to_string();
        if *hands != *shown.hands {
            feed.hands = hands.into();
        }
        let policy = shown::policy(state.policy.as_ref()).to_string();
        if *policy != *shown.policy {
            feed.policy = policy.into();
        }
        if feed != shown {
            self.out.send_replace(feed);
        }
    }
}

fn text(value: &Value) -> Arc<str> {
    value.to_string().into()
}

/// How many instances there are, and of these in service. None: nobody knows.
fn counts(fleet: &FleetState) -> Option<(usize, usize)> {
    let known = fleet.observed.is_some() && fleet.failing_since.is_none();
    let serving = fleet.lifecycles().get(&Lifecycle::InService).copied().unwrap_or(0);
    known.then(|| (fleet.count(), serving))
}

/// Each point as `[second, count, in service]`; a count that is not known is null.
fn points(history: &History) -> Value {
    json!(history.points().map(|point| json!([point.at, point.count, point.serving])).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clouds::Mode;
    use crate::daemon::state::CameraState;
    use crate::fleet::Limits;
    use crate::hand::Reading;

    fn state() -> RunState {
        RunState::starting(Mode::DryRun, CameraState::Starting, FleetState::unknown(Limits { min: 1, max: 5 }))
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_has_changed_is_sent_anew_and_the_end_ends_it() {
        let (states, watched) = watch::channel(state());
        let (feeder, mut feed) = Feeder::new(watched, watch::channel(Arc::from("null")).1, History::in_memory());
        let task = tokio::spawn(feeder.run());
        sleep(PACE).await;
        let first = feed.borrow_and_update().clone();

        // Another reading without a hand looks the same.
        let reading = Reading {
            time: Duration::from_secs(1),
            size: (640, 480),
            hands: Vec::new(),
            searched: true,
            fresh: false,
            hidden: false,
        };
        states.send_modify(|state| state.reading = Some(reading.clone()));
        sleep(2 * PACE).await;
        let second = feed.borrow_and_update().clone();
        let later = Reading { time: Duration::from_secs(2), ..reading };
        states.send_modify(|state| state.reading = Some(later));
        sleep(2 * PACE).await;
        assert!(!feed.has_changed().unwrap());
        assert!(Arc::ptr_eq(&first.fleet, &second.fleet));

        states.send_modify(|state| state.fleet.trouble = Some("throttled".into()));
        sleep(2 * PACE).await;
        let third = feed.borrow_and_update().clone();
        assert!(third.fleet.contains("throttled") && Arc::ptr_eq(&second.hands, &third.hands));

        drop(states);
        sleep(2 * PACE).await;
        assert!(feed.changed().await.is_err());
        task.await.unwrap();
    }

    #[test]
    fn what_the_cloud_does_not_say_is_no_count() {
        let mut fleet = state().fleet;
        assert_eq!(counts(&fleet), None);
        fleet.observed = Some(crate::fleet::Observed::default());
        assert_eq!(counts(&fleet), Some((0, 0)));
    }
}
