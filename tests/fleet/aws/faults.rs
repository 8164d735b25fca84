//! AWS and the way to it failing, over real sockets. After each scene the fleet is as designed, and events say what
//! happened.

use std::sync::Arc;
use std::time::Duration;

use handwave::command::{Action, Command, Source};
use handwave::event::{Event, Stamped};
use handwave::fleet::{FleetState, Handle, Leases, Lifecycle, Outcome, Pool};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::proxy::{At, Fault};
use super::{Front, QUICK, Stage};

/// Scenes at a time, that moto keeps up with.
const AT_ONCE: usize = 4;

struct Scene {
    stage: Stage,
    handle: Handle,
    events: UnboundedReceiver<Stamped>,
}

impl Scene {
    /// Two in service, and a reconciler that has settled.
    async fn new(name: &str) -> Scene {
        Scene::behind(Front::Classic, name).await
    }

    async fn behind(front: Front, name: &str) -> Scene {
        let stage = Stage::behind(front, name, 2).await;
        let (tell, events) = unbounded_channel();
        let handle = stage.reconcile(Pool::default(), Leases::default(), tell).await;
        handle.settled().await.unwrap();
        Scene { stage, handle, events }
    }

    fn fail(&self, action: &'static str, fault: Fault, n: usize) {
        (0..n).for_each(|_| self.stage.proxy.fail(At::Action(action), fault.clone()));
    }

    async fn play(&self, action: Action) -> Outcome {
        let outcome = self.handle.send(Command::new(Source::CommandLine { user: None }, action)).await.unwrap();
        self.settled().await;
        outcome
    }

    async fn settled(&self) -> FleetState {
        let settled = timeout(Duration::from_secs(120), self.handle.settled()).await;
        settled.unwrap_or_else(|_| panic!("never settled: {:?}", self.handle.state().borrow())).unwrap()
    }

    /// What `ScaleOut` and `ScaleIn` come to where a fault only delays them.
    async fn done(&mut self, action: Action, then: usize, code: &str) {
        let outcome = self.play(action).await;
        assert!(matches!(outcome, Outcome::Done { cut: None, .. }), "{outcome:?}");
        self.holds(then).await;
        assert!(self.told().iter().any(|told| told.starts_with(code)), "{code} is not told");
    }

    /// So many run, all in service; the others are gone.
    async fn holds(&self, n: usize) {
        assert_eq!(self.stage.wrongs().await, Vec::<String>::new());
        assert_eq!(self.stage.look().await.count(), n);
    }

    fn told(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.events.try_recv().ok()).map(|stamped| stamped.event.to_string()).collect()
    }

    fn count(&mut self, of: fn(&Event) -> bool) -> usize {
        std::iter::from_fn(|| self.events.try_recv().ok()).filter(|stamped| of(&stamped.event)).count()
    }
}

fn error(code: &'static str) -> Fault {
    let status = if code == "RequestLimitExceeded" { 503 } else { 400 };
    Fault::Error(status, code, "told to fail".into())
}

const RUN: &str = "RunInstances";
const TAG: &str = "CreateTags";
const REGISTER: &str = "RegisterInstancesWithLoadBalancer";
const DEREGISTER: &str = "DeregisterInstancesFromLoadBalancer";
const TERMINATE: &str = "TerminateInstances";
const DESCRIBE: &str = "DescribeInstances";
const HEALTH: &str = "DescribeInstanceHealth";

const REGISTER_TARGETS: &str = "RegisterTargets";
const DEREGISTER_TARGETS: &str = "DeregisterTargets";
const TARGET_HEALTH: &str = "DescribeTargetHealth";

/// Each call that may fail: all of them behind a classic balancer, and of the other kinds those that differ.
fn delayed() -> Vec<(Front, &'static str)> {
    let classic = [RUN, REGISTER, TAG, DEREGISTER, TERMINATE, DESCRIBE, HEALTH].map(|action| (Front::Classic, action));
    let targets = [REGISTER_TARGETS, DEREGISTER_TARGETS, TARGET_HEALTH];
    let groups = [1, 2].map(|n| targets.map(|action| (Front::TargetGroups(n), action))).concat();
    let none = [RUN, TERMINATE].map(|action| (Front::Nothing, action));
    [classic.as_slice(), &groups, &none].concat()
}

/// What a fault only delays: each change, failing in each way, is done once and said.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_fails_on_the_way_is_done_once_and_said() {
    let faults = [
        ("RequestLimitExceeded", error("RequestLimitExceeded")),
        ("Throttling", error("Throttling")),
        ("InternalError", Fault::Error(500, "InternalError", "told to fail".into())),
        ("HTTP502", Fault::Broken(502)),
        ("NoAnswer", Fault::Lost),
        ("NoAnswer", Fault::Refused),
        ("NoAnswer", Fault::Cut),
        ("NoAnswer", Fault::Slow(QUICK.call + Duration::from_secs(1))),
    ];
    let mut scenes = JoinSet::new();
    let room = Arc::new(Semaphore::new(AT_ONCE));
    for (i, (code, fault)) in faults.into_iter().enumerate() {
        for (j, (front, action)) in delayed().into_iter().enumerate() {
            let (fault, room) = (fault.clone(), room.clone());
            scenes.spawn(async move {
                let _place = room.acquire_owned().await.unwrap();
                let mut scene = Scene::behind(front, &format!("fault-{i}-{j}")).await;
                scene.fail(action, fault.clone(), 1);
                let launches = [RUN, REGISTER, REGISTER_TARGETS].contains(&action);
                let (asked, then) = if launches { (Action::ScaleOut(3), 5) } else { (Action::ScaleIn(1), 1) };
                scene.done(asked, then, code).await;
                eprintln!("{front:?} {action} {fault:?}: done");
            });
        }
    }
    all(scenes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_aws_refuses_is_said_and_dropped() {
    let mut scenes = JoinSet::new();
    for (i, code) in
        ["InsufficientInstanceCapacity", "InstanceLimitExceeded", "UnauthorizedOperation"].into_iter().enumerate()
    {
        scenes.spawn(async move {
            let mut scene = Scene::new(&format!("refused-{i}")).await;
            scene.fail(RUN, error(code), 1);
            let Outcome::Refused { reason } = scene.play(Action::ScaleOut(3)).await else { panic!() };
            assert_eq!(reason, format!("{code}: told to fail"));
            assert!(scene.told().contains(&format!("{code}: told to fail.")));
            assert_eq!(scene.stage.changes(), [RUN]);
            // The next one is not in its way.
            scene.play(Action::ScaleOut(1)).await;
            scene.holds(3).await;
        });
    }
    all(scenes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_termination_without_permission_waits_off_the_balancer() {
    let mut scene = Scene::new("unauthorized").await;
    scene.fail(TERMINATE, error("UnauthorizedOperation"), 1);
    scene.play(Action::ScaleIn(1)).await;
    let state = scene.settled().await;
    assert_eq!(state.lifecycles(), [(Lifecycle::InService, 1), (Lifecycle::Retiring, 1)].into());
    assert!(state.trouble.unwrap().starts_with("the cloud refuses to terminate i-"));
    assert!(scene.told().iter().any(|told| told.starts_with("UnauthorizedOperation: told to fail")));
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_credentials_stop_changes_and_repair_resumes() {
    let mut scene = Scene::new("expired").await;
    scene.fail(REGISTER, error("RequestExpired"), 2);
    scene.play(Action::ScaleOut(2)).await;
    scene.holds(4).await;
    assert_eq!(scene.count(|event| matches!(event, Event::Error { code, .. } if code == "RequestExpired")), 1);

    scene.fail(DESCRIBE, error("RequestExpired"), 1000);
    let command = Command::new(Source::CommandLine { user: None }, Action::ScaleOut(1));
    let Ok(Outcome::Refused { reason }) = scene.handle.send(command).await else { panic!() };
    assert_eq!(reason, "not done within 10 s: RequestExpired: told to fail");
    scene.stage.proxy.clear_faults();
    scene.settled().await;
    scene.holds(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_not_found_just_after_its_launch_is_asked_for_again() {
    let mut scene = Scene::new("not-found-yet").await;
    let message = "Could not find EC2 instance i-0123456789abcdef0.";
    scene.fail(REGISTER, Fault::Error(400, "InvalidInstance", message.into()), 1);
    scene.done(Action::ScaleOut(3), 5, "InvalidInstance").await;
    // A tag is a command's own: what cannot be tagged is said, and the next command finds it.
    scene.fail(TAG, error("InvalidInstanceID.NotFound"), 1);
    assert!(matches!(scene.play(Action::ScaleIn(1)).await, Outcome::Refused { .. }));
    scene.holds(5).await;
    scene.play(Action::ScaleIn(1)).await;
    scene.holds(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_answer_is_not_an_empty_fleet() {
    let mut scene = Scene::new("empty").await;
    scene.fail(DESCRIBE, Fault::Empty, 3);
    scene.fail(HEALTH, Fault::Empty, 3);
    let outcome = scene.play(Action::ScaleOut(20)).await;
    // Not 20: the two that an empty answer hides count. They are looked up by id, which is empty too at first.
    assert!(matches!(&outcome, Outcome::Done { instances, cut: Some(_) } if instances.len() == 18), "{outcome:?}");
    scene.holds(20).await;
    assert!(scene.told().iter().any(|told| told.starts_with("Incomplete")));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_id_in_a_batch_is_dropped_and_said() {
    let mut scene = Scene::new("bad-id").await;
    let ids: Vec<_> =
        scene.stage.truth.instances.list().await.unwrap().into_iter().map(|instance| instance.id).collect();
    let about = format!("The instance ID '{}' does not exist", ids[0]);
    scene.stage.proxy.fail(At::Action(TAG), Fault::Error(400, "InvalidInstanceID.NotFound", about));
    let outcome = scene.play(Action::ScaleIn(2)).await;
    let Outcome::Done { instances, cut: Some(reason) } = outcome else { panic!("{outcome:?}") };
    assert_eq!(instances, [ids[1].clone()]);
    assert!(reason.starts_with("InvalidInstanceID.NotFound"), "{reason}");
    assert!(scene.told().iter().any(|told| told.starts_with("Only 1 of 2")));
    scene.holds(1).await;

    // The same where repair does it: the protected one stays, the other goes.
    scene.play(Action::ScaleOut(1)).await;
    let protected = format!("The instance '{}' may not be terminated", ids[0]);
    scene.stage.proxy.fail(At::Action(TERMINATE), Fault::Error(400, "OperationNotPermitted", protected));
    scene.play(Action::ScaleIn(2)).await;
    let lifecycles = scene.settled().await.lifecycles();
    assert_eq!(lifecycles.get(&Lifecycle::Retiring), Some(&1));
    assert!(scene.told().iter().any(|told| told.starts_with("OperationNotPermitted")));
}

async fn all(mut scenes: JoinSet<()>) {
    let mut failed = 0;
    while let Some(scene) = scenes.join_next().await {
        failed += usize::from(scene.is_err());
    }
    assert_eq!(failed, 0, "scenes failed; each says why above");
}
