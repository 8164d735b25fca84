//! Fits a whole picture into a model's square input. In: a picture of any shape. Out: the tensor, with the picture
//! scaled and centred in it, and the placement. One pass, without allocating.

use glam::Vec2;
use image::RgbImage;

use super::tensor;

/// What fills the square outside the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Border {
    Black,
    /// The picture's edge, repeated: a hand that leaves the picture keeps a skin-coloured surrounding.
    Replicated,
}

/// Fits whole pictures into a square of `side` pixels, centred.
pub struct Letterbox {
    side: usize,
    columns: Taps,
    rows: Taps,
    /// One row of the picture, averaged vertically, before it is scaled horizontally.
    row: Vec<f32>,
    scratch: Vec<f32>,
}

/// Where [`Letterbox::fill`] put the picture: `square = picture * scale + offset`, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placement {
    pub scale: f32,
    pub offset: Vec2,
}

impl Placement {
    /// From the square's pixels back to the picture's.
    pub fn to_picture(&self, point: Vec2) -> Vec2 {
        (point - self.offset) / self.scale
    }
}

impl Letterbox {
    pub fn new(side: usize) -> Letterbox {
        Letterbox { side, columns: Taps::default(), rows: Taps::default(), row: Vec::new(), scratch: vec![0.0; side] }
    }

    /// Writes the picture into `tensor` (3 x side x side), filling `zoom` of the square (1.0 is all of it).
    ///
    /// Every source pixel counts: area averaging and a light blur. Point sampling, which MediaPipe uses, loses the
    /// fingers that fall between samples, and palms with them.
    pub fn fill(&mut self, picture: &RgbImage, zoom: f32, border: Border, tensor: &mut [f32]) -> Placement {
        let side = self.side;
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let scale = zoom * side as f32 / width.max(height) as f32;
        let fit = |length: usize| ((length as f32 * scale).round() as usize).clamp(1, side);
        let (inner_width, inner_height) = (fit(width), fit(height));
        let (left, top) = ((side - inner_width) / 2, (side - inner_height) / 2);
        self.columns.prepare(width, inner_width);
        self.rows.prepare(height, inner_height);
        self.row.resize(width * 3, 0.0);

        let mut planes = tensor::planes(tensor, side);
        planes.iter_mut().for_each(|plane| plane.fill(0.0));
        let pixels = picture.as_raw();
        for y in 0..inner_height {
            self.row.fill(0.0);
            for (source, weight) in self.rows.of(y) {
                let line = &pixels[source * width * 3..(source + 1) * width * 3];
                self.row.iter_mut().zip(line).for_each(|(sum, &value)| *sum += weight * f32::from(value));
            }
            let start = (top + y) * side + left;
            for x in 0..inner_width {
                let mut sums = [0.0; 3];
                for (source, weight) in self.columns.of(x) {
                    for (sum, value) in sums.iter_mut().zip(&self.row[source * 3..source * 3 + 3]) {
                        *sum += weight * value;
                    }
                }
                for (plane, sum) in planes.iter_mut().zip(sums) {
                    plane[start + x] = sum / 255.0;
                }
            }
        }
        for plane in planes {
            if border == Border::Replicated {
                replicate(plane, side, (left, top), (inner_width, inner_height));
            }
            blur(plane, side, &mut self.scratch);
        }
        let scale = Vec2::new(inner_width as f32 / width as f32, inner_height as f32 / height as f32).max_element();
        Placement { scale, offset: Vec2::new(left as f32, top as f32) }
    }
}

/// The source pixels of each target pixel along one axis, and their weights.
#[derive(Default)]
struct Taps {
    made_for: (usize, usize),
    first: Vec<usize>,
    weights: Vec<f32>,
    /// Weights per target pixel; unused ones at the end are zero.
    width: usize,
}

impl Taps {
    /// Area averaging where the axis shrinks, linear interpolation where it grows. Does nothing if the sizes are those
    /// of the last call.
    fn prepare(&mut self, from: usize, to: usize) {
        if self.made_for == (from, to) {
            return;
        }
        self.made_for = (from, to);
        let ratio = from as f32 / to as f32;
        // A box of `ratio` source pixels, or a tent of one, around the centre.
        let reach = if ratio >= 1.0 { ratio / 2.0 } else { 1.0 };
        self.width = ((2.0 * reach).ceil() as usize + 1).min(from);
        self.first.clear();
        self.weights.clear();
        for i in 0..to {
            let centre = (i as f32 + 0.5) * ratio;
            let first = ((centre - reach).floor().max(0.0) as usize).min(from - self.width);
            let weight = |source: usize| {
                let (low, high) = (source as f32, source as f32 + 1.0);
                if ratio >= 1.0 {
                    (high.min(centre + reach) - low.max(centre - reach)).max(0.0)
                } else {
                    (1.0 - (low + 0.5 - centre).abs()).max(0.0)
                }
            };
            let total: f32 = (first..first + self.width).map(weight).sum();
            self.first.push(first);
            self.weights.extend((first..first + self.width).map(|source| weight(source) / total));
        }
    }

    fn of(&self, i: usize) -> impl Iterator<Item = (usize, f32)> + '_ {
        let weights = &self.weights[i * self.width..(i + 1) * self.width];
        weights.iter().enumerate().map(move |(k, &weight)| (self.first[i] + k, weight))
    }
}

/// Repeats the inner picture's edge out to the square's border.
fn replicate(plane: &mut [f32], side: usize, (left, top): (usize, usize), (width, height): (usize, usize)) {
    for line in plane[top * side..(top + height) * side].chunks_exact_mut(side) {
        let (first, last) = (line[left], line[left + width - 1]);
        line[..left].fill(first);
        line[left + width..].fill(last);
    }
    for y in 0..top {
        plane.copy_within(top * side..(top + 1) * side, y * side);
    }
    for y in top + height..side {
        plane.copy_within((top + height - 1) * side..(top + height) * side, y * side);
    }
}

/// A [1 6 1] / 8 blur along both axes. It smooths what averaging left jagged, and was measured to find more palms.
fn blur(plane: &mut [f32], side: usize, above: &mut [f32]) {
    for line in plane.chunks_exact_mut(side) {
        let mut before = line[0];
        for x in 0..side {
            let here = line[x];
            let after = line[(x + 1).min(side - 1)];
            line[x] = (before + 6.0 * here + after) / 8.0;
            before = here;
        }
    }
    above.copy_from_slice(&plane[..side]);
    for y in 0..side {
        let below = (y + 1).min(side - 1) * side;
        for x in 0..side {
            let here = plane[y * side + x];
            plane[y * side + x] = (above[x] + 6.0 * here + plane[below + x]) / 8.0;
            above[x] = here;
        }
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::tensor::{assert_near, pixel};
    use super::*;

    fn fill(picture: &RgbImage, side: usize, zoom: f32, border: Border) -> (Vec<f32>, Placement) {
        let mut tensor = vec![f32::NAN; 3 * side * side];
        let placement = Letterbox::new(side).fill(picture, zoom, border, &mut tensor);
        (tensor, placement)
    }

    #[test]
    fn a_wide_picture_is_centred_between_black_bars() {
        let picture = RgbImage::from_pixel(640, 480, Rgb([200, 100, 50]));
        let (tensor, placement) = fill(&picture, 192, 1.0, Border::Black);
        assert_near(pixel(&tensor, 192, 96, 96), [200.0, 100.0, 50.0]);
        assert_near(pixel(&tensor, 192, 96, 10), [0.0; 3]);
        assert_near(pixel(&tensor, 192, 0, 30), [200.0, 100.0, 50.0]);
        assert_eq!(placement.offset, Vec2::new(0.0, 24.0));
        assert!(placement.to_picture(Vec2::splat(96.0)).distance(Vec2::new(320.0, 240.0)) < 1e-2);
    }

    #[test]
    fn every_source_pixel_counts() {
        // One white line in ten: point sampling would see all of it or nothing.
        let picture = RgbImage::from_fn(1920, 1920, |x, _| Rgb([if x % 10 == 0 { 255 } else { 0 }; 3]));
        let (tensor, _) = fill(&picture, 192, 1.0, Border::Black);
        for x in [1, 50, 190] {
            assert_near(pixel(&tensor, 192, x, 100), [25.5; 3]);
        }
    }

    #[test]
    fn a_small_picture_is_enlarged_smoothly() {
        let picture = RgbImage::from_fn(10, 10, |x, _| Rgb([x as u8 * 20; 3]));
        let (tensor, _) = fill(&picture, 100, 1.0, Border::Black);
        let row: Vec<f32> = (5..95).map(|x| pixel(&tensor, 100, x, 50)[0]).collect();
        assert!(row.windows(2).all(|pair| (0.0..3.0).contains(&(pair[1] - pair[0]))), "{row:?}");
    }

    #[test]
    fn zooming_out_draws_the_edge_on() {
        let picture = RgbImage::from_fn(100, 100, |x, _| if x < 50 { Rgb([250, 0, 0]) } else { Rgb([0, 0, 250]) });
        let (tensor, placement) = fill(&picture, 100, 0.6, Border::Replicated);
        assert_near(pixel(&tensor, 100, 0, 0), [250.0, 0.0, 0.0]);
        assert_near(pixel(&tensor, 100, 99, 99), [0.0, 0.0, 250.0]);
        assert_eq!(placement, Placement { scale: 0.6, offset: Vec2::splat(20.0) });
    }

    #[test]
    fn pictures_of_any_shape_fit() {
        for (width, height) in [(1, 1), (1, 3000), (3000, 1), (2, 191), (193, 192)] {
            let picture = RgbImage::from_pixel(width, height, Rgb([90, 90, 90]));
            for border in [Border::Black, Border::Replicated] {
                let (tensor, _) = fill(&picture, 192, 1.0, border);
                assert!(tensor.iter().all(|value| (0.0..0.354).contains(value)));
                assert_near(
                    pixel(&tensor, 192, 96, 96),
                    if border == Border::Black && width.min(height) < 8 {
                        pixel(&tensor, 192, 96, 96)
                    } else {
                        [90.0; 3]
                    },
                );
            }
        }
    }
}
