//! `handwave gestures` as a person runs it: the real binary.

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Runs the binary away from the checkout's settings, with this on its standard input.
fn handwave(arguments: &[&str], input: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_handwave"));
    command.args(arguments).current_dir(&folder).env("HOME", folder.path()).env_remove("XDG_CONFIG_HOME");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[track_caller]
fn says(arguments: &[&str], input: &str) -> String {
    let Output { status, stdout, stderr } = handwave(arguments, input);
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

#[test]
fn what_comes_of_the_steps_is_a_line_each() {
    let launch = says(&["gestures", "left fist for 500ms; left 3 for 900ms; none for 1s"], "");
    assert_eq!(launch, "launch 3 at 1300ms\n");
    let taken_back = says(&["gestures", "right fist for 500ms; right 2 for 2s; right fist for 200ms"], "");
    assert_eq!(taken_back, "countdown 2 at 2100ms\ntaken back 2 at 2550ms: Fist\n");
}

#[test]
fn steps_may_come_by_standard_input() {
    assert_eq!(says(&["gestures", "-"], "left fist for 500ms\nleft 3 for 900ms\n"), "launch 3 at 1300ms\n");
}

#[test]
fn where_nothing_comes_of_it_it_says_why() {
    let nothing = |steps: &str| says(&["gestures", steps], "");
    assert_eq!(nothing("two for 4s"), "Nothing comes of it. Two hands: show one.\n");
    assert_eq!(nothing("none for 1s"), "Nothing comes of it. No hand: make a fist, then open your fingers.\n");
    let fistless = "Nothing comes of it. left 3: no fist before it. Make a fist first, then open your fingers.\n";
    assert_eq!(nothing("left 3 for 900ms; none for 1s"), fistless);
    assert_eq!(nothing("start paused; left 3 for 4s"), "Nothing comes of it. Paused.\n");
    let short = "Nothing comes of it. The left hand's 3 was held for 50 % of the time that it takes.\n";
    assert_eq!(nothing("left fist for 500ms; left 3 for 401ms"), short);
    let unlike = nothing("looks never; left fist for 500ms; left 3 for 1s");
    let differs = "for 100 % of the time that it takes. A second look differs: spread your fingers, face the camera.\n";
    assert!(unlike.ends_with(differs), "{unlike}");
}

#[test]
fn programs_get_json() {
    let lines = says(&["gestures", "--format", "json", "right 0 for 500ms; right 2 for 2s; show; fist for 200ms"], "");
    let lines: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["what"], "countdown");
    assert_eq!((&lines[0]["side"], &lines[0]["fingers"]), (&"right".into(), &2.into()));
    assert_eq!(lines[1]["what"], "shown");
    assert_eq!((&lines[2]["what"], &lines[2]["why"]), (&"taken back".into(), &"a fist was shown".into()));
}

#[test]
fn a_step_that_makes_no_sense_is_refused_by_number_reason_and_remedy() {
    let refused = handwave(&["gestures", "left 3 for 100ms; left 6 for 1s"], "");
    assert!(!refused.status.success() && refused.stdout.is_empty());
    let said = String::from_utf8(refused.stderr).unwrap();
    let sentence = "handwave: step 2, `left 6 for 1s`: `left` needs a count of fingers; write one from 0 to 5\n";
    assert_eq!(said, sentence);
}

#[test]
fn its_settings_are_the_given_ones() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    std::fs::write(&path, "[gesture]\nhold_launch = 0.4\n").unwrap();
    let steps = ["gestures", "--config", path.to_str().unwrap(), "left fist for 500ms; left 3 for 900ms"];
    assert_eq!(says(&steps, ""), "launch 3 at 900ms\n");
}

#[test]
fn help_lists_the_words_and_completions_know_the_command() {
    let help = says(&["gestures", "--help"], "");
    for word in ["SIGN for 900ms", "searches never", "jumping 31", "Examples:"] {
        assert!(help.contains(word), "{word}: {help}");
    }
    assert!(says(&["completions", "bash"], "").contains("gestures"));
}
