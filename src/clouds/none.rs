//! No balancer at all, for instances that fetch their work themselves. In: the calls of [`Balancer`]. Out: what runs is in
//! service, and what leaves is off at once. To make, show or delete there is nothing.

use async_trait::async_trait;

use super::cloud::{BalancerSetup, Error, SetupOutcome};
use crate::command::InstanceId;
use crate::fleet::ports::{Balancer, CloudError, Health, Standing, Standings, off};

pub struct NoBalancer;

#[async_trait]
impl Balancer for NoBalancer {
    async fn health(&self, serving: &[InstanceId], leaving: &[InstanceId]) -> Result<Standings, CloudError> {
        let in_service = serving.iter().map(|id| (id.clone(), Standing::new(Health::InService)));
        Ok(in_service.chain(off(leaving)).collect::<Vec<_>>().into())
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
