//! `handwave run`: hands before a camera change the fleet, until somebody quits or the camera's file ends. In: the
//! command line and the settings. Out: the run's summary.

use std::process::ExitCode;

use anyhow::Result;
use tokio::sync::mpsc::unbounded_channel;

use super::live::{self, Driven};
use super::page::Page;
use super::screens::{self, Screens};
use crate::camera::clock::Clock;
use crate::camera::{self, CameraSpec};
use crate::cli::RunArgs;
use crate::commands::output::say;
use crate::commands::tasks;
use crate::config::Config;
use crate::daemon::audit::Audit;
use crate::daemon::journal::Journal;
use crate::daemon::run::Parts;
use crate::gesture::machine::Machine;
use crate::pipeline::recording::{Recorder, Recording};
use crate::pipeline::slot::Pace;
use crate::pipeline::threads::Input;
use crate::view::narrator::Narrator;
use crate::view::terminal::Terminal;
use crate::vision;

pub fn run(args: &RunArgs, terminal: Terminal) -> Result<ExitCode> {
    let (config, origin) = Config::load(args.common.config.as_deref())?;
    tracing::info!("settings from {origin}");
    let camera = args.camera.clone().unwrap_or(config.camera.source.clone());
    let journal = Journal::new(args.events.as_deref().map(Audit::open).transpose()?);
    let page = open_page(args, &config)?;
    let input = open_input(args, &config, &camera)?;
    let recorder = args.record.as_deref().map(Recorder::create).transpose()?;
    let runtime = tasks::runtime()?;
    let inside = runtime.enter();
    let (events_in, events) = unbounded_channel();
    let driven = runtime.block_on(live::drive(args, &config, &camera, page.is_some(), &terminal, events_in))?;
    let Driven { mode, armed, entry, fleet, reconciler, metrics, policies } = driven;
    let machine = Machine::new(config.gesture.clone(), armed);
    let parts = Parts { mode, input, machine, fleet, reconciler, metrics, policies, events, journal, recorder };
    let page = page.map(|page| page.open(&terminal, entry)).transpose()?;
    let screens = Screens { terminal, narrator: Narrator::default(), headless: args.headless, page };
    let summary = screens::show(&runtime, parts, screens);
    drop(inside);
    // A call that hangs is not waited for.
    runtime.shutdown_background();
    let summary = summary?;
    say(&summary.to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// The address of the page, where one is asked for.
#[cfg(feature = "web")]
fn open_page(args: &RunArgs, config: &Config) -> Result<Option<Page>> {
    args.web.map(|listen| Page::at(&config.web.at(listen), &config.fleet.name, &config.lease)).transpose()
}

#[cfg(not(feature = "web"))]
fn open_page(_: &RunArgs, _: &Config) -> Result<Option<Page>> {
    Ok(None)
}

/// A camera with the models that read it, or a recording.
fn open_input(args: &RunArgs, config: &Config, camera: &CameraSpec) -> Result<Input> {
    let clock = if args.fast { Clock::fast() } else { Clock::real_time() };
    let recording = match camera {
        CameraSpec::File(path) => Recording::open(path, clock)?,
        CameraSpec::Webcam(_) | CameraSpec::Puppet => None,
    };
    if let Some(recording) = recording {
        return Ok(Input::Recording(recording));
    }
    let camera = camera::open(camera, &config.camera, args.fast)?;
    let tracker = Box::new(vision::open(&config.vision, args.common.models.as_deref(), config.camera.mirrored)?);
    let pace = if args.fast { Pace::Every } else { Pace::Latest };
    Ok(Input::Camera { camera, tracker, pace })
}
