//! The puppet's script. In: text. Out: the scene at any time.
//!
//! Each line is what is shown next: one hand, two hands joined by `and`, or `none`. The puppet moves there from its
//! last pose and holds it. `#` starts a comment.
//!
//! ```text
//! left 3 for 2                       # index, middle and ring finger of the left hand, held for 2 s
//! left fist in 0.4                   # closes within 0.4 s, and goes on at once
//! none for 1                         # the hand leaves over the picture's edge
//! right 2 back roll -20 at 0.6 0.5 size 0.8 for 1.5
//! left 2 and right 1 for 2
//! left 5 wave for 2
//! left 11001 skin 8d5524 background 30343c for 1
//! ```
//!
//! After the side come the fingers: a count from 0 to 5 in its usual form (1 index; 2 and middle; 3 and ring; 4 without
//! the thumb; 5 all), `fist`, or five digits, thumb first, 1 for a raised finger. Then, in any order:
//!
//! | word | what | else |
//! |---|---|---|
//! | `back` | shows the back of the hand | the palm |
//! | `roll D` | degrees, clockwise in the picture, -180 to 180 | 0 |
//! | `yaw D` | degrees about the hand's length, thumb away from the camera, -180 to 180 | 0 |
//! | `at X Y` | the palm's centre, shares of the picture's width and height, 0 to 1 | where that hand is raised |
//! | `size S` | wrist to middle fingertip, share of the picture's height, 0.05 to 1.5 | 0.5 |
//! | `skin RRGGBB` | the skin's colour | c68863 |
//! | `wave` | waves while it is held | still |
//! | `background RRGGBB` | the wall's colour | 707882 |
//! | `in S` | how long the move takes, seconds, 0 to 600 | 0.4 |
//! | `for S` | how long it is held then, seconds, 0 to 600 | 0 |

use std::f32::consts::TAU;
use std::ops::RangeInclusive;
use std::time::Duration;

use glam::{Vec2, Vec3};

use super::scene::{Colour, Pose, Scene};
use crate::hand::Side;

/// The duration of a move if the script gives none, in seconds: about what a person takes.
pub const MOVE: f32 = 0.4;
/// A waving hand: swings per second, degrees to each side, and shares of the picture's width to each side.
const WAVE: (f32, f32, f32) = (1.6, 22.0, 0.08);

/// Moves and holds, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
struct Step {
    scene: Scene,
    waves: bool,
    moving: Duration,
    held: Duration,
}

/// What is wrong with a script, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the puppet's script, line {line}: {reason}; {remedy}")]
pub struct ScriptError {
    /// From 1.
    pub line: usize,
    pub reason: String,
    pub remedy: String,
}

impl Script {
    /// Parses a script. Returns the first error in it.
    pub fn parse(text: &str) -> Result<Script, ScriptError> {
        let mut steps = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let words = line.split('#').next().unwrap_or_default();
            if !words.trim().is_empty() {
                let step = Words(words.split_whitespace().collect::<Vec<_>>().into_iter().peekable()).step();
                steps.push(step.map_err(|Wrong { reason, remedy }| ScriptError {
                    line: number + 1,
                    reason,
                    remedy,
                })?);
            }
        }
        if steps.is_empty() {
            let (reason, remedy) = ("it shows nothing".into(), "write a line such as `left 3 for 2`".into());
            return Err(ScriptError { line: 1, reason, remedy });
        }
        Ok(Script { steps })
    }

    pub fn duration(&self) -> Duration {
        self.steps.iter().map(|step| step.moving + step.held).sum()
    }

    /// The scene at that time; after the end, the last one.
    pub fn scene(&self, time: Duration) -> Scene {
        let mut since = time;
        let mut before = Scene { background: self.steps[0].scene.background, ..Scene::default() };
        for step in &self.steps {
            if since < step.moving {
                return before.towards(&step.scene, since.as_secs_f32() / step.moving.as_secs_f32());
            }
            since -= step.moving;
            if since < step.held {
                return step.waving(since);
            }
            since -= step.held;
            before = step.scene;
        }
        before
    }
}

impl Step {
    /// The scene `since` the hold began. Waving eases in and out.
    fn waving(&self, since: Duration) -> Scene {
        let mut scene = self.scene;
        if self.waves {
            let (rate, degrees, share) = WAVE;
            let edge = since.min(self.held - since).as_secs_f32();
            let swing = (since.as_secs_f32() * rate * TAU).sin() * (edge / 0.3).min(1.0);
            for hand in [&mut scene.left, &mut scene.right].into_iter().flatten() {
                hand.roll += degrees * swing;
                hand.place.x += share * swing;
            }
        }
        scene
    }
}

/// The curl of each finger, thumb first. None if the text is no fingers' name.
pub fn curl(fingers: &str) -> Option<[f32; 5]> {
    let raised = match fingers {
        "0" | "fist" => "00000",
        "1" => "01000",
        "2" => "01100",
        "3" => "01110",
        "4" => "01111",
        "5" => "11111",
        five if five.len() == 5 && five.bytes().all(|c| matches!(c, b'0' | b'1')) => five,
        _ => return None,
    };
    let mut curl = [1.0; 5];
    for (curl, _) in curl.iter_mut().zip(raised.bytes()).filter(|(_, up)| *up == b'1') {
        *curl = 0.0;
    }
    Some(curl)
}

/// A reason and a remedy, without the line's number.
struct Wrong {
    reason: String,
    remedy: String,
}

fn wrong<T>(reason: impl Into<String>, remedy: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { reason: reason.into(), remedy: remedy.into() })
}

/// The words of one line.
struct Words<'a>(std::iter::Peekable<std::vec::IntoIter<&'a str>>);

impl Words<'_> {
    fn step(mut self) -> Result<Step, Wrong> {
        let mut step =
            Step { scene: Scene::default(), waves: false, moving: Duration::from_secs_f32(MOVE), held: Duration::ZERO };
        if self.0.next_if_eq(&"none").is_none() {
            self.hand(&mut step)?;
        }
        while let Some(word) = self.0.next() {
            match word {
                "and" => self.hand(&mut step)?,
                "in" => step.moving = self.seconds("in")?,
                "for" => step.held = self.seconds("for")?,
                "background" => step.scene.background = self.colour("background")?,
                _ => {
                    return wrong(
                        format!("`{word}` has no meaning here"),
                        "the words are back, roll, yaw, at, size, skin, wave, and, background, in, for",
                    );
                }
            }
        }
        Ok(step)
    }

    /// Reads a side, its fingers, and the words about that hand.
    fn hand(&mut self, step: &mut Step) -> Result<(), Wrong> {
        let (side, slot) = match self.0.next() {
            Some("left") => (Side::Left, &mut step.scene.left),
            Some("right") => (Side::Right, &mut step.scene.right),
            other => {
                let found = other.map_or("the line ends".into(), |word| format!("`{word}` stands"));
                return wrong(format!("{found} where a hand is to be named"), "write left, right, or none alone");
            }
        };
        if slot.is_some() {
            return wrong(format!("the {side} hand is shown twice"), "a person has one left and one right hand");
        }
        let mut pose = Pose { curl: self.fingers()?, ..Pose::open(side) };
        let mut back = 0.0;
        while let Some(word) =
            self.0.next_if(|word| matches!(*word, "back" | "roll" | "yaw" | "at" | "size" | "skin" | "wave"))
        {
            match word {
                "back" => back = 180.0,
                "roll" => pose.roll = self.number("roll", -180.0..=180.0)?,
                "yaw" => pose.yaw = self.number("yaw", -180.0..=180.0)?,
                "at" => pose.place = Vec2::new(self.number("at", 0.0..=1.0)?, self.number("at", 0.0..=1.0)?),
                "size" => pose.size = self.number("size", 0.05..=1.5)?,
                "skin" => pose.skin = self.colour("skin")?,
                _ => step.waves = true,
            }
        }
        pose.yaw += back;
        *slot = Some(pose);
        Ok(())
    }

    fn fingers(&mut self) -> Result<[f32; 5], Wrong> {
        let found = self.0.next().unwrap_or("nothing");
        match curl(found) {
            Some(curl) => Ok(curl),
            None => wrong(
                format!("`{found}` stands where the fingers are to be named"),
                "write a count from 0 to 5, fist, or five digits such as 11001, thumb first",
            ),
        }
    }

    fn number(&mut self, of: &str, range: RangeInclusive<f32>) -> Result<f32, Wrong> {
        let found = self.0.next().unwrap_or("nothing");
        match found.parse() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => wrong(
                format!("`{found}` stands after `{of}`"),
                format!("write a number from {} to {}", range.start(), range.end()),
            ),
        }
    }

    fn seconds(&mut self, of: &str) -> Result<Duration, Wrong> {
        Ok(Duration::from_secs_f32(self.number(of, 0.0..=600.0)?))
    }

    fn colour(&mut self, of: &str) -> Result<Colour, Wrong> {
        let found = self.0.next().unwrap_or("nothing");
        match u32::from_str_radix(found, 16) {
            Ok(rgb) if found.len() == 6 => {
                let [_, r, g, b] = rgb.to_be_bytes().map(f32::from);
                Ok(Vec3::new(r, g, b))
            }
            _ => wrong(format!("`{found}` stands after `{of}`"), "write a colour as six hex digits, such as c68863"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(time: f32) -> Duration {
        Duration::from_secs_f32(time)
    }

    fn parse(text: &str) -> Script {
        Script::parse(text).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_line_is_moved_to_and_then_held() {
        let script = parse("left 3 in 0.5 for 2.0\nnone in 0.5\n");
        assert_eq!(script.duration(), seconds(3.0));
        let held = script.scene(seconds(0.5)).left.unwrap();
        assert_eq!(held.curl, [1.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!(script.scene(seconds(2.49)).left, Some(held));
        assert!(script.scene(seconds(0.1)).left.unwrap().place.y > 1.0, "comes from below the picture");
        assert!(script.scene(seconds(2.9)).left.unwrap().place.y > 1.0, "leaves below the picture");
        assert_eq!(script.scene(seconds(3.0)), Scene::default());
        assert_eq!(script.scene(seconds(99.0)), Scene::default());
    }

    #[test]
    fn every_word_has_its_effect() {
        let script = parse(
            "# the whole language\n\nright 10001 back roll -20 yaw 10 at 0.6 0.4 size 0.8 skin 010203 background 0a0b0c for 1",
        );
        let scene = script.scene(seconds(1.0));
        let right = Pose {
            curl: [0.0, 1.0, 1.0, 1.0, 0.0],
            roll: -20.0,
            yaw: 190.0,
            place: Vec2::new(0.6, 0.4),
            size: 0.8,
            skin: Vec3::new(1.0, 2.0, 3.0),
        };
        assert_eq!(scene, Scene { left: None, right: Some(right), background: Vec3::new(10.0, 11.0, 12.0) });
    }

    #[test]
    fn two_hands_are_joined_by_and() {
        let scene = parse("left 2 and right fist back for 1").scene(seconds(1.0));
        assert_eq!(scene.left.unwrap().curl, [1.0, 0.0, 0.0, 1.0, 1.0]);
        assert_eq!(scene.left.unwrap().yaw, 0.0);
        assert_eq!(scene.right.unwrap().curl, [1.0; 5]);
        assert_eq!(scene.right.unwrap().yaw, 180.0);
    }

    #[test]
    fn a_waving_hand_swings_and_comes_to_rest() {
        let script = parse("left 5 wave in 0 for 2");
        let rolls = (0..200).map(|i| script.scene(seconds(i as f32 / 100.0)).left.unwrap().roll);
        assert!(rolls.clone().fold(0.0, f32::max) > 20.0 && rolls.clone().fold(0.0, f32::min) < -20.0);
        assert!(script.scene(seconds(1.99)).left.unwrap().roll.abs() < 2.0);
    }

    #[test]
    fn an_error_names_line_reason_and_remedy() {
        for (text, line, reason) in [
            ("", 1, "it shows nothing"),
            ("left 3\n\nmiddle 3", 3, "`middle` stands where a hand is to be named"),
            ("left", 1, "`nothing` stands where the fingers are to be named"),
            ("left 6", 1, "`6` stands where the fingers are to be named"),
            ("left 0120", 1, "`0120` stands where the fingers are to be named"),
            ("left 3 upside", 1, "`upside` has no meaning here"),
            ("none roll 3", 1, "`roll` has no meaning here"),
            ("left 3 roll", 1, "`nothing` stands after `roll`"),
            ("left 3 at 0.5 2", 1, "`2` stands after `at`"),
            ("left 3 for NaN", 1, "`NaN` stands after `for`"),
            ("left 3 for -1", 1, "`-1` stands after `for`"),
            ("left 3 skin red", 1, "`red` stands after `skin`"),
            ("left 3 and", 1, "the line ends where a hand is to be named"),
            ("left 3 and left 2", 1, "the left hand is shown twice"),
        ] {
            let error = Script::parse(text).unwrap_err();
            assert_eq!((error.line, error.reason.as_str()), (line, reason), "{text:?}");
            assert!(error.to_string().contains(&error.remedy) && !error.remedy.is_empty());
        }
    }
}
