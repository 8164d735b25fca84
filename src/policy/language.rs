//! A small language in which time passes, to try policies in words. In: steps, a line each ([`WORDS`] describes them).
//! Out: each decision that differs from the one before. Pure.
//!
//! `cpu 80 80 75 on 3 for 2m -> out to 4: the mean of 3 is 78 %`

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;

use super::bounds::bounds;
use super::cpu;
use super::decide::{Decision, decide};
use super::history::History;
use super::need::{Fleet, Measured};
use super::queue;
use super::settings::Settings;
use crate::fleet::{Limits, Said, What};
use crate::metrics::{Depth, MetricsError};
use crate::settings::length_of_time;

/// The language's words, for people.
pub const WORDS: &str = "  \
  cpu 80 80 ? on 4 for 5m        the CPU of each instance that has warmed up (? is missing), a fleet of 4, for 5 minutes
  queue 40 3 0 on 2 for 5m       a queue's messages: visible, in flight, delayed (? is missing)
  cpu 50 50, queue 9 1 0 for 5m  both
  person launches to 5           so a person did, just now; or `retires to 2`
  start                          handwave starts: nothing is known of before
  limits 1 to 10                 the fleet's limits (at the start those of config.toml)
  gap 10m, back 10m              time passes without a measurement; or the clock runs back

Without `on`, the fleet has the size that the last decision gave it. `... -> out to 4`, `... -> in to 2` and `... -> hold`
after a measurement say what must come of it, with words of the reason after a colon. A line that begins with # is none.";

/// The most decisions that may be made.
const MOST_DECISIONS: usize = 100_000;
/// The largest fleet.
const LARGEST: usize = 10_000;

/// What is wrong with a line, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {number}, `{line}`: {reason}")]
pub struct LanguageError {
    /// From 1.
    pub number: usize,
    pub line: String,
    pub reason: String,
}

/// A decision that differs from the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    pub at: Duration,
    /// The fleet's count before it.
    pub count: usize,
    pub decision: Decision,
}

impl fmt::Display for Decided {
    /// Such as `2m out to 4: cpu: the mean of 3 is 78 %, target 60 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = SignedDuration::try_from(self.at).unwrap_or(SignedDuration::MAX);
        write!(f, "{at:#} {}", self.decision.of(self.count))
    }
}

/// Plays the steps on a fleet with these limits.
pub fn play(steps: &str, settings: &Settings, limits: Limits) -> Result<Vec<Decided>, LanguageError> {
    let mut player = Player::new(settings, limits);
    for (number, line) in steps.lines().enumerate().map(|(i, line)| (i + 1, line.trim())) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let played = parse(line).and_then(|step| player.play(step));
        played.map_err(|reason| LanguageError { number, line: line.to_owned(), reason })?;
    }
    Ok(player.decided)
}

enum Step {
    Measure {
        cpu: Option<Vec<Option<f64>>>,
        queue: Option<Result<Depth, MetricsError>>,
        on: Option<usize>,
        long: Duration,
        then: Option<Then>,
    },
    Person(What, usize),
    Start,
    Limits(Limits),
    Gap(Duration),
    Back(Duration),
}

/// What must come of a measurement.
struct Then {
    /// `out to 4`, `in to 2` or `hold`.
    head: String,
    /// Words of the reason.
    words: String,
}

fn parse(line: &str) -> Result<Step, String> {
    let (step, then) = match line.split_once("->") {
        Some((step, then)) => (step, Some(expected(then)?)),
        None => (line, None),
    };
    let words: Vec<&str> = step.split_whitespace().collect();
    let step = match words[..] {
        ["start"] => Step::Start,
        ["person", "launches", "to", n] => Step::Person(What::Launch, count(n)?),
        ["person", "retires", "to", n] => Step::Person(What::Retire, count(n)?),
        ["limits", min, "to", max] => {
            let limits = Limits { min: count(min)?, max: count(max)? };
            if limits.min > limits.max {
                return Err("the fewest are more than the most".into());
            }
            Step::Limits(limits)
        }
        ["gap", long] => Step::Gap(length_of_time(long)?),
        ["back", long] => Step::Back(length_of_time(long)?),
        [ref measures @ .., "on", n, "for", long] => measurement(measures, Some(count(n)?), length_of_time(long)?)?,
        [ref measures @ .., "for", long] => measurement(measures, None, length_of_time(long)?)?,
        _ => return Err("it is no step; write one such as `cpu 80 80 on 2 for 5m`".into()),
    };
    match (step, then) {
        (Step::Measure { cpu, queue, on, long, .. }, then) => Ok(Step::Measure { cpu, queue, on, long, then }),
        (_, Some(_)) => Err("nothing is decided in it; write `->` after a measurement".into()),
        (step, None) => Ok(step),
    }
}

fn measurement(words: &[&str], on: Option<usize>, long: Duration) -> Result<Step, String> {
    let (mut cpu, mut queue) = (None, None);
    for measure in words.join(" ").split(',') {
        match measure.split_whitespace().collect::<Vec<_>>()[..] {
            ["cpu", ref loads @ ..] if cpu.is_none() => {
                cpu = Some(loads.iter().map(|load| known(load)).collect::<Result<_, _>>()?);
            }
            ["queue", visible, in_flight, delayed] if queue.is_none() => {
                let counts =
                    [("visible", known(visible)?), ("in flight", known(in_flight)?), ("delayed", known(delayed)?)];
                queue = Some(depth(counts));
            }
            _ => {
                return Err(format!(
                    "`{}` is no measurement; write `cpu 80 80` or `queue 40 3 0`, once each",
                    measure.trim()
                ));
            }
        }
    }
    Ok(Step::Measure { cpu, queue, on, long, then: None })
}

fn depth(counts: [(&str, Option<u64>); 3]) -> Result<Depth, MetricsError> {
    if let [(_, Some(visible)), (_, Some(in_flight)), (_, Some(delayed))] = counts {
        return Ok(Depth { visible, in_flight, delayed });
    }
    let missing: Vec<_> = counts.iter().filter(|(_, count)| count.is_none()).map(|(name, _)| *name).collect();
    Err(MetricsError(format!("its count of {} is missing", missing.join(" and "))))
}

fn expected(text: &str) -> Result<Then, String> {
    let (head, words) = text.split_once(':').unwrap_or((text, ""));
    let head = head.split_whitespace().collect::<Vec<_>>().join(" ");
    let number = head.strip_prefix("out to ").or_else(|| head.strip_prefix("in to "));
    match number {
        Some(n) => count(n).map(drop)?,
        None if head == "hold" => {}
        None => return Err("what must come of it is missing; write `-> out to 4`, `-> in to 2` or `-> hold`".into()),
    }
    Ok(Then { head, words: words.trim().to_owned() })
}

fn known<T: std::str::FromStr>(text: &str) -> Result<Option<T>, String> {
    match text {
        "?" => Ok(None),
        text => {
            text.parse().map(Some).map_err(|_| format!("{text:?} is no number; write one, or ? where it is missing"))
        }
    }
}

fn count(text: &str) -> Result<usize, String> {
    let n = text.parse().ok().filter(|&n: &usize| n <= LARGEST);
    n.ok_or_else(|| format!("{text:?} is no number of instances; write one from 0 to {LARGEST}"))
}

struct Player<'a> {
    settings: &'a Settings,
    limits: Limits,
    history: History,
    now: Duration,
    count: usize,
    said: Option<(Said, Duration)>,
    decided: Vec<Decided>,
    made: usize,
}

impl<'a> Player<'a> {
    fn new(settings: &'a Settings, limits: Limits) -> Self {
        let history = History::new(settings.window, settings.every);
        let (now, count) = (Duration::ZERO, limits.min);
        Player { settings, limits, history, now, count, said: None, decided: Vec::new(), made: 0 }
    }

    fn play(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Start => {
                self.history = History::new(self.settings.window, self.settings.every);
                self.person(What::Start, self.count);
            }
            Step::Person(what, n) => {
                self.person(what, n);
                self.count = n;
            }
            Step::Limits(limits) => self.limits = limits,
            Step::Gap(long) => self.now = self.now.saturating_add(long),
            Step::Back(long) => self.now = self.now.saturating_sub(long),
            Step::Measure { cpu, queue, on, long, then } => {
                self.count = on.unwrap_or(self.count);
                let first = self.decided.len();
                let mut heads = Vec::new();
                let end = self.now.saturating_add(long);
                while self.now < end {
                    let decided = self.measure(cpu.as_deref(), queue.as_ref())?;
                    heads.push(decided.decision.of(decided.count).to_string());
                    if self.decided.last().is_none_or(|last| last.decision != decided.decision) {
                        self.decided.push(decided);
                    }
                    self.now = self.now.saturating_add(self.settings.every);
                }
                self.now = end;
                if let Some(then) = then
                    && !then.came(&heads)
                {
                    let came: Vec<_> = self.decided[first..].iter().map(ToString::to_string).collect();
                    let came = if came.is_empty() { heads.last().cloned().into_iter().collect() } else { came };
                    return Err(format!("`{}` did not come of it, but: {}", then.head, came.join(" | ")));
                }
            }
        }
        Ok(())
    }

    fn person(&mut self, what: What, count: usize) {
        let by = if what == What::Start { "" } else { " by a person" };
        self.said = Some((Said { what, by: by.to_owned(), count }, self.now));
    }

    /// One measurement and its decision, which the fleet follows at once.
    fn measure(
        &mut self,
        loads: Option<&[Option<f64>]>,
        depth: Option<&Result<Depth, MetricsError>>,
    ) -> Result<Decided, String> {
        self.made += 1;
        if self.made > MOST_DECISIONS {
            return Err(format!("that is too long to play; write steps of {MOST_DECISIONS} measurements at most"));
        }
        let count = self.count;
        let of_cpu = loads.map(|loads| {
            let fleet = Fleet { count, warming: count.saturating_sub(loads.len()) };
            cpu::need(&self.settings.cpu, loads, fleet)
        });
        let of_queue = depth.map(|depth| queue::need(&self.settings.queue, depth));
        let measured: Vec<Measured> = of_cpu.into_iter().chain(of_queue).collect();
        self.history.push(self.now, measured.iter().map(|measured| measured.need.clone()).collect());
        // A clock that ran back makes it no older.
        let age = |at: &Duration| self.now.saturating_sub(*at);
        let held = self.said.as_ref().and_then(|(said, at)| bounds(said, age(at), self.settings.hold));
        let covered = self.settings.covered;
        let decision = decide(&measured, &self.history, count, held.as_ref(), self.limits, covered);
        if let Decision::Reach(n, _) = decision {
            self.count = n;
        }
        Ok(Decided { at: self.now, count, decision })
    }
}

impl Then {
    /// Whether it came of the decisions: one of them reaches what is said, or all hold and the last one for this
    /// reason.
    fn came(&self, decisions: &[String]) -> bool {
        let is_it = |decision: &String| {
            let (head, why) = decision.split_once(':').unwrap_or((decision, ""));
            let same = head == self.head || (self.head == "hold" && head.starts_with("hold at "));
            same && why.contains(&self.words)
        };
        let moved = decisions.iter().any(|decision| !decision.starts_with("hold at "));
        match &*self.head {
            "hold" => !moved && decisions.last().is_some_and(is_it),
            _ => decisions.iter().any(is_it),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn play(steps: &str) -> Result<Vec<Decided>, LanguageError> {
        super::play(steps, &Config::shipped().policy, Limits { min: 1, max: 10 })
    }

    #[test]
    fn decisions_are_told_as_they_change() {
        let told = play("cpu 80 80 75 on 3 for 2m").unwrap();
        let told: Vec<String> = told.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "0s out to 4: cpu: the mean of 3 is 78 %, target 60 %",
                "1m hold at 4: cpu: the mean of 3 is 78 %, target 60 %",
            ]
        );
    }

    #[test]
    fn what_must_come_of_a_step_is_held_to_it() {
        play("cpu 80 80 75 on 3 for 2m -> out to 4: the mean of 3 is 78 %").unwrap();
        for wrong in ["-> out to 5", "-> hold", "-> in to 2", "-> out to 4: because"] {
            let error = play(&format!("# a comment\n\ncpu 80 80 75 on 3 for 2m {wrong}")).unwrap_err().to_string();
            assert!(
                error.starts_with("line 3, `cpu 80") && error.contains("did not come of it, but: 0s out"),
                "{error}"
            );
        }
    }

    #[test]
    fn an_error_names_line_reason_and_remedy() {
        for (line, reason) in [
            ("cpu 80", "it is no step; write one such as `cpu 80 80 on 2 for 5m`"),
            ("cpu x for 5m", "\"x\" is no number; write one, or ? where it is missing"),
            ("cpu 1, cpu 2 for 5m", "`cpu 2` is no measurement; write `cpu 80 80` or `queue 40 3 0`, once each"),
            ("queue 1 2 for 5m", "`queue 1 2` is no measurement; write `cpu 80 80` or `queue 40 3 0`, once each"),
            ("cpu 80 for 5", "\"5\" is no length of time; write one such as 90s or 5m, up to 720h"),
            ("cpu 80 on -1 for 5m", "\"-1\" is no number of instances; write one from 0 to 10000"),
            ("start -> hold", "nothing is decided in it; write `->` after a measurement"),
            ("cpu 80 for 5m -> 4", "what must come of it is missing; write `-> out to 4`, `-> in to 2` or `-> hold`"),
            ("limits 3 to 2", "the fewest are more than the most"),
        ] {
            let error = play(line).unwrap_err();
            assert_eq!((error.number, error.reason.as_str()), (1, reason));
        }
        assert!(play("cpu 80 for 720h\n".repeat(3).as_str()).unwrap_err().reason.contains("too long"));
    }
}
