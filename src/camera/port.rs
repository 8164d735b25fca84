//! The camera port: what every source of frames implements. In: a frame whose buffer is reused. Out: the next picture.

use std::sync::mpsc::Sender;

use super::error::CameraError;
use super::frame::{Frame, Status};

/// A source of frames.
pub trait Camera: Send {
    /// Waits for the next frame and writes it into `frame`, whose buffer is reused. [`CameraError::Lost`] is not the
    /// end: it is returned repeatedly until frames come again.
    fn read(&mut self, frame: &mut Frame) -> Result<Status, CameraError>;

    /// Where to send the keys that move what it shows; None if it takes no keys. While this sender lives, the camera
    /// does not end by itself.
    fn keys(&mut self) -> Option<Sender<char>> {
        None
    }
}
