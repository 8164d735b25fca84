//! A folder of pictures as a camera. In: the folder. Out: its pictures in the order of their names (2 before 10), `fps`
//! per second.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::vec::IntoIter;

use image::ImageFormat;

use super::film::Film;
use super::format;
use crate::camera::error::CameraError;
use crate::camera::frame::{Frame, Status};
use crate::camera::name::Name;
use crate::camera::port::Camera;

/// How pictures end that ffmpeg reads.
const FFMPEGS: [&str; 9] = ["avif", "heic", "heif", "hif", "j2k", "jp2", "jxl", "pfm", "tga"];

pub struct Folder {
    path: PathBuf,
    pictures: IntoIter<PathBuf>,
    fps: f64,
    /// Pictures delivered so far.
    count: u32,
    /// Those that could not be read.
    skipped: u32,
}

impl Folder {
    pub fn open(path: &Path, fps: f64) -> Result<Folder, CameraError> {
        Ok(Folder { path: path.into(), pictures: pictures(path)?.into_iter(), fps, count: 0, skipped: 0 })
    }
}

impl Camera for Folder {
    fn read(&mut self, frame: &mut Frame) -> Result<Status, CameraError> {
        for path in self.pictures.by_ref() {
            match read_still(&path, frame) {
                Ok(()) => {
                    frame.time = Duration::from_secs_f64(f64::from(self.count) / self.fps);
                    self.count += 1;
                    return Ok(Status::Fresh);
                }
                Err(error) => {
                    tracing::warn!("skipped: {error}");
                    self.skipped += 1;
                }
            }
        }
        let path = self.path.clone();
        match (self.count, self.skipped) {
            (0, _) => Err(CameraError::NoPictures { path }),
            (_, 0) => Ok(Status::Ended),
            (_, skipped) => Err(CameraError::Skipped { path, skipped }),
        }
    }
}

/// Reads a file that must be a single picture: a folder has one time for each.
fn read_still(path: &Path, frame: &mut Frame) -> Result<(), CameraError> {
    let mut film = Film::open(path)?;
    let broken = |reason: &str| CameraError::Picture { path: path.into(), reason: reason.into() };
    match film.read(frame)? {
        Status::Fresh if film.is_still() => Ok(()),
        Status::Fresh => Err(broken("it has several pictures: play it by itself")),
        Status::Ended => Err(broken("it has none")),
    }
}

/// The files in a folder whose names end like a picture's, sorted by name, numbers in it by their value. The others are
/// left out, which is told. Fails if there are none.
pub fn pictures(folder: &Path) -> Result<Vec<PathBuf>, CameraError> {
    let list =
        || -> io::Result<Vec<PathBuf>> { fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect() };
    let mut paths = list().map_err(|reason| CameraError::Unreadable { path: folder.into(), reason })?;
    // Hidden files are no pictures: macOS adds one with the same extension to each picture.
    paths.retain(|path| !name(path).starts_with(b"."));
    paths.sort_by(|a, b| by_number(name(a), name(b)));
    let (paths, others): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| is_named_picture(path));
    if paths.is_empty() {
        return Err(CameraError::NoPictures { path: folder.into() });
    }
    if let Some(first) = others.first() {
        let (first, others) = (Name(first), others.len());
        tracing::warn!("{}: left out what is no picture by its name: {others}, such as {first}", Name(folder));
    }
    Ok(paths)
}

/// Pictures that handwave reads itself, and those that ffmpeg reads. What is named so and cannot be opened is refused
/// where it is read, not left out.
fn is_named_picture(path: &Path) -> bool {
    let format = ImageFormat::from_path(path).ok().filter(format::is_read);
    let extension = path.extension().map(OsStr::to_ascii_lowercase).unwrap_or_default();
    (format.is_some() || FFMPEGS.iter().any(|ffmpegs| extension == *ffmpegs)) && !path.is_dir()
}

fn name(path: &Path) -> &[u8] {
    path.file_name().map_or(b"", OsStr::as_encoded_bytes)
}

/// Compares names, with the numbers in them by their value: a film's pictures are often numbered 1, 2, ... 10.
fn by_number(a: &[u8], b: &[u8]) -> Ordering {
    let (mut left, mut right) = (a, b);
    while let ([x, ..], [y, ..]) = (left, right) {
        let order = if x.is_ascii_digit() && y.is_ascii_digit() {
            let (x, y) = (number(&mut left), number(&mut right));
            x.len().cmp(&y.len()).then(x.cmp(y))
        } else {
            (left, right) = (&left[1..], &right[1..]);
            x.cmp(y)
        };
        if order.is_ne() {
            return order;
        }
    }
    left.len().cmp(&right.len()).then(a.cmp(b))
}

/// Takes the number at a name's start, of any length, without leading zeros.
fn number<'a>(name: &mut &'a [u8]) -> &'a [u8] {
    let (number, rest) = name.split_at(name.iter().take_while(|byte| byte.is_ascii_digit()).count());
    *name = rest;
    &number[number.iter().take_while(|digit| **digit == b'0').count()..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count_by_their_value() {
        let sorted = [
            "1.png",
            "01.png",
            "2.png",
            "10.png",
            "a",
            "a-1",
            "a-01-2",
            "a-1-10",
            "a2b",
            "a10b",
            "a10c",
            "b",
            "b99999999999999999999998",
            "b99999999999999999999999",
        ];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                // Names of equal numbers are still in one order.
                let order = by_number(a.as_bytes(), b.as_bytes());
                let same_numbers = matches!((*a, *b), ("1.png", "01.png") | ("01.png", "1.png"));
                assert!(order == i.cmp(&j) || same_numbers && order.is_ne(), "{a} {b}");
            }
        }
    }
}
