//! Where sessions are kept: in memory, so that a restart signs everybody out. In: records of tower-sessions. Out: the
//! same, while they last, and word of each that ends.
//!
//! tower-sessions has a store in memory of its own. That one keeps what has expired for ever, and a request that is
//! under way at a sign-out would bring its session back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;
use tower_sessions::SessionStore;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::Result;

/// How long a session lasts at most, however much it is used.
pub const LONGEST: Duration = Duration::from_secs(12 * 3600);

/// Clones are the same store.
#[derive(Clone, Debug)]
pub struct Sessions {
    kept: Arc<Mutex<HashMap<Id, Kept>>>,
    longest: Duration,
    /// Counts the sessions that were ended.
    ended: watch::Sender<u64>,
}

#[derive(Debug)]
struct Kept {
    record: Record,
    begun: Instant,
}

impl Sessions {
    pub fn new(longest: Duration) -> Sessions {
        Sessions { kept: Arc::default(), longest, ended: watch::channel(0).0 }
    }

    /// Whether this session still lasts. Asking does not make it last longer.
    pub fn is_open(&self, id: &Id) -> bool {
        self.lock().get(id).is_some_and(|kept| self.lasts(kept))
    }

    /// How many there are.
    #[cfg(feature = "openid")]
    pub fn count(&self) -> usize {
        let mut kept = self.lock();
        kept.retain(|_, kept| self.lasts(kept));
        kept.len()
    }

    /// Ends those that are so.
    pub fn end_where(&self, mut is_so: impl FnMut(&Record) -> bool) {
        let mut kept = self.lock();
        let before = kept.len();
        kept.retain(|_, kept| !is_so(&kept.record));
        if kept.len() < before {
            drop(kept);
            self.ended.send_modify(|ended| *ended += 1);
        }
    }

    /// Changes whenever a session is ended.
    pub fn ended(&self) -> watch::Receiver<u64> {
        self.ended.subscribe()
    }

    fn lasts(&self, kept: &Kept) -> bool {
        kept.begun.elapsed() < self.longest && kept.record.expiry_date.unix_timestamp() > Timestamp::now().as_second()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Id, Kept>> {
        // Each change is made whole under the lock.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> Result<()> {
        // One that holds nothing is nobody's: whoever makes ids up must not fill the memory.
        if record.data.is_empty() {
            return Ok(());
        }
        let mut kept = self.lock();
        kept.retain(|_, kept| self.lasts(kept));
        while kept.contains_key(&record.id) {
            record.id = Id::default();
        }
        kept.insert(record.id, Kept { record: record.clone(), begun: Instant::now() });
        Ok(())
    }

    /// What has ended stays so.
    async fn save(&self, record: &Record) -> Result<()> {
        if let Some(kept) = self.lock().get_mut(&record.id) {
            kept.record = record.clone();
        }
        Ok(())
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        Ok(self.lock().get(id).filter(|kept| self.lasts(kept)).map(|kept| kept.record.clone()))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.lock().remove(id);
        self.ended.send_modify(|ended| *ended += 1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tower_sessions::cookie::time::{self, OffsetDateTime};

    use super::*;

    fn record(idle: i64) -> Record {
        let expiry_date = OffsetDateTime::now_utc() + time::Duration::seconds(idle);
        let data = [("holder".to_owned(), serde_json::Value::Null)].into();
        Record { id: Id::default(), data, expiry_date }
    }

    #[tokio::test]
    async fn a_session_ends_by_idleness_by_age_and_by_a_sign_out_and_stays_so() {
        for (idle, longest, lasts) in [(60, 60, true), (-1, 60, false), (60, 0, false)] {
            let sessions = Sessions::new(Duration::from_secs(longest));
            let mut record = record(idle);
            sessions.create(&mut record).await.unwrap();
            assert_eq!(sessions.is_open(&record.id), lasts, "idle {idle}, longest {longest}");
            assert_eq!(sessions.load(&record.id).await.unwrap().is_some(), lasts);
        }
        let sessions = Sessions::new(LONGEST);
        let mut record = record(60);
        sessions.create(&mut record).await.unwrap();
        let ended = sessions.ended();
        sessions.delete(&record.id).await.unwrap();
        assert!(ended.has_changed().unwrap());
        // As a request does that began before.
        sessions.save(&record).await.unwrap();
        assert!(!sessions.is_open(&record.id));
    }

    #[tokio::test]
    async fn a_session_that_holds_nothing_takes_no_place() {
        let sessions = Sessions::new(LONGEST);
        let mut empty = Record { data: Default::default(), ..record(60) };
        sessions.create(&mut empty).await.unwrap();
        assert_eq!(sessions.lock().len(), 0);
    }

    #[tokio::test]
    async fn what_has_expired_is_forgotten() {
        let sessions = Sessions::new(LONGEST);
        for idle in [-1, -1, 60] {
            sessions.create(&mut record(idle)).await.unwrap();
        }
        assert_eq!(sessions.lock().len(), 1);
    }
}
