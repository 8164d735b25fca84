//! Leases on moto, by the command line and by the reconciler: what is leased, extended, released, kept, and read.

use std::time::Duration;

use handwave::command::Action;
use handwave::fleet::ports::{InstanceState, LEASE_TAG};
use handwave::fleet::{Handle, LeaseSettings, Leases, Pool, Then};
use serde_json::Value;
use tokio::sync::mpsc::unbounded_channel;

use super::commands::run;
use super::{Stage, play};

const HOUR: Duration = Duration::from_secs(3600);

async fn start(stage: &Stage, then: Then) -> Handle {
    let (events, _) = unbounded_channel();
    let (lasts, longest, keep) = (HOUR, 2 * HOUR, HOUR);
    let settings = LeaseSettings { at_most: 2, lasts, longest, then, keep, ..LeaseSettings::default() };
    let leases = Leases { settings, ..Leases::default() };
    stage.reconcile(Pool::default(), leases, events).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_started_for_the_same_person_again() {
    let stage = Stage::new("leases", 1).await;
    let handle = start(&stage, Then::Stop).await;
    let lease = || Action::Lease { who: "anna & bert".to_owned(), lasts: HOUR };
    let ids = play(&handle, lease()).await;
    assert_eq!(stage.changes(), ["RunInstances", "RegisterInstancesWithLoadBalancer"]);
    let seen = async || stage.look().await.get(&ids[0]).unwrap().clone();
    assert!(seen().await.instance.tags[LEASE_TAG].starts_with("anna & bert|"));
    assert_eq!(seen().await.lease().map(|lease| lease.who), Some("anna & bert".to_owned()));
    // moto's machines write this when they start.
    let console = handle.console(&ids[0]).await.unwrap();
    assert!(console.is_some_and(|text| text.contains("Linux version")), "the console's text is decoded");

    play(&handle, Action::Extend { id: ids[0].clone(), lasts: HOUR + HOUR / 2 }).await;
    assert_eq!(stage.changes(), ["CreateTags"]);
    play(&handle, Action::Release(ids[0].clone())).await;
    let changes = ["CreateTags", "CreateTags", "DeregisterInstancesFromLoadBalancer", "StopInstances"];
    assert_eq!(stage.changes(), changes);
    assert_eq!(seen().await.instance.state, InstanceState::Stopped);
    assert_eq!(play(&handle, lease()).await, ids);
    assert_eq!(stage.changes(), ["CreateTags", "CreateTags", "StartInstances", "RegisterInstancesWithLoadBalancer"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_leases_shows_extends_and_releases() {
    let stage = Stage::new("lease-commands", 1).await;
    let command = async |args: &[&str]| {
        let args = [&["fleet"], args, &["--live", "--format", "json"]].concat();
        let (status, out, err) = run(&stage, &args).await;
        let told: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
        (status, told)
    };
    let (status, off) = command(&["lease", "anna"]).await;
    assert_eq!((status, &off["reason"]), (1, &"nothing is leased here: set lease.at_most in config.toml".into()));

    let settings = "[lease]\nat_most = 1\nurl = \"https://{private_address}:8443/{id}\"\n";
    let shipped = std::fs::read_to_string(stage.file.path()).unwrap();
    std::fs::write(stage.file.path(), format!("{settings}{shipped}")).unwrap();
    let (status, leased) = command(&["lease", "anna", "--for", "30m"]).await;
    assert_eq!((status, &leased["outcome"]), (0, &"done".into()), "{leased}");
    let id = leased["changed"][0].as_str().unwrap().to_owned();
    let of = |told: &Value| {
        let rows = told["instances"].as_array().unwrap();
        rows.iter().find(|row| row["id"] == id.as_str()).unwrap().clone()
    };
    let lease = of(&leased)["lease"].clone();
    assert_eq!(lease["who"], "anna");
    let link = lease["link"].as_str().unwrap();
    assert!(link.starts_with("https://10.") && link.ends_with(&format!(":8443/{id}")), "{link}");
    let (status, again) = command(&["lease", "anna"]).await;
    assert!(status == 1 && again["reason"].as_str().unwrap().starts_with("anna has i-"), "{again}");
    let (status, more) = command(&["extend", &id, "--for", "2h"]).await;
    assert_eq!(status, 0, "{more}");
    assert!(of(&more)["lease"]["until"].as_str() > lease["until"].as_str());
    let (_, shown) = command(&["status"]).await;
    assert_eq!(of(&shown)["lease"]["who"], "anna");
    let (status, refused) = command(&["terminate", &id, "--yes"]).await;
    assert!(status == 1 && refused["reason"].as_str().unwrap().contains("is leased to anna"), "{refused}");
    let (status, released) = command(&["release", &id, "--yes"]).await;
    assert_eq!((status, &released["outcome"]), (0, &"done".into()), "{released}");
    assert_eq!(of(&released)["phase"], "terminated");
}
