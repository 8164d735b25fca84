//! `handwave balancer`: the load balancer of config.toml. In: create, show or delete. Out: the balancer as it then is,
//! or what would be done.

use std::process::ExitCode;

use anyhow::Result;

use super::live;
use crate::cli::{BalancerAction, BalancerArgs, Format};
use crate::clouds::{self, Choice, Description, Mode, SetupOutcome};
use crate::command::list;
use crate::commands::output::say;
use crate::commands::tasks::block_on;
use crate::config::Config;
use crate::view::terminal::Terminal;

pub fn run(args: &BalancerArgs, terminal: Terminal) -> Result<ExitCode> {
    let (config, origin) = Config::load(args.place.config.as_deref())?;
    tracing::info!("settings from {origin}");
    block_on(manage(args, &config, &terminal))
}

async fn manage(args: &BalancerArgs, config: &Config, terminal: &Terminal) -> Result<ExitCode> {
    let (settings, front) = (config.clouds(), config.balancer.front());
    let mut stranded = Vec::new();
    let cloud = clouds::open(&settings, Choice::of(args.place.live, args.place.dry_run, &settings)).await?;
    let balancer = cloud.balancer();
    terminal.line(&balancer.banner());
    let outcome = match args.action {
        BalancerAction::Create => balancer.create().await?,
        BalancerAction::Show => balancer.show().await?,
        BalancerAction::Delete { force } => {
            if force {
                stranded = balancer.registered().await?;
            }
            let with = match stranded.is_empty() {
                true => String::new(),
                false => format!(" though {} run on without it", list(&stranded)),
            };
            let is_real = cloud.mode() != Mode::DryRun;
            if is_real && !live::confirm(&format!("Delete the {front}{with}"), &args.place)? {
                terminal.line("Nothing was done.");
                return Ok(ExitCode::FAILURE);
            }
            balancer.delete(force).await?
        }
    };
    match outcome {
        SetupOutcome::Would(what) => {
            say(&what)?;
        }
        SetupOutcome::Created(description) => {
            terminal.line("Created.");
            print(&description, args.place.format)?;
        }
        SetupOutcome::Kept(description) => {
            terminal.line("It was there already.");
            print(&description, args.place.format)?;
        }
        SetupOutcome::Shown(description) => print(&description, args.place.format)?,
        SetupOutcome::Deleted => {
            terminal.line("Deleted.");
            if !stranded.is_empty() {
                let ids = list(&stranded);
                terminal.line(&format!("{ids} run on and cost money: `handwave fleet terminate ID` ends them."));
            }
        }
        SetupOutcome::NotThere if matches!(args.action, BalancerAction::Show) => {
            terminal.line(&format!("There is no {front}: `handwave balancer create` makes it."));
            return Ok(ExitCode::FAILURE);
        }
        SetupOutcome::NotThere => terminal.line("It was not there."),
    }
    Ok(ExitCode::SUCCESS)
}

fn print(balancer: &Description, format: Format) -> Result<()> {
    say(match format {
        Format::Table => &balancer.table,
        Format::Json => &balancer.json,
    })?;
    Ok(())
}
