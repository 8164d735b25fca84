//! How long a launch takes until it is in service, cold and from the warm pool. In: nothing. Out: a table, in Markdown.
//! The simulated cloud takes AWS's times, the reconciler its own pace; `make warm` runs it on paused time.

use std::time::Duration;

use handwave::clouds::simulated::{Front, Simulated, Times};
use handwave::command::{Action, Command, Source};
use handwave::fleet::{Leases, Limits, Pool, Reconciler, Timing, Warm};
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::{Instant, sleep};

const MINUTE: Duration = Duration::from_secs(60);
/// How long user data may take: a web server, a large package, a model that is fetched.
const SET_UP: [Duration; 4] = [Duration::from_secs(10), MINUTE, Duration::from_secs(180), Duration::from_secs(600)];
const ASKED: usize = 2;

/// AWS's usual times: half a minute from a launch until the system is up, a little less from a start, and two health
/// checks of ten seconds.
fn times(set_up: Duration) -> Times {
    Times {
        half_call: Duration::from_millis(300),
        visible: Duration::from_secs(2),
        boot: Duration::from_secs(30),
        set_up,
        start: Duration::from_secs(20),
        stop: Duration::from_secs(30),
        health_check: Duration::from_secs(20),
        drain: MINUTE,
        shut_down: Duration::from_secs(40),
        remembered: 60 * MINUTE,
        measured: 60 * MINUTE,
    }
}

/// The time from a command until all that it asked for is in service.
async fn time(set_up: Duration, size: usize) -> Duration {
    let cloud = Simulated::behind(Front::Classic, times(set_up), 1);
    cloud.add_in_service(1);
    let warm = Warm { size, reuse: false, prepare_within: 30 * MINUTE };
    let pool = Pool { warm, recipe: Some("example".to_owned()), keeps: true };
    let (events, _) = unbounded_channel();
    let limits = Limits { min: 1, max: 5 };
    let (fleet, _task) = Reconciler::spawn(cloud.ports(), limits, pool, Leases::default(), Timing::default(), events);
    // Until the pool is full.
    sleep(20 * MINUTE).await;
    let asked = Instant::now();
    let command = Command::new(Source::CommandLine { user: None }, Action::ScaleOut(ASKED));
    fleet.send(command).await.expect("the reconciler runs");
    let mut state = fleet.state();
    let in_service = |state: &handwave::fleet::FleetState| {
        state.lifecycles().get(&handwave::fleet::Lifecycle::InService) == Some(&(1 + ASKED))
    };
    state.wait_for(in_service).await.expect("the reconciler runs");
    asked.elapsed()
}

fn main() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime needs nothing");
    println!("| set-up, s | cold, s | one of two warm, s | both warm, s | cold / warm |");
    println!("| --- | --- | --- | --- | --- |");
    for set_up in SET_UP {
        let [cold, half, warm] = [0, 1, 2].map(|size| runtime.block_on(time(set_up, size)).as_secs_f64());
        let ratio = cold / warm;
        println!("| {} | {cold:.0} | {half:.0} | {warm:.0} | {ratio:.1} |", set_up.as_secs());
    }
}
