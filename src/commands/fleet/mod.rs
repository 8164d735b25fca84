//! `handwave fleet`: the same reconciler as `run`'s, without a camera. In: one command, or none (`status`, `settle`). Out:
//! what became of it, once the fleet is settled.

mod report;

use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio::select;
use tokio::sync::mpsc::unbounded_channel;

use self::report::Report;
use super::live;
use crate::cli::{FleetAction, FleetArgs};
use crate::clouds::{self, Choice, Mode, OpenFleet};
use crate::command::{Action, Command, InstanceId, Source, list};
use crate::commands::tasks::block_on;
use crate::config::Config;
use crate::daemon::signals::Signals;
use crate::event::Stamped;
use crate::fleet::{FleetState, Handle, Outcome};
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
        let fleet = cloud.fleet(matches!(args.action, FleetAction::Out { .. })).await?;
        terminal.line(&fleet.banner);
        warn_above_max(&fleet.state(), &terminal);
        if matches!(args.action, FleetAction::Status) {
            return Report::new(&config, &fleet.state(), None).print(args.place.format);
        }
        let mut action = action(&args.action);
        if let Some(question) = question(action.as_ref(), &fleet.state()).filter(|_| cloud.mode() != Mode::DryRun) {
            if !live::confirm(&question.text, &args.place)? {
                terminal.line("Nothing was done.");
                return Ok(ExitCode::FAILURE);
            }
            // What a person confirmed is what is done: another instance may have joined since. Without a person, `--yes`
            // leaves the choice to the fleet.
            if !args.place.yes {
                action = Some(Action::Terminate(question.victims));
            }
        }
        play(args, action, &config, &terminal, fleet).await
    })
}

/// The command's action; None where there is nothing to ask of the fleet.
fn action(action: &FleetAction) -> Option<Action> {
    match action {
        FleetAction::Status | FleetAction::Settle => None,
        FleetAction::Out { n } => Some(Action::ScaleOut(usize::from(*n))),
        FleetAction::In { n } => Some(Action::ScaleIn(usize::from(*n))),
        FleetAction::Terminate { ids } => Some(Action::Terminate(ids.iter().map(|id| id.as_str().into()).collect())),
    }
}

/// What a person is asked before instances are retired.
#[derive(Debug, PartialEq)]
struct Question {
    text: String,
    victims: Vec<InstanceId>,
}

/// None: the action retires nobody.
fn question(action: Option<&Action>, state: &FleetState) -> Option<Question> {
    let (victims, cut) = match action? {
        Action::ScaleOut(_) => return None,
        Action::ScaleIn(n) => state.scale_in(*n),
        Action::Terminate(ids) => (ids.clone(), None),
    };
    if victims.is_empty() {
        return None;
    }
    let cut = cut.map_or(String::new(), |reason| format!(" and no more, as {reason}"));
    Some(Question { text: format!("Retire {}{cut}", list(&victims)), victims })
}

/// Two handwaves that launch at once may pass the maximum together: neither sees the other's instances in time.
fn warn_above_max(state: &FleetState, terminal: &Terminal) {
    let (count, max) = (state.count(), state.limits.max);
    if count > max {
        terminal.line(&format!(
            "Warning: the fleet has {count} and its maximum is {max}: retire {} with `handwave fleet in {}`, and let one \
             handwave at a time change a fleet.",
            count - max,
            count - max
        ));
    }
}

/// Starts the reconciler, sends the action, waits until the fleet is settled.
async fn play(
    args: &FleetArgs,
    action: Option<Action>,
    config: &Config,
    terminal: &Terminal,
    fleet: OpenFleet,
) -> Result<ExitCode> {
    let mut signals = Signals::catch()?;
    let (events_in, mut events) = unbounded_channel();
    let (handle, reconciler) = fleet.start(events_in);
    let tell = |event: &Stamped| terminal.tell(&event.event.to_string());
    let ended = {
        let mut state = handle.state();
        let mut ended = std::pin::pin!(finish(&handle, action.clone()));
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

    let is_interrupted = ended.is_none();
    let (outcome, state) = ended.unwrap_or((None, None));
    let state = state.unwrap_or(left);
    let is_cut_off = is_interrupted && !state.settled;
    if is_cut_off {
        terminal.line("Stopped before the fleet was settled: `handwave fleet settle` completes what is half done.");
    }
    if let Some(trouble) = &state.trouble {
        terminal.line(&format!("Warning: {trouble}."));
    }
    warn_above_max(&state, terminal);
    let mut report = Report::new(config, &state, outcome);
    if let Some(action) = action.filter(|_| state.settled) {
        report.judge(&action, &state);
    }
    let status = report.print(args.place.format)?;
    Ok(if is_cut_off { ExitCode::FAILURE } else { status })
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::fleet::ports::{Health, Instance, InstanceState};
    use crate::fleet::{Limits, Observed};

    /// A fleet of `n` in service, i-1 the oldest.
    pub fn fleet(n: usize) -> FleetState {
        let id = |i: usize| InstanceId(format!("i-{i}"));
        let at = |i: usize| Timestamp::UNIX_EPOCH + std::time::Duration::from_secs(i as u64);
        let instances = (1..=n).map(|i| Instance::new(id(i), InstanceState::Running, at(i)));
        let health = (1..=n).map(|i| (id(i), Health::InService));
        let observed = Some(Observed::join(instances.collect(), health.collect()));
        FleetState { observed, ..FleetState::unknown(Limits { min: 1, max: 5 }) }
    }

    #[test]
    fn a_person_is_asked_about_the_names_that_will_be_sent() {
        let asked = question(Some(&Action::ScaleIn(1)), &fleet(3)).unwrap();
        assert_eq!((asked.text.as_str(), asked.victims), ("Retire i-3", vec!["i-3".into()]));
        let cut = question(Some(&Action::ScaleIn(5)), &fleet(3)).unwrap();
        assert_eq!(cut.text, "Retire i-3, i-2 and no more, as the fleet has 3 and its minimum is 1");
        assert_eq!(cut.victims, ["i-3".into(), "i-2".into()]);
    }

    #[test]
    fn what_retires_nobody_asks_nothing() {
        assert_eq!(question(None, &fleet(3)), None);
        assert_eq!(question(Some(&Action::ScaleOut(2)), &fleet(3)), None);
        assert_eq!(question(Some(&Action::ScaleIn(2)), &fleet(1)), None);
    }
}
