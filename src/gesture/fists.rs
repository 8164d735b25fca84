//! Remembers where fists were: a gesture begins with one (rule 7). In: samples in the order of their times. Out:
//! whether a fist came before a hold. A gesture uses its fist up.

use std::collections::VecDeque;
use std::time::Duration;

use super::sample::{Palm, Sample, Shown};
use super::settings::Settings;
use crate::hand::Side;

/// The readings of fists that the longest hold may still need.
#[derive(Debug, Default)]
pub struct Fists {
    seen: VecDeque<(Duration, Palm)>,
    /// When one hand was in view last, whatever it showed.
    hand: Option<Duration>,
}

impl Fists {
    pub fn clear(&mut self) {
        self.seen.clear();
    }

    /// Adds a sample. It must be later than all before it. Whose fist it was is unclear once a search has found a
    /// second hand or what may be one, and once the hand has been out of view: another may have come in.
    pub fn push(&mut self, sample: &Sample, settings: &Settings) {
        if sample.palm.is_some()
            && let Some(before) = self.hand.replace(sample.time)
            && sample.time.saturating_sub(before) > settings.gap
        {
            self.clear();
        }
        match (sample.shown, sample.palm) {
            (Shown::TwoHands, _) if sample.searched => self.clear(),
            (Shown::Fist, _) if sample.hidden => self.clear(),
            (Shown::Fist, Some(palm)) => self.seen.push_back((sample.time, palm)),
            _ => {}
        }
        // A hold may be longer than it must be by one gap.
        let hold = settings.hold_launch.max(settings.hold_retire);
        let longest = hold.saturating_add(settings.gap).saturating_add(settings.fist_within);
        while self.seen.front().is_some_and(|(time, _)| sample.time.saturating_sub(*time) > longest) {
            self.seen.pop_front();
        }
    }

    /// Whether the hand that has this palm at `begin` was a fist just before: seen often and long enough without a gap,
    /// by readings that are all recent and near.
    pub fn before(&self, begin: Duration, hand: &Palm, settings: &Settings) -> bool {
        // From the newest to the oldest fist of the same run.
        let mut run: Option<(Duration, Duration, usize)> = None;
        let is_its = |(time, fist): &&(Duration, Palm)| {
            *time <= begin
                && begin - *time <= settings.fist_within
                && fist.side == hand.side
                && fist.centre.distance(hand.centre) <= settings.fist_near * hand.width
        };
        self.seen.iter().rev().filter(is_its).any(|&(time, _)| {
            let (newest, _, readings) =
                run.filter(|(_, oldest, _)| *oldest - time <= settings.gap).unwrap_or((time, time, 0));
            run = Some((newest, time, readings + 1));
            readings + 1 >= settings.fist_readings && newest - time >= settings.fist_time
        })
    }

    /// The side of the newest fist, if a hold that begins now would have its fist.
    pub fn ready(&self, now: Duration, settings: &Settings) -> Option<Side> {
        self.seen.back().filter(|(_, palm)| self.before(now, palm, settings)).map(|(_, palm)| palm.side)
    }
}
