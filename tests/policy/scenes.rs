//! What policies do, in the policy language: each line says what must come of it.

use handwave::config::{Config, SHIPPED};
use handwave::fleet::Limits;
use handwave::policy::language::play;

/// Plays lines with the built-in settings, but for these.
fn holds_with(changes: &[(&str, &str)], lines: &str) {
    let mut text = SHIPPED.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let config = Config::parse(&text, "the test's").unwrap();
    play(lines, &config.policy, Limits { min: 1, max: 10 }).unwrap_or_else(|error| panic!("{error}"));
}

fn holds(lines: &str) {
    holds_with(&[], lines);
}

#[test]
fn out_at_once_and_in_after_the_window() {
    holds(
        "cpu 80 80 75 on 3 for 2m -> out to 4: the mean of 3 is 78 %, target 60 %
         cpu 20 20 20 20 for 5m -> hold: 4 were needed within the window
         cpu 20 20 20 20 for 1m -> in to 2",
    );
}

#[test]
fn nothing_changes_within_the_tolerance() {
    holds("cpu 65 65 on 2 for 1h -> hold\ncpu 55 55 for 1h -> hold");
}

#[test]
fn after_a_start_nothing_shrinks_before_the_window_is_known() {
    holds(
        "cpu 5 5 5 on 3 for 4m -> hold: of the window is known, of 80 %
         cpu 5 5 5 for 1m -> in to 1",
    );
}

#[test]
fn what_is_missing_never_shrinks_a_fleet() {
    holds(
        "cpu 5 60 ? on 3 for 1h -> hold: the mean of 2 of 3 is 32 %
         cpu ? ? ? for 1h -> hold: none of 3 is measured
         cpu for 1h -> hold: no instance has been in service for the warm-up
         gap 1h
         cpu 5 5 5 for 3m -> hold: of the window is known
         cpu 5 5 5 for 3m -> in to 1",
    );
    // It may let one grow, and shrink as far as if it were busy.
    holds("cpu 100 100 ? on 3 for 1m -> out to 4");
    holds("cpu 5 5 ? on 3 for 5m -> in to 2");
    // A missing measurement is no zero, and a longer gap within the window is not covered.
    holds(
        "queue 0 0 0 on 3 for 2m -> hold
         queue ? 0 0 for 2m -> hold: its count of visible is missing
         queue 0 0 0 for 2m -> hold: of the window is known
         queue 0 0 0 for 3m -> in to 1",
    );
}

#[test]
fn the_largest_need_counts_and_one_unknown_holds() {
    holds("cpu 10 10, queue 50 2 0 on 2 for 1m -> out to 7: queue: 50 visible, 2 in flight, 0 delayed");
    holds("cpu ? ?, queue 50 2 0 on 2 for 1m -> out to 7");
    holds("cpu ? ?, queue 0 0 0 on 2 for 1h -> hold: not everything is known");
}

#[test]
fn limits_hold() {
    holds(
        "limits 2 to 5
         queue 1000 0 0 on 3 for 1m -> out to 5
         queue 1000 0 0 for 1m -> hold: 100 needed, at most 5
         queue 0 0 0 for 10m -> in to 2
         queue 0 0 0 for 10m -> hold: 0 needed, at least 2",
    );
    // A fleet that is above its maximum is no reason to launch or to end anything.
    holds("limits 2 to 5\nqueue 1000 0 0 on 7 for 1h -> hold");
}

#[test]
fn a_person_is_not_undone_for_a_while() {
    holds(
        "queue 0 0 0 on 2 for 10m -> in to 1
         person launches to 5
         queue 0 0 0 for 9m -> hold: launch by a person holds 5 as the floor for 2 min
         queue 60 0 0 for 1m -> out to 6
         queue 0 0 0 for 10m -> in to 1",
    );
    holds(
        "queue 50 0 0 on 2 for 1m -> out to 5
         person retires to 3
         queue 50 0 0 for 10m -> hold: 5 needed: retire by a person holds 3 as the ceiling
         queue 50 0 0 for 1m -> out to 5",
    );
    // The same way a policy may go further.
    holds(
        "queue 0 0 0 on 5 for 5m
         person retires to 3
         queue 0 0 0 for 1m -> in to 1",
    );
    holds("person launches to 3\nqueue 50 0 0 for 1m -> out to 5");
}

#[test]
fn a_start_is_both_floor_and_ceiling() {
    holds(
        "queue 30 0 0 on 3 for 1m -> hold
         start
         queue 100 0 0 for 10m -> hold: 10 needed: the start holds 3
         queue 100 0 0 for 1m -> out to 10",
    );
}

#[test]
fn a_clock_that_jumps_shrinks_nothing() {
    holds("queue 0 0 0 on 3 for 4m -> hold\nback 1h\nqueue 0 0 0 for 4m -> hold\nqueue 0 0 0 for 2m -> in to 1");
    holds("queue 0 0 0 on 3 for 4m -> hold\ngap 720h\nqueue 0 0 0 for 3m -> hold");
}

#[test]
fn thresholds_take_one_step_at_a_time() {
    let thresholds = [("rule = \"target\"", "rule = \"thresholds\"")];
    holds_with(
        &thresholds,
        "cpu 90 90 on 2 for 1m -> out to 3: 30 to 80 %
         cpu 90 90 for 5m -> hold
         cpu 90 90 90 for 1m -> out to 4
         cpu 20 20 20 20 for 7m -> in to 3
         cpu 20 20 20 for 4m -> hold: 3 were needed within the window
         cpu 20 20 20 for 3m -> in to 2",
    );
    // One fewer would be one too few.
    let narrow = [thresholds[0], ("lower = 30.0", "lower = 70.0")];
    holds_with(&narrow, "cpu 60 60 on 2 for 1h -> hold");
}

#[test]
fn halves_and_tenths_grow_and_shrink_by_their_own_numbers() {
    let rule = [("rule = \"backlog\"", "rule = \"halves-and-tenths\"")];
    holds_with(&rule, "queue 5 3 2 on 2 for 1m -> out to 5\nqueue 5 3 2 for 3m -> hold\nqueue 5 3 2 for 1m -> in to 1");
}
