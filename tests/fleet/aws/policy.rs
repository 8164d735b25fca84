//! docs/iam-policy.json, held to what handwave calls, both ways: the proxy refuses every call that it does not allow,
//! and it allows nothing that a run of everything did not call.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use handwave::fleet::ports::{LEASE_TAG, POOL_TAG, RETIRING_TAG};
use serde_json::Value;
use tokio::time::sleep;

use super::commands::run;
use super::live::film;
use super::{NETWORK, Stage};

/// What other permissions imply, rather than a call of their own: a profile given and tags set while something is made.
const WITHOUT_CALL: [&str; 2] = ["iam:PassRole", "elasticloadbalancing:AddTags"];
/// Needs no permission.
const FREE: &str = "sts:GetCallerIdentity";

/// The actions, as `service:Action`.
static ALLOWED: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let statements = policy()["Statement"].as_array().unwrap().clone();
    let actions = statements.iter().flat_map(|statement| statement["Action"].as_array().unwrap());
    actions.map(|action| action.as_str().unwrap().to_owned()).collect()
});

/// Whether a caller with the policy may do this.
pub fn allows(action: &str) -> bool {
    let named = |allowed: &String| allowed.split_once(':').is_some_and(|(_, name)| name == action);
    FREE.ends_with(&format!(":{action}")) || ALLOWED.iter().any(named)
}

fn policy() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/iam-policy.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Runs every command, with every setting that makes a call of its own. Returns the actions that were asked for. A
/// branch that is not reached here is held to the policy where another test reaches it: the proxy refuses the rest.
async fn run_of_everything() -> BTreeSet<String> {
    let stage = Stage::bare("policy").await;
    let shipped = std::fs::read_to_string(stage.file.path()).unwrap();
    let set = |instance: &str, balancer: &str| {
        let text = shipped.replace("[balancer]\n", &format!("{instance}[balancer]\n{balancer}"));
        std::fs::write(stage.file.path(), text).unwrap();
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nothing.gif");
    film("none for 1\n", &path);
    let camera = path.to_str().unwrap();
    let doctor = &["doctor", "--live", "--camera", "puppet"][..];

    // Without a balancer, with a new one, and with one that is to be changed.
    assert_eq!(run(&stage, &["fleet", "status", "--live"]).await.0, 0);
    assert_eq!(run(&stage, &["balancer", "show", "--live"]).await.0, 1);
    set("", "health_interval = 20\ndraining = 30\n");
    for args in [
        &["balancer", "create", "--live"][..],
        &["balancer", "show", "--live"],
        &["fleet", "out", "3", "--live"],
        &["fleet", "status", "--live"],
        &["fleet", "in", "1", "--live", "--yes"],
        &["fleet", "settle", "--live"],
        &["run", "--live", "--armed", "--headless", "--camera", camera],
    ] {
        let (status, out, err) = run(&stage, args).await;
        assert_eq!(status, 0, "{args:?}: {out}{err}");
    }
    // The first launch fills the pool, the second takes from it, and a retire gives back.
    set("[warm]\nsize = 1\nreuse = true\n", "health_interval = 20\ndraining = 30\n");
    for args in [
        &["fleet", "out", "1", "--live"][..],
        &["fleet", "out", "1", "--live"],
        &["fleet", "in", "1", "--live", "--yes"],
    ] {
        let (status, out, err) = run(&stage, args).await;
        assert_eq!(status, 0, "{args:?}: {out}{err}");
        sleep(Duration::from_secs(2)).await;
    }
    run(&stage, doctor).await;
    // A lease of one, whose console doctor asks about.
    set("[lease]\nat_most = 1\n", "health_interval = 20\ndraining = 30\n");
    assert_eq!(run(&stage, &["fleet", "lease", "anna", "--live"]).await.0, 0);
    run(&stage, doctor).await;
    set("", "");
    assert_eq!(run(&stage, &["balancer", "create", "--live"]).await.0, 0);
    // What doctor looks up need not be there.
    run(&stage, doctor).await;
    std::fs::write(stage.file.path(), format!("{shipped}[policy.queue]\nurl = \"https://sqs.example/1/web\"\n"))
        .unwrap();
    run(&stage, doctor).await;
    let named = "key_name = \"anna\"\nsubnet_id = \"subnet-1\"\nsecurity_group_ids = [\"sg-1\"]\n";
    set(named, "");
    run(&stage, doctor).await;
    set("launch_template = \"web:3\"\n", "");
    run(&stage, doctor).await;
    set("", "");
    assert_eq!(run(&stage, &["balancer", "delete", "--live", "--yes", "--force"]).await.0, 0);
    target_groups(&stage).await;
    assert_eq!(stage.proxy.tagged(), tagged_at_launch());
    stage.proxy.actions()
}

/// The same behind a target group, made and changed.
async fn target_groups(stage: &Stage) {
    for (settings, args) in [
        ("health_interval = 20\ndraining = 30\n", &["balancer", "create", "--live"][..]),
        ("", &["balancer", "create", "--live"]),
        ("", &["fleet", "out", "1", "--live"]),
        ("", &["fleet", "in", "1", "--live", "--yes"]),
        ("", &["balancer", "delete", "--live", "--yes", "--force"]),
    ] {
        let group = format!("{NETWORK}name = \"policy\"\n{settings}");
        let (rest, _) = stage.text.split_once("[balancer]\n").unwrap();
        std::fs::write(stage.file.path(), format!("{rest}[balancer]\n{group}")).unwrap();
        let (status, out, err) = run(stage, args).await;
        assert_eq!(status, 0, "{args:?}: {out}{err}");
    }
}

/// The kinds of things that the policy lets a launch tag, as in their ARNs.
fn tagged_at_launch() -> BTreeSet<String> {
    let policy = policy();
    let mut statements = policy["Statement"].as_array().unwrap().iter();
    let tag = statements.find(|statement| statement["Sid"] == "TagAtLaunch").unwrap();
    assert_eq!(tag["Condition"]["StringEquals"]["ec2:CreateAction"], "RunInstances");
    let kind = |arn: &Value| arn.as_str().unwrap().rsplit(':').next().unwrap().trim_end_matches("/*").to_owned();
    tag["Resource"].as_array().unwrap().iter().map(kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_allows_what_is_called_and_nothing_else() {
    let mut needed = run_of_everything().await;
    assert!(needed.remove(FREE), "{needed:?}");
    needed.extend(WITHOUT_CALL.map(str::to_owned));
    assert_eq!(*ALLOWED, needed);
}

#[test]
fn each_word_to_replace_is_in_the_guide_and_no_partition_is_fixed() {
    let text = policy().to_string();
    assert!(!text.contains("arn:aws"), "a partition is fixed");
    let is_word = |word: &&str| word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_uppercase());
    let words: BTreeSet<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(is_word).collect();
    assert!(words.contains("PARTITION"), "{words:?}");
    let guide = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/aws.md")).unwrap();
    for word in words {
        assert!(guide.contains(&format!("s/{word}/")), "sed leaves {word}");
        assert!(guide.lines().any(|line| line.starts_with("| ") && line.contains(word)), "{word} is in no row");
    }
}

#[test]
fn what_launches_tags_and_terminates_is_held_to_the_fleet() {
    let policy = policy();
    let statements = policy["Statement"].as_array().unwrap();
    let fleet = |statement: &Value, key: &str| statement["Condition"]["StringEquals"][key] == "FLEET";
    let actions = ["RunInstances", "CreateTags", "StartInstances", "StopInstances", "TerminateInstances"];
    for action in actions.map(|action| format!("ec2:{action}")) {
        let on_instances = |statement: &&Value| {
            statement["Action"].as_array().unwrap().contains(&action.as_str().into())
                && statement["Resource"].to_string().contains(":instance/")
        };
        let held: Vec<&Value> = statements.iter().filter(on_instances).collect();
        assert!(!held.is_empty(), "{action}");
        for statement in held {
            let by_tag = ["aws:RequestTag/handwave:fleet", "aws:ResourceTag/handwave:fleet"];
            assert!(by_tag.iter().any(|key| fleet(statement, key)), "{statement}");
        }
    }
    let with = |sid: &str| statements.iter().find(|statement| statement["Sid"] == sid).unwrap();
    let keys = &with("TagAsRetiringWarmOrLeased")["Condition"]["ForAllValues:StringEquals"]["aws:TagKeys"];
    assert_eq!(*keys, serde_json::json!([LEASE_TAG, POOL_TAG, RETIRING_TAG]));
    let warm = &with("StartAndStopTheWarm")["Condition"]["Null"];
    assert_eq!(warm[format!("aws:ResourceTag/{POOL_TAG}")], "false");
    for statement in statements {
        let actions = statement["Action"].to_string();
        let reads = actions.split(',').all(|action| action.contains(":Describe") || action.contains(":GetMetricData"));
        assert!(reads || statement["Resource"] != "*", "{statement}");
    }
}
