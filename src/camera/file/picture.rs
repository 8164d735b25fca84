//! A still picture. In: the bytes of a JPEG, PNG, WebP or BMP file. Out: its pixels, upright.

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

use super::limits::{MOST_BYTES, check_size};
use crate::camera::error::CameraError;

/// Decodes a picture and turns it as its EXIF orientation says.
pub fn read(path: &Path, bytes: &[u8], format: ImageFormat) -> Result<RgbImage, CameraError> {
    let broken = |reason: String| CameraError::Picture { path: path.into(), reason };
    if format == ImageFormat::Jpeg && !is_whole_jpeg(bytes) {
        return Err(broken("its end is missing".into()));
    }
    let failed = |error: image::ImageError| broken(error.to_string());
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(failed)?;
    let (width, height) = decoder.dimensions();
    check_size(path, width, height, decoder.color_type().bytes_per_pixel().into())?;
    // Unreadable metadata is no reason to refuse the picture.
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(failed)?;
    picture.apply_orientation(orientation);
    Ok(picture.into_rgb8())
}

/// Whether a JPEG has its end marker. Its decoder fills missing parts with grey, and a hand there would be missed. The
/// segments up to the first scan are skipped, since a thumbnail in them has an end marker too.
fn is_whole_jpeg(bytes: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xda;
    const END: [u8; 2] = [0xff, 0xd9];
    let mut rest = bytes.get(2..).unwrap_or_default();
    loop {
        match *rest {
            // A marker may be preceded by any number of fill bytes.
            [0xff, 0xff, ..] => rest = &rest[1..],
            [0xff, START_OF_SCAN, ref scan @ ..] => return scan.windows(2).any(|marker| marker == END),
            [0xff, _, high, low, ..] => match rest.get(2 + usize::from(u16::from_be_bytes([high, low]))..) {
                Some(next) => rest = next,
                None => return false,
            },
            // Unexpected: leave it to the decoder.
            [_, _, _, _, ..] => return true,
            _ => return false,
        }
    }
}
