//! The puppet's demonstration, played if no other script is given: the main job, with a scene for each rule that people
//! should see.

use std::time::Duration;

use super::script::Script;

/// Captions, and the script of each. Pauses give the simulated fleet time to settle.
const SCENES: [(&str, &str); 7] = [
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
];

/// The whole script.
pub fn script() -> Script {
    parse(SCENES.len())
}

/// The caption after the last scene, if keys can be pressed.
const YOURS: &str = "The hand is yours: l and r raise its fist, then 1 to 5 open its fingers; 0 closes it, n takes it away; \
                     Escape ends the demo.";

/// When each scene begins, and its caption. The last caption begins at the script's end.
pub fn captions() -> Vec<(Duration, String)> {
    let begins = |scenes| if scenes == 0 { Duration::ZERO } else { parse(scenes).duration() };
    let captions = SCENES.iter().map(|(caption, _)| *caption).chain([YOURS]);
    captions.enumerate().map(|(i, caption)| (begins(i), caption.to_string())).collect()
}

/// The first scenes as one script.
fn parse(scenes: usize) -> Script {
    let lines: Vec<_> = SCENES[..scenes].iter().map(|(_, script)| *script).collect();
    Script::parse(&lines.join("\n")).expect("a test holds the demo's script right")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_ends_within_its_time() {
        assert!(script().duration() < Duration::from_secs(75));
    }

    #[test]
    fn captions_are_in_order() {
        let captions = captions();
        assert_eq!(captions.len(), SCENES.len() + 1);
        assert_eq!(captions.last().map(|(at, _)| *at), Some(script().duration()));
        assert!(captions.is_sorted_by(|a, b| a.0 < b.0));
    }
}
