//! The camera's picture on the canvas, flipped as in a mirror. In: a picture and an area. Out: pixels, and where a
//! point of the picture is on the canvas.

use glam::Vec2;
use image::RgbImage;
use tiny_skia::Pixmap;

use super::brush::Rectangle;

/// Where a picture is shown.
#[derive(Clone, Copy, Debug)]
pub struct Mirror {
    /// Whole pixels.
    pub area: Rectangle,
    /// Width and height of the picture.
    pub size: (u32, u32),
    pub flipped: bool,
}

impl Mirror {
    /// The largest area of the picture's shape within `room`, at its top, centred horizontally.
    pub fn within(room: Rectangle, size: (u32, u32)) -> Mirror {
        let (w, h) = (size.0.max(1) as f32, size.1.max(1) as f32);
        let scale = (room.w / w).min(room.h / h);
        let (w, h) = ((w * scale).floor(), (h * scale).floor());
        let x = (room.x + (room.w - w) / 2.0).floor();
        Mirror { area: Rectangle::new(x, room.y.floor(), w, h), size, flipped: true }
    }

    /// Canvas pixels for one of the picture's.
    pub fn scale(&self) -> f32 {
        self.area.w / self.size.0.max(1) as f32
    }

    /// Where a point of the picture lies on the canvas. Points far outside are clamped so that they can be drawn. None
    /// for coordinates that are not numbers.
    pub fn place(&self, point: Vec2) -> Option<Vec2> {
        let x = if self.flipped { self.size.0 as f32 - point.x } else { point.x };
        let at = Vec2::new(self.area.x, self.area.y) + self.scale() * Vec2::new(x, point.y);
        let room = Vec2::new(self.area.w, self.area.h);
        at.is_finite().then(|| at.clamp(-2.0 * room, 4.0 * room))
    }

    /// Draws the picture, darkened to `light` (1: as it is).
    pub fn paint(&self, picture: &RgbImage, light: f32, pixmap: &mut Pixmap) {
        let (width, height) = picture.dimensions();
        let (left, top) = (self.area.x as usize, self.area.y as usize);
        let (w, h) = (self.area.w as usize, self.area.h as usize);
        let stride = pixmap.width() as usize;
        if width == 0 || height == 0 || left + w > stride || top + h > pixmap.height() as usize {
            return;
        }
        let columns = self.columns(w, width as usize);
        let light = (light.clamp(0.0, 1.0) * 256.0) as u32;
        // Two rows blended into one, then two pixels of that into one: half the work of four pixels each.
        let mut blended = vec![[0u32; 3]; width as usize];
        let source = picture.as_raw();
        let row = |y: usize| source[3 * y * width as usize..][..3 * width as usize].chunks_exact(3);
        for y in 0..h {
            let (above, below, share) = between(y, h, height as usize);
            for ((out, a), b) in blended.iter_mut().zip(row(above)).zip(row(below)) {
                *out =
                    std::array::from_fn(|i| ((u32::from(a[i]) * (256 - share) + u32::from(b[i]) * share) * light) >> 8);
            }
            let out = &mut pixmap.data_mut()[4 * ((top + y) * stride + left)..][..4 * w];
            for (out, &(near, far, share)) in out.chunks_exact_mut(4).zip(&columns) {
                let (a, b) = (blended[near], blended[far]);
                let mix = |i: usize| ((a[i] * (256 - share) + b[i] * share) >> 16) as u8;
                out.copy_from_slice(&[mix(0), mix(1), mix(2), 255]);
            }
        }
    }

    /// For each column of the canvas: the two pixels that it lies between, and the second's share of 256.
    fn columns(&self, w: usize, width: usize) -> Vec<(usize, usize, u32)> {
        let columns = (0..w).map(|x| between(x, w, width));
        if self.flipped { columns.rev().collect() } else { columns.collect() }
    }
}

/// The two of `from` pixels that the `at`th of `to` pixels lies between, and the second's share of 256.
fn between(at: usize, to: usize, from: usize) -> (usize, usize, u32) {
    let place = ((at as f32 + 0.5) * from as f32 / to as f32 - 0.5).clamp(0.0, (from - 1) as f32);
    let first = place as usize;
    (first, (first + 1).min(from - 1), ((place - first as f32) * 256.0) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn a_mirror_swaps_left_and_right_and_keeps_the_shape() {
        let picture = RgbImage::from_fn(64, 48, |x, _| if x < 32 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) });
        let mirror = Mirror::within(Rectangle::new(0.0, 0.0, 200.0, 96.0), picture.dimensions());
        assert_eq!((mirror.area.w, mirror.area.h), (128.0, 96.0));
        assert_eq!(mirror.place(Vec2::new(0.0, 0.0)), Some(Vec2::new(36.0 + 128.0, 0.0)));
        let mut pixmap = Pixmap::new(200, 96).unwrap();
        mirror.paint(&picture, 1.0, &mut pixmap);
        let at = |x, y| pixmap.pixel(x, y).map(|pixel| (pixel.red(), pixel.blue()));
        assert_eq!(at(40, 50), Some((0, 255)));
        assert_eq!(at(160, 50), Some((255, 0)));
        mirror.paint(&picture, 0.5, &mut pixmap);
        assert_eq!(pixmap.pixel(160, 50).map(|pixel| pixel.red()), Some(127));
    }

    #[test]
    fn a_place_that_is_no_number_is_nowhere() {
        let mirror = Mirror::within(Rectangle::new(0.0, 0.0, 64.0, 48.0), (64, 48));
        assert_eq!(mirror.place(Vec2::new(f32::NAN, 0.0)), None);
        assert!(mirror.place(Vec2::new(1e30, -1e30)).is_some_and(|at| at.abs().max_element() < 1000.0));
    }
}
