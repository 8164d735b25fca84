//! Decodes a picture. In: a file's bytes. Out: the model's input: the centre square, 224 pixels wide, planar RGB from
//! -1 to 1. Or why there is none.

use std::io::Cursor;

use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits};

/// The side of the model's input.
pub const SIDE: usize = 224;

/// More pixels a side than any camera has. A small file may claim to be a huge picture.
const LARGEST_SIDE: u32 = 20_000;
/// The memory that decoding one picture may take: 100 megapixels of RGB.
const MOST_BYTES: u64 = 300 << 20;

/// Why a file is no picture, as a sentence for the person who sent it.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    #[error("This file is no picture that can be read: send JPEG, PNG, GIF, WebP, BMP or TIFF.")]
    Unknown,
    #[error("This picture is damaged ({0}): send it again, or save it anew.")]
    Damaged(String),
    #[error("This picture is larger than 20,000 pixels a side or 100 megapixels: send a smaller one.")]
    TooLarge,
    #[error("The picture is not in the input bucket: send it again.")]
    Gone,
}

/// The model's input for a file.
pub fn prepare(bytes: &[u8]) -> Result<Vec<f32>, PictureError> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|_| PictureError::Unknown)?;
    if reader.format().is_none() {
        return Err(PictureError::Unknown);
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE);
    limits.max_image_height = Some(LARGEST_SIDE);
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| told(&error))?;
    // Phones store what way is up beside the pixels. A picture whose note is broken is still one.
    let orientation = decoder.orientation().ok();
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| told(&error))?;
    if let Some(orientation) = orientation {
        picture.apply_orientation(orientation);
    }
    Ok(input(picture))
}

fn told(error: &ImageError) -> PictureError {
    match error {
        ImageError::Unsupported(_) => PictureError::Unknown,
        ImageError::Limits(_) => PictureError::TooLarge,
        other => {
            let words: Vec<_> = other.to_string().split_whitespace().map(str::to_owned).collect();
            let text: String = words.join(" ").chars().filter(char::is_ascii).take(120).collect();
            PictureError::Damaged(text.trim_end_matches('.').to_owned())
        }
    }
}

/// As the model was trained: the largest centred square, by an antialiased bicubic filter.
fn input(picture: DynamicImage) -> Vec<f32> {
    let (wide, high) = (picture.width(), picture.height());
    let side = wide.min(high).max(1);
    let square = picture.crop_imm((wide - side.min(wide)) / 2, (high - side.min(high)) / 2, side, side);
    let small = square.resize_exact(SIDE as u32, SIDE as u32, FilterType::CatmullRom).into_rgb8();
    let mut planes = vec![0.0; 3 * SIDE * SIDE];
    for (i, pixel) in small.pixels().enumerate() {
        for (plane, value) in pixel.0.into_iter().enumerate() {
            planes[plane * SIDE * SIDE + i] = (f32::from(value) - 127.0) / 128.0;
        }
    }
    planes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(picture: &DynamicImage, format: image::ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn the_centre_square_is_what_is_seen() {
        // Red left, then a green square, then blue.
        let picture = image::RgbImage::from_fn(900, 300, |x, _| {
            image::Rgb(match x {
                0..300 => [255, 0, 0],
                300..600 => [0, 255, 0],
                _ => [0, 0, 255],
            })
        });
        for turned in [DynamicImage::from(picture.clone()), DynamicImage::from(picture).rotate90()] {
            let planes = prepare(&encoded(&turned, image::ImageFormat::Png)).unwrap();
            let (red, rest) = planes.split_at(SIDE * SIDE);
            let (green, blue) = rest.split_at(SIDE * SIDE);
            assert!(red.iter().chain(blue).all(|&value| value == -127.0 / 128.0));
            assert!(green.iter().all(|&value| value == 1.0));
        }
    }

    #[test]
    fn what_is_no_picture_is_told_with_its_remedy() {
        let png = encoded(&DynamicImage::new_rgb8(50, 50), image::ImageFormat::Png);
        // A header that claims 65,000 pixels a side.
        let mut huge = png.clone();
        huge[16..24].copy_from_slice(&[0, 0, 0xfd, 0xe8, 0, 0, 0xfd, 0xe8]);
        let crc = crc32(&huge[12..29]);
        huge[29..33].copy_from_slice(&crc.to_be_bytes());
        for (bytes, said) in [
            (&b""[..], "no picture that can be read"),
            (b"hello, this is text", "no picture that can be read"),
            (&png[..png.len() / 2], "is damaged"),
            (&huge, "20,000 pixels"),
        ] {
            let told = prepare(bytes).unwrap_err().to_string();
            assert!(told.contains(said), "{told}");
        }
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
        })
    }

    #[test]
    fn one_pixel_is_a_picture_too() {
        for format in [image::ImageFormat::Png, image::ImageFormat::Gif, image::ImageFormat::Bmp] {
            assert!(prepare(&encoded(&DynamicImage::new_rgba8(1, 1), format)).is_ok());
        }
    }
}
