//! A load over time, in words. In: text such as `steady 50 for 10m, ramp to 300 over 5m`. Out: how many requests a
//! minute there are at a time, how many came until then, and when the next one comes. Pure.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use crate::settings::length_of_time;

/// Requests a minute.
const MOST: f64 = 1e6;

/// Requests a minute over time, from the beginning on.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    pieces: Vec<Piece>,
    /// The rate after the pieces. None: they begin again.
    then: Option<f64>,
}

/// A time in which the rate changes evenly, or not at all.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Piece {
    /// Minutes.
    long: f64,
    from: f64,
    to: f64,
}

/// What is wrong with a load's text, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{step}` is no load: {reason}")]
pub struct ProfileError {
    step: String,
    reason: String,
}

impl Piece {
    /// The requests of its first `minutes`.
    fn count(&self, minutes: f64) -> f64 {
        let rise = if self.long > 0.0 { (self.to - self.from) / self.long } else { 0.0 };
        self.from * minutes + rise * minutes * minutes / 2.0
    }

    fn total(&self) -> f64 {
        self.count(self.long)
    }

    /// The minute at which its first `n` requests have come, of which it has as many.
    fn when(&self, n: f64) -> f64 {
        let rise = (self.to - self.from) / self.long;
        // rise / 2 x t^2 + from x t = n, in the form that divides by no small difference.
        let root = (self.from * self.from + 2.0 * rise * n).max(0.0).sqrt();
        (2.0 * n / (self.from + root)).min(self.long)
    }
}

impl Profile {
    /// Always as many.
    pub fn steady(a_minute: f64) -> Profile {
        Profile { pieces: Vec::new(), then: Some(a_minute) }
    }

    /// Reads steps such as `steady 50 for 10m` and `ramp to 300 over 5m`, with commas between them, and `repeat` at the
    /// end.
    pub fn parse(text: &str) -> Result<Profile, ProfileError> {
        let (mut pieces, mut rate, mut then) = (Vec::new(), 0.0, None);
        let steps: Vec<&str> = text.split(',').map(str::trim).collect();
        for (i, step) in steps.iter().enumerate() {
            let wrong = |reason: &str| ProfileError { step: (*step).to_owned(), reason: reason.to_owned() };
            let is_last = i + 1 == steps.len();
            match step.split_whitespace().collect::<Vec<_>>()[..] {
                ["repeat"] if is_last && pieces.iter().any(|piece: &Piece| piece.long > 0.0) => {
                    return Ok(Profile { pieces, then: None });
                }
                ["repeat"] => return Err(wrong("write it last, after steps that take time")),
                ["steady", n] if is_last => {
                    rate = number(n).map_err(|reason| wrong(&reason))?;
                    then = Some(rate);
                }
                ["steady", _] => {
                    return Err(wrong("say for how long, such as `steady 50 for 10m`; only the last one may stay"));
                }
                ["steady", n, "for", long] => {
                    rate = number(n).map_err(|reason| wrong(&reason))?;
                    let long = minutes(long).map_err(|reason| wrong(&reason))?;
                    pieces.push(Piece { long, from: rate, to: rate });
                }
                ["ramp", "to", n, "over", long] => {
                    let to = number(n).map_err(|reason| wrong(&reason))?;
                    let long = minutes(long).map_err(|reason| wrong(&reason))?;
                    pieces.push(Piece { long, from: rate, to });
                    rate = to;
                }
                _ => {
                    return Err(wrong(
                        "write steps such as `steady 50 for 10m` and `ramp to 300 over 5m`, or `repeat`",
                    ));
                }
            }
        }
        Ok(Profile { pieces, then: then.or(Some(rate)) })
    }

    /// Requests a minute at a time.
    pub fn rate(&self, at: Duration) -> f64 {
        let (_, mut minutes) = self.cycles(in_minutes(at));
        for piece in &self.pieces {
            if minutes < piece.long {
                return piece.from + (piece.to - piece.from) * minutes / piece.long;
            }
            minutes -= piece.long;
        }
        self.then.or(self.pieces.first().map(|piece| piece.from)).unwrap_or(0.0)
    }

    /// How many requests came until then.
    pub fn count(&self, at: Duration) -> f64 {
        let (cycles, mut minutes) = self.cycles(in_minutes(at));
        let mut count = cycles * self.cycle();
        for piece in &self.pieces {
            let within = minutes.min(piece.long);
            count += piece.count(within);
            minutes -= within;
        }
        count + self.then.unwrap_or(0.0) * minutes
    }

    /// When the `n`th request comes. None: never.
    pub fn when(&self, n: u64) -> Option<Duration> {
        let (mut left, mut minutes) = (n as f64, 0.0);
        if self.then.is_none() {
            let cycle = self.cycle();
            if cycle <= 0.0 {
                return None;
            }
            let cycles = (left / cycle).ceil() - 1.0;
            left -= cycles * cycle;
            minutes = cycles * self.pieces.iter().map(|piece| piece.long).sum::<f64>();
        }
        for piece in &self.pieces {
            let total = piece.total();
            if left <= total && total > 0.0 {
                return in_time(minutes + piece.when(left));
            }
            left -= total;
            minutes += piece.long;
        }
        match self.then {
            Some(rate) if rate > 0.0 => in_time(minutes + left / rate),
            Some(_) => None,
            // Rounding left a rest: the cycle's end.
            None => in_time(minutes),
        }
    }

    /// The requests of all pieces.
    fn cycle(&self) -> f64 {
        self.pieces.iter().map(Piece::total).sum()
    }

    /// Whole cycles, and what is left in minutes.
    fn cycles(&self, minutes: f64) -> (f64, f64) {
        let long: f64 = self.pieces.iter().map(|piece| piece.long).sum();
        match self.then {
            Some(_) => (0.0, minutes),
            None => ((minutes / long).floor(), minutes % long),
        }
    }
}

impl<'de> Deserialize<'de> for Profile {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Profile, D::Error> {
        Profile::parse(&String::deserialize(value)?).map_err(de::Error::custom)
    }
}

fn in_minutes(time: Duration) -> f64 {
    time.as_secs_f64() / 60.0
}

fn in_time(minutes: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(minutes * 60.0).ok()
}

fn number(text: &str) -> Result<f64, String> {
    let n = text.parse().ok().filter(|n: &f64| (0.0..=MOST).contains(n));
    n.ok_or_else(|| format!("{text:?} is no number of requests a minute; write one from 0 to {MOST}"))
}

fn minutes(text: &str) -> Result<f64, String> {
    match length_of_time(text)? {
        Duration::ZERO => Err("it takes no time".to_owned()),
        time => Ok(in_minutes(time)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes_in(n: f64) -> Duration {
        Duration::from_secs_f64(60.0 * n)
    }

    #[test]
    fn the_rate_follows_the_words() {
        let load = Profile::parse("steady 50 for 10m, ramp to 300 over 5m").unwrap();
        let at = |minutes| load.rate(minutes_in(minutes));
        assert_eq!([at(0.0), at(9.9), at(12.5), at(15.0), at(1000.0)], [50.0, 50.0, 175.0, 300.0, 300.0]);
        let load = Profile::parse("steady 60 for 1m, steady 0 for 14m, repeat").unwrap();
        let at = |minutes| load.rate(minutes_in(minutes));
        assert_eq!([at(0.5), at(2.0), at(15.5), at(29.0)], [60.0, 0.0, 60.0, 0.0]);
        assert_eq!(Profile::parse("steady 7").unwrap(), Profile::steady(7.0));
    }

    #[test]
    fn requests_come_when_their_count_is_reached() {
        for text in [
            "steady 7",
            "steady 50 for 10m, ramp to 300 over 5m",
            "ramp to 90 over 7m, ramp to 0 over 3m",
            "steady 60 for 1m, steady 0 for 14m, repeat",
            "ramp to 100 over 6h, ramp to 3 over 6h, repeat",
        ] {
            let load = Profile::parse(text).unwrap();
            let mut last = Duration::ZERO;
            for n in (1..500).map_while(|n| Some((n, load.when(n)?))) {
                let (n, at) = n;
                assert!(at >= last, "{text}: {n} comes before the one before it");
                assert!((load.count(at) - n as f64).abs() < 1e-3, "{text}: {n} at {at:?}, not {}", load.count(at));
                last = at;
            }
        }
        let ends = Profile::parse("steady 60 for 1m, steady 0").unwrap();
        assert_eq!((ends.when(60), ends.when(61)), (Some(minutes_in(1.0)), None));
    }

    #[test]
    fn an_error_is_one_sentence_with_its_remedy() {
        for (text, reason) in [
            ("", "`` is no load: write steps such as `steady 50 for 10m` and `ramp to 300 over 5m`, or `repeat`"),
            ("steady x", "`steady x` is no load: \"x\" is no number of requests a minute; write one from 0 to 1000000"),
            (
                "steady 5, steady 6",
                "`steady 5` is no load: say for how long, such as `steady 50 for 10m`; only the last one may stay",
            ),
            (
                "ramp to 5 over 5",
                "`ramp to 5 over 5` is no load: \"5\" is no length of time; write one such as 90s or 5m, up to 720h",
            ),
            ("ramp to 5 over 0s", "`ramp to 5 over 0s` is no load: it takes no time"),
            ("repeat", "`repeat` is no load: write it last, after steps that take time"),
            ("repeat, steady 5", "`repeat` is no load: write it last, after steps that take time"),
        ] {
            assert_eq!(Profile::parse(text).unwrap_err().to_string(), reason);
        }
    }
}
