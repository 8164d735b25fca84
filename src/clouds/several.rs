//! Several balancers as one. In: the calls of [`Balancer`]. Out: the same call to each, and one standing of each
//! instance: it is in service only where it is in service with all of them, and off only where it has left all. Where
//! one of them is not there, the answer names it, what leaves has left that one, and registering fails; only where all
//! are gone is there no balancer.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::command::InstanceId;
use crate::fleet::ports::{Balancer, CloudError, ErrorKind, Health, Standing, Standings, off};

/// One balancer or more, of which none minds an id that it does not know.
pub struct Several(pub Vec<Arc<dyn Balancer>>);

#[async_trait]
impl Balancer for Several {
    async fn health(&self, serving: &[InstanceId], leaving: &[InstanceId]) -> Result<Standings, CloudError> {
        let mut told: BTreeMap<InstanceId, Vec<Standing>> = BTreeMap::new();
        let mut missing = None;
        let mut there = 0;
        for balancer in &self.0 {
            let standings = match balancer.health(serving, leaving).await {
                Err(error) if error.kind == ErrorKind::NoBalancer => {
                    missing = Some(error);
                    off(leaving).into()
                }
                standings => {
                    there += 1;
                    standings?
                }
            };
            for (id, standing) in standings.of {
                told.entry(id).or_default().push(standing);
            }
        }
        if there == 0
            && let Some(error) = missing
        {
            return Err(error);
        }
        let joined = told.into_iter().filter_map(|(id, standings)| {
            let is_leaving = leaving.contains(&id);
            Some((id, join(standings, self.0.len(), is_leaving)?))
        });
        Ok(Standings { of: joined.collect(), missing: missing.map(|error| error.to_string()) })
    }

    async fn register(&self, ids: &[InstanceId]) -> Result<(), CloudError> {
        for balancer in &self.0 {
            balancer.register(ids).await?;
        }
        Ok(())
    }

    async fn deregister(&self, ids: &[InstanceId]) -> Result<(), CloudError> {
        for balancer in &self.0 {
            match balancer.deregister(ids).await {
                // Nothing is registered with what is not there.
                Err(error) if error.kind == ErrorKind::NoBalancer => {}
                answer => answer?,
            }
        }
        Ok(())
    }
}

/// What `all` balancers together say of an instance, of which these said something. None: one that leaves, of which not
/// all said whether it still drains.
fn join(standings: Vec<Standing>, all: usize, is_leaving: bool) -> Option<Standing> {
    let registered = standings.iter().filter(|standing| standing.health.is_registered()).count();
    let silent = standings.len() < all;
    let worst = worst(standings)?;
    match registered {
        0 if silent && is_leaving && worst.health == Health::NotRegistered => None,
        // Some balancers have it, others not: registering or deregistering is half done.
        1.. if registered < all => Some(Standing { health: Health::Partly, ..worst }),
        _ => Some(worst),
    }
}

/// The standing that is furthest from being in service, or for an instance that leaves from being off.
pub fn worst(standings: impl IntoIterator<Item = Standing>) -> Option<Standing> {
    standings.into_iter().max_by_key(|standing| rank(standing.health))
}

/// The further from being in service, or while it leaves from being off, the higher.
fn rank(health: Health) -> u8 {
    match health {
        Health::NotRegistered => 0,
        Health::Draining => 1,
        Health::InService => 2,
        Health::Registering => 3,
        Health::Partly => 4,
        Health::OutOfService => 5,
    }
}

#[cfg(test)]
mod tests {
    use Health::*;

    use super::*;

    #[test]
    fn an_instance_is_in_service_where_all_say_so_and_off_where_all_do() {
        let joined = |healths: &[Health], is_leaving| {
            let standings = healths.iter().map(|&health| Standing::new(health)).collect();
            join(standings, 2, is_leaving).map(|standing| standing.health)
        };
        for (healths, stays, leaves) in [
            (&[InService, InService][..], Some(InService), Some(InService)),
            (&[InService, OutOfService], Some(OutOfService), Some(OutOfService)),
            (&[Registering, InService], Some(Registering), Some(Registering)),
            (&[InService], Some(Partly), Some(Partly)),
            (&[InService, NotRegistered], Some(Partly), Some(Partly)),
            (&[InService, Draining], Some(Partly), Some(Partly)),
            (&[Draining, NotRegistered], Some(Draining), Some(Draining)),
            (&[NotRegistered, NotRegistered], Some(NotRegistered), Some(NotRegistered)),
            // A balancer that says nothing about it may still drain it.
            (&[NotRegistered], Some(NotRegistered), None),
            (&[], None, None),
        ] {
            assert_eq!(joined(healths, false), stays, "{healths:?}");
            assert_eq!(joined(healths, true), leaves, "{healths:?}");
        }
    }

    #[test]
    fn the_reason_is_that_of_the_worst() {
        let sick = Standing { health: OutOfService, reason: Some("404".into()) };
        let joined = join(vec![Standing::new(InService), sick.clone()], 2, false);
        assert_eq!(joined, Some(sick));
    }
}
