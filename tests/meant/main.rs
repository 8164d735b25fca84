//! No gesture fires that was not meant, and every one that was meant fires once: on the puppet read by the real models,
//! and on pictures of real hands if they are available.
//!
//! `make meant` judges an hour of unmeant scenes, 200 meant gestures, every picture, and 40 scenes of hands that hold
//! on to each other, and prints the results; the ordinary test judges a minute.

mod dice;
mod scripts;
mod slides;
mod watched;

use std::path::{Path, PathBuf};
use std::time::Duration;

use glam::{Vec2, Vec3Swizzles};
use handwave::camera::clock::Clock;
use handwave::camera::file::{Film, pictures};
use handwave::camera::puppet::{Puppet, Script};
use handwave::config::Config;
use handwave::gesture::machine::Transition;
use handwave::hand::{Hand, Reading, Side};
use handwave::vision::tracker::Tracker;

use dice::Dice;
use scripts::Meant;
use slides::Slides;
use watched::{Sides, Watched, observe, spread};

const SIZE: (u32, u32) = (640, 480);
/// The camera's frame rate, in frames a second.
const FULL_RATE: f64 = 30.0;
/// The most that a command may be late.
const LATEST: f64 = 0.05;

/// How much to judge.
struct Much {
    /// Scripts in which nothing is meant, and their length in seconds.
    harmless: usize,
    seconds: f32,
    gestures: usize,
    /// The stride through all pictures.
    pictures_every: usize,
    threads: usize,
}

#[test]
fn a_minute_of_it() {
    judge(&Much { harmless: 2, seconds: 35.0, gestures: 10, pictures_every: 40, threads: 1 });
}

#[test]
#[ignore = "takes half an hour: make meant"]
fn all_of_it() {
    judge(&Much { harmless: 132, seconds: 25.0, gestures: 200, pictures_every: 1, threads: 2 });
}

/// The models often take such hands for one. 12 gestures fired when this was written; the bound leaves two for
/// processors that round differently.
#[test]
#[ignore = "takes half a minute: make meant"]
fn hands_that_hold_on_to_each_other() {
    let seeds: Vec<u64> = (0..40).collect();
    let judged = spread(&seeds, 2, |tracker, &seed| {
        let script = scripts::holding_on(seed);
        begun_in(&script, &format!("seed {seed}"), &play_script(&script, 10.0, tracker))
    });
    let falsely = judged.concat();
    println!("Puppet, hands that hold on to each other: {} gestures in {} scenes", falsely.len(), seeds.len());
    falsely.iter().for_each(|one| println!("  {one}"));
    assert!(falsely.len() <= 14, "{} gestures of hands that hold on to each other", falsely.len());
}

fn judge(much: &Much) {
    let mut wrong = Vec::new();
    wrong.extend(nothing_meant(much));
    wrong.extend(pictures_shuffled(much));
    wrong.extend(everything_meant(much));
    video(much);
    assert!(wrong.is_empty(), "{} went wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn puppet(script: &str, fps: f64) -> Puppet {
    Puppet::new(Script::parse(script).unwrap(), SIZE, fps, Clock::fast())
}

/// Plays a script at that rate, with the sides checked against it.
fn play_script(script: &str, fps: f64, tracker: &mut Tracker) -> Watched {
    let parsed = Script::parse(script).unwrap();
    observe(&mut puppet(script, fps), tracker, |time| match parsed.scene(time) {
        scene if scene.left.is_some() && scene.right.is_none() => Some(Side::Left),
        scene if scene.right.is_some() && scene.left.is_none() => Some(Side::Right),
        _ => None,
    })
}

/// A gesture that started its countdown, or fired without one.
fn begun(outcome: &Transition) -> Option<String> {
    match outcome {
        Transition::CountingDown(gesture) => Some(format!("retire {}", gesture.fingers)),
        Transition::Fired(gesture) if gesture.side == Side::Left => Some(format!("launch {}", gesture.fingers)),
        Transition::Fired(_) | Transition::TakenBack { .. } => None,
    }
}

/// What began in that script, each with its time and line.
fn begun_in(script: &str, name: &str, watched: &Watched) -> Vec<String> {
    let told = watched.outcomes.iter().filter_map(|(time, outcome)| {
        let line = scripts::line_at(script, *time);
        Some(format!("{name}, {:.2} s: {} in `{line}`", time.as_secs_f64(), begun(outcome)?))
    });
    told.collect()
}

fn say_sides(sides: Sides) {
    let of = |wrong: usize| match sides.known {
        0 => String::new(),
        known => format!(", the wrong side in {wrong} of {known}"),
    };
    println!("  sides of followed hands, {} readings", sides.readings);
    println!("    each frame alone: {} flips{}", sides.flips_alone, of(sides.wrong_alone));
    println!("    over time:        {} flips{}", sides.flips, of(sides.wrong));
    if sides.known > 0 {
        println!("    and sure of it:   the wrong side in {}", sides.wrong_and_sure);
    }
}

/// A hand whose wrong side is sure would retire where a launch was meant.
fn wrong_side(sides: Sides) -> Option<String> {
    (sides.wrong_and_sure > 0).then(|| format!("the wrong side was sure in {} readings", sides.wrong_and_sure))
}

/// The puppet in random scripts, at rates from the slowest at which hands can be held to the camera's own.
fn nothing_meant(much: &Much) -> Vec<String> {
    let seeds: Vec<u64> = (0..much.harmless as u64).collect();
    let judged = spread(&seeds, much.threads, |tracker, &seed| {
        let script = scripts::harmless(seed, much.seconds);
        let fps = [10.0, 15.0, FULL_RATE][seed as usize % 3];
        let watched = play_script(&script, fps, tracker);
        (
            begun_in(&script, &format!("seed {seed}, {fps} fps"), &watched),
            watched.sides,
            Script::parse(&script).unwrap().duration(),
        )
    });
    let (mut falsely, mut sides, mut time) = (Vec::new(), Sides::default(), Duration::ZERO);
    for (more, of_one, long) in judged {
        falsely.extend(more);
        sides += of_one;
        time += long;
    }
    println!("Puppet, nothing meant: {} gestures in {:.1} minutes", falsely.len(), time.as_secs_f64() / 60.0);
    falsely.iter().for_each(|one| println!("  {one}"));
    say_sides(sides);
    falsely.extend(wrong_side(sides));
    falsely
}

fn labelled_hands() -> Option<PathBuf> {
    let named = std::env::var_os("HANDWAVE_HANDS").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let folder = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/hands"));
    if !folder.is_dir() {
        println!("Pictures and video of real hands: skipped; set HANDWAVE_HANDS to their folder");
    }
    folder.is_dir().then_some(folder)
}

/// Pictures of real hands, half a second each: too short for a gesture.
fn pictures_shuffled(much: &Much) -> Vec<String> {
    let Some(folder) = labelled_hands() else { return Vec::new() };
    let mut all: Vec<_> =
        ["webcam", "tilted", "digits"].iter().flat_map(|set| pictures(&folder.join(set)).unwrap()).collect();
    Dice::new(1).shuffle(&mut all);
    let all: Vec<_> = all.into_iter().step_by(much.pictures_every).collect();
    let decks: Vec<_> = all.chunks(60).collect();
    let judged = spread(&decks, much.threads, |tracker, deck| {
        let watched = observe(&mut Slides::new(deck), tracker, |_| None);
        let falsely = watched.outcomes.iter().filter_map(|(time, outcome)| {
            let number = slides::number_at(*time);
            let names: Vec<_> = deck[number.saturating_sub(3)..=number]
                .iter()
                .map(|path| path.file_name().unwrap().display())
                .collect();
            Some(format!("{:.2} s: {} in {names:?}", time.as_secs_f64(), begun(outcome)?))
        });
        falsely.collect::<Vec<_>>()
    });
    let falsely: Vec<_> = judged.into_iter().flatten().collect();
    println!("Pictures, half a second each: {} gestures in {} pictures", falsely.len(), all.len());
    falsely.iter().for_each(|one| println!("  {one}"));
    falsely
}

/// Single gestures at the camera's full rate.
fn everything_meant(much: &Much) -> Vec<String> {
    let seeds: Vec<u64> = (0..much.gestures as u64).collect();
    let judged = spread(&seeds, much.threads, |tracker, &seed| {
        let meant = scripts::meant(seed);
        let watched = play_script(&meant.script, FULL_RATE, tracker);
        let late = lateness(&meant, &watched);
        (
            late.map_err(|came| format!("seed {seed}: {came} of `{}`", meant.script.lines().nth(1).unwrap())),
            watched.sides,
        )
    });
    let (mut late, mut after_rest, mut wrong, mut sides) = (Vec::new(), Vec::new(), Vec::new(), Sides::default());
    for (result, of_one) in judged {
        sides += of_one;
        match result {
            Ok(times) => {
                late.push(times[0]);
                after_rest.push(times[1]);
            }
            Err(missed) => wrong.push(missed),
        }
    }
    println!("Puppet, every one meant: {} of {} fired, once and correctly", late.len(), much.gestures);
    wrong.iter().for_each(|one| println!("  {one}"));
    say_distribution("after the hold's end, as read", &mut late);
    say_distribution("after the hold's end, counted from the hand's coming to rest", &mut after_rest);
    say_sides(sides);
    let untimely = late.iter().filter(|late| !(-0.001..=LATEST).contains(*late));
    wrong.extend(untimely.map(|late| format!("a command came {late:.3} s after the end of its hold")));
    wrong.extend(wrong_side(sides));
    wrong
}

fn say_distribution(what: &str, seconds: &mut [f64]) {
    seconds.sort_by(f64::total_cmp);
    let at = |share: f64| seconds[(share * (seconds.len() - 1) as f64).round() as usize] * 1000.0;
    if !seconds.is_empty() {
        let [least, half, most_of, most] = [0.0, 0.5, 0.95, 1.0].map(at);
        println!("  command {what}: {least:.0} ms at least, {half:.0} half, {most_of:.0} p95, {most:.0} at most");
    }
}

/// How many seconds the command came after the end of its hold (and countdown), measured by the readings and by the
/// script; or what came instead of one command.
fn lateness(meant: &Meant, watched: &Watched) -> Result<[f64; 2], String> {
    let settings = Config::shipped().gesture;
    let fired: Vec<_> =
        watched.outcomes.iter().filter(|(_, outcome)| !matches!(outcome, Transition::CountingDown(_))).collect();
    let &[(time, Transition::Fired(gesture))] = &fired[..] else {
        return Err(if fired.is_empty() { seen(&watched.readings, meant) } else { format!("{fired:?}") });
    };
    if (gesture.side, gesture.fingers) != (meant.side, meant.fingers) {
        return Err(format!("{} {}", gesture.side, gesture.fingers));
    }
    let countdown = if meant.side == Side::Right { settings.countdown } else { Duration::ZERO };
    let ends =
        [hold_over(&watched.readings, meant).ok_or("a hold too short")?, meant.rest + settings.hold(meant.intent())];
    Ok(ends.map(|end| time.as_secs_f64() - (end + countdown).as_secs_f64()))
}

fn shows(reading: &Reading, meant: &Meant) -> bool {
    matches!(&reading.hands[..], [hand] if hand.sure && (hand.side, hand.fingers()) == (meant.side, meant.fingers))
}

/// What was read instead while the hand was held.
fn seen(readings: &[Reading], meant: &Meant) -> String {
    let held: Vec<_> = readings.iter().filter(|reading| (meant.rest..meant.left).contains(&reading.time)).collect();
    let hands = held.iter().flat_map(|reading| &reading.hands);
    let told: std::collections::BTreeSet<_> =
        hands.map(|hand| (hand.side.to_string(), hand.fingers(), hand.sure)).collect();
    let right = held.iter().filter(|reading| shows(reading, meant)).count();
    format!("nothing came, {right} of {} readings right, all of them {told:?},", held.len())
}

/// When the sign had been held long enough, computed from all readings afterwards: the end of the first window that
/// starts with it after the fist, in which enough readings show it and the hand neither moves too far nor jumps.
fn hold_over(readings: &[Reading], meant: &Meant) -> Option<Duration> {
    let settings = Config::shipped().gesture;
    let shown = |reading: &Reading| reading.time >= meant.opens && shows(reading, meant);
    readings.iter().enumerate().filter(|(_, reading)| shown(reading)).find_map(|(first, begin)| {
        let end = readings.iter().position(|end| end.time >= begin.time + settings.hold(meant.intent()))?;
        let window = &readings[first..=end];
        let held: Vec<_> = window.iter().filter(|reading| shows(reading, meant)).map(|r| &r.hands[0]).collect();
        let (far, step) = movement(&held);
        let agree = held.len() as f32 / window.len() as f32;
        (agree >= settings.agree && far <= settings.still && step <= settings.jump).then_some(readings[end].time)
    })
}

/// The mean movement of the landmarks, as a share of the palm at the end: in all, and the most between two readings.
fn movement(hands: &[&Hand]) -> (f32, f32) {
    let mean = |distance: &dyn Fn(usize) -> f32| (0..21).map(distance).sum::<f32>() / 21.0;
    let at = |hand: &Hand, landmark: usize| hand.landmarks[landmark].xy();
    let far = mean(&|i| {
        let points = || hands.iter().map(|hand| at(hand, i));
        points().fold(Vec2::MAX, Vec2::min).distance(points().fold(Vec2::MIN, Vec2::max))
    });
    let steps = hands.windows(2).map(|pair| mean(&|i| at(pair[0], i).distance(at(pair[1], i))));
    let palm = hands.last().map_or(0.0, |hand| hand.palm_width());
    (far / palm, steps.fold(0.0, f32::max) / palm)
}

/// The sides of a real hand in a video.
fn video(much: &Much) {
    let Some(folder) = labelled_hands().filter(|_| much.pictures_every == 1) else { return };
    let file = folder.join("video/asl_hand.25fps.mp4");
    let judged = spread(&[file], 1, |tracker, file| match Film::open(file) {
        Ok(mut film) => Ok(observe(&mut film, tracker, |_| Some(Side::Right)).sides),
        Err(error) => Err(error),
    });
    for sides in judged {
        match sides {
            Ok(sides) => {
                println!("Video of a right hand");
                say_sides(sides);
            }
            Err(error) => println!("Video of a right hand: skipped, {error}"),
        }
    }
}
