//! The reconciler's rules, one scene each, on paused time.

use std::time::Duration;

use handwave::clouds::simulated::{Call, Effect, Fault, Front, Simulated, Times};
use handwave::command::{Action, Command, InstanceId, Source};
use handwave::event::{Event, Stamped};
use handwave::fleet::ports::{CloudError, ErrorKind, InstanceState};
use handwave::fleet::{FleetState, Handle, Leases, Lifecycle, Limits, Outcome, Pool, Reconciler, Timing};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

const CHANGES: [Call; 5] = [Call::Launch, Call::Tag, Call::Register, Call::Deregister, Call::Terminate];
const READS: [Call; 2] = [Call::List, Call::Health];

struct Scene {
    cloud: Simulated,
    handle: Handle,
    task: JoinHandle<FleetState>,
    events: UnboundedReceiver<Stamped>,
}

impl Scene {
    /// `n` instances in service, and a reconciler that has settled.
    async fn with(n: usize) -> Self {
        let cloud = Simulated::default();
        cloud.add_in_service(n);
        let scene = Scene::on(cloud);
        scene.handle.settled().await.unwrap();
        scene
    }

    fn on(cloud: Simulated) -> Self {
        Scene::timed(cloud, Timing::default())
    }

    fn timed(cloud: Simulated, timing: Timing) -> Self {
        cloud.keep_history();
        let (tell, events) = unbounded_channel();
        let (handle, task) = Reconciler::spawn(
            cloud.ports(),
            Limits { min: 0, max: 20 },
            Pool::default(),
            Leases::default(),
            timing,
            tell,
        );
        Scene { cloud, handle, task, events }
    }

    /// The command's outcome, once the fleet is settled after it.
    async fn play(&self, action: Action) -> Outcome {
        let outcome = self.handle.send(Command::new(Source::CommandLine { user: None }, action)).await.unwrap();
        self.handle.settled().await.unwrap();
        outcome
    }

    fn calls(&self, calls: &[Call]) -> usize {
        calls.iter().map(|&call| self.cloud.calls(call)).sum()
    }

    /// Faults for `n` calls to come.
    fn fail(&self, call: Call, fault: Fault, n: usize) {
        (0..n).for_each(|_| self.cloud.fail_next(call, fault.clone()));
    }

    /// How many instances are at this point of their lifecycle.
    fn at(&self, lifecycle: Lifecycle) -> usize {
        self.handle.state().borrow().lifecycles().get(&lifecycle).copied().unwrap_or(0)
    }

    /// The names of the events so far, and their sentences.
    fn told(&mut self) -> (Vec<String>, Vec<String>) {
        let events = std::iter::from_fn(|| self.events.try_recv().ok().map(|stamped| stamped.event));
        let name = |event: &Event| serde_json::to_value(event).unwrap()["event"].as_str().unwrap().to_owned();
        events.map(|event| (name(&event), event.to_string())).unzip()
    }
}

fn launched(cloud: &Simulated) -> usize {
    cloud.history().iter().filter(|past| matches!(past.effect, Effect::Launched { .. })).count()
}

fn before(kind: ErrorKind, code: &str) -> Fault {
    Fault::Before(CloudError::new(kind, code, "told to fail"))
}

fn lost() -> Fault {
    Fault::After(CloudError::no_answer("told to fail"))
}

#[tokio::test(start_paused = true)]
async fn launching_is_two_changing_calls_for_any_number() {
    for n in [1, 5, 20] {
        let mut scene = Scene::with(0).await;
        let Outcome::Done { instances, cut: None } = scene.play(Action::ScaleOut(n)).await else { panic!() };
        assert_eq!(instances.len(), n);
        assert_eq!(scene.calls(&CHANGES), 2);
        assert_eq!(scene.at(Lifecycle::InService), n);
        assert_eq!(scene.told().0, ["command", "launched", "registered", "in-service"]);
    }
}

#[tokio::test(start_paused = true)]
async fn retiring_is_three_changing_calls_for_any_number() {
    for n in [1, 5, 20] {
        let mut scene = Scene::with(20).await;
        assert!(matches!(scene.play(Action::ScaleIn(n)).await, Outcome::Done { cut: None, .. }));
        assert_eq!(scene.calls(&CHANGES), 3);
        assert_eq!((scene.at(Lifecycle::InService), scene.at(Lifecycle::Terminated)), (20 - n, n));
        assert_eq!(scene.told().0, ["command", "retiring", "deregistered", "terminated"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_settled_fleet_costs_two_reads_in_thirty_seconds() {
    let scene = Scene::with(3).await;
    let reads = scene.calls(&READS);
    sleep(Duration::from_secs(300)).await;
    assert!((18..=20).contains(&(scene.calls(&READS) - reads)));
    assert_eq!(scene.calls(&CHANGES), 0);
}

#[tokio::test(start_paused = true)]
async fn every_event_of_a_command_names_it() {
    let mut scene = Scene::with(2).await;
    scene.play(Action::ScaleOut(1)).await;
    scene.play(Action::ScaleIn(1)).await;
    while let Ok(Stamped { event, .. }) = scene.events.try_recv() {
        let value = serde_json::to_value(&event).unwrap();
        assert!(value["command"].is_string() || value["id"].is_string(), "{value}");
    }
}

#[tokio::test(start_paused = true)]
async fn rule_1_a_new_process_completes_what_is_half_done() {
    // Killed after each call in turn.
    for call in CHANGES {
        let mut scene = Scene::with(3).await;
        for action in [Action::ScaleOut(2), Action::ScaleIn(2)] {
            scene.fail(call, Fault::Hang { effect: true }, 1);
            scene.handle.send(Command::new(Source::CommandLine { user: None }, action));
            tokio::select! {
                () = scene.cloud.hung() => {}
                () = sleep(Duration::from_secs(60)) => {}
            }
            scene.task.abort();
            scene.cloud.clear_faults();
            scene = Scene::on(scene.cloud);
            scene.handle.settled().await.unwrap();
            let truth = scene.cloud.truth();
            let running = truth.iter().filter(|truth| truth.state == InstanceState::Running);
            assert!(running.clone().all(|truth| truth.registered && !truth.retiring), "{call:?}");
            assert_eq!(running.count(), scene.at(Lifecycle::InService), "{call:?}");
        }
        assert_eq!(scene.at(Lifecycle::InService), 3, "{call:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rule_1_no_command_is_accepted_while_the_cloud_may_hide_the_last_process_launch() {
    let scene = Scene::with(0).await;
    scene.handle.send(Command::new(Source::CommandLine { user: None }, Action::ScaleOut(15)));
    while launched(&scene.cloud) == 0 {
        sleep(Duration::from_millis(10)).await;
    }
    scene.task.abort();
    let scene = Scene::on(scene.cloud);
    let Outcome::Done { instances, cut: Some(_) } = scene.play(Action::ScaleOut(15)).await else { panic!() };
    assert_eq!(instances.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn rule_2_registered_but_terminated_is_deregistered() {
    let mut scene = Scene::with(2).await;
    scene.cloud.reap(&scene.cloud.truth()[0].id);
    sleep(Duration::from_secs(40)).await;
    assert!(!scene.cloud.truth()[0].registered);
    assert_eq!(scene.told().0, ["terminated", "deregistered"]);
}

#[tokio::test(start_paused = true)]
async fn rule_2_what_somebody_starts_again_drains_before_it_is_terminated() {
    let times = Times { start: Duration::from_secs(30), drain: Duration::from_secs(20), ..Times::default() };
    let cloud = Simulated::new(times, 1);
    let ids = cloud.add_in_service(2);
    let scene = Scene::on(cloud);
    scene.handle.settled().await.unwrap();
    scene.cloud.set_stopped(&ids[0], true);
    scene.cloud.set_stopped(&ids[0], false);
    scene.play(Action::Terminate(vec![ids[0].clone()])).await;
    let past = scene.cloud.history();
    let end = past.iter().find(|past| matches!(past.effect, Effect::Terminated(_))).unwrap();
    assert!(end.before.iter().all(|truth| !truth.draining));
}

#[tokio::test(start_paused = true)]
async fn rule_4_what_cannot_start_in_ten_seconds_is_refused_and_never_done() {
    let scene = Scene::with(1).await;
    scene.fail(Call::List, before(ErrorKind::Unavailable, "ServiceUnavailable"), 9);
    let sent = Instant::now();
    let command = Command::new(Source::CommandLine { user: None }, Action::ScaleOut(1));
    let Outcome::Refused { reason } = scene.handle.send(command).await.unwrap() else { panic!() };
    assert_eq!(sent.elapsed().as_secs(), 10);
    assert_eq!(reason, "not done within 10 s: ServiceUnavailable: told to fail");
    scene.handle.settled().await.unwrap();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(scene.calls(&CHANGES), 0);
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_lost_answer_launches_nothing_twice() {
    for fault in [lost(), Fault::Hang { effect: true }] {
        let scene = Scene::with(0).await;
        scene.fail(Call::Launch, fault, 1);
        let Outcome::Done { instances, cut: None } = scene.play(Action::ScaleOut(3)).await else { panic!() };
        assert_eq!(instances.len(), 3);
        assert_eq!((launched(&scene.cloud), scene.cloud.calls(Call::Launch)), (1, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn rule_5_what_was_launched_without_an_answer_is_put_into_service() {
    let scene = Scene::with(0).await;
    scene.fail(Call::Launch, lost(), 100);
    assert!(matches!(scene.play(Action::ScaleOut(3)).await, Outcome::Unknown { .. }));
    assert_eq!((launched(&scene.cloud), scene.at(Lifecycle::InService)), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn rule_5_no_command_is_accepted_while_the_cloud_may_hide_a_launch_without_an_answer() {
    let cloud = Simulated::new(Times { visible: Duration::from_secs(50), ..Times::default() }, 1);
    let scene = Scene::timed(cloud, Timing { hidden: Duration::from_secs(60), ..Timing::default() });
    scene.handle.settled().await.unwrap();
    // Six tries in 30 s.
    scene.fail(Call::Launch, lost(), 6);
    let ask = |n| scene.handle.send(Command::new(Source::CommandLine { user: None }, Action::ScaleOut(n)));
    assert!(matches!(ask(3).await, Ok(Outcome::Unknown { .. })));
    assert!(matches!(ask(20).await, Ok(Outcome::Refused { .. })));
    scene.handle.settled().await.unwrap();
    assert_eq!(scene.at(Lifecycle::InService), 3);
}

#[tokio::test(start_paused = true)]
async fn rule_5_partial_capacity_is_taken_and_the_rest_is_said() {
    let mut scene = Scene::with(0).await;
    scene.cloud.set_room(2);
    let Outcome::Done { instances, cut: Some(cut) } = scene.play(Action::ScaleOut(3)).await else { panic!() };
    assert_eq!((instances.len(), cut.as_str()), (2, "the cloud has no room for more"));
    assert!(scene.told().1.contains(&"Only 2 of 3: the cloud has no room for more.".to_owned()));
    let Outcome::Refused { reason } = scene.play(Action::ScaleOut(1)).await else { panic!() };
    assert!(reason.starts_with("InsufficientInstanceCapacity"));
    assert_eq!(scene.told().0, ["command", "error"]);
}

#[tokio::test(start_paused = true)]
async fn rule_5_an_instance_that_dies_while_it_starts_tells_why() {
    let mut scene = Scene::with(0).await;
    scene.cloud.doom_next("Client.VolumeLimitExceeded");
    scene.play(Action::ScaleOut(1)).await;
    assert!(scene.told().1.last().unwrap().ends_with("(Client.VolumeLimitExceeded)."));
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_protected_id_is_dropped_and_the_others_go_on() {
    // The terminated are counted at the end.
    let cloud = Simulated::new(Times { remembered: Duration::from_secs(3600), ..Times::default() }, 1);
    cloud.add_in_service(4);
    let mut scene = Scene::on(cloud);
    scene.handle.settled().await.unwrap();
    let protected = scene.cloud.truth()[1].id.clone();
    scene.cloud.protect(&protected, true);
    scene.play(Action::ScaleIn(4)).await;
    assert_eq!((scene.at(Lifecycle::Terminated), scene.at(Lifecycle::Retiring)), (3, 1));
    let trouble = scene.handle.state().borrow().trouble.clone();
    let why = format!("OperationNotPermitted: {protected}: protected from termination");
    assert_eq!(trouble, Some(format!("the cloud refuses to terminate {protected} ({why})")));
    let error = format!("OperationNotPermitted: {protected}: protected from termination ({protected}).");
    assert_eq!(scene.told().1.iter().filter(|told| **told == error).count(), 1);
    // Once the protection is lifted, the retirement completes by itself.
    scene.cloud.protect(&protected, false);
    sleep(Duration::from_secs(360)).await;
    assert_eq!(scene.at(Lifecycle::Terminated), 4);
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_bad_id_in_a_batch_is_dropped() {
    let scene = Scene::with(3).await;
    let bad = scene.cloud.truth()[2].id.clone();
    let error = CloudError::new(ErrorKind::NotFound, "InvalidInstanceID.NotFound", "told to fail").about(vec![bad]);
    scene.fail(Call::Tag, Fault::Before(error), 1);
    let Outcome::Done { instances, cut: Some(cut) } = scene.play(Action::ScaleIn(2)).await else { panic!() };
    assert_eq!(instances.len(), 1);
    assert!(cut.starts_with("InvalidInstanceID.NotFound"));
}

#[tokio::test(start_paused = true)]
async fn rule_6_an_empty_answer_is_not_an_empty_fleet() {
    let scene = Scene::with(20).await;
    scene.fail(Call::List, Fault::Empty, 100);
    let Outcome::Refused { reason } = scene.play(Action::ScaleOut(5)).await else { panic!() };
    assert_eq!(reason, "the fleet has 20 and its maximum is 20");
    assert_eq!((scene.calls(&CHANGES), scene.cloud.calls(Call::Find)), (0, 1));
    // What is looked up by id is as good as what is listed.
    let ended = || scene.cloud.truth().iter().filter(|truth| truth.state == InstanceState::Terminated).count();
    scene.play(Action::ScaleIn(2)).await;
    assert_eq!((ended(), scene.at(Lifecycle::InService)), (2, 18));

    scene.cloud.clear_faults();
    scene.fail(Call::Health, Fault::Empty, 3);
    scene.play(Action::ScaleIn(2)).await;
    assert_eq!((ended(), scene.at(Lifecycle::InService)), (4, 16));
}

#[tokio::test(start_paused = true)]
async fn rule_6_an_empty_answer_is_not_an_empty_fleet_at_the_start_and_for_hours() {
    let cloud = Simulated::default();
    cloud.add_in_service(20);
    for call in [Call::List, Call::Find] {
        (0..100_000).for_each(|_| cloud.fail_next(call, Fault::Empty));
    }
    let mut scene = Scene::on(cloud);
    for wait in [0, 3600] {
        sleep(Duration::from_secs(wait)).await;
        let command = Command::new(Source::CommandLine { user: None }, Action::ScaleOut(5));
        let Ok(Outcome::Refused { reason }) = scene.handle.send(command).await else { panic!() };
        assert!(reason.starts_with("not done within 10 s: the cloud's answer lacks instances"), "{reason}");
    }
    assert_eq!(scene.calls(&CHANGES), 0);
    assert_eq!(scene.told().0, ["error", "command", "refused", "command", "refused"]);
    scene.cloud.clear_faults();
    scene.handle.settled().await.unwrap();
    assert_eq!(scene.at(Lifecycle::InService), 20);
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_refusal_after_a_lost_answer_does_not_say_that_nothing_was_done() {
    for refusal in ["IdempotentParameterMismatch", "InsufficientInstanceCapacity", "UnauthorizedOperation"] {
        let scene = Scene::with(0).await;
        scene.fail(Call::Launch, lost(), 1);
        scene.fail(Call::Launch, before(ErrorKind::Refused, refusal), 100);
        // The tag tells what the command launched.
        let outcome = scene.play(Action::ScaleOut(3)).await;
        assert!(matches!(&outcome, Outcome::Done { instances, .. } if instances.len() == 3), "{outcome:?}");
        assert_eq!((launched(&scene.cloud), scene.at(Lifecycle::InService)), (1, 3));

        let scene = Scene::with(0).await;
        scene.fail(Call::Launch, Fault::Before(CloudError::no_answer("lost before")), 1);
        scene.fail(Call::Launch, before(ErrorKind::Refused, refusal), 100);
        let outcome = scene.play(Action::ScaleOut(3)).await;
        assert!(matches!(&outcome, Outcome::Unknown { reason } if reason.contains(refusal)), "{outcome:?}");

        let scene = Scene::with(3).await;
        scene.fail(Call::Tag, lost(), 1);
        scene.fail(Call::Tag, before(ErrorKind::Refused, refusal), 100);
        let outcome = scene.play(Action::ScaleIn(1)).await;
        assert!(matches!(&outcome, Outcome::Unknown { .. }), "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rule_5_one_id_that_cannot_be_changed_holds_up_no_other() {
    let scene = Scene::with(3).await;
    let gone = scene.cloud.truth()[0].id.clone();
    let error = CloudError::new(ErrorKind::NotFound, "InvalidInstance", "could not find it").about(vec![gone.clone()]);
    scene.fail(Call::Deregister, Fault::Before(error), 8);
    scene.cloud.reap(&gone);
    let Outcome::Done { instances, .. } = scene.play(Action::ScaleOut(1)).await else { panic!() };
    assert!(scene.cloud.truth().iter().any(|truth| truth.id == instances[0] && truth.registered));
    scene.play(Action::ScaleIn(1)).await;
    assert_eq!(scene.at(Lifecycle::InService), 2);
}

#[tokio::test(start_paused = true)]
async fn rule_5_an_instance_in_another_network_is_told_and_left() {
    let scene = Scene::with(1).await;
    let sent = scene.handle.send(Command::new(Source::CommandLine { user: None }, Action::ScaleOut(2)));
    let Ok(Outcome::Done { instances, .. }) = sent.await else { panic!() };
    scene.cloud.set_elsewhere(&instances[0], true);
    scene.handle.settled().await.unwrap();
    assert_eq!((scene.at(Lifecycle::InService), scene.at(Lifecycle::Registering)), (2, 1));
    let trouble = scene.handle.state().borrow().trouble.clone().unwrap();
    assert!(trouble.starts_with(&format!("the cloud refuses to register {}", instances[0])), "{trouble}");
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_stuck_instance_is_told_and_no_longer_looked_at_often() {
    let cloud = Simulated::new(Times { shut_down: Duration::from_secs(36_000), ..Times::default() }, 1);
    cloud.add_in_service(3);
    let scene = Scene::on(cloud);
    scene.handle.settled().await.unwrap();
    let (reads, start) = (scene.calls(&READS), Instant::now());
    scene.play(Action::ScaleIn(1)).await;
    assert!((90..120).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    let trouble = scene.handle.state().borrow().trouble.clone().unwrap();
    assert!(trouble.contains("has been terminating for"), "{trouble}");
    scene.play(Action::ScaleOut(1)).await;
    sleep(Duration::from_secs(3600)).await;
    let reads = scene.calls(&READS) - reads;
    assert!(reads < 350, "{reads} reads in an hour");
}

#[tokio::test(start_paused = true)]
async fn rule_8_polling_gets_rarer_while_nothing_changes() {
    let cloud = Simulated::new(Times { drain: Duration::from_secs(300), ..Times::default() }, 1);
    cloud.add_in_service(2);
    let scene = Scene::on(cloud);
    scene.handle.settled().await.unwrap();
    scene.handle.send(Command::new(Source::CommandLine { user: None }, Action::ScaleIn(1))).await.unwrap();
    let reads = scene.cloud.calls(Call::List);
    sleep(Duration::from_secs(290)).await;
    let reads = scene.cloud.calls(Call::List) - reads;
    // 2 s between two looks at first, an eighth of the time since the last change later.
    assert!((25..50).contains(&reads), "{reads}");
}

#[tokio::test(start_paused = true)]
async fn rule_9_two_at_once_do_not_pass_the_maximum() {
    let scene = Scene::with(0).await;
    let other = Scene::on(scene.cloud.clone());
    other.handle.settled().await.unwrap();
    let (one, another) = tokio::join!(scene.play(Action::ScaleOut(20)), other.play(Action::ScaleOut(20)));
    let done = [&one, &another].iter().filter(|outcome| matches!(outcome, Outcome::Done { .. })).count();
    assert_eq!((done, launched(&scene.cloud)), (1, 1), "{one:?} {another:?}");
    assert_eq!(scene.cloud.truth().len(), 20);
    let refused = if matches!(one, Outcome::Refused { .. }) { one } else { another };
    let Outcome::Refused { reason } = refused else { panic!() };
    assert!(reason.starts_with("another handwave launched at the same moment"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn rule_9_another_handwave_is_noticed() {
    let mut scene = Scene::with(1).await;
    let other = Scene::on(scene.cloud.clone());
    other.play(Action::ScaleOut(2)).await;
    sleep(Duration::from_secs(60)).await;
    let told = scene.told().1;
    let noticed: Vec<_> = told.iter().filter(|told| told.starts_with("AnotherHandwave: launched by another")).collect();
    assert_eq!(noticed.len(), 1, "{told:?}");
    scene.play(Action::ScaleOut(1)).await;
    assert!(!scene.told().1.iter().any(|told| told.starts_with("AnotherHandwave")));
}

#[tokio::test(start_paused = true)]
async fn rule_2_a_balancer_that_goes_away_drains_no_more() {
    let cloud = Simulated::new(Times { drain: Duration::from_secs(200), ..Times::default() }, 1);
    cloud.add_in_service(3);
    let scene = Scene::on(cloud);
    scene.handle.settled().await.unwrap();
    scene.handle.send(Command::new(Source::CommandLine { user: None }, Action::ScaleIn(1))).await.unwrap();
    sleep(Duration::from_secs(10)).await;
    scene.cloud.delete_group(0);
    let start = Instant::now();
    scene.handle.settled().await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(60));
    assert_eq!(scene.at(Lifecycle::Terminated), 1);
    let trouble = scene.handle.state().borrow().trouble.clone().unwrap();
    assert_eq!(trouble, "there is no load balancer: nothing drains or comes into service");
    assert!(matches!(scene.play(Action::ScaleOut(1)).await, Outcome::Refused { .. }));
    assert!(matches!(scene.play(Action::ScaleIn(2)).await, Outcome::Done { .. }));
    assert_eq!(scene.at(Lifecycle::Terminated), 3);
}

#[tokio::test(start_paused = true)]
async fn rule_2_a_group_that_goes_away_does_not_cut_off_what_drains_in_another() {
    let times = Times { drain: Duration::from_secs(100), ..Times::default() };
    let cloud = Simulated::behind(Front::TargetGroups(2), times, 1);
    cloud.add_in_service(3);
    let scene = Scene::on(cloud);
    scene.handle.settled().await.unwrap();
    for group in [0, 1] {
        let start = Instant::now();
        let retire = Command::new(Source::CommandLine { user: None }, Action::ScaleIn(1));
        scene.handle.send(retire).await.unwrap();
        scene.cloud.delete_group(group);
        while scene.at(Lifecycle::Terminated) <= group {
            sleep(Duration::from_secs(1)).await;
        }
        // The last group takes its drain with it.
        assert_eq!(start.elapsed() >= Duration::from_secs(100), group == 0, "{:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_balancer_costs_its_calls() {
    // Launching and retiring: one call each, and one or two more for each group.
    for (front, launching, retiring) in
        [(Front::Classic, 2, 3), (Front::TargetGroups(1), 2, 3), (Front::TargetGroups(2), 3, 4), (Front::Nothing, 1, 2)]
    {
        let scene = Scene::on(Simulated::behind(front, Times::default(), 1));
        scene.handle.settled().await.unwrap();
        scene.play(Action::ScaleOut(5)).await;
        assert_eq!((scene.calls(&CHANGES), scene.at(Lifecycle::InService)), (launching, 5), "{front:?}");
        scene.play(Action::ScaleIn(5)).await;
        assert_eq!((scene.calls(&CHANGES), scene.at(Lifecycle::Terminated)), (launching + retiring, 5), "{front:?}");
        let reads = scene.calls(&READS);
        sleep(Duration::from_secs(300)).await;
        let groups = match front {
            Front::Classic => 1,
            Front::TargetGroups(n) => n,
            Front::Nothing => 0,
        };
        assert!(scene.calls(&READS) - reads <= 10 * (1 + groups), "{front:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn in_several_groups_an_instance_is_in_service_with_all_and_gone_when_it_has_left_all() {
    let scene = Scene::on(Simulated::behind(Front::TargetGroups(2), Times::default(), 1));
    scene.handle.settled().await.unwrap();
    // The second group's answer is lost, then refused for a while.
    scene.fail(Call::Register, Fault::Before(CloudError::no_answer("the first group")), 1);
    scene.play(Action::ScaleOut(2)).await;
    assert!(scene.cloud.truth().iter().all(|truth| truth.registered_with_all));
    scene.fail(Call::Deregister, Fault::Hang { effect: true }, 1);
    scene.play(Action::ScaleIn(2)).await;
    assert_eq!(scene.at(Lifecycle::Terminated), 2);
    assert!(scene.cloud.truth().iter().all(|truth| !truth.registered));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_launched_while_one_of_several_groups_is_missing() {
    let scene = Scene::on(Simulated::behind(Front::TargetGroups(2), Times::default(), 1));
    scene.handle.settled().await.unwrap();
    let gone = CloudError::new(ErrorKind::NoBalancer, "TargetGroupNotFound", "there is no target group blue");
    // Of two groups that are asked one after the other, the first.
    scene.fail(Call::Health, Fault::Before(gone), 1);
    let Outcome::Refused { reason, .. } = scene.play(Action::ScaleOut(1)).await else { panic!("it was launched") };
    assert!(reason.contains("nothing would come into service") && reason.contains("blue"), "{reason}");
    assert_eq!(scene.cloud.truth().len(), 0);
    scene.play(Action::ScaleOut(1)).await;
    assert_eq!(scene.at(Lifecycle::InService), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_6_a_balancers_stranger_is_reported_once_and_left() {
    let cloud = Simulated::default();
    let stranger = cloud.add_stranger(true);
    let mut scene = Scene::on(cloud);
    scene.play(Action::ScaleOut(1)).await;
    scene.play(Action::ScaleIn(1)).await;
    let told = scene.told().1;
    assert_eq!(told.iter().filter(|told| told.contains(&stranger.0)).count(), 1);
    assert!(scene.cloud.truth()[0].registered);
    let named = Action::Terminate(vec![stranger]);
    assert!(matches!(scene.play(named).await, Outcome::Refused { .. }));
}

#[tokio::test(start_paused = true)]
async fn rule_6_the_drain_is_bounded() {
    let cloud = Simulated::new(Times { drain: Duration::from_secs(100_000), ..Times::default() }, 1);
    cloud.add_in_service(2);
    let scene = Scene::on(cloud);
    let start = Instant::now();
    scene.play(Action::ScaleIn(1)).await;
    assert!((330..360).contains(&start.elapsed().as_secs()));
    assert_eq!(scene.at(Lifecycle::Terminated), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_7_throttling_is_backed_off_from_and_told_once() {
    let mut scene = Scene::with(1).await;
    scene.fail(Call::Register, before(ErrorKind::Throttled, "Throttling"), 6);
    let start = Instant::now();
    scene.play(Action::ScaleOut(1)).await;
    // 1 + 2 + 4 + 8 + 8 + 8 s between the tries.
    assert!(start.elapsed().as_secs() >= 31);
    assert_eq!(scene.cloud.calls(Call::Register), 7);
    assert_eq!(scene.told().0, ["command", "launched", "error", "registered", "in-service"]);
}

#[tokio::test(start_paused = true)]
async fn rule_7_expired_credentials_stop_changes_and_repair_resumes() {
    let scene = Scene::with(3).await;
    scene.handle.send(Command::new(Source::CommandLine { user: None }, Action::ScaleIn(1))).await.unwrap();
    scene.fail(Call::List, before(ErrorKind::Expired, "ExpiredToken"), 1000);
    sleep(Duration::from_secs(600)).await;
    let changes = scene.calls(&CHANGES);
    let trouble = scene.handle.state().borrow().trouble.clone();
    assert_eq!(trouble, Some("ExpiredToken: told to fail".to_owned()));
    assert!(matches!(
        scene.handle.send(Command::new(Source::CommandLine { user: None }, Action::ScaleIn(1))).await,
        Ok(Outcome::Refused { .. })
    ));
    scene.cloud.clear_faults();
    scene.handle.settled().await.unwrap();
    assert_eq!(scene.calls(&CHANGES), changes + 1);
    assert_eq!(scene.at(Lifecycle::Terminated), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_7_a_refused_change_is_said_and_does_not_hold_up_the_rest() {
    let mut scene = Scene::with(1).await;
    scene.fail(Call::Register, before(ErrorKind::Refused, "UnauthorizedOperation"), 1);
    scene.play(Action::ScaleOut(1)).await;
    assert_eq!(scene.at(Lifecycle::Registering), 1);
    assert!(scene.told().0.contains(&"error".to_owned()));
    sleep(Duration::from_secs(360)).await;
    assert_eq!(scene.at(Lifecycle::InService), 2);
}

#[tokio::test(start_paused = true)]
async fn stopping_finishes_the_call_under_way_and_tells_what_is_left() {
    let mut scene = Scene::with(0).await;
    let answer = scene.handle.send(Command::new(Source::CommandLine { user: None }, Action::ScaleOut(2)));
    let _ = answer.await;
    scene.handle.stop();
    let left = (&mut scene.task).await.unwrap();
    assert_eq!(left.to_string(), "2 instances (0 to 20): 2 launching");
    assert!(!left.settled);
    assert_eq!(scene.told().0, ["command", "launched"]);
    scene = Scene::on(scene.cloud);
    assert_eq!(scene.handle.settled().await.unwrap().to_string(), "2 instances (0 to 20): 2 in service");
}

#[tokio::test(start_paused = true)]
async fn stopping_does_not_wait_for_a_read_that_hangs() {
    let scene = Scene::with(1).await;
    scene.fail(Call::List, Fault::Hang { effect: false }, 9);
    sleep(Duration::from_secs(35)).await;
    let answer = scene.handle.send(Command::new(Source::CommandLine { user: None }, Action::ScaleOut(2)));
    let start = Instant::now();
    scene.handle.stop();
    scene.task.await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 0);
    assert!(!matches!(answer.await, Ok(Outcome::Done { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_countdown_sees_the_victims_that_would_be_retired() {
    let scene = Scene::with(3).await;
    let sick: InstanceId = scene.cloud.truth()[0].id.clone();
    scene.cloud.set_sick(&sick, true);
    sleep(Duration::from_secs(31)).await;
    let shown = scene.handle.state().borrow().victims(2);
    let Outcome::Done { instances, .. } = scene.play(Action::ScaleIn(2)).await else { panic!() };
    assert_eq!(shown, instances);
    assert_eq!(shown[0], sick);
}
