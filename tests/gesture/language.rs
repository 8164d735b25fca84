//! The gesture language as these tests use it: steps, and what they are expected to cause.

use handwave::config::Config;
use handwave::gesture::language::play;
use handwave::gesture::{Begin, Settings};

/// How long the release before the steps of [`check`] takes: ten readings, so that each fifth still searches.
const RELEASE: u64 = 500;

/// Plays the steps on an armed machine that begins with any sign, after a release; times count from its end. For the
/// rules that are not about the fist. Panics if they cause anything else, or if a step is invalid.
#[track_caller]
pub fn check(steps: &str, expected: &str) {
    let settings = Settings { begin: Begin::Any, ..Config::shipped().gesture };
    compare(&format!("none for {RELEASE}ms; {steps}"), RELEASE, &settings, expected);
}

/// Plays the steps on an armed machine that begins with any sign, and has just started.
#[track_caller]
pub fn check_start(steps: &str, expected: &str) {
    compare(steps, 0, &Settings { begin: Begin::Any, ..Config::shipped().gesture }, expected);
}

/// Plays the steps on an armed machine with the shipped settings: it begins with a fist.
#[track_caller]
pub fn check_fist(steps: &str, expected: &str) {
    compare(steps, 0, &Config::shipped().gesture, expected);
}

#[track_caller]
fn compare(steps: &str, from: u64, settings: &Settings, expected: &str) {
    let played = play(steps, settings).unwrap_or_else(|error| panic!("{error}"));
    let came: Vec<String> = played.happenings.iter().map(|happening| since(from, &happening.to_string())).collect();
    let expected: Vec<&str> = expected.split([';', '\n']).map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(came, expected, "\nafter {steps:#?}");
}

/// The line with its time counted from there: `launch 3 at 800ms`.
fn since(from: u64, line: &str) -> String {
    let Some((what, rest)) = line.split_once(" at ") else { return line.into() };
    let (at, rest) = rest.split_once("ms").unwrap();
    format!("{what} at {}ms{rest}", at.parse::<u64>().unwrap() - from)
}

#[test]
#[should_panic(expected = "step 2, `left 6 for 1s`")]
fn a_step_that_makes_no_sense_is_named() {
    check_fist("left 3 for 100ms; left 6 for 1s", "");
}
