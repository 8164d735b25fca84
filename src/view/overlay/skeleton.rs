//! A hand's bones. In: a hand and where its picture is shown. Out: lines, with raised fingers marked by colour, width
//! and a large tip, and a label with the count.

use glam::{Vec2, Vec3Swizzles};

use crate::canvas::brush::{Brush, Rectangle};
use crate::canvas::mirror::Mirror;
use crate::canvas::palette::*;
use crate::hand::{Hand, landmark::*};

/// Each finger's joints, thumb first.
const FINGERS: [[usize; 4]; 5] = [
    [THUMB_CMC, THUMB_MCP, THUMB_IP, THUMB_TIP],
    [INDEX_MCP, INDEX_MCP + 1, INDEX_MCP + 2, INDEX_MCP + 3],
    [MIDDLE_MCP, MIDDLE_MCP + 1, MIDDLE_MCP + 2, MIDDLE_MCP + 3],
    [RING_MCP, RING_MCP + 1, RING_MCP + 2, RING_MCP + 3],
    [LITTLE_MCP, LITTLE_MCP + 1, LITTLE_MCP + 2, LITTLE_MCP + 3],
];
const PALM: [usize; 7] = [WRIST, THUMB_CMC, INDEX_MCP, MIDDLE_MCP, RING_MCP, LITTLE_MCP, WRIST];

/// Draws the hand; a hand with a landmark that is not a number is left out.
pub fn draw(brush: &mut Brush, mirror: &Mirror, hand: &Hand) {
    let Some(joints) = joints(mirror, hand) else { return };
    let line = (0.06 * hand.palm_width() * mirror.scale()).clamp(2.0 * brush.unit, 8.0 * brush.unit);
    let at = |chain: &[usize]| chain.iter().map(|&joint| joints[joint]).collect::<Vec<_>>();
    let raised = if hand.sure { of_side(hand.side) } else { GREY };

    let palm = at(&PALM);
    let fingers = FINGERS.map(|finger| at(&finger));
    // A dark edge keeps the bones apart from skin and from bright walls.
    brush.lines(&palm, 1.8 * line, NIGHT);
    for (finger, up) in fingers.iter().zip(hand.raised) {
        brush.lines(finger, if up { 2.6 } else { 1.8 } * line, NIGHT);
    }
    brush.lines(&palm, 0.8 * line, WHITE);
    for (finger, up) in fingers.iter().zip(hand.raised) {
        let (width, ink) = if up { (1.6, raised) } else { (0.8, WHITE) };
        brush.lines(finger, width * line, ink);
        let tip = finger[3];
        if up {
            brush.disc(tip, 2.6 * line, NIGHT, 1.0);
            brush.disc(tip, 2.1 * line, raised, 1.0);
            brush.disc(tip, 1.0 * line, WHITE, 1.0);
        } else {
            brush.disc(tip, 0.9 * line, WHITE, 1.0);
        }
    }
}

/// Writes the side and the count below the hand, with a question mark where they are not sure.
pub fn label(brush: &mut Brush, mirror: &Mirror, hand: &Hand) {
    let Some((low, high)) = bounds(mirror, hand) else { return };
    let doubt = if hand.sure { "" } else { "?" };
    let text = format!("{} {}{doubt}", hand.side, hand.fingers());
    let size = 30.0 * brush.unit;
    let ink = if hand.sure { of_side(hand.side) } else { WHITE };
    let centre = Vec2::new((low.x + high.x) / 2.0, high.y + size);
    brush.chip(&text, size, centre, mirror.area.inset(0.3 * size), (NIGHT, ink));
}

/// The hand's box on the canvas: left top, right bottom.
pub fn bounds(mirror: &Mirror, hand: &Hand) -> Option<(Vec2, Vec2)> {
    let joints = joints(mirror, hand)?;
    Some(joints.iter().fold((Vec2::MAX, Vec2::MIN), |(low, high), &p| (low.min(p), high.max(p))))
}

/// The square around the hand that holds its ring, kept inside the picture.
pub fn square(mirror: &Mirror, hand: &Hand, unit: f32) -> Option<Rectangle> {
    let (low, high) = bounds(mirror, hand)?;
    let room = mirror.area.inset(14.0 * unit);
    let side = (1.2 * (high - low).max_element()).max(150.0 * unit).min(room.w).min(room.h);
    let centre = (low + high) / 2.0;
    let x = (centre.x - side / 2.0).min(room.right() - side).max(room.x);
    let y = (centre.y - side / 2.0).min(room.bottom() - side).max(room.y);
    Some(Rectangle::new(x, y, side, side))
}

fn joints(mirror: &Mirror, hand: &Hand) -> Option<Vec<Vec2>> {
    hand.landmarks.iter().map(|joint| mirror.place(joint.xy())).collect()
}
