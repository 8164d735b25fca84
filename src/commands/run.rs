//! `handwave run`: frames to readings to gestures to commands, until somebody quits or the camera's file ends.

use std::process::ExitCode;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use tokio::select;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};

use super::live::{self, Driven};
use super::signals::Signals;
use super::stage::{self, Stage};
use crate::camera::clock::Clock;
use crate::camera::slot::Pace;
use crate::camera::{self, Source};
use crate::cli::RunArgs;
use crate::config::Config;
use crate::event::{Event, Stamped};
use crate::fleet::actor::{FleetState, Handle};
use crate::fleet::{self, Action, Command};
use crate::gesture::Gesture;
use crate::gesture::machine::{Machine, Outcome, Phase};
use crate::hand::{Reading, Side};
use crate::view::audit::Audit;
use crate::view::light::Light;
use crate::view::narrator::Narrator;
use crate::view::terminal::{Key, Terminal};
use crate::view::{CameraState, Mode, SAID, Scene, text};
use crate::vision::recording::{Recorder, Recording};
use crate::vision::watch::{Eyes, Seen};
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
    let Driven { mode, armed, fleet, actor } = driven;
    let machine = Machine::new(config.gesture.clone(), armed);
    let narrator = Narrator::default();
    let parts = Parts { mode, eyes, machine, fleet, actor, events, audit, recorder, narrator, terminal };
    let summary = stage::show(&runtime, parts, args.headless);
    drop(inside);
    // A call that hangs is not waited for.
    runtime.shutdown_background();
    let summary = summary?;
    commands::say(&summary.to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// A camera with the models that read it, or a recording.
fn open_eyes(args: &RunArgs, config: &Config, source: &Source) -> Result<Eyes> {
    let clock = if args.fast { Clock::fast() } else { Clock::real_time() };
    let recording = match source {
        Source::File(path) => Recording::open(path, clock)?,
        Source::Webcam(_) | Source::Puppet => None,
    };
    if let Some(recording) = recording {
        return Ok(Eyes::Recording(recording));
    }
    let camera = camera::open(source, &config.camera, args.fast)?;
    let tracker = vision::open(&config.vision, args.common.models.as_deref(), config.camera.mirrored)?;
    let pace = if args.fast { Pace::Every } else { Pace::Latest };
    Ok(Eyes::Camera { camera, tracker, pace })
}

/// The parts of a run, chosen and opened.
pub struct Parts {
    pub mode: Mode,
    pub eyes: Eyes,
    pub machine: Machine,
    pub fleet: Handle,
    pub actor: JoinHandle<FleetState>,
    pub events: UnboundedReceiver<Stamped>,
    pub audit: Option<Audit>,
    pub recorder: Option<Recorder>,
    pub narrator: Narrator,
    pub terminal: Terminal,
}

/// Runs until somebody quits, or the camera has ended and the fleet is settled.
pub async fn play(parts: Parts, stage: Stage) -> Result<Summary> {
    let Parts { mode, mut eyes, machine, fleet, mut actor, mut events, audit, recorder, narrator, terminal } = parts;
    let Stage { scenes, pictures, keys_in, mut keys } = stage;
    let seen = pictures.subscribe();
    let mut puppet = eyes.keys();
    let mut readings = eyes.watch(pictures);
    let raw_mode = terminal.keys(keys_in);
    let mut signals = Signals::catch()?;
    let mut redraw = interval(REDRAW);
    let mut daemon = Daemon::new(mode, machine, fleet, audit, recorder, narrator, terminal);
    if daemon.machine.is_paused() {
        daemon.record(&Seen::Paused(true));
        daemon.tell(Stamped::now(Event::Paused));
    }
    let mut settled = None;

    let failure = loop {
        select! {
            reading = readings.recv(), if settled.is_none() => match reading {
                Some(Ok(seen)) => daemon.see(seen),
                Some(Err(error)) => break Some(error.into()),
                // The source has ended: what it asked for is still to be done.
                None => settled = Some(Box::pin(daemon.settled())),
            },
            () = async { settled.as_mut().expect("guarded").await }, if settled.is_some() => break None,
            Some(event) = events.recv() => daemon.tell(event),
            Some(key) = keys.recv() => match key {
                Key::Quit => break None,
                Key::Pause => daemon.pause(!daemon.machine.is_paused()),
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

/// The state between two turns of the loop.
struct Daemon {
    mode: Mode,
    machine: Machine,
    fleet: Handle,
    audit: Option<Audit>,
    recorder: Option<Recorder>,
    narrator: Narrator,
    terminal: Terminal,
    started: Instant,
    /// The answer to the newest command.
    answer: Option<oneshot::Receiver<fleet::actor::Outcome>>,
    /// The newest.
    reading: Option<Reading>,
    light: Option<Light>,
    /// Why there is no picture, while there is none.
    lost: Option<String>,
    /// Keys drive a puppet.
    driven: bool,
    /// The newest events' sentences, newest last.
    said: Vec<String>,
    summary: Summary,
}

impl Daemon {
    fn new(
        mode: Mode,
        machine: Machine,
        fleet: Handle,
        audit: Option<Audit>,
        recorder: Option<Recorder>,
        narrator: Narrator,
        terminal: Terminal,
    ) -> Daemon {
        let (started, summary) = (Instant::now(), Summary::default());
        Daemon {
            mode,
            machine,
            fleet,
            audit,
            recorder,
            narrator,
            terminal,
            started,
            answer: None,
            reading: None,
            light: None,
            lost: None,
            driven: false,
            said: Vec::new(),
            summary,
        }
    }

    fn see(&mut self, seen: Seen) {
        self.record(&seen);
        match seen {
            Seen::Reading(reading) => self.read(reading),
            Seen::Lost(reason) => {
                let outcome = self.machine.camera_lost();
                self.reading = None;
                self.lost = Some(reason.clone());
                self.tell(Stamped::now(Event::CameraLost { reason }));
                self.act(outcome);
            }
            Seen::Back => {
                self.lost = None;
                self.tell(Stamped::now(Event::CameraBack));
            }
            Seen::Paused(paused) => self.switch(paused),
        }
    }

    /// Keeps what a replay needs. A disk that is full ends the recording, and nothing else.
    fn record(&mut self, seen: &Seen) {
        let written = self.recorder.as_mut().map_or(Ok(()), |recorder| recorder.write(seen));
        if let Err(error) = written {
            tracing::warn!("{error}");
            self.recorder = None;
        }
    }

    fn read(&mut self, reading: Reading) {
        let outcome = self.machine.see(&reading);
        self.act(outcome);
        let time = reading.time;
        self.reading = Some(reading);
        let scene = self.scene();
        for sentence in self.narrator.see(&scene, time) {
            self.say(&sentence);
        }
    }

    /// Turns what the machine made of the hands into a command.
    fn act(&mut self, outcome: Option<Outcome>) {
        match outcome {
            None => {}
            Some(Outcome::CountingDown(gesture)) => self.tell(Stamped::now(Event::Gesture(gesture.into()))),
            Some(Outcome::TakenBack { why, .. }) => {
                self.tell(Stamped::now(Event::TakenBack { reason: why.in_words().into() }));
            }
            Some(Outcome::Fired(gesture)) => {
                // A retire was told when its countdown began.
                if gesture.side == Side::Left {
                    self.tell(Stamped::now(Event::Gesture(gesture.into())));
                }
                self.answer = Some(self.fleet.send(command(gesture)));
            }
        }
    }

    /// Somebody pauses, or arms again.
    fn pause(&mut self, paused: bool) {
        self.record(&Seen::Paused(paused));
        self.switch(paused);
    }

    fn switch(&mut self, paused: bool) {
        if paused {
            let outcome = self.machine.pause();
            self.act(outcome);
            self.tell(Stamped::now(Event::Paused));
        } else {
            self.machine.resume();
            self.tell(Stamped::now(Event::Armed));
        }
    }

    /// A key for the puppet, where the camera is one. Its script is left.
    fn drive(&mut self, puppet: Option<&Sender<char>>, key: char) {
        // One that has ended does not move any more.
        if puppet.is_some_and(|puppet| puppet.send(key).is_ok()) {
            self.narrator.leave_script();
        }
    }

    /// Waits until what was asked for is done and the fleet is at rest.
    fn settled(&mut self) -> impl Future<Output = ()> + use<> {
        let (fleet, answer) = (self.fleet.clone(), self.answer.take());
        async move {
            if let Some(answer) = answer {
                let _ = answer.await;
            }
            fleet.settled().await;
        }
    }

    fn quit(&mut self) {
        let outcome = self.machine.quit();
        self.act(outcome);
        self.fleet.stop();
        self.tell(Stamped::now(Event::Quit));
    }

    fn tell(&mut self, event: Stamped) {
        self.summary.count(&event.event);
        if let Some(audit) = &mut self.audit {
            audit.write(&event);
        }
        let sentence = event.event.to_string();
        self.say(&sentence);
        self.said.push(sentence);
        self.said.drain(..self.said.len().saturating_sub(SAID));
    }

    fn say(&self, sentence: &str) {
        self.terminal.tell(&format!("{:6.1} s  {sentence}", self.started.elapsed().as_secs_f32()));
    }

    fn draw(&self, scenes: &watch::Sender<Scene>) {
        let scene = self.scene();
        self.terminal.live(&text::live_line(&scene));
        scenes.send_if_modified(|shown| std::mem::replace(shown, scene.clone()) != scene);
    }

    fn scene(&self) -> Scene {
        let phase = self.machine.phase();
        let fleet = self.fleet.state().borrow().clone();
        let victims = match &phase {
            Phase::CountingDown { gesture, .. } => fleet.victims(gesture.fingers.into()),
            _ => Vec::new(),
        };
        let camera = match &self.lost {
            Some(reason) => CameraState::Lost(reason.clone()),
            None if self.reading.is_some() => CameraState::Watching,
            None => CameraState::Starting,
        };
        let (reading, said) = (self.reading.clone(), self.said.clone());
        // A lost camera's last picture says nothing of the light.
        let light = self.light.filter(|_| self.lost.is_none());
        Scene { mode: self.mode.clone(), camera, light, reading, phase, victims, fleet, driven: self.driven, said }
    }

    fn summary(mut self, left: Option<FleetState>) -> Summary {
        let left = left.unwrap_or_else(|| self.fleet.state().borrow().clone());
        self.summary.fleet = Some((self.mode, left));
        self.summary
    }
}

/// The left hand launches, the right hand retires.
fn command(gesture: Gesture) -> Command {
    let n = usize::from(gesture.fingers);
    let action = match gesture.side {
        Side::Left => Action::ScaleOut(n),
        Side::Right => Action::ScaleIn(n),
    };
    Command::new(fleet::Source::Gesture(gesture), action)
}

/// What happened, for the last words.
#[derive(Debug, Default, PartialEq)]
pub struct Summary {
    pub gestures: usize,
    pub taken_back: usize,
    pub cut: usize,
    pub refused: usize,
    pub launched: usize,
    pub terminated: usize,
    pub fleet: Option<(Mode, FleetState)>,
}

impl Summary {
    fn count(&mut self, event: &Event) {
        match event {
            Event::Gesture(_) => self.gestures += 1,
            Event::TakenBack { .. } => self.taken_back += 1,
            Event::Cut { .. } => self.cut += 1,
            Event::Refused { .. } => self.refused += 1,
            Event::Launched(of) => self.launched += of.instances.len(),
            Event::Terminated { of, .. } => self.terminated += of.instances.len(),
            _ => {}
        }
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Summary { gestures, taken_back, cut, refused, launched, terminated, fleet } = self;
        write!(f, "Gestures: {gestures}, taken back: {taken_back}. Commands cut: {cut}, refused: {refused}. ")?;
        write!(f, "Instances launched: {launched}, terminated: {terminated}.")?;
        match fleet {
            Some((mode, fleet)) => {
                let what = if *mode == Mode::DryRun { "simulated fleet" } else { "fleet" };
                write!(f, "\nThe {what}: {fleet}")?;
                text::left(mode, fleet).map_or(Ok(()), |left| write!(f, "\n{left}"))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::Instant;

    use super::*;
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
            recorder.write(&Seen::Reading(Reading { time, size, hands: Vec::new(), searched: true })).unwrap();
        }
        let config = Config::shipped();
        let (events_in, events) = unbounded_channel();
        let (fleet, _actor) = fleet::simulate(&config.fleet, events_in);
        let parts = Parts {
            mode: Mode::DryRun,
            eyes: Eyes::Recording(Recording::open(&path, Clock::real_time()).unwrap().unwrap()),
            machine: Machine::new(config.gesture, true),
            fleet,
            actor: tokio::spawn(async { panic!("told to") }),
            events,
            audit: None,
            recorder: None,
            narrator: Narrator::default(),
            terminal: Terminal::new(Manner::Quiet),
        };
        let (keys_in, keys) = unbounded_channel();
        let (scenes, pictures) = (watch::channel(stage::first_scene(&parts)).0, watch::channel(Default::default()).0);
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
