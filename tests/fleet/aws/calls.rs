//! What a command costs: calls are counted where they arrive.

use std::time::Duration;

use handwave::command::{Action, Command, Source};
use handwave::fleet::{Leases, Outcome, Pool, Timing};
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::sleep;

use super::{QUICK, Stage};
use crate::contract::launch;

#[tokio::test(flavor = "multi_thread")]
async fn launching_is_two_changing_calls_and_retiring_three() {
    for n in [1, 5, 20] {
        let stage = Stage::new(&format!("calls-{n}"), 0).await;
        let (events, _) = unbounded_channel();
        let handle = stage.reconcile(Pool::default(), Leases::default(), events).await;
        for (action, changes) in [
            (Action::ScaleOut(n), &["RunInstances", "RegisterInstancesWithLoadBalancer"][..]),
            (Action::ScaleIn(n), &["CreateTags", "DeregisterInstancesFromLoadBalancer", "TerminateInstances"]),
        ] {
            let outcome = handle.send(Command::new(Source::CommandLine { user: None }, action)).await.unwrap();
            assert!(matches!(&outcome, Outcome::Done { instances, cut: None } if instances.len() == n), "{outcome:?}");
            handle.settled().await.unwrap();
            assert_eq!(stage.changes(), changes, "{n}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settled_fleet_costs_two_reads_a_look() {
    assert_eq!(Timing::default().slow, Duration::from_secs(30));
    let stage = Stage::new("calls-settled", 3).await;
    let (events, _) = unbounded_channel();
    let handle = stage.reconcile(Pool::default(), Leases::default(), events).await;
    handle.settled().await.unwrap();
    // The look that the settled state came of may still be followed by one at the old pace.
    sleep(QUICK.slow / 2).await;
    stage.proxy.take_calls();
    sleep(QUICK.slow).await;
    assert_eq!(stage.proxy.take_calls(), ["DescribeInstances", "DescribeInstanceHealth"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_instances_are_seen_in_pages() {
    let stage = Stage::new("thousand", 0).await;
    let mut ids = Vec::new();
    for i in 0..50 {
        ids.extend(launch(&stage.truth, 20, &format!("thousand {i}")).await);
    }
    stage.truth.balancer.register(&ids).await.unwrap();
    let cloud = stage.cloud().await;
    assert_eq!(cloud.instances.list().await.unwrap().len(), 1000);
    assert_eq!(cloud.balancer.health(&[], &[]).await.unwrap().of.len(), 1000);
    assert_eq!(stage.proxy.take_calls(), ["DescribeInstances", "DescribeInstances", "DescribeInstanceHealth"]);
    // What they cost moto is not for the other tests to pay.
    stage.truth.instances.terminate(&ids).await.unwrap();
}
