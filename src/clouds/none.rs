//! No balancer at all, for instances that fetch their work themselves. In: the calls of [`Balancer`]. Out: what runs is in
//! service, and what leaves is off at once.

use async_trait::async_trait;

use crate::command::InstanceId;
use crate::fleet::ports::{Balancer, CloudError, Health, Standing};

pub struct NoBalancer;

#[async_trait]
impl Balancer for NoBalancer {
    async fn health(
        &self,
        serving: &[InstanceId],
        leaving: &[InstanceId],
    ) -> Result<Vec<(InstanceId, Standing)>, CloudError> {
        let all = |ids: &[InstanceId], health| -> Vec<_> {
            ids.iter().map(|id| (id.clone(), Standing::new(health))).collect()
        };
        Ok([all(serving, Health::InService), all(leaving, Health::NotRegistered)].concat())
    }

    /// There is nothing to register with.
    async fn register(&self, _: &[InstanceId]) -> Result<(), CloudError> {
        Ok(())
    }

    async fn deregister(&self, _: &[InstanceId]) -> Result<(), CloudError> {
        Ok(())
    }
}
