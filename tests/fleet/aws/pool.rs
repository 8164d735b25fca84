//! The warm pool on moto: what is prepared, started, given back and replaced, cold and warm side by side.

use std::time::{Duration, Instant};

use handwave::clouds::Cloud;
use handwave::command::Action;
use handwave::fleet::ports::{InstanceState, POOL_TAG};
use handwave::fleet::{Handle, Leases, Lifecycle, Pool, Warm};
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::{sleep, timeout};

use super::commands::run;
use super::proxy::{At, Fault};
use super::{Stage, open, play};

fn pool(size: usize, reuse: bool) -> Pool {
    let warm = Warm { size, reuse, prepare_within: Duration::from_secs(60) };
    Pool { warm, recipe: Some("one".to_owned()), keeps: true }
}

async fn start(stage: &Stage, pool: Pool) -> Handle {
    let (events, _) = unbounded_channel();
    stage.reconcile(pool, Leases::default(), events).await
}

/// Waits until so many are at this point of their lifecycle.
async fn until(handle: &Handle, lifecycle: Lifecycle, n: usize) {
    let mut state = handle.state();
    let seen = state.wait_for(|state| state.lifecycles().get(&lifecycle).copied().unwrap_or(0) == n);
    let seen = timeout(Duration::from_secs(60), seen).await.map(|seen| seen.is_ok());
    assert_eq!(seen, Ok(true), "{}", *handle.state().borrow());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_one_is_started_registered_given_back_and_started_again() {
    let stage = Stage::new("pool-circle", 1).await;
    let handle = start(&stage, pool(1, true)).await;
    until(&handle, Lifecycle::Warm, 1).await;
    assert_eq!(stage.changes(), ["RunInstances"]);
    let warm = play(&handle, Action::ScaleOut(1)).await;
    assert_eq!(stage.changes(), ["CreateTags", "StartInstances", "RegisterInstancesWithLoadBalancer"]);
    let seen = async || stage.look().await.get(&warm[0]).unwrap().clone();
    let first = seen().await;
    assert_eq!((first.lifecycle(), first.instance.tags[POOL_TAG].starts_with("serve@")), (Lifecycle::InService, true));

    assert_eq!(play(&handle, Action::ScaleIn(1)).await, warm);
    assert_eq!(stage.changes(), ["CreateTags", "DeregisterInstancesFromLoadBalancer", "StopInstances"]);
    assert_eq!((seen().await.lifecycle(), seen().await.instance.public_address), (Lifecycle::Warm, None));

    assert_eq!(play(&handle, Action::ScaleOut(1)).await, warm);
    let again = seen().await;
    assert_eq!(again.lifecycle(), Lifecycle::InService);
    assert!(again.instance.launched > first.instance.launched && again.instance.born() == first.instance.born());
    assert_ne!(again.instance.public_address, first.instance.public_address);
    assert_eq!(stage.changes(), ["CreateTags", "StartInstances", "RegisterInstancesWithLoadBalancer"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_started_is_warm_again_and_one_is_launched_instead() {
    for (code, fault) in [
        ("capacity", Fault::Error(500, "InsufficientInstanceCapacity", "There is no Spot capacity".into())),
        ("state", Fault::Error(400, "IncorrectInstanceState", "not in a state from which it can be started".into())),
    ] {
        let stage = Stage::new(&format!("pool-{code}"), 1).await;
        let handle = start(&stage, pool(1, false)).await;
        until(&handle, Lifecycle::Warm, 1).await;
        stage.changes();
        stage.proxy.fail(At::Action("StartInstances"), fault);
        play(&handle, Action::ScaleOut(1)).await;
        let changes =
            ["CreateTags", "StartInstances", "CreateTags", "RunInstances", "RegisterInstancesWithLoadBalancer"];
        assert_eq!(stage.changes(), changes, "{code}");
        let observed = stage.look().await;
        let warm = observed.instances.iter().filter(|member| member.lifecycle() == Lifecycle::Warm).count();
        assert_eq!((observed.count(), warm), (2, 1), "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_starts_and_fills_once() {
    for fault in [Fault::Lost, Fault::Refused, Fault::Broken(502)] {
        let stage =
            Stage::new(&format!("pool-lost-{}", format!("{fault:?}").to_lowercase().replace(['(', ')'], "")), 0).await;
        stage.proxy.fail(At::Action("RunInstances"), fault.clone());
        let handle = start(&stage, pool(2, false)).await;
        until(&handle, Lifecycle::Warm, 2).await;
        stage.proxy.fail(At::Action("StartInstances"), fault.clone());
        play(&handle, Action::ScaleOut(1)).await;
        until(&handle, Lifecycle::Warm, 2).await;
        let observed = stage.look().await;
        assert_eq!((observed.count(), observed.instances.len()), (1, 3), "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_fills_uses_and_shows_the_pool() {
    let mut stage = Stage::new("pool-cli", 1).await;
    let text = format!("{}[warm]\nsize = 1\n", stage.text);
    std::fs::write(stage.file.path(), &text).unwrap();
    stage.config = handwave::config::Config::parse(&text, "the test's").unwrap();
    let timed = async || {
        let before = Instant::now();
        let (status, out, err) = run(&stage, &["fleet", "out", "1", "--live"]).await;
        assert_eq!(status, 0, "{out}{err}");
        (before.elapsed(), out + &err)
    };
    let (cold, told) = timed().await;
    assert!(told.contains("Preparing for the warm pool: i-"), "{told}");
    sleep(Duration::from_secs(2)).await;
    let (_, out, _) = run(&stage, &["fleet", "status", "--live"]).await;
    let is_warm = |line: &&str| line.starts_with("i-") && line.contains(" warm ");
    assert_eq!(out.lines().filter(is_warm).count(), 1, "{out}");
    let (warm, told) = timed().await;
    assert!(told.contains("Starting from the warm pool: i-"), "{told}");
    // moto boots at once, so both take the time of the first look's wait and of the calls.
    println!("cold {:.1} s, warm {:.1} s", cold.as_secs_f64(), warm.as_secs_f64());
    let found = open(&stage.config).await.fleet(true).await.unwrap();
    assert_eq!((found.pool.warm.size, found.pool.keeps), (1, true));
    let served = found.holds.instances.iter().find(|member| member.instance.tags.contains_key(POOL_TAG)).unwrap();
    assert_eq!(served.instance.tags.get("handwave:recipe"), found.pool.recipe.as_ref());

    // What a template or a script that ends early would prepare is refused before anything is launched.
    std::fs::write(stage.file.path(), text.replace("[instance]\n", "[instance]\nlaunch_template = \"web\"\n")).unwrap();
    let (status, _, err) = run(&stage, &["fleet", "out", "1", "--live"]).await;
    assert_eq!(status, 1);
    assert!(err.contains("name it in instance.user_data, or set warm.size to 0"), "{err}");
    let states = stage.look().await.instances.iter().map(|member| member.instance.state).collect::<Vec<_>>();
    assert!(states.iter().all(|state| matches!(state, InstanceState::Running | InstanceState::Stopped)), "{states:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_says_whether_the_pool_can_be_started_and_stopped() {
    let stage = Stage::new("pool-doctor", 1).await;
    std::fs::write(stage.file.path(), format!("{}[warm]\nsize = 1\n", stage.text)).unwrap();
    let doctor = async || run(&stage, &["doctor", "--live", "--camera", "puppet"]).await.1;
    assert!(doctor().await.contains("an instance of the warm pool alone; there is none"));
    let handle = start(&stage, pool(1, false)).await;
    until(&handle, Lifecycle::Warm, 1).await;
    let told = doctor().await;
    for action in ["StartInstances", "StopInstances"] {
        assert!(told.contains(&format!("ec2:{action} is allowed")), "{told}");
    }
    let words = "You are not authorized to perform this operation.";
    stage.proxy.fail(At::Action("StartInstances"), Fault::Error(403, "UnauthorizedOperation", words.into()));
    assert!(doctor().await.contains("ec2:StartInstances is not allowed: You are not authorized"));
}
