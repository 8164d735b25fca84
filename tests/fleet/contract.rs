//! The contract of the ports, which every cloud keeps. Each clause is written over [`Ports`]; `contract!` runs them
//! against one cloud, each on a fresh one that is empty: against `simulated` on paused time, against `aws` on moto over
//! real sockets.

use std::time::Duration;

use handwave::clouds::simulated::{Front, Simulated, Times};
use handwave::command::{CommandId, InstanceId};
use handwave::fleet::ports::{
    Birth, COMMAND_TAG, CloudError, ErrorKind, FLEET_TAG, Found, Health, Instance, InstanceState, POOL_TAG, Ports,
    RECIPE_TAG, RETIRING_TAG,
};
use handwave::metrics::{Metrics, Query};
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

/// What a target group keeps, and several of them.
macro_rules! group_contract {
    ($cloud:ident, $test:meta, $fresh:expr, $unknown:ident) => {
        contract!(
            $cloud,
            $test,
            $fresh,
            [
                only_the_registered_are_listed,
                registering_twice_is_registering_once,
                what_is_deregistered_drains_then_is_off,
                deregistering_what_is_not_registered_changes_nothing,
                $unknown,
            ]
        );
    };
}

contract!(
    simulated,
    tokio::test(start_paused = true),
    super::simulated_classic,
    [
        a_launch_is_described_pending_then_running,
        a_token_launches_once,
        a_token_is_for_one_number,
        a_token_is_for_one_command,
        an_id_is_found_or_denied,
        a_tag_is_described_and_written_over,
        only_the_registered_are_listed,
        registering_twice_is_registering_once,
        what_is_deregistered_drains_then_is_off,
        deregistering_what_is_not_registered_is_an_error,
        what_does_not_run_is_not_registered,
        the_terminated_stay_described,
        terminating_twice_is_terminating_once,
        a_bad_id_fails_the_batch_that_terminates,
        a_bad_id_fails_the_batch_that_tags,
        what_is_stopped_starts_again_later_under_another_address,
        starting_what_is_on_and_stopping_what_is_off_change_nothing,
        what_has_ended_is_not_started,
        starting_a_bad_id_fails_the_batch,
        what_is_launched_for_the_pool_powers_itself_off,
        what_stops_is_not_started_and_what_boots_is_not_stopped,
    ]
);

group_contract!(
    simulated_target_group,
    tokio::test(start_paused = true),
    super::simulated_group,
    what_does_not_run_is_not_registered
);

group_contract!(
    simulated_target_groups,
    tokio::test(start_paused = true),
    super::simulated_groups,
    what_does_not_run_is_not_registered
);

contract!(
    simulated_without_balancer,
    tokio::test(start_paused = true),
    super::simulated_nothing,
    [what_runs_is_in_service_and_what_leaves_drains_then_is_off]
);

// Of the clouds, `simulated` alone has a source of measurements.
mod simulated_metrics {
    #[tokio::test(start_paused = true)]
    async fn what_is_not_in_service_is_not_measured() {
        let cloud = super::Simulated::default();
        super::what_is_not_in_service_is_not_measured(cloud.ports(), &cloud).await;
    }
}

// What is missing here, moto does differently from AWS: it boots at once (a_launch_is_described_pending_then_running),
// lists twice what was registered twice (registering_twice_is_registering_once), deregisters and registers whatever it
// is given (deregistering_what_is_not_registered_is_an_error, what_does_not_run_is_not_registered) and tags what does
// not exist (a_bad_id_fails_the_batch_that_tags). It answers 500 where a balancer is not known. The proxy before it
// makes up for more: see aws/proxy.rs.
#[cfg(feature = "aws")]
contract!(
    aws,
    tokio::test(flavor = "multi_thread"),
    crate::aws::fresh,
    [
        a_token_launches_once,
        a_token_is_for_one_number,
        a_token_is_for_one_command,
        an_id_is_found_or_denied,
        a_tag_is_described_and_written_over,
        only_the_registered_are_listed,
        what_is_deregistered_drains_then_is_off,
        the_terminated_stay_described,
        terminating_twice_is_terminating_once,
        a_bad_id_fails_the_batch_that_terminates,
        what_is_stopped_starts_again_later_under_another_address,
        starting_what_is_on_and_stopping_what_is_off_change_nothing,
        what_has_ended_is_not_started,
        starting_a_bad_id_fails_the_batch,
        what_is_launched_for_the_pool_powers_itself_off,
    ]
);

#[cfg(feature = "aws")]
group_contract!(
    aws_target_group,
    tokio::test(flavor = "multi_thread"),
    crate::aws::fresh_group,
    what_does_not_exist_is_not_registered
);

#[cfg(feature = "aws")]
group_contract!(
    aws_target_groups,
    tokio::test(flavor = "multi_thread"),
    crate::aws::fresh_groups,
    what_does_not_exist_is_not_registered
);

#[cfg(feature = "aws")]
contract!(
    aws_without_balancer,
    tokio::test(flavor = "multi_thread"),
    crate::aws::fresh_nothing,
    [what_runs_is_in_service_and_what_leaves_drains_then_is_off]
);

// Simulated clouds need nothing else to run.

async fn simulated_classic(_clause: &str) -> (Ports, ()) {
    (Simulated::default().ports(), ())
}

async fn simulated_group(_clause: &str) -> (Ports, ()) {
    (Simulated::behind(Front::TargetGroups(1), Times::default(), 1).ports(), ())
}

async fn simulated_groups(_clause: &str) -> (Ports, ()) {
    (Simulated::behind(Front::TargetGroups(2), Times::default(), 1).ports(), ())
}

async fn simulated_nothing(_clause: &str) -> (Ports, ()) {
    (Simulated::behind(Front::Nothing, Times::default(), 1).ports(), ())
}

/// Lists the instances until the list is as expected; a cloud takes its time.
async fn described(cloud: &Ports, as_expected: impl Fn(&[Instance]) -> bool) -> Vec<Instance> {
    for _ in 0..300 {
        let instances = cloud.instances.list().await.unwrap();
        if as_expected(&instances) {
            return instances;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("never as expected: {:?}", cloud.instances.list().await)
}

/// Waits until an instance has this health.
async fn health(cloud: &Ports, id: &InstanceId, leaving: &[InstanceId], expected: Option<Health>) {
    let health = async || {
        let answer = cloud.balancer.health(&[], leaving).await.unwrap().of;
        answer.into_iter().find(|(one, _)| one == id).map(|(_, standing)| standing.health)
    };
    for _ in 0..300 {
        if health().await == expected {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("never {expected:?}: {:?}", health().await)
}

fn born_of(command: &str) -> Birth {
    Birth { command: CommandId(command.to_owned()), at: Timestamp::UNIX_EPOCH, recipe: None, more: Vec::new() }
}

/// Launches by a token that is its command's id too.
pub async fn launch(cloud: &Ports, n: usize, token: &str) -> Vec<InstanceId> {
    let launched = cloud.instances.launch(n, token, &born_of(token)).await.unwrap();
    launched.into_iter().map(|instance| instance.id).collect()
}

async fn running(cloud: &Ports, n: usize) -> Vec<InstanceId> {
    let ids = launch(cloud, n, "running").await;
    let all_run = |seen: &[Instance]| seen.len() == n && seen.iter().all(|i| i.state == InstanceState::Running);
    described(cloud, all_run).await;
    ids
}

fn kind(answer: Result<(), CloudError>) -> ErrorKind {
    answer.unwrap_err().kind
}

fn no_instance() -> InstanceId {
    "i-0123456789abcdef0".into()
}

async fn a_launch_is_described_pending_then_running(cloud: Ports) {
    let ids = launch(&cloud, 2, "token").await;
    let seen = described(&cloud, |seen| seen.len() == 2).await;
    assert!(seen.iter().all(|i| ids.contains(&i.id) && i.state == InstanceState::Pending && !i.is_retiring()));
    described(&cloud, |seen| seen.iter().all(|i| i.state == InstanceState::Running)).await;
}

async fn a_token_launches_once(cloud: Ports) {
    let ids = launch(&cloud, 2, "token").await;
    assert_eq!(launch(&cloud, 2, "token").await, ids);
    let others = launch(&cloud, 1, "another").await;
    assert!(!ids.contains(&others[0]));
    described(&cloud, |seen| seen.len() == 3).await;
}

async fn a_token_is_for_one_number(cloud: Ports) {
    launch(&cloud, 2, "token").await;
    let answer = cloud.instances.launch(3, "token", &born_of("token")).await;
    assert_eq!(answer.unwrap_err().kind, ErrorKind::Taken);
}

async fn a_token_is_for_one_command(cloud: Ports) {
    let ids = launch(&cloud, 2, "token").await;
    match cloud.instances.launch(2, "token", &born_of("another")).await {
        Err(error) => assert_eq!(error.kind, ErrorKind::Taken),
        Ok(answer) => assert!(answer.iter().all(|i| i.tags[COMMAND_TAG] == "token" && ids.contains(&i.id))),
    }
    let seen = described(&cloud, |seen| seen.len() == 2).await;
    assert!(seen.iter().all(|i| i.tags[COMMAND_TAG] == "token"));
}

async fn an_id_is_found_or_denied(cloud: Ports) {
    let ids = running(&cloud, 1).await;
    let found = cloud.instances.find(&[no_instance(), ids[0].clone()]).await.unwrap();
    assert_eq!(found[&no_instance()], Found::NotThere);
    assert!(matches!(&found[&ids[0]], Found::Ours(instance) if instance.state == InstanceState::Running));
}

async fn a_tag_is_described_and_written_over(cloud: Ports) {
    let ids = running(&cloud, 2).await;
    assert!(cloud.instances.list().await.unwrap().iter().all(|i| i.tags.contains_key(FLEET_TAG) && !i.is_retiring()));
    for value in ["one", "another"] {
        cloud.instances.tag(&ids[..1], RETIRING_TAG, value).await.unwrap();
        let is_told = |i: &Instance| i.tags.get(RETIRING_TAG).is_some_and(|told| told == value);
        let seen = described(&cloud, |seen| seen.iter().any(is_told)).await;
        assert!(seen.iter().all(|i| i.is_retiring() == (i.id == ids[0])));
    }
}

async fn only_the_registered_are_listed(cloud: Ports) {
    let ids = running(&cloud, 2).await;
    cloud.balancer.register(&ids[..1]).await.unwrap();
    health(&cloud, &ids[0], &[], Some(Health::InService)).await;
    health(&cloud, &ids[1], &[], None).await;
    health(&cloud, &ids[1], &ids[1..], Some(Health::NotRegistered)).await;
}

async fn registering_twice_is_registering_once(cloud: Ports) {
    let ids = running(&cloud, 1).await;
    cloud.balancer.register(&ids).await.unwrap();
    cloud.balancer.register(&ids).await.unwrap();
    assert_eq!(cloud.balancer.health(&[], &[]).await.unwrap().of.len(), 1);
}

async fn what_is_deregistered_drains_then_is_off(cloud: Ports) {
    let ids = running(&cloud, 1).await;
    cloud.balancer.register(&ids).await.unwrap();
    health(&cloud, &ids[0], &[], Some(Health::InService)).await;
    cloud.balancer.deregister(&ids).await.unwrap();
    health(&cloud, &ids[0], &ids, Some(Health::Draining)).await;
    // A target group lists what drains, a classic balancer does not.
    let listed = cloud.balancer.health(&[], &[]).await.unwrap().of;
    assert!(listed.iter().all(|(_, standing)| standing.health == Health::Draining), "{listed:?}");
    health(&cloud, &ids[0], &ids, Some(Health::NotRegistered)).await;
}

async fn deregistering_what_is_not_registered_is_an_error(cloud: Ports) {
    let ids = running(&cloud, 2).await;
    cloud.balancer.register(&ids[..1]).await.unwrap();
    assert_eq!(kind(cloud.balancer.deregister(&ids).await), ErrorKind::NotFound);
    assert_eq!(cloud.balancer.health(&[], &[]).await.unwrap().of.len(), 1);
}

async fn deregistering_what_is_not_registered_changes_nothing(cloud: Ports) {
    let ids = running(&cloud, 2).await;
    cloud.balancer.register(&ids[..1]).await.unwrap();
    cloud.balancer.deregister(&ids[1..]).await.unwrap();
    health(&cloud, &ids[1], &ids[1..], Some(Health::NotRegistered)).await;
    health(&cloud, &ids[0], &ids[1..], Some(Health::InService)).await;
}

async fn what_runs_is_in_service_and_what_leaves_drains_then_is_off(cloud: Ports) {
    let ids = running(&cloud, 2).await;
    cloud.balancer.register(&ids).await.unwrap();
    let told = async || {
        let answer = cloud.balancer.health(&ids[..1], &ids[1..]).await.unwrap().of;
        answer.into_iter().map(|(id, standing)| (id, standing.health)).collect::<Vec<_>>()
    };
    assert_eq!(told().await, [(ids[0].clone(), Health::InService), (ids[1].clone(), Health::Draining)]);
    sleep(Times::default().drain).await;
    assert_eq!(told().await, [(ids[0].clone(), Health::InService), (ids[1].clone(), Health::NotRegistered)]);
    cloud.balancer.deregister(&ids).await.unwrap();
}

async fn what_does_not_run_is_not_registered(cloud: Ports) {
    assert_eq!(kind(cloud.balancer.register(&[no_instance()]).await), ErrorKind::NotFound);
}

async fn what_does_not_exist_is_not_registered(cloud: Ports) {
    assert!(cloud.balancer.register(&[no_instance()]).await.is_err());
    assert_eq!(cloud.balancer.health(&[], &[]).await.unwrap().of, []);
}

async fn the_terminated_stay_described(cloud: Ports) {
    let ids = running(&cloud, 1).await;
    cloud.instances.terminate(&ids).await.unwrap();
    let seen = described(&cloud, |seen| seen[0].state == InstanceState::Terminated).await;
    assert!(seen[0].reason.is_some());
}

async fn terminating_twice_is_terminating_once(cloud: Ports) {
    let ids = running(&cloud, 1).await;
    cloud.instances.terminate(&ids).await.unwrap();
    cloud.instances.terminate(&ids).await.unwrap();
    described(&cloud, |seen| seen[0].state == InstanceState::Terminated).await;
}

async fn a_bad_id_fails_the_batch_that_terminates(cloud: Ports) {
    let ids = running(&cloud, 1).await;
    let answer = cloud.instances.terminate(&[ids[0].clone(), no_instance()]).await;
    names_the_bad_one_and_did_nothing(&cloud, answer).await;
}

async fn a_bad_id_fails_the_batch_that_tags(cloud: Ports) {
    let ids = running(&cloud, 1).await;
    let answer = cloud.instances.tag(&[ids[0].clone(), no_instance()], RETIRING_TAG, "now").await;
    names_the_bad_one_and_did_nothing(&cloud, answer).await;
}

async fn names_the_bad_one_and_did_nothing(cloud: &Ports, answer: Result<(), CloudError>) {
    let error = answer.unwrap_err();
    assert_eq!((error.kind, error.instances), (ErrorKind::NotFound, vec![no_instance()]));
    let seen = cloud.instances.list().await.unwrap();
    assert_eq!((seen[0].state, seen[0].is_retiring()), (InstanceState::Running, false));
}

async fn what_is_stopped_starts_again_later_under_another_address(cloud: Ports) {
    let ids = running(&cloud, 1).await;
    let before = cloud.instances.list().await.unwrap().remove(0);
    cloud.instances.stop(&ids).await.unwrap();
    let stopped = described(&cloud, |seen| seen[0].state == InstanceState::Stopped).await.remove(0);
    assert_eq!((stopped.launched, stopped.public_address, stopped.powered_off), (before.launched, None, false));
    cloud.instances.start(&ids).await.unwrap();
    let after = described(&cloud, |seen| seen[0].state == InstanceState::Running).await.remove(0);
    assert!(after.launched > before.launched, "{} {}", after.launched, before.launched);
    assert!(after.public_address.is_some() && after.public_address != before.public_address);
    // What tells its age does not move.
    assert_eq!((after.born(), after.private_address), (before.born(), before.private_address));
}

async fn starting_what_is_on_and_stopping_what_is_off_change_nothing(cloud: Ports) {
    let ids = running(&cloud, 1).await;
    let before = cloud.instances.list().await.unwrap().remove(0);
    cloud.instances.start(&ids).await.unwrap();
    assert_eq!(cloud.instances.list().await.unwrap(), [before]);
    cloud.instances.stop(&ids).await.unwrap();
    described(&cloud, |seen| seen[0].state == InstanceState::Stopped).await;
    cloud.instances.stop(&ids).await.unwrap();
    assert_eq!(cloud.instances.list().await.unwrap()[0].state, InstanceState::Stopped);
}

async fn what_has_ended_is_not_started(cloud: Ports) {
    let ids = running(&cloud, 1).await;
    cloud.instances.terminate(&ids).await.unwrap();
    described(&cloud, |seen| seen[0].state == InstanceState::Terminated).await;
    let error = cloud.instances.start(&ids).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Refused, "IncorrectInstanceState"));
    assert_eq!(cloud.instances.list().await.unwrap()[0].state, InstanceState::Terminated);
}

async fn starting_a_bad_id_fails_the_batch(cloud: Ports) {
    let ids = running(&cloud, 1).await;
    cloud.instances.stop(&ids).await.unwrap();
    described(&cloud, |seen| seen[0].state == InstanceState::Stopped).await;
    let error = cloud.instances.start(&[ids[0].clone(), no_instance()]).await.unwrap_err();
    assert_eq!((error.kind, error.instances), (ErrorKind::NotFound, vec![no_instance()]));
    assert_eq!(cloud.instances.list().await.unwrap()[0].state, InstanceState::Stopped);
}

async fn what_is_launched_for_the_pool_powers_itself_off(cloud: Ports) {
    let birth = Birth { recipe: Some("recipe".to_owned()), ..born_of("token") };
    cloud.instances.launch(1, "token", &birth).await.unwrap();
    let seen = described(&cloud, |seen| seen.iter().any(|one| one.state == InstanceState::Stopped)).await;
    assert!(seen[0].powered_off);
    let told = [POOL_TAG, RECIPE_TAG, COMMAND_TAG].map(|key| seen[0].tags[key].as_str());
    assert_eq!((told, seen[0].born()), (["warm", "recipe", "token"], birth.at));
}

async fn what_stops_is_not_started_and_what_boots_is_not_stopped(cloud: Ports) {
    let ids = launch(&cloud, 1, "token").await;
    described(&cloud, |seen| seen.len() == 1).await;
    assert_eq!(cloud.instances.stop(&ids).await.unwrap_err().code, "IncorrectInstanceState");
    described(&cloud, |seen| seen[0].state == InstanceState::Running).await;
    cloud.instances.stop(&ids).await.unwrap();
    assert_eq!(cloud.instances.start(&ids).await.unwrap_err().code, "IncorrectInstanceState");
}

async fn what_is_not_in_service_is_not_measured(cloud: Ports, metrics: &dyn Metrics) {
    let (minute, second) = (Duration::from_secs(60), Duration::from_secs(1));
    let series = async |query: &Query| {
        let answers = metrics.series(std::slice::from_ref(query), minute, second).await.unwrap();
        answers.into_iter().next().unwrap()
    };
    assert_eq!(series(&Query::Requests).await, [], "no instance served any");
    let ids = running(&cloud, 2).await;
    let cpu = |i: usize| Query::Cpu(ids[i].clone());
    cloud.balancer.register(&ids[..1]).await.unwrap();
    health(&cloud, &ids[0], &[], Some(Health::InService)).await;
    sleep(20 * second).await;

    let (requests, alone) = (series(&Query::Requests).await, series(&cpu(0)).await);
    // It has been in service for 20 seconds, of which the first and the last may be parts of a step.
    // A step may end between two reads.
    let alike = requests.len().abs_diff(alone.len()) <= 1;
    assert!((19..=21).contains(&requests.len()) && alike, "{requests:?} {alone:?}");
    assert!(requests.iter().chain(&alone).all(|point| point.value > 0.0));
    assert!(alone.windows(2).all(|two| two[1].at.duration_since(two[0].at) == second.try_into().unwrap()));
    assert_eq!(series(&cpu(1)).await, [], "it runs and is not in service");

    cloud.balancer.register(&ids[1..]).await.unwrap();
    health(&cloud, &ids[1], &[], Some(Health::InService)).await;
    sleep(5 * second).await;
    let shared = series(&cpu(0)).await;
    assert!(shared.last().unwrap().value < alone.last().unwrap().value, "two share the load");
    assert_eq!(shared.last().unwrap().value, series(&cpu(1)).await.last().unwrap().value);

    cloud.balancer.deregister(&ids[..1]).await.unwrap();
    sleep(5 * second).await;
    let (gone, left) = (series(&cpu(0)).await, series(&cpu(1)).await);
    assert!(gone.last().unwrap().at < left.last().unwrap().at, "it is measured no more");
    assert_eq!(metrics.series(&[Query::Requests], minute, Duration::ZERO).await.unwrap(), [[]]);
    let both = metrics.series(&[cpu(0), cpu(1)], minute, second).await.unwrap();
    assert!(both.len() == 2 && both[0].len() > both[1].len(), "an answer each, in their order: {both:?}");
}
