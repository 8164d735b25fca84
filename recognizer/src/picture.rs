//! Decodes a picture. In: a file's bytes. Out: the model's input: the centre square, 224 pixels wide, planar RGB from
//! -1 to 1. Or why there is none.

use std::io::Cursor;

use image::imageops::FilterType;
use image::{DynamicImage, ImageBuffer, ImageDecoder, ImageError, ImageReader, Limits, Pixel};

/// The side of the model's input.
pub const SIDE: usize = 224;

/// More pixels a side than any camera has. A small file may claim to be a huge picture.
const LARGEST_SIDE: u32 = 20_000;
const MOST_PIXELS: u64 = 100_000_000;
/// The memory that decoding one picture may take: the most pixels as RGB.
const MOST_BYTES: u64 = 300 << 20;

/// Why a file is no picture, as a sentence for the person who sent it.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    #[error("This file is no picture that can be read: send JPEG, PNG, GIF, WebP, BMP or TIFF.")]
    Unknown,
    #[error("This picture is damaged ({0}): send it again, or save it anew.")]
    Damaged(String),
    #[error("This picture is larger than 20,000 pixels a side, 100 megapixels or 300 MB unpacked: send a smaller one.")]
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
    let (wide, high) = decoder.dimensions();
    if wide == 0 || high == 0 {
        return Err(PictureError::Damaged("it has no pixels".to_owned()));
    }
    if u64::from(wide) * u64::from(high) > MOST_PIXELS {
        return Err(PictureError::TooLarge);
    }
    // Phones store what way is up beside the pixels. A picture whose note is broken is still one.
    let orientation = decoder.orientation().ok();
    let mut small = seen(DynamicImage::from_decoder(decoder).map_err(|error| told(&error))?);
    // Only what is small already is turned: a turn makes a copy.
    if let Some(orientation) = orientation {
        small.apply_orientation(orientation);
    }
    Ok(input(small))
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

/// What the model sees of it, as it was trained: the largest centred square, by an antialiased bicubic filter.
fn seen(picture: DynamicImage) -> DynamicImage {
    use DynamicImage::{
        ImageLuma8, ImageLuma16, ImageLumaA8, ImageLumaA16, ImageRgb8, ImageRgb16, ImageRgb32F, ImageRgba8,
        ImageRgba16, ImageRgba32F,
    };
    let square = match picture {
        ImageLuma8(pixels) => ImageLuma8(square(pixels)),
        ImageLumaA8(pixels) => ImageLumaA8(square(pixels)),
        ImageRgb8(pixels) => ImageRgb8(square(pixels)),
        ImageRgba8(pixels) => ImageRgba8(square(pixels)),
        ImageLuma16(pixels) => ImageLuma16(square(pixels)),
        ImageLumaA16(pixels) => ImageLumaA16(square(pixels)),
        ImageRgb16(pixels) => ImageRgb16(square(pixels)),
        ImageRgba16(pixels) => ImageRgba16(square(pixels)),
        ImageRgb32F(pixels) => ImageRgb32F(square(pixels)),
        ImageRgba32F(pixels) => ImageRgba32F(square(pixels)),
        // A kind that this version of the crate does not have.
        other => ImageRgb8(square(other.into_rgb8())),
    };
    square.resize_exact(SIDE as u32, SIDE as u32, FilterType::CatmullRom)
}

/// The largest centred square, in the memory of the whole: a copy would take as much again.
fn square<P: Pixel>(whole: ImageBuffer<P, Vec<P::Subpixel>>) -> ImageBuffer<P, Vec<P::Subpixel>> {
    let (wide, high) = (whole.width() as usize, whole.height() as usize);
    let (side, channels) = (wide.min(high), usize::from(P::CHANNEL_COUNT));
    let (left, top, row) = ((wide - side) / 2, (high - side) / 2, side * channels);
    let mut values = whole.into_raw();
    for y in 0..side {
        let from = ((top + y) * wide + left) * channels;
        values.copy_within(from..from + row, y * row);
    }
    values.truncate(side * row);
    ImageBuffer::from_raw(side as u32, side as u32, values).expect("so many values are a square")
}

fn input(small: DynamicImage) -> Vec<f32> {
    let small = small.into_rgb8();
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
    use image::ImageEncoder;

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
    fn a_phones_picture_is_turned() {
        let picture = image::RgbImage::from_fn(300, 300, |x, _| image::Rgb(if x < 150 { [255; 3] } else { [0; 3] }));
        // TIFF's way to say one thing: tag 0x112 is 6, a quarter to the right.
        let note = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
        let mut bytes = Vec::new();
        let mut encoder = image::codecs::png::PngEncoder::new(&mut bytes);
        encoder.set_exif_metadata(note).unwrap();
        picture.write_with_encoder(encoder).unwrap();
        let planes = prepare(&bytes).unwrap();
        let (above, below) = planes[..SIDE * SIDE].split_at(SIDE * SIDE / 2);
        assert!(above[..SIDE].iter().all(|&value| value == 1.0), "what was left is above");
        assert!(below[SIDE * (SIDE / 2 - 1)..].iter().all(|&value| value == -127.0 / 128.0));
    }

    #[test]
    fn what_is_no_picture_is_told_with_its_remedy() {
        let png = encoded(&DynamicImage::new_rgb8(50, 50), image::ImageFormat::Png);
        // A header that claims so many pixels a side.
        let claims = |side: u32| {
            let mut huge = encoded(&DynamicImage::new_luma8(50, 50), image::ImageFormat::Png);
            huge[16..20].copy_from_slice(&side.to_be_bytes());
            huge[20..24].copy_from_slice(&side.to_be_bytes());
            let crc = crc32(&huge[12..29]);
            huge[29..33].copy_from_slice(&crc.to_be_bytes());
            huge
        };
        for (bytes, said) in [
            (&b""[..], "no picture that can be read"),
            (b"hello, this is text", "no picture that can be read"),
            (&png[..png.len() / 2], "is damaged"),
            (&claims(65_000), "20,000 pixels"),
            // Grey, so that its bytes alone would be few enough.
            (&claims(10_001), "100 megapixels"),
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
