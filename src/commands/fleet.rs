//! `handwave fleet`: the same reconciler as `run`'s, without a camera. In: one command, or none (`status`, `settle`). Out:
//! what became of it, once the fleet is settled.

use std::process::ExitCode;

use anyhow::{Context, Result};
use serde::Serialize;
use tokio::select;
use tokio::sync::mpsc::unbounded_channel;

use super::live;
use crate::cli::{FleetAction, FleetArgs, Format};
use crate::clouds::{self, Choice, Mode, OpenFleet};
use crate::command::{Action, Command, InstanceId, Source, list};
use crate::commands::output::say;
use crate::commands::tasks::block_on;
use crate::config::Config;
use crate::daemon::signals::Signals;
use crate::event::Stamped;
use crate::fleet::{FleetState, Handle, Member, Observed, Outcome};
use crate::view::terminal::Terminal;

pub fn run(args: &FleetArgs, terminal: Terminal) -> Result<ExitCode> {
    let (config, origin) = Config::load(args.place.config.as_deref())?;
    tracing::info!("settings from {origin}");
    block_on(async {
        let settings = config.clouds();
        let choice = match (Choice::of(args.place.live, args.place.dry_run, &settings), &args.action) {
            // There must be something to retire.
            (Choice::Simulated { .. }, FleetAction::In { .. }) => Choice::Simulated { holds: config.fleet.max },
            (choice, _) => choice,
        };
        let cloud = clouds::open(&settings, choice).await?;
        let fleet = cloud.fleet().await?;
        terminal.line(&fleet.banner);
        if matches!(args.action, FleetAction::Status) {
            return Report::new(&config, &fleet.state(), None).print(args.place.format);
        }
        if cloud.mode() != Mode::DryRun && !is_confirmed(args, &fleet.state())? {
            terminal.line("Nothing was done.");
            return Ok(ExitCode::FAILURE);
        }
        play(args, &config, &terminal, fleet).await
    })
}

/// Asks about the instances that the command would retire, if any.
fn is_confirmed(args: &FleetArgs, state: &FleetState) -> Result<bool> {
    let victims = match &args.action {
        FleetAction::In { n } => state.victims(usize::from(*n)),
        FleetAction::Terminate { ids } => ids.iter().map(|id| id.as_str().into()).collect(),
        _ => Vec::new(),
    };
    Ok(victims.is_empty() || live::confirm(&format!("Retire {}", list(&victims)), &args.place)?)
}

/// Starts the reconciler, sends the command, waits until the fleet is settled.
async fn play(args: &FleetArgs, config: &Config, terminal: &Terminal, fleet: OpenFleet) -> Result<ExitCode> {
    let action = match &args.action {
        FleetAction::Status | FleetAction::Settle => None,
        FleetAction::Out { n } => Some(Action::ScaleOut(usize::from(*n))),
        FleetAction::In { n } => Some(Action::ScaleIn(usize::from(*n))),
        FleetAction::Terminate { ids } => Some(Action::Terminate(ids.iter().map(|id| id.as_str().into()).collect())),
    };
    let mut signals = Signals::catch()?;
    let (events_in, mut events) = unbounded_channel();
    let (handle, reconciler) = fleet.start(events_in);
    let tell = |event: &Stamped| terminal.tell(&event.event.to_string());
    let ended = {
        let mut state = handle.state();
        let mut ended = std::pin::pin!(finish(&handle, action));
        loop {
            select! {
                biased;
                Some(event) = events.recv() => tell(&event),
                ended = &mut ended => break Some(ended),
                () = signals.next() => break None,
                Ok(()) = state.changed() => terminal.live(&live_line(&state.borrow())),
            }
        }
    };
    handle.stop();
    // A second signal ends the wait; what is half done stays in the cloud's tags.
    let left = select! {
        left = reconciler => left.context("the fleet's reconciler failed")?,
        () = signals.next() => handle.state().borrow().clone(),
    };
    while let Ok(event) = events.try_recv() {
        tell(&event);
    }
    terminal.live("");

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

fn live_line(state: &FleetState) -> String {
    let trouble = state.trouble.as_ref().map_or(String::new(), |trouble| format!(" ({trouble})"));
    format!("{state}{trouble}")
}

/// Waits for what becomes of the command, and for the fleet to settle; not where nothing is done, as what holds up the
/// command may hold up the rest for ever.
async fn finish(handle: &Handle, action: Option<Action>) -> (Option<Outcome>, Option<FleetState>) {
    let outcome = match action {
        Some(action) => handle.send(Command::new(Source::CommandLine { user: user() }, action)).await.ok(),
        None => None,
    };
    match outcome {
        Some(Outcome::Refused { .. }) => (outcome, None),
        _ => (outcome, handle.settled().await),
    }
}

/// The system's user, where the system tells.
fn user() -> Option<String> {
    whoami::username().ok().filter(|name| !name.is_empty())
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
        let row = |member: &Member| Row {
            id: member.id().clone(),
            phase: member.phase().to_string(),
            launched: member.instance.launched,
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
                say(&serde_json::to_string(self)?)?;
            }
            Format::Table => {
                for line in self.lines() {
                    say(&line)?;
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
