//! What a run does with each input. In: updates from the camera, keys, the fleet's events. Out: commands to the fleet,
//! events in the journal, the run's state.

use std::mem;
use std::sync::mpsc::Sender;

use image::RgbImage;
use tokio::sync::oneshot;

use super::journal::Journal;
use super::state::{CameraState, PuppetState, RunState, SAID};
use super::summary::Summary;
use crate::camera::light::Light;
use crate::clouds::Mode;
use crate::command::{Command, Intent};
use crate::event::{Event, Stamped};
use crate::fleet::{FleetState, Handle, Outcome};
use crate::gesture::machine::{Machine, Phase, Transition};
use crate::hand::{Due, Reading};
use crate::pipeline::recording::Recorder;
use crate::pipeline::update::Update;
use crate::policy::follow::Policies;

/// What a run knows between two inputs.
pub struct Driver {
    mode: Mode,
    machine: Machine,
    fleet: Handle,
    policies: Option<Policies>,
    journal: Journal,
    recorder: Option<Recorder>,
    has_camera: bool,
    /// The answer to the newest command.
    answer: Option<oneshot::Receiver<Outcome>>,
    /// The newest.
    reading: Option<Reading>,
    readings: u64,
    light: Option<Light>,
    /// Why there is no picture, while there is none.
    lost: Option<String>,
    puppet: PuppetState,
    summary: Summary,
}

impl Driver {
    pub fn new(
        mode: Mode,
        machine: Machine,
        fleet: Handle,
        policies: Option<Policies>,
        journal: Journal,
        recorder: Option<Recorder>,
    ) -> Driver {
        Driver {
            mode,
            machine,
            fleet,
            policies,
            journal,
            recorder,
            has_camera: true,
            answer: None,
            reading: None,
            readings: 0,
            light: None,
            lost: None,
            puppet: PuppetState::None,
            summary: Summary::default(),
        }
    }

    /// Says that this run has no camera.
    pub fn without_camera(&mut self) {
        self.has_camera = false;
    }

    /// A run's first event says whether it is paused: whoever reads its events has to know.
    pub fn begin(&mut self) {
        self.pause_policies(self.machine.is_paused());
        if self.machine.is_paused() {
            self.record(&Update::Paused(true));
            self.event(Stamped::now(Event::Paused));
        }
    }

    /// Takes what comes from the camera.
    pub fn update(&mut self, update: Update) {
        self.record(&update);
        match update {
            Update::Reading(reading) => {
                let transition = self.machine.see(&reading);
                self.act(transition);
                self.reading = Some(reading);
                self.readings += 1;
            }
            Update::Lost(reason) => {
                let transition = self.machine.camera_lost();
                self.reading = None;
                self.lost = Some(reason.clone());
                self.event(Stamped::now(Event::CameraLost { reason }));
                self.act(transition);
            }
            Update::Back => {
                self.lost = None;
                self.event(Stamped::now(Event::CameraBack));
            }
            Update::Paused(paused) => self.set_paused(paused),
        }
    }

    /// The reading that the machine needs next in any case.
    pub fn due(&self) -> Option<Due> {
        self.machine.due()
    }

    /// Somebody pauses, or arms again.
    pub fn toggle_pause(&mut self) {
        let paused = !self.machine.is_paused();
        self.record(&Update::Paused(paused));
        self.set_paused(paused);
    }

    fn pause_policies(&self, paused: bool) {
        if let Some(policies) = &self.policies {
            policies.pause_run(paused);
        }
    }

    fn set_paused(&mut self, paused: bool) {
        self.pause_policies(paused);
        if paused {
            let transition = self.machine.pause();
            self.act(transition);
            self.event(Stamped::now(Event::Paused));
        } else {
            self.machine.resume();
            self.event(Stamped::now(Event::Armed));
        }
    }

    /// Whether keys can move the hand that the camera shows.
    pub fn set_puppet(&mut self, can_be_driven: bool) {
        self.puppet = match (can_be_driven, self.puppet) {
            (false, _) => PuppetState::None,
            (true, PuppetState::None) => PuppetState::Scripted,
            (true, puppet) => puppet,
        };
    }

    /// Sends a key to the puppet, which leaves its script. One that has ended takes none.
    pub fn drive_puppet(&mut self, puppet: &Sender<char>, key: char) {
        if puppet.send(key).is_ok() {
            self.puppet = PuppetState::Driven;
        }
    }

    /// Looks at the light of the newest picture.
    pub fn see_light(&mut self, picture: &RgbImage) {
        self.light = Light::of(picture, self.light);
    }

    /// Keeps an event.
    pub fn event(&mut self, event: Stamped) {
        self.summary.count(&event.event);
        self.journal.write(event);
    }

    /// Waits until what was asked for is done and the fleet is settled.
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
        let transition = self.machine.quit();
        self.act(transition);
        self.fleet.stop();
        self.event(Stamped::now(Event::Quit));
    }

    /// The run as it is now.
    pub fn state(&self) -> RunState {
        let phase = self.machine.phase();
        let fleet = self.fleet.state().borrow().clone();
        let victims = match &phase {
            Phase::CountingDown { gesture, .. } => fleet.victims(gesture.fingers.into()),
            _ => Vec::new(),
        };
        let camera = match &self.lost {
            Some(reason) => CameraState::Lost(reason.clone()),
            None if !self.has_camera => CameraState::None,
            None if self.reading.is_some() => CameraState::Watching,
            None => CameraState::Starting,
        };
        RunState {
            mode: self.mode.clone(),
            camera,
            // A lost camera's last picture says nothing about the light.
            light: self.light.filter(|_| self.lost.is_none()),
            reading: self.reading.clone(),
            readings: self.readings,
            phase,
            victims,
            policy: self.policies.as_ref().map(|policies| policies.state(&fleet)),
            fleet,
            puppet: self.puppet,
            said: self.journal.latest(SAID).iter().map(|entry| entry.stamped.event.to_string()).collect(),
        }
    }

    /// The last words; `left` is the fleet as the reconciler left it, where it told.
    pub fn summary(&mut self, left: Option<FleetState>) -> Summary {
        let left = left.unwrap_or_else(|| self.fleet.state().borrow().clone());
        Summary { fleet: Some((self.mode.clone(), left)), ..mem::take(&mut self.summary) }
    }

    /// Turns what the machine made of the hands into a command.
    fn act(&mut self, transition: Option<Transition>) {
        match transition {
            None => {}
            Some(Transition::CountingDown(gesture)) => self.event(Stamped::now(Event::Gesture(gesture))),
            Some(Transition::TakenBack { why, .. }) => {
                self.event(Stamped::now(Event::TakenBack { reason: why.in_words().into() }));
            }
            Some(Transition::Fired(gesture)) => {
                // A retire's gesture is written when its countdown begins.
                if gesture.intent() == Intent::Launch {
                    self.event(Stamped::now(Event::Gesture(gesture)));
                }
                self.answer = Some(self.fleet.send(Command::of_gesture(gesture)));
            }
        }
    }

    /// Keeps what a replay needs. A full disk ends the recording, and nothing else.
    fn record(&mut self, update: &Update) {
        let written = self.recorder.as_mut().map_or(Ok(()), |recorder| recorder.write(update));
        if let Err(error) = written {
            tracing::warn!("{error}");
            self.recorder = None;
        }
    }
}
