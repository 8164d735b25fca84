//! Where frames come from. In: what the user named. Out: frames, each with its time on the camera's own clock.

use std::time::Duration;

use image::RgbImage;

/// One picture and the time it was taken, on its camera's own clock.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    pub time: Duration,
    pub picture: RgbImage,
}

/// Whether a frame was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Fresh,
    /// The source has ended; the frame was left as it was.
    Ended,
}

/// A source of frames.
pub trait Camera: Send {
    /// Waits for the next frame and writes it into `frame`, whose buffer is reused.
    fn read(&mut self, frame: &mut Frame) -> Result<Status, CameraError>;
}

/// Why there is no frame. Each sentence names the thing, the reason and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {}
