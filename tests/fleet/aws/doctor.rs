//! `handwave doctor --live`: what it finds in AWS, and that it changes nothing.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::commands::run;
use super::measurements::queue;
use super::proxy::{At, Fault};
use super::{Stage, moto};

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
async fn what_policies_and_charts_need_is_asked_for() {
    let stage = stage("measuring", 1).await;
    let text = std::fs::read_to_string(stage.file.path()).unwrap();
    let url = queue("measuring");
    std::fs::write(stage.file.path(), format!("{text}[policy.queue]\nurl = \"{url}\"\n")).unwrap();
    let (status, rows, out) = doctor(&stage).await;
    assert_eq!((status, verdict(&rows, "metrics"), verdict(&rows, "queue")), (0, "ok", "ok"), "{out}");
    assert!(out.contains("0 visible, 0 in flight, 0 delayed"), "{out}");

    for action in ["GetMetricData", "GetQueueAttributes"] {
        stage.proxy.fail(At::Action(action), Fault::Error(403, "AccessDenied", "not authorized".into()));
    }
    let (status, rows, out) = doctor(&stage).await;
    // No chart is no reason not to run.
    assert_eq!((status, verdict(&rows, "metrics"), verdict(&rows, "queue")), (1, "warning", "failed"), "{out}");
    for permission in ["cloudwatch:GetMetricData", "sqs:GetQueueAttributes"] {
        assert!(out.contains(&format!("add the permission {permission}")), "{out}");
    }
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

/// What moto answers, asked as EC2 and past the proxy: this prepares what handwave never makes.
fn ec2(form: &str) -> String {
    let mut to = TcpStream::connect(moto::address("others")).unwrap();
    let scope = "Credential=AKID/20260101/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0";
    let body = format!("{form}&Version=2016-11-15");
    write!(
        to,
        "POST / HTTP/1.1\r\nHost: ec2.us-east-1.amazonaws.com\r\nAuthorization: AWS4-HMAC-SHA256 {scope}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    to.read_to_string(&mut answer).unwrap();
    answer
}

/// The id of what moto makes.
fn made(form: &str, tag: &str) -> String {
    let answer = ec2(form);
    let id = answer.split(&format!("<{tag}>")).nth(1).and_then(|rest| rest.split('<').next());
    id.unwrap_or_else(|| panic!("{answer}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_network_than_the_balancers_is_told() {
    let stage = stage("network", 0).await;
    let network = made("Action=CreateVpc&CidrBlock=10.9.0.0/16", "vpcId");
    let zone = "&AvailabilityZone=us-east-1a";
    let subnet = made(&format!("Action=CreateSubnet&VpcId={network}&CidrBlock=10.9.1.0/24{zone}"), "subnetId");
    let group = made(&format!("Action=CreateSecurityGroup&VpcId={network}&GroupName=g&GroupDescription=g"), "groupId");

    // The group alone: a launch without a subnet goes to the default network.
    let groups = format!("security_group_ids = [\"{group}\"]\n[balancer]");
    change(&stage, "[balancer]", &groups);
    let (status, rows, out) = doctor(&stage).await;
    assert_eq!((status, verdict(&rows, "groups"), verdict(&rows, "balancer")), (1, "failed", "ok"), "{out}");
    assert!(out.contains(&format!("not all of {group} are in vpc-")), "{out}");

    change(&stage, "[balancer]", &format!("subnet_id = \"{subnet}\"\n[balancer]"));
    let (status, rows, out) = doctor(&stage).await;
    assert_eq!((status, verdict(&rows, "groups"), verdict(&rows, "balancer")), (1, "ok", "failed"), "{out}");
    assert!(out.contains(&format!("but instances are launched in {network}")), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_that_the_balancer_does_not_serve_is_told() {
    let stage = Stage::bare("one-zone").await;
    change(&stage, "ami-12345678", IMAGE);
    let text = std::fs::read_to_string(stage.file.path()).unwrap();
    std::fs::write(stage.file.path(), format!("{text}zones = [\"us-east-1a\"]\n")).unwrap();
    assert_eq!(run(&stage, &["balancer", "create", "--live"]).await.0, 0);
    let (_, rows, out) = doctor(&stage).await;
    assert_eq!(verdict(&rows, "balancer"), "warning", "{out}");
    assert!(out.contains("one-zone does not serve us-east-1b,"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_policy_of_the_callers_is_the_remedy_where_an_organization_denies() {
    let stage = stage("organization", 1).await;
    let denied = "You are not authorized with an explicit deny in a service control policy";
    stage.proxy.fail(At::Action("RunInstances"), Fault::Error(403, "UnauthorizedOperation", denied.into()));
    let (status, rows, out) = doctor(&stage).await;
    assert_eq!((status, verdict(&rows, "launch")), (1, "failed"), "{out}");
    assert!(out.contains("ask the organization's administrator") && !out.contains("iam-policy.json"), "{out}");
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
