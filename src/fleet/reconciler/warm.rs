//! The warm pool's changes. In: the pool, the snapshot. Out: tags, starts and launches. A command takes from the pool
//! and gives back to it; what fills it and leaves it follows from the settings, without a command.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio::time::Instant;

use super::super::change::Change;
use super::super::memory::Written;
use super::super::pool::{Why, latest_start};
use super::super::ports::{Birth, CloudError, ErrorKind, InstanceState, LEASE_TAG, POOL_TAG, RETIRING_TAG};
use super::super::stage::PoolTag;
use super::started::{Filling, RETRY_WITHIN};
use super::{Reconciler, drop_bad};
use crate::command::{CommandId, InstanceId, list};
use crate::event::{Affected, Event};

/// What an instance is tagged with, without a command.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mark {
    Retiring,
    Pool(PoolTag),
    /// Nobody's.
    Free,
}

impl Reconciler {
    /// Makes the pool as the settings say: takes out what does not belong there, and launches what it lacks.
    pub(super) async fn keep_pool(&mut self) -> Result<(), CloudError> {
        self.take_out().await?;
        if self.inbox.is_stopping() { Ok(()) } else { self.fill().await }
    }

    /// Whether the pool needs a change that nothing holds back.
    pub(super) fn is_pool_due(&self, now: Instant) -> bool {
        let Some(observed) = &self.observed else { return false };
        let is_held = self.fill_held.is_some_and(|until| now < until);
        let lacks = !is_held && self.pool.missing(observed, &self.memory) > 0;
        lacks || self.filling.is_some() || !self.pool.leaving(observed, &self.memory, now).is_empty()
    }

    async fn take_out(&mut self) -> Result<(), CloudError> {
        let Some(observed) = &self.observed else { return Ok(()) };
        let mut groups: BTreeMap<Why, Vec<InstanceId>> = BTreeMap::new();
        for (id, why) in self.pool.leaving(observed, &self.memory, Instant::now()) {
            groups.entry(why).or_default().push(id);
        }
        for (why, ids) in groups {
            let ids = self.tag_those_that_can_be(ids, Mark::Retiring).await?;
            if !ids.is_empty() {
                let of = Affected { instances: ids.clone(), command: None };
                self.publisher.tell(Event::LeavesPool { of, reason: why.to_string() });
                self.show_retiring(&ids);
                self.memory.never_ready += if why == Why::NeverReady { ids.len() } else { 0 };
            }
        }
        Ok(())
    }

    /// Tags instances without a command, and returns those that are. What the cloud does not tag is told, and held.
    pub(super) async fn tag_those_that_can_be(
        &mut self,
        mut ids: Vec<InstanceId>,
        mark: Mark,
    ) -> Result<Vec<InstanceId>, CloudError> {
        while !ids.is_empty() {
            let answer = match mark {
                Mark::Retiring => self.tag_retiring(&ids).await,
                Mark::Pool(tag) => self.tag_pool(&ids, tag).await,
                Mark::Free => self.write_tag(&ids, LEASE_TAG, "").await,
            };
            let Err(error) = answer else { break };
            self.tell_once(&error, None);
            if !matches!(error.kind, ErrorKind::Refused | ErrorKind::NotFound) {
                return Err(error);
            }
            let dropped = drop_bad(&mut ids, &error);
            self.memory.hold(Change::Retire, &dropped, &error, Instant::now(), &self.timing.rules);
        }
        Ok(ids)
    }

    /// Launches what the pool lacks. Whatever is wrong with that holds up nothing else but a lost answer, which is
    /// tried again: two launches for one place would both stay.
    async fn fill(&mut self) -> Result<(), CloudError> {
        let now = Instant::now();
        if self.filling.as_ref().is_some_and(|filling| now >= filling.until) {
            self.filling = None;
            // What it launched after all shows by then.
            self.accepting_from = None;
            return Ok(());
        }
        let Some(filling) = self.filling.take().or_else(|| self.next_filling(now)) else { return Ok(()) };
        let Filling { n, token, birth, .. } = &filling;
        self.memory.ask(&birth.command);
        let answer = self.answer(self.ports.instances.launch(*n, token, birth)).await;
        let error = match answer {
            Ok(instances) if instances.iter().all(|instance| instance.born_of() == Some(&birth.command.0)) => {
                let is_short = instances.len() < *n;
                self.memory.launch(&instances, Instant::now());
                self.apply(|observed| observed.add_launched(instances));
                if is_short {
                    self.hold_fill();
                }
                return Ok(());
            }
            // The same moment and the same view: it has filled the pool.
            Ok(_) => CloudError::new(ErrorKind::Taken, "AnotherHandwave", "another handwave fills the warm pool"),
            Err(error) => error,
        };
        self.tell_once(&error, None);
        match error.kind {
            ErrorKind::Unavailable => self.filling = Some(filling),
            ErrorKind::Throttled | ErrorKind::Expired | ErrorKind::NoBalancer => {}
            ErrorKind::Capacity | ErrorKind::Refused | ErrorKind::NotFound | ErrorKind::Taken => {
                self.unlaunched += 1;
                self.hold_fill();
                return Ok(());
            }
        }
        Err(error)
    }

    fn next_filling(&self, now: Instant) -> Option<Filling> {
        let observed = self.observed.as_ref()?;
        let n = self.pool.missing(observed, &self.memory);
        if n == 0 || self.fill_held.is_some_and(|until| now < until) {
            return None;
        }
        let command = CommandId(uuid::Uuid::new_v4().to_string());
        let birth = Birth { command, at: Timestamp::now(), recipe: self.pool.recipe.clone(), more: Vec::new() };
        let token = format!("warm {}", self.token(observed));
        Some(Filling { n, token, birth, until: now + RETRY_WITHIN })
    }

    fn hold_fill(&mut self) {
        self.fill_held = Some(Instant::now() + self.timing.rules.hold);
    }

    /// Starts instances that are tagged to serve. What the cloud has no room for, or does not start, goes back to the
    /// pool for a while; returns how many did.
    pub(super) async fn start(&mut self, ids: Vec<InstanceId>) -> Result<usize, CloudError> {
        let mut back = 0;
        let mut batches = vec![ids];
        while let Some(mut ids) = batches.pop() {
            let error = match self.answer(self.ports.instances.start(&ids)).await {
                Ok(()) => {
                    self.memory.release(Change::Start, &ids);
                    self.apply(|observed| {
                        observed.among_mut(&ids).for_each(|member| member.instance.state = InstanceState::Pending);
                    });
                    continue;
                }
                Err(error) => error,
            };
            self.tell_once(&error, None);
            match error.kind {
                // There may be room for some of them.
                ErrorKind::Capacity if ids.len() > 1 => batches.extend(ids.into_iter().map(|id| vec![id])),
                ErrorKind::Capacity | ErrorKind::Refused | ErrorKind::NotFound => {
                    let bad = drop_bad(&mut ids, &error);
                    self.memory.hold(Change::Start, &bad, &error, Instant::now(), &self.timing.rules);
                    if !ids.is_empty() {
                        batches.push(ids);
                    }
                    back += self.take_back(bad).await?;
                }
                _ => return Err(error),
            }
        }
        Ok(back)
    }

    /// Tags what could not be started as warm again. Returns how many are.
    async fn take_back(&mut self, ids: Vec<InstanceId>) -> Result<usize, CloudError> {
        let at = self.observed.as_ref().map(|observed| latest_start(observed, &ids)).unwrap_or_default();
        match self.tag_pool(&ids, PoolTag::Back(at)).await {
            Ok(()) => Ok(ids.len()),
            Err(error) => {
                self.tell_once(&error.clone().about(ids), None);
                // It may have ended meanwhile.
                if matches!(error.kind, ErrorKind::Refused | ErrorKind::NotFound) { Ok(0) } else { Err(error) }
            }
        }
    }

    /// Writes the pool's tag, and enters it in the snapshot.
    pub(super) async fn tag_pool(&mut self, ids: &[InstanceId], tag: PoolTag) -> Result<(), CloudError> {
        self.write_tag(ids, POOL_TAG, &tag.to_string()).await
    }

    /// Writes a tag that may be overwritten, and enters it in the snapshot.
    pub(super) async fn write_tag(
        &mut self,
        ids: &[InstanceId],
        key: &'static str,
        value: &str,
    ) -> Result<(), CloudError> {
        self.answer(self.ports.instances.tag(ids, key, value)).await?;
        let at = Instant::now();
        for id in ids {
            let shown = self.observed.as_ref().and_then(|observed| observed.get(id)?.instance.tags.get(key).cloned());
            let before = self.memory.tags.remove(&(id.clone(), key));
            let mut earlier = before.map_or(Vec::new(), |before| [before.earlier, vec![before.value]].concat());
            earlier.extend(shown);
            self.memory.tags.insert((id.clone(), key), Written { value: value.to_owned(), at, earlier });
        }
        self.apply(|observed| {
            for member in observed.among_mut(ids) {
                member.instance.tags.insert(key.to_owned(), value.to_owned());
            }
        });
        tracing::debug!("tagged {} {key} {value}", list(ids));
        Ok(())
    }

    /// Writes the tag that begins a retire.
    pub(super) async fn tag_retiring(&mut self, ids: &[InstanceId]) -> Result<(), CloudError> {
        let at = format!("{:.0}", Timestamp::now());
        self.answer(self.ports.instances.tag(ids, RETIRING_TAG, &at)).await?;
        self.memory.retiring.extend(ids.iter().map(|id| (id.clone(), at.clone())));
        Ok(())
    }

    /// Enters that tag in the snapshot.
    pub(super) fn show_retiring(&mut self, ids: &[InstanceId]) {
        let memory = self.memory.retiring.clone();
        self.apply(|observed| {
            for member in observed.among_mut(ids) {
                let at = memory.get(member.id()).cloned().unwrap_or_default();
                member.instance.tags.insert(RETIRING_TAG.to_owned(), at);
            }
        });
    }
}
