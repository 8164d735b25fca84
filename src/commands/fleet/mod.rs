//! `handwave fleet`: the same reconciler as `run`'s, without a camera. In: one command, or none (`status`, `settle`).
//! Out: what became of it, once its instances are in service or gone, or the time is over.

mod report;
mod wait;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::select;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::Instant;

use self::report::Report;
use self::wait::Ended;
use super::live;
use crate::cli::{FleetAction, FleetArgs};
use crate::clouds::{self, Choice, Mode, OpenFleet};
use crate::command::{Action, InstanceId, list};
use crate::commands::tasks::block_on;
use crate::config::Config;
use crate::daemon::signals::Signals;
use crate::event::Stamped;
use crate::fleet::{FleetState, Member, Outcome};
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
        let fleet = cloud.fleet(matches!(args.action, FleetAction::Out { .. } | FleetAction::Lease { .. })).await?;
        terminal.line(&fleet.banner);
        warn_above_max(&fleet.state(), &terminal);
        if matches!(args.action, FleetAction::Status) {
            if let Some(trouble) = fleet.state().trouble {
                terminal.line(&format!("Warning: {trouble}."));
            }
            return Report::new(&config, &fleet.state(), None).print(args.place.format);
        }
        let mut action = action(&args.action, config.lease.lasts);
        if let Some(question) = question(action.as_ref(), &fleet.state()).filter(|_| cloud.mode() != Mode::DryRun) {
            if !live::confirm(&question.text, &args.place)? {
                terminal.line("Nothing was done.");
                return Ok(ExitCode::FAILURE);
            }
            // What a person confirmed is what is done: another instance may have joined since. Without a person,
            // `--yes` leaves the choice to the fleet.
            if !args.place.yes && !question.victims.is_empty() {
                action = Some(Action::Terminate(question.victims));
            }
        }
        play(args, action, &config, &terminal, fleet).await
    })
}

/// The command's action; None where there is nothing to ask of the fleet. A lease is for so long, unless it says
/// otherwise.
fn action(action: &FleetAction, long: Duration) -> Option<Action> {
    match action {
        FleetAction::Status | FleetAction::Settle => None,
        FleetAction::Out { n } => Some(Action::ScaleOut(usize::from(*n))),
        FleetAction::In { n } => Some(Action::ScaleIn(usize::from(*n))),
        FleetAction::Terminate { ids } => Some(Action::Terminate(ids.iter().map(|id| id.as_str().into()).collect())),
        FleetAction::Lease { who, lasts } => Some(Action::Lease { who: who.clone(), lasts: lasts.unwrap_or(long) }),
        FleetAction::Extend { id, lasts } => {
            Some(Action::Extend { id: id.as_str().into(), lasts: lasts.unwrap_or(long) })
        }
        FleetAction::Release { id } => Some(Action::Release(id.as_str().into())),
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
        // Only policies ask for a count. Who ends a lease names it.
        Action::ScaleOut(_) | Action::Reach(_) | Action::Lease { .. } | Action::Extend { .. } => return None,
        Action::Release(id) => {
            let member = state.observed.as_ref().and_then(|observed| observed.get(id));
            let whose = member.and_then(Member::lease).map_or(String::new(), |lease| format!(" of {}", lease.who));
            let text = match member.is_some_and(Member::counts) {
                true => format!("End the lease{whose}, {id}"),
                false => format!("Delete {id} with what is kept on it{whose}"),
            };
            return Some(Question { text, victims: Vec::new() });
        }
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

/// Starts the reconciler, sends the action, waits until what it is about is done.
async fn play(
    args: &FleetArgs,
    action: Option<Action>,
    config: &Config,
    terminal: &Terminal,
    fleet: OpenFleet,
) -> Result<ExitCode> {
    let mut signals = Signals::catch()?;
    let rules = fleet.timing.rules;
    let within = args.within.unwrap_or(match &action {
        Some(Action::ScaleOut(_) | Action::Lease { .. }) => rules.longest_launch(),
        Some(Action::ScaleIn(_) | Action::Terminate(_) | Action::Release(_)) => rules.longest_retire(),
        Some(Action::Reach(_) | Action::Extend { .. }) | None => rules.longest_launch().max(rules.longest_retire()),
    });
    let lacked_balancer = fleet.holds.lacks_balancer;
    let (events_in, mut events) = unbounded_channel();
    let (handle, reconciler) = fleet.start(events_in);
    let tell = |event: &Stamped| terminal.tell(&event.event.to_string());
    let ended = {
        let mut state = handle.state();
        let mut ended = std::pin::pin!(wait::finish(&handle, action.clone(), Instant::now() + within));
        loop {
            select! {
                biased;
                Some(event) = events.recv() => tell(&event),
                ended = &mut ended => break ended,
                () = signals.next() => break Ended::interrupted(),
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

    let state = ended.state.unwrap_or(left);
    let is_refused = matches!(ended.outcome, Some(Outcome::Refused { .. }));
    let cut_off = ended.cut_off.filter(|_| !is_refused && !state.settled);
    if let Some(why) = &cut_off {
        terminal.line(&why.to_string());
    }
    if let Some(trouble) = &state.trouble {
        terminal.line(&format!("Warning: {trouble}."));
    }
    warn_above_max(&state, terminal);
    if matches!((&action, &ended.outcome), (Some(Action::Lease { .. }), Some(Outcome::Done { .. }))) {
        terminal.line("A lease ends, and is extended, while `handwave serve` or `run` runs on the fleet.");
    }
    let mut report = Report::new(config, &state, ended.outcome);
    match &action {
        Some(action) => report.judge(action, &state),
        None => report.judge_settled(&state),
    }
    if state.observed.as_ref().is_some_and(|observed| observed.lacks_balancer) && !lacked_balancer {
        report.fail("the load balancer went away meanwhile, and nothing drained");
    }
    let status = report.print(args.place.format)?;
    Ok(if cut_off.is_some() { ExitCode::FAILURE } else { status })
}

fn live_line(state: &FleetState) -> String {
    let trouble = state.trouble.as_ref().map_or(String::new(), |trouble| format!(" ({trouble})"));
    format!("{state}{trouble}")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::fleet::ports::{Health, Instance, InstanceState, Standing};
    use crate::fleet::{Limits, Observed};

    /// A fleet of `n` in service, i-1 the oldest.
    pub fn fleet(n: usize) -> FleetState {
        let id = |i: usize| InstanceId(format!("i-{i}"));
        let at = |i: usize| Timestamp::UNIX_EPOCH + std::time::Duration::from_secs(i as u64);
        let instances = (1..=n).map(|i| Instance::new(id(i), InstanceState::Running, at(i)));
        let standings = (1..=n).map(|i| (id(i), Standing::new(Health::InService)));
        let observed = Some(Observed::join(instances.collect(), standings.collect()));
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
