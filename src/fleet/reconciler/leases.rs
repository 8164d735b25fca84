//! The ends of leases. In: the snapshot, the wall's time. Out: warnings, and the tags that end what is over, without a
//! command.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;

use super::super::change::Change;
use super::super::lease::Lease;
use super::super::leases::{self, End};
use super::super::pool::latest_start;
use super::super::ports::CloudError;
use super::super::settings::Lease as Settings;
use super::super::stage::PoolTag;
use super::Reconciler;
use super::warm::Mark;
use crate::command::InstanceId;
use crate::event::{Affected, Event, Leased};

/// What leases are granted by. The default grants none. Those that are over are ended whatever it is.
#[derive(Clone)]
pub struct Leases {
    pub settings: Settings,
    /// The wall's clock.
    pub wall: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Default for Leases {
    fn default() -> Self {
        Leases { settings: Settings::default(), wall: Arc::new(Timestamp::now) }
    }
}

impl Reconciler {
    /// Warns of the leases that end soon, and ends those that are over.
    pub(super) async fn keep_leases(&mut self) -> Result<(), CloudError> {
        self.warn();
        for end in [End::Retire, End::Keep, End::Free] {
            let due = self.leases_due(Instant::now()).into_iter().filter(|(_, due)| *due == end);
            let ids: Vec<InstanceId> = due.map(|(id, _)| id).collect();
            let Some(observed) = self.observed.as_ref().filter(|_| !ids.is_empty()) else { continue };
            let mark = match end {
                End::Retire => Mark::Retiring,
                End::Keep => Mark::Pool(PoolTag::Back(latest_start(observed, &ids))),
                End::Free => Mark::Free,
            };
            let of: Vec<(InstanceId, Lease)> =
                ids.iter().filter_map(|id| Some((id.clone(), observed.get(id)?.lease()?))).collect();
            let ended = self.tag_those_that_can_be(ids, mark).await?;
            let told = of.into_iter().filter(|(id, _)| end != End::Free && ended.contains(id));
            for (id, lease) in told {
                self.publisher.tell(Event::LeaseEnded { of: leased(id, lease), kept: end == End::Keep });
            }
            if end == End::Retire {
                self.show_retiring(&ended);
            }
            if self.inbox.is_stopping() {
                break;
            }
        }
        Ok(())
    }

    /// Those that are over, and that nothing holds back.
    pub(super) fn leases_due(&self, now: Instant) -> Vec<(InstanceId, End)> {
        let Some(observed) = &self.observed else { return Vec::new() };
        let Some(from) = self.watched else { return Vec::new() };
        let mut due = leases::ended(observed, &self.leases.settings, from, (self.leases.wall)());
        due.retain(|(id, _)| self.memory.held(Change::Retire, id, now).is_none());
        due
    }

    fn warn(&mut self) {
        let Some(observed) = &self.observed else { return };
        let Some(from) = self.watched else { return };
        for (id, lease) in leases::ending(observed, from, (self.leases.wall)()) {
            if self.memory.warned.insert((id.clone(), lease.clone())) {
                self.publisher.tell(Event::LeaseEnding(leased(id, lease)));
            }
        }
    }
}

fn leased(id: InstanceId, lease: Lease) -> Leased {
    Leased { of: Affected { instances: vec![id], command: None }, who: lease.who, until: lease.until }
}
