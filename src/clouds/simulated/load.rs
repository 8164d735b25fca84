//! The simulated cloud's load: steady, and shared equally by the instances in service. In: who was in service when. Out:
//! points. Every step is measured once, at its beginning.

use std::time::Duration;

use jiff::Timestamp;

use crate::metrics::Query;

/// Requests a second to the whole fleet.
const LOAD: f64 = 120.0;
/// Requests a second that keep one instance's CPU at 100 %.
const CAPACITY: f64 = 100.0;

/// The load's value at a moment when so many instances were in service. None: there was nothing to measure.
pub(super) fn value(query: &Query, in_service: usize, is_in_service: bool, step: Duration) -> Option<f64> {
    match query {
        Query::Cpu(_) if is_in_service => Some((100.0 * LOAD / in_service as f64 / CAPACITY).min(100.0)),
        Query::Requests if in_service > 0 => Some(LOAD * step.as_secs_f64()),
        Query::Cpu(_) | Query::Requests => None,
    }
}

/// The beginnings of the steps that ended within the last `last`, oldest first.
pub(super) fn steps(now: Timestamp, last: Duration, step: Duration) -> Vec<Timestamp> {
    let (now, last, step) = (now.as_millisecond(), last.as_millis() as i64, step.as_millis() as i64);
    if step <= 0 {
        return Vec::new();
    }
    // The first multiple of the step that is not earlier.
    let first = (now - last + step - 1).div_euclid(step) * step;
    let begins = (0..).map(|i| first + i * step).take_while(|begin| begin + step <= now);
    begins.filter_map(|begin| Timestamp::from_millisecond(begin).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_steps_that_ended_are_measured() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let seconds = Duration::from_secs;
        assert_eq!(steps(at(130), seconds(120), seconds(60)), [at(60)]);
        assert_eq!(steps(at(120), seconds(120), seconds(60)), [at(0), at(60)]);
        assert_eq!(steps(at(120), seconds(30), seconds(60)), []);
    }

    #[test]
    fn the_load_is_shared_and_without_instances_nothing_is_measured() {
        let second = Duration::from_secs(1);
        let cpu = Query::Cpu("i-1".into());
        assert_eq!(value(&cpu, 1, true, second), Some(100.0));
        assert_eq!(value(&cpu, 4, true, second), Some(30.0));
        assert_eq!(value(&cpu, 4, false, second), None);
        assert_eq!(value(&Query::Requests, 2, false, 60 * second), Some(7200.0));
        assert_eq!(value(&Query::Requests, 0, false, second), None);
    }
}
