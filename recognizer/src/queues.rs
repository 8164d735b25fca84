//! SQS's queues. In: a queue's name or URL. Out: its messages, one at a time, and what is said of them.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName as Attribute};

use crate::aws::told;

/// How often a message is received before it goes to the dead-letter queue.
pub const TRIES: u32 = 3;
/// The shortest visibility time-out that leaves a second for renewing it at each third.
pub const SHORTEST: Duration = Duration::from_secs(3);

#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    #[error("there is no queue {0}: run `recognizer setup` first, or name another")]
    Absent(String),
    #[error("the queue {0} was emptied less than a minute ago, and SQS does that once a minute")]
    TooSoon(String),
    #[error("SQS fails with {call} of the queue {queue}: {reason}")]
    Failed { call: &'static str, queue: String, reason: String },
}

#[derive(Clone, Debug)]
pub struct Queue {
    sqs: Client,
    pub name: String,
    pub url: String,
}

/// A message that this process has, until its visibility time-out.
#[derive(Clone, Debug)]
pub struct Received {
    pub body: String,
    pub receipt: String,
    /// How often it has been received by anybody, this time too.
    pub count: u32,
}

/// How a queue treats its messages.
#[derive(Clone, Debug)]
pub struct Rules {
    pub visibility: Duration,
    /// After how many tries a message goes to which dead-letter queue (its ARN), if to one.
    pub dead_letters: Option<(u32, String)>,
}

impl Queue {
    /// A queue that is there.
    pub async fn open(sqs: &Client, given: &str) -> Result<Queue, QueueError> {
        let name = name(given).to_owned();
        let queue = |url: String| Queue { sqs: sqs.clone(), name: name.clone(), url };
        // A URL is looked up too: each service's first call is not the time to learn that it leads nowhere.
        let call = sqs.get_queue_url().queue_name(&name).set_queue_owner_aws_account_id(owner(given));
        match call.send().await {
            Ok(found) => Ok(queue(found.queue_url.unwrap_or_default())),
            Err(error) if is_absent(&error) => Err(QueueError::Absent(given.to_owned())),
            Err(error) => Err(failed("GetQueueUrl", given, &error)),
        }
    }

    /// Makes a queue. Also whether it was absent.
    pub async fn create(sqs: &Client, given: &str, rules: &[(Attribute, String)]) -> Result<(Queue, bool), QueueError> {
        let name = name(given);
        match Queue::open(sqs, name).await {
            Err(QueueError::Absent(_)) => {}
            other => return other.map(|queue| (queue, false)),
        }
        let call = sqs.create_queue().queue_name(name).set_attributes(Some(rules.iter().cloned().collect()));
        let made = call.send().await.map_err(|error| failed("CreateQueue", name, &error))?;
        let url = made.queue_url.unwrap_or_default();
        Ok((Queue { sqs: sqs.clone(), name: name.to_owned(), url }, true))
    }

    pub async fn rules(&self) -> Result<Rules, QueueError> {
        let all = self.attributes(&[Attribute::VisibilityTimeout, Attribute::RedrivePolicy]).await?;
        let visibility = all.get(&Attribute::VisibilityTimeout).and_then(|text| text.parse().ok()).unwrap_or(30);
        let dead_letters = all.get(&Attribute::RedrivePolicy).and_then(|text| {
            let policy: serde_json::Value = serde_json::from_str(text).ok()?;
            // A number, or a number as a string: both are taken and told.
            let tries = &policy["maxReceiveCount"];
            let tries = tries.as_u64().or_else(|| tries.as_str()?.parse().ok())?;
            Some((u32::try_from(tries).ok()?, policy["deadLetterTargetArn"].as_str()?.to_owned()))
        });
        Ok(Rules { visibility: Duration::from_secs(visibility), dead_letters })
    }

    pub async fn set(&self, attribute: Attribute, value: String) -> Result<(), QueueError> {
        let call = self.sqs.set_queue_attributes().queue_url(&self.url).attributes(attribute, value);
        call.send().await.map(|_| ()).map_err(|error| self.failed("SetQueueAttributes", &error))
    }

    pub async fn arn(&self) -> Result<String, QueueError> {
        let mut all = self.attributes(&[Attribute::QueueArn]).await?;
        Ok(all.remove(&Attribute::QueueArn).unwrap_or_default())
    }

    /// Messages in it, as good as SQS knows: those that are visible, in flight or delayed.
    pub async fn count(&self) -> Result<u64, QueueError> {
        let all = self
            .attributes(&[
                Attribute::ApproximateNumberOfMessages,
                Attribute::ApproximateNumberOfMessagesNotVisible,
                Attribute::ApproximateNumberOfMessagesDelayed,
            ])
            .await?;
        Ok(all.values().filter_map(|text| text.parse::<u64>().ok()).sum())
    }

    async fn attributes(&self, names: &[Attribute]) -> Result<HashMap<Attribute, String>, QueueError> {
        let call = self.sqs.get_queue_attributes().queue_url(&self.url).set_attribute_names(Some(names.to_vec()));
        let all = call.send().await.map_err(|error| self.failed("GetQueueAttributes", &error))?;
        Ok(all.attributes.unwrap_or_default())
    }

    pub async fn send(&self, body: &str) -> Result<(), QueueError> {
        let call = self.sqs.send_message().queue_url(&self.url).message_body(body);
        call.send().await.map(|_| ()).map_err(|error| self.failed("SendMessage", &error))
    }

    /// At most `most` messages, as soon as there is one; none after `wait`. They are hidden as the queue says.
    pub async fn receive(&self, most: i32, wait: Duration) -> Result<Vec<Received>, QueueError> {
        self.take(most, wait, None).await
    }

    /// The same, hidden for so long and no longer.
    pub async fn look(&self, most: i32, wait: Duration, hidden: Duration) -> Result<Vec<Received>, QueueError> {
        self.take(most, wait, Some(hidden)).await
    }

    async fn take(&self, most: i32, wait: Duration, hidden: Option<Duration>) -> Result<Vec<Received>, QueueError> {
        let call = self.sqs.receive_message().queue_url(&self.url).max_number_of_messages(most);
        let call = call.wait_time_seconds(seconds(wait)).set_visibility_timeout(hidden.map(seconds));
        let call = call.message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount);
        let got = call.send().await.map_err(|error| self.failed("ReceiveMessage", &error))?;
        let received = |message: aws_sdk_sqs::types::Message| {
            let count = message.attributes.unwrap_or_default();
            let count = count.get(&MessageSystemAttributeName::ApproximateReceiveCount);
            Received {
                body: message.body.unwrap_or_default(),
                receipt: message.receipt_handle.unwrap_or_default(),
                count: count.and_then(|text| text.parse().ok()).unwrap_or(1),
            }
        };
        Ok(got.messages.unwrap_or_default().into_iter().map(received).collect())
    }

    /// Hides a message from now on for so long.
    pub async fn hide(&self, received: &Received, visibility: Duration) -> Result<(), QueueError> {
        let call = self.sqs.change_message_visibility().queue_url(&self.url).receipt_handle(&received.receipt);
        let call = call.visibility_timeout(seconds(visibility));
        call.send().await.map(|_| ()).map_err(|error| self.failed("ChangeMessageVisibility", &error))
    }

    pub async fn delete(&self, received: &Received) -> Result<(), QueueError> {
        let call = self.sqs.delete_message().queue_url(&self.url).receipt_handle(&received.receipt);
        call.send().await.map(|_| ()).map_err(|error| self.failed("DeleteMessage", &error))
    }

    pub async fn purge(&self) -> Result<(), QueueError> {
        let call = self.sqs.purge_queue().queue_url(&self.url);
        call.send().await.map(|_| ()).map_err(|error| match error.code() {
            Some(code) if code.ends_with("PurgeQueueInProgress") => QueueError::TooSoon(self.name.clone()),
            _ => self.failed("PurgeQueue", &error),
        })
    }

    fn failed<E>(&self, call: &'static str, error: &SdkError<E>) -> QueueError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        match is_absent(error) {
            true => QueueError::Absent(self.name.clone()),
            false => failed(call, &self.name, error),
        }
    }
}

/// The queue of this ARN, which says its name.
pub async fn of_arn(sqs: &Client, arn: &str) -> Result<Queue, QueueError> {
    Queue::open(sqs, arn.rsplit(':').next().unwrap_or(arn)).await
}

/// A queue's name out of its name or its URL.
pub fn name(given: &str) -> &str {
    given.rsplit('/').next().unwrap_or(given)
}

/// The account in a queue's URL.
fn owner(given: &str) -> Option<String> {
    let owner = given.split_once("://")?.1.rsplit('/').nth(1)?;
    (owner.len() == 12 && owner.bytes().all(|byte| byte.is_ascii_digit())).then(|| owner.to_owned())
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

fn failed<E>(call: &'static str, queue: &str, error: &SdkError<E>) -> QueueError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    QueueError::Failed { call, queue: queue.to_owned(), reason: told(error) }
}

fn is_absent<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    matches!(error.code(), Some("QueueDoesNotExist" | "AWS.SimpleQueueService.NonExistentQueue"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_the_queue_and_whose_it_is() {
        let url = "https://sqs.eu-central-1.amazonaws.com/123456789012/pictures";
        assert_eq!((name(url), owner(url)), ("pictures", Some("123456789012".to_owned())));
        assert_eq!((name("pictures"), owner("pictures")), ("pictures", None));
        assert_eq!((name("http://localhost/queue/pictures"), owner("http://localhost/queue/x")), ("pictures", None));
    }
}
