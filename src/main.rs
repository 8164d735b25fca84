//! The binary: parses the command line, runs the command, turns its outcome into an exit status.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use handwave::cli::Cli;
use handwave::commands;

fn main() -> ExitCode {
    match commands::run(Cli::parse()) {
        Ok(status) => status,
        Err(error) => {
            // Not by eprintln, which panics where standard error is closed.
            let _ = writeln!(std::io::stderr(), "handwave: {error:#}");
            ExitCode::FAILURE
        }
    }
}
