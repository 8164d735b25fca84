//! What a policy does. In: the needs of the window, the fleet's count, what a person holds, the fleet's limits. Out:
//! reach so many, or hold, and why.

use std::fmt;

use super::bounds::Bounds;
use super::history::History;
use super::need::Measured;
use crate::fleet::Limits;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// What stands in the way, or that nothing is to be done; and in words.
    Hold(Why, String),
    Reach(usize, String),
}

/// Why a fleet is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It has what is needed.
    Enough,
    /// It would shrink, and not everything is known.
    Unknown,
    /// It would shrink, and was needed a moment ago.
    Window,
    /// The fleet's limits.
    Limits,
    /// A person.
    Person,
}

/// Out to the largest need at once. In only where every need is known and so much of the window (`covered`, 0 to 1) is,
/// and then to the largest need within it. `history` ends with the needs of `now`.
pub fn decide(
    now: &[Measured],
    history: &History,
    count: usize,
    held: Option<&Bounds>,
    limits: Limits,
    covered: f32,
) -> Decision {
    let words = now.iter().map(|measured| measured.words.as_str()).collect::<Vec<_>>().join("; ");
    let wanted = now.iter().filter_map(|measured| measured.need.out_to()).max();
    if let Some(wanted) = wanted.filter(|&wanted| wanted > count) {
        return grow(wanted, count, held, limits, &words);
    }
    let shrunk = now.iter().filter_map(|measured| measured.need.in_to()).max().filter(|&wanted| wanted < count);
    if shrunk.is_none() {
        let knows = now.iter().any(|measured| measured.need.out_to().is_some());
        return Decision::Hold(if knows { Why::Enough } else { Why::Unknown }, words);
    }
    if now.iter().any(|measured| measured.need.in_to().is_none()) {
        return Decision::Hold(Why::Unknown, format!("{words}: not everything is known"));
    }
    if history.covered() < covered {
        let percent = 100.0 * history.covered();
        let words = format!("{words}: {percent:.0} % of the window is known, of {:.0} %", 100.0 * covered);
        return Decision::Hold(Why::Unknown, words);
    }
    shrink(history.largest().unwrap_or(count), count, held, limits, &words)
}

fn grow(wanted: usize, count: usize, held: Option<&Bounds>, limits: Limits, words: &str) -> Decision {
    let within = wanted.min(limits.max);
    let reach = held.and_then(|held| held.ceiling).map_or(within, |ceiling| within.min(ceiling));
    if reach > count {
        Decision::Reach(reach, words.to_owned())
    } else if within <= count {
        Decision::Hold(Why::Limits, format!("{words}: {wanted} needed, at most {}", limits.max))
    } else {
        Decision::Hold(Why::Person, of_person(words, wanted, held))
    }
}

fn shrink(largest: usize, count: usize, held: Option<&Bounds>, limits: Limits, words: &str) -> Decision {
    let within = largest.max(limits.min);
    let reach = held.and_then(|held| held.floor).map_or(within, |floor| within.max(floor));
    if reach < count {
        Decision::Reach(reach, words.to_owned())
    } else if largest >= count {
        Decision::Hold(Why::Window, format!("{words}: {largest} were needed within the window"))
    } else if within >= count {
        Decision::Hold(Why::Limits, format!("{words}: {largest} needed, at least {}", limits.min))
    } else {
        Decision::Hold(Why::Person, of_person(words, largest, held))
    }
}

fn of_person(words: &str, wanted: usize, held: Option<&Bounds>) -> String {
    let held = held.map_or(String::new(), |held| format!(": {held}"));
    format!("{words}: {wanted} needed{held}")
}

impl Decision {
    /// In words, of a fleet of so many: `out to 4: ...`, `in to 2: ...`, `hold at 3: ...`.
    pub fn of(&self, count: usize) -> impl fmt::Display {
        match self {
            Decision::Hold(_, why) => format!("hold at {count}: {why}"),
            Decision::Reach(n, why) if *n > count => format!("out to {n}: {why}"),
            Decision::Reach(n, why) => format!("in to {n}: {why}"),
        }
    }
}
