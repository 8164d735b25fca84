//! The warm pool's rules, a scene each, on paused time. Several are what other warm pools got wrong once.

use std::time::Duration;

use handwave::clouds::simulated::{Call, Effect, Fault, Simulated, Times, Truth};
use handwave::command::{Action, Command, InstanceId, Source};
use handwave::event::Stamped;
use handwave::fleet::ports::{CloudError, ErrorKind, InstanceState};
use handwave::fleet::{FleetState, Handle, Leases, Lifecycle, Limits, Outcome, Pool, Reconciler, Timing, Warm};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// Long enough for a pool to be filled and prepared, and for commands to be done.
const WHILE: Duration = Duration::from_secs(60);

struct Scene {
    cloud: Simulated,
    handle: Handle,
    task: JoinHandle<FleetState>,
    events: UnboundedReceiver<Stamped>,
}

fn pool(size: usize, reuse: bool) -> Pool {
    let warm = Warm { size, reuse, prepare_within: Duration::from_secs(120) };
    Pool { warm, recipe: Some("one".to_owned()), keeps: true }
}

/// A cloud on which instances take their time to set up.
fn cloud() -> Simulated {
    // The terminated are looked at to the end.
    let remembered = Duration::from_secs(7200);
    Simulated::new(Times { set_up: Duration::from_secs(6), remembered, ..Times::default() }, 1)
}

impl Scene {
    /// `n` in service and a pool that is full.
    async fn with(n: usize, pool: Pool) -> Scene {
        let cloud = cloud();
        cloud.add_in_service(n);
        let scene = Scene::on(cloud, pool);
        sleep(WHILE).await;
        scene
    }

    fn on(cloud: Simulated, pool: Pool) -> Scene {
        cloud.keep_history();
        let (tell, events) = unbounded_channel();
        let (handle, task) = Reconciler::spawn(
            cloud.ports(),
            Limits { min: 0, max: 5 },
            pool,
            Leases::default(),
            Timing::default(),
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

    async fn out(&self, n: usize) -> Vec<InstanceId> {
        let Outcome::Done { instances, cut: None } = self.play(Action::ScaleOut(n)).await else { panic!() };
        instances
    }

    fn at(&self, lifecycle: Lifecycle) -> usize {
        self.handle.state().borrow().lifecycles().get(&lifecycle).copied().unwrap_or(0)
    }

    fn ids(&self, lifecycle: Lifecycle) -> Vec<InstanceId> {
        let state = self.handle.state().borrow().clone();
        let members = state.observed.iter().flat_map(|observed| &observed.instances);
        members.filter(|member| member.lifecycle() == lifecycle).map(|member| member.id().clone()).collect()
    }

    fn address(&self, id: &InstanceId) -> Option<String> {
        let state = self.handle.state().borrow().clone();
        state.observed.unwrap().get(id).unwrap().instance.public_address.clone()
    }

    fn truth(&self, id: &InstanceId) -> Truth {
        self.cloud.truth().into_iter().find(|truth| truth.id == *id).unwrap()
    }

    /// The ids of each effect of a kind, oldest first.
    fn effects(&self, pick: fn(&Effect) -> Option<&Vec<InstanceId>>) -> Vec<Vec<InstanceId>> {
        self.cloud.history().iter().filter_map(|past| pick(&past.effect).cloned()).collect()
    }

    fn starts(&self) -> Vec<Vec<InstanceId>> {
        self.effects(|effect| if let Effect::Started(ids) = effect { Some(ids) } else { None })
    }

    fn stops(&self) -> Vec<Vec<InstanceId>> {
        self.effects(|effect| if let Effect::Stopped(ids) = effect { Some(ids) } else { None })
    }

    fn launches(&self, warm: bool) -> usize {
        let of = |effect: &Effect| match effect {
            Effect::Launched { ids, warm: is_warm, .. } if *is_warm == warm => ids.len(),
            _ => 0,
        };
        self.cloud.history().iter().map(|past| of(&past.effect)).sum()
    }

    fn fail(&self, call: Call, kind: ErrorKind, code: &str) {
        self.cloud.fail_next(call, Fault::Before(CloudError::new(kind, code, "told to fail")));
    }

    fn told(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.events.try_recv().ok().map(|stamped| stamped.event.to_string())).collect()
    }

    /// The process is killed, and another one started.
    fn restart(self, pool: Pool) -> Scene {
        self.task.abort();
        Scene::on(self.cloud, pool)
    }
}

#[tokio::test(start_paused = true)]
async fn rule_11_a_pool_is_filled_once_and_powers_itself_off() {
    let mut scene = Scene::with(2, pool(3, false)).await;
    assert_eq!((scene.at(Lifecycle::Warm), scene.at(Lifecycle::InService)), (3, 2));
    assert_eq!((scene.launches(true), scene.cloud.calls(Call::Launch)), (3, 1));
    let state = scene.handle.state().borrow().clone();
    assert_eq!((state.count(), state.settled), (2, true));
    assert_eq!(state.to_string(), "2 instances (0 to 5): 2 in service, 3 warm");
    let told = scene.told();
    assert!(told[0].starts_with("Preparing for the warm pool: 3: i-"), "{told:?}");
    assert!(told[1].starts_with("Ready in the warm pool: 3: i-"), "{told:?}");
    assert_eq!((scene.stops(), told.len()), (vec![], 2));
    assert!(scene.cloud.truth().iter().all(|truth| truth.pool.is_none() || !truth.registered));
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_launch_takes_from_the_pool_first_and_the_pool_is_refilled() {
    let mut scene = Scene::with(1, pool(2, false)).await;
    scene.told();
    let ready = scene.ids(Lifecycle::Warm);
    let before = Instant::now();
    let ids = scene.out(3).await;
    assert_eq!((scene.starts(), &ids[..2]), (vec![ready.clone()], &ready[..]));
    assert_eq!((scene.launches(false), scene.at(Lifecycle::InService)), (1, 4));
    assert!(before.elapsed() < WHILE);
    sleep(WHILE).await;
    assert_eq!((scene.at(Lifecycle::Warm), scene.launches(true)), (2, 4));
    let told = scene.told();
    assert!(told.iter().any(|told| told.starts_with("Starting from the warm pool: 2: ")), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn rule_12_what_is_warm_is_in_service_sooner() {
    let timed = async |pool| {
        let scene = Scene::with(1, pool).await;
        let before = Instant::now();
        scene.out(1).await;
        before.elapsed().as_secs_f64()
    };
    let (warm, cold) = (timed(pool(1, false)).await, timed(Pool::default()).await);
    assert!(2.0 * warm < cold, "{warm} {cold}");
}

#[tokio::test(start_paused = true)]
async fn rule_12_the_maximum_holds_for_what_is_started_too() {
    let scene = Scene::with(4, pool(3, false)).await;
    let Outcome::Done { instances, cut } = scene.play(Action::ScaleOut(3)).await else { panic!() };
    assert_eq!((instances.len(), cut.as_deref()), (1, Some("the fleet has 4 and its maximum is 5")));
    assert!(matches!(scene.play(Action::ScaleOut(1)).await, Outcome::Refused { .. }));
    assert_eq!(scene.starts().concat().len(), 1);
}

// Others: all warm instances were started to replace one.
#[tokio::test(start_paused = true)]
async fn rule_12_one_is_started_for_one() {
    let scene = Scene::with(1, pool(3, false)).await;
    scene.out(1).await;
    sleep(WHILE).await;
    assert_eq!(scene.starts().concat().len(), 1);
}

// Others: the tag was changed and the start failed for capacity, and the instance was lost under its new tag.
#[tokio::test(start_paused = true)]
async fn rule_12_without_room_for_a_start_it_is_warm_again_and_one_is_launched_instead() {
    for (kind, code) in [
        (ErrorKind::Capacity, "InsufficientInstanceCapacity"),
        (ErrorKind::Refused, "IncorrectInstanceState"),
        (ErrorKind::Refused, "UnauthorizedOperation"),
    ] {
        let scene = Scene::with(1, pool(1, false)).await;
        let warm = scene.ids(Lifecycle::Warm).remove(0);
        scene.fail(Call::Start, kind, code);
        let ids = scene.out(1).await;
        assert!(!ids.contains(&warm));
        assert_eq!((scene.at(Lifecycle::InService), scene.ids(Lifecycle::Warm)), (2, vec![warm.clone()]), "{code}");
        assert!(scene.truth(&warm).pool.unwrap().starts_with("back@"));
        // It is left alone for a while, then it serves.
        assert!(!scene.out(1).await.contains(&warm));
        sleep(Duration::from_secs(400)).await;
        assert_eq!(scene.out(1).await, [warm]);
        assert_eq!(scene.launches(true), 2, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn rule_12_where_there_is_room_for_some_they_are_started() {
    let scene = Scene::with(0, pool(3, false)).await;
    scene.fail(Call::Start, ErrorKind::Capacity, "InsufficientInstanceCapacity");
    scene.fail(Call::Start, ErrorKind::Capacity, "InsufficientInstanceCapacity");
    let ids = scene.out(3).await;
    assert_eq!((ids.len(), scene.starts().concat().len(), scene.launches(false)), (3, 2, 1));
    assert_eq!(scene.at(Lifecycle::InService), 3);
}

#[tokio::test(start_paused = true)]
async fn rule_12_a_start_without_an_answer_is_repeated_not_replaced() {
    for fault in [
        Fault::After(CloudError::no_answer("told to fail")),
        Fault::Before(CloudError::no_answer("told to fail")),
        Fault::Before(CloudError::new(ErrorKind::Throttled, "RequestLimitExceeded", "told to fail")),
    ] {
        let scene = Scene::with(1, pool(1, false)).await;
        let warm = scene.ids(Lifecycle::Warm);
        scene.cloud.fail_next(Call::Start, fault);
        assert_eq!(scene.out(1).await, warm);
        assert_eq!((scene.at(Lifecycle::InService), scene.launches(false)), (2, 0));
    }
}

// Others: one capacity error blocked all scaling.
#[tokio::test(start_paused = true)]
async fn rule_11_a_pool_that_cannot_be_filled_holds_up_nothing() {
    for (kind, code) in [
        (ErrorKind::Capacity, "InsufficientInstanceCapacity"),
        (ErrorKind::Refused, "UnauthorizedOperation"),
        (ErrorKind::Taken, "IdempotentParameterMismatch"),
    ] {
        let cloud = cloud();
        cloud.add_in_service(2);
        let scene = Scene::on(cloud, pool(2, false));
        scene.fail(Call::Launch, kind, code);
        sleep(WHILE).await;
        assert_eq!((scene.cloud.calls(Call::Launch), scene.launches(true)), (1, 0), "{code}");
        assert!(scene.handle.state().borrow().settled, "{code}");
        assert_eq!(scene.out(1).await.len(), 1);
        assert!(matches!(scene.play(Action::ScaleIn(1)).await, Outcome::Done { cut: None, .. }));
        // It is tried again after five minutes.
        sleep(Duration::from_secs(360)).await;
        assert_eq!(scene.at(Lifecycle::Warm), 2, "{code}");
    }
}

// Others: buffers were made twice.
#[tokio::test(start_paused = true)]
async fn rule_11_a_lost_answer_fills_no_pool_twice() {
    for fault in [
        Fault::After(CloudError::no_answer("told to fail")),
        Fault::Hang { effect: true },
        Fault::Hang { effect: false },
        Fault::Before(CloudError::no_answer("told to fail")),
    ] {
        let scene = Scene::on(cloud(), pool(3, false));
        scene.cloud.fail_next(Call::Launch, fault);
        sleep(WHILE).await;
        assert_eq!((scene.at(Lifecycle::Warm), scene.launches(true)), (3, 3));
    }
}

#[tokio::test(start_paused = true)]
async fn rule_11_neither_a_restart_nor_two_at_once_fill_a_pool_twice() {
    let scene = Scene::on(cloud(), pool(3, false));
    scene.cloud.fail_next(Call::Launch, Fault::Hang { effect: true });
    scene.cloud.hung().await;
    let scene = scene.restart(pool(3, false));
    sleep(WHILE).await;
    assert_eq!((scene.at(Lifecycle::Warm), scene.launches(true)), (3, 3));

    let one = Scene::on(cloud(), pool(3, false));
    let other = Scene::on(one.cloud.clone(), pool(3, false));
    sleep(WHILE).await;
    assert_eq!((one.at(Lifecycle::Warm), other.at(Lifecycle::Warm), one.launches(true)), (3, 3, 3));
}

// Others: a changed image left old ones behind.
#[tokio::test(start_paused = true)]
async fn rule_13_another_recipe_replaces_what_is_warm_and_leaves_what_serves() {
    let scene = Scene::with(0, pool(2, false)).await;
    let served = scene.out(1).await;
    sleep(WHILE).await;
    let old = scene.ids(Lifecycle::Warm);
    let mut scene = scene.restart(Pool { recipe: Some("two".into()), ..pool(2, false) });
    sleep(2 * WHILE).await;
    let new = scene.ids(Lifecycle::Warm);
    assert_eq!((new.len(), new.iter().any(|id| old.contains(id))), (2, false));
    assert!(old.iter().all(|id| scene.truth(id).state == InstanceState::Terminated));
    assert_eq!(scene.ids(Lifecycle::InService), served);
    let told = scene.told();
    let why = "it is made of another image, type or user data than new ones";
    assert!(told.iter().any(|told| told.starts_with("Leaving the warm pool: 2") && told.contains(why)), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn rule_13_what_is_made_by_an_old_recipe_is_not_started() {
    let scene = Scene::with(0, pool(1, false)).await;
    let old = scene.ids(Lifecycle::Warm);
    let using = Pool { recipe: Some("two".into()), keeps: false, ..pool(1, false) };
    let scene = scene.restart(using);
    assert_ne!(scene.out(1).await, old);
    assert!(scene.starts().is_empty());
}

// Others: instances were stopped before they were ready, and served unprepared.
#[tokio::test(start_paused = true)]
async fn rule_13_what_somebody_stopped_while_it_was_prepared_is_replaced() {
    let mut scene = Scene::on(cloud(), pool(1, false));
    while scene.at(Lifecycle::Preparing) == 0 {
        sleep(Duration::from_millis(500)).await;
    }
    let half = scene.cloud.truth().remove(0).id;
    sleep(Duration::from_secs(5)).await;
    scene.cloud.set_stopped(&half, true);
    sleep(2 * WHILE).await;
    assert_eq!(scene.truth(&half).state, InstanceState::Terminated);
    assert_eq!((scene.at(Lifecycle::Warm), scene.launches(true)), (1, 2));
    assert_eq!((scene.starts().len(), scene.stops().len()), (0, 0));
    let told = scene.told();
    assert!(told.iter().any(|told| told.contains("it was stopped by somebody else")), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn rule_13_what_never_gets_ready_is_retired_and_three_in_a_row_end_it() {
    let cloud = cloud();
    cloud.set_endless(true);
    let mut scene = Scene::on(cloud, pool(1, false));
    sleep(Duration::from_secs(3600)).await;
    assert_eq!((scene.launches(true), scene.at(Lifecycle::Preparing)), (3, 0));
    let trouble = scene.handle.state().borrow().trouble.clone().unwrap();
    assert!(trouble.starts_with("the warm pool is not filled any more: 3 instances in a row"), "{trouble}");
    assert!(scene.told().iter().any(|told| told.contains("did not power itself off within warm.prepare_within")));
    // Everything else goes on.
    assert_eq!(scene.out(2).await.len(), 2);
    scene.cloud.set_endless(false);
    let scene = scene.restart(pool(1, false));
    sleep(WHILE).await;
    assert_eq!(scene.at(Lifecycle::Warm), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_13_what_dies_while_it_is_prepared_is_not_replaced_for_ever() {
    let cloud = cloud();
    (0..9).for_each(|_| cloud.doom_next("Server.InternalError: it died while it started"));
    let scene = Scene::on(cloud, pool(2, false));
    sleep(Duration::from_secs(3600)).await;
    assert!(scene.launches(true) <= 4, "{}", scene.launches(true));
}

#[tokio::test(start_paused = true)]
async fn rule_13_a_smaller_pool_loses_its_newest_and_none_loses_all() {
    let scene = Scene::with(1, pool(3, false)).await;
    let scene = scene.restart(pool(1, false));
    sleep(WHILE).await;
    assert_eq!((scene.at(Lifecycle::Warm), scene.at(Lifecycle::InService)), (1, 1));
    let scene = scene.restart(Pool { keeps: false, ..pool(0, false) });
    sleep(WHILE).await;
    assert_eq!(scene.at(Lifecycle::Warm), 1, "a process that does not keep the pool leaves it alone");
    let scene = scene.restart(pool(0, false));
    sleep(WHILE).await;
    assert_eq!((scene.at(Lifecycle::Warm), scene.at(Lifecycle::InService)), (0, 1));
    assert_eq!(scene.launches(true), 3);
}

// Others: victims were chosen by the launch time, which a start moves.
#[tokio::test(start_paused = true)]
async fn rule_3_the_newest_is_the_one_that_was_launched_last_not_the_one_that_was_started_last() {
    let scene = Scene::with(0, pool(1, false)).await;
    let warm = scene.ids(Lifecycle::Warm);
    // It has no room now, so a younger one is launched.
    scene.fail(Call::Start, ErrorKind::Capacity, "InsufficientInstanceCapacity");
    let younger = scene.out(1).await;
    sleep(Duration::from_secs(400)).await;
    assert_eq!(scene.out(1).await, warm);
    let (of_warm, of_younger) = (scene.truth(&warm[0]).launched, scene.truth(&younger[0]).launched);
    assert!(of_warm > of_younger);
    let Outcome::Done { instances, .. } = scene.play(Action::ScaleIn(1)).await else { panic!() };
    assert_eq!(instances, younger);
}

#[tokio::test(start_paused = true)]
async fn rule_14_what_is_retired_goes_back_and_serves_again_under_another_address() {
    let mut scene = Scene::with(1, pool(1, true)).await;
    let warm = scene.ids(Lifecycle::Warm);
    assert_eq!(scene.out(1).await, warm);
    sleep(WHILE).await;
    // Its place is kept.
    assert_eq!((scene.at(Lifecycle::Warm), scene.launches(true)), (0, 1));
    let address = scene.address(&warm[0]).unwrap();
    scene.told();
    let Outcome::Done { instances, cut: None } = scene.play(Action::ScaleIn(1)).await else { panic!() };
    assert_eq!(instances, warm);
    assert_eq!((scene.ids(Lifecycle::Warm), scene.stops()), (warm.clone(), vec![warm.clone()]));
    assert_eq!((scene.truth(&warm[0]).registered, scene.address(&warm[0])), (false, None));
    let told = scene.told();
    let words = ["Asked to", "Going back to the warm pool", "Deregistered", "Ready in the warm pool"];
    assert!(told.len() == 4 && told.iter().zip(words).all(|(told, word)| told.starts_with(word)), "{told:?}");

    let registered = scene.cloud.calls(Call::Register);
    assert_eq!(scene.out(1).await, warm);
    assert_ne!(scene.address(&warm[0]).unwrap(), address);
    assert_eq!((scene.cloud.calls(Call::Register), scene.at(Lifecycle::InService)), (registered + 1, 2));
    assert_eq!((scene.launches(true), scene.launches(false)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn rule_14_what_is_sick_outdated_or_never_was_the_pools_ends() {
    let scene = Scene::with(0, pool(2, true)).await;
    let warm = scene.out(3).await;
    assert_eq!((scene.starts().concat().len(), scene.launches(false)), (2, 1));
    scene.cloud.set_sick(&warm[0], true);
    sleep(WHILE).await;
    let Outcome::Done { instances, .. } = scene.play(Action::ScaleIn(3)).await else { panic!() };
    assert_eq!(instances.len(), 3);
    let states = warm.iter().map(|id| scene.truth(id).state).collect::<Vec<_>>();
    assert_eq!(states, [InstanceState::Terminated, InstanceState::Stopped, InstanceState::Terminated]);

    let scene = Scene::with(0, pool(1, true)).await;
    let warm = scene.out(1).await;
    let scene = scene.restart(Pool { recipe: Some("two".into()), ..pool(1, true) });
    sleep(WHILE).await;
    scene.play(Action::Terminate(warm.clone())).await;
    sleep(WHILE).await;
    assert_eq!(scene.truth(&warm[0]).state, InstanceState::Terminated);
}

#[tokio::test(start_paused = true)]
async fn rule_14_nothing_is_stopped_before_it_has_drained() {
    let times = Times { drain: Duration::from_secs(20), ..Times::default() };
    let scene = Scene::on(Simulated::new(times, 1), pool(1, true));
    sleep(WHILE).await;
    scene.out(1).await;
    scene.play(Action::ScaleIn(1)).await;
    let past = scene.cloud.history();
    let stop = past.iter().find(|past| matches!(past.effect, Effect::Stopped(_))).unwrap();
    let off = past.iter().find(|past| matches!(past.effect, Effect::Deregistered(_))).unwrap();
    assert!(stop.at.duration_since(off.at) >= Duration::from_secs(20));
    assert!(stop.before.iter().all(|truth| !truth.registered && !truth.draining));
}

#[tokio::test(start_paused = true)]
async fn rule_15_somebody_elses_stop_is_not_undone() {
    let scene = Scene::with(1, pool(1, false)).await;
    let warm = scene.out(1).await;
    scene.cloud.set_stopped(&warm[0], true);
    sleep(2 * WHILE).await;
    assert_eq!(scene.truth(&warm[0]).state, InstanceState::Stopped);
    assert_eq!((scene.starts().len(), scene.at(Lifecycle::Stopped)), (1, 1));
    // When they start it again, it serves on.
    scene.cloud.set_stopped(&warm[0], false);
    sleep(WHILE).await;
    assert_eq!(scene.at(Lifecycle::InService), 2);
}

#[tokio::test(start_paused = true)]
async fn rule_15_what_is_not_the_pools_is_neither_started_nor_stopped() {
    let scene = Scene::with(3, pool(1, true)).await;
    let other = scene.ids(Lifecycle::InService).remove(0);
    scene.cloud.set_stopped(&other, true);
    sleep(WHILE).await;
    scene.out(1).await;
    scene.play(Action::ScaleIn(3)).await;
    let touched: Vec<InstanceId> = scene.starts().concat().into_iter().chain(scene.stops().concat()).collect();
    assert!(touched.iter().all(|id| scene.truth(id).pool.is_some()), "{touched:?}");
    assert_eq!(scene.truth(&other).state, InstanceState::Stopped);
}

#[tokio::test(start_paused = true)]
async fn rule_15_somebody_elses_registration_of_a_warm_one_is_taken_back() {
    let scene = Scene::with(1, pool(1, false)).await;
    let warm = scene.ids(Lifecycle::Warm).remove(0);
    scene.cloud.set_stopped(&warm, false);
    sleep(Duration::from_secs(2)).await;
    scene.cloud.ports().balancer.register(std::slice::from_ref(&warm)).await.unwrap();
    scene.cloud.set_stopped(&warm, true);
    sleep(2 * WHILE).await;
    assert!(!scene.truth(&warm).registered);
}

#[tokio::test(start_paused = true)]
async fn rule_1_a_new_process_completes_what_the_pool_was_doing() {
    for call in [Call::Launch, Call::Tag, Call::Start, Call::Register, Call::Deregister, Call::Stop] {
        for effect in [true, false] {
            let mut scene = Scene::with(1, pool(2, true)).await;
            for action in [Action::ScaleOut(2), Action::ScaleIn(2)] {
                scene.cloud.fail_next(call, Fault::Hang { effect });
                scene.handle.send(Command::new(Source::CommandLine { user: None }, action));
                tokio::select! {
                    () = scene.cloud.hung() => {}
                    () = sleep(WHILE) => {}
                }
                scene.cloud.clear_faults();
                scene = scene.restart(pool(2, true));
                sleep(2 * WHILE).await;
                let state = scene.handle.state().borrow().clone();
                assert!(state.settled && state.trouble.is_none(), "{call:?} {effect}: {state}");
                let (serve, warm) = (scene.at(Lifecycle::InService), scene.at(Lifecycle::Warm));
                assert_eq!(serve, state.count(), "{call:?} {effect}: {state}");
                let of_pool = scene.cloud.truth().iter().filter(|truth| truth.pool.is_some()).count();
                assert_eq!((of_pool, scene.launches(false)), (2, 0), "{call:?} {effect}: {serve} and {warm}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rule_10_a_start_from_the_pool_is_a_persons_launch() {
    let scene = Scene::with(1, pool(1, true)).await;
    scene.out(1).await;
    let said =
        |scene: &Scene| scene.handle.state().borrow().said.clone().map(|(said, _)| (said.what, said.count)).unwrap();
    assert_eq!(said(&scene), (handwave::fleet::What::Launch, 2));
    scene.play(Action::ScaleIn(1)).await;
    assert_eq!(said(&scene), (handwave::fleet::What::Retire, 1));
    let other = Scene::on(scene.cloud.clone(), pool(1, true));
    sleep(WHILE).await;
    other.out(1).await;
    sleep(WHILE).await;
    assert_eq!(said(&scene), (handwave::fleet::What::Other, 2));
}
