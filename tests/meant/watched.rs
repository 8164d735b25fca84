//! What handwave makes of a camera. In: a camera. Out: its readings, the transitions, and how steady the hands' sides
//! were.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use handwave::camera::{Camera, Frame, Status};
use handwave::config::Config;
use handwave::gesture::machine::{Machine, Transition};
use handwave::hand::{Reading, Side};
use handwave::vision::landmark::Estimate;
use handwave::vision::{self, tracker::Tracker};

#[derive(Default)]
pub struct Watched {
    pub readings: Vec<Reading>,
    pub outcomes: Vec<(Duration, Transition)>,
    pub sides: Sides,
}

/// How often a followed hand's side flipped between two readings, and how often it was wrong: by each frame alone, and
/// averaged over time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sides {
    pub readings: usize,
    pub flips: usize,
    pub flips_alone: usize,
    /// Readings whose true side is known.
    pub known: usize,
    pub wrong: usize,
    pub wrong_alone: usize,
    /// Wrong ones that would have counted towards a gesture.
    pub wrong_and_sure: usize,
}

impl std::ops::AddAssign for Sides {
    fn add_assign(&mut self, other: Sides) {
        self.readings += other.readings;
        self.flips += other.flips;
        self.flips_alone += other.flips_alone;
        self.known += other.known;
        self.wrong += other.wrong;
        self.wrong_alone += other.wrong_alone;
        self.wrong_and_sure += other.wrong_and_sure;
    }
}

fn side_alone(look: &Estimate) -> Side {
    if look.right > 0.5 { Side::Right } else { Side::Left }
}

impl Sides {
    /// Adds one reading after the previous one.
    fn add(&mut self, before: &[(Estimate, Side)], now: &[(Estimate, Side)], sure: &[bool], truth: Option<Side>) {
        for ((look, side), sure) in now.iter().zip(sure) {
            let Some((look_before, side_before)) = before.iter().find(|(before, _)| before.is_same_hand(look)) else {
                continue;
            };
            self.readings += 1;
            self.flips += usize::from(side != side_before);
            self.flips_alone += usize::from(side_alone(look) != side_alone(look_before));
            if let Some(truth) = truth {
                self.known += 1;
                self.wrong += usize::from(*side != truth);
                self.wrong_alone += usize::from(side_alone(look) != truth);
                self.wrong_and_sure += usize::from(*side != truth && *sure);
            }
        }
    }
}

/// Reads a camera to its end. `truth` is the side of the only hand that is visible at a time.
pub fn observe(camera: &mut dyn Camera, tracker: &mut Tracker, truth: impl Fn(Duration) -> Option<Side>) -> Watched {
    let mut machine = Machine::new(Config::shipped().gesture, true);
    let (mut frame, mut before, mut watched) = (Frame::default(), Vec::new(), Watched::default());
    tracker.forget();
    while camera.read(&mut frame).unwrap() == Status::Fresh {
        let reading = tracker.read(&frame, machine.due()).unwrap();
        watched.outcomes.extend(machine.see(&reading).map(|outcome| (reading.time, outcome)));
        let now: Vec<_> = tracker.estimates().cloned().zip(reading.hands.iter().map(|hand| hand.side)).collect();
        let sure: Vec<_> = reading.hands.iter().map(|hand| hand.sure).collect();
        watched.sides.add(&before, &now, &sure, truth(frame.time));
        before = now;
        watched.readings.push(reading);
    }
    watched
}

/// Distributes work over threads, each with its own models; returns the results in order.
pub fn spread<T: Sync, R: Send>(work: &[T], threads: usize, judge: impl Fn(&mut Tracker, &T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let one_thread = || {
        let mut tracker = vision::open(&Config::shipped().vision, None, false).unwrap();
        let mine =
            std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)).filter(|piece| *piece < work.len()));
        mine.map(|piece| (piece, judge(&mut tracker, &work[piece]))).collect::<Vec<_>>()
    };
    let mut done: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(one_thread)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    done.sort_by_key(|(piece, _)| *piece);
    done.into_iter().map(|(_, result)| result).collect()
}
