//! The bar on top: whether the fleet is real, made hard to miss, and a warning about the camera's light.

use glam::Vec2;

use super::icons;
use crate::camera::light::Light;
use crate::canvas::brush::{Brush, Rectangle};
use crate::canvas::palette::*;
use crate::clouds::Mode;
use crate::daemon::state::RunState;
use crate::view::text;

/// Blue and plain for a dry run. For a live fleet striped, with a frame around the whole window.
pub fn draw(brush: &mut Brush, area: Rectangle, state: &RunState) {
    let unit = brush.unit;
    let size = 0.6 * area.h;
    let words = area.inset(0.2 * area.h);
    match &state.mode {
        Mode::DryRun => {
            brush.fill(area, BLUE, 1.0);
            let name = "DRY RUN";
            let wide = brush.letters.width(name, size);
            let x = words.x + 0.1 * area.h;
            brush.label(name, size, Rectangle::new(x, area.y, words.w, area.h), WHITE);
            let hint = keys(brush, text::keys(state), words.right(), area, WHITE);
            let rest = Rectangle::new(x + wide + 0.6 * size, area.y, hint - x - wide - 1.2 * size, area.h);
            brush.label("the fleet is simulated", 0.75 * size, rest, WHITE);
        }
        Mode::Live { account, region } => {
            let stripes = 2.2 * area.h;
            brush.fill(area, BLACK, 1.0);
            let mut x = area.x - area.h;
            while x < area.right() && area.h > 0.0 {
                let (top, bottom) = (area.y, area.bottom());
                let corners = [(x + area.h, top), (x + 1.5 * area.h, top), (x + 0.5 * area.h, bottom), (x, bottom)];
                brush.polygon(&corners.map(|(x, y)| Vec2::new(x, y)), VERMILION);
                x += area.h;
            }
            let ground = Rectangle::new(area.x + stripes, area.y, area.w - 2.0 * stripes, area.h);
            brush.fill(ground, VERMILION, 1.0);
            let name = "LIVE";
            let x = ground.x + 0.5 * size;
            let wide = brush.letters.width(name, 1.15 * size);
            brush.label(name, 1.15 * size, Rectangle::new(x, area.y, ground.w, area.h), BLACK);
            let hint = keys(brush, text::keys(state), ground.right() - 0.5 * size, area, BLACK);
            let rest = Rectangle::new(x + wide + 0.6 * size, area.y, hint - x - wide - 1.2 * size, area.h);
            brush.label(&format!("account {account} · {region}"), 0.85 * size, rest, BLACK);
            let canvas = Rectangle::new(0.0, 0.0, brush.pixmap.width() as f32, brush.pixmap.height() as f32);
            let edge = 8.0 * unit;
            for side in [
                Rectangle::new(0.0, 0.0, edge, canvas.h),
                Rectangle::new(canvas.w - edge, 0.0, edge, canvas.h),
                Rectangle::new(0.0, canvas.h - edge, canvas.w, edge),
            ] {
                brush.fill(side, VERMILION, 1.0);
            }
        }
    }
}

/// The keys' hint, ending at `right`. Returns where it begins.
fn keys(brush: &mut Brush, text: &str, right: f32, area: Rectangle, ink: Ink) -> f32 {
    let size = 0.42 * area.h;
    let x = right - brush.letters.width(text, size);
    brush.text(text, size, (x, area.centre().y), ink);
    x
}

/// A warning over the picture's top.
pub fn light(brush: &mut Brush, picture: Rectangle, light: Light) {
    let unit = brush.unit;
    let bar = Rectangle::new(picture.x, picture.y, picture.w, 58.0 * unit);
    brush.fill(bar, YELLOW, 1.0);
    let sign = 44.0 * unit;
    icons::warning(brush, Vec2::new(bar.x + 0.9 * sign, bar.centre().y), sign, (BLACK, YELLOW));
    let words = Rectangle::new(bar.x + 1.6 * sign, bar.y, bar.w - 2.0 * sign, bar.h);
    brush.label(&light.to_string(), 36.0 * unit, words, BLACK);
}
