//! A run that follows a queue on moto: it launches for what waits, and never retires on what nobody can count.

use std::fs;
use std::process::Child;
use std::time::Duration;

use handwave::clouds::simulated::Front;
use tokio::time::{Instant, sleep};

use super::Stage;
use super::commands::run;
use super::measurements::{put, queue, tell};
use super::proxy::{At, Fault};

const SQS: &str = "2012-11-05";
const ATTRIBUTES: &str = "GetQueueAttributes";

/// The run is killed where a test fails.
struct Run(Child);

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until the fleet has so many.
async fn becomes(stage: &Stage, n: usize) {
    let began = Instant::now();
    loop {
        let count = stage.look().await.count();
        if count == n {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{count} instead of {n}");
        sleep(Duration::from_millis(300)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_follows_its_queue_and_never_shrinks_on_the_unknown() {
    let stage = Stage::behind(Front::Nothing, "queue", 1).await;
    let url = queue("queue");
    let policy =
        format!("[policy]\nfollow = [\"queue\"]\nevery = 1\nwindow = 4\nhold = 1\n[policy.queue]\nurl = \"{url}\"\n");
    fs::write(stage.file.path(), format!("{}{policy}", stage.text)).unwrap();
    for i in 0..30 {
        let body = i.to_string();
        tell("sqs", SQS, &[("Action", "SendMessage"), ("QueueUrl", &url), ("MessageBody", &body)]);
    }

    let (status, out, err) = run(&stage, &["policy", "explain", "--live"]).await;
    assert_eq!(status, 0, "{err}");
    assert!(out.contains("queue: 30 visible, 0 in flight, 0 delayed") && out.contains("out to 3"), "{out}");

    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("nothing.gif");
    super::live::film("none for 90\n", &film);
    let film = film.to_str().unwrap();
    let _run = Run(stage.spawn(&["run", "--live", "--armed", "--headless", "--camera", film]));
    becomes(&stage, 3).await;

    // Counted as empty for one poll, then too late.
    let zero = ["", "NotVisible", "Delayed"].map(|which| format!("\"ApproximateNumberOfMessages{which}\": \"0\""));
    stage.proxy.fail(At::Action(ATTRIBUTES), Fault::Says(format!("{{\"Attributes\": {{{}}}}}", zero.join(", "))));
    for _ in 0..3 {
        stage.proxy.fail(At::Action(ATTRIBUTES), Fault::Slow(Duration::from_secs(2)));
    }
    stage.changes();
    sleep(Duration::from_secs(9)).await;
    assert_eq!((stage.look().await.count(), stage.changes()), (3, vec![]));

    // The queue empties, and nobody can count it.
    for _ in 0..200 {
        stage.proxy.fail(At::Action(ATTRIBUTES), Fault::Error(403, "AccessDenied", "not authorized".into()));
    }
    tell("sqs", SQS, &[("Action", "PurgeQueue"), ("QueueUrl", &url)]);
    stage.changes();
    sleep(Duration::from_secs(8)).await;
    assert_eq!((stage.look().await.count(), stage.changes()), (3, vec![]));

    stage.proxy.clear_faults();
    becomes(&stage, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cpu_is_what_cloudwatch_measured_and_what_it_did_not_never_shrinks() {
    let stage = Stage::new("cpu", 2).await;
    let policy = "[policy]\nfollow = [\"cpu\"]\n";
    let text = stage.text.replace("[instance]\n", "[instance]\ndetailed_monitoring = true\n");
    fs::write(stage.file.path(), format!("{text}{policy}")).unwrap();
    let explain = &["policy", "explain", "--live"][..];
    let (status, out, err) = run(&stage, explain).await;
    assert_eq!(status, 0, "{err}");
    assert!(out.contains("cpu: none of 2 is measured") && out.contains("hold at 2"), "{out}");

    let ids: Vec<String> = stage.look().await.instances.iter().map(|member| member.id().to_string()).collect();
    put("AWS/EC2", "CPUUtilization", ("InstanceId", &ids[0]), 2, 5.0);
    let (_, out, _) = run(&stage, explain).await;
    assert!(out.contains("cpu: the mean of 1 of 2 is 5 %") && out.contains("hold at 2"), "{out}");
    for id in &ids {
        put("AWS/EC2", "CPUUtilization", ("InstanceId", id), 1, 90.0);
    }
    let (_, out, _) = run(&stage, explain).await;
    assert!(out.contains("cpu: the mean of 2 is 90 %, target 60 %") && out.contains("out to 3"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_not_named_is_refused_at_the_start() {
    let stage = Stage::bare("queue-none").await;
    fs::write(stage.file.path(), format!("{}[policy]\nfollow = [\"queue\"]\n", stage.text)).unwrap();
    let (status, _, err) = run(&stage, &["run", "--live", "--armed", "--headless", "--camera", "puppet"]).await;
    assert_eq!(status, 1);
    assert!(err.contains("policy.follow names queue, and there is none: set policy.queue.url in config.toml"), "{err}");
}
