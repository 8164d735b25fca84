//! Whether fresh looks at the whole picture confirm a hold (rule 1). In: when they agreed with its sign. Out: whether
//! that is enough, and when the next one is due. Pure.

use std::time::Duration;

/// The second look agrees this late, counted from the hold's end.
const END: Duration = Duration::from_millis(250);
/// It is due this late: one look may be unsure, which leaves time for another, and a reading at the end too.
const LAST: Duration = Duration::from_millis(150);
/// A look that did not agree is followed by the next one after this time: each takes about three inferences.
const AGAIN: Duration = Duration::from_millis(100);

/// The fresh looks in a hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Looks {
    /// Those that agree with the hold's sign, newest first.
    agreed: Vec<Duration>,
    /// The newest one, whatever it saw.
    newest: Option<Duration>,
}

impl Looks {
    /// Adds a look that is older than all before it.
    pub fn add_older(&mut self, time: Duration, agrees: bool) {
        self.newest = self.newest.or(Some(time));
        if agrees {
            self.agreed.push(time);
        }
    }

    /// Whether they confirm a hold that begins at `begin` and takes `needed`: one in the middle half of that time, and
    /// another one at its end.
    pub fn confirm(&self, begin: Duration, needed: Duration) -> bool {
        let end = begin.saturating_add(needed).saturating_sub(END);
        self.middle(begin, needed).is_some_and(|middle| {
            middle <= begin.saturating_add(needed / 4 * 3) && self.agreed.iter().any(|at| *at > middle && *at >= end)
        })
    }

    /// When the next look is due; none if there are enough for this hold.
    pub fn due(&self, begin: Duration, needed: Duration) -> Option<Duration> {
        if self.confirm(begin, needed) {
            return None;
        }
        let due = match self.middle(begin, needed) {
            // If the look came late, it is in the middle of a hold that ends later.
            Some(middle) => begin.saturating_add(needed).max(middle.saturating_add(needed / 4)).saturating_sub(LAST),
            // Early in the middle, which leaves time for another one.
            None => begin.saturating_add(needed / 8 * 3),
        };
        Some(self.newest.map_or(due, |newest| due.max(newest.saturating_add(AGAIN))))
    }

    /// The first look that is not too early for the hold's middle.
    fn middle(&self, begin: Duration, needed: Duration) -> Option<Duration> {
        let from = begin.saturating_add(needed / 4);
        self.agreed.iter().rev().copied().find(|at| *at >= from)
    }
}
