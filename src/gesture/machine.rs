//! The gesture machine. In: readings, and interruptions such as a pause or a lost camera. Out: each gesture once, as
//! transitions, and the phase that views show. Numbers in brackets are those of the gesture rules.
//!
//! ```text
//!                                               countdown over (3): Fired
//!              right hand held (1, 2):          fist or second hand (3): TakenBack
//!                  CountingDown                 interruption (5, 6): TakenBack
//!   +-------+                     +----------+                           +------+
//!   | Armed |-------------------->| Counting |-------------------------->| Done |
//!   +-------+                     | down     |                           +------+
//!     ^   |                       +----------+                             ^   |
//!     |   |             left hand held (1, 2): Fired                       |   |
//!     |   +----------------------------------------------------------------+   |
//!     +------------------------------------------------------------------------+
//!                    no hand or a fist for `release` (4)
//! ```
//!
//! Interruptions: no reading for `disarm_gap`, time that runs back, a lost camera (5); a pause, the program's end (6). In
//! Armed they forget the hold so far, in Done the release so far. While paused (6) nothing is held in Armed; a release
//! in Done still counts.

use std::time::Duration;

use super::hold::Window;
use super::sample::{Sample, Shown};
use super::settings::Settings;
use super::why::Why;
use crate::command::{Gesture, Intent};
use crate::hand::Reading;

/// What happened, for the fleet and the log.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Transition {
    /// A retire was held long enough. It fires at the countdown's end unless it is taken back.
    CountingDown(Gesture),
    Fired(Gesture),
    TakenBack {
        gesture: Gesture,
        why: Why,
    },
}

/// The machine's state as a view shows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Phase {
    Paused,
    Idle(Why),
    /// A sign is being held: the ring.
    Holding {
        /// The gesture if the hold ended now.
        gesture: Gesture,
        /// The share of the needed time that has passed, 0 to 1.
        progress: f32,
        /// What keeps the hold from completing, if anything does.
        hint: Option<Why>,
    },
    CountingDown {
        gesture: Gesture,
        left: Duration,
        of: Duration,
    },
    /// The gesture has fired or was taken back (and why). It waits for a release.
    Done {
        gesture: Gesture,
        taken_back: Option<Why>,
    },
}

impl Phase {
    /// Why nothing happens, if nothing does.
    pub fn why(&self) -> Option<Why> {
        match *self {
            Phase::Paused => Some(Why::Paused),
            Phase::Idle(why) => Some(why),
            Phase::Holding { hint, .. } => hint,
            Phase::CountingDown { .. } => None,
            Phase::Done { .. } => Some(Why::NotReleased),
        }
    }
}

#[derive(Debug)]
enum State {
    /// The readings held so far: none while paused.
    Armed(Window),
    CountingDown {
        gesture: Gesture,
        since: Duration,
        fists: usize,
    },
    /// `released`: since when a release has been seen without a break.
    Done {
        gesture: Gesture,
        taken_back: Option<Why>,
        released: Option<Duration>,
    },
}

#[derive(Debug)]
pub struct Machine {
    settings: Settings,
    state: State,
    paused: bool,
    quitting: bool,
    /// The newest reading's time; none before the first reading and after a lost camera.
    now: Option<Duration>,
    /// Why the newest reading starts no gesture.
    idle: Why,
}

impl Machine {
    pub fn new(settings: Settings, armed: bool) -> Machine {
        let state = State::Armed(Window::default());
        Machine { settings, state, paused: !armed, quitting: false, now: None, idle: Why::NoPicture }
    }

    /// Takes the next reading.
    pub fn see(&mut self, reading: &Reading) -> Option<Transition> {
        let sample = Sample::of(reading, self.settings.hand_min);
        let before = self.now.replace(sample.time);
        let step = before.map(|before| sample.time.saturating_sub(before));
        let broken = match (before, step) {
            (Some(before), _) if sample.time < before => self.disarm(Why::TimeRanBack),
            (_, Some(step)) if step > self.settings.disarm_gap => self.disarm(Why::Gap),
            _ => None,
        };
        self.idle = sample.shown.why_not().unwrap_or(self.idle);
        let stands = before == Some(sample.time);
        broken.or(match self.state {
            State::CountingDown { .. } => self.count_down(&sample),
            // While time stands still, nothing is held and nothing released.
            _ if stands => None,
            State::Armed(_) if self.paused => None,
            State::Armed(_) => self.arm(sample),
            State::Done { .. } => {
                self.release(&sample, step);
                None
            }
        })
    }

    /// There are no more readings for now. The next one may be on a new clock.
    pub fn camera_lost(&mut self) -> Option<Transition> {
        self.now = None;
        self.idle = Why::CameraLost;
        self.disarm(Why::CameraLost)
    }

    pub fn pause(&mut self) -> Option<Transition> {
        self.paused = true;
        self.disarm(Why::Paused)
    }

    /// Arms again. A hold starts from here.
    pub fn resume(&mut self) {
        self.paused = false;
    }

    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Pauses for good: the program ends.
    pub fn quit(&mut self) -> Option<Transition> {
        (self.paused, self.quitting) = (true, true);
        self.disarm(Why::Quit)
    }

    pub fn phase(&self) -> Phase {
        match &self.state {
            &State::CountingDown { gesture, since, .. } => {
                let of = self.settings.countdown;
                Phase::CountingDown { gesture, left: of.saturating_sub(self.since(since)), of }
            }
            _ if self.quitting => Phase::Idle(Why::Quit),
            _ if self.paused => Phase::Paused,
            &State::Done { gesture, taken_back, .. } => Phase::Done { gesture, taken_back },
            State::Armed(window) => match window.hold(&self.settings) {
                Some(hold) => Phase::Holding { gesture: hold.gesture, progress: hold.progress, hint: hold.hint },
                None => Phase::Idle(self.idle),
            },
        }
    }

    /// The time at which the current hold, countdown or release completes. A reader that skips frames must read that frame.
    pub fn due(&self) -> Option<Duration> {
        match &self.state {
            State::CountingDown { since, .. } => Some(since.saturating_add(self.settings.countdown)),
            State::Done { released, .. } => released.map(|since| since.saturating_add(self.settings.release)),
            State::Armed(window) => {
                let held = window.hold(&self.settings)?.gesture;
                let left = self.settings.hold(held.intent()).saturating_sub(held.hold);
                self.now.map(|now| now.saturating_add(left))
            }
        }
    }

    fn arm(&mut self, sample: Sample) -> Option<Transition> {
        let State::Armed(window) = &mut self.state else { return None };
        window.push(sample, &self.settings);
        let gesture = window.hold(&self.settings).filter(|hold| hold.complete)?.gesture;
        Some(match gesture.intent() {
            Intent::Launch => self.done(gesture, None),
            Intent::Retire => {
                self.state = State::CountingDown { gesture, since: sample.time, fists: 0 };
                Transition::CountingDown(gesture)
            }
        })
    }

    /// A take-back counts even while time stands still, and also in the reading that ends the countdown.
    fn count_down(&mut self, sample: &Sample) -> Option<Transition> {
        let State::CountingDown { gesture, since, ref mut fists } = self.state else { return None };
        *fists += usize::from(sample.shown.is_take_back());
        if sample.shown == Shown::TwoHands {
            Some(self.done(gesture, Some(Why::TwoHands)))
        } else if sample.shown.is_take_back() && *fists >= self.settings.take_back_readings {
            Some(self.done(gesture, Some(Why::Fist)))
        } else if self.since(since) >= self.settings.countdown {
            Some(self.done(gesture, None))
        } else {
            None
        }
    }

    fn release(&mut self, sample: &Sample, step: Option<Duration>) {
        let State::Done { ref mut released, .. } = self.state else { return };
        if !sample.shown.is_release() {
            *released = None;
            return;
        }
        let covered = step.is_some_and(|step| step <= self.settings.gap);
        let since = released.filter(|_| covered).unwrap_or(sample.time);
        *released = Some(since);
        if self.since(since) >= self.settings.release {
            self.state = State::Armed(Window::default());
        }
    }

    /// Forgets the hold or the release so far, and takes a countdown back.
    fn disarm(&mut self, why: Why) -> Option<Transition> {
        match &mut self.state {
            State::Armed(window) => {
                window.clear();
                None
            }
            State::CountingDown { gesture, .. } => {
                let gesture = *gesture;
                Some(self.done(gesture, Some(why)))
            }
            State::Done { released, .. } => {
                *released = None;
                None
            }
        }
    }

    fn done(&mut self, gesture: Gesture, taken_back: Option<Why>) -> Transition {
        self.state = State::Done { gesture, taken_back, released: None };
        match taken_back {
            Some(why) => Transition::TakenBack { gesture, why },
            None => Transition::Fired(gesture),
        }
    }

    /// The time from `then` to the newest reading.
    fn since(&self, then: Duration) -> Duration {
        self.now.unwrap_or(then).saturating_sub(then)
    }
}
