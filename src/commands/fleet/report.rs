//! What `handwave fleet` prints. In: the fleet's state, and what became of the command. Out: a table or one line of
//! JSON, and the exit status.

use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;

use crate::cli::Format;
use crate::clouds::aws::settings::BalancerKind;
use crate::command::{Action, InstanceId, list};
use crate::commands::output::say;
use crate::config::Config;
use crate::fleet::{FleetState, Lease, Lifecycle, Member, Observed, Outcome, lease, leases};

/// What is printed: the fleet, and what became of the command.
#[derive(Serialize)]
pub struct Report {
    fleet: String,
    /// The classic load balancer before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    balancer: Option<String>,
    /// Those that stand before it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    target_groups: Vec<String>,
    count: usize,
    min: usize,
    max: usize,
    settled: bool,
    instances: Vec<InstanceRow>,
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
struct InstanceRow {
    id: InstanceId,
    /// The JSON key is older than the word.
    #[serde(rename = "phase")]
    lifecycle: String,
    launched: jiff::Timestamp,
    /// For whom it is reserved, or kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    lease: Option<LeaseRow>,
    /// Why it is there, in the cloud's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

#[derive(Serialize)]
struct LeaseRow {
    who: String,
    until: jiff::Timestamp,
    since: jiff::Timestamp,
    /// Where it is stopped: until when it is kept for the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_until: Option<jiff::Timestamp>,
    /// Where the person finds it, as lease.url says.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

/// What the cloud says of an instance: why it ended, or why the balancer does not send it requests.
fn why(member: &Member) -> Option<String> {
    // What was asked for needs no reason.
    let is_meant = member.instance.is_retiring() && member.is_ending() || member.is_warm();
    member.instance.reason.clone().filter(|_| !is_meant).or_else(|| member.why.clone())
}

impl Report {
    pub fn new(config: &Config, state: &FleetState, outcome: Option<Outcome>) -> Report {
        let Observed { instances, strangers, .. } = state.observed.clone().unwrap_or_default();
        let row = |member: &Member| InstanceRow {
            id: member.id().clone(),
            lifecycle: member.lifecycle().to_string(),
            launched: member.instance.launched,
            lease: member.lease().map(|of| {
                let link = config.lease.url.as_deref().and_then(|url| lease::link(url, &member.instance));
                let is_kept = member.lifecycle() == Lifecycle::Warm;
                let kept_until = is_kept.then(|| leases::kept_until(&of, &config.lease));
                let Lease { who, until, since } = of;
                LeaseRow { who, until, since, kept_until, link: link.filter(|_| member.counts()) }
            }),
            why: why(member),
        };
        let (outcome, changed, reason) = match outcome {
            None => (None, Vec::new(), None),
            Some(Outcome::Done { instances, cut }) => (Some("done"), instances, cut),
            Some(Outcome::Refused { reason }) => (Some("refused"), Vec::new(), Some(reason)),
            Some(Outcome::Unknown { reason }) => (Some("unknown"), Vec::new(), Some(reason)),
        };
        let (balancer, target_groups) = match config.balancer.kind {
            BalancerKind::Classic => (Some(config.balancer.name.clone()), Vec::new()),
            BalancerKind::TargetGroups => (None, config.balancer.groups()),
            BalancerKind::None => (None, Vec::new()),
        };
        Report {
            fleet: config.fleet.name.clone(),
            balancer,
            target_groups,
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

    /// Holds what was done to what became of it: launched and in service, or retired and gone, to the warm pool
    /// perhaps.
    pub fn judge(&mut self, action: &Action, state: &FleetState) {
        let Some(observed) = state.observed.as_ref().filter(|_| self.outcome == Some("done")) else { return };
        if matches!(action, Action::Extend { .. }) {
            return;
        }
        let launched = action.launches();
        for id in self.changed.clone() {
            let member = observed.get(&id);
            let is_there = match member.map(Member::lifecycle) {
                Some(Lifecycle::InService) => launched,
                Some(Lifecycle::Terminated | Lifecycle::Warm) | None => !launched,
                Some(_) => false,
            };
            if !is_there {
                let lifecycle = member.map_or("gone".to_owned(), |member| member.lifecycle().to_string());
                let why = member.and_then(why).map_or(String::new(), |why| format!(" ({why})"));
                self.fail(&format!("{id} is {lifecycle}{why}"));
            }
        }
    }

    /// Holds `settle` to a settled fleet in which nothing is stuck.
    pub fn judge_settled(&mut self, state: &FleetState) {
        if let Some(trouble) = &state.trouble {
            self.fail(trouble);
        } else if !state.settled {
            self.fail("the fleet is not settled");
        }
    }

    /// Not all of it was done, for this reason too.
    pub fn fail(&mut self, reason: &str) {
        if matches!(self.outcome, None | Some("done" | "incomplete")) {
            self.outcome = Some("incomplete");
        }
        self.reason = Some(self.reason.take().into_iter().chain([reason.to_owned()]).collect::<Vec<_>>().join("; "));
    }

    pub fn print(&self, format: Format) -> Result<ExitCode> {
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
            Some("refused" | "unknown" | "incomplete") => ExitCode::FAILURE,
            _ => ExitCode::SUCCESS,
        })
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{:<20}  {:<12}  launched", "instance", "lifecycle")];
        let row = |row: &InstanceRow| {
            let why = row.why.as_ref().map_or(String::new(), |why| format!("  {why}"));
            let lease = row.lease.as_ref().map_or(String::new(), |lease| {
                let link = lease.link.as_ref().map_or(String::new(), |link| format!(": {link}"));
                match lease.kept_until {
                    Some(until) => format!("  kept for {} until {until:.0}", lease.who),
                    None => format!("  leased to {} until {:.0}{link}", lease.who, lease.until),
                }
            });
            format!("{:<20}  {:<12}  {:.0}{lease}{why}", row.id.0, row.lifecycle, row.launched)
        };
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

#[cfg(test)]
mod tests {
    use super::super::tests::fleet;
    use super::*;
    use crate::fleet::ports::{Health, InstanceState};

    #[test]
    fn what_was_launched_and_is_not_in_service_is_no_success() {
        let config = Config::shipped();
        let judged = |action: Action, changed: &[&str], state: &FleetState| {
            let instances = changed.iter().map(|id| InstanceId::from(*id)).collect();
            let mut report = Report::new(&config, state, Some(Outcome::Done { instances, cut: None }));
            report.judge(&action, state);
            (report.outcome, report.reason)
        };
        let mut state = fleet(3);
        assert_eq!(judged(Action::ScaleOut(2), &["i-1", "i-3"], &state), (Some("done"), None));
        let members = &mut state.observed.as_mut().unwrap().instances;
        members[2].instance.state = InstanceState::Terminated;
        members[2].instance.reason = Some("Client.InternalError".into());
        members[1].health = Some(Health::OutOfService);
        let why = "i-2 is unhealthy; i-3 is terminated (Client.InternalError); i-4 is gone";
        let (outcome, reason) = judged(Action::ScaleOut(3), &["i-1", "i-2", "i-3", "i-4"], &state);
        assert_eq!((outcome, reason.as_deref()), (Some("incomplete"), Some(why)));
        let (outcome, reason) = judged(Action::ScaleIn(3), &["i-2", "i-3", "i-4"], &state);
        assert_eq!((outcome, reason.as_deref()), (Some("incomplete"), Some("i-2 is unhealthy")));
    }
}
