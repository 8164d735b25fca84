//! Rules 1 to 7, each in words and at its edges. Readings are 50 ms apart unless a step says otherwise: `for 800ms`
//! ends one reading before 800 ms, `for 801ms` includes it.

use crate::language::{check, check_fist, check_start};

// Rule 1: one hand.

#[test]
fn rule_1_with_two_hands_in_view_nothing_arms_and_the_screen_says_so() {
    check("left 3 and right 2 for 4s; show", "idle: TwoHands");
    check("left 3 and left 3 for 4s; show", "idle: TwoHands");
    check("left 3 and unsure right 2 for 4s; show", "idle: TwoHands");
    check("left 3 and fist for 4s; show", "idle: TwoHands");
    check("left 3 and right 2 nowhere for 4s; show", "idle: TwoHands");
    check("left 3 and right 2 roll 90 for 4s; show", "idle: TwoHands");
    check("left 3 for 400ms; two for 50ms; show", "idle: TwoHands");
}

#[test]
fn rule_1_a_small_hand_neither_arms_nor_blocks() {
    check("small left 3 for 4s; show", "idle: TooSmall");
    check("left 3 and small right 2 for 801ms", "launch 3 at 800ms");
    check("small right 2 and left 3 for 801ms", "launch 3 at 800ms");
    check("small right 2 and small left 5 and unsure small left 3 for 801ms; show", "idle: TooSmall");
    // Nor does it take back or prevent a release.
    check("right 2 for 1601ms; right 2 and small left 3 for 2s", "countdown 2 at 1600ms; retire 2 at 3600ms");
    check("left 1 for 801ms; small left 3 for 401ms; left 1 for 801ms", "launch 1 at 800ms; launch 1 at 2100ms");
}

#[test]
fn rule_1_a_palm_of_a_twentieth_of_the_picture_is_large_enough() {
    check("left 3 palm 24 for 801ms", "launch 3 at 800ms");
    check("left 3 palm 23.9 for 801ms; show", "idle: TooSmall");
}

#[test]
fn rule_1_fresh_looks_confirm_a_hold_in_its_middle_and_at_its_end() {
    check("looks never; left 3 for 3s; show", "left 3: 100%, NotConfirmed");
    check("looks never; searches every 1; left 3 for 3s; show", "left 3: 100%, NotConfirmed");
    let looks = |first: u32, second: u32| {
        let rest = 801 - second;
        let between = second - first;
        format!("looks never; left 3 for {first}ms; look; left 3 for {between}ms; look; left 3 for {rest}ms")
    };
    // The middle half of the hold, and its last 0.25 s.
    for (first, second) in [(200, 550), (600, 650), (400, 800)] {
        check(&looks(first, second), "launch 3 at 800ms");
    }
    for (first, second) in [(150, 650), (650, 800), (200, 500), (500, 500)] {
        check(&looks(first, second), "");
    }
    // Two looks, although one may be in the middle and at the end.
    check("looks never; period 10ms; left 3 for 600ms; look; left 3 for 201ms", "");
}

#[test]
fn rule_1_a_fresh_look_that_sees_something_else_does_not_confirm() {
    for other in ["none", "unsure left 3", "left 2", "right 3", "small left 3", "left 3 roll 90", "left 0"] {
        check(&format!("left 3, afresh {other} for 3s"), "");
        // It is a reading that does not agree, and a look 0.1 s later may confirm.
        check(&format!("left 3 for 300ms; left 3, afresh {other} for 50ms; left 3 for 451ms"), "launch 3 at 800ms");
    }
    check("left 3, afresh two for 9s", "");
    check("left 3 for 300ms; left 3, afresh two for 50ms; left 3 for 801ms", "launch 3 at 1150ms");
    check("right 2, afresh two for 9s", "");
}

#[test]
fn rule_1_a_search_that_sees_a_second_hand_restarts_the_hold() {
    check("left 3 for 400ms; search; two for 50ms; left 3 for 800ms", "");
    check("left 3 for 400ms; search; two for 50ms; left 3 for 801ms", "launch 3 at 1250ms");
}

#[test]
fn rule_1_a_hand_that_does_not_move_for_30_s_is_a_picture() {
    check_fist("left 5 for 30s; show; left 5 for 1s; show", "left 5: 0%, NoFist; idle: Picture");
    // The camera's noise is no movement. 6 pixels are a tenth of the palm.
    check_fist("left 5 jumping 5.9 for 31s; show", "idle: Picture");
    check_fist("left 5 jumping 6.1 for 31s; show", "left 5: 0%, NoFist");
    check_fist("left 5 drifting 1 for 99s; show", "left 5: 0%, NoFist");
    // It may be missed for a moment, but who was away for longer may have moved.
    check_fist("left 5 for 15s; none for 950ms; left 5 for 15s; show", "idle: Picture");
    check_fist("left 5 for 15s; none for 1s; left 5 for 15s; show", "left 5: 0%, NoFist");
    // A person may walk past a picture.
    check_fist("left 5 for 31s; none for 60s; left 5 for 50ms; show", "idle: Picture");
    check_fist("left 5 for 31s; left 5 x 330 for 50ms; show", "left 5: 0%, NoFist");
    check_fist("left 5 for 31s; camera lost; left 5 for 50ms; show", "left 5: 0%, NoFist");
    check_fist("left 5 for 31s; back 1ms; left 5 for 50ms; show", "left 5: 0%, NoFist");
}

#[test]
fn rule_1_a_picture_neither_arms_nor_blocks() {
    let with_picture = "left 5 x 150 and left fist x 420 for 300ms; left 5 x 150 and left 3 x 420 for 801ms";
    check_fist(&format!("left 5 x 150 for 30001ms; {with_picture}"), "launch 3 at 31150ms");
    check_fist(&format!("left 5 x 150 for 20s; {with_picture}; show"), "idle: TwoHands");
    // It is no hand that would have to be lowered.
    check_start("left 5 for 31s; show; left 3 x 450 for 801ms", "idle: Picture; launch 3 at 31800ms");
    // Nor may it begin to act because the camera was pushed.
    check_start("left 5 for 31s; left 5 x 330 for 9s; show", "idle: NotReleased");
}

// Rule 2: hold.

#[test]
fn rule_2_a_left_hand_is_held_for_0_8_s_to_launch() {
    for fingers in 1..=5 {
        check(&format!("left {fingers} for 800ms"), "");
        check(&format!("left {fingers} for 801ms"), &format!("launch {fingers} at 800ms"));
    }
    check("period 1ms; left 3 for 800ms; show", "left 3: 100%");
    check("period 1ms; left 3 for 801ms", "launch 3 at 800ms");
    check("none for 5s; left 3 for 800ms", "");
    check("none for 5s; left 3 for 801ms", "launch 3 at 5800ms");
}

#[test]
fn rule_2_a_right_hand_is_held_for_1_6_s_to_retire() {
    check("right 3 for 1600ms; show", "right 3: 97%");
    check("right 3 for 1601ms; show", "countdown 3 at 1600ms; retiring 3 in 2000ms");
}

#[test]
fn rule_2_a_hand_that_is_not_in_the_picture_is_unsure() {
    for nonsense in ["left 3 x 641", "left 3 x -1", "left 3 y 481", "left 3 palm 641", "left 3 nowhere"] {
        check(&format!("{nonsense} for 4s; show"), "idle: Unsure");
    }
}

#[test]
fn rule_2_a_hand_at_the_pictures_edge_may_be_cut_off() {
    // Raised fingers and the thumb reach 1.4 palms up and 1 to 1.1 palms aside.
    for inside in ["left 3 x 66", "left 3 x 583", "left 3 y 83", "left 3 y 408"] {
        check(&format!("{inside} for 801ms"), "launch 3 at 800ms");
    }
    for cut in ["left 3 x 65", "left 3 x 584", "left 3 y 82", "fist x 65", "left 3 palm 180", "unsure left 3 x 65"] {
        check(&format!("{cut} for 4s; show"), "idle: CutOff");
    }
}

#[test]
fn rule_2_a_signs_hand_is_raised() {
    // The drawn hand leans counterclockwise by 11.3 degrees.
    for upright in ["left 3 roll 71", "left 3 roll -48"] {
        check(&format!("{upright} for 801ms"), "launch 3 at 800ms");
    }
    for lowered in ["left 3 roll 72", "left 3 roll -49", "left 3 roll 180", "fist roll 72", "unsure left 3 roll 72"] {
        check(&format!("{lowered} for 4s; show"), "idle: NotUpright");
    }
}

#[test]
fn rule_2_a_signs_hand_shows_its_wrist() {
    // A fifth of the palm's width above the picture's lower edge: 12 pixels.
    check("left 3 y 408 for 801ms", "launch 3 at 800ms");
    for hidden in ["left 3 y 409", "left 3 y 480", "fist y 409", "unsure left 3 y 409"] {
        check(&format!("{hidden} for 4s; show"), "idle: WristHidden");
    }
}

#[test]
fn rule_2_a_thumbs_sign_is_no_count() {
    for sign in ["10000", "10001"] {
        check(&format!("left {sign} for 4s; show"), "idle: ThumbSign");
    }
    check("left 11000 for 801ms", "launch 2 at 800ms");
    check("left 00001 for 801ms", "launch 1 at 800ms");
}

#[test]
fn rule_2_a_ring_shows_progress() {
    check(
        "left 3 for 50ms; show; left 3 for 400ms; show; left 3 for 350ms; show",
        "left 3: 0%; left 3: 50%; left 3: 94%",
    );
    check("right 3 for 801ms; show", "right 3: 50%");
    // A flickering reading does not change the ring.
    check("left 3 for 400ms; unsure left 3 for 50ms; show", "left 3: 50%");
}

#[test]
fn rule_2_fists_and_unsure_hands_begin_nothing() {
    check("fist for 4s; show", "idle: Fist");
    check("left 0 for 4s; show", "idle: Fist");
    check("unsure left 3 for 4s; show", "idle: Unsure");
    check("unsure fist for 4s; show", "idle: Unsure");
    check("none for 4s; show", "idle: NoHand");
    check_fist("show", "idle: NoPicture");
    check_start("show", "idle: NoPicture");
}

#[test]
fn rule_2_no_gap_over_0_3_s() {
    check("left 3 for 450ms; gap 300ms; left 3 for 101ms", "launch 3 at 800ms");
    check("left 3 for 450ms; gap 301ms; left 3 for 800ms; show", "left 3: 94%, FewReadings");
    check("left 3 for 450ms; gap 301ms; left 3 for 801ms", "launch 3 at 1501ms");
    // Nor just before the first reading of the hold.
    check("left 3 for 50ms; gap 301ms; left 3 for 500ms", "");
}

#[test]
fn rule_2_five_readings_at_least() {
    check("searches every 1; period 200ms; left 3 for 801ms", "launch 3 at 800ms");
    check("searches every 1; period 266ms; left 3 for 3s", "launch 3 at 1064ms");
    check("searches every 1; period 267ms; left 3 for 9s; show", "left 3: 100%, FewReadings");
    check("searches every 1; period 301ms; left 3 for 9s; show", "left 3: 0%, FewReadings");
}

#[test]
fn rule_2_four_fifths_agree() {
    for noise in ["none", "unsure left 3", "two", "left 2", "right 3", "fist", "small left 3", "left 3 nowhere"] {
        let play = |steps: &str, expected| {
            check(&format!("searches never; search; {}", steps.replace("NOISE", noise)), expected)
        };
        // 14 of 17, 13 of 17.
        play("left 3, every 5th NOISE for 801ms", "launch 3 at 800ms");
        play("left 3, every 4th NOISE for 801ms", "");
        // 4 of 5, 7 of 9.
        let looked = "look; left 3 for 200ms; look; left 3 for 200ms";
        play(&format!("looks never; period 200ms; left 3 for 400ms; NOISE for 200ms; {looked}"), "launch 3 at 800ms");
        play("period 100ms; left 3 for 300ms; NOISE for 200ms; left 3 for 400ms", "");
    }
    check("searches every 1; left 3, every 4th unsure left 3 for 9s", "");
}

#[test]
fn rule_2_the_newest_reading_agrees_and_the_oldest_too() {
    check("left 3 for 800ms; unsure left 3 for 50ms", "");
    check("left 3 for 800ms; unsure left 3 for 50ms; left 3 for 50ms", "launch 3 at 850ms");
    // 14 of 17 agree, but the hand was shown for 0.7 s only.
    check("none for 1s; left 3 for 701ms", "");
    check("left 3 for 50ms; none for 50ms; left 3 for 701ms", "launch 3 at 800ms");
}

#[test]
fn rule_2_passing_through_counts_is_no_gesture() {
    check("left 1 for 600ms; left 2 for 600ms; left 3 for 600ms; left 4 for 600ms; left 5 for 600ms", "");
    check("left 3, every 2nd left 2 for 9s", "");
    check("left 3, every 2nd right 3 for 9s", "");
}

#[test]
fn rule_2_the_hand_holds_still_within_half_a_palms_width() {
    check("left 3 drifting 37 for 801ms", "launch 3 at 800ms");
    check("left 3 drifting 38 for 5s; show", "left 3: 94%, Moving");
    // In any direction: 22 by 22 pixels are 31.
    let to = |to: &str| {
        let way = "left 3 x 307 y 207 for 50ms; left 3 x 314 y 214 for 50ms";
        format!("left 3 x 300 y 200 for 400ms; {way}; left 3 {to} for 301ms")
    };
    check(&to("x 321 y 221"), "launch 3 at 800ms");
    check(&to("x 322 y 222"), "");
    // A smaller hand is farther away.
    check("left 3 palm 40 drifting 25 for 801ms", "launch 3 at 800ms");
    check("left 3 palm 40 drifting 26 for 801ms", "");
}

#[test]
fn rule_2_a_hand_that_turns_does_not_hold_still() {
    check("left 3 turning 60 for 801ms", "launch 3 at 800ms");
    check("left 3 turning 225 for 1s", "");
}

#[test]
fn rule_2_a_hand_that_jumps_is_another() {
    check("left 3 jumping 15 for 801ms", "launch 3 at 800ms");
    check("left 3 jumping 16 for 9s; show", "left 3: 0%, Moving");
    check("left 3 palm 40 jumping 11 for 9s", "");
    // A cut to another picture of a hand.
    check("left 3 for 500ms; left 3 x 340 for 800ms", "");
    check("left 3 for 500ms; left 3 x 340 for 801ms", "launch 3 at 1300ms");
}

#[test]
fn rule_2_waving_an_open_hand_is_no_gesture() {
    check("left 5 waving for 9s; right 5 waving for 9s", "");
    // Once it rests.
    check("left 5 waving for 2s; left 5 for 801ms", "launch 5 at 2800ms");
}

// Rule 3: take-back.

#[test]
fn rule_3_a_retire_waits_2_s() {
    check("right 2 for 3600ms; show", "countdown 2 at 1600ms; retiring 2 in 50ms");
    check("right 2 for 3601ms; show", "countdown 2 at 1600ms; retire 2 at 3600ms; done");
    check("right 2 for 1601ms; period 300ms; gap 300ms; right 2 for 3s", "countdown 2 at 1600ms; retire 2 at 3700ms");
}

#[test]
fn rule_3_leaving_the_picture_does_not_take_back() {
    check("right 2 for 1601ms; none for 2s", "countdown 2 at 1600ms; retire 2 at 3600ms");
    check("right 2 for 1601ms; unsure right 2 for 2s", "countdown 2 at 1600ms; retire 2 at 3600ms");
}

#[test]
fn rule_3_two_sure_readings_of_a_fist_take_back() {
    check("right 2 for 1601ms; fist for 100ms", "countdown 2 at 1600ms; taken back 2 at 1700ms: Fist");
    check("right 2 for 1601ms; left 0 for 100ms", "countdown 2 at 1600ms; taken back 2 at 1700ms: Fist");
    check("right 2 for 1601ms; fist for 50ms; show", "countdown 2 at 1600ms; retiring 2 in 1950ms");
    check("right 2 for 1601ms; fist for 50ms; none for 2s", "countdown 2 at 1600ms; retire 2 at 3600ms");
    check("right 2 for 1601ms; unsure fist for 2s", "countdown 2 at 1600ms; retire 2 at 3600ms");
    check("right 2 for 1601ms; small right 0 for 2s", "countdown 2 at 1600ms; retire 2 at 3600ms");
    // A fist at the picture's edge may have fingers cut off.
    check("right 2 for 1601ms; left 0 x 65 for 100ms", "countdown 2 at 1600ms; taken back 2 at 1700ms: Fist");
    check("right 2 for 1601ms; fist roll 180 for 100ms", "countdown 2 at 1600ms; taken back 2 at 1700ms: Fist");
    check("right 2 for 1601ms; unsure fist x 65 for 2s", "countdown 2 at 1600ms; retire 2 at 3600ms");
    check("right 2 for 1601ms; right 2 x 65 for 2s", "countdown 2 at 1600ms; retire 2 at 3600ms");
    // In a row or not, and even in the reading that would have fired.
    check(
        "right 2 for 1601ms; fist for 50ms; right 2 for 1s; fist for 50ms",
        "countdown 2 at 1600ms; taken back 2 at 2700ms: Fist",
    );
    check("right 2 for 1601ms; none for 1900ms; fist for 100ms", "countdown 2 at 1600ms; taken back 2 at 3600ms: Fist");
}

#[test]
fn rule_3_a_hand_that_closes_while_it_sinks_does_not_take_back() {
    // 3 palm widths a second are 9 pixels a reading. The first fist is where the hand was.
    check("right 2 for 1601ms; fist drifting 178 for 100ms", "countdown 2 at 1600ms; taken back 2 at 1700ms: Fist");
    check("right 2 for 1601ms; fist drifting 182 for 1s; none for 1s", "countdown 2 at 1600ms; retire 2 at 3600ms");
    // Once it rests.
    check(
        "right 2 for 1601ms; fist drifting 300 for 500ms; fist x 455 for 50ms",
        "countdown 2 at 1600ms; taken back 2 at 2150ms: Fist",
    );
    // A fist that comes in is at rest only afterwards.
    check("right 2 for 1601ms; fist x 65 for 150ms", "countdown 2 at 1600ms; taken back 2 at 1750ms: Fist");
    // A second hand takes back at any speed.
    check(
        "right 2 for 1601ms; left 5 drifting 900 and right 5 drifting 900 for 50ms",
        "countdown 2 at 1600ms; taken back 2 at 1650ms: TwoHands",
    );
}

#[test]
fn rule_3_each_countdown_has_its_own_fists() {
    check(
        "right 2 for 1601ms; fist for 50ms; none for 2400ms; right 1 for 1601ms; fist for 50ms; show",
        "countdown 2 at 1600ms; retire 2 at 3600ms; countdown 1 at 5700ms; retiring 1 in 1950ms",
    );
}

#[test]
fn rule_3_a_second_hand_takes_back() {
    check("right 2 for 1601ms; right 2 and left 5 for 50ms", "countdown 2 at 1600ms; taken back 2 at 1650ms: TwoHands");
    check(
        "right 2 for 1601ms; none for 1950ms; two for 50ms",
        "countdown 2 at 1600ms; taken back 2 at 3600ms: TwoHands",
    );
}

#[test]
fn rule_3_a_lost_camera_pause_and_quitting_take_back() {
    check("right 2 for 1601ms; camera lost; none for 3s", "countdown 2 at 1600ms; taken back 2 at 1600ms: CameraLost");
    check(
        "right 2 for 1601ms; pause; show; none for 3s",
        "countdown 2 at 1600ms; taken back 2 at 1600ms: Paused; paused",
    );
    check("right 2 for 1601ms; quit; none for 3s", "countdown 2 at 1600ms; taken back 2 at 1600ms: Quit");
}

#[test]
fn rule_3_a_gap_over_0_5_s_takes_back() {
    check("right 2 for 1601ms; gap 500ms; right 2 for 1501ms", "countdown 2 at 1600ms; retire 2 at 3600ms");
    check("right 2 for 1601ms; gap 501ms; right 2 for 9s", "countdown 2 at 1600ms; taken back 2 at 2101ms: Gap");
    check("right 2 for 1601ms; gap 9s; right 2 for 9s", "countdown 2 at 1600ms; taken back 2 at 10600ms: Gap");
}

#[test]
fn rule_3_nothing_arms_meanwhile() {
    check("right 2 for 1601ms; left 3 for 1900ms; show", "countdown 2 at 1600ms; retiring 2 in 100ms");
    check("right 2 for 1601ms; left 3 for 9s", "countdown 2 at 1600ms; retire 2 at 3600ms");
    check("right 2 for 1601ms; none for 1s; left 3 for 9s", "countdown 2 at 1600ms; retire 2 at 3600ms");
}

// Rule 4: once.

#[test]
fn rule_4_a_gesture_fires_once() {
    check("left 3 for 9s; show", "launch 3 at 800ms; done");
    check("right 2 for 9s", "countdown 2 at 1600ms; retire 2 at 3600ms");
    check("left 3 for 1s; left 2 for 2s; right 5 for 5s", "launch 3 at 800ms");
}

#[test]
fn rule_4_the_next_needs_no_hand_or_a_fist_for_0_4_s() {
    for release in ["none", "fist", "left 0", "small left 3"] {
        let play = |steps: &str, expected| check(&steps.replace("RELEASE", release), expected);
        play("left 3 for 801ms; RELEASE for 400ms; left 3 for 9s", "launch 3 at 800ms");
        play("left 3 for 801ms; RELEASE for 401ms; left 3 for 800ms", "launch 3 at 800ms");
        play("left 3 for 801ms; RELEASE for 401ms; left 3 for 801ms", "launch 3 at 800ms; launch 3 at 2100ms");
    }
    check(
        "left 3 for 801ms; none for 200ms; fist for 201ms; left 3 for 801ms",
        "launch 3 at 800ms; launch 3 at 2100ms",
    );
}

#[test]
fn rule_4_two_hands_unsure_ones_and_interruptions_are_no_release() {
    for other in [
        "two",
        "unsure left 3",
        "unsure fist",
        "fist x 65",
        "fist roll 90",
        "left 3",
        "left 1",
        "right 3",
        "left 3 nowhere",
    ] {
        let play = |steps: &str, expected| check(&steps.replace("OTHER", other), expected);
        play("left 3 for 801ms; OTHER for 5s; left 2 for 9s; show", "launch 3 at 800ms; done");
        play("left 3 for 801ms; none for 200ms; OTHER for 50ms; none for 350ms; left 2 for 9s", "launch 3 at 800ms");
    }
}

#[test]
fn rule_4_a_gap_is_no_release() {
    check("left 3 for 801ms; gap 9s; left 3 for 9s", "launch 3 at 800ms");
    check("left 3 for 801ms; camera lost; left 3 for 9s", "launch 3 at 800ms");
    check("left 3 for 801ms; none for 50ms; gap 301ms; none for 400ms; left 3 for 9s", "launch 3 at 800ms");
    check(
        "left 3 for 801ms; none for 50ms; gap 300ms; none for 101ms; left 3 for 801ms",
        "launch 3 at 800ms; launch 3 at 2100ms",
    );
    check("left 3 for 801ms; none for 200ms; camera lost; none for 400ms; left 3 for 9s", "launch 3 at 800ms");
}

#[test]
fn rule_4_without_a_fist_the_start_needs_a_release() {
    check_start("left 3 for 9s; show", "idle: NotReleased");
    check_start("left 3 for 9s; none for 401ms; show; left 3 for 801ms", "idle: NoHand; launch 3 at 10250ms");
    check_start("none for 400ms; left 3 for 9s", "");
    check_start("two for 4s; show; left 3 for 9s", "idle: TwoHands");
    check_start(
        "fist for 201ms; show; fist for 200ms; show; left 3 for 801ms",
        "idle: NotReleased; idle: Fist; launch 3 at 1250ms",
    );
}

#[test]
fn rule_4_what_was_taken_back_needs_a_release_too() {
    check(
        "right 2 for 1601ms; two for 50ms; right 2 for 9s; show",
        "countdown 2 at 1600ms; taken back 2 at 1650ms: TwoHands; done",
    );
    // The fist that takes back is also the release, if it stays.
    check(
        "right 2 for 1601ms; fist for 501ms; left 3 for 801ms",
        "countdown 2 at 1600ms; taken back 2 at 1700ms: Fist; launch 3 at 3000ms",
    );
    check("right 2 for 1601ms; fist for 451ms; left 3 for 9s", "countdown 2 at 1600ms; taken back 2 at 1700ms: Fist");
}

// Rule 5: gaps.

#[test]
fn rule_5_a_gap_or_a_lost_camera_disarms() {
    check("left 3 for 750ms; gap 501ms; left 3 for 9s; show", "idle: NotReleased");
    check("left 3 for 750ms; gap 501ms; none for 401ms; left 3 for 801ms", "launch 3 at 2451ms");
    check("left 3 for 750ms; camera lost; show; left 3 for 9s", "idle: CameraLost");
    check("left 3 for 750ms; camera lost; none for 401ms; left 3 for 801ms", "launch 3 at 2000ms");
    // With a fist no release is needed, but another fist.
    for interruption in ["gap 501ms", "camera lost", "back 1ms"] {
        let play =
            |steps: &str, expected| check_fist(&format!("left fist for 201ms; {interruption}; {steps}"), expected);
        play("left 3 for 9s; show", "left 3: 0%, NoFist");
    }
    check_fist("left fist for 201ms; left 3 for 750ms; gap 501ms; left 3 for 9s", "");
    let again = "left fist for 201ms; left 3 for 801ms";
    check_fist(&format!("left fist for 201ms; left 3 for 750ms; gap 501ms; {again}"), "launch 3 at 2501ms");
}

#[test]
fn rule_5_after_a_lost_camera_time_may_start_again() {
    let again = "none for 401ms; left 3 for 801ms";
    check(&format!("left 3 for 750ms; camera lost; back 700ms; {again}"), "launch 3 at 1250ms");
    check(&format!("left 3 for 750ms; camera lost; back 0ms; {again}"), "launch 3 at 1950ms");
    check(&format!("left 3 for 750ms; camera lost; gap 1000s; {again}"), "launch 3 at 1001950ms");
}

#[test]
fn rule_5_time_that_runs_back_disarms() {
    check("left 3 for 750ms; back 50ms; left 3 for 9s", "");
    check("left 3 for 750ms; back 1ms; none for 401ms; left 3 for 801ms", "launch 3 at 1949ms");
    check("right 2 for 1601ms; back 1ms; right 2 for 9s", "countdown 2 at 1600ms; taken back 2 at 1599ms: TimeRanBack");
    check("left 3 for 801ms; none for 200ms; back 1ms; none for 400ms; left 3 for 9s", "launch 3 at 800ms");
}

#[test]
fn rule_5_where_time_stands_still_nothing_is_held() {
    check("clock stops; left 3 for 9s; show", "left 3: 0%");
    // Readings with the same time count as one: these are 4.
    check("period 267ms; searches every 1; left 3 for 802ms; clock stops; left 3 for 9s", "");
    check("left 3 for 801ms; clock stops; none for 9s; show", "launch 3 at 800ms; done");
    // And the hold before continues.
    check("left 3 for 400ms; clock stops; left 3 for 1s; clock goes; left 3 for 401ms", "launch 3 at 800ms");
}

#[test]
fn rule_5_a_fist_takes_back_even_where_time_stands_still() {
    check("right 2 for 1601ms; clock stops; none for 9s; show", "countdown 2 at 1600ms; retiring 2 in 1950ms");
    check("right 2 for 1601ms; clock stops; fist for 9s", "countdown 2 at 1600ms; taken back 2 at 1650ms: Fist");
}

// Rule 6: armed.

#[test]
fn rule_6_it_may_start_paused() {
    let again = "none for 401ms; left 3 for 801ms";
    check(&format!("start paused; left 3 for 9s; show; resume; {again}"), "paused; launch 3 at 10250ms");
    check_fist("start paused; left fist for 1s; resume; left fist for 201ms; left 3 for 801ms", "launch 3 at 2050ms");
}

#[test]
fn rule_6_paused_nothing_arms() {
    check("pause; left 3 for 9s; show", "paused");
    check("left 3 for 750ms; pause; left 3 for 9s", "");
    check_fist("left fist for 201ms; pause; left 3 for 9s; show", "paused");
}

#[test]
fn rule_6_resuming_restarts_the_hold() {
    check("left 3 for 750ms; pause; resume; left 3 for 9s", "");
    check("left 3 for 750ms; pause; resume; none for 401ms; left 3 for 801ms", "launch 3 at 2000ms");
    check("pause; left 3 for 9s; resume; left 3 for 9s", "");
    // What was shown before is no fist, and neither is what is shown meanwhile.
    check_fist("left fist for 1s; pause; resume; left 3 for 9s", "");
    check_fist("pause; left fist for 1s; resume; left 3 for 9s", "");
    check_fist("pause; resume; left fist for 201ms; left 3 for 801ms", "launch 3 at 1050ms");
    check_fist("left fist for 201ms; resume; left 3 for 801ms", "launch 3 at 1050ms");
}

#[test]
fn rule_6_a_pause_is_no_release() {
    let fired = "left fist for 201ms; left 3 for 801ms";
    check_fist(&format!("{fired}; pause; left 3 for 1s; resume; {fired}"), "launch 3 at 1050ms");
    // One may be seen in it, but the fist is wanted after it.
    check_fist(&format!("{fired}; pause; none for 401ms; resume; {fired}"), "launch 3 at 1050ms; launch 3 at 2600ms");
    check(
        "left 3 for 801ms; pause; none for 401ms; resume; left 3 for 9s; show",
        "launch 3 at 800ms; idle: NotReleased",
    );
}

#[test]
fn rule_6_after_quitting_nothing_fires() {
    check("left 3 for 750ms; quit; left 3 for 9s; show", "idle: Quit");
}

// Rule 7: fist first.

#[test]
fn rule_7_a_gesture_begins_with_a_fist() {
    check_fist("left fist for 201ms; left 3 for 800ms", "");
    check_fist("left fist for 201ms; left 3 for 801ms", "launch 3 at 1050ms");
    check_fist("right fist for 201ms; right 2 for 1601ms; show", "countdown 2 at 1850ms; retiring 2 in 2000ms");
    check_fist("left 3 for 9s; show; right 2 for 9s; show", "left 3: 0%, NoFist; right 2: 0%, NoFist");
    // The screen says so at once, and shows the fist.
    check_fist("left 3 for 50ms; show", "left 3: 0%, NoFist");
    check_fist(
        "left fist for 200ms; show; left fist for 50ms; show; unsure left 2 for 50ms; show; left 3 for 50ms; show",
        "idle: Fist; left fist; left fist; left 3: 0%",
    );
    check_fist(
        "left fist for 201ms; unsure left 3 for 1300ms; show; unsure left 3 for 50ms; show",
        "left fist; idle: Unsure",
    );
    check_fist("left fist for 201ms; two for 50ms; show", "idle: TwoHands");
}

#[test]
fn rule_7_three_readings_and_0_2_s() {
    check_fist("left fist for 200ms; left 3 for 9s", "");
    check_fist("period 100ms; left fist for 201ms; left 3 for 801ms", "launch 3 at 1100ms");
    check_fist("period 200ms; left fist for 400ms; left 3 for 9s", "");
    check_fist("period 200ms; left fist for 401ms; left 3 for 801ms", "launch 3 at 1400ms");
    // None later than 0.3 s after the one before, whatever comes between.
    check_fist("left fist for 101ms; gap 300ms; left fist for 50ms; left 3 for 801ms", "launch 3 at 1250ms");
    check_fist("left fist for 101ms; gap 301ms; left fist for 101ms; left 3 for 9s", "");
    for noise in ["none", "unsure left 0", "left 1", "right 0", "two"] {
        let fist = format!("searches never; left fist, every 3rd {noise} for 300ms");
        check_fist(&format!("{fist}; search; left 3 for 801ms"), "launch 3 at 1100ms");
    }
    for other in ["unsure left 0", "fist", "left 0 roll 90", "left 0 y 450", "left 0 x 65", "small left 0", "left 1"] {
        check_fist(&format!("{other} for 1s; left 3 for 9s"), "");
    }
}

#[test]
fn rule_7_the_fist_was_there_1_5_s_before_the_hold() {
    for opening in ["unsure left 3", "unsure right 0", "left 1, every 2nd left 2", "left 3 roll 90, every 4th none"] {
        check_fist(&format!("left fist for 201ms; {opening} for 1250ms; left 3 for 801ms"), "launch 3 at 2300ms");
        check_fist(&format!("left fist for 201ms; {opening} for 1300ms; left 3 for 9s"), "");
    }
    // A hold that takes longer begins later, and so needs its fist later.
    let looks = "look; left 3 for 400ms; look; left 3 for 50ms";
    let late = |held| format!("looks never; left fist for 201ms; left 3 for {held}ms; {looks}");
    check_fist(&late(1650), "launch 3 at 2300ms");
    check_fist(&late(1700), "");
}

#[test]
fn rule_7_the_fist_was_at_the_same_place() {
    check_fist("left fist for 201ms; left 3 x 440 for 801ms", "launch 3 at 1050ms");
    check_fist("left fist for 201ms; left 3 x 441 for 9s; show", "left 3: 0%, NoFist");
    check_fist("left fist for 201ms; left 3 palm 40 x 400 for 801ms", "launch 3 at 1050ms");
    check_fist("left fist for 201ms; left 3 palm 40 x 401 for 9s", "");
}

#[test]
fn rule_7_the_fist_was_the_same_hands() {
    check_fist("right fist for 1s; left 3 for 9s", "");
    check_fist("left fist for 1s; right 3 for 9s", "");
    // Once it was out of view, another may have come in.
    check_fist("left fist for 201ms; none for 250ms; left 3 for 801ms", "launch 3 at 1300ms");
    check_fist("left fist for 201ms; none for 300ms; left 3 for 9s", "");
    check_fist("left fist for 201ms; left 3 for 600ms; none for 300ms; left 3 for 9s", "");
    // Once a second hand came, nobody can tell whose fist it was.
    check_fist("left fist for 201ms; search; two for 50ms; left 3 for 9s", "");
    check_fist("searches never; left fist for 201ms; two for 50ms; search; left 3 for 801ms", "launch 3 at 1100ms");
    // Nor where half of one may hide behind the fist; behind the sign, the fresh looks decide.
    check_fist("left fist covering for 1s; show; left 3 for 9s", "idle: Hidden");
    check_fist("left fist for 201ms; left fist covering for 50ms; left 3 for 9s", "");
    check_fist("left fist covering for 50ms; left fist for 201ms; left 3 covering for 801ms", "launch 3 at 1100ms");
    // It takes back and releases as any other fist.
    check_fist(
        "right fist for 201ms; right 2 for 1601ms; right fist covering for 501ms; show",
        "countdown 2 at 1850ms; taken back 2 at 1950ms: Fist; idle: Hidden",
    );
}

#[test]
fn rule_7_each_gesture_has_its_own_fist() {
    // The first fist is recent enough for the second sign.
    let first = "period 20ms; left fist for 601ms; left 3 for 801ms";
    check_fist(&format!("{first}; none for 401ms; left 3 for 9s"), "launch 3 at 1420ms");
    // The fist that releases is the next one's.
    check_fist(
        "left fist for 401ms; left 3 for 801ms; left fist for 401ms; left 2 for 801ms",
        "launch 3 at 1250ms; launch 2 at 2550ms",
    );
    check_fist("left fist for 401ms; left 3 for 801ms; left fist for 400ms; left 2 for 9s", "launch 3 at 1250ms");
    // So is the one that takes back.
    check_fist(
        "right fist for 201ms; right 2 for 1601ms; right fist for 501ms; right 3 for 1601ms",
        "countdown 2 at 1850ms; taken back 2 at 1950ms: Fist; countdown 3 at 4050ms",
    );
}
