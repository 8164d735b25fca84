//! Target groups on moto: what commands cost, what a balancer is made of, and what is told of it.

use std::time::{Duration, Instant};

use handwave::command::{Action, Command, Source};
use handwave::fleet::{Leases, Outcome, Pool};
use serde_json::Value;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::sleep;

use super::commands::run;
use super::{FRONTS, Front, NETWORK, QUICK, Stage, word};
use crate::contract::launch;

#[tokio::test(flavor = "multi_thread")]
async fn each_group_costs_one_call_for_a_launch_and_one_for_a_retire() {
    for (front, groups) in [(Front::TargetGroups(1), 1), (Front::TargetGroups(2), 2), (Front::Nothing, 0)] {
        let stage = Stage::behind(front, &format!("calls-{}", word(front)), 0).await;
        let (events, _) = unbounded_channel();
        let handle = stage.reconcile(Pool::default(), Leases::default(), events).await;
        for action in [Action::ScaleOut(5), Action::ScaleIn(5)] {
            let expected = match &action {
                Action::ScaleOut(_) => [vec!["RunInstances"], vec!["RegisterTargets"; groups]].concat(),
                _ => [vec!["CreateTags"], vec!["DeregisterTargets"; groups], vec!["TerminateInstances"]].concat(),
            };
            let outcome = handle.send(Command::new(Source::CommandLine { user: None }, action)).await.unwrap();
            assert!(matches!(&outcome, Outcome::Done { instances, .. } if instances.len() == 5), "{outcome:?}");
            handle.settled().await.unwrap();
            assert_eq!(stage.changes(), expected, "{front:?}");
        }
        sleep(QUICK.slow / 2).await;
        stage.proxy.take_calls();
        sleep(QUICK.slow).await;
        let reads = [vec!["DescribeInstances"], vec!["DescribeTargetHealth"; groups]].concat();
        assert_eq!(stage.proxy.take_calls(), reads, "{front:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancer_and_its_group_are_made_once_shown_and_deleted() {
    let application =
        "kind = \"target-groups\"\ntype = \"application\"\nhealth_check = \"HTTP:80/\"\nslow_start = 60\n";
    for (kind, settings, forwards) in [("application", application, "HTTP:80"), ("network", NETWORK, "TCP:80")] {
        let stage = Stage::with(&format!("made-{kind}"), &format!("{settings}name = \"made-{kind}\"\n")).await;
        assert_eq!(run(&stage, &["balancer", "show", "--live"]).await.0, 1);
        let (status, _, err) = run(&stage, &["fleet", "out", "1", "--live"]).await;
        assert_eq!(status, 1);
        assert!(err.contains("there is no target group"), "{err}");

        let (status, made, err) = run(&stage, &["balancer", "create", "--live", "--format", "json"]).await;
        assert_eq!(status, 0, "{err}");
        assert_eq!(err.contains("even when no request is left"), kind == "application", "{err}");
        let shown: Value = serde_json::from_str(&made).unwrap();
        let group = &shown["target_groups"][0];
        assert_eq!((&shown["balancer"]["kind"], &group["forwards_to"]), (&kind.into(), &forwards.into()));
        assert_eq!((&group["draining"], &group["is_used"]), (&60.into(), &true.into()));
        assert_eq!(group["slow_start"], if kind == "application" { 60 } else { 0 });

        stage.proxy.take_calls();
        let (status, again, err) = run(&stage, &["balancer", "create", "--live", "--format", "json"]).await;
        assert_eq!((status, again), (0, made), "{err}");
        let calls = stage.proxy.take_calls();
        assert!(calls.iter().all(|call| call.starts_with("Describe") || call.starts_with("Get")), "{calls:?}");

        let (status, _, err) = run(&stage, &["fleet", "out", "2", "--live"]).await;
        assert_eq!(status, 0, "{err}");
        let (_, table, _) = run(&stage, &["balancer", "show", "--live"]).await;
        assert_eq!(table.matches(" in service").count(), 2, "{table}");
        let (status, _, err) = run(&stage, &["balancer", "delete", "--live", "--yes"]).await;
        assert_eq!(status, 1);
        assert!(err.contains("registered, which nobody would send requests to"), "{err}");
        let (status, _, err) = run(&stage, &["balancer", "delete", "--live", "--yes", "--force"]).await;
        assert_eq!(status, 0, "{err}");
        assert!(err.contains("run on and cost money"), "{err}");
        assert_eq!(run(&stage, &["balancer", "delete", "--live", "--yes"]).await.0, 0);

        // What costs money can be ended without it.
        let (status, out, err) = run(&stage, &["fleet", "status", "--live"]).await;
        assert_eq!(status, 0, "{err}");
        assert!(err.contains("nothing drains") && out.contains("2 (1 to 20)"), "{out}{err}");
        assert_eq!(run(&stage, &["fleet", "in", "1", "--live", "--yes"]).await.0, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_made_balancer_is_finished_and_a_different_one_is_told() {
    let stage = Stage::with("half-made", &format!("{NETWORK}name = \"half-made\"\n")).await;
    let create = &["balancer", "create", "--live"][..];
    for call in ["CreateTargetGroup", "CreateListener"] {
        let denied = super::proxy::Fault::Error(403, "AccessDenied", "told to fail".into());
        stage.proxy.fail(super::proxy::At::Action(call), denied);
        assert_eq!(run(&stage, create).await.0, 1);
        stage.proxy.clear_faults();
    }
    let (status, out, err) = run(&stage, create).await;
    assert_eq!(status, 0, "{err}");
    assert!(err.contains("Created.") && out.contains("listeners        TCP:80"), "{out}{err}");

    let text = stage.text.replace("TCP:80 -> TCP:80", "TCP:80 -> TCP:81");
    std::fs::write(stage.file.path(), text).unwrap();
    let (status, _, err) = run(&stage, create).await;
    assert_eq!(status, 1);
    assert!(err.contains("its protocol or port differ from config.toml's"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_that_are_made_elsewhere_are_shown_and_left() {
    let stage = Stage::behind(Front::TargetGroups(2), "elsewhere", 0).await;
    let ids = launch(&stage.truth, 1, "elsewhere").await;
    stage.truth.balancer.register(&ids).await.unwrap();
    let (status, out, err) = run(&stage, &["balancer", "show", "--live"]).await;
    assert_eq!((status, out.matches("target group ").count()), (0, 2), "{out}{err}");
    for args in [&["balancer", "create", "--live"][..], &["balancer", "delete", "--live", "--yes", "--force"]] {
        let (status, _, err) = run(&stage, args).await;
        assert_eq!(status, 1);
        assert!(err.contains("made elsewhere, as balancer.type is not set"), "{err}");
    }
    let (_, out, _) = run(&stage, &["doctor", "--live", "--camera", "puppet"]).await;
    assert!(out.contains("elsewhere-0 forwards to TCP:80"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_one_group_is_missing_what_retires_drains_in_the_other() {
    let stage = Stage::behind(Front::TargetGroups(1), "one-of-two", 2).await;
    stage.proxy.set_drain(Duration::from_secs(3));
    let text = stage.text.replace("[\"one-of-two-0\"]", "[\"one-of-two-0\", \"nowhere\"]");
    std::fs::write(stage.file.path(), text).unwrap();
    let (status, _, err) = run(&stage, &["fleet", "out", "1", "--live"]).await;
    assert_eq!(status, 1);
    assert!(err.contains("there is no target group nowhere in us-east-1"), "{err}");
    let start = Instant::now();
    let (status, out, err) = run(&stage, &["fleet", "in", "1", "--live", "--yes"]).await;
    assert_eq!(status, 0, "{out}{err}");
    assert!(err.contains("There is no target group nowhere in us-east-1: nothing can be launched"), "{err}");
    assert!(start.elapsed() >= Duration::from_secs(3), "it did not drain");
    assert_eq!(stage.look().await.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_launch_and_retire_behind_every_kind_of_balancer() {
    for front in FRONTS {
        let stage = Stage::behind(front, &format!("commands-{}", word(front)), 4).await;
        for (args, left) in [(["fleet", "out", "3"], 7), (["fleet", "in", "2"], 5)] {
            let (status, out, err) = run(&stage, &[args.as_slice(), &["--live", "--yes"]].concat()).await;
            assert_eq!(status, 0, "{front:?} {args:?}: {out}{err}");
            assert_eq!(stage.wrongs().await, Vec::<String>::new(), "{front:?} {args:?}");
            assert_eq!(stage.look().await.count(), left, "{front:?} {args:?}");
        }
    }
}
