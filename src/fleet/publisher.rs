//! What a reconciler tells. In: the fleet's state, events, errors. Out: a watch of the newest state, and each event
//! once.

use std::collections::BTreeSet;

use tokio::sync::{mpsc, watch};

use super::ports::CloudError;
use super::settings::Limits;
use super::state::FleetState;
use crate::command::{CommandId, InstanceId};
use crate::event::{Event, Stamped};

pub(super) struct Publisher {
    state: watch::Sender<FleetState>,
    events: mpsc::UnboundedSender<Stamped>,
    /// The errors told since the last good round, so that an outage is told once.
    told: BTreeSet<(String, Vec<InstanceId>)>,
}

impl Publisher {
    pub fn new(limits: Limits, events: mpsc::UnboundedSender<Stamped>) -> (Publisher, watch::Receiver<FleetState>) {
        let (state, watch) = watch::channel(FleetState::unknown(limits));
        (Publisher { state, events, told: BTreeSet::new() }, watch)
    }

    /// The state published last.
    pub fn state(&self) -> watch::Ref<'_, FleetState> {
        self.state.borrow()
    }

    /// Publishes a state, where it is another than the last.
    pub fn publish(&self, state: FleetState) {
        self.state.send_if_modified(|last| {
            let modified = *last != state;
            *last = state;
            modified
        });
    }

    pub fn tell(&self, event: Event) {
        tracing::info!("{event}");
        // The events may have no receiver.
        let _ = self.events.send(Stamped::now(event));
    }

    /// Tells an error of handwave's own finding.
    pub fn tell_error(&self, code: &str, message: &str, instances: &[InstanceId]) {
        let (code, message, instances) = (code.to_owned(), message.to_owned(), instances.to_vec());
        self.tell(Event::Error { code, message, instances, command: None });
    }

    /// Tells a call's error, unless that was done since the last good round.
    pub fn tell_once(&mut self, error: &CloudError, command: Option<&CommandId>) {
        if !self.told.insert((error.code.clone(), error.instances.clone())) {
            return;
        }
        let CloudError { code, message, instances, .. } = error.clone();
        self.tell(Event::Error { code, message, instances, command: command.cloned() });
    }

    /// A round was good: the next error is told again.
    pub fn forget_errors(&mut self) {
        self.told.clear();
    }
}
