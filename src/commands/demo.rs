//! `handwave demo`: a rendered hand plays the main job. The hand is drawn, the fleet simulated; everything between them
//! is the real thing. Settings are the built-in ones; with --policy, a policy follows a load that changes.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::mpsc::unbounded_channel;

use super::page::Page;
use super::policies;
use super::screens::{self, Screens};
use crate::camera::clock::Clock;
use crate::camera::puppet::{Puppet, demo};
use crate::cli::DemoArgs;
use crate::clouds::Choice;
use crate::clouds::simulated::Profile;
use crate::commands::output::say;
use crate::commands::tasks;
use crate::config::Config;
use crate::daemon::audit::Audit;
use crate::daemon::journal::Journal;
use crate::daemon::run::Parts;
use crate::gesture::machine::Machine;
use crate::pipeline::slot::Pace;
use crate::pipeline::threads::Input;
use crate::policy::settings::Rule;
use crate::view::narrator::Narrator;
use crate::view::terminal::Terminal;
use crate::{clouds, vision};

pub fn run(args: &DemoArgs, terminal: Terminal) -> Result<ExitCode> {
    let (act, config) = if args.policy { (demo::POLICY, policy_config()?) } else { (demo::MAIN, Config::shipped()) };
    let journal = Journal::new(args.events.as_deref().map(Audit::open).transpose()?);
    let size = (config.camera.width, config.camera.height);
    let camera = Box::new(Puppet::new(act.script(), size, config.camera.fps, Clock::real_time()));
    let tracker = Box::new(vision::open(&config.vision, args.models.as_deref(), false)?);
    let machine = Machine::new(config.gesture.clone(), true);
    let captions = act.captions().into_iter().map(|(at, caption)| (at, format!("--- {caption}"))).collect();
    say("handwave's demo: a drawn hand, the real models, a simulated fleet. Escape or Ctrl-C quits.")?;
    let page = open_page(args, &config)?;
    let page = page.map(|page| page.in_memory().open(&terminal, None)).transpose()?;
    let runtime = tasks::runtime()?;
    let _inside = runtime.enter();
    let (events_in, events) = unbounded_channel();
    let holds = if args.policy { 2 } else { 0 };
    let cloud = runtime.block_on(clouds::open(&config.clouds(), Choice::Simulated { holds }))?;
    let followed = policies::metrics(&config.policy, &*cloud)?;
    let (fleet, reconciler) = runtime.block_on(cloud.fleet(true))?.start(events_in.clone());
    let follow = |metrics| policies::follow(&config.policy, metrics, &fleet, events_in, &terminal);
    let policies = followed.map(follow);
    let (mode, metrics) = (cloud.mode(), cloud.metrics());
    let input = Input::Camera { camera, tracker, pace: Pace::Latest };
    let parts = Parts { mode, input, machine, fleet, reconciler, metrics, policies, events, journal, recorder: None };
    let screens = Screens { terminal, narrator: Narrator::with_captions(captions), headless: args.headless, page };
    let summary = screens::show(&runtime, parts, screens)?;
    say(&summary.to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// The built-in settings, but for a policy that is quick enough to watch.
fn policy_config() -> Result<Config> {
    let mut config = Config::shipped();
    let (seconds, policy) = (Duration::from_secs, &mut config.policy);
    policy.follow = vec![Rule::Cpu];
    // What a person holds must outlast the load that they overrule, and be over before the last scene is.
    (policy.every, policy.window, policy.hold) = (seconds(2), seconds(8), seconds(14));
    policy.cpu.warmup = seconds(2);
    config.simulated.load = Profile::parse(demo::POLICY_LOAD)?;
    Ok(config)
}

/// The address of the page, where one is asked for: any free port where another handwave has the usual one.
#[cfg(feature = "web")]
fn open_page(args: &DemoArgs, config: &Config) -> Result<Option<Page>> {
    use crate::web::settings::Listen;
    let Some(asked) = args.web else { return Ok(None) };
    let at = |listen| Page::at(&config.web.at(Some(listen)), &config.fleet.name, &config.lease);
    let any = Listen(std::net::SocketAddr::from(([127, 0, 0, 1], 0)));
    asked.map_or_else(|| at(config.web.listen).or_else(|_| at(any)), at).map(Some)
}

#[cfg(not(feature = "web"))]
fn open_page(_: &DemoArgs, _: &Config) -> Result<Option<Page>> {
    Ok(None)
}
