//! What the hands do, drawn over the picture: the ring that waits around a fist, that a hold fills, and that a
//! countdown empties.

use glam::Vec2;

use super::layout::CAPTION;
use super::skeleton;
use crate::canvas::brush::{Brush, Rectangle};
use crate::canvas::mirror::Mirror;
use crate::canvas::palette::*;
use crate::hand::{Reading, Side};
use crate::view::phases::Ring;

pub fn draw(brush: &mut Brush, mirror: &Mirror, ring: &Ring, reading: Option<&Reading>) {
    match ring {
        Ring::None => {}
        Ring::Ready { side } => fist(brush, around(brush.unit, mirror, reading, *side), of_side(*side)),
        Ring::Filling { side, done } => hold(brush, around(brush.unit, mirror, reading, *side), of_side(*side), *done),
        Ring::Emptying { side, title, victims, left, of } => {
            let left = left.as_secs_f32();
            let share = left / of.as_secs_f32().max(f32::MIN_POSITIVE);
            countdown(brush, mirror, of_side(*side), title, victims, (left, share));
        }
    }
}

/// Where the ring around this side's hand is.
fn around(unit: f32, mirror: &Mirror, reading: Option<&Reading>, side: Side) -> Rectangle {
    let mut hands = reading.into_iter().flat_map(|reading| &reading.hands).filter(|hand| hand.side == side);
    // A reading in between may have missed the hand; the ring stays in the middle until it is back.
    let at = hands.next().and_then(|hand| skeleton::square(mirror, hand, unit));
    let (centre, size) = (mirror.area.centre() - 110.0 * unit, 220.0 * unit);
    at.unwrap_or(Rectangle::new(centre.x, centre.y, size, size))
}

/// A thin ring in the hand's colour, without the broad band that a hold fills.
fn fist(brush: &mut Brush, at: Rectangle, ink: Ink) {
    let width = 5.0 * brush.unit;
    brush.circle(at.centre(), at.w / 2.0, 2.4 * width, NIGHT, 0.55);
    brush.circle(at.centre(), at.w / 2.0, width, ink, 1.0);
}

fn hold(brush: &mut Brush, at: Rectangle, ink: Ink, done: f32) {
    let width = 16.0 * brush.unit;
    brush.circle(at.centre(), at.w / 2.0, 1.4 * width, NIGHT, 0.55);
    brush.arc(at.centre(), at.w / 2.0, done, width, ink);
}

/// `left` in seconds, and as a share of the whole countdown.
fn countdown(brush: &mut Brush, mirror: &Mirror, ink: Ink, what: &str, victims: &[String], (left, share): (f32, f32)) {
    let unit = brush.unit;
    // The caption lies over the picture's lower end.
    let room = Rectangle { h: mirror.area.h - CAPTION * unit, ..mirror.area };
    let (title, line) = (70.0 * unit, 40.0 * unit);
    let foot = line * victims.len() as f32 + 8.0 * unit;
    // The ring takes what the words above and below leave.
    let radius = ((room.h - title - foot) / 2.0 - 14.0 * unit).clamp(24.0 * unit, 150.0 * unit);
    let centre = Vec2::new(room.centre().x, room.y + title + radius + 6.0 * unit);

    brush.label_centred(what, 54.0 * unit, Rectangle::new(room.x, room.y + 4.0 * unit, room.w, title), WHITE);
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
