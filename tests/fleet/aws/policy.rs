//! README's IAM policy, held to the code both ways: the proxy refuses every call that it does not allow, and it allows
//! nothing that no source file calls.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value;

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

/// Whether a caller with README's policy may do this.
pub fn allows(action: &str) -> bool {
    let named = |allowed: &String| allowed.split_once(':').is_some_and(|(_, name)| name == action);
    FREE.ends_with(&format!(":{action}")) || ALLOWED.iter().any(named)
}

fn policy() -> Value {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let json = readme.split("```json\n").nth(1).and_then(|rest| rest.split("```").next());
    serde_json::from_str(json.expect("README has the policy")).unwrap()
}

/// The SDK's calls in the source, as `service:Action`.
fn called() -> BTreeSet<String> {
    let mut calls = BTreeSet::new();
    for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/fleet/aws")).unwrap() {
        let source: String = std::fs::read_to_string(file.unwrap().path()).unwrap().split_whitespace().collect();
        for (client, service) in
            [("ec2.", "ec2"), ("elb.", "elasticloadbalancing"), ("aws_sdk_sts::Client::new(&sdk).", "sts")]
        {
            let after = source.split(client).skip(1);
            let operations = after.filter_map(|rest| rest.split_once("()")).map(|(operation, _)| operation);
            let snake = |name: &&str| name.contains('_') && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            let pascal =
                |name: &str| name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect::<String>();
            calls.extend(operations.filter(snake).map(|name| format!("{service}:{}", pascal(name))));
        }
    }
    calls
}

#[test]
fn it_allows_what_is_called_and_nothing_else() {
    let mut needed = called();
    assert!(needed.remove(FREE), "{needed:?}");
    needed.extend(WITHOUT_CALL.map(str::to_owned));
    assert_eq!(*ALLOWED, needed);
}

#[test]
fn what_launches_tags_and_terminates_is_held_to_the_fleet() {
    let policy = policy();
    let statements = policy["Statement"].as_array().unwrap();
    let fleet = |statement: &Value, key: &str| statement["Condition"]["StringEquals"][key] == "FLEET";
    for action in ["ec2:RunInstances", "ec2:CreateTags", "ec2:TerminateInstances"] {
        let on_instances = |statement: &&Value| {
            statement["Action"].as_array().unwrap().contains(&action.into())
                && statement["Resource"].to_string().contains(":instance/")
        };
        let held: Vec<&Value> = statements.iter().filter(on_instances).collect();
        assert!(!held.is_empty(), "{action}");
        for statement in held {
            let by_tag = ["aws:RequestTag/handwave:fleet", "aws:ResourceTag/handwave:fleet"];
            assert!(by_tag.iter().any(|key| fleet(statement, key)), "{statement}");
        }
    }
    for statement in statements {
        let actions = statement["Action"].to_string();
        let reads = actions.split(',').all(|action| action.contains(":Describe"));
        assert!(reads || statement["Resource"] != "*", "{statement}");
    }
}
