//! A booth's day in fast time: whatever a run keeps, it does not grow with what has happened. The real gesture machine,
//! a run's driver and journal, the reconciler and the simulated cloud, on paused time. Every byte of the heap is
//! counted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use handwave::clouds::{self, Choice, Mode};
use handwave::config::Config;
use handwave::daemon::audit::Audit;
use handwave::daemon::driver::Driver;
use handwave::daemon::journal::Journal;
use handwave::gesture::machine::Machine;
use handwave::gesture::shape::{SIZE, Shape};
use handwave::hand::{Reading, Side};
use handwave::pipeline::update::Update;
use handwave::view::narrator::Narrator;
use tokio::sync::mpsc::unbounded_channel;

/// Eight hours of somebody who launches five and retires five, as fast as the fleet takes it: 5,000 launches.
const CYCLES: u32 = 1000;
const CYCLE: Duration = Duration::from_millis(28_800);
/// A resting hand is read so often.
const PERIOD: Duration = Duration::from_millis(100);
/// Until then the journal fills, and the cloud's memory of an hour.
const FILLED: u32 = 200;
/// The most bytes that may come on top of that. A single instance or event kept for each cycle would be ten times as
/// much.
const MOST_GROWTH: usize = 16 << 10;

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is passed on to the system's allocator as it came; `realloc` is made of these two.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static HEAP: Counting = Counting;

/// What is in view at a time of a cycle: a left fist that opens, nothing, a right one that opens, nothing.
fn shown(at: Duration) -> Option<Shape> {
    let (side, fingers) = match at.as_millis() {
        1000..1500 => (Side::Left, 0),
        1500..3000 => (Side::Left, 5),
        14_000..14_500 => (Side::Right, 0),
        14_500..19_000 => (Side::Right, 5),
        _ => return None,
    };
    Some(Shape::new(side, fingers))
}

#[tokio::test(start_paused = true)]
async fn a_booths_day_of_5000_launches_leaves_the_memory_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::parse("[fleet]\nmin = 0\nmax = 30\n", "soak.toml").unwrap();
    let cloud = clouds::open(&config.clouds(), Choice::Simulated { holds: 0 }).await.unwrap();
    let (tell, mut events) = unbounded_channel();
    let (fleet, reconciler) = cloud.fleet(true).await.unwrap().start(tell);
    let journal = Journal::new(Some(Audit::open(&folder.path().join("events.jsonl")).unwrap()));
    let mut driver = Driver::new(Mode::DryRun, Machine::new(config.gesture, true), fleet.clone(), None, journal, None);
    let mut narrator = Narrator::default();

    let mut filled = 0;
    for cycle in 0..CYCLES {
        let mut at = Duration::ZERO;
        while at < CYCLE {
            let hands = shown(at).map(|shape| shape.hand()).into_iter().collect();
            let time = cycle * CYCLE + at;
            driver.update(Update::Reading(Reading {
                time,
                size: SIZE,
                hands,
                searched: true,
                fresh: true,
                hidden: false,
            }));
            tokio::time::sleep(PERIOD).await;
            while let Ok(event) = events.try_recv() {
                driver.event(event);
            }
            narrator.see(&driver.state());
            at += PERIOD;
        }
        match LIVE.load(Ordering::Relaxed) {
            live if cycle == FILLED => filled = live,
            live => {
                assert!(cycle < FILLED || live < filled + MOST_GROWTH, "{live} B in cycle {cycle}, {filled} before")
            }
        }
    }

    println!("{filled} B after {} launches, {} B after 5,000", 5 * FILLED, LIVE.load(Ordering::Relaxed));
    fleet.stop();
    let summary = driver.summary(Some(reconciler.await.unwrap()));
    let counted = (summary.gestures, summary.launched, summary.terminated);
    assert_eq!(counted, (2000, 5000, 5000), "{summary}");
    assert_eq!((summary.taken_back, summary.cut, summary.refused), (0, 0, 0));
}
