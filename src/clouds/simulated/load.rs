//! The simulated fleet's load, shared equally by the instances in service. In: who was in service when. Out: points.
//! CPU is measured at the beginning of each step, requests are counted over it.

use std::time::Duration;

use super::profile::Profile;
use crate::metrics::Query;

/// Bytes of an answer.
const ANSWER: f64 = 20_000.0;

/// What comes, and how long an instance works on each.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub profile: Profile,
    pub work: Duration,
}

impl Load {
    /// The value of a step that begins at this time of the profile, when so many instances were in service. None: there
    /// was nothing to measure.
    pub fn value(
        &self,
        query: &Query,
        in_service: usize,
        is_in_service: bool,
        at: Duration,
        step: Duration,
    ) -> Option<f64> {
        let n = in_service as f64;
        let requests = || self.profile.count(at + step) - self.profile.count(at);
        match query {
            Query::Cpu(_) if is_in_service => {
                Some((100.0 * self.profile.rate(at) / 60.0 * self.work.as_secs_f64() / n).min(100.0))
            }
            Query::Sent(_) if is_in_service => Some(requests() / n * ANSWER),
            Query::Requests if in_service > 0 => Some(requests()),
            Query::RequestsEach if in_service > 0 => Some(requests() / n),
            Query::Cpu(_) | Query::Sent(_) | Query::Requests | Query::RequestsEach => None,
        }
    }
}

impl Default for Load {
    fn default() -> Self {
        Load { profile: Profile::steady(120.0), work: Duration::from_millis(600) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_is_shared_and_without_instances_nothing_is_measured() {
        let minute = Duration::from_secs(60);
        let load = Load::default();
        let value = |query: &Query, n, is_one| load.value(query, n, is_one, Duration::ZERO, minute);
        let cpu = Query::Cpu("i-1".into());
        assert_eq!(value(&cpu, 1, true), Some(100.0));
        assert_eq!(value(&cpu, 4, true), Some(30.0));
        assert_eq!(value(&cpu, 4, false), None);
        assert_eq!(value(&Query::Requests, 2, false), Some(120.0));
        assert_eq!(value(&Query::RequestsEach, 2, false), Some(60.0));
        assert_eq!(value(&Query::Requests, 0, false), None);
    }
}
