//! A folder of pictures as a camera. In: the folder. Out: its pictures in the order of their names, `fps` per second.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::vec::IntoIter;

use image::ImageFormat;

use super::film::Film;
use super::picture;
use crate::camera::error::CameraError;
use crate::camera::frame::{Frame, Status};
use crate::camera::port::Camera;

pub struct Folder {
    path: PathBuf,
    pictures: IntoIter<PathBuf>,
    fps: f64,
    /// Pictures delivered so far.
    count: u32,
}

impl Folder {
    pub fn open(path: &Path, fps: f64) -> Result<Folder, CameraError> {
        Ok(Folder { path: path.into(), pictures: pictures(path)?.into_iter(), fps, count: 0 })
    }
}

impl Camera for Folder {
    fn read(&mut self, frame: &mut Frame) -> Result<Status, CameraError> {
        for path in self.pictures.by_ref() {
            match Film::open(&path).and_then(|mut film| film.read(frame)) {
                Ok(Status::Fresh) => {
                    frame.time = Duration::from_secs_f64(f64::from(self.count) / self.fps);
                    self.count += 1;
                    return Ok(Status::Fresh);
                }
                Ok(Status::Ended) => {}
                Err(error) => tracing::warn!("skipped: {error}"),
            }
        }
        if self.count == 0 { Err(CameraError::NoPictures { path: self.path.clone() }) } else { Ok(Status::Ended) }
    }
}

/// The files in a folder whose names end like a picture's, sorted by name. Fails if there are none.
pub fn pictures(folder: &Path) -> Result<Vec<PathBuf>, CameraError> {
    let list =
        || -> io::Result<Vec<PathBuf>> { fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect() };
    let mut paths = list().map_err(|reason| CameraError::Unreadable { path: folder.into(), reason })?;
    paths.retain(|path| is_named_picture(path));
    paths.sort();
    if paths.is_empty() { Err(CameraError::NoPictures { path: folder.into() }) } else { Ok(paths) }
}

/// Hidden files are skipped: macOS adds one with the same extension to each picture, and it holds no picture.
fn is_named_picture(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let format = ImageFormat::from_path(path).ok().filter(picture::is_read);
    !hidden && format.is_some() && path.is_file()
}
