//! The task that follows the policies, with the real reconciler, on a simulated cloud and paused time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use handwave::clouds::simulated::{Call, Fault, Front, Profile, Simulated, Times};
use handwave::command::{Action, Command, Source};
use handwave::config::{Config, SHIPPED};
use handwave::event::{Event, Stamped};
use handwave::fleet::ports::{CloudError, ErrorKind};
use handwave::fleet::{Handle, Leases, Limits, Outcome, Pool, Reconciler, Timing};
use handwave::policy::Settings;
use handwave::policy::follow::{Follow, Policies};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, sleep};

const MINUTE: Duration = Duration::from_secs(60);

/// The shipped settings, but for these.
pub fn settings(changes: &[(&str, &str)]) -> Settings {
    let mut text = SHIPPED.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    Config::parse(&text, "the test's").unwrap().policy
}

struct Scene {
    cloud: Simulated,
    fleet: Handle,
    policies: Policies,
    wall: Wall,
    events: UnboundedReceiver<Stamped>,
}

/// The wall clock of a test: it goes with tokio's, and jumps when it is told to.
#[derive(Clone)]
pub struct Wall {
    began: (Timestamp, Instant),
    jump: Arc<AtomicI64>,
}

impl Wall {
    pub fn new() -> Wall {
        Wall { began: (Timestamp::now(), Instant::now()), jump: Arc::default() }
    }

    /// It is ahead by so many seconds.
    pub fn jump(&self, seconds: i64) {
        self.jump.store(seconds, Ordering::Relaxed);
    }

    pub fn now(&self) -> Timestamp {
        let (wall, began) = self.began;
        wall + began.elapsed() + SignedDuration::from_secs(self.jump.load(Ordering::Relaxed))
    }

    pub fn clock(&self) -> Box<dyn Fn() -> Timestamp + Send> {
        let wall = self.clone();
        Box::new(move || wall.now())
    }
}

impl Scene {
    /// A fleet of `n`, under this load of CPU, with limits from 1 to 10.
    async fn of(n: usize, load: &str, follow: &str) -> Scene {
        Scene::with(n, load, &[("follow = []", &format!("follow = [{follow}]"))]).await
    }

    async fn with(n: usize, load: &str, changes: &[(&str, &str)]) -> Scene {
        let cloud = Simulated::behind(Front::Classic, Times::default(), 1);
        let cloud = cloud.loaded(Profile::parse(load).unwrap(), Duration::from_millis(600));
        cloud.add_in_service(n);
        let (tell, events) = unbounded_channel();
        let limits = Limits { min: 1, max: 10 };
        let (fleet, _task) = Reconciler::spawn(
            cloud.ports(),
            limits,
            Pool::default(),
            Leases::default(),
            Timing::default(),
            tell.clone(),
        );
        fleet.settled().await.unwrap();
        let metrics = Arc::new(cloud.clone());
        let wall = Wall::new();
        let clock = wall.clock();
        let follow = Follow { settings: settings(changes), metrics, fleet: fleet.clone(), events: tell, wall: clock };
        let (policies, _task) = follow.spawn();
        policies.pause_run(false);
        Scene { cloud, fleet, policies, wall, events }
    }

    async fn minutes(&self, n: u32) {
        sleep(n * MINUTE).await;
    }

    fn count(&self) -> usize {
        self.fleet.state().borrow().count()
    }

    fn decision(&self) -> String {
        self.policies.state(&self.fleet.state().borrow()).decision
    }

    /// A person's command, written to the cloud.
    async fn person(&self, action: Action) {
        let source = Source::Web { user: "anna".into(), address: "10.0.0.7".into() };
        let outcome = self.fleet.send(Command::new(source, action)).await.unwrap();
        assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    }

    fn told(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.events.try_recv().ok().map(|stamped| stamped.event)).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn the_fleet_follows_its_load_and_a_start_holds_it_first() {
    let mut scene = Scene::of(2, "steady 120 for 20m, steady 420 for 20m, steady 60", "\"cpu\"").await;
    scene.minutes(10).await;
    assert_eq!(scene.count(), 2);
    assert!(scene.decision().starts_with("hold at 2: cpu: the mean of 2 is 60 %"), "{}", scene.decision());
    // 420 a minute are 420 % of one instance: with a target of 60 %, seven.
    // What is new counts after its warm-up alone.
    scene.minutes(18).await;
    assert_eq!(scene.count(), 7);
    let commands: Vec<String> =
        scene.told().iter().filter(|e| matches!(e, Event::Command(_))).map(ToString::to_string).collect();
    assert_eq!(commands[0], "Asked to reach 4 by the policy cpu: the mean of 2 is 100 %, target 60 %.");
    // Down to one, which is what 60 a minute need, after the window and not before.
    scene.minutes(15).await;
    assert_eq!(scene.count(), 7);
    scene.minutes(12).await;
    assert_eq!(scene.count(), 1, "{}", scene.decision());
    let policies = scene.told().into_iter().filter(|event| matches!(event, Event::Decided { .. }));
    assert!(policies.count() <= 3, "one event per decision that changes, not every minute");
}

#[tokio::test(start_paused = true)]
async fn a_queue_is_counted_again_before_a_fleet_shrinks() {
    let scene = Scene::of(4, "steady 0", "\"queue\"").await;
    sleep(9 * MINUTE + MINUTE / 4).await;
    let before = scene.cloud.calls(Call::Depth);
    assert_eq!((before, scene.count()), (10, 4));
    // The start holds no more.
    scene.minutes(2).await;
    assert_eq!(scene.count(), 1);
    assert!(scene.cloud.calls(Call::Depth) - before >= 4);
}

#[tokio::test(start_paused = true)]
async fn a_person_is_not_undone_and_everybody_is_told_for_how_long() {
    let scene = Scene::of(2, "steady 60", "\"cpu\"").await;
    scene.minutes(20).await;
    assert_eq!(scene.count(), 1);
    scene.person(Action::ScaleOut(4)).await;
    scene.minutes(7).await;
    assert_eq!(scene.count(), 5);
    let state = scene.policies.state(&scene.fleet.state().borrow());
    let held = "launch by anna on the web page (10.0.0.7) holds 5 as the floor for 3 min";
    assert_eq!(state.held.as_deref(), Some(held));
    assert!(state.decision.ends_with(&format!("1 needed: {}", held.replace("3 min", "4 min"))), "{}", state.decision);
    scene.minutes(5).await;
    assert_eq!(scene.count(), 1, "{}", scene.decision());
}

#[tokio::test(start_paused = true)]
async fn a_retire_is_a_ceiling_for_a_while() {
    let scene = Scene::of(7, "steady 420", "\"cpu\"").await;
    scene.minutes(12).await;
    scene.person(Action::ScaleIn(4)).await;
    scene.minutes(9).await;
    assert_eq!(scene.count(), 3);
    scene.minutes(12).await;
    assert_eq!(scene.count(), 7);
}

#[tokio::test(start_paused = true)]
async fn what_was_decided_before_a_persons_command_is_refused() {
    let mut scene = Scene::of(2, "steady 60", "\"cpu\"").await;
    scene.minutes(3).await;
    let seen = tokio::time::Instant::now();
    scene.person(Action::ScaleOut(3)).await;
    let source = Source::Policy { policy: "cpu".into(), reason: "too late".into() };
    let outcome = scene.fleet.send_seen(Command::new(source, Action::Reach(1)), seen).await.unwrap();
    let reason = "a person has changed the fleet since it was decided".to_owned();
    assert_eq!((outcome, scene.count()), (Outcome::Refused { reason }, 5));
    assert!(scene.told().iter().any(|event| matches!(event, Event::Refused { .. })));
}

#[tokio::test(start_paused = true)]
async fn people_go_first_in_the_queue() {
    let mut scene = Scene::of(2, "steady 120", "\"cpu\"").await;
    scene.minutes(12).await;
    scene.told();
    // Nothing is accepted while the cloud does not answer.
    let slow = Fault::Before(CloudError::new(ErrorKind::Throttled, "Throttling", "told to fail"));
    (0..2).for_each(|_| scene.cloud.fail_next(Call::List, slow.clone()));
    scene.minutes(1).await;
    let policy = Source::Policy { policy: "cpu".into(), reason: "more".into() };
    let person = Source::CommandLine { user: Some("anna".into()) };
    let last = scene.fleet.send(Command::new(policy, Action::Reach(4)));
    let first = scene.fleet.send(Command::new(person, Action::ScaleOut(1)));
    assert!(matches!(first.await.unwrap(), Outcome::Done { .. }));
    // It was decided before the person's launch.
    assert!(matches!(last.await.unwrap(), Outcome::Refused { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_the_run_or_of_the_page_pauses_the_policies() {
    let scene = Scene::of(2, "steady 120 for 12m, steady 420", "\"cpu\"").await;
    scene.minutes(11).await;
    scene.policies.pause_run(true);
    assert!(scene.policies.pause_by_page(true) && !scene.policies.pause_by_page(true));
    scene.minutes(20).await;
    assert_eq!((scene.count(), scene.decision().as_str()), (2, "paused"));
    scene.policies.pause_run(false);
    scene.minutes(5).await;
    assert_eq!(scene.count(), 2);
    scene.policies.pause_by_page(false);
    scene.minutes(15).await;
    assert_eq!(scene.count(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_another_handwave_is_held_both_ways() {
    let scene = Scene::of(2, "steady 60", "\"cpu\"").await;
    scene.minutes(20).await;
    assert_eq!(scene.count(), 1);
    let (tell, _events) = unbounded_channel();
    let limits = Limits { min: 1, max: 10 };
    let (other, _task) =
        Reconciler::spawn(scene.cloud.ports(), limits, Pool::default(), Leases::default(), Timing::default(), tell);
    other.settled().await.unwrap();
    let source = Source::CommandLine { user: Some("anna".into()) };
    other.send(Command::new(source, Action::ScaleOut(3))).await.unwrap();
    scene.minutes(8).await;
    assert_eq!(scene.count(), 4);
    let held = scene.policies.state(&scene.fleet.state().borrow()).held.unwrap();
    assert!(held.starts_with("a change by somebody else holds 4 for"), "{held}");
    other.stop();
    scene.minutes(4).await;
    assert_eq!(scene.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_begins_the_window_again() {
    let scene = Scene::of(4, "steady 0", "\"queue\"").await;
    scene.minutes(11).await;
    assert_eq!(scene.count(), 1);
    scene.person(Action::ScaleOut(3)).await;
    scene.minutes(9).await;
    // The system slept for an hour.
    scene.wall.jump(3600);
    scene.minutes(4).await;
    assert_eq!(scene.count(), 4, "{}", scene.decision());
    scene.minutes(3).await;
    assert_eq!(scene.count(), 1);
}
