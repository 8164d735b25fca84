//! A still picture. In: the bytes of a JPEG, PNG, WebP, BMP, TIFF or netpbm file. Out: its pixels, upright.

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

use super::limits::{MOST_BYTES, check_size};
use super::netpbm;
use super::pages;
use crate::camera::error::CameraError;
use crate::camera::jpeg;

/// Decodes a picture and turns it as its EXIF orientation says.
pub fn read(path: &Path, bytes: &[u8], format: ImageFormat) -> Result<RgbImage, CameraError> {
    if format == ImageFormat::Pnm {
        let header = netpbm::Header::read(bytes).ok_or_else(|| broken(path, netpbm::Flaw::Header))?;
        check_size(path, header.width, header.height, 3)?;
        return header.pixels(bytes).map_err(|flaw| broken(path, flaw));
    }
    if format == ImageFormat::Jpeg && jpeg::markers::length(bytes).is_none() {
        return Err(broken(path, jpeg::Flaw::NoEnd));
    }
    if format == ImageFormat::Tiff {
        pages::check(bytes).map_err(|flaw| broken(path, flaw))?;
    }
    let decoder = decoder(path, bytes, format)?;
    if format == ImageFormat::Jpeg {
        // The decoder paints what a damaged scan still says, in grey or in shifted blocks.
        let has_tables = jpeg::check(bytes).map_err(|flaw| broken(path, flaw))?;
        if !has_tables {
            return pixels(path, self::decoder(path, &jpeg::markers::with_usual_tables(bytes), format)?);
        }
    }
    pixels(path, decoder)
}

/// Reads the header.
fn decoder<'a>(path: &Path, bytes: &'a [u8], format: ImageFormat) -> Result<impl ImageDecoder + use<'a>, CameraError> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| broken(path, error))?;
    let (width, height) = decoder.dimensions();
    check_size(path, width, height, decoder.color_type().bytes_per_pixel().into())?;
    Ok(decoder)
}

fn pixels(path: &Path, mut decoder: impl ImageDecoder) -> Result<RgbImage, CameraError> {
    // Unreadable metadata is no reason to refuse the picture.
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| broken(path, error))?;
    picture.apply_orientation(orientation);
    Ok(picture.into_rgb8())
}

fn broken(path: &Path, reason: impl ToString) -> CameraError {
    CameraError::Picture { path: path.into(), reason: reason.to_string().trim().into() }
}
