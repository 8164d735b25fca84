//! Image recognition as a service, the workload that shows handwave's queue policy end to end. In: arguments. Out: exit
//! status 0, or 1 with one sentence on stderr.

// No input may end the process by an unwrap.
#![warn(clippy::unwrap_used)]

mod aws;
mod classify;
mod cli;
mod erase;
mod instance;
mod load;
mod message;
mod picture;
mod queues;
mod say;
mod setup;
mod stop;
mod store;
mod web;
mod work;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use aws::Aws;
use clap::Parser;
use cli::{Cli, Command};
use instance::Instance;
use queues::Queue;
use stop::Stop;
use tracing::Level;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let is_terminal = std::io::stderr().is_terminal();
    // Without its own errors: it would panic where standard error can't be written.
    let log = tracing_subscriber::fmt().with_max_level(Level::INFO).with_ansi(is_terminal);
    log.with_writer(std::io::stderr).log_internal_errors(false).init();
    match run(cli.command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nowhere is left to tell if this fails.
            let _ = writeln!(std::io::stderr(), "recognizer: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Web { listen, places } => {
            let stop = Stop::new();
            stop.on_signals().context("signals can't be waited for")?;
            let aws = aws::open().await?;
            web::run(listen, open(&aws, &places).await?, &aws.sqs, stop).await?;
        }
        Command::Work { places, work } => {
            let longest = Duration::from_secs(20);
            ensure!(work.wait >= Duration::from_secs(1) && work.wait <= longest, "--wait is from 1s to 20s");
            let stop = Stop::new();
            stop.on_signals().context("signals can't be waited for")?;
            let (places, instance) = (open(&aws::open().await?, &places).await?, Instance::find().await);
            let done = work::run(places, settings(work), instance, stop).await?;
            tracing::info!("ended; pictures answered: {done}");
        }
        Command::Setup { places, visibility } => setup::run(&aws::open().await?, &places, visibility).await?,
        Command::Load(load) => load::run(load).await?,
        Command::Erase { places, yes } => {
            let aws = aws::open().await?;
            erase::run(open(&aws, &places).await?, &aws.sqs, yes).await?;
        }
    }
    Ok(())
}

/// The queues and buckets, which must be there.
async fn open(aws: &Aws, places: &cli::Places) -> anyhow::Result<work::Places> {
    let places = work::Places {
        requests: Queue::open(&aws.sqs, &places.requests).await?,
        responses: Queue::open(&aws.sqs, &places.responses).await?,
        input: aws.store.bucket(&places.input)?,
        output: aws.store.bucket(&places.output)?,
    };
    places.input.check().await?;
    places.output.check().await?;
    Ok(places)
}

fn settings(work: cli::Work) -> work::Settings {
    let machine = || whoami::hostname().unwrap_or_else(|_| "worker".to_owned());
    let name = work.name.unwrap_or_else(|| format!("{}-{}", machine(), std::process::id()));
    let cli::Work { concurrency, pace, wait, until_empty, power_off, .. } = work;
    work::Settings { concurrency: concurrency.into(), pace, wait, until_empty, power_off, name }
}
