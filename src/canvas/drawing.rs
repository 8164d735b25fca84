//! What was drawn. In: a canvas. Out: its pixels, as a window or a file wants them.

use image::RgbImage;
use tiny_skia::Pixmap;

/// The pixels of a finished canvas.
#[derive(Clone, Copy)]
pub struct Drawing<'a>(pub(super) &'a Pixmap);

impl Drawing<'_> {
    /// Width and height.
    pub fn size(&self) -> (u32, u32) {
        (self.0.width(), self.0.height())
    }

    /// Red, green, blue, opaque: four bytes a pixel, from the left top.
    fn bytes(&self) -> &[u8] {
        self.0.data()
    }

    /// Replaces `pixels` by one number for each: red, green, blue in the lower three bytes.
    pub fn pack(&self, pixels: &mut Vec<u32>) {
        pixels.clear();
        pixels.extend(self.bytes().chunks_exact(4).map(|pixel| u32::from_be_bytes([0, pixel[0], pixel[1], pixel[2]])));
    }

    /// A copy without opacity.
    pub fn to_picture(&self) -> RgbImage {
        let bytes = self.bytes().chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        RgbImage::from_raw(self.0.width(), self.0.height(), bytes).unwrap_or_default()
    }
}
