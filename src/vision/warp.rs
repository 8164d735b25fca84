//! A frame's pixels to a model's input tensor, in one pass and without allocating: the whole picture shrunk into a
//! square for palm detection, and a rotated square cut out of it for the landmarks.
//!
//! Tensors are planar RGB (channel, row, column) in [0, 1].

use glam::Vec2;
use image::RgbImage;

use super::roi::Roi;

/// What stands beside the picture where it does not fill the square.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Border {
    Black,
    /// The picture's own edge, drawn out: a hand that leaves the picture keeps a skin-coloured surrounding.
    Replicated,
}

/// Fits whole pictures into a square of `side` pixels, centred.
pub struct Letterbox {
    side: usize,
    columns: Taps,
    rows: Taps,
    /// One row of the picture, vertically averaged, before it is shrunk horizontally.
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
    /// Every source pixel counts: shrinking by area averaging and a light blur, where point sampling (what MediaPipe
    /// does) loses fingers between the samples and palms with them.
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

        let (red, rest) = tensor.split_at_mut(side * side);
        let (green, blue) = rest.split_at_mut(side * side);
        let mut planes = [red, green, blue];
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

/// Which source pixels make up each pixel along one axis, and with what weight.
#[derive(Default)]
struct Taps {
    made_for: (usize, usize),
    first: Vec<usize>,
    weights: Vec<f32>,
    /// Weights a pixel; the unused ones at the end are zero.
    width: usize,
}

impl Taps {
    /// Area averaging where the axis shrinks, linear interpolation where it grows. Does nothing when the sizes are
    /// those of the last call.
    fn prepare(&mut self, from: usize, to: usize) {
        if self.made_for == (from, to) {
            return;
        }
        self.made_for = (from, to);
        let ratio = from as f32 / to as f32;
        // A box of `ratio` source pixels, or a tent of one, about the centre.
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

/// Draws the edge of the inner picture out to the square's border.
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

/// A [1 6 1] / 8 blur along both axes: takes the edge off what averaging left jagged; measured to find more palms.
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

/// Cuts the square out of the picture into `tensor` (3 x side x side), by bilinear interpolation in 64ths of a pixel;
/// what lies outside the picture takes its edge's colour (at its right and bottom but for a 64th), as in MediaPipe.
pub fn cut(picture: &RgbImage, roi: &Roi, side: usize, tensor: &mut [f32]) {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let bytes = picture.as_raw().as_slice();
    let (red, rest) = tensor.split_at_mut(side * side);
    let (green, blue) = rest.split_at_mut(side * side);
    let lines = red.chunks_exact_mut(side).zip(green.chunks_exact_mut(side)).zip(blue.chunks_exact_mut(side));
    let step = roi.size / side as f32;
    let (across, down) = (roi.axis_x() * step, roi.axis_y() * step);
    let half = (side as f32 - 1.0) / 2.0;
    // Pixel centres lie half a pixel in.
    let corner = roi.centre - across * half - down * half - 0.5;
    // Integers from here on: they are cheaper to clamp and to split than floats are to convert.
    let (across_x, across_y) = (fixed(across.x), fixed(across.y));
    // A picture of one line has no pixel beyond it: what is read there weighs nothing.
    let last = |length: usize| (fixed((length - 1) as f32) - 1).max(0);
    let (last_x, last_y) = (last(width), last(height));
    for (y, ((red, green), blue)) in lines.enumerate() {
        let start = corner + down * y as f32;
        let (mut x, mut y) = (fixed(start.x), fixed(start.y));
        for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
            let ((x0, right), (y0, below)) = (split(x.clamp(0, last_x)), split(y.clamp(0, last_y)));
            let (left, above) = (64 - right, 64 - below);
            let number = y0 * width + x0;
            let ([a, b], [c, d]) = (two_pixels(bytes, number), two_pixels(bytes, number + width));
            let sum = (a * left + b * right) * above + (c * left + d * right) * below;
            let channel = |sum: u64| (sum & LANE) as i32 as f32 * (1.0 / (255 * 64 * 64) as f32);
            (*red, *green, *blue) = (channel(sum), channel(sum >> 21), channel(sum >> 42));
            (x, y) = (x + across_x, y + across_y);
        }
    }
}

/// Pixels as a number of 65536ths; so far outside that nothing changes any more, no farther, for sums of it to fit.
fn fixed(pixels: f32) -> i64 {
    (pixels.clamp(-1e9, 1e9) * 65536.0) as i64
}

/// A place inside the picture to its pixel's number, and how many 64ths it lies beyond that.
fn split(at: i64) -> (usize, u64) {
    ((at >> 16) as usize, (at >> 10) as u64 & 63)
}

/// A colour as one number of three lanes, for its channels to be weighted together: each has room for a byte times 64 times
/// 64.
const LANE: u64 = (1 << 21) - 1;

/// The pixel of that number, and the one to its right.
fn two_pixels(bytes: &[u8], number: usize) -> [u64; 2] {
    let at = number * 3;
    let both = match bytes.get(at..at + 8) {
        Some(eight) => u64::from_le_bytes(std::array::from_fn(|i| eight[i])),
        // The picture's end, or beyond it.
        None => bytes[at.min(bytes.len())..].iter().rev().fold(0, |both, &byte| both << 8 | u64::from(byte)),
    };
    let lanes = |colour: u64| colour & 0xff | (colour & 0xff00) << 13 | (colour & 0xff_0000) << 26;
    [lanes(both), lanes(both >> 24)]
}

#[cfg(test)]
mod tests {
    use image::Rgb;
    use rand_xoshiro::SplitMix64;
    use rand_xoshiro::rand_core::{Rng, SeedableRng};

    use super::*;

    /// What the tensor says of one pixel, as bytes.
    fn pixel(tensor: &[f32], side: usize, x: usize, y: usize) -> [f32; 3] {
        std::array::from_fn(|channel| tensor[(channel * side + y) * side + x] * 255.0)
    }

    #[track_caller]
    fn assert_near(ours: [f32; 3], expected: [f32; 3]) {
        assert!(ours.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.6), "{ours:?} is not {expected:?}");
    }

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
        // One white line in ten: point sampling would see all or nothing of it.
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

    #[test]
    fn a_cut_follows_the_squares_turn() {
        // The picture tells each pixel's place.
        let picture = RgbImage::from_fn(200, 200, |x, y| Rgb([x as u8, y as u8, 0]));
        let roi = Roi { centre: Vec2::new(100.0, 90.0), size: 56.0, rotation: 0.7 };
        let mut tensor = vec![f32::NAN; 3 * 112 * 112];
        cut(&picture, &roi, 112, &mut tensor);
        for (x, y) in [(0, 0), (111, 0), (30, 80), (111, 111)] {
            let at = roi.to_picture((Vec2::new(x as f32, y as f32) + 0.5) / 112.0) - 0.5;
            assert_near(pixel(&tensor, 112, x, y), [at.x, at.y, 0.0]);
        }
    }

    /// Random squares, all over small pictures and beyond them, against the formula in floats.
    #[test]
    fn a_cut_is_bilinear_interpolation() {
        let mut random = SplitMix64::seed_from_u64(1);
        let mut within = |low: f32, high: f32| low + (high - low) * (random.next_u64() >> 40) as f32 / (1 << 24) as f32;
        for (width, height) in [(1, 1), (1, 9), (9, 1), (2, 2), (3, 40), (60, 50)] {
            let picture =
                RgbImage::from_fn(width, height, |x, y| Rgb([(x * 4) as u8, (y * 5) as u8, (x + 3 * y) as u8]));
            let edge = Vec2::new(width as f32, height as f32) - 1.0;
            for _ in 0..50 {
                let centre = Vec2::new(within(-20.0, 80.0), within(-20.0, 70.0));
                let roi = Roi { centre, size: within(2.0, 90.0), rotation: within(-3.0, 3.0) };
                let mut tensor = vec![f32::NAN; 3 * 16 * 16];
                cut(&picture, &roi, 16, &mut tensor);
                for (x, y) in (0..16).flat_map(|x| (0..16).map(move |y| (x, y))) {
                    let at = roi.to_picture((Vec2::new(x as f32, y as f32) + 0.5) / 16.0) - 0.5;
                    let at = at.clamp(Vec2::ZERO, edge);
                    let expected = [4.0 * at.x, 5.0 * at.y, at.x + 3.0 * at.y];
                    assert_near(pixel(&tensor, 16, x, y), expected);
                }
            }
        }
    }

    #[test]
    fn a_cut_from_the_end_of_the_world_is_all_edge() {
        let picture = RgbImage::from_fn(50, 50, |x, _| Rgb([x as u8; 3]));
        for (far, size, edge) in
            [(1e18, 9.0, 49.0), (-1e18, 9.0, 0.0), (1e38, 9.0, 49.0), (-1e38, 9.0, 0.0), (9.0, 1e38, 0.0)]
        {
            let roi = Roi { centre: Vec2::new(far, 25.0), size, rotation: 0.0 };
            let mut tensor = vec![f32::NAN; 3 * 16 * 16];
            cut(&picture, &roi, 16, &mut tensor);
            assert_near(pixel(&tensor, 16, 0, 8), [edge; 3]);
        }
    }

    #[test]
    fn a_cut_beyond_the_picture_takes_its_edge() {
        let picture = RgbImage::from_fn(50, 50, |x, _| if x == 0 { Rgb([9, 8, 7]) } else { Rgb([200, 200, 200]) });
        let roi = Roi { centre: Vec2::new(-500.0, 25.0), size: 20.0, rotation: 0.0 };
        let mut tensor = vec![f32::NAN; 3 * 16 * 16];
        cut(&picture, &roi, 16, &mut tensor);
        assert_near(pixel(&tensor, 16, 8, 8), [9.0, 8.0, 7.0]);
    }
}
