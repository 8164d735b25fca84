//! `handwave doctor --live`: what it finds in AWS, and that it changes nothing.

use super::Stage;
use super::commands::run;
use super::proxy::{At, Fault};

/// An image that moto knows.
const IMAGE: &str = "ami-12c6146b";

/// A stage whose config.toml names things that are there.
async fn stage(name: &str, n: usize) -> Stage {
    let stage = Stage::new(name, n).await;
    change(&stage, "ami-12345678", IMAGE);
    stage
}

fn change(stage: &Stage, from: &str, to: &str) {
    let text = std::fs::read_to_string(stage.file.path()).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(stage.file.path(), text.replace(from, to)).unwrap();
}

/// The rows, each as its verdict and its thing, and all that was printed.
async fn doctor(stage: &Stage) -> (i32, Vec<(String, String)>, String) {
    let (status, out, err) = run(stage, &["doctor", "--live", "--camera", "puppet"]).await;
    let row = |line: &str| {
        let mut words = line.split_whitespace().map(str::to_owned);
        Some((words.next()?, words.next()?))
    };
    (status, out.lines().filter_map(row).collect(), out + &err)
}

fn verdict<'a>(rows: &'a [(String, String)], what: &str) -> &'a str {
    rows.iter().find(|(_, thing)| thing == what).map_or("missing", |(verdict, _)| verdict)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_that_is_ready_is_told_so_and_nothing_is_changed() {
    let stage = stage("healthy", 2).await;
    let (status, rows, out) = doctor(&stage).await;
    assert_eq!(status, 0, "{out}");
    for what in ["identity", "pins", "image", "subnet", "groups", "balancer", "fleet", "launch", "tag", "terminate"] {
        assert_eq!(verdict(&rows, what), "ok", "{what}: {out}");
    }
    assert_eq!(verdict(&rows, "register"), "unknown", "{out}");
    for said in ["t3.micro from ami-12c6146b", "ec2:RunInstances is allowed", "2 instances (1 to 20): 2 in service"] {
        assert!(out.contains(said), "{said:?} is missing in {out}");
    }
    assert!(!out.contains("secret-of-the-stand-in"));
    let observed = stage.look().await;
    assert_eq!((observed.count(), observed.instances.iter().any(|seen| seen.instance.is_retiring())), (2, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named_with_its_remedy() {
    let stage = stage("ailing", 1).await;
    change(&stage, IMAGE, "ami-00000000");
    change(&stage, "[balancer]\nname = \"ailing\"\n", "subnet_id = \"subnet-1\"\n[balancer]\nname = \"gone\"\n");
    stage.proxy.fail(
        At::Action("RunInstances"),
        Fault::Error(403, "UnauthorizedOperation", "You are not authorized to perform this operation.".into()),
    );
    let (status, rows, out) = doctor(&stage).await;
    assert_eq!(status, 1, "{out}");
    for what in ["image", "subnet", "balancer", "launch"] {
        assert_eq!(verdict(&rows, what), "failed", "{out}");
    }
    for said in [
        "ami-00000000: InvalidAMIID.NotFound",
        "there is no load balancer gone",
        "-> make it: `handwave balancer create --live`",
        "ec2:RunInstances is not allowed: You are not authorized to perform this operation",
    ] {
        assert!(out.contains(said), "{said:?} is missing in {out}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_not_meant_is_asked_nothing() {
    let stage = stage("other", 0).await;
    change(&stage, "123456789012", "210987654321");
    stage.proxy.take_calls();
    let (status, rows, out) = doctor(&stage).await;
    assert_eq!((status, verdict(&rows, "pins")), (1, "failed"), "{out}");
    assert_eq!(stage.proxy.take_calls(), ["GetCallerIdentity"]);
}
