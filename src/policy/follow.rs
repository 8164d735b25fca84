//! The task that follows the policies. In: measurements, the fleet's state, pauses. Out: commands to the fleet, the
//! last decision in words, an event for each that differs from the one before.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::select;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::bounds::bounds;
use super::decide::{Decision, Why, decide};
use super::history::History;
use super::measure::Measure;
use super::need::Measured;
use super::settings::{Rule, Settings};
use crate::command::{Action, Command, Source};
use crate::event::{Event, Stamped};
use crate::fleet::{FleetState, Handle, Limits, Outcome};
use crate::metrics::Metrics;

/// How often a queue is counted before a fleet shrinks: each count is approximate.
const COUNTS: usize = 3;

/// What a task follows policies for.
pub struct Follow {
    pub settings: Settings,
    pub metrics: Arc<dyn Metrics>,
    pub fleet: Handle,
    pub events: UnboundedSender<Stamped>,
    /// The wall clock. The system may sleep: then this one goes on, and tokio's does not.
    pub wall: Box<dyn Fn() -> Timestamp + Send>,
}

/// The way to the task. Clones lead to the same one.
#[derive(Clone, Debug)]
pub struct Policies {
    hold: Duration,
    told: watch::Receiver<String>,
    pauses: watch::Sender<Pauses>,
}

/// Who has paused the policies. Each pause is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pauses {
    /// The run is paused, and its policies with it.
    run: bool,
    /// Somebody at the page has paused the policies alone.
    page: bool,
}

/// What the policies do, as views show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyState {
    /// The last decision: `hold at 4: cpu: the mean of 4 is 58 %, target 60 %`.
    pub decision: String,
    /// What a person holds, and for how long: `launch by anna holds 5 as the floor for 7 min`.
    pub held: Option<String>,
    pub is_paused: bool,
    /// The part of a pause that the page's switch ends.
    pub is_paused_by_page: bool,
}

impl Follow {
    /// Starts the task, which ends with the fleet's reconciler. It is paused until [`Policies::pause_run`] says
    /// otherwise. Must be called within a tokio runtime.
    pub fn spawn(self) -> (Policies, JoinHandle<()>) {
        let (tell, told) = watch::channel("nothing is measured yet".to_owned());
        let pauses = watch::Sender::new(Pauses { run: true, page: false });
        let policies = Policies { hold: self.settings.hold, told, pauses: pauses.clone() };
        let history = History::new(self.settings.window, self.settings.every);
        let measure = Measure::new(self.settings.clone(), self.metrics.clone());
        let (began, clocks) = (Instant::now(), (Instant::now(), (self.wall)()));
        let paused = pauses.subscribe();
        let task = Task { of: self, measure, history, began, clocks, paused, tell, pending: None, last: Last::Nothing };
        (policies, tokio::spawn(task.run()))
    }
}

impl Policies {
    /// The run is paused, or goes on.
    pub fn pause_run(&self, is_paused: bool) {
        self.pauses.send_modify(|pauses| pauses.run = is_paused);
    }

    /// Somebody at the page pauses the policies, or lets them go on. False: they were so already.
    pub fn pause_by_page(&self, is_paused: bool) -> bool {
        self.pauses.send_if_modified(|pauses| std::mem::replace(&mut pauses.page, is_paused) != is_paused)
    }

    /// What they do to the fleet in this state.
    pub fn state(&self, fleet: &FleetState) -> PolicyState {
        let pauses = *self.pauses.borrow();
        let held = fleet.said.as_ref().and_then(|(said, at)| bounds(said, at.elapsed(), self.hold));
        let is_paused = pauses.run || pauses.page;
        let decision = if is_paused { "paused".to_owned() } else { self.told.borrow().clone() };
        let is_paused_by_page = pauses.page;
        PolicyState { decision, held: held.map(|held| held.to_string()), is_paused, is_paused_by_page }
    }
}

struct Task {
    of: Follow,
    measure: Measure,
    history: History,
    began: Instant,
    /// Both clocks at the last look.
    clocks: (Instant, Timestamp),
    paused: watch::Receiver<Pauses>,
    tell: watch::Sender<String>,
    /// The answer to the last command.
    pending: Option<oneshot::Receiver<Outcome>>,
    last: Last,
}

/// The kind of the last decision.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Hold(Why),
    Reach,
}

impl Task {
    async fn run(mut self) {
        let mut ticks = interval(self.of.settings.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut fleet = self.of.fleet.state();
        if fleet.wait_for(|fleet| fleet.observed.is_some()).await.is_err() {
            return;
        }
        loop {
            select! {
                biased;
                () = ended(&mut fleet) => return,
                // A pause has begun or ended.
                Ok(()) = self.paused.changed() => ticks.reset_immediately(),
                _ = ticks.tick() => self.look().await,
            }
        }
    }

    /// Measures, decides, and sends what was decided.
    async fn look(&mut self) {
        self.begin_again_after_a_jump();
        if self.is_paused() {
            return;
        }
        if self.pending.as_mut().is_some_and(|answer| answer.try_recv() == Err(oneshot::error::TryRecvError::Empty)) {
            let count = self.of.fleet.state().borrow().count();
            self.tell.send_replace(format!("hold at {count}: the last command is not answered yet"));
            return;
        }
        self.pending = None;
        let mut made = self.decide(1).await;
        if made.shrinks() && self.of.settings.follow.contains(&Rule::Queue) {
            made = self.decide(COUNTS).await;
        }
        // Somebody may have paused meanwhile.
        if !self.is_paused() {
            self.act(made);
        }
    }

    fn is_paused(&self) -> bool {
        let pauses = *self.paused.borrow();
        pauses.run || pauses.page
    }

    /// Where one clock went on without the other, nobody knows what was meanwhile.
    fn begin_again_after_a_jump(&mut self) {
        let (at, wall) = (Instant::now(), (self.of.wall)());
        let (last_at, last_wall) = std::mem::replace(&mut self.clocks, (at, wall));
        let ours = SignedDuration::try_from(at - last_at).unwrap_or(SignedDuration::MAX);
        let apart = (wall.duration_since(last_wall) - ours).unsigned_abs();
        if apart > self.of.settings.every {
            self.history = History::new(self.of.settings.window, self.of.settings.every);
        }
    }

    async fn decide(&mut self, counts: usize) -> Made {
        let state = self.of.fleet.state().borrow().clone();
        let measured = self.measure.look(&state, counts).await;
        let needs = measured.iter().map(|measured| measured.need.clone()).collect();
        self.history.push(self.began.elapsed(), needs);
        // The time comes first: what a person does from here on goes before.
        let seen = Instant::now();
        let state = self.of.fleet.state().borrow().clone();
        let Settings { hold, covered, .. } = self.of.settings;
        let held = state.said.as_ref().and_then(|(said, at)| bounds(said, at.elapsed(), hold));
        let count = state.count();
        // What is leased stays.
        let limits = Limits { min: state.floor(), ..state.limits };
        let decision = decide(&measured, &self.history, count, held.as_ref(), limits, covered);
        Made { decision, measured, count, seen }
    }

    fn act(&mut self, made: Made) {
        let Made { decision, measured, count, seen } = made;
        let told = decision.of(count).to_string();
        self.tell.send_replace(told.clone());
        let policy = self.name();
        let now = match decision {
            Decision::Hold(why, _) => Last::Hold(why),
            Decision::Reach(..) => Last::Reach,
        };
        let is_news = now != self.last && !(now == Last::Hold(Why::Enough) && self.last != Last::Nothing);
        self.last = now;
        match decision {
            Decision::Reach(n, why) => {
                // With one rule, its name is the policy's.
                let reason = match &measured[..] {
                    [_] => why.strip_prefix(&format!("{policy}: ")).unwrap_or(&why).to_owned(),
                    _ => why,
                };
                let command = Command::new(Source::Policy { policy, reason }, Action::Reach(n));
                self.pending = Some(self.of.fleet.send_seen(command, seen));
            }
            Decision::Hold(..) if is_news => {
                // The run may have ended.
                let _ = self.of.events.send(Stamped::now(Event::Decided { policy, decision: told }));
            }
            Decision::Hold(..) => {}
        }
    }

    /// The rules' names.
    fn name(&self) -> String {
        self.of.settings.follow.iter().map(Rule::name).collect::<Vec<_>>().join(" and ")
    }
}

/// A decision, and what it was made of.
struct Made {
    decision: Decision,
    measured: Vec<Measured>,
    count: usize,
    /// When the fleet was looked at.
    seen: Instant,
}

impl Made {
    fn shrinks(&self) -> bool {
        matches!(self.decision, Decision::Reach(n, _) if n < self.count)
    }
}

/// Waits until the reconciler has ended.
pub(super) async fn ended(fleet: &mut watch::Receiver<FleetState>) {
    while fleet.changed().await.is_ok() {}
}
