//! Measurements of the fleet. In: what is asked for, and over which time. Out: points. A missing point is missing: it
//! never reads as zero.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::command::InstanceId;

/// What can be measured.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Query {
    /// An instance's CPU, from 0 to 100.
    Cpu(InstanceId),
    /// Requests that the load balancer forwarded: how many in each step.
    Requests,
}

/// The measurement of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When the step began. Steps begin at whole multiples of their length since the Unix epoch.
    pub at: Timestamp,
    pub value: f64,
}

/// Why there is no answer at all. A policy reads it as unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MetricsError(pub String);

/// A source of measurements. No call retries.
#[async_trait]
pub trait Metrics: Send + Sync {
    /// The points of the steps that ended within the last `last`, oldest first. One that was not measured is left out.
    async fn series(&self, query: &Query, last: Duration, step: Duration) -> Result<Vec<Point>, MetricsError>;
}
