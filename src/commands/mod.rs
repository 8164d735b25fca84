//! The commands, one file each. In: the parsed command line. Out: the exit status.

mod annotate;
mod balancer;
#[cfg(feature = "webcam")]
mod cameras;
mod count;
mod demo;
mod doctor;
mod fleet;
mod gestures;
mod live;
mod log;
mod manual;
mod output;
mod page;
mod policies;
mod policy;
mod run;
mod screens;
#[cfg(feature = "web")]
mod serve;
mod tasks;
#[cfg(feature = "web")]
mod web;

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::{Cli, LogFormat, Subcommand};
use crate::view::terminal::Terminal;

pub fn run(cli: Cli) -> Result<ExitCode> {
    #[cfg(feature = "webcam")]
    if let Subcommand::CameraProcess { task } = &cli.command {
        return Ok(crate::camera::webcam::child::run(task));
    }
    let terminal = log::begin(&cli.logging);
    match execute(cli.command, terminal) {
        // Where the log is JSON, the error is JSON too.
        Err(error) if cli.logging.log_format == LogFormat::Json => {
            tracing::error!("{error:#}");
            Ok(ExitCode::FAILURE)
        }
        other => other,
    }
}

fn execute(command: Subcommand, terminal: Terminal) -> Result<ExitCode> {
    match command {
        Subcommand::Run(args) => run::run(&args, terminal),
        Subcommand::Demo(args) => demo::run(&args, terminal),
        #[cfg(feature = "web")]
        Subcommand::Serve(args) => serve::run(&args, terminal),
        #[cfg(feature = "web")]
        Subcommand::Web(args) => web::run(&args),
        Subcommand::Count(args) => count::run(&args),
        Subcommand::Fleet(args) => fleet::run(&args, terminal),
        Subcommand::Gestures(args) => gestures::run(&args),
        Subcommand::Policy(args) => policy::run(&args, &terminal),
        Subcommand::Doctor(args) => doctor::run(&args, &terminal),
        Subcommand::Balancer(args) => balancer::run(&args, terminal),
        Subcommand::Completions { shell } => manual::completions(shell),
        Subcommand::Man { folder } => manual::man(folder.as_deref()),
        #[cfg(feature = "webcam")]
        Subcommand::Cameras(args) => cameras::run(&args),
        // It ran above: it has no terminal and no log.
        #[cfg(feature = "webcam")]
        Subcommand::CameraProcess { .. } => Ok(ExitCode::FAILURE),
    }
}
