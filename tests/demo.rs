//! The demo end to end: the real binary and the real models, in real time.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

#[test]
fn the_demo_plays_the_main_job_and_ends_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events.jsonl");
    let began = Instant::now();
    // output() gives it no terminal, so no key can be pressed.
    let mut demo = Command::new(env!("CARGO_BIN_EXE_handwave"));
    let demo = demo.args(["demo", "--headless", "--events"]).arg(&events).output().unwrap();
    let took = began.elapsed();
    let said = String::from_utf8_lossy(&demo.stderr);
    assert!(demo.status.success(), "{said}");
    assert!(took < Duration::from_secs(90), "{took:?}");

    let events = std::fs::read_to_string(&events).unwrap();
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let gestures: Vec<_> =
        of(&events, "gesture").map(|e| (e["side"].as_str().unwrap(), e["fingers"].as_u64().unwrap())).collect();
    assert_eq!(gestures, [("left", 3), ("left", 4), ("right", 1), ("right", 2)], "{said}");
    let commands: Vec<_> =
        of(&events, "command").map(|e| (e["action"].as_str().unwrap(), e["count"].as_u64().unwrap())).collect();
    assert_eq!(commands, [("scale-out", 3), ("scale-out", 4), ("scale-in", 2)]);
    let happened = |name| of(&events, name).filter_map(|e| e["instances"].as_array()).map(Vec::len).collect::<Vec<_>>();
    assert_eq!(happened("launched"), [3, 2]);
    assert_eq!(happened("registered").iter().sum::<usize>(), 5);
    assert_eq!(happened("in-service").iter().sum::<usize>(), 5);
    assert_eq!(happened("retiring"), [2]);
    assert_eq!(happened("deregistered"), [2]);
    assert_eq!(happened("terminated").iter().sum::<usize>(), 2);
    assert_eq!(of(&events, "cut").count(), 1);
    assert_eq!(of(&events, "taken-back").map(|e| &e["reason"]).collect::<Vec<_>>(), ["a fist was shown"]);

    for sentence in [
        "Nothing happens: Two hands: show one.",
        "Nothing happens: Make a fist first, then open your fingers.",
        "its maximum is 5",
    ] {
        assert!(said.contains(sentence), "{sentence:?} is missing in:\n{said}");
    }
    let summary = String::from_utf8_lossy(&demo.stdout);
    assert!(
        summary
            .contains("Gestures: 4, taken back: 1. Commands cut: 1, refused: 0. Instances launched: 5, terminated: 2."),
        "{summary}"
    );
    assert!(summary.contains("3 instances (1 to 5): 3 in service"), "{summary}");
}

#[test]
fn the_policy_follows_a_load_and_a_hand_overrules_it() {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events.jsonl");
    let mut demo = Command::new(env!("CARGO_BIN_EXE_handwave"));
    let demo = demo.args(["demo", "--policy", "--headless", "--events"]).arg(&events).output().unwrap();
    let said = String::from_utf8_lossy(&demo.stderr);
    assert!(demo.status.success(), "{said}");
    let events = std::fs::read_to_string(&events).unwrap();
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let commands: Vec<_> =
        of(&events, "command").map(|e| (e["source"].as_str().unwrap(), e["count"].as_u64())).collect();
    let hand = commands.iter().position(|(source, _)| *source == "gesture").unwrap_or_else(|| panic!("{said}"));
    // The policy launches up to four, perhaps in two steps; a hand retires two; the policy goes on to one.
    assert!(hand > 0 && commands[hand - 1] == ("policy", Some(4)), "{said}");
    assert_eq!(commands[hand..], [("gesture", Some(2)), ("policy", Some(1))], "{said}");
    let held = "4 needed: retire by a right hand showing 2 holds 2 as the ceiling";
    assert!(of(&events, "decided").any(|e| e["decision"].as_str().unwrap().contains(held)), "{said}");
    assert_eq!(of(&events, "launched").filter_map(|e| e["instances"].as_array()).map(Vec::len).sum::<usize>(), 2);
    let summary = String::from_utf8_lossy(&demo.stdout);
    assert!(summary.contains("1 instance (1 to 5): 1 in service"), "{summary}");
}

fn of<'a>(events: &'a [Value], name: &'a str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event["event"] == name)
}
