//! Makes what the application needs of AWS. In: names. Out: a line for each, on standard output. What is there stays as
//! it is.

use std::time::Duration;

use anyhow::ensure;
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use serde_json::json;

use crate::aws::Aws;
use crate::cli::Places;
use crate::queues::{self, Queue, SHORTEST, TRIES};
use crate::say;

/// SQS's longest, for a person to look at what could not be read.
const KEPT: &str = "1209600";

pub async fn run(aws: &Aws, places: &Places, visibility: Duration) -> anyhow::Result<()> {
    let bounds = SHORTEST..=Duration::from_secs(12 * 3600);
    ensure!(bounds.contains(&visibility), "--visibility is from 3s to 12h: workers renew it at each third");
    let told = |what: &str, name: &str, is_new: bool| {
        say::line(format_args!("{what} {name} {} in {}", if is_new { "is made" } else { "is there" }, aws.region))
    };
    for name in [&places.input, &places.output] {
        let is_new = aws.store.bucket(name)?.create().await?;
        told("bucket", name, is_new)?;
    }
    let (_, is_new) = Queue::create(&aws.sqs, &places.responses, &[]).await?;
    told("queue", queues::name(&places.responses), is_new)?;

    let visibility = (Attribute::VisibilityTimeout, visibility.as_secs().to_string());
    let (requests, is_new) = Queue::create(&aws.sqs, &places.requests, &[visibility]).await?;
    told("queue", &requests.name, is_new)?;
    if let Some((tries, arn)) = requests.rules().await?.dead_letters {
        let name = arn.rsplit(':').next().unwrap_or(&arn);
        say::line(format_args!("queue {name} takes what was received {tries} times"))?;
        return Ok(());
    }
    let kept = (Attribute::MessageRetentionPeriod, KEPT.to_owned());
    let (dead, is_new) = Queue::create(&aws.sqs, &format!("{}-dead", requests.name), &[kept]).await?;
    told("queue", &dead.name, is_new)?;
    let policy = json!({ "deadLetterTargetArn": dead.arn().await?, "maxReceiveCount": TRIES.to_string() });
    requests.set(Attribute::RedrivePolicy, policy.to_string()).await?;
    Ok(say::line(format_args!("queue {} takes what was received {TRIES} times", dead.name))?)
}
