//! Pictures as a camera that shows each for a while. In: files. Out: frames.

use std::path::PathBuf;
use std::time::Duration;

use handwave::camera::file::first_frame;
use handwave::camera::{Camera, CameraError, Frame, Status};
use image::RgbImage;

/// Frames a second, and frames per picture: half a second each.
const FPS: f64 = 10.0;
const FRAMES_EACH: usize = 5;

pub struct Slides {
    paths: Vec<PathBuf>,
    next: usize,
    picture: RgbImage,
}

impl Slides {
    pub fn new(paths: &[PathBuf]) -> Slides {
        Slides { paths: paths.to_vec(), next: 0, picture: RgbImage::default() }
    }
}

/// The index of the picture that is shown at that time.
pub fn number_at(time: Duration) -> usize {
    (time.as_secs_f64() * FPS).round() as usize / FRAMES_EACH
}

impl Camera for Slides {
    fn read(&mut self, frame: &mut Frame) -> Result<Status, CameraError> {
        let Some(path) = self.paths.get(self.next / FRAMES_EACH) else { return Ok(Status::Ended) };
        if self.next.is_multiple_of(FRAMES_EACH) {
            self.picture = first_frame(path)?.picture;
        }
        frame.time = Duration::from_secs_f64(self.next as f64 / FPS);
        frame.picture.clone_from(&self.picture);
        self.next += 1;
        Ok(Status::Fresh)
    }
}
