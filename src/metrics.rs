//! Measurements of the fleet. In: what is asked for, and over which time. Out: points, and a queue's depth. What is
//! missing is missing: it never reads as zero.

use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::command::InstanceId;

/// What can be measured over time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Query {
    /// An instance's CPU, from 0 to 100.
    Cpu(InstanceId),
    /// Bytes that an instance sent in each step.
    Sent(InstanceId),
    /// Requests that the load balancer forwarded: how many in each step.
    Requests,
    /// Those of them that an instance got, on average. Not every kind of balancer counts them: an error where it does
    /// not.
    RequestsEach,
}

/// The measurement of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When the step began. Steps begin at whole multiples of their length since the Unix epoch.
    pub at: Timestamp,
    pub value: f64,
}

/// The steps that lie whole within the last `last`: when the first begins and the last ends, in milliseconds since the
/// Unix epoch. Empty where there is none, or where a step takes no time.
pub fn whole_steps(now: Timestamp, last: Duration, step: Duration) -> Range<i64> {
    let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    let (now, step) = (now.as_millisecond(), millis(step));
    if step == 0 {
        return now..now;
    }
    let from = now.saturating_sub(millis(last));
    let begin = from.div_euclid(step) + i64::from(from.rem_euclid(step) > 0);
    begin * step..now.div_euclid(step) * step
}

/// A queue's messages. They are counted approximately: two counts at the same moment may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Waiting.
    pub visible: u64,
    /// With a worker.
    pub in_flight: u64,
    /// Not to be worked on yet.
    pub delayed: u64,
}

/// Why there is no answer at all, as a sentence without its full stop; it names the permission that is missing, where
/// one is. A policy reads it as unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MetricsError(pub String);

/// What measures, for people who read the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Such as `CloudWatch`.
    pub name: &'static str,
    /// The shortest step in which an instance's CPU is measured.
    pub cpu_step: Duration,
    /// The same for requests.
    pub requests_step: Duration,
    /// How long a measurement may still grow.
    pub settles_after: Duration,
}

/// A source of measurements. No call retries.
#[async_trait]
pub trait Metrics: Send + Sync {
    fn source(&self) -> Source;

    /// One answer per query, in their order: the points of the steps that ended within the last `last`, oldest first. A
    /// step that was not measured is left out.
    async fn series(&self, queries: &[Query], last: Duration, step: Duration) -> Result<Vec<Vec<Point>>, MetricsError>;

    /// The queue's depth now. A count that the cloud leaves out is an error.
    async fn depth(&self) -> Result<Depth, MetricsError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_steps_are_asked_for() {
        let seconds = |now, last, step| {
            let (now, last) = (Timestamp::from_second(now).unwrap(), Duration::from_secs(last));
            let steps = whole_steps(now, last, Duration::from_secs(step));
            assert!(steps.start % 1000 == 0 && steps.end % 1000 == 0);
            (!steps.is_empty()).then_some((steps.start / 1000, steps.end / 1000))
        };
        assert_eq!(seconds(1000, 600, 60), Some((420, 960)));
        assert_eq!(seconds(960, 600, 60), Some((360, 960)));
        assert_eq!(seconds(130, 120, 60), Some((60, 120)));
        assert_eq!(seconds(1000, 900, 300), Some((300, 900)));
        assert_eq!((seconds(120, 30, 60), seconds(1000, 300, 300), seconds(120, 60, 0)), (None, None, None));
    }
}
