//! A small language in which time passes, to try the gesture rules in words. In: steps, a line each or between
//! semicolons ([`WORDS`] describes them). Out: what comes of them by the gesture machine, and its phase at the end.
//! Pure.
//!
//! What comes of the steps, as [`Happening`] prints it: `launch 3 at 800ms`, `countdown 2 at 1600ms`, `retire 2 at
//! 3600ms`, `taken back 2 at 1800ms: Fist`, and of `show`: `paused`, `idle: NoHand`, `left fist`, `left 3: 50%`, `left
//! 3: 50%, Moving`, `retiring 2 in 1500ms`, `done`.

use std::f32::consts::TAU;
use std::fmt;
use std::time::Duration;

use glam::Vec3;

use super::machine::{Machine, Phase, Transition};
use super::settings::Settings;
use super::shape::{self, SIZE, Shape};
use super::why::Why;
use crate::command::Intent;
use crate::hand::{Hand, Reading, Side};

/// The language's words, for people.
pub const WORDS: &str = "  \
  SIGN for 900ms                  readings of the sign, one a period, the end excluded
  SIGN, every 5th SIGN for 2s     the same, but each 5th reading is the other sign
  SIGN, afresh SIGN for 2s        the same, but fresh looks at the whole picture see the other sign
  show                            the phase as it is now
  period 50ms                     time between readings (50ms at the start)
  searches every 5                each 5th reading has searched the whole picture (so at the start)
  searches never, search          no reading has; the next one has
  looks when due                  readings are fresh looks where a hold needs one (so at the start)
  looks never, look               no reading is one; the next one is
  gap 300ms, back 100ms           the next reading comes that long after, or before, the last
  clock stops, clock goes         readings go on, their time stands still
  camera lost, pause, resume, quit
  start paused                    a machine that is not armed

SIGN is none, two (hands), or hands joined by `and`. A hand is left or right and its fingers: 0 to 5, fist, or five
digits, thumb first, such as 10001. fist alone is a right one. Then any of:
  unsure, small, nowhere          what the camera may make of it; nowhere: its landmarks are no numbers
  covering                        it may hide a second hand
  palm 24, x 300, y 200           the palm's width and place in pixels of 640x480 (60 at 320, 240)
  roll 90                         turned clockwise in the picture by that many degrees
  jumping 31, drifting 40         every other reading 31 pixels aside; by 40 pixels a second
  turning 90, waving              about its own length by 90 degrees a second; from the wrist, twice a second";

/// The most readings that may be played: an hour of them, 50 ms apart.
const MOST_READINGS: u128 = 72_000;
/// The most hands in a sign.
const MOST_HANDS: usize = 8;
const LONGEST: Duration = Duration::from_secs(3600);
const SHORTEST_PERIOD: Duration = Duration::from_millis(1);
/// The most characters of a step that an error quotes.
const MOST_QUOTED: usize = 60;

/// What is wrong with a step, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("step {number}, `{step}`: {reason}; {remedy}")]
pub struct LanguageError {
    /// From 1.
    pub number: usize,
    pub step: String,
    pub reason: String,
    pub remedy: String,
}

/// What came of the steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Played {
    pub happenings: Vec<Happening>,
    /// The machine's phase after the last step.
    pub phase: Phase,
    /// The last sign that no fist came before.
    pub fistless: Option<(Side, u8)>,
}

/// One thing that came of the steps.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// At the time of the newest reading.
    Transition { at: Duration, transition: Transition },
    /// A `show`.
    Shown(Phase),
}

/// Plays the steps on a machine that is armed at the start.
pub fn play(steps: &str, settings: &Settings) -> Result<Played, LanguageError> {
    let mut player = Player::new(settings);
    let texts = steps.split(['\n', ';']).map(str::trim).filter(|text| !text.is_empty());
    let mut played = 0;
    for text in texts {
        played += 1;
        let step = parse(text).and_then(|step| player.play(step));
        step.map_err(|wrong| wrong.of_step(played, text))?;
    }
    if played == 0 {
        let wrong = Wrong { reason: "there is no step".into(), remedy: "write one such as `left 3 for 900ms`".into() };
        return Err(wrong.of_step(1, ""));
    }
    Ok(Played { happenings: player.happenings, phase: player.machine.phase(), fistless: player.fistless })
}

/// A reason and a remedy, without the step.
struct Wrong {
    reason: String,
    remedy: String,
}

impl Wrong {
    fn of_step(self, number: usize, text: &str) -> LanguageError {
        let mut step: String = text.chars().take(MOST_QUOTED).collect();
        if step.len() < text.len() {
            step.push('…');
        }
        LanguageError { number, step, reason: self.reason, remedy: self.remedy }
    }
}

fn wrong<T>(reason: impl Into<String>, remedy: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { reason: reason.into(), remedy: remedy.into() })
}

enum Step {
    Period(Duration),
    SearchEvery(Option<usize>),
    Search,
    Looks { due: bool },
    Look,
    Gap(Duration),
    Back(Duration),
    Clock { goes: bool },
    CameraLost,
    Pause,
    Resume,
    Quit,
    StartPaused,
    Show,
    Readings { sign: Hands, other: Option<(When, Hands)>, long: Duration },
}

/// Which readings show the other sign.
enum When {
    Every(usize),
    Afresh,
}

type Hands = Vec<Moving>;

/// A hand, and how it moves while its step is played.
struct Moving {
    shape: Shape,
    /// Pixels aside in every other reading.
    jumping: f32,
    /// Pixels a second.
    drifting: f32,
    /// Radians a second, about the hand's own length.
    turning: f32,
    waving: bool,
    nowhere: bool,
    covering: bool,
}

impl Moving {
    /// The hand in the step's reading with that index, that many seconds after its first.
    fn hand(&self, index: usize, seconds: f32) -> Hand {
        let mut shape = self.shape;
        shape.x += self.jumping * (index % 2) as f32 + self.drifting * seconds;
        if self.waving {
            // 30 degrees to both sides, twice a second, about a wrist 1.1 palms below.
            shape.x += 1.1 * shape.palm * 30f32.to_radians().sin() * (2.0 * TAU * seconds).sin();
        }
        let narrowed = (self.turning * seconds).cos();
        let mut hand = shape.hand();
        hand.landmarks.iter_mut().for_each(|point| point.x = shape.x + (point.x - shape.x) * narrowed);
        if self.nowhere {
            hand.landmarks = [Vec3::NAN; 21];
        }
        hand
    }
}

fn parse(text: &str) -> Result<Step, Wrong> {
    Ok(match text.split_whitespace().collect::<Vec<_>>()[..] {
        ["period", period] => match duration(period)? {
            period if period >= SHORTEST_PERIOD => Step::Period(period),
            _ => return wrong("readings can't follow each other that fast", "write a period of 1ms or more"),
        },
        ["searches", "never"] => Step::SearchEvery(None),
        ["searches", "every", n] => Step::SearchEvery(Some(nth(n)?)),
        ["search"] => Step::Search,
        ["looks", "when", "due"] => Step::Looks { due: true },
        ["looks", "never"] => Step::Looks { due: false },
        ["look"] => Step::Look,
        ["gap", gap] => Step::Gap(duration(gap)?),
        ["back", back] => Step::Back(duration(back)?),
        ["clock", "stops"] => Step::Clock { goes: false },
        ["clock", "goes"] => Step::Clock { goes: true },
        ["camera", "lost"] => Step::CameraLost,
        ["pause"] => Step::Pause,
        ["resume"] => Step::Resume,
        ["quit"] => Step::Quit,
        ["start", "paused"] => Step::StartPaused,
        ["show"] => Step::Show,
        [ref words @ .., "for", long] => {
            let (text, long) = (words.join(" "), duration(long)?);
            let (shown, other) = if let Some((shown, other)) = text.split_once(", afresh ") {
                (shown, Some((When::Afresh, sign(other)?)))
            } else if let Some((shown, other)) = text.split_once(", every ") {
                let Some((n, other)) = other.split_once(' ') else {
                    return wrong("the other sign is missing", "write it so: left 3, every 5th none for 1s");
                };
                (shown, Some((When::Every(nth(n.trim_end_matches(char::is_alphabetic))?), sign(other)?)))
            } else {
                (&*text, None)
            };
            Step::Readings { sign: sign(shown)?, other, long }
        }
        _ => {
            return wrong(
                "it is no step",
                "write a sign and how long, such as `left 3 for 900ms` (`handwave gestures --help` lists all words)",
            );
        }
    })
}

fn sign(text: &str) -> Result<Hands, Wrong> {
    match text {
        "none" => Ok(Vec::new()),
        "two" => sign("left 5 and right 5"),
        _ if text.split(" and ").count() > MOST_HANDS => {
            wrong("too many hands", format!("write {MOST_HANDS} hands at most"))
        }
        _ => text.split(" and ").map(hand).collect(),
    }
}

fn hand(text: &str) -> Result<Moving, Wrong> {
    let shape = Shape::new(Side::Right, 0);
    let mut hand =
        Moving { shape, jumping: 0.0, drifting: 0.0, turning: 0.0, waving: false, nowhere: false, covering: false };
    let mut named = false;
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        if matches!(word, "fist" | "left" | "right") && std::mem::replace(&mut named, true) {
            return wrong("a hand is named twice", "join two hands by `and`");
        }
        match word {
            "unsure" => hand.shape.sure = false,
            "small" => hand.shape.palm = 20.0,
            "fist" => {}
            "left" | "right" => {
                hand.shape.side = if word == "left" { Side::Left } else { Side::Right };
                hand.shape.raised = match words.next().and_then(raised) {
                    Some(raised) => raised,
                    None => return wrong(format!("`{word}` needs a count of fingers"), "write one from 0 to 5"),
                };
            }
            "palm" => hand.shape.palm = number(word, words.next())?,
            "x" => hand.shape.x = number(word, words.next())?,
            "y" => hand.shape.y = number(word, words.next())?,
            "roll" => hand.shape.roll = number(word, words.next())?,
            "jumping" => hand.jumping = number(word, words.next())?,
            "drifting" => hand.drifting = number(word, words.next())?,
            "turning" => hand.turning = number(word, words.next())?.to_radians(),
            "waving" => hand.waving = true,
            "nowhere" => hand.nowhere = true,
            "covering" => hand.covering = true,
            _ => {
                let word: String = word.chars().take(MOST_QUOTED).collect();
                return wrong(format!("`{word}` is no word of a sign"), "write none, two, left N, right N or fist");
            }
        }
    }
    if named { Ok(hand) } else { wrong("it names no hand", "write none, two, left N, right N or fist") }
}

/// Raised fingers by their count or one by one.
fn raised(word: &str) -> Option<[bool; 5]> {
    match (word, word.as_bytes()) {
        ("fist", _) => Some(shape::raised(0)),
        (_, [count @ b'0'..=b'5']) => Some(shape::raised(count - b'0')),
        (_, digits) => {
            let digits: [u8; 5] = digits.try_into().ok()?;
            digits.iter().all(|digit| matches!(digit, b'0' | b'1')).then(|| digits.map(|digit| digit == b'1'))
        }
    }
}

fn number(of: &str, word: Option<&str>) -> Result<f32, Wrong> {
    match word.and_then(|word| word.parse::<f32>().ok()) {
        Some(number) if number.is_finite() => Ok(number),
        _ => wrong(format!("`{of}` needs a number"), format!("write one after it, such as `{of} 30`")),
    }
}

/// A stride, from 1.
fn nth(word: &str) -> Result<usize, Wrong> {
    match word.parse() {
        Ok(n @ 1..) => Ok(n),
        _ => wrong("`every` needs a whole number", "write one from 1, such as `every 5`"),
    }
}

fn duration(word: &str) -> Result<Duration, Wrong> {
    let read = match word.strip_suffix("ms") {
        Some(millis) => millis.parse().ok().map(Duration::from_millis),
        None => word
            .strip_suffix('s')
            .and_then(|seconds| seconds.parse().ok())
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
    };
    match read {
        Some(read) if read <= LONGEST => Ok(read),
        Some(_) => wrong("that is too long", format!("write {} seconds at most", LONGEST.as_secs())),
        None => wrong("the time can't be read", "write it as 900ms or 1.5s"),
    }
}

/// A machine, and the clock of its readings.
struct Player<'a> {
    settings: &'a Settings,
    machine: Machine,
    happenings: Vec<Happening>,
    /// The times of the next reading and of the last one.
    next: Duration,
    last: Duration,
    period: Duration,
    ticking: bool,
    readings: usize,
    searches_every: Option<usize>,
    search_next: bool,
    looks_when_due: bool,
    look_next: bool,
    fistless: Option<(Side, u8)>,
}

impl Player<'_> {
    fn new(settings: &Settings) -> Player<'_> {
        Player {
            settings,
            machine: Machine::new(settings.clone(), true),
            happenings: Vec::new(),
            next: Duration::ZERO,
            last: Duration::ZERO,
            period: Duration::from_millis(50),
            ticking: true,
            readings: 0,
            searches_every: Some(5),
            search_next: false,
            looks_when_due: true,
            look_next: false,
            fistless: None,
        }
    }

    fn play(&mut self, step: Step) -> Result<(), Wrong> {
        let transition = match step {
            Step::CameraLost => self.machine.camera_lost(),
            Step::Pause => self.machine.pause(),
            Step::Quit => self.machine.quit(),
            Step::Readings { sign, other, long } => return self.read(&sign, other.as_ref(), long),
            step => {
                match step {
                    Step::Period(period) => self.period = period,
                    Step::SearchEvery(n) => self.searches_every = n,
                    Step::Search => self.search_next = true,
                    Step::Looks { due } => self.looks_when_due = due,
                    Step::Look => self.look_next = true,
                    Step::Gap(gap) => self.next = self.last + gap,
                    Step::Back(back) => match self.last.checked_sub(back) {
                        Some(next) => self.next = next,
                        None => return wrong("that is before the first reading", "write a shorter time"),
                    },
                    Step::Clock { goes } => self.ticking = goes,
                    Step::StartPaused => self.machine = Machine::new(self.settings.clone(), false),
                    Step::Resume => self.machine.resume(),
                    _ => self.happenings.push(Happening::Shown(self.machine.phase())),
                }
                None
            }
        };
        self.keep(transition);
        Ok(())
    }

    /// Readings of the sign, the end excluded.
    fn read(&mut self, sign: &Hands, other: Option<&(When, Hands)>, long: Duration) -> Result<(), Wrong> {
        let count = long.as_nanos().div_ceil(self.period.as_nanos());
        if self.readings as u128 + count > MOST_READINGS {
            let remedy = format!("write a shorter time or a longer period: {MOST_READINGS} readings at most in all");
            return wrong("that is too many readings", remedy);
        }
        let mut passed = Duration::ZERO;
        for index in 0..count as usize {
            let due = self.machine.due().is_some_and(|due| due.fresh && due.has_come(self.next));
            let fresh = std::mem::take(&mut self.look_next) || self.looks_when_due && due;
            let is_other = |when: &When| match when {
                When::Every(nth) => (index + 1).is_multiple_of(*nth),
                When::Afresh => fresh,
            };
            let shown = other.filter(|(when, _)| is_other(when)).map_or(sign, |(_, other)| other);
            let hands = shown.iter().map(|hand| hand.hand(index, passed.as_secs_f32())).collect();
            self.readings += 1;
            let regular = self.searches_every.is_some_and(|n| self.readings.is_multiple_of(n));
            let searched = std::mem::take(&mut self.search_next) || regular || fresh;
            let hidden = shown.iter().any(|hand| hand.covering);
            let transition = self.machine.see(&Reading { time: self.next, size: SIZE, hands, searched, fresh, hidden });
            self.last = self.next;
            self.keep(transition);
            if let Phase::Holding { gesture, hint: Some(Why::NoFist), .. } = self.machine.phase() {
                self.fistless = Some((gesture.side, gesture.fingers));
            }
            passed += self.period;
            if self.ticking {
                self.next += self.period;
            }
        }
        Ok(())
    }

    fn keep(&mut self, transition: Option<Transition>) {
        let at = self.last;
        self.happenings.extend(transition.map(|transition| Happening::Transition { at, transition }));
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Happening::Shown(phase) => show(phase, f),
            Happening::Transition { at, transition } => {
                let at = at.as_millis();
                match transition {
                    Transition::CountingDown(gesture) => write!(f, "countdown {} at {at}ms", gesture.fingers),
                    Transition::Fired(gesture) => match gesture.intent() {
                        Intent::Launch => write!(f, "launch {} at {at}ms", gesture.fingers),
                        Intent::Retire => write!(f, "retire {} at {at}ms", gesture.fingers),
                    },
                    Transition::TakenBack { gesture, why } => {
                        write!(f, "taken back {} at {at}ms: {why:?}", gesture.fingers)
                    }
                }
            }
        }
    }
}

fn show(phase: &Phase, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match phase {
        Phase::Paused => f.write_str("paused"),
        Phase::Idle(why) => write!(f, "idle: {why:?}"),
        Phase::Ready(side) => write!(f, "{side} fist"),
        Phase::Holding { gesture, progress, hint } => {
            write!(f, "{} {}: {:.0}%", gesture.side, gesture.fingers, progress * 100.0)?;
            hint.map_or(Ok(()), |hint| write!(f, ", {hint:?}"))
        }
        Phase::CountingDown { gesture, left, .. } => {
            write!(f, "retiring {} in {}ms", gesture.fingers, left.as_millis())
        }
        Phase::Done { .. } => f.write_str("done"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::Config;

    fn refusal(steps: &str) -> String {
        play(steps, &Config::shipped().gesture).expect_err(steps).to_string()
    }

    #[test]
    fn an_error_names_step_reason_and_remedy() {
        for (steps, said) in [
            ("", "step 1, ``: there is no step; write one such as `left 3 for 900ms`"),
            (
                "left 3 for 1s; left 6 for 1s",
                "step 2, `left 6 for 1s`: `left` needs a count of fingers; write one from 0 to 5",
            ),
            ("left 3 for 1e9s", "step 1, `left 3 for 1e9s`: that is too long; write 3600 seconds at most"),
            ("none for infs", "step 1, `none for infs`: the time can't be read; write it as 900ms or 1.5s"),
            ("period 1us", "step 1, `period 1us`: the time can't be read; write it as 900ms or 1.5s"),
        ] {
            assert_eq!(refusal(steps), said);
        }
        for (steps, reason) in [
            ("jump", "it is no step"),
            ("period 0s", "that fast"),
            ("period 1ms; none for 3600s", "too many readings"),
            ("none for 50ms; back 51ms", "before the first reading"),
            ("searches every 0", "needs a whole number"),
            ("left 3, every 0th none for 1s", "needs a whole number"),
            ("left 3, every 5th for 1s", "the other sign is missing"),
            ("left 3, every 2nd left for 1s", "needs a count"),
            ("left 3 right 2 for 1s", "named twice"),
            ("unsure for 1s", "names no hand"),
            ("left 3 x nan for 1s", "`x` needs a number"),
            ("left 10002 for 1s", "needs a count"),
            ("left 3 upside for 1s", "`upside` is no word"),
            (
                "left 1 and left 1 and left 1 and left 1 and left 1 and left 1 and left 1 and left 1 and left 1 for 1s",
                "too many hands",
            ),
        ] {
            assert!(refusal(steps).contains(reason), "{steps}: {}", refusal(steps));
        }
        let long = refusal(&"left ".repeat(1000));
        assert!(long.len() < 400, "{long}");
    }

    #[test]
    fn every_word_is_one() {
        let steps = "start paused; resume; period 40ms; searches never; search; searches every 3; looks never; look; looks when due
            left 3 x 300 y 200 palm 50 roll 20 for 1s; left fist for 80ms; right 10001 for 80ms; unsure small fist jumping 3 drifting 4 turning 5 waving nowhere for 80ms
            two for 40ms; none, every 2nd right 2 for 80ms; none, afresh two for 80ms; gap 2s; back 1ms; clock stops; none for 80ms; clock goes
            pause; show; camera lost; quit";
        play(steps, &Config::shipped().gesture).unwrap_or_else(|error| panic!("{error}"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,80}") {
            let _ = play(&text, &Config::shipped().gesture);
        }

        #[test]
        fn no_words_make_it_panic(words in prop::collection::vec(prop::sample::select(vec![
            "left", "right", "fist", "none", "two", "3", "0", "-1e38", "and", "for", "1s", "900ms", ";", "gap", "back",
            "3600s", "period", "1ms", "searches", "every", ", every ", "5th", "search", "looks", "look", "when", "due", "never", ", afresh ", "clock", "stops", "goes", "show",
            "camera", "lost", "pause", "resume", "quit", "start", "paused", "jumping", "x", "turning", "waving", "palm",
        ]), 0..30)) {
            let _ = play(&words.join(" "), &Config::shipped().gesture);
        }
    }
}
