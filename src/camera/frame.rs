//! Frames: a picture and the time it was taken.

use std::time::Duration;

use image::RgbImage;

/// One picture and the time it was taken, on its camera's own clock.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    pub time: Duration,
    pub picture: RgbImage,
}

impl Frame {
    /// Sets the picture's width and height, keeping its buffer. The content is undefined afterwards.
    pub fn resize(&mut self, size: (u32, u32)) {
        resize(&mut self.picture, size);
    }
}

/// Sets a picture's width and height, keeping its buffer. The content is undefined afterwards.
pub fn resize(picture: &mut RgbImage, (width, height): (u32, u32)) {
    if picture.dimensions() != (width, height) {
        let mut buffer = std::mem::take(picture).into_raw();
        buffer.resize(3 * width as usize * height as usize, 0);
        *picture = RgbImage::from_raw(width, height, buffer).unwrap_or_default();
    }
}

/// Whether a frame was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Fresh,
    /// The source has ended; the frame was left as it was.
    Ended,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resizing_keeps_the_buffer() {
        let mut frame = Frame { time: Duration::ZERO, picture: RgbImage::new(40, 30) };
        let before = frame.picture.as_ptr();
        frame.resize((30, 20));
        assert_eq!((frame.picture.dimensions(), frame.picture.as_ptr()), ((30, 20), before));
    }
}
