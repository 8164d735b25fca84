//! Cuts a rotated square out of a picture. In: a picture and a region of interest. Out: the model's input tensor. One
//! pass, without allocating.

use image::RgbImage;

use super::roi::Roi;
use super::tensor;

/// Writes the square into `tensor` (3 x side x side), by bilinear interpolation in 64ths of a pixel. As in MediaPipe,
/// pixels outside the picture repeat its edge (at the right and the bottom, all but 1/64 of it).
pub fn cut(picture: &RgbImage, roi: &Roi, side: usize, tensor: &mut [f32]) {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let bytes = picture.as_raw().as_slice();
    let [red, green, blue] = tensor::planes(tensor, side);
    let lines = red.chunks_exact_mut(side).zip(green.chunks_exact_mut(side)).zip(blue.chunks_exact_mut(side));
    let step = roi.size / side as f32;
    let (across, down) = (roi.axis_x() * step, roi.axis_y() * step);
    let half = (side as f32 - 1.0) / 2.0;
    // Pixel centres are half a pixel in.
    let corner = roi.centre - across * half - down * half - 0.5;
    // Integers from here on: clamping and splitting them is cheaper than converting floats.
    let (across_x, across_y) = (fixed(across.x), fixed(across.y));
    // In a picture of one row or column, the pixel beyond it gets no weight.
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

/// Pixels in fixed point, in units of 1/65536. Clamped so that sums can't overflow; that far outside, nothing changes.
fn fixed(pixels: f32) -> i64 {
    (pixels.clamp(-1e9, 1e9) * 65536.0) as i64
}

/// Splits a position into a pixel's index and a fraction in 64ths.
fn split(at: i64) -> (usize, u64) {
    ((at >> 16) as usize, (at >> 10) as u64 & 63)
}

/// A colour packed into one integer of three lanes, so that one multiplication weights all channels. A lane has room
/// for a byte times 64 times 64.
const LANE: u64 = (1 << 21) - 1;

/// The pixel with that index, and its right neighbour.
fn two_pixels(bytes: &[u8], number: usize) -> [u64; 2] {
    let at = number * 3;
    let both = match bytes.get(at..at + 8) {
        Some(eight) => u64::from_le_bytes(std::array::from_fn(|i| eight[i])),
        // At the picture's end or beyond.
        None => bytes[at.min(bytes.len())..].iter().rev().fold(0, |both, &byte| both << 8 | u64::from(byte)),
    };
    let lanes = |colour: u64| colour & 0xff | (colour & 0xff00) << 13 | (colour & 0xff_0000) << 26;
    [lanes(both), lanes(both >> 24)]
}

#[cfg(test)]
mod tests {
    use glam::Vec2;
    use image::Rgb;
    use rand_xoshiro::SplitMix64;
    use rand_xoshiro::rand_core::{Rng, SeedableRng};

    use super::tensor::{assert_near, pixel};
    use super::*;

    #[test]
    fn a_cut_follows_the_squares_turn() {
        // Each pixel's colour is its position.
        let picture = RgbImage::from_fn(200, 200, |x, y| Rgb([x as u8, y as u8, 0]));
        let roi = Roi { centre: Vec2::new(100.0, 90.0), size: 56.0, rotation: 0.7 };
        let mut tensor = vec![f32::NAN; 3 * 112 * 112];
        cut(&picture, &roi, 112, &mut tensor);
        for (x, y) in [(0, 0), (111, 0), (30, 80), (111, 111)] {
            let at = roi.to_picture((Vec2::new(x as f32, y as f32) + 0.5) / 112.0) - 0.5;
            assert_near(pixel(&tensor, 112, x, y), [at.x, at.y, 0.0]);
        }
    }

    /// Random squares in and around small pictures, against the same formula in floats.
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
