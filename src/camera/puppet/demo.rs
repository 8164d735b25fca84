//! The puppet's demonstrations. Out: a script and its captions. The main job is played if no other script is given.

use std::time::Duration;

use super::script::Script;

/// Captions, and the script of each. Pauses give the simulated fleet time to settle.
pub struct Act(&'static [(&'static str, &'static str)]);

/// The main job, with a scene for each rule that people should see.
pub const MAIN: Act = Act(&[
    (
        "A left fist opens to 3 fingers: three are launched.",
        "none for 1\n left fist for 0.5\n left 3 for 1.4\n none for 7.5",
    ),
    ("A left fist opens to 4: cut at the fleet's maximum.", "left fist for 0.5\n left 4 for 1.4\n none for 7.5"),
    (
        "A right fist opens to 1, and another fist takes it back.",
        "right fist for 0.5\n right 1 for 2.4\n right fist for 1.2\n none for 1.5",
    ),
    ("A right fist opens to 2: two are retired.", "right fist for 0.5\n right 2 for 2.4\n none for 7.5"),
    ("Fingers without a fist before: nothing may happen.", "left 3 for 2\n none for 1"),
    ("Both hands: nothing may happen.", "left fist and right fist for 0.5\n left 2 and right 1 for 2\n none for 1"),
    ("An open hand waves: nothing may happen.", "left fist for 0.5\n left 5 wave for 2.5\n none for 1"),
]);

/// A policy follows a load, and a hand overrules it. The load is [`POLICY_LOAD`].
pub const POLICY: Act = Act(&[
    ("Two instances at half their load. What was there at the start is left alone at first.", "none for 10"),
    ("The load rises: the policy launches by itself.", "none for 14"),
    (
        "A right hand retires two, and for a while the policy does not undo it.",
        "right fist for 0.8\n right 2 for 2.8\n none for 8.4",
    ),
    ("The load falls: the policy retires one, once that has lasted.", "none for 22"),
]);

/// The simulated load of [`POLICY`].
pub const POLICY_LOAD: &str =
    "steady 100 for 10s, ramp to 220 over 3s, steady 220 for 23s, ramp to 50 over 2s, steady 50";

/// The caption after the last scene, if keys can be pressed.
const YOURS: &str = "The hand is yours: l and r raise its fist, then 1 to 5 open its fingers; 0 closes it, n takes it away; \
                     Escape ends the demo.";

impl Act {
    /// The whole script.
    pub fn script(&self) -> Script {
        self.first(self.0.len())
    }

    /// When each scene begins, and its caption. The last caption begins at the script's end.
    pub fn captions(&self) -> Vec<(Duration, String)> {
        let begins = |scenes| if scenes == 0 { Duration::ZERO } else { self.first(scenes).duration() };
        let captions = self.0.iter().map(|(caption, _)| *caption).chain([YOURS]);
        captions.enumerate().map(|(i, caption)| (begins(i), caption.to_string())).collect()
    }

    /// The first scenes as one script.
    fn first(&self, scenes: usize) -> Script {
        let lines: Vec<_> = self.0[..scenes].iter().map(|(_, script)| *script).collect();
        Script::parse(&lines.join("\n")).expect("a test holds the demo's scripts right")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_ends_within_its_time() {
        for act in [MAIN, POLICY] {
            assert!(act.script().duration() < Duration::from_secs(75));
        }
    }

    #[test]
    fn captions_are_in_order() {
        for act in [MAIN, POLICY] {
            let captions = act.captions();
            assert_eq!(captions.len(), act.0.len() + 1);
            assert_eq!(captions.last().map(|(at, _)| *at), Some(act.script().duration()));
            assert!(captions.is_sorted_by(|a, b| a.0 < b.0));
        }
    }
}
