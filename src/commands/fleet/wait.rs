//! How long `handwave fleet` waits. In: an action, a deadline. Out: what became of the action, and the fleet when there
//! was nothing more to wait for, or why the wait was cut off.

use std::fmt;
use std::time::Duration;

use tokio::select;
use tokio::time::{Instant, sleep_until};

use crate::command::{Action, Command, InstanceId, Source};
use crate::fleet::{FleetState, Handle, Outcome};

/// How long the cloud may fail before a command gives up: nobody may be at the terminal to log in again.
const PATIENCE: Duration = Duration::from_secs(120);

/// The end of a wait.
pub struct Ended {
    /// None: nothing was asked, or not answered.
    pub outcome: Option<Outcome>,
    /// None: the reconciler tells it when it has stopped.
    pub state: Option<FleetState>,
    /// Why it ended early.
    pub cut_off: Option<CutOff>,
}

impl Ended {
    pub fn interrupted() -> Ended {
        Ended { outcome: None, state: None, cut_off: Some(CutOff::Interrupted) }
    }
}

pub enum CutOff {
    Interrupted,
    /// The instances that were waited for, each with where it is in its life.
    OutOfTime {
        left: Vec<String>,
    },
    /// The cloud failed for too long.
    Failing,
}

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CutOff::Interrupted => f.write_str("Stopped before the fleet was settled")?,
            CutOff::OutOfTime { left } if left.is_empty() => f.write_str("Out of time before the fleet was settled")?,
            CutOff::OutOfTime { left } => write!(f, "Out of time: {}", left.join(", "))?,
            CutOff::Failing => write!(f, "Given up, as AWS has failed for {} s", PATIENCE.as_secs())?,
        }
        f.write_str(": `handwave fleet settle` completes what is half done.")
    }
}

/// Sends the action and waits until its instances are in service or gone, or nothing moves them any more; without one,
/// until the fleet is settled. Not for longer than the deadline, nor while the cloud fails.
pub async fn finish(handle: &Handle, action: Option<Action>, deadline: Instant) -> Ended {
    let mut outcome = None;
    let cut_off = select! {
        () = done(handle, action, &mut outcome) => None,
        () = sleep_until(deadline) => Some(CutOff::OutOfTime { left: left(&handle.state().borrow()) }),
        () = failing(handle) => Some(CutOff::Failing),
    };
    let state = (!matches!(outcome, Some(Outcome::Refused { .. }))).then(|| handle.state().borrow().clone());
    Ended { outcome, state, cut_off }
}

async fn done(handle: &Handle, action: Option<Action>, outcome: &mut Option<Outcome>) {
    // An extended lease leaves its instance as it is.
    let launches = action.as_ref().is_some_and(|action| action.launches() || matches!(action, Action::Extend { .. }));
    if let Some(action) = action {
        *outcome = handle.send(Command::new(Source::CommandLine { user: user() }, action)).await.ok();
    }
    let mut state = handle.state();
    // A reconciler that ended changes nothing any more.
    let _ = match outcome {
        // What holds up the command may hold up the rest for ever.
        Some(Outcome::Refused { .. }) => return,
        Some(Outcome::Done { instances, .. }) => {
            let each_is_done = |state: &FleetState| instances.iter().all(|id| is_done(id, launches, state));
            state.wait_for(|state| state.settled || each_is_done(state)).await
        }
        Some(Outcome::Unknown { .. }) | None => state.wait_for(|state| state.settled).await,
    };
}

/// Whether nothing is to come for an instance that was launched or retired.
fn is_done(id: &InstanceId, is_launch: bool, state: &FleetState) -> bool {
    let Some(observed) = &state.observed else { return false };
    let member = observed.get(id);
    let is_written = if is_launch {
        member.is_some()
    } else {
        member.is_none_or(|member| member.instance.is_retiring() || member.is_warm())
    };
    is_written && !state.moving.contains(id)
}

/// Returns when every look or change has failed for too long.
async fn failing(handle: &Handle) {
    let mut state = handle.state();
    loop {
        let since = state.borrow_and_update().failing_since;
        let over = async {
            match since {
                Some(since) => sleep_until(since + PATIENCE).await,
                None => std::future::pending().await,
            }
        };
        select! {
            () = over => return,
            changed = state.changed() => if changed.is_err() {
                std::future::pending::<()>().await;
            },
        }
    }
}

fn left(state: &FleetState) -> Vec<String> {
    let members = state.observed.iter().flat_map(|observed| &observed.instances);
    let moving = members.filter(|member| state.moving.contains(member.id()));
    moving.map(|member| format!("{} is {}", member.id(), member.lifecycle())).collect()
}

/// The system's user, where the system tells.
fn user() -> Option<String> {
    whoami::username().ok().filter(|name| !name.is_empty())
}
