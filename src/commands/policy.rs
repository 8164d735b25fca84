//! `handwave policy`: the policies, tried in words. In: lines of the policy language. Out: each decision that differs from
//! the one before.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::cli::{PolicyAction, PolicyArgs};
use crate::commands::output::say;
use crate::config::Config;
use crate::policy::language;

pub fn run(args: &PolicyArgs) -> Result<ExitCode> {
    let PolicyAction::Try { file, config } = &args.action;
    let (config, _) = Config::load(config.as_deref())?;
    let decided = language::play(&read(file)?, &config.policy, config.fleet.limits())
        .with_context(|| file.display().to_string())?;
    for decided in decided {
        if !say(&decided.to_string())? {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> Result<String> {
    if file == Path::new("-") {
        return io::read_to_string(io::stdin()).context("cannot read the lines from standard input; give it text");
    }
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}; name a file of text", file.display()))
}
