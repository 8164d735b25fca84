//! A canvas, and the shapes on it. In: places in pixels and a colour. Out: antialiased pixels. A shape without a size,
//! or with coordinates that are not numbers, is left out.

use std::f32::consts::TAU;

use glam::Vec2;
use tiny_skia::{Color, FillRule, LineCap, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform};

use super::drawing::Drawing;
use super::lettering::Lettering;
use super::palette::Ink;

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rectangle {
    pub x: f32,
    pub y: f32,
    pub w: f32,
    pub h: f32,
}

impl Rectangle {
    pub fn new(x: f32, y: f32, w: f32, h: f32) -> Rectangle {
        Rectangle { x, y, w: w.max(0.0), h: h.max(0.0) }
    }

    pub fn right(&self) -> f32 {
        self.x + self.w
    }

    pub fn bottom(&self) -> f32 {
        self.y + self.h
    }

    pub fn centre(&self) -> Vec2 {
        Vec2::new(self.x + self.w / 2.0, self.y + self.h / 2.0)
    }

    /// The same rectangle, smaller on each side.
    pub fn inset(&self, by: f32) -> Rectangle {
        Rectangle::new(self.x + by, self.y + by, self.w - 2.0 * by, self.h - 2.0 * by)
    }
}

/// A canvas, and what draws on it.
pub struct Brush {
    pub pixmap: Pixmap,
    pub letters: Lettering,
    /// Canvas pixels for one pixel of the design size, 1280 x 720: all sizes are given at that size.
    pub unit: f32,
}

impl Default for Brush {
    fn default() -> Brush {
        let pixmap = Pixmap::new(1, 1).expect("one pixel is a size");
        Brush { pixmap, letters: Lettering::default(), unit: 1.0 }
    }
}

fn paint(ink: Ink, opacity: f32) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color_rgba8(ink.0, ink.1, ink.2, (opacity.clamp(0.0, 1.0) * 255.0) as u8);
    paint
}

impl Brush {
    /// Makes the canvas this large, at least one pixel each way, and answers how large it is: a size that can't be
    /// allocated leaves it as it was.
    pub fn resize(&mut self, (width, height): (u32, u32)) -> (u32, u32) {
        let wanted = (width.max(1), height.max(1));
        if self.drawing().size() != wanted
            && let Some(pixmap) = Pixmap::new(wanted.0, wanted.1)
        {
            self.pixmap = pixmap;
        }
        self.drawing().size()
    }

    pub fn drawing(&self) -> Drawing<'_> {
        Drawing(&self.pixmap)
    }

    pub fn fill_all(&mut self, Ink(red, green, blue): Ink) {
        self.pixmap.fill(Color::from_rgba8(red, green, blue, 255));
    }

    pub fn fill(&mut self, area: Rectangle, ink: Ink, opacity: f32) {
        if let Some(rect) = Rect::from_xywh(area.x, area.y, area.w, area.h) {
            self.pixmap.fill_rect(rect, &paint(ink, opacity), Transform::identity(), None);
        }
    }

    pub fn fill_rounded(&mut self, area: Rectangle, radius: f32, ink: Ink, opacity: f32) {
        if let Some(path) = rounded(area, radius) {
            self.fill_path(&path, ink, opacity);
        }
    }

    pub fn stroke_rounded(&mut self, area: Rectangle, radius: f32, width: f32, ink: Ink) {
        if let Some(path) = rounded(area, radius) {
            self.stroke_path(&path, width, ink, 1.0);
        }
    }

    pub fn disc(&mut self, centre: Vec2, radius: f32, ink: Ink, opacity: f32) {
        if let Some(path) = PathBuilder::from_circle(centre.x, centre.y, radius) {
            self.fill_path(&path, ink, opacity);
        }
    }

    pub fn circle(&mut self, centre: Vec2, radius: f32, width: f32, ink: Ink, opacity: f32) {
        if let Some(path) = PathBuilder::from_circle(centre.x, centre.y, radius) {
            self.stroke_path(&path, width, ink, opacity);
        }
    }

    /// A share of a circle, clockwise from its top.
    pub fn arc(&mut self, centre: Vec2, radius: f32, share: f32, width: f32, ink: Ink) {
        let share = share.clamp(0.0, 1.0);
        let steps = (share * 96.0).ceil() as usize;
        let at = |step: usize| {
            let angle = TAU * share * step as f32 / steps.max(1) as f32;
            centre + radius * Vec2::new(angle.sin(), -angle.cos())
        };
        self.lines(&(0..=steps).map(at).collect::<Vec<_>>(), width, ink);
    }

    /// A line through all points.
    pub fn lines(&mut self, points: &[Vec2], width: f32, ink: Ink) {
        if let Some(path) = through(points, false) {
            self.stroke_path(&path, width, ink, 1.0);
        }
    }

    pub fn polygon(&mut self, points: &[Vec2], ink: Ink) {
        if let Some(path) = through(points, true) {
            self.fill_path(&path, ink, 1.0);
        }
    }

    fn fill_path(&mut self, path: &Path, ink: Ink, opacity: f32) {
        self.pixmap.fill_path(path, &paint(ink, opacity), FillRule::Winding, Transform::identity(), None);
    }

    fn stroke_path(&mut self, path: &Path, width: f32, ink: Ink, opacity: f32) {
        let stroke =
            Stroke { width, line_cap: LineCap::Round, line_join: tiny_skia::LineJoin::Round, ..Stroke::default() };
        self.pixmap.stroke_path(path, &paint(ink, opacity), &stroke, Transform::identity(), None);
    }

    /// Text that starts at `x`, its capitals centred vertically on `middle`.
    pub fn text(&mut self, text: &str, size: f32, (x, middle): (f32, f32), ink: Ink) {
        self.letters.draw(&mut self.pixmap.as_mut(), text, size, (x, middle), ink);
    }

    pub fn text_centred(&mut self, text: &str, size: f32, centre: Vec2, ink: Ink) {
        let width = self.letters.width(text, size);
        self.text(text, size, (centre.x - width / 2.0, centre.y), ink);
    }

    /// One line in an area, shrunk or cut to fit, aligned left.
    pub fn label(&mut self, text: &str, size: f32, area: Rectangle, ink: Ink) {
        let (line, size) = self.letters.fit(text, size, area.w);
        self.text(&line, size, (area.x, area.centre().y), ink);
    }

    /// The same, centred.
    pub fn label_centred(&mut self, text: &str, size: f32, area: Rectangle, ink: Ink) {
        let (line, size) = self.letters.fit(text, size, area.w);
        self.text_centred(&line, size, area.centre(), ink);
    }

    /// A label with its own background, as wide as its text, around a centre and kept within an area.
    pub fn chip(&mut self, text: &str, size: f32, centre: Vec2, within: Rectangle, (ground, ink): (Ink, Ink)) {
        let pad = 0.45 * size;
        let (line, size) = self.letters.fit(text, size, within.w - 2.0 * pad);
        let (w, h) = (self.letters.width(&line, size) + 2.0 * pad, 1.5 * size);
        // Not clamp: an area smaller than the chip is no reason to panic.
        let x = (centre.x - w / 2.0).min(within.right() - w).max(within.x);
        let y = (centre.y - h / 2.0).min(within.bottom() - h).max(within.y);
        self.fill_rounded(Rectangle::new(x, y, w, h), 0.4 * size, ground, 0.88);
        self.text(&line, size, (x + pad, y + h / 2.0), ink);
    }
}

fn through(points: &[Vec2], closed: bool) -> Option<Path> {
    let (first, rest) = points.split_first()?;
    let mut path = PathBuilder::new();
    path.move_to(first.x, first.y);
    rest.iter().for_each(|point| path.line_to(point.x, point.y));
    if closed {
        path.close();
    }
    path.finish()
}

fn rounded(Rectangle { x, y, w, h }: Rectangle, radius: f32) -> Option<Path> {
    let r = radius.min(w / 2.0).min(h / 2.0);
    let mut path = PathBuilder::new();
    path.move_to(x + r, y);
    path.line_to(x + w - r, y);
    path.quad_to(x + w, y, x + w, y + r);
    path.line_to(x + w, y + h - r);
    path.quad_to(x + w, y + h, x + w - r, y + h);
    path.line_to(x + r, y + h);
    path.quad_to(x, y + h, x, y + h - r);
    path.line_to(x, y + r);
    path.quad_to(x, y, x + r, y);
    path.close();
    path.finish()
}
