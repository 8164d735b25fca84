//! What a run does with what it sees and hears. In: readings, keys, the fleet's events. Out: commands to the fleet, events
//! to the audit file and the terminal, a scene for the views.

use std::sync::mpsc::Sender;
use std::time::Instant;

use tokio::sync::{oneshot, watch};

use super::audit::Audit;
use super::summary::Summary;
use crate::camera::light::Light;
use crate::clouds::Mode;
use crate::command::{Command, Intent};
use crate::event::{Event, Stamped};
use crate::fleet::{FleetState, Handle, Outcome};
use crate::gesture::machine::{Machine, Phase, Transition};
use crate::hand::Reading;
use crate::pipeline::recording::Recorder;
use crate::pipeline::update::Update;
use crate::view::narrator::Narrator;
use crate::view::terminal::Terminal;
use crate::view::{CameraState, RunState, SAID, text};

/// What a run knows between two turns of its loop.
pub struct Daemon {
    mode: Mode,
    pub machine: Machine,
    fleet: Handle,
    pub audit: Option<Audit>,
    pub recorder: Option<Recorder>,
    pub narrator: Narrator,
    pub terminal: Terminal,
    started: Instant,
    /// The answer to the newest command.
    answer: Option<oneshot::Receiver<Outcome>>,
    /// The newest.
    reading: Option<Reading>,
    pub light: Option<Light>,
    /// Why there is no picture, while there is none.
    lost: Option<String>,
    /// Keys drive a puppet.
    pub driven: bool,
    /// The newest events' sentences, newest last.
    said: Vec<String>,
    summary: Summary,
}

impl Daemon {
    /// Says and keeps nothing else than the terminal: `audit`, `recorder` and `narrator` may be set.
    pub fn new(mode: Mode, machine: Machine, fleet: Handle, terminal: Terminal) -> Daemon {
        Daemon {
            mode,
            machine,
            fleet,
            audit: None,
            recorder: None,
            narrator: Narrator::default(),
            terminal,
            started: Instant::now(),
            answer: None,
            reading: None,
            light: None,
            lost: None,
            driven: false,
            said: Vec::new(),
            summary: Summary::default(),
        }
    }

    pub fn see(&mut self, seen: Update) {
        self.record(&seen);
        match seen {
            Update::Reading(reading) => self.read(reading),
            Update::Lost(reason) => {
                let outcome = self.machine.camera_lost();
                self.reading = None;
                self.lost = Some(reason.clone());
                self.tell(Stamped::now(Event::CameraLost { reason }));
                self.act(outcome);
            }
            Update::Back => {
                self.lost = None;
                self.tell(Stamped::now(Event::CameraBack));
            }
            Update::Paused(paused) => self.switch(paused),
        }
    }

    /// Keeps what a replay needs. A disk that is full ends the recording, and nothing else.
    pub fn record(&mut self, seen: &Update) {
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
    fn act(&mut self, outcome: Option<Transition>) {
        match outcome {
            None => {}
            Some(Transition::CountingDown(gesture)) => self.tell(Stamped::now(Event::Gesture(gesture))),
            Some(Transition::TakenBack { why, .. }) => {
                self.tell(Stamped::now(Event::TakenBack { reason: why.in_words().into() }));
            }
            Some(Transition::Fired(gesture)) => {
                // A retire was told when its countdown began.
                if gesture.intent() == Intent::Launch {
                    self.tell(Stamped::now(Event::Gesture(gesture)));
                }
                self.answer = Some(self.fleet.send(Command::of_gesture(gesture)));
            }
        }
    }

    /// What a run begins with: whoever reads its events has to know that it is paused.
    pub fn begin(&mut self) {
        if self.machine.is_paused() {
            self.record(&Update::Paused(true));
            self.tell(Stamped::now(Event::Paused));
        }
    }

    /// Somebody pauses, or arms again.
    pub fn pause_or_resume(&mut self) {
        let paused = !self.machine.is_paused();
        self.record(&Update::Paused(paused));
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
    pub fn drive(&mut self, puppet: Option<&Sender<char>>, key: char) {
        // One that has ended does not move any more.
        if puppet.is_some_and(|puppet| puppet.send(key).is_ok()) {
            self.narrator.leave_script();
        }
    }

    /// Waits until what was asked for is done and the fleet is at rest.
    pub fn settled(&mut self) -> impl Future<Output = ()> + use<> {
        let (fleet, answer) = (self.fleet.clone(), self.answer.take());
        async move {
            if let Some(answer) = answer {
                let _ = answer.await;
            }
            fleet.settled().await;
        }
    }

    pub fn quit(&mut self) {
        let outcome = self.machine.quit();
        self.act(outcome);
        self.fleet.stop();
        self.tell(Stamped::now(Event::Quit));
    }

    pub fn tell(&mut self, event: Stamped) {
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

    pub fn draw(&self, scenes: &watch::Sender<RunState>) {
        let scene = self.scene();
        self.terminal.live(&text::live_line(&scene));
        scenes.send_if_modified(|shown| std::mem::replace(shown, scene.clone()) != scene);
    }

    pub fn scene(&self) -> RunState {
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
        RunState { mode: self.mode.clone(), camera, light, reading, phase, victims, fleet, driven: self.driven, said }
    }

    pub fn summary(mut self, left: Option<FleetState>) -> Summary {
        let left = left.unwrap_or_else(|| self.fleet.state().borrow().clone());
        self.summary.fleet = Some((self.mode, left));
        self.summary
    }
}
