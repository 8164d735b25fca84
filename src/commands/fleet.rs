//! `handwave fleet`: the same actor as `run`'s, without a camera. In: one command, or none (`status`, `settle`). Out: what
//! became of it, once the fleet is settled.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tokio::select;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::live;
use crate::cli::{FleetAction, FleetArgs, Format};
use crate::clouds::simulated::Simulated;
use crate::command::{Action, Command, InstanceId, Source, list};
use crate::commands;
use crate::config::Config;
use crate::daemon::signals::Signals;
use crate::event::Stamped;
use crate::fleet::observed::{Observed, look};
use crate::fleet::reconciler::{FleetState, Handle, Outcome, Reconciler, Timing};
use crate::view::terminal::Terminal;

pub fn run(args: &FleetArgs, terminal: Terminal) -> Result<ExitCode> {
    let (config, origin) = Config::load(args.place.config.as_deref())?;
    tracing::info!("settings from {origin}");
    commands::block_on(async {
        if live::is_meant(args.place.live, args.place.dry_run, &config)? {
            #[cfg(feature = "aws")]
            return in_aws(args, &config, &terminal).await;
        }
        dry_run(args, &config, &terminal).await
    })
}

#[cfg(feature = "aws")]
async fn in_aws(args: &FleetArgs, config: &Config, terminal: &Terminal) -> Result<ExitCode> {
    let live = crate::clouds::aws::open(config).await?;
    terminal.line(&live.to_string());
    if matches!(args.action, FleetAction::Status) {
        return Report::new(config, &live.state(), None).print(args.place.format);
    }
    let victims = match &args.action {
        FleetAction::In { n } => live.state().victims(usize::from(*n)),
        FleetAction::Terminate { ids } => ids.iter().map(|id| id.as_str().into()).collect(),
        _ => Vec::new(),
    };
    if !victims.is_empty() && !live::confirm(&format!("Retire {}", list(&victims)), &args.place)? {
        terminal.line("Nothing was done.");
        return Ok(ExitCode::FAILURE);
    }
    play(args, config, terminal, |events| live.start(events)).await
}

/// On a fresh simulated fleet: an empty one to launch into, a full one to retire from.
async fn dry_run(args: &FleetArgs, config: &Config, terminal: &Terminal) -> Result<ExitCode> {
    let (simulated, limits) = (Simulated::default(), config.fleet.limits());
    let full = if matches!(args.action, FleetAction::In { .. }) { limits.max } else { 0 };
    simulated.add_in_service(full);
    let holds = if full == 0 { "an empty simulated fleet".into() } else { format!("a simulated fleet of {full}") };
    terminal.line(&format!("A dry run on {holds}: nothing is asked of AWS; with --live it is."));
    if matches!(args.action, FleetAction::Status) {
        let observed = Some(look(&simulated, &BTreeSet::new()).await?);
        let state = FleetState { observed, limits, settled: true, trouble: None };
        return Report::new(config, &state, None).print(args.place.format);
    }
    play(args, config, terminal, |events| Reconciler::spawn(simulated, limits, Timing::simulated(), events)).await
}

/// Starts the actor, sends the command, waits until the fleet is settled.
async fn play(
    args: &FleetArgs,
    config: &Config,
    terminal: &Terminal,
    start: impl FnOnce(UnboundedSender<Stamped>) -> (Handle, JoinHandle<FleetState>),
) -> Result<ExitCode> {
    let action = match &args.action {
        FleetAction::Status | FleetAction::Settle => None,
        FleetAction::Out { n } => Some(Action::ScaleOut(usize::from(*n))),
        FleetAction::In { n } => Some(Action::ScaleIn(usize::from(*n))),
        FleetAction::Terminate { ids } => Some(Action::Terminate(ids.iter().map(|id| id.as_str().into()).collect())),
    };
    let mut signals = Signals::catch()?;
    let (events_in, mut events) = unbounded_channel();
    let (handle, actor) = start(events_in);
    let progress = Progress::new(terminal);
    let ended = {
        let mut state = handle.state();
        let mut ended = std::pin::pin!(finish(&handle, action));
        loop {
            select! {
                biased;
                Some(event) = events.recv() => progress.tell(&event),
                ended = &mut ended => break Some(ended),
                () = signals.next() => break None,
                Ok(()) = state.changed() => progress.show(&state.borrow()),
            }
        }
    };
    handle.stop();
    // Whoever is in a hurry says so twice; what is half done stands in the tags.
    let left = select! {
        left = actor => left.context("the fleet's actor failed")?,
        () = signals.next() => handle.state().borrow().clone(),
    };
    progress.end(&mut events);

    let interrupted = ended.is_none();
    let (outcome, state) = ended.unwrap_or((None, None));
    let state = state.unwrap_or(left);
    if interrupted && !state.settled {
        terminal.line("Stopped before the fleet was settled: `handwave fleet settle` completes what is half done.");
    }
    if let Some(trouble) = &state.trouble {
        terminal.line(&format!("Warning: {trouble}."));
    }
    Report::new(config, &state, outcome).print(args.place.format)
}

/// Waits for what becomes of the command, and for the fleet to settle; not where nothing is done, as what holds up the
/// command may hold up the rest for ever.
async fn finish(handle: &Handle, action: Option<Action>) -> (Option<Outcome>, Option<FleetState>) {
    let outcome = match action {
        Some(action) => handle.send(Command::new(Source::CommandLine { user: None }, action)).await.ok(),
        None => None,
    };
    match outcome {
        Some(Outcome::Refused { .. }) => (outcome, None),
        _ => (outcome, handle.settled().await),
    }
}

/// A line that moves while somebody looks, and lines that stay.
struct Progress<'a> {
    bar: ProgressBar,
    terminal: &'a Terminal,
}

impl<'a> Progress<'a> {
    /// Nothing moves where stderr is no terminal.
    fn new(terminal: &'a Terminal) -> Progress<'a> {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Progress { bar, terminal }
    }

    fn tell(&self, event: &Stamped) {
        self.bar.suspend(|| self.terminal.tell(&event.event.to_string()));
    }

    fn show(&self, state: &FleetState) {
        let trouble = state.trouble.as_ref().map_or(String::new(), |trouble| format!(" ({trouble})"));
        self.bar.set_message(format!("{state}{trouble}"));
    }

    fn end(&self, events: &mut UnboundedReceiver<Stamped>) {
        while let Ok(event) = events.try_recv() {
            self.tell(&event);
        }
        self.bar.finish_and_clear();
    }
}

/// What is printed: the fleet, and what became of the command.
#[derive(Serialize)]
struct Report {
    fleet: String,
    balancer: String,
    count: usize,
    min: usize,
    max: usize,
    settled: bool,
    instances: Vec<Row>,
    /// Registered without being the fleet's.
    strangers: Vec<InstanceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    /// Those that the command launched or retired.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changed: Vec<InstanceId>,
    /// Why less was done than was asked, or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize)]
struct Row {
    id: InstanceId,
    phase: String,
    launched: jiff::Timestamp,
}

impl Report {
    fn new(config: &Config, state: &FleetState, outcome: Option<Outcome>) -> Report {
        let Observed { instances, strangers } = state.observed.clone().unwrap_or_default();
        let row = |seen: &crate::fleet::observed::Member| Row {
            id: seen.id().clone(),
            phase: seen.phase().to_string(),
            launched: seen.instance.launched,
        };
        let (outcome, changed, reason) = match outcome {
            None => (None, Vec::new(), None),
            Some(Outcome::Done { instances, cut }) => (Some("done"), instances, cut),
            Some(Outcome::Refused { reason }) => (Some("refused"), Vec::new(), Some(reason)),
            Some(Outcome::Unknown { reason }) => (Some("unknown"), Vec::new(), Some(reason)),
        };
        Report {
            fleet: config.fleet.name.clone(),
            balancer: config.balancer.name.clone(),
            count: state.count(),
            min: state.limits.min,
            max: state.limits.max,
            settled: state.settled,
            instances: instances.iter().map(row).collect(),
            strangers,
            outcome,
            changed,
            reason,
        }
    }

    fn print(&self, format: Format) -> Result<ExitCode> {
        match format {
            Format::Json => {
                commands::say(&serde_json::to_string(self)?)?;
            }
            Format::Table => {
                for line in self.lines() {
                    commands::say(&line)?;
                }
            }
        }
        Ok(match self.outcome {
            Some("refused" | "unknown") => ExitCode::FAILURE,
            _ => ExitCode::SUCCESS,
        })
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{:<20}  {:<12}  launched", "instance", "phase")];
        let row = |row: &Row| format!("{:<20}  {:<12}  {:.0}", row.id.0, row.phase, row.launched);
        lines.extend(self.instances.iter().map(row));
        lines.extend(self.strangers.iter().map(|id| format!("{:<20}  not the fleet's, left alone", id.0)));
        let Report { fleet, count, min, max, .. } = self;
        lines.push(format!("fleet {fleet}: {count} ({min} to {max})"));
        match (self.outcome, &self.reason) {
            (Some("done"), Some(reason)) => lines.push(format!("done for {}: {reason}", self.changed.len())),
            (Some(outcome), Some(reason)) => lines.push(format!("{outcome}: {reason}")),
            (Some(outcome), None) => lines.push(format!("{outcome}: {}", list(&self.changed))),
            (None, _) => {}
        }
        lines
    }
}
