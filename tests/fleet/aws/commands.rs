//! `handwave fleet` and `handwave balancer`, as a person runs them.

use std::process::Output;

use serde_json::Value;
use tokio::task::spawn_blocking;

use super::proxy::{At, Fault};
use super::{FRONTS, Front, Stage, settings, word};
use crate::contract::launch;

/// Exit status, standard output, standard error.
pub async fn run(stage: &Stage, args: &[&str]) -> (i32, String, String) {
    let mut command = stage.handwave(args);
    let Output { status, stdout, stderr } = spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(stdout), text(stderr));
    assert!(!out.contains("secret-of-the-stand-in") && !err.contains("secret-of-the-stand-in"), "a secret is told");
    (status.code().unwrap(), out, err)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_is_launched_shown_and_retired() {
    let stage = Stage::new("commands", 0).await;
    let (status, out, err) = run(&stage, &["fleet", "out", "3", "--live", "--format", "json"]).await;
    assert_eq!(status, 0, "{err}");
    for said in [
        "account 123456789012",
        "region us-east-1",
        "Fleet commands behind load balancer commands: 0 instances (1 to 20)",
        "Launched 3",
    ] {
        assert!(err.contains(said), "{said:?} is missing in {err}");
    }
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&report["outcome"], &report["count"], &report["settled"]), (&"done".into(), &3.into(), &true.into()));
    assert_eq!(report["changed"].as_array().unwrap().len(), 3);

    let (status, out, _) = run(&stage, &["fleet", "status", "--live"]).await;
    assert_eq!((status, out.matches("in service").count()), (0, 3), "{out}");
    let (_, out, _) = run(&stage, &["fleet", "status", "--live", "--format", "json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["settled"], true, "{out}");

    // There is no terminal to ask at.
    let (status, _, err) = run(&stage, &["fleet", "in", "5", "--live"]).await;
    assert_eq!(status, 1);
    assert!(err.contains("Retire i-") && err.contains("--yes"), "{err}");
    let (status, out, err) = run(&stage, &["fleet", "in", "5", "--live", "--yes"]).await;
    assert_eq!(status, 0, "{err}");
    assert!(out.contains("done for 2: the fleet has 3 and its minimum is 1"), "{out}");
    let (status, out, _) = run(&stage, &["fleet", "terminate", "i-0123456789abcdef0", "--live", "--yes"]).await;
    assert_eq!(status, 1);
    assert!(out.contains("refused: i-0123456789abcdef0 is not in the fleet"), "{out}");
    assert_eq!(stage.wrongs().await, Vec::<String>::new());
    assert_eq!(stage.look().await.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn pins_that_do_not_hold_refuse_before_the_fleet_is_seen() {
    let stage = Stage::new("pins", 1).await;
    let text = std::fs::read_to_string(stage.file.path()).unwrap();
    for (pin, other, said) in [
        ("123456789012", "210987654321", "pins the account 210987654321, but these credentials are of 123456789012"),
        ("us-east-1", "eu-central-1", "pins the region eu-central-1, but the environment or profile says us-east-1"),
    ] {
        std::fs::write(stage.file.path(), text.replace(pin, other)).unwrap();
        stage.proxy.take_calls();
        let (status, _, err) = run(&stage, &["fleet", "out", "1", "--live"]).await;
        assert_eq!(status, 1);
        assert!(err.contains(said), "{err}");
        let calls = stage.proxy.take_calls();
        assert!(calls.iter().all(|call| call == "GetCallerIdentity"), "{calls:?}");
    }
    std::fs::write(stage.file.path(), text.replace("name = \"pins\"", "name = \"\"")).unwrap();
    let (status, _, err) = run(&stage, &["fleet", "out", "1", "--live"]).await;
    assert_eq!((status, stage.proxy.take_calls().len()), (1, 0), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_is_set_nowhere_is_asked_for() {
    let stage = Stage::bare("nowhere").await;
    let text = std::fs::read_to_string(stage.file.path()).unwrap();
    std::fs::write(stage.file.path(), text.replace("us-east-1", "")).unwrap();
    let mut command = stage.handwave(&["fleet", "status", "--live"]);
    command.env_remove("AWS_REGION").env_remove("AWS_DEFAULT_REGION");
    let Output { status, stderr, .. } = spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let err = String::from_utf8(stderr).unwrap();
    assert_eq!((status.code(), err.lines().count()), (Some(1), 1), "{err}");
    assert!(err.contains("there is no region: set aws.region"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn not_even_a_trace_tells_a_secret() {
    let stage = Stage::new("secrets", 0).await;
    let mut command = stage.handwave(&["fleet", "status", "--live"]);
    command.env("RUST_LOG", "trace").env("AWS_SESSION_TOKEN", "token-of-the-stand-in");
    let Output { stdout, stderr, .. } = spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let told = String::from_utf8([stdout, stderr].concat()).unwrap();
    assert!(told.contains("DescribeInstances") && told.contains("AKIDSTANDIN"), "{told}");
    for secret in ["secret-of-the-stand-in", "token-of-the-stand-in"] {
        assert!(!told.contains(secret), "{secret} is told");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_asks_nothing_of_aws_and_says_so() {
    let stage = Stage::bare("dry").await;
    for args in [&["fleet", "out", "2"][..], &["fleet", "in", "1"], &["fleet", "status"], &["balancer", "create"]] {
        let (status, out, err) = run(&stage, args).await;
        assert_eq!(status, 0, "{err}");
        assert!(err.contains("dry run") && !out.is_empty(), "{out}{err}");
    }
    assert_eq!(stage.proxy.take_calls(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_is_behind_the_balancer_of_the_settings() {
    for front in FRONTS {
        let fleet = format!("dry-{}", word(front));
        let stage = Stage::with(&fleet, &settings(front, &fleet)).await;
        let (status, out, err) = run(&stage, &["fleet", "out", "2", "--format", "json"]).await;
        assert_eq!(status, 0, "{err}");
        let report: Value = serde_json::from_str(&out).unwrap();
        let (balancer, groups) = (report["balancer"].as_str(), report["target_groups"].as_array().map(Vec::len));
        let (create, _, err) = run(&stage, &["balancer", "create"]).await;
        match front {
            Front::Classic => assert_eq!((balancer, groups, create), (Some(fleet.as_str()), None, 0)),
            Front::TargetGroups(n) => {
                assert_eq!((balancer, groups, create), (None, Some(n), 1));
                assert!(err.contains("made elsewhere"), "{err}");
            }
            Front::Nothing => {
                assert_eq!((balancer, groups, create), (None, None, 1));
                assert!(err.contains("there is no load balancer to make"), "{err}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_is_made_once_shown_and_deleted() {
    let stage = Stage::bare("balancer").await;
    let (status, _, err) = run(&stage, &["fleet", "out", "1", "--live"]).await;
    assert_eq!(status, 1);
    assert!(err.contains("there is no load balancer balancer in us-east-1: make it with"), "{err}");
    // What runs can be listed all the same.
    let (status, _, err) = run(&stage, &["fleet", "status", "--live"]).await;
    assert_eq!(status, 0);
    assert!(err.contains("There is no load balancer balancer in us-east-1: nothing drains"), "{err}");
    assert_eq!(run(&stage, &["balancer", "show", "--live"]).await.0, 1);

    let (status, made, err) = run(&stage, &["balancer", "create", "--live", "--format", "json"]).await;
    assert_eq!(status, 0, "{err}");
    let shown: Value = serde_json::from_str(&made).unwrap();
    assert_eq!(shown["address"], "balancer.us-east-1.elb.amazonaws.com");
    assert_eq!((&shown["draining"], &shown["listeners"][0]), (&60.into(), &"HTTP:80 -> HTTP:80".into()));
    assert_eq!(shown["health_check"], "TCP:80 every 10 s, 5 s each, healthy after 2, unhealthy after 2");

    stage.proxy.take_calls();
    let (status, again, err) = run(&stage, &["balancer", "create", "--live", "--format", "json"]).await;
    assert_eq!((status, again), (0, made));
    assert!(err.contains("It was there already."), "{err}");
    let calls = stage.proxy.take_calls();
    assert!(calls.iter().all(|call| call.starts_with("Describe") || call.starts_with("Get")), "{calls:?}");

    let ids = launch(&stage.truth, 1, "for the balancer").await;
    stage.truth.balancer.register(&ids).await.unwrap();
    let (status, _, err) = run(&stage, &["balancer", "delete", "--live", "--yes"]).await;
    assert_eq!(status, 1);
    assert!(err.contains(&format!("still has {} registered", ids[0])), "{err}");
    assert_eq!(run(&stage, &["balancer", "delete", "--live"]).await.0, 1);
    assert_eq!(run(&stage, &["balancer", "delete", "--live", "--yes", "--force"]).await.0, 0);
    assert_eq!(run(&stage, &["balancer", "show", "--live"]).await.0, 1);
    assert_eq!(run(&stage, &["balancer", "delete", "--live", "--yes"]).await.0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_launch_needs_keeps_nobody_from_retiring() {
    let stage = Stage::new("launch-settings", 3).await;
    let text = std::fs::read_to_string(stage.file.path()).unwrap();
    std::fs::write(stage.file.path(), text.replace("[balancer]", "user_data = \"gone.sh\"\n[balancer]")).unwrap();
    let (status, _, err) = run(&stage, &["fleet", "out", "1", "--live"]).await;
    assert_eq!(status, 1);
    assert!(err.contains("cannot read instance.user_data gone.sh") && !err.contains("LIVE"), "{err}");
    for args in
        [&["fleet", "status", "--live"][..], &["fleet", "in", "1", "--live", "--yes"], &["fleet", "settle", "--live"]]
    {
        let (status, _, err) = run(&stage, args).await;
        assert_eq!(status, 0, "{args:?}: {err}");
    }
    assert_eq!(stage.look().await.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn volumes_and_network_interfaces_get_the_tags_too_unless_they_shall_not() {
    for (name, setting, kinds) in [
        ("tagged", "", &["instance", "network-interface", "volume"][..]),
        ("untagged", "tag_volumes = false\n", &["instance"]),
    ] {
        let stage = Stage::new(name, 0).await;
        let text = std::fs::read_to_string(stage.file.path()).unwrap();
        std::fs::write(stage.file.path(), text.replace("[balancer]", &format!("{setting}[balancer]"))).unwrap();
        let (status, _, err) = run(&stage, &["fleet", "out", "1", "--live"]).await;
        assert_eq!(
            (status, Vec::from_iter(stage.proxy.tagged())),
            (0, kinds.iter().map(ToString::to_string).collect()),
            "{err}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launch_that_an_organization_denies_says_who_can_allow_it() {
    let stage = Stage::new("denied", 0).await;
    let denied = "You are not authorized to perform this operation. User: x is not authorized to perform: ec2:RunInstances \
                  on resource: arn:aws:ec2:us-east-1:123456789012:volume/* with an explicit deny in a service control policy. \
                  Encoded authorization failure message: abc";
    stage.proxy.fail(At::Action("RunInstances"), Fault::Error(403, "UnauthorizedOperation", denied.into()));
    let (status, out, _) = run(&stage, &["fleet", "out", "1", "--live"]).await;
    assert_eq!(status, 1);
    assert!(
        out.contains("refused: UnauthorizedOperation") && out.contains("ask the organization's administrator"),
        "{out}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_reads_are_tried_again() {
    let stage = Stage::new("first-reads", 1).await;
    stage.proxy.fail(At::Action("DescribeInstances"), Fault::Error(503, "RequestLimitExceeded", "slow down".into()));
    let (status, _, err) = run(&stage, &["fleet", "settle", "--live"]).await;
    assert_eq!(status, 0, "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_above_its_maximum_is_warned_of() {
    let stage = Stage::new("above-max", 3).await;
    let text = std::fs::read_to_string(stage.file.path()).unwrap();
    std::fs::write(stage.file.path(), text.replace("max = 20", "max = 2")).unwrap();
    let (status, _, err) = run(&stage, &["fleet", "status", "--live"]).await;
    assert_eq!(status, 0);
    assert!(
        err.contains("Warning: the fleet has 3 and its maximum is 2: retire 1 with `handwave fleet in 1`"),
        "{err}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_a_difference() {
    let stage = Stage::bare("certificate").await;
    let text = std::fs::read_to_string(stage.file.path()).unwrap();
    let with = |name: &str| {
        let arn = format!("arn:aws:iam::123456789012:server-certificate/{name}");
        // moto forgets an inner protocol that is another than the outer one.
        std::fs::write(stage.file.path(), format!("{text}listeners = [\"HTTPS:443 -> HTTPS:80 {arn}\"]\n")).unwrap();
    };
    with("old");
    let (status, out, err) = run(&stage, &["balancer", "create", "--live"]).await;
    assert_eq!(status, 0, "{err}");
    assert!(out.contains("server-certificate/old"), "{out}");
    let (status, _, err) = run(&stage, &["balancer", "create", "--live"]).await;
    assert_eq!(status, 0, "{err}");
    with("new");
    let (status, _, err) = run(&stage, &["balancer", "create", "--live"]).await;
    assert_eq!(status, 1);
    assert!(err.contains("its certificates differ from config.toml's"), "{err}");
}
