//! Icons: shapes that repeat what words and colours say. In: which one, its centre, its width. Out: pixels.

use glam::Vec2;

use crate::canvas::brush::{Brush, Rectangle};
use crate::canvas::palette::*;
use crate::fleet::Lifecycle;

/// A shape's points, given relative to its centre in shares of its size.
fn points<const N: usize>(centre: Vec2, size: f32, shares: [(f32, f32); N]) -> [Vec2; N] {
    shares.map(|(x, y)| centre + size * Vec2::new(x, y))
}

pub fn tick(brush: &mut Brush, centre: Vec2, size: f32, ink: Ink) {
    let shape = points(centre, size, [(-0.27, 0.02), (-0.08, 0.22), (0.29, -0.21)]);
    brush.lines(&shape, 0.13 * size, ink);
}

pub fn cross(brush: &mut Brush, centre: Vec2, size: f32, ink: Ink) {
    brush.lines(&points(centre, size, [(-0.24, -0.24), (0.24, 0.24)]), 0.13 * size, ink);
    brush.lines(&points(centre, size, [(-0.24, 0.24), (0.24, -0.24)]), 0.13 * size, ink);
}

/// An arrow; `way` is 1 down, -1 up.
fn arrow(brush: &mut Brush, centre: Vec2, size: f32, way: f32, ink: Ink) {
    brush.lines(&points(centre, size, [(0.0, -0.25 * way), (0.0, 0.22 * way)]), 0.1 * size, ink);
    brush.lines(&points(centre, size, [(-0.2, 0.03 * way), (0.0, 0.25 * way), (0.2, 0.03 * way)]), 0.1 * size, ink);
}

/// An arrow that turns back.
pub fn back(brush: &mut Brush, centre: Vec2, size: f32, ink: Ink) {
    let radius = 0.21;
    let bow = |step: usize| {
        let angle = std::f32::consts::PI * (step as f32 / 16.0 - 0.5);
        centre + size * Vec2::new(0.08 + radius * angle.cos(), 0.04 + radius * angle.sin())
    };
    let mut line = vec![centre + size * Vec2::new(-0.28, 0.04 - radius)];
    line.extend((0..=16).map(bow));
    line.push(centre + size * Vec2::new(-0.12, 0.04 + radius));
    brush.lines(&line, 0.11 * size, ink);
    let head = points(centre, size, [(-0.1, -0.36), (-0.29, -0.17), (-0.1, 0.02)]);
    brush.lines(&head, 0.11 * size, ink);
}

/// Two bars.
pub fn pause(brush: &mut Brush, centre: Vec2, size: f32, ink: Ink) {
    for x in [-0.32, 0.1] {
        let bar = Rectangle::new(centre.x + x * size, centre.y - 0.38 * size, 0.22 * size, 0.76 * size);
        brush.fill_rounded(bar, 0.05 * size, ink, 1.0);
    }
}

/// A triangle with an exclamation mark.
pub fn warning(brush: &mut Brush, centre: Vec2, size: f32, (ground, ink): (Ink, Ink)) {
    let shape = points(centre, size, [(0.0, -0.44), (0.46, 0.38), (-0.46, 0.38)]);
    brush.polygon(&shape, ground);
    brush.lines(&[shape[0], shape[1], shape[2], shape[0]], 0.08 * size, ground);
    brush.lines(&points(centre, size, [(0.0, -0.14), (0.0, 0.1)]), 0.11 * size, ink);
    brush.disc(centre + size * Vec2::new(0.0, 0.26), 0.065 * size, ink, 1.0);
}

/// A camera with a stroke through it.
pub fn no_camera(brush: &mut Brush, centre: Vec2, size: f32, ink: Ink) {
    let body = Rectangle::new(centre.x - 0.42 * size, centre.y - 0.22 * size, 0.84 * size, 0.52 * size);
    brush.stroke_rounded(body, 0.08 * size, 0.06 * size, ink);
    brush.circle(body.centre(), 0.14 * size, 0.06 * size, ink, 1.0);
    brush.lines(&points(centre, size, [(-0.16, -0.23), (-0.1, -0.33), (0.1, -0.33), (0.16, -0.23)]), 0.06 * size, ink);
    let strike = points(centre, size, [(-0.42, 0.46), (0.42, -0.42)]);
    brush.lines(&strike, 0.17 * size, NIGHT);
    brush.lines(&strike, 0.07 * size, ink);
}

/// An instance's lifecycle.
pub fn lifecycle(brush: &mut Brush, lifecycle: Lifecycle, centre: Vec2, size: f32) {
    let ink = of_lifecycle(lifecycle);
    let radius = 0.44 * size;
    match lifecycle {
        Lifecycle::InService => {
            brush.disc(centre, radius, ink, 1.0);
            tick(brush, centre, size, WHITE);
        }
        Lifecycle::Unhealthy => warning(brush, centre, size, (ink, WHITE)),
        Lifecycle::Launching | Lifecycle::Starting => {
            brush.circle(centre, radius, 0.09 * size, ink, 1.0);
            arrow(brush, centre, size, -1.0, ink);
        }
        Lifecycle::Registering | Lifecycle::Preparing => {
            brush.circle(centre, radius, 0.09 * size, ink, 1.0);
            for x in [-0.2, 0.0, 0.2] {
                brush.disc(centre + Vec2::new(x * size, 0.0), 0.07 * size, ink, 1.0);
            }
        }
        Lifecycle::Retiring | Lifecycle::Returning => {
            brush.circle(centre, radius, 0.09 * size, ink, 1.0);
            arrow(brush, centre, size, 1.0, ink);
        }
        Lifecycle::Draining => {
            // A half-filled circle.
            brush.circle(centre, radius, 0.09 * size, ink, 1.0);
            let bow = |step: usize| {
                let angle = std::f32::consts::PI * step as f32 / 16.0;
                centre + 0.68 * radius * Vec2::new(angle.cos(), angle.sin())
            };
            brush.polygon(&(0..=16).map(bow).collect::<Vec<_>>(), ink);
        }
        Lifecycle::Terminating | Lifecycle::Terminated => {
            brush.circle(centre, radius, 0.09 * size, ink, 1.0);
            cross(brush, centre, 0.85 * size, ink);
        }
        Lifecycle::Warm => {
            brush.circle(centre, radius, 0.09 * size, ink, 1.0);
            brush.disc(centre, 0.5 * radius, ink, 1.0);
        }
        Lifecycle::Stopped => {
            brush.circle(centre, radius, 0.09 * size, ink, 1.0);
            let square = Rectangle::new(centre.x - 0.17 * size, centre.y - 0.17 * size, 0.34 * size, 0.34 * size);
            brush.fill(square, ink, 1.0);
        }
    }
}

/// Green: in service. Blue: on its way in. Orange: on its way out. Grey: not in the count. Vermilion: unhealthy.
pub fn of_lifecycle(lifecycle: Lifecycle) -> Ink {
    match lifecycle {
        Lifecycle::InService => GREEN,
        Lifecycle::Unhealthy => VERMILION,
        Lifecycle::Launching | Lifecycle::Registering | Lifecycle::Starting => SKY,
        Lifecycle::Retiring | Lifecycle::Draining | Lifecycle::Returning => ORANGE,
        Lifecycle::Terminating => PURPLE,
        Lifecycle::Terminated | Lifecycle::Stopped | Lifecycle::Warm | Lifecycle::Preparing => GREY,
    }
}
