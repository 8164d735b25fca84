//! A person outranks a policy. In: what a person last did, and how long ago. Out: a floor or a ceiling for policies,
//! for a while.
//!
//! After a launch the reached count is a floor, after a retire a ceiling: a policy may go further the same way and
//! never undoes it. A restart is both, as nobody knows what came before it; so is a change by somebody else.

use std::fmt;
use std::time::Duration;

use crate::fleet::{Said, What};
use crate::settings::in_words;

/// What holds at one moment, and for how long still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub floor: Option<usize>,
    pub ceiling: Option<usize>,
    said: Said,
    left: Duration,
}

/// What holds at this age of what was said. None: nothing does any more.
pub fn bounds(said: &Said, age: Duration, hold: Duration) -> Option<Bounds> {
    let left = hold.checked_sub(age).filter(|left| !left.is_zero())?;
    let (floor, ceiling) = match said.what {
        What::Launch => (Some(said.count), None),
        What::Retire => (None, Some(said.count)),
        What::Other | What::Start => (Some(said.count), Some(said.count)),
    };
    Some(Bounds { floor, ceiling, said: said.clone(), left })
}

impl fmt::Display for Bounds {
    /// Such as `launch by anna on the command line holds 5 as the floor for 7 min`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Said { what, by, count, .. } = &self.said;
        let (what, bound) = match what {
            What::Launch => ("launch", " as the floor"),
            What::Retire => ("retire", " as the ceiling"),
            What::Other => ("a change", ""),
            What::Start => ("the start", ""),
        };
        write!(f, "{what}{by} holds {count}{bound} for {}", in_words(self.left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(what: What) -> Said {
        Said { what, by: " by anna".into(), count: 5 }
    }

    #[test]
    fn a_launch_is_a_floor_and_a_retire_a_ceiling_for_a_while() {
        let hold = Duration::from_secs(600);
        let at = |what, age| bounds(&said(what), Duration::from_secs(age), hold);
        let held = at(What::Launch, 200).unwrap();
        assert_eq!((held.floor, held.ceiling), (Some(5), None));
        assert_eq!(held.to_string(), "launch by anna holds 5 as the floor for 7 min");
        let held = at(What::Retire, 595).unwrap();
        assert_eq!((held.floor, held.ceiling), (None, Some(5)));
        assert_eq!(held.to_string(), "retire by anna holds 5 as the ceiling for 5 s");
        let held = at(What::Start, 0).unwrap();
        assert_eq!((held.floor, held.ceiling), (Some(5), Some(5)));
        assert_eq!(at(What::Launch, 600), None);
    }
}
