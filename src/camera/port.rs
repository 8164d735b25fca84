//! The camera port: what every source of frames implements. In: a frame whose buffer is reused. Out: the next picture.

use std::sync::mpsc::Sender;

use super::error::CameraError;
use super::frame::{Frame, Status};

/// A source of frames.
pub trait Camera: Send {
    /// Waits for the next frame and writes it into `frame`, whose buffer is reused. [`CameraError::Lost`] is not the
    /// end: it comes again and again until there is a frame again.
    fn read(&mut self, frame: &mut Frame) -> Result<Status, CameraError>;

    /// Where to send the keys that move what it shows, if any do. While somebody holds this end, it does not end by itself.
    fn keys(&mut self) -> Option<Sender<char>> {
        None
    }
}
