//! What every cloud keeps to, whichever it is. Each clause is written over [`Cloud`]; `contract!` runs them all against
//! one cloud, each on a fresh one that is empty: against `simulated` on paused time, against `aws` on moto over real sockets.

use std::time::Duration;

use handwave::clouds::simulated::Simulated;
use handwave::command::InstanceId;
use handwave::fleet::ports::{Cloud, CloudError, ErrorKind, Health, Instance, InstanceState};
use jiff::Timestamp;
use tokio::time::sleep;

macro_rules! contract {
    ($cloud:ident, $test:meta, $fresh:expr, [$($clause:ident),* $(,)?]) => {
        mod $cloud {
            $(#[$test]
            async fn $clause() {
                // What the cloud needs lives as long as the clause.
                let (cloud, _stage) = $fresh(stringify!($clause)).await;
                super::$clause(cloud).await;
            })*
        }
    };
}

contract!(
    simulated,
    tokio::test(start_paused = true),
    super::pretended,
    [
        a_launch_is_described_pending_then_running,
        a_token_launches_once,
        a_token_is_for_one_number,
        retiring_is_described,
        only_the_registered_are_listed,
        registering_twice_is_registering_once,
        what_is_deregistered_drains_then_is_off,
        deregistering_what_is_not_registered_is_an_error,
        what_does_not_run_is_not_registered,
        the_terminated_stay_described,
        terminating_twice_is_terminating_once,
        a_bad_id_fails_the_batch_that_terminates,
        a_bad_id_fails_the_batch_that_tags,
    ]
);

// What is missing here, moto does differently from AWS: it boots at once (a_launch_is_described_pending_then_running),
// lists twice what was registered twice (registering_twice_is_registering_once), deregisters and registers whatever it
// is given (deregistering_what_is_not_registered_is_an_error, what_does_not_run_is_not_registered) and tags what does not
// exist (a_bad_id_fails_the_batch_that_tags). It answers 500 where a balancer is not known. The proxy before it makes up
// for more: see aws/proxy.rs.
#[cfg(feature = "aws")]
contract!(
    aws,
    tokio::test(flavor = "multi_thread"),
    crate::aws::fresh,
    [
        a_token_launches_once,
        a_token_is_for_one_number,
        retiring_is_described,
        only_the_registered_are_listed,
        what_is_deregistered_drains_then_is_off,
        the_terminated_stay_described,
        terminating_twice_is_terminating_once,
        a_bad_id_fails_the_batch_that_terminates,
    ]
);

/// A simulated cloud, which needs nothing beside it.
async fn pretended(_clause: &str) -> (Simulated, ()) {
    (Simulated::default(), ())
}

/// Looks until it is so; a cloud takes its time.
async fn described(cloud: &impl Cloud, so: impl Fn(&[Instance]) -> bool) -> Vec<Instance> {
    for _ in 0..300 {
        let instances = cloud.instances().await.unwrap();
        if so(&instances) {
            return instances;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("never so: {:?}", cloud.instances().await)
}

async fn health(cloud: &impl Cloud, id: &InstanceId, also: &[InstanceId], so: Option<Health>) {
    let health = async || {
        let answer = cloud.balancer(also).await.unwrap();
        answer.into_iter().find(|(one, _)| one == id).map(|(_, health)| health)
    };
    for _ in 0..300 {
        if health().await == so {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("never {so:?}: {:?}", health().await)
}

async fn running(cloud: &impl Cloud, n: usize) -> Vec<InstanceId> {
    let ids = cloud.launch(n, "running").await.unwrap();
    let all_run = |seen: &[Instance]| seen.len() == n && seen.iter().all(|i| i.state == InstanceState::Running);
    described(cloud, all_run).await;
    ids
}

fn kind(answer: Result<(), CloudError>) -> ErrorKind {
    answer.unwrap_err().kind
}

fn nobody() -> InstanceId {
    "i-0123456789abcdef0".into()
}

async fn a_launch_is_described_pending_then_running(cloud: impl Cloud) {
    let ids = cloud.launch(2, "token").await.unwrap();
    let seen = described(&cloud, |seen| seen.len() == 2).await;
    assert!(seen.iter().all(|i| ids.contains(&i.id) && i.state == InstanceState::Pending && !i.retiring));
    described(&cloud, |seen| seen.iter().all(|i| i.state == InstanceState::Running)).await;
}

async fn a_token_launches_once(cloud: impl Cloud) {
    let ids = cloud.launch(2, "token").await.unwrap();
    assert_eq!(cloud.launch(2, "token").await.unwrap(), ids);
    let others = cloud.launch(1, "another").await.unwrap();
    assert!(!ids.contains(&others[0]));
    described(&cloud, |seen| seen.len() == 3).await;
}

async fn a_token_is_for_one_number(cloud: impl Cloud) {
    cloud.launch(2, "token").await.unwrap();
    assert_eq!(cloud.launch(3, "token").await.unwrap_err().kind, ErrorKind::Refused);
}

async fn retiring_is_described(cloud: impl Cloud) {
    let ids = running(&cloud, 2).await;
    cloud.tag_retiring(&ids[..1], Timestamp::now()).await.unwrap();
    let seen = described(&cloud, |seen| seen.iter().any(|i| i.retiring)).await;
    assert!(seen.iter().all(|i| i.retiring == (i.id == ids[0])));
}

async fn only_the_registered_are_listed(cloud: impl Cloud) {
    let ids = running(&cloud, 2).await;
    cloud.register(&ids[..1]).await.unwrap();
    health(&cloud, &ids[0], &[], Some(Health::InService)).await;
    health(&cloud, &ids[1], &[], None).await;
    health(&cloud, &ids[1], &ids[1..], Some(Health::NotRegistered)).await;
}

async fn registering_twice_is_registering_once(cloud: impl Cloud) {
    let ids = running(&cloud, 1).await;
    cloud.register(&ids).await.unwrap();
    cloud.register(&ids).await.unwrap();
    assert_eq!(cloud.balancer(&[]).await.unwrap().len(), 1);
}

async fn what_is_deregistered_drains_then_is_off(cloud: impl Cloud) {
    let ids = running(&cloud, 1).await;
    cloud.register(&ids).await.unwrap();
    health(&cloud, &ids[0], &[], Some(Health::InService)).await;
    cloud.deregister(&ids).await.unwrap();
    health(&cloud, &ids[0], &ids, Some(Health::Draining)).await;
    assert_eq!(cloud.balancer(&[]).await.unwrap(), []);
    health(&cloud, &ids[0], &ids, Some(Health::NotRegistered)).await;
}

async fn deregistering_what_is_not_registered_is_an_error(cloud: impl Cloud) {
    let ids = running(&cloud, 2).await;
    cloud.register(&ids[..1]).await.unwrap();
    assert_eq!(kind(cloud.deregister(&ids).await), ErrorKind::NotFound);
    assert_eq!(cloud.balancer(&[]).await.unwrap().len(), 1);
}

async fn what_does_not_run_is_not_registered(cloud: impl Cloud) {
    assert_eq!(kind(cloud.register(&[nobody()]).await), ErrorKind::NotFound);
}

async fn the_terminated_stay_described(cloud: impl Cloud) {
    let ids = running(&cloud, 1).await;
    cloud.terminate(&ids).await.unwrap();
    let seen = described(&cloud, |seen| seen[0].state == InstanceState::Terminated).await;
    assert!(seen[0].reason.is_some());
}

async fn terminating_twice_is_terminating_once(cloud: impl Cloud) {
    let ids = running(&cloud, 1).await;
    cloud.terminate(&ids).await.unwrap();
    cloud.terminate(&ids).await.unwrap();
    described(&cloud, |seen| seen[0].state == InstanceState::Terminated).await;
}

async fn a_bad_id_fails_the_batch_that_terminates(cloud: impl Cloud) {
    let ids = running(&cloud, 1).await;
    let answer = cloud.terminate(&[ids[0].clone(), nobody()]).await;
    names_nobody_and_did_nothing(&cloud, answer).await;
}

async fn a_bad_id_fails_the_batch_that_tags(cloud: impl Cloud) {
    let ids = running(&cloud, 1).await;
    let answer = cloud.tag_retiring(&[ids[0].clone(), nobody()], Timestamp::now()).await;
    names_nobody_and_did_nothing(&cloud, answer).await;
}

async fn names_nobody_and_did_nothing(cloud: &impl Cloud, answer: Result<(), CloudError>) {
    let error = answer.unwrap_err();
    assert_eq!((error.kind, error.instances), (ErrorKind::NotFound, vec![nobody()]));
    let seen = cloud.instances().await.unwrap();
    assert_eq!((seen[0].state, seen[0].retiring), (InstanceState::Running, false));
}
