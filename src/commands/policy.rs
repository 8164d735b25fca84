//! `handwave policy`: the policies, tried in words, or asked once of a cloud. In: lines of the policy language, or a
//! fleet. Out: decisions, with what was measured and needed.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::cli::{PolicyAction, PolicyArgs};
use crate::clouds::{self, Choice};
use crate::commands::output::say;
use crate::commands::tasks::block_on;
use crate::config::Config;
use crate::policy::decide::decide;
use crate::policy::history::History;
use crate::policy::language;
use crate::policy::measure::Measure;
use crate::policy::settings::Rule;
use crate::view::terminal::Terminal;

pub fn run(args: &PolicyArgs, terminal: &Terminal) -> Result<ExitCode> {
    match &args.action {
        PolicyAction::Try { file, config } => try_file(file, config.as_deref()),
        PolicyAction::Explain { live, dry_run, config } => explain(*live, *dry_run, config.as_ref(), terminal),
    }
}

fn try_file(file: &Path, config: Option<&Path>) -> Result<ExitCode> {
    let (config, _) = Config::load(config)?;
    let decided = language::play(&read(file)?, &config.policy, config.fleet.limits())
        .with_context(|| file.display().to_string())?;
    for decided in decided {
        if !say(&decided.to_string())? {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Measures once, and says what a policy would do that begins now. Changes nothing.
fn explain(live: bool, dry_run: bool, config: Option<&PathBuf>, terminal: &Terminal) -> Result<ExitCode> {
    let (config, _) = Config::load(config.map(PathBuf::as_path))?;
    let (settings, mut policy) = (config.clouds(), config.policy);
    if policy.follow.is_empty() {
        terminal.line("policy.follow is empty, so that no run follows a policy: this is what each would do.");
        policy.follow = vec![Rule::Cpu, Rule::Queue];
    }
    block_on(async {
        let choice = match Choice::of(live, dry_run, &settings) {
            // There must be something to measure.
            Choice::Simulated { .. } => Choice::Simulated { holds: config.fleet.max },
            Choice::Live => Choice::Live,
        };
        let cloud = clouds::open(&settings, choice).await?;
        let Some(metrics) = cloud.metrics() else { bail!("nothing measures this fleet: policies cannot follow it") };
        let fleet = cloud.fleet(false).await?;
        terminal.line(&fleet.banner);
        let state = fleet.state();
        let measured = Measure::new(policy.clone(), metrics).look(&state, 1).await;
        let mut history = History::new(policy.window, policy.every);
        history.push(std::time::Duration::ZERO, measured.iter().map(|measured| measured.need.clone()).collect());
        let decision = decide(&measured, &history, state.count(), None, state.limits, policy.covered);
        say(&format!("fleet: {state}"))?;
        for measured in &measured {
            say(&format!("{}: {}", measured.words, measured.need))?;
        }
        say(&format!("a policy that begins now: {}", decision.of(state.count())))?;
        Ok(ExitCode::SUCCESS)
    })
}

fn read(file: &Path) -> Result<String> {
    if file == Path::new("-") {
        return io::read_to_string(io::stdin()).context("cannot read the lines from standard input; give it text");
    }
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}; name a file of text", file.display()))
}
