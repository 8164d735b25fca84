//! How long a sign has been held. In: the signs, in the order of their times. Out: the sign that is held, how long,
//! and whether that is a gesture (rules 1 and 2).

use std::collections::VecDeque;

use glam::Vec2;

use crate::gesture::{
    Gesture, Settings,
    sign::{Seen, Shown, Sign},
    why::Why,
};

/// The latest signs: the longest hold, and the one reading before it that covers its beginning.
#[derive(Debug, Default)]
pub struct Window {
    signs: VecDeque<Sign>,
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
        self.signs.clear();
    }

    /// Adds a sign, which is later than all before it.
    pub fn push(&mut self, sign: Sign, settings: &Settings) {
        self.signs.push_back(sign);
        let longest = settings.hold_launch.max(settings.hold_retire);
        while self.signs.get(1).is_some_and(|second| sign.time.saturating_sub(second.time) >= longest) {
            self.signs.pop_front();
        }
    }

    /// The hold that ends now. It reaches back to the earliest reading from which on all the rules hold, but never past
    /// the first one that makes it long enough: a gesture is judged by exactly its window.
    pub fn hold(&self, settings: &Settings) -> Option<Hold> {
        let newest = self.signs.back().filter(|sign| sign.seen != Seen::TwoHands)?;
        // Where the newest reading shows nothing, an older one keeps the hold on the screen, but can't complete it.
        let shown = self.signs.iter().rev().find_map(|sign| sign.seen.shown())?;
        let needed = settings.hold(shown.side);

        let (mut held, mut long_enough, mut searched, mut hint) = (None, false, false, None);
        let (mut readings, mut agreed, mut confidence) = (0usize, 0usize, 0.0);
        let mut still = Still::new(&shown);
        let mut later = newest.time;
        for sign in self.signs.iter().rev() {
            let hand = sign.seen.shown().filter(|hand| hand.agrees_with(&shown));
            if later.saturating_sub(sign.time) > settings.gap {
                hint = hand.map(|_| Why::FewReadings);
                break;
            }
            if sign.searched && sign.seen == Seen::TwoHands {
                break;
            }
            later = sign.time;
            readings += 1;
            searched |= sign.searched && sign.seen.is_one_hand();
            let hold = newest.time.saturating_sub(sign.time);
            if let Some(hand) = hand {
                if still.add(&hand) > settings.still * shown.palm {
                    hint = Some(Why::Moving);
                    break;
                }
                agreed += 1;
                confidence += hand.confidence;
                if agreed as f32 / readings as f32 >= settings.agree {
                    let confidence = confidence / agreed as f32;
                    held = Some(Gesture { side: shown.side, fingers: shown.fingers, confidence, hold });
                    long_enough = hold >= needed;
                }
            }
            if hold >= needed {
                break;
            }
        }
        let gesture = held?;
        if long_enough && readings < settings.readings_min {
            hint = Some(Why::FewReadings);
        } else if long_enough && !searched {
            hint = Some(Why::NotSearched);
        }
        let complete = long_enough && hint.is_none() && newest.seen.shown().is_some();
        let progress = if long_enough { 1.0 } else { gesture.hold.div_duration_f32(needed) };
        Some(Hold { gesture, progress, complete, hint })
    }
}

/// How far a hand moved: the boxes that each of its landmarks stayed in. Unlike the palm's centre, they tell that a hand
/// turned or waved about its wrist, and that another hand took its place.
struct Still {
    low: [Vec2; 21],
    high: [Vec2; 21],
}

impl Still {
    fn new(hand: &Shown) -> Still {
        Still { low: hand.points, high: hand.points }
    }

    /// Takes another reading of the hand; gives the mean of the boxes' diagonals, in pixels.
    fn add(&mut self, hand: &Shown) -> f32 {
        let boxes = self.low.iter_mut().zip(&mut self.high).zip(hand.points);
        let diagonals = boxes.map(|((low, high), point)| {
            (*low, *high) = (low.min(point), high.max(point));
            low.distance(*high)
        });
        diagonals.sum::<f32>() / hand.points.len() as f32
    }
}
