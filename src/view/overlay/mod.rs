//! What the window shows. In: a run's state, the camera's picture, a size. Out: pixels. Pure: no clock, no I/O; the
//! same state always gives the same pixels.
//!
//! `layout` places the parts; `skeleton`, `ring`, `banner`, `tiles` and `panel` each draw one thing on the canvas;
//! `icons` are what they share. How a phase looks is a row of `view::phases`.

mod banner;
mod icons;
mod layout;
mod panel;
mod ring;
mod skeleton;
mod tiles;

use glam::Vec2;
use image::RgbImage;

use super::phases;
use crate::canvas::brush::{Brush, Rectangle};
use crate::canvas::drawing::Drawing;
use crate::canvas::mirror::Mirror;
use crate::canvas::palette::*;
use crate::daemon::state::{CameraState, RunState};
use crate::hand::Hand;
use layout::{DESIGN, Layout, is_wide};

/// Draws states. Pixels and glyphs are reused from one to the next.
#[derive(Default)]
pub struct Overlay {
    brush: Brush,
}

impl Overlay {
    /// Draws the state over the camera's newest picture, at this width and height.
    pub fn draw(&mut self, state: &RunState, picture: &RgbImage, (width, height): (u32, u32)) -> Drawing<'_> {
        let (width, height) = self.brush.resize((width, height));
        let (width, height) = (width as f32, height as f32);
        let design = if is_wide(width, height) { DESIGN } else { (DESIGN.1, DESIGN.0) };
        let brush = &mut self.brush;
        brush.unit = (width / design.0).min(height / design.1);
        brush.fill_all(NIGHT);

        // Until the first picture comes, assume the most common shape.
        let size = if picture.is_empty() { (640, 480) } else { picture.dimensions() };
        let row = phases::row(state);
        let layout = Layout::of(width, height, size, brush.unit);
        let mirror = Mirror::within(layout.picture, size);
        match state.camera {
            CameraState::Watching => live(brush, &mirror, state, &row, picture),
            CameraState::Starting | CameraState::None => {}
            CameraState::Lost(ref why) => lost(brush, layout.picture, why),
        }
        panel::caption(brush, layout.caption, &row);
        panel::draw(brush, layout.panel, state);
        banner::draw(brush, layout.banner, state);
        self.brush.drawing()
    }

    /// Draws hands into their picture, which is not mirrored.
    pub fn annotate(&mut self, hands: &[Hand], picture: &RgbImage) -> Drawing<'_> {
        let size = self.brush.resize(picture.dimensions());
        let brush = &mut self.brush;
        brush.unit = (size.0.min(size.1) as f32 / DESIGN.1).max(0.4);
        let area = Rectangle::new(0.0, 0.0, size.0 as f32, size.1 as f32);
        let mirror = Mirror { area, size, flipped: false };
        mirror.paint(picture, 1.0, &mut brush.pixmap);
        hands.iter().for_each(|hand| skeleton::draw(brush, &mirror, hand));
        hands.iter().for_each(|hand| skeleton::label(brush, &mirror, hand));
        self.brush.drawing()
    }
}

/// The picture, and the hands in it.
fn live(brush: &mut Brush, mirror: &Mirror, state: &RunState, row: &phases::Row, picture: &RgbImage) {
    mirror.paint(picture, row.brightness, &mut brush.pixmap);
    // The picture may have changed its size since it was read.
    let reading = state.reading.as_ref().filter(|reading| reading.size == mirror.size);
    let hands = reading.map_or(&[][..], |reading| &reading.hands);
    if row.skeletons {
        hands.iter().for_each(|hand| skeleton::draw(brush, mirror, hand));
    }
    ring::draw(brush, mirror, &row.ring, state.reading.as_ref());
    if row.labels {
        hands.iter().for_each(|hand| skeleton::label(brush, mirror, hand));
    }
    if let Some(light) = state.light {
        banner::light(brush, mirror.area, light);
    }
}

fn lost(brush: &mut Brush, area: Rectangle, why: &str) {
    let unit = brush.unit;
    let centre = area.centre() - Vec2::new(0.0, 110.0 * unit);
    icons::no_camera(brush, centre, 240.0 * unit, WHITE);
    let size = 30.0 * unit;
    let lines = brush.letters.wrap(why, size, 0.85 * area.w, 3);
    for (row, line) in lines.iter().enumerate() {
        let at = Vec2::new(area.centre().x, centre.y + 165.0 * unit + 1.3 * size * row as f32);
        brush.text_centred(line, size, at, GREY);
    }
}
