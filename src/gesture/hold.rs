//! How long a sign has been held. In: samples, in the order of their times. Out: the sign that is held, how long,
//! and whether that is a gesture (rules 1 and 2).

use std::collections::VecDeque;
use std::time::Duration;

use glam::Vec2;

use super::sample::{Sample, Shown, Sign};
use super::settings::Settings;
use super::why::Why;
use crate::command::Gesture;

/// The latest samples: the longest hold, and the one reading before it that covers its beginning.
#[derive(Debug, Default)]
pub struct Window {
    samples: VecDeque<Sample>,
}

/// The sign that the newest readings agree on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hold {
    /// What it is if it ends here: its `hold` is the time so far.
    pub gesture: Gesture,
    /// How much of the time it needs is over, 0 to 1.
    pub progress: f32,
    pub complete: bool,
    /// What keeps it from going on, where something does.
    pub hint: Option<Why>,
}

impl Window {
    pub fn clear(&mut self) {
        self.samples.clear();
    }

    /// Adds a sample, which is later than all before it.
    pub fn push(&mut self, sample: Sample, settings: &Settings) {
        self.samples.push_back(sample);
        let longest = settings.hold_launch.max(settings.hold_retire);
        while self.samples.get(1).is_some_and(|second| sample.time.saturating_sub(second.time) >= longest) {
            self.samples.pop_front();
        }
    }

    /// The hold that ends now. It reaches back to the earliest reading from which on all the rules hold, but never past
    /// the first one that makes it long enough: a gesture is judged by exactly its window.
    pub fn hold(&self, settings: &Settings) -> Option<Hold> {
        let newest = self.samples.back().filter(|sample| sample.shown != Shown::TwoHands)?;
        // Where the newest reading shows nothing, an older one keeps the hold on the screen, but can't complete it.
        let sign = self.samples.iter().rev().find_map(|sample| sample.shown.sign())?;
        let mut gesture = Gesture { side: sign.side, fingers: sign.fingers, confidence: 0.0, hold: Duration::ZERO };
        let needed = settings.hold(gesture.intent());

        let (mut held, mut long_enough, mut searched, mut hint) = (false, false, false, None);
        let (mut readings, mut agreed, mut confidence) = (0usize, 0usize, 0.0);
        let mut still = Still::new(&sign);
        let mut later = newest.time;
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
            searched |= sample.searched && sample.shown.is_one_hand();
            let hold = newest.time.saturating_sub(sample.time);
            if let Some(hand) = hand {
                if !still.goes_on(&hand, settings) {
                    hint = Some(Why::Moving);
                    break;
                }
                agreed += 1;
                confidence += hand.confidence;
                if agreed as f32 / readings as f32 >= settings.agree {
                    (gesture.confidence, gesture.hold, held) = (confidence / agreed as f32, hold, true);
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
        } else if long_enough && !searched {
            hint = Some(Why::NotSearched);
        }
        let complete = long_enough && hint.is_none() && newest.shown.sign().is_some();
        let progress = if long_enough { 1.0 } else { gesture.hold.div_duration_f32(needed) };
        Some(Hold { gesture, progress, complete, hint })
    }
}

/// How far a hand moved, by all its landmarks: unlike the palm's centre, they tell that it turned or waved about its wrist.
struct Still {
    palm: f32,
    /// The box that each landmark stayed in.
    low: [Vec2; 21],
    high: [Vec2; 21],
    /// Where each was in the reading that was added last.
    last: [Vec2; 21],
}

impl Still {
    fn new(newest: &Sign) -> Still {
        Still { palm: newest.palm, low: newest.points, high: newest.points, last: newest.points }
    }

    /// Adds the reading before; whether the hand held still in all of them, and did not jump, which is another hand that
    /// took its place.
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
