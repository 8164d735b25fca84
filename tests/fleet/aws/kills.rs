//! `kill -9` at every call and at random instants; then `fleet settle`; then counted: nothing runs unregistered,
//! nothing is half retired, nothing that is not the fleet's was touched, limits hold.

use std::sync::Arc;
use std::time::Duration;

use handwave::fleet::ports::InstanceState;
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, spawn_blocking};

use super::proxy::{At, CHANGES, Fault};
use super::{FRONTS, Front, Stage, open, pointed, stranger};

/// What is killed, what the fleet held before, and what it may hold after.
const COMMANDS: [(&[&str], usize, [usize; 2]); 2] =
    [(&["fleet", "out", "3", "--live"], 1, [1, 4]), (&["fleet", "in", "2", "--live", "--yes"], 4, [4, 2])];
/// Processes at a time: they mostly wait.
const AT_ONCE: usize = 12;
/// Longer than any of them takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug)]
enum When {
    Call { number: usize, done: bool },
    After(Duration),
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_command_is_completed_or_was_never_begun() {
    let (mut failed, mut all) = (0, 0);
    let commands = FRONTS.into_iter().flat_map(|front| COMMANDS.map(|command| (front, command)));
    for (c, (front, (args, before, after))) in commands.enumerate() {
        let mut scenes = JoinSet::new();
        let room = Arc::new(Semaphore::new(AT_ONCE));
        // A run that is not killed shows which calls there are, and how long they take.
        let stage = Stage::behind(front, &format!("kill-{c}-none"), before).await;
        let began = std::time::Instant::now();
        assert!(run(&stage, args).await, "not killed: {front:?} {args:?}");
        let took = began.elapsed();
        let calls = stage.proxy.take_calls();
        assert_eq!(stage.look().await.count(), after[1]);

        let mut whens: Vec<When> = Vec::new();
        for (number, call) in calls.iter().enumerate() {
            let changes = CHANGES.contains(&call.as_str());
            // Behind the other kinds of balancer alone the changes differ.
            if front == Front::Classic {
                whens.push(When::Call { number, done: false });
            }
            // A read changes nothing: killed after it is killed before the next call.
            if changes {
                whens.push(When::Call { number, done: true });
            }
        }
        let random_ones = if front == Front::Classic { 10 } else { 0 };
        whens.extend((0..random_ones).map(|_| When::After(took.mul_f64(random()))));
        for (w, when) in whens.into_iter().enumerate() {
            let room = room.clone();
            scenes.spawn(async move {
                let _place = room.acquire_owned().await.unwrap();
                let wrongs = scene(front, &format!("kill-{c}-{w}"), args, before, after, when).await;
                assert!(wrongs.is_empty(), "{front:?} {args:?} killed at {when:?}: {wrongs:?}");
            });
        }
        while let Some(scene) = scenes.join_next().await {
            failed += usize::from(scene.is_err());
            all += 1;
        }
    }
    eprintln!("{all} scenes");
    assert_eq!(failed, 0, "of {all} scenes; each says why above");
}

async fn scene(
    front: Front,
    name: &str,
    args: &'static [&str],
    before: usize,
    after: [usize; 2],
    when: When,
) -> Vec<String> {
    let stage = Stage::behind(front, name, before).await;
    let other = stranger(&stage).await;
    match when {
        When::Call { number, done } => {
            stage.proxy.fail(At::Call(number), Fault::Kill { done });
            run(&stage, args).await;
        }
        When::After(time) => {
            stage.proxy.victim(|| stage.spawn(args));
            tokio::time::sleep(time).await;
            stage.proxy.waiter().outlive(Duration::ZERO);
        }
    }
    stage.proxy.clear_faults();
    if !run(&stage, &["fleet", "settle", "--live"]).await {
        return vec!["`fleet settle` failed".into()];
    }
    let mut wrongs = stage.wrongs().await;
    let count = stage.look().await.count();
    if !after.contains(&count) {
        wrongs.push(format!("the fleet has {count}"));
    }
    let mut theirs = pointed(&stage.config, &stage.behind);
    theirs.fleet.name += "-other";
    let theirs = open(&theirs).await.ports().instances.list().await.unwrap();
    let untouched = theirs.len() == 1 && theirs[0].id == other && theirs[0].state == InstanceState::Running;
    if !untouched || theirs[0].is_retiring() {
        wrongs.push(format!("another fleet was touched: {theirs:?}"));
    }
    wrongs
}

/// Runs it to its end. False: it was killed or failed.
async fn run(stage: &Stage, args: &[&str]) -> bool {
    stage.proxy.victim(|| stage.spawn(args));
    let waiter = stage.proxy.waiter();
    spawn_blocking(move || waiter.outlive(PATIENCE)).await.unwrap()
}

/// From 0 to 1.
fn random() -> f64 {
    f64::from(u32::from_le_bytes(uuid::Uuid::new_v4().as_bytes()[..4].try_into().unwrap())) / f64::from(u32::MAX)
}
