//! Decodes a webcam's buffers to RGB. In: a buffer from the driver, which may be longer than the picture and end with
//! the rest of an older one. Out: the picture, or why it is damaged. Pure.

use image::RgbImage;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::ends::Ends;
use super::format::Encoding;
use crate::camera::frame::resize;
use crate::camera::jpeg::markers::with_usual_tables;

/// The most pixels per side. No webcam has more, and a damaged header may claim anything.
pub const MOST_SIDE: u32 = 8192;

/// Why a buffer holds no picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    #[error("it is cut off")]
    CutOff,
    #[error("it is no JPEG picture ({0})")]
    Jpeg(String),
    #[error("its size makes no sense")]
    Size,
}

/// Decodes the buffers of one webcam, in order.
pub struct Decoder {
    encoding: Encoding,
    size: (u32, u32),
    ends: Ends,
}

impl Decoder {
    /// For a stream in this encoding. `size` is for YUYV; a JPEG picture has its own.
    pub fn new(encoding: Encoding, size: (u32, u32)) -> Decoder {
        Decoder { encoding, size, ends: Ends::default() }
    }

    /// Decodes a buffer into `picture`, whose memory is reused. After an error its content is undefined.
    pub fn decode(&mut self, buffer: &[u8], picture: &mut RgbImage) -> Result<(), Damage> {
        match self.encoding {
            Encoding::Yuyv => yuyv(buffer, self.size, picture),
            Encoding::Mjpeg => {
                let jpeg = self.ends.cut(buffer).ok_or(Damage::CutOff)?;
                if jpeg.has_tables {
                    mjpeg(jpeg.bytes, picture)
                } else {
                    mjpeg(&with_usual_tables(jpeg.bytes), picture)
                }
            }
        }
    }
}

/// Two pixels in four bytes: two brightnesses, and one colour for both.
fn yuyv(buffer: &[u8], (width, height): (u32, u32), picture: &mut RgbImage) -> Result<(), Damage> {
    if !(1..=MOST_SIDE).contains(&width) || !(1..=MOST_SIDE).contains(&height) {
        return Err(Damage::Size);
    }
    let row = 4 * width.div_ceil(2) as usize;
    let buffer = buffer.get(..row * height as usize).ok_or(Damage::CutOff)?;
    resize(picture, (width, height));
    let lines = picture.as_flat_samples_mut().samples.chunks_exact_mut(3 * width as usize);
    for (line, row) in lines.zip(buffer.chunks_exact(row)) {
        for (pixels, pair) in line.chunks_mut(6).zip(row.chunks_exact(4)) {
            let (u, v) = (i32::from(pair[1]) - 128, i32::from(pair[3]) - 128);
            // ITU-R BT.601, studio range, which is what webcams mean by YUYV: in 256ths, rounded.
            let (red, green, blue) = (409 * v + 128, -100 * u - 208 * v + 128, 516 * u + 128);
            // The second pixel of an odd row's last pair is padding.
            for (pixel, y) in pixels.chunks_exact_mut(3).zip([pair[0], pair[2]]) {
                let y = 298 * (i32::from(y) - 16);
                for (sample, colour) in pixel.iter_mut().zip([red, green, blue]) {
                    *sample = ((y + colour) >> 8).clamp(0, 255) as u8;
                }
            }
        }
    }
    Ok(())
}

/// In strict mode, since a lenient decoder fills missing parts with grey and would accept a cut-off picture. Even a
/// strict one accepts damage within the scan. Files are checked for that too (`camera/jpeg`); for a webcam's frames the
/// check would cost processor time at every frame, and a hold needs more readings than one damaged frame.
fn mjpeg(data: &[u8], picture: &mut RgbImage) -> Result<(), Damage> {
    let most = MOST_SIDE as usize;
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        .set_max_width(most)
        .set_max_height(most);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(data), options);
    let jpeg = |error: zune_jpeg::errors::DecodeErrors| Damage::Jpeg(format!("{error:?}"));
    decoder.decode_headers().map_err(jpeg)?;
    let (width, height) = decoder.dimensions().filter(|&(w, h)| w > 0 && h > 0).ok_or(Damage::Size)?;
    // Both are within the limits set above.
    resize(picture, (width as u32, height as u32));
    decoder.decode_into(picture.as_flat_samples_mut().samples).map_err(jpeg)
}

#[cfg(test)]
mod tests {
    use image::codecs::jpeg::JpegEncoder;
    use image::{Rgb, imageops};

    use super::*;

    /// A picture with detail everywhere.
    fn scene(width: u32, height: u32, seed: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            let mut noise = x.wrapping_mul(73_856_093) ^ y.wrapping_mul(19_349_663) ^ seed.wrapping_mul(83_492_791);
            noise = (noise ^ noise >> 13).wrapping_mul(0x9e37_79b1) >> 28;
            Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, (100 + 40 * (seed % 3) + noise) as u8])
        })
    }

    fn encoded(picture: &RgbImage) -> Vec<u8> {
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, 90).encode_image(picture).unwrap();
        jpeg
    }

    fn decoded(encoding: Encoding, size: (u32, u32), buffer: &[u8]) -> Result<RgbImage, Damage> {
        let mut picture = RgbImage::new(0, 0);
        Decoder::new(encoding, size).decode(buffer, &mut picture).map(|()| picture)
    }

    fn mean_difference(a: &RgbImage, b: &RgbImage) -> f64 {
        assert_eq!(a.dimensions(), b.dimensions());
        let sum: f64 = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
        sum / a.as_raw().len() as f64
    }

    #[test]
    fn yuyv_is_the_textbooks() {
        // Black and white, red, green, blue, grey: the standard's colour bars.
        let bars = [
            [16, 128, 235, 128],
            [81, 90, 81, 240],
            [145, 54, 145, 34],
            [41, 240, 41, 110],
            [126, 128, 126, 128],
            [0, 128, 255, 128],
        ];
        let picture = decoded(Encoding::Yuyv, (12, 1), &bars.concat()).unwrap();
        let pixels: Vec<[u8; 3]> = picture.pixels().map(|pixel| pixel.0).collect();
        assert_eq!(pixels[..2], [[0, 0, 0], [255, 255, 255]]);
        assert_eq!(pixels[2..4], [[255, 0, 0]; 2]);
        assert_eq!(pixels[4..6], [[0, 255, 1]; 2]);
        assert_eq!(pixels[6..8], [[0, 0, 255]; 2]);
        assert_eq!(pixels[8..10], [[128, 128, 128]; 2]);
        assert_eq!(pixels[10..], [[0, 0, 0], [255, 255, 255]], "out of range is clamped");
    }

    #[test]
    fn yuyv_of_odd_width_has_a_padded_row() {
        let row = [16, 128, 235, 128, 235, 128, 16, 128];
        let picture = decoded(Encoding::Yuyv, (3, 2), &row.repeat(2)).unwrap();
        let reds: Vec<u8> = picture.pixels().map(|pixel| pixel.0[0]).collect();
        assert_eq!(reds, [0, 255, 255, 0, 255, 255]);
    }

    #[test]
    fn yuyv_tolerates_trailing_bytes_and_refuses_missing_ones() {
        let buffer = [126, 128].repeat(4 * 4);
        assert!(decoded(Encoding::Yuyv, (4, 4), &[&buffer[..], &[7; 99]].concat()).is_ok());
        assert_eq!(decoded(Encoding::Yuyv, (4, 4), &buffer[1..]), Err(Damage::CutOff));
        assert_eq!(decoded(Encoding::Yuyv, (0, 4), &buffer), Err(Damage::Size));
        assert_eq!(decoded(Encoding::Yuyv, (u32::MAX, u32::MAX), &buffer), Err(Damage::Size));
    }

    #[test]
    fn mjpeg_is_decoded_whatever_comes_behind_it() {
        let picture = scene(160, 120, 0);
        let jpeg = encoded(&picture);
        for behind in [&[][..], &[0; 5000], &[0xff; 33], &encoded(&scene(160, 120, 1))] {
            let decoded = decoded(Encoding::Mjpeg, (640, 480), &[&jpeg, behind].concat()).unwrap();
            assert!(mean_difference(&decoded, &picture) < 4.0);
        }
    }

    #[test]
    fn mjpeg_without_its_usual_tables_is_decoded() {
        let mut jpeg = encoded(&scene(160, 120, 0));
        let whole = decoded(Encoding::Mjpeg, (0, 0), &jpeg).unwrap();
        // Many webcams omit the Huffman tables; those of the image crate are the standard ones.
        while let Some(at) = jpeg.windows(2).position(|marker| marker == [0xff, 0xc4]) {
            let length = usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
            jpeg.drain(at..at + 2 + length);
        }
        assert_eq!(decoded(Encoding::Mjpeg, (0, 0), &jpeg).unwrap(), whole);
    }

    #[test]
    fn a_cut_off_picture_is_refused_wherever_it_is_cut() {
        let jpeg = encoded(&scene(64, 48, 0));
        for end in 0..jpeg.len() {
            assert!(decoded(Encoding::Mjpeg, (64, 48), &jpeg[..end]).is_err(), "cut at {end}");
            let padded = [&jpeg[..end], &[0; 500]].concat();
            assert!(decoded(Encoding::Mjpeg, (64, 48), &padded).is_err(), "cut at {end}, zeros behind");
        }
    }

    #[test]
    fn a_cut_off_picture_is_refused_where_an_older_ones_rest_completes_it() {
        let pictures: Vec<Vec<u8>> = (0..48).map(|seed| encoded(&scene(160, 120, seed))).collect();
        let mut decoder = Decoder::new(Encoding::Mjpeg, (160, 120));
        // Four buffers, as drivers have them: each keeps what was not overwritten.
        let mut buffers = vec![vec![0; 40_000]; 4];
        let mut out = RgbImage::new(0, 0);
        let mut deliver = |turn: usize, part: f64| {
            let jpeg = &pictures[turn];
            let buffer = &mut buffers[turn % 4];
            let length = (jpeg.len() as f64 * part) as usize;
            buffer[..length].copy_from_slice(&jpeg[..length]);
            decoder.decode(buffer, &mut out)
        };
        for turn in 0..8 {
            assert_eq!(deliver(turn, 1.0), Ok(()), "turn {turn}");
        }
        // A picture cut off within its header, which all share, comes out as an older one, complete: that can't be
        // detected.
        for turn in 8..40 {
            let part = 0.2 + 0.79 * (turn - 8) as f64 / 32.0;
            assert!(deliver(turn, part).is_err(), "turn {turn}: {part} of the picture");
        }
        for turn in 40..48 {
            assert_eq!(deliver(turn, 1.0), Ok(()), "turn {turn}");
        }
    }

    #[test]
    fn a_picture_that_stands_still_is_no_rest_of_itself() {
        let jpeg = [encoded(&scene(160, 120, 0)), vec![0; 1000]].concat();
        let mut decoder = Decoder::new(Encoding::Mjpeg, (160, 120));
        for _ in 0..9 {
            assert_eq!(decoder.decode(&jpeg, &mut RgbImage::new(0, 0)), Ok(()));
        }
    }

    #[test]
    fn garbage_is_refused() {
        let jpeg = encoded(&scene(160, 120, 0));
        let scan = jpeg.windows(2).position(|marker| marker == [0xff, 0xda]).unwrap();
        for seed in 0..200_usize {
            let mut damaged = jpeg.clone();
            for k in 0..40 {
                let at = 2 + (seed * 7919 + k * 104_729) % (scan - 2);
                damaged[at] = (seed * 31 + k * 7) as u8;
            }
            // Any result is fine, but no panic.
            let _ = decoded(Encoding::Mjpeg, (160, 120), &damaged);
        }
        assert!(decoded(Encoding::Mjpeg, (160, 120), &[]).is_err());
        assert!(decoded(Encoding::Mjpeg, (160, 120), &[0; 5000]).is_err());
        let mut markers = jpeg.clone();
        markers[scan + 100..scan + 102].copy_from_slice(&[0xff, 0xd8]);
        assert!(decoded(Encoding::Mjpeg, (160, 120), &markers).is_err(), "a picture's start within a picture");
    }

    #[test]
    fn memory_is_reused() {
        let jpeg = encoded(&imageops::resize(&scene(160, 120, 0), 80, 60, imageops::FilterType::Nearest));
        let mut picture = scene(160, 120, 1);
        let before = picture.as_raw().as_ptr();
        Decoder::new(Encoding::Mjpeg, (80, 60)).decode(&jpeg, &mut picture).unwrap();
        assert_eq!((picture.dimensions(), picture.as_raw().as_ptr()), ((80, 60), before));
    }
}
