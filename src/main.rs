//! The binary: parses the command line, runs the command, turns its outcome into an exit status.

use std::process::ExitCode;

use clap::Parser;
use handwave::cli::Cli;
use handwave::commands;

fn main() -> ExitCode {
    match commands::run(Cli::parse()) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("handwave: {error:#}");
            ExitCode::FAILURE
        }
    }
}
