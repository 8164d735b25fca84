//! The way to a reconciler. In: commands. Out: what became of each, and a watch of the fleet's state.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

use super::ports::{CloudError, Instances};
use super::state::FleetState;
use super::tally::Tally;
use crate::command::{Command, InstanceId};

/// For a console's answer.
const CONSOLE: Duration = Duration::from_secs(15);

/// What became of a command, once it is written to the cloud or given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// These are launched or retiring. `cut` says what was asked for and is not done.
    Done { instances: Vec<InstanceId>, cut: Option<String> },
    /// Nothing was done.
    Refused { reason: String },
    /// The cloud did not say. What was done after all is completed.
    Unknown { reason: String },
}

/// A command on its way to the reconciler.
pub(super) struct Order {
    pub command: Command,
    /// When it was sent.
    pub at: Instant,
    /// When the fleet was looked at that it was decided on.
    pub seen: Instant,
    pub outcome: oneshot::Sender<Outcome>,
}

impl Order {
    /// Answers that nothing was done, for a reason that has been told.
    pub fn refuse(self, reason: &str) {
        self.answer(Outcome::Refused { reason: reason.to_owned() });
    }

    /// The sender need not wait for the answer.
    pub fn answer(self, outcome: Outcome) {
        let _ = self.outcome.send(outcome);
    }
}

/// The reconciler's end of its handles.
pub(super) struct Inbox {
    pub orders: mpsc::UnboundedReceiver<Order>,
    pub stop: watch::Receiver<bool>,
}

/// Clones lead to the same reconciler; when the last is dropped, it stops.
#[derive(Clone)]
pub struct Handle {
    orders: mpsc::UnboundedSender<Order>,
    state: watch::Receiver<FleetState>,
    stop: watch::Sender<bool>,
    tally: Tally,
    instances: Arc<dyn Instances>,
}

impl Handle {
    pub(super) fn new(
        state: watch::Receiver<FleetState>,
        tally: Tally,
        instances: Arc<dyn Instances>,
    ) -> (Handle, Inbox) {
        let (orders_in, orders) = mpsc::unbounded_channel();
        let (stop_in, stop) = watch::channel(false);
        (Handle { orders: orders_in, state, stop: stop_in, tally, instances }, Inbox { orders, stop })
    }

    /// Sends a command. The answer comes when the command is written to the cloud or refused, never when the reconciler
    /// has ended; it need not be waited for.
    pub fn send(&self, command: Command) -> oneshot::Receiver<Outcome> {
        self.send_seen(command, Instant::now())
    }

    /// The same for a command that was decided on the state published at that time. A policy's is refused where a
    /// person has changed the fleet since.
    pub fn send_seen(&self, command: Command, seen: Instant) -> oneshot::Receiver<Outcome> {
        let (outcome, answer) = oneshot::channel();
        // A reconciler that has ended drops the order, which closes the receiver.
        let _ = self.orders.send(Order { command, at: Instant::now(), seen, outcome });
        answer
    }

    /// A watch of the fleet's state.
    pub fn state(&self) -> watch::Receiver<FleetState> {
        self.state.clone()
    }

    /// What the reconciler has asked of the cloud so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// What an instance has written to its console. None: nothing yet.
    pub async fn console(&self, id: &InstanceId) -> Result<Option<String>, CloudError> {
        let late = |_| CloudError::no_answer(format!("no answer within {} s", CONSOLE.as_secs()));
        timeout(CONSOLE, self.instances.console(id)).await.map_err(late)?
    }

    /// Waits until the fleet is settled; for a command's effects, after its outcome has come. Returns the state, which
    /// tells what was refused, or None where the reconciler ended before.
    pub async fn settled(&self) -> Option<FleetState> {
        let mut state = self.state.clone();
        state.wait_for(|state| state.settled).await.ok().map(|state| state.clone())
    }

    /// Lets the reconciler finish the change under way and end. What is half done stays in the cloud's tags.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }
}

impl Inbox {
    /// Whether the reconciler is to stop: it was told to, or no handle is left.
    pub fn is_stopping(&self) -> bool {
        *self.stop.borrow() || self.stop.has_changed().is_err()
    }
}

/// Waits until the reconciler is to stop.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
