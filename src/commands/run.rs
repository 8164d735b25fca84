//! `handwave run`: frames to readings to gestures to commands, until somebody quits or the camera's file ends.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::select;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};

use super::live::{self, Driven};
use super::stage::{self, Stage};
use crate::camera::clock::Clock;
use crate::camera::light::Light;
use crate::camera::{self, CameraSpec};
use crate::cli::RunArgs;
use crate::config::Config;
use crate::daemon::audit::Audit;
use crate::daemon::daemon::Daemon;
use crate::daemon::signals::Signals;
use crate::daemon::summary::Summary;
use crate::event::Stamped;
use crate::fleet::FleetState;
use crate::gesture::machine::Machine;
use crate::pipeline::recording::{Recorder, Recording};
use crate::pipeline::slot::Pace;
use crate::pipeline::threads::Input;
use crate::view::terminal::{Key, Terminal};
use crate::{commands, vision};

/// How long quitting waits for the fleet's change under way; the rest is left to the tags. With all else, quitting takes
/// less than five seconds.
const QUIT_WITHIN: Duration = Duration::from_secs(4);
const ACTOR_BROKE_OFF: &str = "the fleet's actor broke off by a fault of handwave's own, told above; start it again, which finishes what is half done";
/// How often the live line is drawn where no reading asks for it.
const REDRAW: Duration = Duration::from_millis(200);

pub fn run(args: &RunArgs, terminal: Terminal) -> Result<ExitCode> {
    let (config, origin) = Config::load(args.common.config.as_deref())?;
    tracing::info!("settings from {origin}");
    let source = args.camera.clone().unwrap_or(config.camera.source.clone());
    let audit = args.events.as_deref().map(Audit::open).transpose()?;
    let eyes = open_eyes(args, &config, &source)?;
    let recorder = args.record.as_deref().map(Recorder::create).transpose()?;
    let runtime = commands::runtime()?;
    let inside = runtime.enter();
    let (events_in, events) = unbounded_channel();
    let driven = runtime.block_on(live::drive(args, &config, &source, &terminal, events_in))?;
    let Driven { mode, armed, fleet, reconciler: actor } = driven;
    let mut daemon = Daemon::new(mode, Machine::new(config.gesture.clone(), armed), fleet, terminal);
    (daemon.audit, daemon.recorder) = (audit, recorder);
    let summary = stage::show(&runtime, Parts { eyes, daemon, actor, events }, args.headless);
    drop(inside);
    // A call that hangs is not waited for.
    runtime.shutdown_background();
    let summary = summary?;
    commands::say(&summary.to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// A camera with the models that read it, or a recording.
fn open_eyes(args: &RunArgs, config: &Config, source: &CameraSpec) -> Result<Input> {
    let clock = if args.fast { Clock::fast() } else { Clock::real_time() };
    let recording = match source {
        CameraSpec::File(path) => Recording::open(path, clock)?,
        CameraSpec::Webcam(_) | CameraSpec::Puppet => None,
    };
    if let Some(recording) = recording {
        return Ok(Input::Recording(recording));
    }
    let camera = camera::open(source, &config.camera, args.fast)?;
    let tracker = Box::new(vision::open(&config.vision, args.common.models.as_deref(), config.camera.mirrored)?);
    let pace = if args.fast { Pace::Every } else { Pace::Latest };
    Ok(Input::Camera { camera, tracker, pace })
}

/// The parts of a run, chosen and opened.
pub struct Parts {
    pub eyes: Input,
    pub daemon: Daemon,
    pub actor: JoinHandle<FleetState>,
    pub events: UnboundedReceiver<Stamped>,
}

/// Runs until somebody quits, or the camera has ended and the fleet is settled.
pub async fn play(parts: Parts, stage: Stage) -> Result<Summary> {
    let Parts { mut eyes, mut daemon, mut actor, mut events } = parts;
    let Stage { scenes, pictures, keys_in, mut keys } = stage;
    let seen = pictures.subscribe();
    let mut puppet = eyes.keys();
    let (due_in, due) = watch::channel(None);
    let mut readings = eyes.watch(pictures, due);
    let raw_mode = daemon.terminal.keys(keys_in);
    let mut signals = Signals::catch()?;
    let mut redraw = interval(REDRAW);
    daemon.begin();
    let mut settled = None;

    let failure = loop {
        select! {
            reading = readings.recv(), if settled.is_none() => match reading {
                Some(Ok(seen)) => {
                    daemon.see(seen);
                    due_in.send_replace(daemon.machine.due());
                }
                Some(Err(error)) => break Some(error.into()),
                // The source has ended: what it asked for is still to be done.
                None => settled = Some(Box::pin(daemon.settled())),
            },
            () = async { settled.as_mut().expect("guarded").await }, if settled.is_some() => break None,
            Some(event) = events.recv() => daemon.tell(event),
            Some(key) = keys.recv() => match key {
                Key::Quit => break None,
                Key::Pause => daemon.pause_or_resume(),
                Key::Puppet(key) => daemon.drive(puppet.as_ref(), key),
            },
            () = signals.next() => break None,
            // It ends when it is told to.
            _ = &mut actor => break Some(anyhow!(ACTOR_BROKE_OFF)),
            _ = redraw.tick() => daemon.light = Light::of(&seen.borrow(), daemon.light),
        }
        // A puppet that nobody can drive ends with its script.
        puppet = puppet.filter(|_| !keys.is_closed());
        daemon.driven = puppet.is_some();
        daemon.draw(&scenes);
    };

    daemon.quit();
    daemon.draw(&scenes);
    // The camera is let go at once.
    drop(readings);
    let mut ended = Box::pin(ended(actor, &mut keys, &mut signals));
    let left = loop {
        select! {
            biased;
            Some(event) = events.recv() => daemon.tell(event),
            left = &mut ended => break left,
        }
        daemon.draw(&scenes);
    };
    drop(raw_mode);
    match failure {
        Some(error) => Err(error),
        None => Ok(daemon.summary(left)),
    }
}

/// Waits until the actor has ended, and answers what it left. Not for long, and no longer where somebody quits again:
/// None.
async fn ended(
    actor: JoinHandle<FleetState>,
    keys: &mut UnboundedReceiver<Key>,
    signals: &mut Signals,
) -> Option<FleetState> {
    if actor.is_finished() {
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
        left = timeout(QUIT_WITHIN, actor) => left.ok().and_then(Result::ok),
        () = hurry => None,
        () = signals.next() => None,
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::Instant;

    use super::*;
    use crate::clouds::{self, Choice, Mode};
    use crate::hand::Reading;
    use crate::pipeline::update::Update;
    use crate::view::terminal::Manner;

    /// How long quitting waits for an actor that hangs, where these keys are pressed meanwhile.
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
            recorder.write(&Update::Reading(Reading { time, size, hands: Vec::new(), searched: true })).unwrap();
        }
        let config = Config::shipped();
        let (events_in, events) = unbounded_channel();
        let cloud = clouds::open(&config.clouds(), Choice::Simulated { holds: 0 }).await.unwrap();
        let (fleet, _actor) = cloud.fleet().await.unwrap().start(events_in);
        let eyes = Input::Recording(Recording::open(&path, Clock::real_time()).unwrap().unwrap());
        let machine = Machine::new(config.gesture, true);
        let daemon = Daemon::new(Mode::DryRun, machine, fleet, Terminal::new(Manner::Quiet));
        let (keys_in, keys) = unbounded_channel();
        let (scenes, pictures) = (watch::channel(daemon.scene()).0, watch::channel(Default::default()).0);
        let parts = Parts { eyes, daemon, actor: tokio::spawn(async { panic!("told to") }), events };
        let error = play(parts, Stage { scenes, pictures, keys_in, keys }).await.unwrap_err();
        assert_eq!(error.to_string(), ACTOR_BROKE_OFF);
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
