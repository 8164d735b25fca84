//! Scaling by a queue's depth. In: its messages, or why they were not counted. Out: a need.

use super::need::{Measured, Need};
use super::settings::{Queue, QueueRule};
use crate::metrics::{Depth, MetricsError};

/// The most that the rule "halves-and-tenths" asks for.
const MOST: usize = 19;

pub fn need(settings: &Queue, depth: &Result<Depth, MetricsError>) -> Measured {
    let Depth { visible, in_flight, delayed } = match depth {
        Ok(depth) => *depth,
        Err(error) => return Measured::new(Need::Unknown, format!("queue: {error}")),
    };
    let words = format!("queue: {visible} visible, {in_flight} in flight, {delayed} delayed");
    let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let need = match settings.rule {
        QueueRule::Backlog => {
            let busy = in_flight.div_ceil(settings.concurrency.get());
            let (more, rest) = (visible / settings.backlog, visible % settings.backlog);
            // What waits less than `backlog` needs none of its own, unless nobody works.
            let out_to = busy.saturating_add(more).max(visible.min(1));
            // At the edge between two counts a fleet without a spare would grow and shrink for ever.
            let spare = out_to.min(1);
            let in_to = busy.saturating_add(more).saturating_add(rest.min(1)).saturating_add(spare);
            Need::Apart { out_to: size(out_to), in_to: size(in_to) }
        }
        QueueRule::HalvesAndTenths => {
            let all = visible.saturating_add(in_flight).saturating_add(delayed);
            Need::Apart { out_to: size(all.div_ceil(2)).min(MOST), in_to: size(all.div_ceil(10)).min(MOST) }
        }
    };
    Measured::new(need, words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn of(rule: QueueRule, visible: u64, in_flight: u64, delayed: u64) -> Need {
        let settings = Queue { rule, ..Config::shipped().policy.queue };
        need(&settings, &Ok(Depth { visible, in_flight, delayed })).need
    }

    #[test]
    fn each_busy_worker_stays_with_a_spare_and_the_backlog_is_shared() {
        let backlog = |visible, in_flight, out_to, in_to| {
            assert_eq!(of(QueueRule::Backlog, visible, in_flight, 7), Need::Apart { out_to, in_to });
        };
        backlog(0, 0, 0, 0);
        backlog(1, 0, 1, 2);
        backlog(0, 3, 3, 4);
        backlog(9, 3, 3, 5);
        backlog(20, 3, 5, 6);
        backlog(21, 3, 5, 7);
    }

    #[test]
    fn halves_and_tenths() {
        let rule = |visible, in_flight, delayed| of(QueueRule::HalvesAndTenths, visible, in_flight, delayed);
        assert_eq!(rule(5, 3, 3), Need::Apart { out_to: 6, in_to: 2 });
        assert_eq!(rule(1000, 0, 0), Need::Apart { out_to: 19, in_to: 19 });
    }

    #[test]
    fn a_missing_count_is_no_zero() {
        let told = need(&Config::shipped().policy.queue, &Err(MetricsError("its count of visible is missing".into())));
        assert_eq!(told, Measured::new(Need::Unknown, "queue: its count of visible is missing"));
    }
}
