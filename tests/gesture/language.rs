//! The gesture language as these tests use it: steps, and what they are expected to cause.

use handwave::config::Config;
use handwave::gesture::language::play;

/// Plays the steps on an armed machine with the shipped settings. Panics if they cause anything else, or if a step is
/// invalid.
#[track_caller]
pub fn check(steps: &str, expected: &str) {
    let played = play(steps, &Config::shipped().gesture).unwrap_or_else(|error| panic!("{error}"));
    let came: Vec<String> = played.happenings.iter().map(ToString::to_string).collect();
    let expected: Vec<&str> = expected.split([';', '\n']).map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(came, expected, "\nafter {steps:#?}");
}

#[test]
#[should_panic(expected = "step 2, `left 6 for 1s`")]
fn a_step_that_makes_no_sense_is_named() {
    check("left 3 for 100ms; left 6 for 1s", "");
}
