//! What the reconciler asked of the cloud. In: calls to the ports, and rounds. Out: calls by action and by what came of
//! them, and how long rounds took.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::ports::{Balancer, Birth, CloudError, Found, Instance, Instances, Ports, Standings};
use crate::command::InstanceId;

/// What came of a call that the cloud answered well.
const DONE: &str = "ok";
/// What came of one that was given up.
const GIVEN_UP: &str = "NoAnswer";

/// Seconds that a round takes: those of a simulated cloud, of a good day, and of a bad one.
pub const BOUNDS: [f64; 8] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The rounds so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rounds {
    /// How many took up to each of [`BOUNDS`] and longer than the one before; the last are the rest.
    pub by_bound: [u64; BOUNDS.len() + 1],
    /// All of their time.
    pub total: Duration,
}

/// What was counted so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// By action and the cloud's code, or `ok`.
    pub calls: BTreeMap<(&'static str, String), u64>,
    pub rounds: Rounds,
}

/// Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<Mutex<Counts>>);

impl Tally {
    pub fn counts(&self) -> Counts {
        self.lock().clone()
    }

    /// The same ports, counted.
    pub(super) fn over(&self, ports: Ports) -> Ports {
        Ports {
            instances: Arc::new(Counted { of: ports.instances, tally: self.clone() }),
            balancer: Arc::new(Counted { of: ports.balancer, tally: self.clone() }),
        }
    }

    pub(super) fn round(&self, took: Duration) {
        let mut counts = self.lock();
        let bound = BOUNDS.iter().position(|bound| took.as_secs_f64() <= *bound).unwrap_or(BOUNDS.len());
        counts.rounds.by_bound[bound] += 1;
        counts.rounds.total += took;
    }

    async fn call<T>(
        &self,
        action: &'static str,
        call: impl Future<Output = Result<T, CloudError>>,
    ) -> Result<T, CloudError> {
        let mut open = Open { tally: self, action, code: GIVEN_UP.to_owned() };
        let answer = call.await;
        open.code = answer.as_ref().err().map_or(DONE, |error| &error.code).to_owned();
        answer
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // Each count is made whole under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that is counted when it ends, also where nobody waits for it any more.
struct Open<'a> {
    tally: &'a Tally,
    action: &'static str,
    code: String,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let code = std::mem::take(&mut self.code);
        *self.tally.lock().calls.entry((self.action, code)).or_default() += 1;
    }
}

struct Counted<P: ?Sized> {
    of: Arc<P>,
    tally: Tally,
}

#[async_trait]
impl Instances for Counted<dyn Instances> {
    async fn list(&self) -> Result<Vec<Instance>, CloudError> {
        self.tally.call("list", self.of.list()).await
    }

    async fn find(&self, ids: &[InstanceId]) -> Result<BTreeMap<InstanceId, Found>, CloudError> {
        self.tally.call("find", self.of.find(ids)).await
    }

    async fn launch(&self, n: usize, token: &str, birth: &Birth) -> Result<Vec<Instance>, CloudError> {
        self.tally.call("launch", self.of.launch(n, token, birth)).await
    }

    async fn start(&self, ids: &[InstanceId]) -> Result<(), CloudError> {
        self.tally.call("start", self.of.start(ids)).await
    }

    async fn stop(&self, ids: &[InstanceId]) -> Result<(), CloudError> {
        self.tally.call("stop", self.of.stop(ids)).await
    }

    async fn tag(&self, ids: &[InstanceId], key: &str, value: &str) -> Result<(), CloudError> {
        self.tally.call("tag", self.of.tag(ids, key, value)).await
    }

    async fn terminate(&self, ids: &[InstanceId]) -> Result<(), CloudError> {
        self.tally.call("terminate", self.of.terminate(ids)).await
    }

    async fn console(&self, id: &InstanceId) -> Result<Option<String>, CloudError> {
        self.tally.call("console", self.of.console(id)).await
    }
}

#[async_trait]
impl Balancer for Counted<dyn Balancer> {
    async fn health(&self, serving: &[InstanceId], leaving: &[InstanceId]) -> Result<Standings, CloudError> {
        self.tally.call("health", self.of.health(serving, leaving)).await
    }

    async fn register(&self, ids: &[InstanceId]) -> Result<(), CloudError> {
        self.tally.call("register", self.of.register(ids)).await
    }

    async fn deregister(&self, ids: &[InstanceId]) -> Result<(), CloudError> {
        self.tally.call("deregister", self.of.deregister(ids)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::ports::ErrorKind;

    #[tokio::test(start_paused = true)]
    async fn calls_are_counted_by_what_came_of_them_also_those_that_are_given_up() {
        let tally = Tally::default();
        let refused =
            || async { Err::<(), _>(CloudError::new(ErrorKind::Throttled, "RequestLimitExceeded", "slow down")) };
        tally.call("tag", async { Ok(()) }).await.unwrap();
        tally.call("tag", refused()).await.unwrap_err();
        tally.call("list", refused()).await.unwrap_err();
        let never = tally.call("list", std::future::pending::<Result<(), _>>());
        assert!(tokio::time::timeout(Duration::from_secs(1), never).await.is_err());
        let calls = tally.counts().calls;
        let told: Vec<_> = calls.iter().map(|((action, code), n)| format!("{action} {code} {n}")).collect();
        assert_eq!(told, ["list NoAnswer 1", "list RequestLimitExceeded 1", "tag RequestLimitExceeded 1", "tag ok 1"]);
    }

    #[test]
    fn rounds_are_sorted_by_how_long_they_took() {
        let tally = Tally::default();
        for millis in [0, 100, 101, 30_000, 30_001] {
            tally.round(Duration::from_millis(millis));
        }
        let Rounds { by_bound, total } = tally.counts().rounds;
        assert_eq!((by_bound, total.as_millis()), ([2, 1, 0, 0, 0, 0, 0, 1, 1], 60_202));
    }
}
