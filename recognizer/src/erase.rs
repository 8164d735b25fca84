//! Deletes the application's data. In: the queues and buckets, and a yes. Out: nothing of the application in them. Keys
//! that are no picture's id are somebody else's and stay.

use std::io::{BufRead, IsTerminal};

use anyhow::{bail, ensure};

use crate::message::Id;
use crate::queues::{QueueError, of_arn};
use crate::say;
use crate::work::Places;

pub async fn run(places: Places, sqs: &aws_sdk_sqs::Client, yes: bool) -> anyhow::Result<()> {
    let mut queues = vec![places.requests, places.responses];
    if let Some((_, arn)) = queues[0].rules().await?.dead_letters {
        queues.push(of_arn(sqs, &arn).await?);
    }
    let (mut found, mut foreign) = (Vec::new(), 0);
    for bucket in [places.input, places.output] {
        let keys = bucket.keys().await?;
        let all = keys.len();
        let ours = ours(keys);
        foreign += all - ours.len();
        found.push((bucket, ours));
    }
    let mut messages = Vec::new();
    for queue in &queues {
        messages.push(format!("{} messages in the queue {}", queue.count().await?, queue.name));
    }
    let objects = found.iter().map(|(bucket, keys)| format!("{} objects in the bucket {}", keys.len(), bucket.name()));
    let all = objects.chain(messages).collect::<Vec<_>>().join(", ");
    if foreign > 0 {
        say::line(format_args!(
            "{foreign} objects whose names are no picture's id are not this application's and stay"
        ))?;
    }
    if let [requests, _, dead] = &queues[..]
        && dead.name != format!("{}-dead", requests.name)
    {
        say::line(format_args!(
            "the dead-letter queue {} is not of `recognizer setup`: what others have in it is erased too",
            dead.name
        ))?;
    }
    if !yes && !is_meant(&all)? {
        bail!("nothing is erased");
    }
    // The queues first: what workers are not given any more they don't answer after its answer was deleted.
    let mut too_soon = Vec::new();
    for queue in &queues {
        match queue.purge().await {
            Err(QueueError::TooSoon(name)) => too_soon.push(name),
            other => other?,
        }
    }
    for (bucket, _) in &found {
        bucket.delete(&ours(bucket.keys().await?)).await?;
    }
    ensure!(
        too_soon.is_empty(),
        "the pictures and answers are erased, but SQS empties a queue once a minute, which was just now for {}: run \
         this again in a minute",
        too_soon.join(", ")
    );
    Ok(say::line(format_args!("Erased {all}."))?)
}

fn ours(keys: Vec<String>) -> Vec<String> {
    keys.into_iter().filter(|key| Id::try_from(key.clone()).is_ok()).collect()
}

fn is_meant(all: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("nothing is erased: there is no terminal to ask at; --yes erases {all}");
    }
    say::exactly(format_args!("Erase {all}? [y/N] "))?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
