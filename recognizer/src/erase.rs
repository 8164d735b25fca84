//! Deletes the application's data. In: the queues and buckets, and a yes. Out: nothing of the application in them. Keys
//! that are no picture's id are somebody else's and stay.

use std::io::{BufRead, IsTerminal, Write};

use anyhow::bail;

use crate::message::Id;
use crate::queues::of_arn;
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
        let ours: Vec<String> = keys.into_iter().filter(|key| Id::try_from(key.clone()).is_ok()).collect();
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
        println!("{foreign} objects whose names are no picture's id are not this application's and stay");
    }
    if !yes && !is_meant(&all)? {
        bail!("nothing is erased");
    }
    for (bucket, keys) in &found {
        bucket.delete(keys).await?;
    }
    for queue in &queues {
        queue.purge().await?;
    }
    println!("Erased {all}.");
    Ok(())
}

fn is_meant(all: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("nothing is erased: there is no terminal to ask at; --yes erases {all}");
    }
    print!("Erase {all}? [y/N] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
