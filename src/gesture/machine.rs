//! The gesture machine. In: readings, and interruptions such as a pause or a lost camera. Out: each gesture once, as
//! transitions, and the phase that views show. Numbers in brackets are those of the gesture rules.
//!
//! ```text
//!                                               countdown over (3): Fired
//!              right hand held (1, 2, 7):       fist or second hand (3): TakenBack
//!                  CountingDown                 interruption (5, 6): TakenBack
//!   +-------+                     +----------+                           +------------+
//!   | Armed |-------------------->| Counting |-------------------------->| Unreleased |
//!   +-------+                     | down     |                           +------------+
//!     ^   |                       +----------+                             ^   |
//!     |   |             left hand held (1, 2, 7): Fired                    |   |
//!     |   +----------------------------------------------------------------+   |
//!     +------------------------------------------------------------------------+
//!                    no hand or a fist for `release` (4)
//! ```
//!
//! Interruptions: no reading for `disarm_gap`, time that runs back, a lost camera (5); a pause, the program's end (6).
//! They forget the hold, the fist and the release so far. While paused (6) nothing is held and no fist counts; a
//! release still does. It starts Armed; with `begin = "any"` (4) it starts Unreleased, and interruptions lead from
//! Armed to there.

use std::time::Duration;

use super::fists::Fists;
use super::hold::{Hold, Window};
use super::pictures::Pictures;
use super::sample::{Palm, Sample, Shown};
use super::settings::{Begin, Settings};
use super::why::Why;
use crate::command::{Gesture, Intent};
use crate::hand::{Due, Reading, Side};

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
    /// The hand of this side was a fist and may open its fingers.
    Ready(Side),
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
            Phase::Ready(_) | Phase::CountingDown { .. } => None,
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
    /// After a gesture, fired or taken back (and why); none after the start or an interruption. `released`: since when
    /// a release has been seen without a break.
    Unreleased {
        after: Option<(Gesture, Option<Why>)>,
        released: Option<Duration>,
    },
}

#[derive(Debug)]
pub struct Machine {
    settings: Settings,
    state: State,
    fists: Fists,
    pictures: Pictures,
    paused: bool,
    quitting: bool,
    /// The newest reading's time; none before the first reading and after a lost camera.
    now: Option<Duration>,
    /// The newest palm, and when it was there.
    palm: Option<(Duration, Palm)>,
    /// Why the newest reading starts no gesture.
    idle: Why,
}

impl Machine {
    pub fn new(settings: Settings, armed: bool) -> Machine {
        let state = match settings.begin {
            Begin::Fist => State::Armed(Window::default()),
            Begin::Any => State::Unreleased { after: None, released: None },
        };
        let (fists, pictures) = (Fists::default(), Pictures::default());
        let (quitting, now, palm, idle) = (false, None, None, Why::NoPicture);
        Machine { settings, state, fists, pictures, paused: !armed, quitting, now, palm, idle }
    }

    /// Takes the next reading.
    pub fn see(&mut self, reading: &Reading) -> Option<Transition> {
        let before = self.now.replace(reading.time);
        let step = before.map(|before| reading.time.saturating_sub(before));
        let broken = match (before, step) {
            (Some(before), _) if reading.time < before => {
                self.pictures.clear();
                self.disarm(Why::TimeRanBack)
            }
            (_, Some(step)) if step > self.settings.disarm_gap => self.disarm(Why::Gap),
            _ => None,
        };
        if self.pictures.see(reading, &self.settings) {
            self.want_release();
        }
        let sample = Sample::of(reading, &self.settings, &self.pictures);
        self.idle = match sample.shown.why_not() {
            Some(Why::Fist) if sample.hidden => Why::Hidden,
            why => why.unwrap_or(Why::NotReleased),
        };
        let transition = broken.or(match self.state {
            State::CountingDown { .. } => self.count_down(&sample),
            // While time stands still, nothing is held and nothing released.
            _ if before == Some(sample.time) => None,
            State::Armed(_) => self.arm(sample),
            State::Unreleased { .. } => {
                self.release(&sample, step);
                None
            }
        });
        self.palm = sample.palm.map(|palm| (sample.time, palm)).or(self.palm);
        transition
    }

    /// There are no more readings for now. The next one may be on a new clock.
    pub fn camera_lost(&mut self) -> Option<Transition> {
        (self.now, self.palm, self.idle) = (None, None, Why::CameraLost);
        self.pictures.clear();
        self.disarm(Why::CameraLost)
    }

    pub fn pause(&mut self) -> Option<Transition> {
        self.paused = true;
        self.disarm(Why::Paused)
    }

    /// Arms again. A hold starts from here, and so does its fist.
    pub fn resume(&mut self) {
        if std::mem::take(&mut self.paused) {
            self.want_release();
        }
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
            &State::Unreleased { after: Some((gesture, taken_back)), .. } => Phase::Done { gesture, taken_back },
            State::Unreleased { after: None, .. } => Phase::Idle(match self.idle {
                why if why.is_absence() || why == Why::TwoHands => why,
                _ => Why::NotReleased,
            }),
            State::Armed(window) => match self.held(window) {
                Some(hold) => Phase::Holding { gesture: hold.gesture, progress: hold.progress, hint: hold.hint },
                None => self.ready().map_or(Phase::Idle(self.idle), Phase::Ready),
            },
        }
    }

    /// The side of the hand that was a fist and is still one, or is opening.
    fn ready(&self) -> Option<Side> {
        let goes_on = self.settings.begin == Begin::Fist && matches!(self.idle, Why::Fist | Why::Unsure);
        self.now.filter(|_| goes_on).and_then(|now| self.fists.ready(now, &self.settings))
    }

    /// The reading that the current hold, countdown or release needs next: its last one, or a fresh look that confirms
    /// a hold. A reader that skips frames must read that frame.
    pub fn due(&self) -> Option<Due> {
        let last = |at| Due { at, fresh: false };
        match &self.state {
            State::CountingDown { since, .. } => Some(last(since.saturating_add(self.settings.countdown))),
            State::Unreleased { released, .. } => {
                released.map(|since| last(since.saturating_add(self.settings.release)))
            }
            State::Armed(window) => {
                let hold = self.held(window).filter(|hold| hold.hint != Some(Why::NoFist))?;
                let left = self.settings.hold(hold.gesture.intent()).saturating_sub(hold.gesture.hold);
                let end = self.now.map(|now| last(now.saturating_add(left)));
                hold.look.map(|at| Due { at, fresh: true }).or(end)
            }
        }
    }

    /// The hold so far, and whether its fist came before it.
    fn held(&self, window: &Window) -> Option<Hold> {
        let hold = window.hold(&self.settings)?;
        let begun =
            self.settings.begin == Begin::Any || self.fists.before(hold.begin, &hold.first.palm, &self.settings);
        Some(if begun { hold } else { hold.without_fist() })
    }

    fn arm(&mut self, sample: Sample) -> Option<Transition> {
        if self.paused {
            return None;
        }
        self.fists.push(&sample, &self.settings);
        let State::Armed(window) = &mut self.state else { return None };
        window.push(sample, &self.settings);
        let State::Armed(window) = &self.state else { return None };
        let gesture = self.held(window).filter(|hold| hold.complete)?.gesture;
        Some(match gesture.intent() {
            Intent::Launch => self.done(gesture, None),
            Intent::Retire => {
                self.fists.clear();
                self.state = State::CountingDown { gesture, since: sample.time, fists: 0 };
                Transition::CountingDown(gesture)
            }
        })
    }

    /// A take-back counts even while time stands still, and also in the reading that ends the countdown.
    fn count_down(&mut self, sample: &Sample) -> Option<Transition> {
        let takes_back = sample.shown.is_take_back() && self.rests(sample);
        let State::CountingDown { gesture, since, ref mut fists } = self.state else { return None };
        *fists += usize::from(takes_back);
        if sample.shown == Shown::TwoHands {
            Some(self.done(gesture, Some(Why::TwoHands)))
        } else if takes_back && *fists >= self.settings.take_back_readings {
            Some(self.done(gesture, Some(Why::Fist)))
        } else if self.since(since) >= self.settings.countdown {
            Some(self.done(gesture, None))
        } else {
            None
        }
    }

    /// Whether the hand is slow enough to take a retire back. If its speed can't be told it is: another hand, or no
    /// time has passed.
    fn rests(&self, sample: &Sample) -> bool {
        let (Some(hand), Some((then, before))) = (sample.palm, self.palm) else { return true };
        let passed = sample.time.saturating_sub(then).as_secs_f32();
        passed == 0.0
            || hand.side != before.side
            || hand.centre.distance(before.centre) < self.settings.take_back_rest * hand.width * passed
    }

    fn release(&mut self, sample: &Sample, step: Option<Duration>) {
        if !self.paused {
            self.fists.push(sample, &self.settings);
        }
        let State::Unreleased { ref mut released, .. } = self.state else { return };
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

    /// Forgets the hold, the fist and the release so far, and takes a countdown back.
    fn disarm(&mut self, why: Why) -> Option<Transition> {
        self.fists.clear();
        match &mut self.state {
            State::Armed(window) => window.clear(),
            State::Unreleased { released, .. } => *released = None,
            State::CountingDown { gesture, .. } => {
                let gesture = *gesture;
                return Some(self.done(gesture, Some(why)));
            }
        }
        self.want_release();
        None
    }

    /// Where no fist is asked for, a hand that was there already must be lowered first.
    fn want_release(&mut self) {
        if self.settings.begin == Begin::Any && matches!(self.state, State::Armed(_)) {
            self.state = State::Unreleased { after: None, released: None };
        }
    }

    fn done(&mut self, gesture: Gesture, taken_back: Option<Why>) -> Transition {
        self.fists.clear();
        self.state = State::Unreleased { after: Some((gesture, taken_back)), released: None };
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
