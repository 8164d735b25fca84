//! Chooses a webcam's format. In: the formats that it has, and a wish. Out: the formats, nearest to the wish first.
//! Pure.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::camera::settings::Settings;

/// A webcam's pixel encoding. These are the ones that handwave decodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Encoding {
    Yuyv,
    Mjpeg,
}

/// What a webcam can deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    pub width: u32,
    pub height: u32,
    pub fps: u32,
    pub encoding: Encoding,
}

/// What config.toml asks for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wish {
    pub width: u32,
    pub height: u32,
    pub fps: f64,
}

impl From<&Settings> for Wish {
    fn from(settings: &Settings) -> Wish {
        Wish { width: settings.width, height: settings.height, fps: settings.fps }
    }
}

/// Sorts formats by nearness to the wish, and removes duplicates.
pub fn sort_by_nearness(formats: &mut Vec<Format>, wish: &Wish) {
    formats.sort_by(|a, b| distance(a, wish).total_cmp(&distance(b, wish)));
    formats.dedup();
}

/// The distance of a format from the wish, in log ratios of width, height and rate. Too slow is as bad as too small;
/// too fast costs little. Between equals YUYV wins: it is lossless and decodes faster.
fn distance(format: &Format, wish: &Wish) -> f64 {
    let factor = |is: f64, wanted: f64| (is / wanted).ln();
    let size =
        factor(format.width.into(), wish.width.into()).abs() + factor(format.height.into(), wish.height.into()).abs();
    let rate = factor(f64::from(format.fps), wish.fps);
    let rate = if rate < 0.0 { -2.0 * rate } else { 0.2 * rate };
    let encoding = match format.encoding {
        Encoding::Yuyv => 0.0,
        Encoding::Mjpeg => 1e-6,
    };
    size + rate + encoding
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}, {} a second, {}", self.width, self.height, self.fps, self.encoding)
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Encoding::Yuyv => "YUYV",
            Encoding::Mjpeg => "MJPEG",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Encoding::{Mjpeg, Yuyv};
    use super::*;

    const WISH: Wish = Wish { width: 640, height: 480, fps: 30.0 };

    fn nearest(wish: Wish, formats: &[(u32, u32, u32, Encoding)]) -> (u32, u32, u32, Encoding) {
        let format = |&(width, height, fps, encoding)| Format { width, height, fps, encoding };
        let mut formats: Vec<Format> = formats.iter().map(format).collect();
        sort_by_nearness(&mut formats, &wish);
        let Format { width, height, fps, encoding } = formats[0];
        (width, height, fps, encoding)
    }

    #[test]
    fn the_very_wish_is_taken_and_uncompressed() {
        let formats = [(320, 240, 30, Yuyv), (640, 480, 30, Mjpeg), (640, 480, 30, Yuyv), (1280, 720, 30, Mjpeg)];
        assert_eq!(nearest(WISH, &formats), (640, 480, 30, Yuyv));
    }

    #[test]
    fn a_fast_compressed_format_is_nearer_than_a_slow_or_small_one() {
        let formats = [(640, 480, 15, Yuyv), (320, 240, 30, Yuyv), (640, 480, 30, Mjpeg)];
        assert_eq!(nearest(WISH, &formats), (640, 480, 30, Mjpeg));
        let wish = Wish { width: 1280, height: 720, fps: 30.0 };
        let formats = [(1280, 720, 10, Yuyv), (640, 480, 30, Yuyv), (1280, 720, 30, Mjpeg), (1920, 1080, 30, Mjpeg)];
        assert_eq!(nearest(wish, &formats), (1280, 720, 30, Mjpeg));
    }

    #[test]
    fn more_frames_are_better_than_fewer_or_than_another_size() {
        assert_eq!(nearest(WISH, &[(640, 480, 60, Yuyv), (640, 480, 25, Yuyv)]), (640, 480, 60, Yuyv));
        assert_eq!(nearest(WISH, &[(640, 480, 60, Mjpeg), (640, 360, 30, Yuyv)]), (640, 480, 60, Mjpeg));
    }

    #[test]
    fn there_is_always_a_nearest() {
        assert_eq!(nearest(WISH, &[(4096, 2160, 5, Mjpeg)]), (4096, 2160, 5, Mjpeg));
        assert_eq!(nearest(WISH, &[(640, 480, 0, Yuyv), (160, 120, 5, Yuyv)]), (160, 120, 5, Yuyv), "no rate at all");
    }

    #[test]
    fn the_same_format_twice_is_one() {
        let mut formats = vec![Format { width: 640, height: 480, fps: 30, encoding: Yuyv }; 3];
        sort_by_nearness(&mut formats, &WISH);
        assert_eq!(formats.len(), 1);
    }
}
