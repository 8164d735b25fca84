//! Measures how long a sign has been held. In: samples in the order of their times. Out: the sign that is held, for how
//! long, and whether that makes a gesture (rules 1 and 2).

use std::collections::VecDeque;
use std::time::Duration;

use glam::Vec2;

use super::confirm::Looks;
use super::sample::{Sample, Shown, Sign};
use super::settings::Settings;
use super::why::Why;
use crate::command::Gesture;

/// The latest samples: those of the longest possible hold, and the one before them that covers its start.
#[derive(Debug, Default)]
pub struct Window {
    samples: VecDeque<Sample>,
}

/// The sign that the newest readings agree on.
#[derive(Clone, Debug, PartialEq)]
pub struct Hold {
    /// The gesture if the hold ended now; its `hold` is the time so far.
    pub gesture: Gesture,
    /// The share of the needed time that has passed, 0 to 1.
    pub progress: f32,
    pub complete: bool,
    /// What keeps the hold from completing, if anything does.
    pub hint: Option<Why>,
    /// The time of its first reading, and the hand in it.
    pub begin: Duration,
    pub first: Sign,
    /// When a fresh look is due to confirm it; none once it is confirmed.
    pub look: Option<Duration>,
}

impl Window {
    pub fn clear(&mut self) {
        self.samples.clear();
    }

    /// Adds a sample. It must be later than all before it.
    pub fn push(&mut self, sample: Sample, settings: &Settings) {
        self.samples.push_back(sample);
        let longest = settings.hold_launch.max(settings.hold_retire);
        while self.samples.get(1).is_some_and(|second| sample.time.saturating_sub(second.time) >= longest) {
            self.samples.pop_front();
        }
    }

    /// The hold that ends now. It starts at the earliest reading from which on all rules are met, but no earlier than
    /// it takes to be long enough: a gesture is judged by exactly its window.
    pub fn hold(&self, settings: &Settings) -> Option<Hold> {
        let newest = self.samples.back().filter(|sample| sample.shown != Shown::TwoHands)?;
        // If the newest reading shows no sign, an older one keeps the hold on the screen but can't complete it.
        let sign = self.samples.iter().rev().find_map(|sample| sample.shown.sign())?;
        let mut gesture =
            Gesture { side: sign.palm.side, fingers: sign.fingers, confidence: 0.0, hold: Duration::ZERO };
        let needed = settings.hold(gesture.intent());

        let (mut held, mut long_enough, mut hint, mut looks) = (false, false, None, Looks::default());
        let (mut readings, mut agreed, mut confidence) = (0usize, 0usize, 0.0);
        let (mut begin, mut first) = (newest.time, sign);
        let mut still = Still::new(&sign);
        let (mut later, mut earliest) = (newest.time, newest.time);
        for sample in self.samples.iter().rev() {
            let hand = sample.shown.sign().filter(|hand| hand.agrees_with(&sign));
            if later.saturating_sub(sample.time) > settings.gap {
                hint = hand.map(|_| Why::FewReadings);
                break;
            }
            if sample.searched && sample.shown == Shown::TwoHands {
                break;
            }
            later = sample.time;
            readings += 1;
            if sample.fresh {
                looks.add_older(sample.time, hand.is_some());
            }
            let hold = newest.time.saturating_sub(sample.time);
            if let Some(hand) = hand {
                if !still.goes_on(&hand, settings) {
                    hint = Some(Why::Moving);
                    break;
                }
                earliest = sample.time;
                agreed += 1;
                confidence += hand.confidence;
                if agreed as f32 / readings as f32 >= settings.agree {
                    (gesture.confidence, gesture.hold, held) = (confidence / agreed as f32, hold, true);
                    (begin, first) = (sample.time, hand);
                    long_enough = hold >= needed;
                }
            }
            if hold >= needed {
                break;
            }
        }
        if !held {
            return None;
        }
        if long_enough && readings < settings.readings_min {
            hint = Some(Why::FewReadings);
        } else if long_enough && !looks.confirm(begin, needed) {
            hint = Some(Why::NotConfirmed);
        }
        let complete = long_enough && hint.is_none() && newest.shown.sign().is_some();
        let progress = if long_enough { 1.0 } else { gesture.hold.div_duration_f32(needed) };
        // Where few agreed so far, the hold may still turn out to have begun earlier.
        let look = [begin, earliest].into_iter().filter_map(|begin| looks.due(begin, needed)).min();
        Some(Hold { gesture, progress, complete, hint, begin, first, look })
    }
}

impl Hold {
    /// The hold of a sign that no fist came before: it can't even begin.
    pub fn without_fist(self) -> Hold {
        Hold { progress: 0.0, complete: false, hint: Some(Why::NoFist), ..self }
    }
}

/// How far a hand moved, measured by all its landmarks: unlike the palm's centre, they show a turn or a wave of the
/// wrist.
struct Still {
    palm: f32,
    /// The bounding box of each landmark's positions.
    low: [Vec2; 21],
    high: [Vec2; 21],
    /// The landmarks of the reading that was added last.
    last: [Vec2; 21],
}

impl Still {
    fn new(newest: &Sign) -> Still {
        Still { palm: newest.palm.width, low: newest.points, high: newest.points, last: newest.points }
    }

    /// Adds the previous reading. Returns whether the hand was still in all readings and did not jump between two of
    /// them; a jump means that another hand took its place.
    fn goes_on(&mut self, hand: &Sign, settings: &Settings) -> bool {
        self.low = std::array::from_fn(|i| self.low[i].min(hand.points[i]));
        self.high = std::array::from_fn(|i| self.high[i].max(hand.points[i]));
        let step = mean_distance(&std::mem::replace(&mut self.last, hand.points), &hand.points);
        mean_distance(&self.low, &self.high) <= settings.still * self.palm && step <= settings.jump * self.palm
    }
}

fn mean_distance(a: &[Vec2; 21], b: &[Vec2; 21]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a.distance(*b)).sum::<f32>() / a.len() as f32
}
