//! A run's loop. In: the parts of a run, keys, signals. Out: its state after every step, and a summary when somebody
//! quits or the camera's file ends.

use std::sync::Arc;
use std::time::Duration;

use image::RgbImage;
use tokio::select;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};

use super::driver::Driver;
use super::journal::Journal;
use super::keys::Key;
use super::signals::Signals;
use super::state::RunState;
use super::summary::Summary;
use crate::clouds::Mode;
use crate::event::Stamped;
use crate::fleet::{FleetState, Handle};
use crate::gesture::machine::Machine;
use crate::metrics::Metrics;
use crate::pipeline::recording::Recorder;
use crate::pipeline::threads::{Input, PipelineError};
use crate::policy::follow::Policies;

/// How long quitting waits for the fleet's change in flight; the tags keep the rest. Everything else included, quitting
/// takes less than five seconds.
const QUIT_WITHIN: Duration = Duration::from_secs(4);
/// How often the state is published when no reading asks for it.
const REFRESH: Duration = Duration::from_millis(200);

/// The parts of a run, chosen and opened.
pub struct Parts {
    pub mode: Mode,
    pub input: Input,
    pub machine: Machine,
    pub fleet: Handle,
    pub reconciler: JoinHandle<FleetState>,
    /// What measures the fleet.
    pub metrics: Option<Arc<dyn Metrics>>,
    /// None: no policy is followed.
    pub policies: Option<Policies>,
    /// The reconciler's.
    pub events: UnboundedReceiver<Stamped>,
    pub journal: Journal,
    pub recorder: Option<Recorder>,
}

/// Where a run is shown, and who may press keys.
pub struct Channels {
    pub states: watch::Sender<RunState>,
    pub pictures: watch::Sender<RgbImage>,
    /// Closed where nobody can press one: there is neither a window nor a terminal.
    pub keys: UnboundedReceiver<Key>,
}

/// Why a run ended other than by quitting.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    #[error("cannot catch the system's signals: {0}; start it again")]
    Signals(std::io::Error),
    #[error(
        "the fleet's reconciler broke off by a fault of handwave's own, told above; start it again, which finishes what \
         is half done"
    )]
    ReconcilerPanicked,
}

/// Runs until somebody quits, or the camera has ended and the fleet is settled.
pub async fn run(parts: Parts, channels: Channels) -> Result<Summary, RunError> {
    let Parts { mode, mut input, machine, fleet, mut reconciler, policies, mut events, journal, recorder, .. } = parts;
    let Channels { states, pictures, mut keys } = channels;
    let mut driver = Driver::new(mode, machine, fleet, policies, journal, recorder);
    if matches!(input, Input::Nothing) {
        driver.without_camera();
    }
    let newest_picture = pictures.subscribe();
    let mut puppet = input.keys();
    let mut updates = input.start(pictures);
    let mut signals = Signals::catch().map_err(RunError::Signals)?;
    let mut refresh = interval(REFRESH);
    driver.begin();
    let mut settled = None;

    let failure = loop {
        select! {
            update = updates.recv(driver.due()), if settled.is_none() => match update {
                Some(Ok(update)) => driver.update(update),
                Some(Err(error)) => break Some(error.into()),
                // The source has ended: what it asked for is still to be done.
                None => settled = Some(Box::pin(driver.settled())),
            },
            () = async { settled.as_mut().expect("guarded").await }, if settled.is_some() => break None,
            Some(event) = events.recv() => driver.event(event),
            Some(key) = keys.recv() => match (key, &puppet) {
                (Key::Quit, _) => break None,
                (Key::Pause, _) => driver.toggle_pause(),
                (Key::Puppet(key), Some(puppet)) => driver.drive_puppet(puppet, key),
                (Key::Puppet(_), None) => {}
            },
            () = signals.next() => break None,
            // It ends only when it is stopped.
            _ = &mut reconciler => break Some(RunError::ReconcilerPanicked),
            _ = refresh.tick() => driver.see_light(&newest_picture.borrow()),
        }
        // A puppet that nobody can drive ends with its script.
        puppet = puppet.filter(|_| !keys.is_closed());
        driver.set_puppet(puppet.is_some());
        publish(&driver, &states);
    };

    driver.quit();
    publish(&driver, &states);
    // The camera is released at once.
    drop(updates);
    let mut ended = Box::pin(ended(reconciler, &mut keys, &mut signals));
    let left = loop {
        select! {
            biased;
            Some(event) = events.recv() => driver.event(event),
            left = &mut ended => break left,
        }
        publish(&driver, &states);
    };
    match failure {
        Some(error) => Err(error),
        None => Ok(driver.summary(left)),
    }
}

fn publish(driver: &Driver, states: &watch::Sender<RunState>) {
    let state = driver.state();
    states.send_if_modified(|shown| {
        let modified = *shown != state;
        *shown = state;
        modified
    });
}

/// Waits until the reconciler has ended, and answers what it left. None: that took too long, somebody quit again, or it
/// had ended before.
async fn ended(
    reconciler: JoinHandle<FleetState>,
    keys: &mut UnboundedReceiver<Key>,
    signals: &mut Signals,
) -> Option<FleetState> {
    if reconciler.is_finished() {
        return None;
    }
    let hurry = async {
        while let Some(key) = keys.recv().await {
            if key == Key::Quit {
                return;
            }
        }
        // Nobody can press a key any more.
        std::future::pending().await
    };
    select! {
        left = timeout(QUIT_WITHIN, reconciler) => left.ok().and_then(Result::ok),
        () = hurry => None,
        () = signals.next() => None,
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::sync::mpsc::unbounded_channel;
    use tokio::time::Instant;

    use super::*;
    use crate::camera::clock::Clock;
    use crate::clouds::{self, Choice};
    use crate::config::Config;
    use crate::daemon::state::CameraState;
    use crate::hand::Reading;
    use crate::pipeline::recording::Recording;
    use crate::pipeline::update::Update;

    /// How long quitting waits for a reconciler that hangs, where these keys are pressed meanwhile.
    async fn quitting_takes(pressed: &[Key], others: bool) -> Duration {
        let (keys_in, mut keys) = unbounded_channel();
        pressed.iter().for_each(|key| keys_in.send(*key).unwrap());
        let keys_in = others.then_some(keys_in);
        let began = Instant::now();
        assert_eq!(ended(tokio::spawn(pending()), &mut keys, &mut Signals::catch().unwrap()).await, None);
        drop(keys_in);
        began.elapsed()
    }

    #[tokio::test]
    async fn a_fleet_that_breaks_off_ends_the_run_with_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hands.jsonl");
        let mut recorder = Recorder::create(&path).unwrap();
        for seconds in [0, 60] {
            let (time, size) = (Duration::from_secs(seconds), (64, 48));
            recorder
                .write(&Update::Reading(Reading {
                    time,
                    size,
                    hands: Vec::new(),
                    searched: true,
                    fresh: true,
                    hidden: false,
                }))
                .unwrap();
        }
        let config = Config::shipped();
        let (events_in, events) = unbounded_channel();
        let cloud = clouds::open(&config.clouds(), Choice::Simulated { holds: 0 }).await.unwrap();
        let (fleet, _reconciler) = cloud.fleet(true).await.unwrap().start(events_in);
        let parts = Parts {
            mode: Mode::DryRun,
            input: Input::Recording(Recording::open(&path, Clock::real_time()).unwrap().unwrap()),
            machine: Machine::new(config.gesture, true),
            reconciler: tokio::spawn(async { panic!("told to") }),
            metrics: None,
            policies: None,
            events,
            journal: Journal::new(None),
            recorder: None,
            fleet,
        };
        let (_keys_in, keys) = unbounded_channel();
        let state = RunState::starting(Mode::DryRun, CameraState::Starting, parts.fleet.state().borrow().clone());
        let (states, pictures) = (watch::channel(state).0, watch::channel(RgbImage::default()).0);
        let error = run(parts, Channels { states, pictures, keys }).await.unwrap_err();
        assert!(matches!(error, RunError::ReconcilerPanicked), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn quitting_waits_for_what_is_under_way_unless_told_again() {
        for others in [true, false] {
            assert!(quitting_takes(&[], others).await >= QUIT_WITHIN);
            assert!(quitting_takes(&[Key::Pause], others).await >= QUIT_WITHIN);
            assert!(quitting_takes(&[Key::Pause, Key::Quit], others).await < QUIT_WITHIN / 100);
        }
    }
}
