//! `handwave balancer`: the classic load balancer of config.toml. In: create, show or delete. Out: it as it then is.

use std::process::ExitCode;

use anyhow::Result;

use super::live;
use crate::cli::{BalancerAction, BalancerArgs};
use crate::clouds::aws::settings::Balancer;
use crate::commands;
use crate::config::Config;
use crate::view::terminal::Terminal;

pub fn run(args: &BalancerArgs, terminal: Terminal) -> Result<ExitCode> {
    let (config, origin) = Config::load(args.place.config.as_deref())?;
    tracing::info!("settings from {origin}");
    if live::is_meant(args.place.live, args.place.dry_run, &config)? {
        #[cfg(feature = "aws")]
        return commands::block_on(in_aws::run(args, &config, &terminal));
    }
    terminal.line("A dry run: nothing is asked of AWS; with --live it is.");
    let Balancer { name, listeners, health_check, draining, .. } = &config.balancer;
    let forwards = listeners.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    commands::say(&match args.action {
        BalancerAction::Create => {
            format!("would create {name}: {forwards}, checked by {health_check}, draining {draining} s")
        }
        BalancerAction::Show => format!("would show {name}"),
        BalancerAction::Delete { force: false } => format!("would delete {name}, unless instances are registered"),
        BalancerAction::Delete { force: true } => format!("would delete {name}, even with instances registered"),
    })?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(feature = "aws")]
mod in_aws {
    use super::*;
    use crate::cli::Format;
    use crate::clouds::aws::Session;
    use crate::clouds::aws::classic_setup::Shown;

    pub async fn run(args: &BalancerArgs, config: &Config, terminal: &Terminal) -> Result<ExitCode> {
        let session = Session::open(config).await?;
        let name = &config.balancer.name;
        terminal.line(&format!("LIVE in AWS: {session}\nLoad balancer {name} of fleet {}", config.fleet.name));
        let balancer = session.balancer(config);
        match args.action {
            BalancerAction::Create => {
                let (shown, new) = balancer.create().await?;
                terminal.line(if new { "Created." } else { "It was there already." });
                show(&shown, args.place.format)
            }
            BalancerAction::Show => match balancer.show().await? {
                Some(shown) => show(&shown, args.place.format),
                None => {
                    terminal.line(&format!("There is no load balancer {name}: `handwave balancer create` makes it."));
                    Ok(ExitCode::FAILURE)
                }
            },
            BalancerAction::Delete { force } => {
                if !live::confirm(&format!("Delete the load balancer {name}"), &args.place)? {
                    terminal.line("Nothing was done.");
                    return Ok(ExitCode::FAILURE);
                }
                let was_there = balancer.delete(force).await?;
                terminal.line(if was_there { "Deleted." } else { "It was not there." });
                Ok(ExitCode::SUCCESS)
            }
        }
    }

    fn show(shown: &Shown, format: Format) -> Result<ExitCode> {
        commands::say(&match format {
            Format::Table => shown.to_string(),
            Format::Json => serde_json::to_string(shown)?,
        })?;
        Ok(ExitCode::SUCCESS)
    }
}
