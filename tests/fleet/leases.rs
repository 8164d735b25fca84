//! The rules of leases, a scene each, on paused time.

use std::sync::Arc;
use std::time::Duration;

use handwave::clouds::simulated::{Call, Effect, Fault, Simulated, Times, Truth};
use handwave::command::{Action, Command, InstanceId, Source};
use handwave::event::{Event, Stamped};
use handwave::fleet::ports::{CloudError, ErrorKind, InstanceState};
use handwave::fleet::{
    FleetState, Handle, Lease, LeaseSettings, Leases, Lifecycle, Limits, Outcome, Pool, Reconciler, Then, Timing, Warm,
};
use handwave::metrics::Metrics;
use handwave::policy::activity::Activity;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::sleep;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

struct Scene {
    cloud: Simulated,
    handle: Handle,
    task: JoinHandle<FleetState>,
    events: UnboundedReceiver<Stamped>,
    settings: LeaseSettings,
    pool: Pool,
}

fn settings(then: Then) -> LeaseSettings {
    LeaseSettings { at_most: 2, lasts: HOUR, longest: 4 * HOUR, then, keep: 24 * HOUR, ..LeaseSettings::default() }
}

fn pool(size: usize) -> Pool {
    let warm = Warm { size, reuse: false, prepare_within: Duration::from_secs(120) };
    Pool { warm, recipe: Some("one".to_owned()), keeps: true }
}

impl Scene {
    /// One in service, and a pool that is full.
    async fn with(settings: LeaseSettings, pool: Pool) -> Scene {
        Scene::at(Times::default(), settings, pool).await
    }

    /// The same on a cloud that hides nothing: what two processes do there is seen by both.
    async fn seen_at_once(settings: LeaseSettings, pool: Pool) -> Scene {
        Scene::at(Times { visible: Duration::ZERO, ..Times::default() }, settings, pool).await
    }

    async fn at(times: Times, settings: LeaseSettings, pool: Pool) -> Scene {
        let times = Times { remembered: 100 * HOUR, ..times };
        let cloud = Simulated::new(times, 1);
        cloud.add_in_service(1);
        cloud.keep_history();
        let scene = Scene::on(cloud, settings, pool);
        sleep(MINUTE).await;
        scene
    }

    fn on(cloud: Simulated, settings: LeaseSettings, pool: Pool) -> Scene {
        let (tell, events) = unbounded_channel();
        let leases = Leases { settings: settings.clone(), wall: cloud.wall() };
        let limits = Limits { min: 1, max: 4 };
        let (handle, task) = Reconciler::spawn(cloud.ports(), limits, pool.clone(), leases, Timing::default(), tell);
        Scene { cloud, handle, task, events, settings, pool }
    }

    /// The process is killed, and another one started.
    fn restart(self) -> Scene {
        self.task.abort();
        Scene::on(self.cloud, self.settings, self.pool)
    }

    async fn play(&self, action: Action) -> Outcome {
        let user = Some("anna".to_owned());
        let outcome = self.handle.send(Command::new(Source::CommandLine { user }, action)).await.unwrap();
        self.handle.settled().await.unwrap();
        outcome
    }

    async fn lease(&self, who: &str) -> InstanceId {
        let outcome = self.play(Action::Lease { who: who.to_owned(), lasts: HOUR }).await;
        let Outcome::Done { instances, cut: None } = outcome else { panic!("{outcome:?}") };
        let [id] = &instances[..] else { panic!("{instances:?}") };
        id.clone()
    }

    async fn refused(&self, action: Action) -> String {
        match self.play(action).await {
            Outcome::Refused { reason } => reason,
            other => panic!("{other:?}"),
        }
    }

    fn truth(&self, id: &InstanceId) -> Truth {
        self.cloud.truth().into_iter().find(|truth| truth.id == *id).unwrap()
    }

    fn lifecycle(&self, id: &InstanceId) -> Option<Lifecycle> {
        self.handle.state().borrow().observed.as_ref()?.get(id).map(handwave::fleet::Member::lifecycle)
    }

    fn held(&self, id: &InstanceId) -> Option<Lease> {
        self.handle.state().borrow().observed.as_ref()?.get(id)?.lease()
    }

    /// How long the lease goes on.
    fn left(&self, id: &InstanceId) -> Duration {
        self.held(id).unwrap().left((self.cloud.wall())())
    }

    fn told(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.events.try_recv().ok().map(|stamped| stamped.event)).collect()
    }

    fn launches(&self) -> usize {
        let of = |effect: &Effect| matches!(effect, Effect::Launched { warm: false, .. });
        self.cloud.history().iter().filter(|past| of(&past.effect)).count()
    }

    /// Those that were started, each time.
    fn starts(&self) -> Vec<InstanceId> {
        let of = |effect: Effect| if let Effect::Started(ids) = effect { ids } else { Vec::new() };
        self.cloud.history().into_iter().flat_map(|past| of(past.effect)).collect()
    }

    /// Lets leases go on while they are used.
    fn watch(&self) {
        let metrics: Option<Arc<dyn Metrics>> = Some(Arc::new(self.cloud.clone()));
        let (settings, fleet, wall) = (self.settings.clone(), self.handle.clone(), self.cloud.wall());
        Activity { settings, metrics, fleet, wall }.spawn();
    }
}

fn names(told: &[Event], id: &InstanceId) -> Vec<&'static str> {
    let name = |event: &Event| match event {
        Event::Leased(_) => Some("leased"),
        Event::LeaseExtended(_) => Some("extended"),
        Event::LeaseEnding(_) => Some("ending"),
        Event::LeaseEnded { .. } => Some("ended"),
        _ => None,
    };
    let about = told.iter().filter(|event| event.lease().is_some_and(|leased| leased.of.instances.contains(id)));
    about.filter_map(name).collect()
}

#[tokio::test(start_paused = true)]
async fn rule_16_a_lease_is_one_more_instance_that_ends_by_itself() {
    let mut scene = Scene::with(settings(Then::Retire), Pool::default()).await;
    let id = scene.lease("anna").await;
    assert_eq!(scene.lifecycle(&id), Some(Lifecycle::InService));
    assert_eq!(scene.handle.state().borrow().count(), 2);
    assert!(scene.left(&id) > 58 * MINUTE && scene.left(&id) <= HOUR);
    sleep(50 * MINUTE).await;
    assert_eq!(names(&scene.told(), &id), ["leased"]);
    sleep(7 * MINUTE).await;
    assert_eq!(names(&scene.told(), &id), ["ending"], "it is warned of once");
    sleep(10 * MINUTE).await;
    assert_eq!(names(&scene.told(), &id), ["ended"]);
    assert_eq!(scene.truth(&id).state, InstanceState::Terminated);
    assert_eq!(scene.handle.state().borrow().count(), 1, "the minimum is left");
}

#[tokio::test(start_paused = true)]
async fn rule_17_nothing_else_takes_what_is_leased() {
    let scene = Scene::with(settings(Then::Retire), Pool::default()).await;
    let id = scene.lease("anna").await;
    assert_eq!(scene.handle.state().borrow().victims(9), [], "the minimum is the other one");
    let refused = scene.refused(Action::ScaleIn(1)).await;
    assert_eq!(refused, "the fleet has 2, of which 1 are leased, and its minimum is 1");
    assert!(scene.refused(Action::Reach(1)).await.contains("1 are leased"));
    let refused = scene.refused(Action::Terminate(vec![id.clone()])).await;
    assert!(refused.contains(&format!("{id} is leased to anna until ")), "{refused}");
    scene.play(Action::ScaleOut(1)).await;
    let Outcome::Done { instances, .. } = scene.play(Action::ScaleIn(2)).await else { panic!() };
    assert!(instances.len() == 1 && instances[0] != id, "{instances:?}");
    // Not even where it is sick.
    scene.cloud.set_sick(&id, true);
    sleep(MINUTE).await;
    assert_eq!(scene.lifecycle(&id), Some(Lifecycle::Unhealthy));
    assert!(scene.refused(Action::ScaleIn(1)).await.contains("leased"));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_granted_is_refused_with_the_reason() {
    let scene = Scene::with(settings(Then::Retire), Pool::default()).await;
    let id = scene.lease("anna").await;
    let lease = |who: &str| Action::Lease { who: who.to_owned(), lasts: HOUR };
    assert!(scene.refused(lease("anna")).await.starts_with(&format!("anna has {id} already, until ")));
    scene.lease("bert").await;
    assert_eq!(scene.refused(lease("carl")).await, "2 leased, and lease.at_most is 2: wait until one ends");
    let off = Scene::with(LeaseSettings::default(), Pool::default()).await;
    assert_eq!(off.refused(lease("anna")).await, "nothing is leased here: set lease.at_most in config.toml");
    let full = Scene::with(settings(Then::Retire), Pool::default()).await;
    full.play(Action::ScaleOut(3)).await;
    assert_eq!(full.refused(lease("anna")).await, "the fleet has 4 and its maximum is 4");
    assert_eq!(full.refused(Action::Release("i-none".into())).await, "i-none is not in the fleet");
}

#[tokio::test(start_paused = true)]
async fn rule_18_an_end_moves_forward_alone_and_a_release_is_an_end() {
    let mut scene = Scene::with(settings(Then::Retire), Pool::default()).await;
    let id = scene.lease("anna").await;
    sleep(30 * MINUTE).await;
    let extend = |lasts| Action::Extend { id: id.clone(), lasts };
    assert!(scene.refused(extend(10 * MINUTE)).await.contains("later than asked for"));
    assert!(matches!(scene.play(extend(2 * HOUR)).await, Outcome::Done { cut: None, .. }));
    assert!(scene.left(&id) > 119 * MINUTE);
    let Outcome::Done { cut: Some(cut), .. } = scene.play(extend(4 * HOUR)).await else { panic!() };
    assert!(cut.contains("no lease goes on for more than 240 min"), "{cut}");
    assert!(scene.left(&id) < 4 * HOUR - 29 * MINUTE, "since its beginning it lasts no longer than lease.longest");
    assert!(scene.refused(extend(4 * HOUR)).await.contains("no lease goes on for more than 240 min"));
    assert!(scene.refused(extend(9 * HOUR)).await.contains("ask for less"));
    assert_eq!(names(&scene.told(), &id), ["leased", "extended", "extended"]);
    scene.play(Action::Release(id.clone())).await;
    assert_eq!(scene.truth(&id).state, InstanceState::Terminated);
    assert_eq!(names(&scene.told(), &id), ["ended"]);
}

#[tokio::test(start_paused = true)]
async fn rule_19_with_stop_it_is_kept_for_the_same_person_alone() {
    let mut scene = Scene::with(settings(Then::Stop), Pool::default()).await;
    let id = scene.lease("anna").await;
    sleep(70 * MINUTE).await;
    assert_eq!(scene.truth(&id).state, InstanceState::Stopped);
    assert!(scene.told().iter().any(|event| matches!(event, Event::LeaseEnded { kept: true, .. })));
    let address = |scene: &Scene, id| {
        let state = scene.handle.state().borrow().clone();
        state.observed.unwrap().get(id).unwrap().instance.private_address.clone()
    };
    let before = address(&scene, &id);
    assert_ne!(scene.lease("bert").await, id);
    scene.play(Action::ScaleOut(1)).await;
    assert_eq!(scene.truth(&id).state, InstanceState::Stopped, "a launch leaves it alone");
    assert_eq!(scene.lease("anna").await, id);
    assert_eq!((scene.truth(&id).state, address(&scene, &id)), (InstanceState::Running, before));
    scene.play(Action::Release(id.clone())).await;
    sleep(10 * MINUTE).await;
    assert_eq!(scene.truth(&id).state, InstanceState::Stopped);
    sleep(25 * HOUR).await;
    assert_eq!(scene.truth(&id).state, InstanceState::Terminated, "it is kept for a day");
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_can_be_given_up() {
    let scene = Scene::with(settings(Then::Stop), Pool::default()).await;
    let id = scene.lease("anna").await;
    scene.play(Action::Release(id.clone())).await;
    assert_eq!(scene.truth(&id).state, InstanceState::Stopped);
    scene.play(Action::Release(id.clone())).await;
    assert_eq!(scene.truth(&id).state, InstanceState::Terminated);
}

#[tokio::test(start_paused = true)]
async fn a_lease_takes_from_the_warm_pool_which_is_filled_again() {
    for then in [Then::Retire, Then::Stop] {
        let scene = Scene::with(settings(then), pool(1)).await;
        let id = scene.lease("anna").await;
        assert_eq!((scene.starts(), scene.launches()), (vec![id.clone()], 0));
        sleep(MINUTE).await;
        let warm = |scene: &Scene| scene.handle.state().borrow().lifecycles().get(&Lifecycle::Warm).copied();
        assert_eq!(warm(&scene), Some(1), "its place is filled");
        sleep(2 * HOUR).await;
        let kept = if then == Then::Stop { InstanceState::Stopped } else { InstanceState::Terminated };
        assert_eq!(scene.truth(&id).state, kept);
        let ready = if then == Then::Stop { 2 } else { 1 };
        assert_eq!(warm(&scene), Some(ready), "what is kept takes no place in the pool");
        scene.play(Action::ScaleOut(2)).await;
        assert_eq!(scene.truth(&id).state, kept, "a launch takes what is nobody's");
    }
}

#[tokio::test(start_paused = true)]
async fn without_room_for_a_start_another_one_is_launched_and_the_first_is_nobodys() {
    let scene = Scene::with(settings(Then::Retire), pool(1)).await;
    let full = CloudError::new(ErrorKind::Capacity, "InsufficientInstanceCapacity", "told to fail");
    scene.cloud.fail_next(Call::Start, Fault::Before(full));
    let id = scene.lease("anna").await;
    assert_eq!((scene.launches(), scene.starts()), (1, vec![]));
    assert_eq!(scene.held(&id).map(|lease| lease.who), Some("anna".to_owned()));
    let leased = scene.cloud.truth().into_iter().filter(|truth| truth.lease.as_ref().is_some_and(|of| !of.is_empty()));
    assert_eq!(leased.map(|truth| truth.id).collect::<Vec<_>>(), [id]);
}

#[tokio::test(start_paused = true)]
async fn a_lease_outlives_the_process_in_its_tag() {
    let scene = Scene::with(settings(Then::Retire), Pool::default()).await;
    let id = scene.lease("anna").await;
    let scene = scene.restart();
    sleep(30 * MINUTE).await;
    assert!(scene.refused(Action::ScaleIn(1)).await.contains("leased"));
    let until = scene.held(&id).unwrap().until;
    scene.task.abort();
    // Nobody runs when it ends.
    sleep(HOUR).await;
    assert_eq!(scene.truth(&id).state, InstanceState::Running);
    let mut scene = scene.restart();
    sleep(4 * MINUTE).await;
    assert_eq!(scene.truth(&id).state, InstanceState::Running, "whoever has it is warned first");
    assert_eq!(names(&scene.told(), &id), ["ending"]);
    sleep(5 * MINUTE).await;
    assert_eq!(scene.truth(&id).state, InstanceState::Terminated, "it was over at {until}");
}

#[tokio::test(start_paused = true)]
async fn a_kill_between_the_tag_and_the_start_leaves_the_lease_to_be_asked_for_again() {
    let scene = Scene::with(settings(Then::Retire), pool(1)).await;
    // Its tag is written, and then the process dies.
    scene.cloud.fail_next(Call::Tag, Fault::Hang { effect: true });
    let lasts = HOUR;
    scene.handle.send(Command::new(Source::CommandLine { user: None }, Action::Lease { who: "anna".into(), lasts }));
    scene.cloud.hung().await;
    let scene = scene.restart();
    sleep(MINUTE).await;
    assert_eq!(scene.starts(), [], "nobody is served by what nobody asks for any more");
    let id = scene.lease("anna").await;
    assert_eq!((scene.starts(), scene.launches()), (vec![id], 0));
}

#[tokio::test(start_paused = true)]
async fn rule_20_activity_lets_a_lease_go_on_to_the_longest() {
    let used = LeaseSettings { activity: vec![handwave::fleet::Sign::Cpu], busy_cpu: 10.0, ..settings(Then::Retire) };
    let mut scene = Scene::with(used, Pool::default()).await;
    scene.watch();
    let id = scene.lease("anna").await;
    // 60 % CPU each.
    sleep(3 * HOUR).await;
    assert_eq!(scene.lifecycle(&id), Some(Lifecycle::InService));
    let told = scene.told();
    let why = told.iter().find_map(|event| match event {
        Event::Command(command) if matches!(command.action, Action::Extend { .. }) => Some(event.to_string()),
        _ => None,
    });
    let why = why.unwrap();
    assert!(
        why.starts_with(&format!("Asked to let the lease of {id} end in 60 min by the policy lease: its CPU was at")),
        "{why}"
    );
    let extended = names(&told, &id).iter().filter(|name| **name == "extended").count();
    assert!((10..=36).contains(&extended), "{extended} calls in three hours");
    sleep(90 * MINUTE).await;
    assert_eq!(scene.truth(&id).state, InstanceState::Terminated, "four hours are the longest");
}

#[tokio::test(start_paused = true)]
async fn without_activity_it_ends_and_what_cannot_be_measured_is_activity() {
    let sign =
        |busy_cpu| LeaseSettings { activity: vec![handwave::fleet::Sign::Cpu], busy_cpu, ..settings(Then::Retire) };
    let idle = Scene::with(sign(99.0), Pool::default()).await;
    idle.watch();
    let id = idle.lease("anna").await;
    sleep(70 * MINUTE).await;
    assert_eq!(idle.truth(&id).state, InstanceState::Terminated);

    let blind = Scene::with(sign(99.0), Pool::default()).await;
    blind.watch();
    let id = blind.lease("anna").await;
    for _ in 0..500 {
        let denied = CloudError::new(ErrorKind::Refused, "AccessDenied", "told to fail");
        blind.cloud.fail_next(Call::Series, Fault::Before(denied));
    }
    sleep(2 * HOUR).await;
    assert_eq!(blind.lifecycle(&id), Some(Lifecycle::InService));
}

#[tokio::test(start_paused = true)]
async fn an_end_while_the_cloud_did_not_answer_is_put_off_until_use_was_measured() {
    let used = LeaseSettings { activity: vec![handwave::fleet::Sign::Cpu], busy_cpu: 10.0, ..settings(Then::Retire) };
    let scene = Scene::with(used, Pool::default()).await;
    let id = scene.lease("anna").await;
    sleep(50 * MINUTE).await;
    scene.watch();
    for call in [Call::List, Call::Series] {
        (0..200).for_each(|_| scene.cloud.fail_next(call, Fault::Before(CloudError::no_answer("told to fail"))));
    }
    sleep(20 * MINUTE).await;
    scene.cloud.clear_faults();
    sleep(30 * MINUTE).await;
    assert_eq!(scene.lifecycle(&id), Some(Lifecycle::InService), "it was in use all the time");
}

#[tokio::test(start_paused = true)]
async fn rule_18_what_another_process_wrote_counts() {
    let scene = Scene::seen_at_once(settings(Then::Retire), Pool::default()).await;
    let id = scene.lease("anna").await;
    let other = Scene::on(scene.cloud.clone(), scene.settings.clone(), scene.pool.clone());
    sleep(MINUTE).await;
    other.play(Action::Extend { id: id.clone(), lasts: 3 * HOUR }).await;
    // Its own older tag does not hide it.
    assert!(scene.refused(Action::Extend { id: id.clone(), lasts: 2 * HOUR }).await.contains("later than asked for"));
    sleep(MINUTE).await;
    assert!(scene.left(&id) > 175 * MINUTE, "the later end counts");
}

#[tokio::test(start_paused = true)]
async fn of_two_processes_that_lease_one_machine_one_is_refused() {
    let scene = Scene::seen_at_once(settings(Then::Retire), pool(1)).await;
    let other = Scene::on(scene.cloud.clone(), scene.settings.clone(), Pool { keeps: false, ..scene.pool.clone() });
    sleep(MINUTE).await;
    let lease = |who: &str| Action::Lease { who: who.to_owned(), lasts: HOUR };
    let (one, two) = tokio::join!(scene.play(lease("anna")), other.play(lease("bert")));
    let done = [&one, &two].into_iter().filter(|outcome| matches!(outcome, Outcome::Done { .. })).count();
    assert_eq!(done, 1, "{one:?}, {two:?}");
}

#[tokio::test(start_paused = true)]
async fn an_end_whose_answer_was_lost_and_is_refused_then_holds_up_nothing() {
    let scene = Scene::with(settings(Then::Retire), Pool::default()).await;
    let id = scene.lease("anna").await;
    scene.cloud.fail_next(Call::Tag, Fault::Hang { effect: false });
    for _ in 0..100 {
        let denied = CloudError::new(ErrorKind::Refused, "UnauthorizedOperation", "told to fail");
        scene.cloud.fail_next(Call::Tag, Fault::Before(denied));
    }
    let outcome = scene.play(Action::Extend { id, lasts: 2 * HOUR }).await;
    assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    scene.cloud.clear_faults();
    assert!(matches!(scene.play(Action::ScaleOut(1)).await, Outcome::Done { cut: None, .. }));
}

#[tokio::test(start_paused = true)]
async fn what_is_still_being_stopped_is_waited_for() {
    let scene = Scene::with(settings(Then::Stop), Pool::default()).await;
    let id = scene.lease("anna").await;
    scene.handle.send(Command::new(Source::CommandLine { user: None }, Action::Release(id.clone()))).await.unwrap();
    let again = Action::Lease { who: "anna".to_owned(), lasts: HOUR };
    assert!(scene.refused(again).await.contains("is still being stopped"));
    assert_eq!((scene.lease("anna").await, scene.launches()), (id, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_stopped_from_outside_holds_its_place_and_can_be_released() {
    for then in [Then::Retire, Then::Stop] {
        let scene = Scene::with(settings(then), Pool::default()).await;
        let id = scene.lease("anna").await;
        scene.cloud.set_stopped(&id, true);
        sleep(MINUTE).await;
        let again = Action::Lease { who: "anna".to_owned(), lasts: HOUR };
        assert!(scene.refused(again).await.contains("which is stopped"));
        scene.play(Action::Release(id.clone())).await;
        sleep(MINUTE).await;
        assert_eq!(scene.truth(&id).state, InstanceState::Terminated);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_and_started_by_somebody_is_stopped_again() {
    let scene = Scene::with(settings(Then::Stop), Pool::default()).await;
    let id = scene.lease("anna").await;
    scene.play(Action::Release(id.clone())).await;
    scene.cloud.set_stopped(&id, false);
    sleep(5 * MINUTE).await;
    assert_eq!(scene.truth(&id).state, InstanceState::Stopped);
    assert_eq!(scene.lease("anna").await, id);
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_stop_of_a_leased_instance_is_not_undone() {
    let scene = Scene::with(settings(Then::Stop), Pool::default()).await;
    let id = scene.lease("anna").await;
    scene.cloud.set_stopped(&id, true);
    sleep(2 * HOUR).await;
    assert_eq!(scene.truth(&id).state, InstanceState::Stopped);
    assert_eq!((scene.starts(), scene.truth(&id).retiring), (vec![], false));
}
