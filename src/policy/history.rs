//! The needs of the last minutes. In: the needs at one moment after the other. Out: how much of the window is known,
//! and the largest need in it.

use std::collections::VecDeque;
use std::time::Duration;

use super::need::Need;

/// A stabilization window, as Kubernetes calls it.
#[derive(Clone, Debug)]
pub struct History {
    window: Duration,
    /// A longer gap between two moments is not covered.
    every: Duration,
    moments: VecDeque<Moment>,
}

#[derive(Clone, Debug)]
struct Moment {
    at: Duration,
    /// How much of the time before it this moment stands for.
    stands_for: Duration,
    needs: Vec<Need>,
}

impl History {
    pub fn new(window: Duration, every: Duration) -> History {
        History { window, every, moments: VecDeque::new() }
    }

    /// The needs of all rules at a moment that is later than the ones before. Where time has run back, they begin
    /// again.
    pub fn push(&mut self, at: Duration, needs: Vec<Need>) {
        if self.moments.back().is_some_and(|last| last.at > at) {
            self.moments.clear();
        }
        let since = self.moments.back().map_or(Duration::ZERO, |last| at - last.at);
        self.moments.push_back(Moment { at, stands_for: since.min(self.every), needs });
        while self.moments.front().is_some_and(|first| at - first.at > self.window) {
            self.moments.pop_front();
        }
    }

    /// The part of the window, up to the last moment, in which every rule knew what a fleet may shrink to: 0 to 1.
    pub fn covered(&self) -> f32 {
        let known = |moment: &&Moment| moment.needs.iter().all(|need| need.in_to().is_some());
        let known: Duration = self.moments.iter().filter(known).map(|moment| moment.stands_for).sum();
        (known.as_secs_f32() / self.window.as_secs_f32()).min(1.0)
    }

    /// What the fleet may shrink to at most, as the largest need in the window says. None without any.
    pub fn largest(&self) -> Option<usize> {
        let needs = self.moments.iter().flat_map(|moment| &moment.needs);
        needs.filter_map(|need| need.in_to().or_else(|| need.out_to())).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(moments: &[(u64, Need)]) -> History {
        let mut history = History::new(Duration::from_secs(300), Duration::from_secs(60));
        for (at, need) in moments {
            history.push(Duration::from_secs(*at), vec![need.clone()]);
        }
        history
    }

    #[test]
    fn the_largest_need_of_the_window_counts() {
        let all =
            history(&[(0, Need::Exactly(9)), (60, Need::Exactly(2)), (120, Need::AtLeast(4)), (360, Need::Unknown)]);
        assert_eq!(all.largest(), Some(4));
        assert_eq!(history(&[(0, Need::Unknown)]).largest(), None);
    }

    #[test]
    fn only_what_is_known_is_covered() {
        let minutes = |needs: &[Need]| history(&(0..).map(|i| 60 * i).zip(needs.iter().cloned()).collect::<Vec<_>>());
        let covered = |needs: &[Need]| minutes(needs).covered();
        assert_eq!(covered(&[]), 0.0);
        assert_eq!(covered(&[Need::Exactly(1)]), 0.0);
        assert_eq!(covered(&[const { Need::Exactly(1) }; 6]), 1.0);
        let one_missing = [Need::Exactly(1), Need::Exactly(1), Need::Unknown, Need::Exactly(1), Need::Exactly(1)];
        assert_eq!(covered(&one_missing), 0.6);
        assert_eq!(covered(&one_missing.map(|_| Need::AtLeast(1))), 0.0);
        // A gap stands for no more than one period.
        assert_eq!(history(&[(0, Need::Exactly(1)), (240, Need::Exactly(1))]).covered(), 0.2);
        // Time that runs back begins again.
        assert_eq!(history(&[(100, Need::Exactly(1)), (160, Need::Exactly(1)), (0, Need::Exactly(1))]).covered(), 0.0);
    }
}
