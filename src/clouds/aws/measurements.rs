//! Measurements by CloudWatch and SQS. In: the calls of [`Metrics`]. Out: GetMetricData, five hundred queries a call
//! and a call a page; GetQueueAttributes. Nothing is tried again here. What was not measured is missing, never zero.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_cloudwatch::types::{Metric, MetricDataQuery, MetricStat, ScanBy, StatusCode};
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use aws_smithy_types::DateTime;
use jiff::Timestamp;

use super::errors::{denied, is_denied, sorted};
use super::traffic::{Counts, Traffic, metric};
use crate::command::InstanceId;
use crate::fleet::ports::CloudError;
use crate::metrics::{Depth, Metrics, MetricsError, Point, Query, Source, whole_steps};

/// GetMetricData's bound for the queries of one call.
const QUERIES: usize = 500;

/// What was measured in the last two minutes is still being gathered.
const SETTLES_AFTER: Duration = Duration::from_secs(120);

/// The measurements of one fleet.
pub struct Measurements {
    pub(super) cloudwatch: aws_sdk_cloudwatch::Client,
    pub(super) sqs: aws_sdk_sqs::Client,
    pub(super) traffic: Traffic,
    /// The queue's URL.
    pub(super) queue: Option<String>,
    pub(super) cpu_step: Duration,
}

/// A query as CloudWatch is asked: the series that are added up, since each measures a part.
type Parts = Vec<(Metric, &'static str)>;

#[async_trait]
impl Metrics for Measurements {
    fn source(&self) -> Source {
        let (cpu_step, requests_step) = (self.cpu_step, Duration::from_secs(60));
        Source { name: "CloudWatch", cpu_step, requests_step, settles_after: SETTLES_AFTER }
    }

    async fn series(&self, queries: &[Query], last: Duration, step: Duration) -> Result<Vec<Vec<Point>>, MetricsError> {
        let steps = whole_steps(Timestamp::now(), last, step);
        if steps.is_empty() {
            return Ok(vec![Vec::new(); queries.len()]);
        }
        let counts = match queries.iter().all(|query| matches!(query, Query::Cpu(_) | Query::Sent(_))) {
            true => Counts::default(),
            false => {
                let counts = self.traffic.counts().await;
                counts.map_err(|error| told(&error, "elasticloadbalancing:DescribeTargetGroups"))?
            }
        };
        let each: Vec<Parts> = queries.iter().map(|query| parts(query, &counts)).collect::<Result<_, _>>()?;
        let flat: Vec<_> = each.iter().flatten().collect();
        let mut found = Vec::new();
        for batch in flat.chunks(QUERIES) {
            found.extend(self.data(batch, &steps, step).await?);
        }
        let mut found = found.into_iter();
        Ok(each.iter().map(|parts| sum(found.by_ref().take(parts.len()))).collect())
    }

    async fn depth(&self) -> Result<Depth, MetricsError> {
        let none = || MetricsError("there is no queue: set policy.queue.url in config.toml".into());
        let url = self.queue.as_deref().ok_or_else(none)?;
        let names = [
            Attribute::ApproximateNumberOfMessages,
            Attribute::ApproximateNumberOfMessagesNotVisible,
            Attribute::ApproximateNumberOfMessagesDelayed,
        ];
        let call = self.sqs.get_queue_attributes().queue_url(url).set_attribute_names(Some(names.to_vec()));
        let answer = call.send().await.map_err(|error| told(&sorted(error), "sqs:GetQueueAttributes"))?;
        let count = |name: &Attribute| {
            let count = answer.attributes().and_then(|all| all.get(name)?.parse().ok());
            count.ok_or_else(|| MetricsError(format!("SQS did not say the queue's {name}")))
        };
        let [visible, in_flight, delayed] = &names;
        Ok(Depth { visible: count(visible)?, in_flight: count(in_flight)?, delayed: count(delayed)? })
    }
}

impl Measurements {
    /// The points of each series within these steps, by when each step begins.
    async fn data(
        &self,
        series: &[&(Metric, &'static str)],
        steps: &Range<i64>,
        step: Duration,
    ) -> Result<Vec<BTreeMap<i64, f64>>, MetricsError> {
        let period = i32::try_from(step.as_secs()).unwrap_or(i32::MAX);
        let query = |(i, (metric, how)): (usize, &&(Metric, &'static str))| {
            let stat = MetricStat::builder().metric(metric.clone()).period(period).stat(*how).build();
            MetricDataQuery::builder().id(format!("q{i}")).metric_stat(stat).build()
        };
        let call = self.cloudwatch.get_metric_data();
        let call = call.set_metric_data_queries(Some(series.iter().enumerate().map(query).collect()));
        let call = call.start_time(DateTime::from_millis(steps.start)).end_time(DateTime::from_millis(steps.end));
        let mut pages = call.scan_by(ScanBy::TimestampAscending).into_paginator().send();
        let mut found = vec![BTreeMap::new(); series.len()];
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| told(&sorted(error), "cloudwatch:GetMetricData"))?;
            for result in page.metric_data_results() {
                if result.status_code() == Some(&StatusCode::Forbidden) {
                    return Err(MetricsError(missing("CloudWatch gives no data", "cloudwatch:GetMetricData")));
                }
                let i = result.id().and_then(|id| id.strip_prefix('q')?.parse::<usize>().ok());
                let Some(points) = i.and_then(|i| found.get_mut(i)) else { continue };
                let told = result.timestamps().iter().map(|at| at.secs() * 1000).zip(result.values().iter().copied());
                points.extend(told.filter(|(at, _)| steps.contains(at)));
            }
        }
        Ok(found)
    }
}

fn parts(query: &Query, counts: &Counts) -> Result<Parts, MetricsError> {
    let of_instance = |name, id: &InstanceId, how| Ok(vec![(metric("AWS/EC2", name, &[("InstanceId", &id.0)]), how)]);
    let (counted, none) = match query {
        Query::Cpu(id) => return of_instance("CPUUtilization", id, "Average"),
        Query::Sent(id) => return of_instance("NetworkOut", id, "Sum"),
        Query::Requests => (&counts.all, "no load balancer counts this fleet's requests"),
        Query::RequestsEach => (&counts.each, "this kind of load balancer does not count the requests of an instance"),
    };
    match counted.is_empty() {
        true => Err(MetricsError(none.to_owned())),
        false => Ok(counted.iter().map(|metric| (metric.clone(), "Sum")).collect()),
    }
}

/// The sum of the series, at each moment that one of them has.
fn sum(series: impl Iterator<Item = BTreeMap<i64, f64>>) -> Vec<Point> {
    let mut sums = BTreeMap::new();
    for (at, value) in series.flatten() {
        *sums.entry(at).or_insert(0.0) += value;
    }
    let point = |(at, value)| Some(Point { at: Timestamp::from_millisecond(at).ok()?, value });
    sums.into_iter().filter_map(point).collect()
}

/// Why there is no answer, with the permission that it takes.
fn told(error: &CloudError, permission: &str) -> MetricsError {
    match is_denied(error) && denied(&error.message).is_none() {
        true => MetricsError(missing(&error.to_string(), permission)),
        false => MetricsError(error.to_string()),
    }
}

fn missing(told: &str, permission: &str) -> String {
    format!("{told}; add the permission {permission} (docs/iam-policy.json has it)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_added_where_one_is_measured() {
        let series = [BTreeMap::from([(60_000, 1.0), (120_000, 2.0)]), BTreeMap::from([(120_000, 3.0)])];
        let at = |second, value| Point { at: Timestamp::from_second(second).unwrap(), value };
        assert_eq!(sum(series.into_iter()), [at(60, 1.0), at(120, 5.0)]);
    }

    #[test]
    fn a_balancer_that_does_not_count_is_no_zero() {
        let error = parts(&Query::Requests, &Counts::default()).unwrap_err();
        assert_eq!(error.to_string(), "no load balancer counts this fleet's requests");
        assert!(parts(&Query::RequestsEach, &Counts::default()).is_err());
    }
}
