//! Random scripts for the puppet. In: dice. Out: a script in which no gesture is meant, or one with a single gesture
//! and what it means.

use std::time::Duration;

use handwave::camera::puppet::Script;
use handwave::command::Intent;
use handwave::hand::Side;

use crate::dice::Dice;

/// Skins from light to dark.
const SKINS: [&str; 8] = ["f3d3bd", "e8b98f", "d9a066", "c68863", "a9714b", "8d5524", "6b4226", "4a2c1a"];
/// Walls, none as red as skin: what the models can't see is not tested here.
const WALLS: [&str; 8] = ["e6e6e2", "b0b4ba", "707882", "30343c", "14161a", "3d5a73", "4f6b4c", "9fb7a8"];
const SIDES: [Side; 2] = [Side::Left, Side::Right];
/// A palm's width as a share of the picture's width, for a hand as long as the picture is high.
const PALM: f32 = 0.33;

/// The person and the wall in front of the camera, and the script so far.
struct Stage {
    dice: Dice,
    skin: &'static str,
    wall: &'static str,
    lines: Vec<String>,
}

impl Stage {
    fn new(seed: u64) -> Stage {
        let mut dice = Dice::new(seed);
        let (skin, wall) = (dice.one_of(&SKINS), dice.one_of(&WALLS));
        Stage { dice, skin, wall, lines: Vec::new() }
    }

    fn hand(&self, side: Side, fingers: impl std::fmt::Display, how: &str) -> String {
        format!("{side} {fingers} skin {} {how}", self.skin)
    }

    fn show(&mut self, hands: &str, moving: f32, held: f32, note: &str) {
        self.lines.push(format!("{hands} background {} in {moving:.2} for {held:.2} # {note}", self.wall));
    }

    /// Fists that open, and are held for longer than any gesture needs.
    fn open_and_hold(&mut self, fists: &str, signs: &str, note: &str) {
        let (moving, closed, held) =
            (self.dice.within(0.3, 0.6), self.dice.within(0.3, 0.7), self.dice.within(2.0, 3.5));
        self.show(fists, moving, closed, note);
        self.show(signs, 0.3, held, note);
    }

    /// A place around the picture's middle.
    fn place(&mut self) -> String {
        let (x, y, size) = (self.dice.within(0.3, 0.7), self.dice.within(0.45, 0.6), self.dice.within(0.25, 0.8));
        format!("at {x:.2} {y:.2} size {size:.2}")
    }

    /// The palm or the back, slightly tilted.
    fn face(&mut self) -> String {
        let (face, roll) = (self.dice.one_of(&["", "back"]), self.dice.within(-40.0, 40.0));
        format!("{face} roll {roll:.0}")
    }

    fn side(&mut self) -> Side {
        self.dice.one_of(&SIDES)
    }

    fn count(&mut self) -> usize {
        1 + self.dice.below(5)
    }
}

/// Adds a scene to the script.
type Play = fn(&mut Stage);

/// What people do in front of a camera without meaning anything. No sign that follows its hand's fist is held as long
/// as a launch takes.
const HARMLESS: [(&str, Play); 16] = [
    ("waving", waving),
    ("passing through counts", passing_through_counts),
    ("typing", typing),
    ("hands crossing", hands_crossing),
    ("two hands", two_hands),
    ("turning to the back", turning),
    ("leaving the picture", leaving),
    ("held still but unsure", unsure),
    ("hand at the face", at_the_face),
    ("hand at the hip", at_the_hip),
    ("hand at a guitar's neck", at_a_guitars_neck),
    ("pointing", pointing),
    ("signing", signing),
    ("a photo", photo),
    ("a print on a shirt", print_on_a_shirt),
    ("a half-hidden second hand", half_hidden),
];

fn waving(stage: &mut Stage) {
    let (side, fingers, seconds) = (stage.side(), stage.dice.one_of(&[5, 5, 5, 4, 2]), stage.dice.within(1.5, 4.0));
    let how = format!("{} {} wave", stage.face(), stage.place());
    stage.show(&stage.hand(side, fingers, &how), 0.4, seconds, "waving");
}

/// A count is visible from midway into its move to midway out of it.
fn passing_through_counts(stage: &mut Stage) {
    let (side, how) = (stage.side(), format!("{} {}", stage.face(), stage.place()));
    let mut before = 0;
    for _ in 0..5 + stage.dice.below(5) {
        let other = stage.dice.below(6);
        let fingers = if other == before { (other + 1) % 6 } else { other };
        before = fingers;
        let (moving, held) = (stage.dice.within(0.15, 0.25), stage.dice.within(0.05, 0.35));
        stage.show(&stage.hand(side, fingers, &how), moving, held, "passing through counts");
    }
}

/// Fingers of one or two hands that rise and fall one at a time.
fn typing(stage: &mut Stage) {
    let both = stage.dice.below(2) == 0;
    let side = stage.side();
    let tilt = stage.dice.within(-20.0, 20.0);
    let size = stage.dice.within(0.3, 0.6);
    for _ in 0..15 + stage.dice.below(15) {
        let hands = SIDES.map(|side| {
            let fingers: String = (0..5).map(|_| stage.dice.one_of(&['0', '0', '1'])).collect();
            let x = if side == Side::Left { 0.68 } else { 0.32 };
            stage.hand(side, fingers, &format!("back roll {tilt:.0} at {x} 0.6 size {size:.2}"))
        });
        let hands = if both { hands.join(" and ") } else { hands[side as usize].clone() };
        let (moving, held) = (stage.dice.within(0.06, 0.15), stage.dice.within(0.0, 0.1));
        stage.show(&hands, moving, held, "typing");
    }
}

/// Two hands that pass each other, there and back.
fn hands_crossing(stage: &mut Stage) {
    let fingers = SIDES.map(|_| stage.count());
    let (size, y) = (stage.dice.within(0.3, 0.5), stage.dice.within(0.45, 0.6));
    for apart in [0.2, -0.2, 0.2] {
        let hand = |side: Side, fingers, x: f32| stage.hand(side, fingers, &format!("at {x} {y:.2} size {size:.2}"));
        let hands =
            [hand(Side::Left, fingers[0], 0.5 + apart), hand(Side::Right, fingers[1], 0.5 - apart)].join(" and ");
        let (moving, held) = (stage.dice.within(0.6, 1.4), stage.dice.within(0.0, 0.5));
        stage.show(&hands, moving, held, "hands crossing");
    }
}

fn two_hands(stage: &mut Stage) {
    let hands = SIDES.map(|side| {
        let x = if side == Side::Left { 0.7 } else { 0.3 } + stage.dice.within(-0.03, 0.03);
        let (y, size) = (stage.dice.within(0.4, 0.6), stage.dice.within(0.25, 0.6));
        let (fingers, face) = (stage.dice.below(6), stage.face());
        stage.hand(side, fingers, &format!("{face} at {x:.2} {y:.2} size {size:.2}"))
    });
    let seconds = stage.dice.within(2.0, 4.0);
    stage.show(&hands.join(" and "), 0.4, seconds, "two hands");
}

fn turning(stage: &mut Stage) {
    let (side, fingers, place) = (stage.side(), stage.count(), stage.place());
    let (roll, turns) = (stage.dice.within(-30.0, 30.0), 2 + stage.dice.below(4));
    for turn in 0..turns {
        let face = if turn % 2 == 0 { "" } else { "back" };
        let (moving, held) = (stage.dice.within(0.4, 0.8), stage.dice.within(0.0, 0.15));
        let hand = stage.hand(side, fingers, &format!("{face} roll {roll:.0} {place}"));
        stage.show(&hand, moving, held, "turning to the back");
    }
}

/// In and soon out again, or held where the picture's edge cuts the fingers off.
fn leaving(stage: &mut Stage) {
    let (side, fingers) = (stage.side(), stage.count());
    if stage.dice.below(2) == 0 {
        let how = format!("{} {}", stage.face(), stage.place());
        let (moving, held) = (stage.dice.within(0.2, 0.5), stage.dice.within(0.0, 0.3));
        stage.show(&stage.hand(side, fingers, &how), moving, held, "in and out");
    } else {
        let (x, size) = (stage.dice.within(0.3, 0.7), stage.dice.within(0.4, 0.8));
        // Fingertips are 0.6 of the hand's length above the palm's centre.
        let y = size * stage.dice.within(0.0, 0.4);
        let face = stage.dice.one_of(&["", "back"]);
        let hand = stage.hand(side, fingers, &format!("{face} at {x:.2} {y:.2} size {size:.2}"));
        let seconds = stage.dice.within(1.0, 4.0);
        stage.show(&hand, 0.5, seconds, "cut off by the picture's edge");
    }
}

/// A hand seen from its edge, where the fingers hide each other and neither palm nor back shows.
fn unsure(stage: &mut Stage) {
    let (side, fingers, place) = (stage.side(), 2 + stage.dice.below(4), stage.place());
    let (yaw, roll) =
        (stage.dice.one_of(&[-90.0, 90.0]) + stage.dice.within(-8.0, 8.0), stage.dice.within(-30.0, 30.0));
    let hand = stage.hand(side, fingers, &format!("yaw {yaw:.0} roll {roll:.0} {place}"));
    let seconds = stage.dice.within(2.0, 4.0);
    stage.show(&hand, 0.4, seconds, "held edge-on");
}

/// A hand that props or rubs a face: any fingers, held for long, with small moves.
fn at_the_face(stage: &mut Stage) {
    let (side, face) = (stage.side(), stage.dice.one_of(&["", "back"]));
    let size = stage.dice.within(0.25, 0.5);
    for _ in 0..2 + stage.dice.below(3) {
        let fingers = stage.dice.one_of(&["10000", "01000", "01100", "10001", "11000", "11111", "01111"]);
        let (x, y, roll) = (stage.dice.within(0.4, 0.6), stage.dice.within(0.35, 0.5), stage.dice.within(-60.0, 60.0));
        let hand = stage.hand(side, fingers, &format!("{face} roll {roll:.0} at {x:.2} {y:.2} size {size:.2}"));
        let (moving, held) = (stage.dice.within(0.2, 0.5), stage.dice.within(0.5, 3.0));
        stage.show(&hand, moving, held, "hand at the face");
    }
}

/// A hand on a hip: its fingers point down or aside, closed or open.
fn at_the_hip(stage: &mut Stage) {
    let (side, lean) = (stage.side(), stage.dice.within(80.0, 170.0) * stage.dice.one_of(&[-1.0, 1.0]));
    let (size, x, y) = (stage.dice.within(0.25, 0.5), stage.dice.within(0.25, 0.75), stage.dice.within(0.5, 0.75));
    for fingers in ["fist", stage.dice.one_of(&["5", "4", "1", "11000"])] {
        let face = stage.dice.one_of(&["", "back"]);
        let hand = stage.hand(side, fingers, &format!("{face} roll {lean:.0} at {x:.2} {y:.2} size {size:.2}"));
        let held = stage.dice.within(0.5, 2.5);
        stage.show(&hand, 0.4, held, "hand at the hip");
    }
}

/// A hand that changes chords, too fast for a hold, also through a fist.
fn at_a_guitars_neck(stage: &mut Stage) {
    let (side, size) = (stage.side(), stage.dice.within(0.25, 0.5));
    let (x, y, lean) = (stage.dice.within(0.3, 0.7), stage.dice.within(0.4, 0.6), stage.dice.within(20.0, 100.0));
    for _ in 0..6 + stage.dice.below(6) {
        let fingers: String = (0..5).map(|_| stage.dice.one_of(&['0', '1'])).collect();
        let along = x + stage.dice.within(-0.04, 0.04);
        let hand = stage.hand(side, fingers, &format!("roll {lean:.0} at {along:.2} {y:.2} size {size:.2}"));
        let (moving, held) = (stage.dice.within(0.1, 0.25), stage.dice.within(0.1, 0.5));
        stage.show(&hand, moving, held, "hand at a guitar's neck");
    }
}

fn pointing(stage: &mut Stage) {
    let (side, place) = (stage.side(), stage.place());
    for _ in 0..1 + stage.dice.below(3) {
        let (fingers, roll) = (stage.dice.one_of(&["01000", "11000", "01100"]), stage.dice.within(-150.0, 150.0));
        let hand = stage.hand(side, fingers, &format!("back roll {roll:.0} {place}"));
        let (moving, held) = (stage.dice.within(0.2, 0.6), stage.dice.within(0.8, 3.0));
        stage.show(&hand, moving, held, "pointing");
    }
}

/// Two to four handshapes a second, fists among them, each at its own place.
fn signing(stage: &mut Stage) {
    let (side, size) = (stage.side(), stage.dice.within(0.3, 0.5));
    for _ in 0..8 + stage.dice.below(8) {
        let shapes = ["00000", "00000", "01000", "01100", "11111", "01111", "10001", "11000", "01110", "00001"];
        let fingers = stage.dice.one_of(&shapes);
        let (x, y) = (stage.dice.within(0.4, 0.6), stage.dice.within(0.45, 0.6));
        let how = format!("{} at {x:.2} {y:.2} size {size:.2}", stage.face());
        let hand = stage.hand(side, fingers, &how);
        let (moving, held) = (stage.dice.within(0.12, 0.3), stage.dice.within(0.1, 0.25));
        stage.show(&hand, moving, held, "signing");
    }
}

/// A photo is there from one frame to the next, and does not move.
fn photo(stage: &mut Stage) {
    let (side, fingers, how) = (stage.side(), stage.count(), format!("{} {}", stage.face(), stage.place()));
    let seconds = stage.dice.within(2.0, 6.0);
    stage.show(&stage.hand(side, fingers, &how), 0.0, seconds, "a photo");
    stage.show("none", 0.0, 0.3, "no photo");
}

/// A print moves with whoever wears it.
fn print_on_a_shirt(stage: &mut Stage) {
    let (side, fingers, size) = (stage.side(), stage.count(), stage.dice.within(0.2, 0.4));
    let face = stage.dice.one_of(&["", "back"]);
    for _ in 0..3 + stage.dice.below(4) {
        let (x, y, roll) = (stage.dice.within(0.45, 0.55), stage.dice.within(0.5, 0.54), stage.dice.within(-6.0, 6.0));
        let hand = stage.hand(side, fingers, &format!("{face} roll {roll:.0} at {x:.3} {y:.3} size {size:.2}"));
        let (moving, held) = (stage.dice.within(0.5, 1.5), stage.dice.within(0.2, 2.0));
        stage.show(&hand, moving, held, "a print on a shirt");
    }
}

/// A right hand in front of a left one, which shows beside it: first fists, then any counts, held for long.
fn half_hidden(stage: &mut Stage) {
    let (size, y) = (stage.dice.within(0.35, 0.55), stage.dice.within(0.5, 0.6));
    let aside = stage.dice.within(0.8, 1.2) * PALM * size * stage.dice.one_of(&[-1.0, 1.0]);
    let (faces, counts) = (SIDES.map(|_| stage.dice.one_of(&["", "back"])), SIDES.map(|_| stage.count()));
    let hands = |stage: &Stage, fingers: [usize; 2]| {
        let hands = [0.5 + aside / 2.0, 0.5 - aside / 2.0]
            .into_iter()
            .enumerate()
            .map(|(i, x)| stage.hand(SIDES[i], fingers[i], &format!("{} at {x:.3} {y:.3} size {size:.2}", faces[i])));
        hands.collect::<Vec<_>>().join(" and ")
    };
    let (fists, signs) = (hands(stage, [0, 0]), hands(stage, counts));
    stage.open_and_hold(&fists, &signs, "a half-hidden second hand");
}

/// Two hands that hold on to each other: one in front of the other's fingers, or both clasped. First fists, then any
/// counts, held for long. The models find one palm in many of them.
pub fn holding_on(seed: u64) -> String {
    let mut stage = Stage::new(seed);
    let (size, y) = (stage.dice.within(0.35, 0.55), stage.dice.within(0.5, 0.6));
    let palm = PALM * size;
    // How far apart the two are, in palm widths, and by how many degrees each leans towards the other.
    // The picture is 4:3.
    let (aside, down, lean) = if seed.is_multiple_of(2) {
        let down = stage.dice.within(0.4, 0.9) * stage.dice.one_of(&[-1.0, 1.0]);
        (stage.dice.within(-0.4, 0.4), down, stage.dice.within(-15.0, 15.0))
    } else {
        (stage.dice.within(0.3, 0.7), stage.dice.within(-0.2, 0.2), stage.dice.within(20.0, 50.0))
    };
    let (faces, counts) = (SIDES.map(|_| stage.dice.one_of(&["", "back"])), SIDES.map(|_| stage.count()));
    let hands = |stage: &Stage, fingers: [usize; 2]| {
        let both = [(0, 0.5), (1, -0.5)].map(|(i, way)| {
            let (x, y, roll) = (0.5 + way * aside * palm, y + way * down * palm * 4.0 / 3.0, way * 2.0 * lean);
            let how = format!("{} roll {roll:.0} at {x:.3} {y:.3} size {size:.2}", faces[i]);
            stage.hand(SIDES[i], fingers[i], &how)
        });
        both.join(" and ")
    };
    let (fists, signs) = (hands(&stage, [0, 0]), hands(&stage, counts));
    stage.open_and_hold(&fists, &signs, "hands that hold on to each other");
    stage.show("none", 0.3, 0.5, "gone");
    stage.lines.join("\n")
}

/// A script of at least that many seconds in which nothing is meant, with every kind equally often.
pub fn harmless(seed: u64, seconds: f32) -> String {
    let mut stage = Stage::new(seed);
    let mut kinds = Vec::new();
    loop {
        if kinds.is_empty() {
            kinds = HARMLESS.to_vec();
            stage.dice.shuffle(&mut kinds);
        }
        let (name, plays) = kinds.pop().unwrap();
        plays(&mut stage);
        let (moving, away) = (stage.dice.within(0.2, 0.5), stage.dice.within(0.0, 0.6));
        stage.show("none", moving, away, &format!("after {name}"));
        let script = stage.lines.join("\n");
        if Script::parse(&script).unwrap().duration() >= Duration::from_secs_f32(seconds) {
            return script;
        }
    }
}

/// A meant gesture: its script, and what must come of it.
pub struct Meant {
    pub script: String,
    pub side: Side,
    pub fingers: u8,
    /// When the fist opens, when the hand comes to rest, and when it starts to leave.
    pub opens: Duration,
    pub rest: Duration,
    pub left: Duration,
}

impl Meant {
    pub fn intent(&self) -> Intent {
        Intent::of(self.side)
    }
}

/// One hand that comes in as a fist, opens, is held as long as its sign needs, and leaves. It is completely inside the
/// picture, with its wrist. The fist shows the palm's side: the models are not sure of every drawn fist from the back.
pub fn meant(seed: u64) -> Meant {
    let mut stage = Stage::new(seed);
    let (side, fingers) = (stage.side(), stage.count());
    let size = stage.dice.within(0.25, 0.6);
    // How far a raised finger reaches from the centre, as shares of the picture's width and height.
    let (dx, dy) = (0.85 * size * 0.75, 0.85 * size);
    let lowest = (1.0 - 0.5 * size).min(0.85);
    let (x, y) = (stage.dice.within(dx, 1.0 - dx), stage.dice.within(dy, lowest));
    // People who mean a sign turn the palm or its back to the camera.
    let (face, yaw) = (stage.face(), stage.dice.within(-10.0, 10.0));
    let how = format!("{face} yaw {yaw:.0} at {x:.2} {y:.2} size {size:.2}");
    let (moving, closed, opening) =
        (stage.dice.within(0.3, 0.6), stage.dice.within(0.3, 0.7), stage.dice.within(0.2, 0.5));
    stage.show(&stage.hand(side, "fist", how.trim_start_matches("back")), moving, closed, "a fist");
    let opens = Script::parse(&stage.lines[0]).unwrap().duration();
    // Half a second longer than necessary, as people do.
    let held = if side == Side::Left { 0.8 } else { 1.6 } + 0.5;
    let away = if side == Side::Left { 0.5 } else { 2.5 };
    stage.show(&stage.hand(side, fingers, &how), opening, held, "meant");
    let left = Script::parse(&stage.lines.join("\n")).unwrap().duration();
    stage.show("none", 0.4, away, "lowered");
    let rest = left - Duration::from_secs_f32(held);
    Meant { script: stage.lines.join("\n"), side, fingers: fingers as u8, opens, rest, left }
}

/// The line that is played at that time.
pub fn line_at(script: &str, time: Duration) -> &str {
    let lines: Vec<_> = script.lines().collect();
    let ends = |line: &usize| Script::parse(&lines[..=*line].join("\n")).unwrap().duration();
    lines[(0..lines.len()).find(|line| ends(line) > time).unwrap_or(lines.len() - 1)]
}
