//! A file or a folder as a camera that keeps time. In: a path and a clock. Out: its frames, each when it is due.

use std::path::Path;

use super::film::Film;
use super::folder::Folder;
use crate::camera::clock::Clock;
use crate::camera::error::CameraError;
use crate::camera::frame::{Frame, Status};
use crate::camera::port::Camera;

/// A file or a folder, paced by a clock.
pub struct FileCamera {
    frames: Box<dyn Camera>,
    clock: Clock,
}

impl FileCamera {
    /// `fps` is for a folder's pictures.
    pub fn open(path: &Path, fps: f64, clock: Clock) -> Result<FileCamera, CameraError> {
        let frames: Box<dyn Camera> =
            if path.is_dir() { Box::new(Folder::open(path, fps)?) } else { Box::new(Film::open(path)?) };
        Ok(FileCamera { frames, clock })
    }
}

impl Camera for FileCamera {
    fn read(&mut self, frame: &mut Frame) -> Result<Status, CameraError> {
        let status = self.frames.read(frame)?;
        if status == Status::Fresh {
            self.clock.wait_until(frame.time);
        }
        Ok(status)
    }
}
