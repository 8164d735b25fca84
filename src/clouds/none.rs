//! No balancer at all, for instances that fetch their work themselves. In: the calls of [`Balancer`]. Out: what runs is
//! in service, and what retires drains: it is told by its tag to fetch no more work, and has so long to finish what it
//! has. To make, show or delete there is nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::cloud::{BalancerSetup, Error, SetupOutcome};
use crate::command::InstanceId;
use crate::fleet::ports::{Balancer, CloudError, Health, Standing, Standings};

pub struct NoBalancer {
    draining: Duration,
    /// Who drains, and since when this process knows: another one lets them drain anew.
    since: Mutex<BTreeMap<InstanceId, Instant>>,
}

impl NoBalancer {
    /// What retires has so long to finish its work.
    pub fn new(draining: Duration) -> NoBalancer {
        NoBalancer { draining, since: Mutex::default() }
    }

    fn drains(&self, leaving: &[InstanceId]) -> Vec<(InstanceId, Standing)> {
        let now = Instant::now();
        // Each change is made whole under the lock.
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.retain(|id, _| leaving.contains(id));
        let standing = |id: &InstanceId| {
            let began = *since.entry(id.clone()).or_insert(now);
            let health = if now < began + self.draining { Health::Draining } else { Health::NotRegistered };
            (id.clone(), Standing::new(health))
        };
        leaving.iter().map(standing).collect()
    }
}

#[async_trait]
impl Balancer for NoBalancer {
    async fn health(&self, serving: &[InstanceId], leaving: &[InstanceId]) -> Result<Standings, CloudError> {
        let in_service = serving.iter().map(|id| (id.clone(), Standing::new(Health::InService)));
        Ok(in_service.chain(self.drains(leaving)).collect::<Vec<_>>().into())
    }

    /// There is nothing to register with.
    async fn register(&self, _: &[InstanceId]) -> Result<(), CloudError> {
        Ok(())
    }

    async fn deregister(&self, _: &[InstanceId]) -> Result<(), CloudError> {
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("balancer.kind is \"none\" in config.toml: there is no load balancer to make, show or delete")]
struct NothingToManage;

/// The management of no balancer.
pub struct NoSetup;

#[async_trait]
impl BalancerSetup for NoSetup {
    fn banner(&self) -> String {
        "Without a load balancer.".to_owned()
    }

    async fn create(&self) -> Result<SetupOutcome, Error> {
        Err(Error::new(NothingToManage))
    }

    async fn show(&self) -> Result<SetupOutcome, Error> {
        Err(Error::new(NothingToManage))
    }

    async fn registered(&self) -> Result<Vec<InstanceId>, Error> {
        Err(Error::new(NothingToManage))
    }

    async fn delete(&self, _force: bool) -> Result<SetupOutcome, Error> {
        Err(Error::new(NothingToManage))
    }
}
