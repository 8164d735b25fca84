//! A small language in which time passes. In: steps, a line each or between semicolons, and what shall come of them.
//! Out: a panic where something else comes of them, or where a step makes no sense.
//!
//!     left 3 for 900ms                        readings of it, each a period after the last, the end excluded
//!     left 3, every 5th none for 900ms        the same, but each 5th reading is another
//!     SIGN: none, left 3, right 0, fist (right 0), two (hands), and, before a hand, `unsure` or `small`; hands are joined by `and`
//!     HAND palm 24, HAND x 300, HAND y 200    its palm's width and place in pixels; otherwise 60 at 320, 240
//!     HAND jumping 31, HAND drifting 40       every other reading 31 pixels aside; moving by 40 pixels a second
//!     HAND turning 90                         about its own length by 90 degrees a second, its palm's centre at rest
//!     HAND waving                             from the wrist, 30 degrees to both sides, twice a second
//!     HAND nowhere                            its landmarks are no numbers
//!     period 50ms                             between readings; 50 ms at the start
//!     searches every 5, searches never, search
//!     gap 300ms, back 100ms                   the next reading comes so long after, or before, the last
//!     clock stops, clock goes                 readings go on, their time stands still
//!     camera lost, pause, resume, quit
//!     start paused                            a machine that is not armed
//!     show                                    the phase as it is now
//!
//! What comes of it, a line each: `launch 3 at 800ms`, `countdown 2 at 1600ms`, `retire 2 at 3600ms`, `taken back 2 at
//! 1800ms: Fist`, and of `show`: `paused`, `idle: NoHand`, `left 3: 50%`, `left 3: 50%, Moving`, `retiring 2 in 1500ms`, `done`.

use std::{f32::consts::TAU, time::Duration};

use glam::Vec3;
use handwave::{
    config::Config,
    gesture::machine::{Machine, Phase, Transition},
    hand::{Hand, Reading, Side},
};

use crate::hands::{SIZE, Shape};

/// Plays the steps on a machine that is armed at the start, with the shipped settings.
#[track_caller]
pub fn check(steps: &str, expected: &str) {
    let lines =
        |text: &str| text.split(['\n', ';']).map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned).collect();
    let (steps, expected): (Vec<String>, Vec<String>) = (lines(steps), lines(expected));
    let mut player = Player::new();
    for step in &steps {
        player.step(step).unwrap_or_else(|| panic!("no such step: `{step}`"));
    }
    assert_eq!(player.heard, expected, "\nafter {steps:#?}");
}

struct Player {
    machine: Machine,
    heard: Vec<String>,
    next: Duration,
    last: Duration,
    period: Duration,
    ticking: bool,
    readings: usize,
    searches_every: Option<usize>,
    search_next: bool,
}

impl Player {
    fn new() -> Player {
        Player {
            machine: Machine::new(Config::shipped().gesture, true),
            heard: Vec::new(),
            next: Duration::ZERO,
            last: Duration::ZERO,
            period: Duration::from_millis(50),
            ticking: true,
            readings: 0,
            searches_every: Some(5),
            search_next: false,
        }
    }

    fn step(&mut self, step: &str) -> Option<()> {
        match step.split_whitespace().collect::<Vec<_>>()[..] {
            ["period", period] => self.period = duration(period)?,
            ["searches", "never"] => self.searches_every = None,
            ["searches", "every", n] => self.searches_every = Some(n.parse().ok()?),
            ["search"] => self.search_next = true,
            ["gap", gap] => self.next = self.last + duration(gap)?,
            ["back", back] => self.next = self.last.checked_sub(duration(back)?)?,
            ["clock", "stops"] => self.ticking = false,
            ["clock", "goes"] => self.ticking = true,
            ["camera", "lost"] => {
                let outcome = self.machine.camera_lost();
                self.hear(outcome);
            }
            ["pause"] => {
                let outcome = self.machine.pause();
                self.hear(outcome);
            }
            ["quit"] => {
                let outcome = self.machine.quit();
                self.hear(outcome);
            }
            ["start", "paused"] => self.machine = Machine::new(Config::shipped().gesture, false),
            ["resume"] => self.machine.resume(),
            ["show"] => {
                let phase = phase(self.machine.phase());
                self.heard.push(phase);
            }
            [ref sign @ .., "for", long] => self.play(&sign.join(" "), duration(long)?)?,
            _ => return None,
        }
        Some(())
    }

    fn play(&mut self, sign: &str, long: Duration) -> Option<()> {
        let (sign, noise) = match sign.split_once(", every ") {
            Some((sign, noise)) => {
                let (nth, noise) = noise.split_once(' ')?;
                let nth: usize = nth.trim_end_matches(char::is_alphabetic).parse().ok()?;
                (sign, Some((nth, noise)))
            }
            None => (sign, None),
        };
        let mut passed = Duration::ZERO;
        for index in 0usize.. {
            if passed >= long {
                break;
            }
            let sign = noise.filter(|(nth, _)| (index + 1).is_multiple_of(*nth)).map_or(sign, |(_, noise)| noise);
            let hands = hands(sign, index, passed.as_secs_f32())?;
            self.readings += 1;
            let regular = self.searches_every.is_some_and(|n| self.readings.is_multiple_of(n));
            let searched = std::mem::take(&mut self.search_next) || regular;
            let outcome = self.machine.see(&Reading { time: self.next, size: SIZE, hands, searched });
            self.last = self.next;
            self.hear(outcome);
            passed += self.period;
            if self.ticking {
                self.next += self.period;
            }
        }
        Some(())
    }

    fn hear(&mut self, outcome: Option<Transition>) {
        let at = self.last.as_millis();
        self.heard.extend(outcome.map(|outcome| match outcome {
            Transition::CountingDown(gesture) => format!("countdown {} at {at}ms", gesture.fingers),
            Transition::Fired(gesture) => match gesture.side {
                Side::Left => format!("launch {} at {at}ms", gesture.fingers),
                Side::Right => format!("retire {} at {at}ms", gesture.fingers),
            },
            Transition::TakenBack { gesture, why } => format!("taken back {} at {at}ms: {why:?}", gesture.fingers),
        }));
    }
}

fn phase(phase: Phase) -> String {
    match phase {
        Phase::Paused => "paused".into(),
        Phase::Idle(why) => format!("idle: {why:?}"),
        Phase::Holding { gesture, progress, hint } => {
            let (side, fingers) = (gesture.side, gesture.fingers);
            let hint = hint.map(|hint| format!(", {hint:?}")).unwrap_or_default();
            format!("{side} {fingers}: {:.0}%{hint}", progress * 100.0)
        }
        Phase::CountingDown { gesture, left, .. } => format!("retiring {} in {}ms", gesture.fingers, left.as_millis()),
        Phase::Done { .. } => "done".into(),
    }
}

/// `index` and `seconds` say how far the step is, for hands that move.
fn hands(sign: &str, index: usize, seconds: f32) -> Option<Vec<Hand>> {
    match sign {
        "none" => Some(Vec::new()),
        "two" => hands("left 5 and right 5", index, seconds),
        _ => sign.split(" and ").map(|words| hand(words, index, seconds)).collect(),
    }
}

fn hand(words: &str, index: usize, seconds: f32) -> Option<Hand> {
    let (mut shape, mut counted, mut nowhere, mut turned) = (Shape::new(Side::Right, 0), false, false, 0f32);
    let mut words = words.split_whitespace();
    while let Some(word) = words.next() {
        let mut number = || words.next()?.parse::<f32>().ok();
        match word {
            "unsure" => shape.sure = false,
            "small" => shape.palm = 20.0,
            "fist" => counted = true,
            "left" | "right" => {
                shape.side = if word == "left" { Side::Left } else { Side::Right };
                shape.fingers = words.next()?.parse().ok().filter(|fingers| *fingers <= 5)?;
                counted = true;
            }
            "palm" => shape.palm = number()?,
            "x" => shape.x = number()?,
            "y" => shape.y = number()?,
            "jumping" => shape.x += number()? * (index % 2) as f32,
            "drifting" => shape.x += number()? * seconds,
            "waving" => shape.x += 1.1 * shape.palm * 30f32.to_radians().sin() * (2.0 * TAU * seconds).sin(),
            "turning" => turned = number()?.to_radians() * seconds,
            "nowhere" => nowhere = true,
            _ => return None,
        }
    }
    let mut hand = counted.then(|| shape.hand())?;
    hand.landmarks.iter_mut().for_each(|point| point.x = shape.x + (point.x - shape.x) * turned.cos());
    if nowhere {
        hand.landmarks = [Vec3::NAN; 21];
    }
    Some(hand)
}

fn duration(text: &str) -> Option<Duration> {
    match text.strip_suffix("ms") {
        Some(millis) => Some(Duration::from_millis(millis.parse().ok()?)),
        None => Duration::try_from_secs_f64(text.strip_suffix('s')?.parse().ok()?).ok(),
    }
}

#[test]
#[should_panic(expected = "no such step: `left 6 for 1s`")]
fn a_step_that_makes_no_sense_is_named() {
    check("left 3 for 100ms; left 6 for 1s", "");
}
