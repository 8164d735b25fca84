//! What the hands do, drawn over the picture: the ring that a hold fills, and the countdown that empties one.

use glam::Vec2;

use super::brush::{Area, Brush};
use super::layout::CAPTION;
use super::mirror::Mirror;
use super::palette::*;
use super::skeleton;
use crate::hand::{Reading, Side};
use crate::view::phases::Ring;

pub fn draw(brush: &mut Brush, mirror: &Mirror, ring: &Ring, reading: Option<&Reading>) {
    match ring {
        Ring::None => {}
        Ring::Filling { side, done } => hold(brush, mirror, reading, *side, *done),
        Ring::Emptying { side, title, victims, left, of } => {
            let left = left.as_secs_f32();
            let share = left / of.as_secs_f32().max(f32::MIN_POSITIVE);
            countdown(brush, mirror, of_side(*side), title, victims, (left, share));
        }
    }
}

fn hold(brush: &mut Brush, mirror: &Mirror, reading: Option<&Reading>, side: Side, done: f32) {
    let unit = brush.unit;
    let mut hands = reading.into_iter().flat_map(|reading| &reading.hands).filter(|hand| hand.side == side);
    // A reading in between may have missed the hand; the ring stays in the middle until it is back.
    let at = hands.next().and_then(|hand| skeleton::square(mirror, hand, unit));
    let middle = Area::new(
        mirror.area.centre().x - 110.0 * unit,
        mirror.area.centre().y - 110.0 * unit,
        220.0 * unit,
        220.0 * unit,
    );
    let at = at.unwrap_or(middle);
    let (centre, radius, width) = (at.centre(), at.w / 2.0, 16.0 * unit);
    brush.circle(centre, radius, 1.4 * width, NIGHT, 0.55);
    brush.arc(centre, radius, done, width, of_side(side));
}

/// `left` in seconds, and as a share of the whole countdown.
fn countdown(brush: &mut Brush, mirror: &Mirror, ink: Ink, what: &str, victims: &[String], (left, share): (f32, f32)) {
    let unit = brush.unit;
    // The caption lies over the picture's lower end.
    let room = Area { h: mirror.area.h - CAPTION * unit, ..mirror.area };
    let (title, line) = (70.0 * unit, 40.0 * unit);
    let foot = line * victims.len() as f32 + 8.0 * unit;
    // The ring takes what the words above and below leave.
    let radius = ((room.h - title - foot) / 2.0 - 14.0 * unit).clamp(24.0 * unit, 150.0 * unit);
    let centre = Vec2::new(room.centre().x, room.y + title + radius + 6.0 * unit);

    brush.label_centred(what, 54.0 * unit, Area::new(room.x, room.y + 4.0 * unit, room.w, title), WHITE);
    brush.disc(centre, radius, NIGHT, 0.85);
    brush.circle(centre, radius, 20.0 * unit, WHITE, 0.25);
    brush.arc(centre, radius, share, 20.0 * unit, ink);
    brush.text_centred(&format!("{left:.1}"), 0.85 * radius, centre, WHITE);
    let size = 30.0 * unit;
    for (row, id) in victims.iter().enumerate() {
        let at = Vec2::new(centre.x, centre.y + radius + 18.0 * unit + line * (row as f32 + 0.5));
        brush.chip(id, size, at, room, (NIGHT, ink));
    }
}
