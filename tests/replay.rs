//! A replay gives the same gestures as the live run. `tests/recordings` holds sequences that the real models have read
//! from the puppet.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use handwave::camera::clock::Clock;
use handwave::camera::puppet::{Puppet, Script};
use handwave::config::Config;
use handwave::gesture::machine::{Machine, Transition};
use handwave::pipeline::recording::{Recorder, Recording};
use handwave::pipeline::slot::Pace;
use handwave::pipeline::threads::Input;
use handwave::pipeline::update::Update;
use handwave::vision;
use image::RgbImage;
use serde_json::Value;

/// A sequence: its name, the puppet's script, and the gestures that are meant.
const SEQUENCES: [(&str, &str, &[&str]); 6] = [
    ("waving", "left fist for 0.5\nleft 5 wave for 3\nnone for 1\n", &[]),
    (
        "passing-through-counts",
        "left fist for 0.5\nleft 1 in 0.2 for 0.2\nleft 2 in 0.2 for 0.2\nleft 4 in 0.2 for 1.4\nnone for 1\n",
        &["fired left 4"],
    ),
    (
        "taken-back-by-a-fist",
        "right fist for 0.5\nright 2 for 2.4\nright fist for 1\nnone for 1\n",
        &["counting down right 2", "taken back right 2"],
    ),
    ("two-hands", "left fist and right fist for 0.5\nleft 2 and right 3 for 3\nnone for 1\n", &[]),
    (
        "closing-while-lowered",
        "right fist for 0.5\nright 2 for 2.4\nright fist at 0.34 1 in 0.2\nnone in 0.2 for 2\n",
        &["counting down right 2", "fired right 2"],
    ),
    ("no-fist", "left 3 for 2\nnone for 1\n", &[]),
];

fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/recordings/{name}.jsonl"))
}

/// What the real models read from the puppet.
async fn watched(script: &str) -> Vec<Update> {
    let camera = Box::new(Puppet::new(Script::parse(script).unwrap(), (320, 240), 10.0, Clock::fast()));
    let tracker = Box::new(vision::open(&Config::shipped().vision, None, false).unwrap());
    let pictures = tokio::sync::watch::channel(RgbImage::default()).0;
    let mut readings = Input::Camera { camera, tracker, pace: Pace::Every }.start(pictures);
    let mut machine = Machine::new(Config::shipped().gesture, true);
    let mut all = Vec::new();
    while let Some(seen) = readings.recv(machine.due()).await {
        all.push(seen.unwrap());
        if let Some(Update::Reading(reading)) = all.last() {
            machine.see(reading);
        }
    }
    all
}

fn record(all: &[Update], path: &Path) {
    let mut recorder = Recorder::create(path).unwrap();
    all.iter().for_each(|seen| recorder.write(seen).unwrap());
}

fn replayed(path: &Path) -> Vec<Update> {
    Recording::open(path, Clock::fast()).unwrap().expect("it is a recording").map(Result::unwrap).collect()
}

/// The gesture machine's transitions, and when they came.
fn gestures(all: &[Update]) -> Vec<(Duration, Transition)> {
    let mut machine = Machine::new(Config::shipped().gesture, true);
    let readings = all.iter().filter_map(|seen| if let Update::Reading(reading) = seen { Some(reading) } else { None });
    readings.filter_map(|reading| Some((reading.time, machine.see(reading)?))).collect()
}

fn in_words(outcome: &Transition) -> String {
    let (what, gesture) = match outcome {
        Transition::CountingDown(gesture) => ("counting down", gesture),
        Transition::Fired(gesture) => ("fired", gesture),
        Transition::TakenBack { gesture, .. } => ("taken back", gesture),
    };
    format!("{what} {} {}", gesture.side, gesture.fingers)
}

#[tokio::test]
#[ignore = "records the kept sequences again: cargo test --test replay -- --ignored"]
async fn remake() {
    for (name, script, _) in SEQUENCES {
        let _ = std::fs::remove_file(kept(name));
        record(&watched(script).await, &kept(name));
    }
}

#[test]
fn kept_sequences_mean_what_they_meant() {
    for (name, _, meant) in SEQUENCES {
        let outcomes = gestures(&replayed(&kept(name)));
        assert_eq!(outcomes.iter().map(|(_, outcome)| in_words(outcome)).collect::<Vec<_>>(), meant, "{name}");
    }
}

#[tokio::test]
async fn a_replay_goes_through_the_same_gestures_at_the_same_times() {
    let all = watched("left fist for 0.5\nleft 3 for 1.4\nright fist for 0.8\nright 1 for 4.2\nnone for 1\n").await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hands.jsonl");
    record(&all, &path);
    assert_eq!(replayed(&path), all);
    let outcomes = gestures(&all);
    let meant = ["fired left 3", "counting down right 1", "fired right 1"];
    assert_eq!(outcomes.iter().map(|(_, outcome)| in_words(outcome)).collect::<Vec<_>>(), meant);

    // The binary replays it too. It needs no models for that, and can record what it replays.
    let copy = folder.path().join("copy.jsonl");
    let again = run(&path, &copy);
    let signs: Vec<_> = again.iter().filter(|event| event["event"] == "gesture").collect();
    assert_eq!(signs.iter().map(|sign| sign["fingers"].as_u64().unwrap()).collect::<Vec<_>>(), [3, 1]);
    let holds: Vec<f64> = signs.iter().map(|sign| sign["hold"].as_f64().unwrap()).collect();
    let hold = |outcome: &Transition| match outcome {
        Transition::Fired(gesture) | Transition::CountingDown(gesture) | Transition::TakenBack { gesture, .. } => {
            gesture.hold
        }
    };
    assert_eq!(holds, outcomes[..2].iter().map(|(_, of)| hold(of).as_millis() as f64 / 1000.0).collect::<Vec<_>>());
    assert_eq!(std::fs::read(&copy).unwrap(), std::fs::read(&path).unwrap());
}

#[test]
fn a_pause_is_replayed_too() {
    let mut all = replayed(&kept("passing-through-counts"));
    all.insert(0, Update::Paused(true));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("paused.jsonl");
    record(&all, &path);
    let events = run(&path, &folder.path().join("copy.jsonl"));
    assert_eq!(events.iter().map(|event| event["event"].as_str().unwrap()).collect::<Vec<_>>(), ["paused", "quit"]);
}

/// The events of `handwave run` on a recording, which it records again.
fn run(recording: &Path, copy: &Path) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_handwave"));
    command.args(["run", "--dry-run", "--fast", "--headless", "--events", "-", "--camera"]).arg(recording);
    command.arg("--record").arg(copy).env("ORT_DYLIB_PATH", "/nowhere").current_dir(&folder);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
