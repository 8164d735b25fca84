//! `handwave serve`: the web page without a camera, until somebody quits. In: the command line and the settings. Out:
//! the run's summary.

use std::process::ExitCode;

use anyhow::Result;
use tokio::sync::mpsc::unbounded_channel;

use super::live;
use super::page::Page;
use super::screens::{self, Screens};
use super::{output, policies, tasks};
use crate::cli::ServeArgs;
use crate::clouds::{self, Choice, Mode};
use crate::config::Config;
use crate::daemon::audit::Audit;
use crate::daemon::journal::Journal;
use crate::daemon::run::Parts;
use crate::gesture::machine::Machine;
use crate::pipeline::threads::Input;
use crate::view::narrator::Narrator;
use crate::view::terminal::Terminal;

pub fn run(args: &ServeArgs, terminal: Terminal) -> Result<ExitCode> {
    let (config, origin) = Config::load(args.config.as_deref())?;
    tracing::info!("settings from {origin}");
    let journal = Journal::new(args.events.as_deref().map(Audit::open).transpose()?);
    let page = Page::at(&config.web.at(args.listen), &config.fleet.name, &config.lease)?;
    let runtime = tasks::runtime()?;
    let inside = runtime.enter();
    let settings = config.clouds();
    let cloud = runtime.block_on(clouds::open(&settings, Choice::of(args.live, args.dry_run, &settings)))?;
    let followed = policies::metrics(&config.policy, &*cloud)?;
    let open = runtime.block_on(cloud.fleet(true))?;
    terminal.line(&open.banner);
    let mode = cloud.mode();
    let entry = if mode == Mode::DryRun { None } else { runtime.block_on(live::entry(&*cloud)) };
    let (events_in, events) = unbounded_channel();
    let (fleet, reconciler) = open.start(events_in.clone());
    let follow = |metrics| policies::follow(&config.policy, metrics, &fleet, events_in, &terminal);
    let policies = followed.map(follow);
    let machine = Machine::new(config.gesture, true);
    let (input, metrics) = (Input::Nothing, cloud.metrics());
    policies::watch_leases(&config.lease, metrics.clone(), &fleet);
    let parts = Parts { mode, input, machine, fleet, reconciler, metrics, policies, events, journal, recorder: None };
    let page = Some(page.open(&terminal, entry)?);
    let screens = Screens { terminal, narrator: Narrator::default(), headless: true, page };
    let summary = screens::show(&runtime, parts, screens);
    drop(inside);
    // A call that hangs is not waited for.
    runtime.shutdown_background();
    output::say(&summary?.to_string())?;
    Ok(ExitCode::SUCCESS)
}
