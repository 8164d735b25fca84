//! The format of a picture. In: a file's first bytes, as its name is not trusted. Out: the format, where it is sure.

use image::ImageFormat;

use super::netpbm;

/// Whether handwave reads this format itself.
pub fn is_read(format: &ImageFormat) -> bool {
    *format == ImageFormat::Pnm || format.reading_enabled()
}

/// The format of a picture that handwave decodes itself, by the file's first bytes.
pub fn of(head: &[u8]) -> Option<ImageFormat> {
    // Text may begin like a netpbm picture.
    let sure = |format: &ImageFormat| *format != ImageFormat::Pnm || netpbm::Header::read(head).is_some();
    image::guess_format(head).ok().filter(is_read).filter(sure)
}

/// The format of a picture in any format that is known by its first bytes, whoever decodes it.
pub fn of_any(head: &[u8]) -> Option<ImageFormat> {
    // Two letters make neither a bitmap nor a netpbm picture.
    let vague = |format: &ImageFormat| matches!(format, ImageFormat::Bmp | ImageFormat::Pnm);
    of(head).or_else(|| image::guess_format(head).ok().filter(|format| !vague(format)))
}
