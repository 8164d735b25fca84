//! `handwave demo`: a rendered hand plays the main job. The hand is drawn, the fleet simulated; everything between them
//! is the real thing. Settings are the built-in ones.

use std::process::ExitCode;

use anyhow::Result;
use tokio::sync::mpsc::unbounded_channel;

use super::page::Page;
use super::screens::{self, Screens};
use crate::camera::clock::Clock;
use crate::camera::puppet::{Puppet, demo};
use crate::cli::DemoArgs;
use crate::clouds::Choice;
use crate::commands::output::say;
use crate::commands::tasks;
use crate::config::Config;
use crate::daemon::audit::Audit;
use crate::daemon::journal::Journal;
use crate::daemon::run::Parts;
use crate::gesture::machine::Machine;
use crate::pipeline::slot::Pace;
use crate::pipeline::threads::Input;
use crate::view::narrator::Narrator;
use crate::view::terminal::Terminal;
use crate::{clouds, vision};

pub fn run(args: &DemoArgs, terminal: Terminal) -> Result<ExitCode> {
    let config = Config::shipped();
    let journal = Journal::new(args.events.as_deref().map(Audit::open).transpose()?);
    let size = (config.camera.width, config.camera.height);
    let camera = Box::new(Puppet::new(demo::script(), size, config.camera.fps, Clock::real_time()));
    let tracker = Box::new(vision::open(&config.vision, args.models.as_deref(), false)?);
    let machine = Machine::new(config.gesture.clone(), true);
    let captions = demo::captions().into_iter().map(|(at, caption)| (at, format!("--- {caption}"))).collect();
    say("handwave's demo: a drawn hand, the real models, a simulated fleet. Escape or Ctrl-C quits.")?;
    let page = open_page(args, &config)?;
    let page = page.map(|page| page.in_memory().open(&terminal, None)).transpose()?;
    let runtime = tasks::runtime()?;
    let _inside = runtime.enter();
    let (events_in, events) = unbounded_channel();
    let cloud = runtime.block_on(clouds::open(&config.clouds(), Choice::Simulated { holds: 0 }))?;
    let (fleet, reconciler) = runtime.block_on(cloud.fleet(true))?.start(events_in);
    let input = Input::Camera { camera, tracker, pace: Pace::Latest };
    let parts = Parts { mode: cloud.mode(), input, machine, fleet, reconciler, events, journal, recorder: None };
    let screens = Screens { terminal, narrator: Narrator::with_captions(captions), headless: args.headless, page };
    let summary = screens::show(&runtime, parts, screens)?;
    say(&summary.to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// The address of the page, where one is asked for: any free port where another handwave has the usual one.
#[cfg(feature = "web")]
fn open_page(args: &DemoArgs, config: &Config) -> Result<Option<Page>> {
    use crate::web::settings::Listen;
    let Some(asked) = args.web else { return Ok(None) };
    let at = |listen| Page::at(&config.web.at(Some(listen)), &config.fleet.name);
    let any = Listen(std::net::SocketAddr::from(([127, 0, 0, 1], 0)));
    asked.map_or_else(|| at(config.web.listen).or_else(|_| at(any)), at).map(Some)
}

#[cfg(not(feature = "web"))]
fn open_page(_: &DemoArgs, _: &Config) -> Result<Option<Page>> {
    Ok(None)
}
