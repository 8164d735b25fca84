//! One file as a camera. In: a picture, an animation or a video. Out: its frames, as fast as they are read. The
//! file's content decides what it is; its name is not trusted.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use image::{ImageFormat, RgbImage};

use super::animation::Animation;
use super::format;
use super::gif::Gif;
use super::picture;
use super::series::Series;
use super::video::Video;
use crate::camera::error::CameraError;
use crate::camera::frame::{Frame, Status};
use crate::camera::port::Camera;

/// The start of a file that is enough to tell its format.
const HEAD_BYTES: u64 = 512;

/// One file's frames, without waiting between them.
pub enum Film {
    /// One frame, until it has been read.
    Still(Option<RgbImage>),
    /// Several pictures, joined.
    Series(Box<Series>),
    Gif(Box<Gif>),
    Animation(Animation),
    Video(Video),
}

impl Film {
    /// Opens a file. A still picture is read completely and turned as its EXIF orientation says.
    pub fn open(path: &Path) -> Result<Film, CameraError> {
        let unreadable = |reason| CameraError::Unreadable { path: path.into(), reason };
        let mut file = File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.by_ref().take(HEAD_BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.is_empty() {
            return Err(CameraError::Empty { path: path.into() });
        }
        let Some(format) = format::of(&bytes) else {
            if is_text(&bytes) {
                return Err(CameraError::Text { path: path.into() });
            }
            // What was read of a pipe is gone from it, so ffmpeg gets it from here.
            let piped = !file.metadata().map_err(unreadable)?.is_file();
            return Video::open(path, &bytes, piped.then_some(file)).map(Film::Video);
        };
        let (first, mut series) = Series::open(path, format, bytes, Box::new(file))?;
        if format == ImageFormat::Gif {
            series.must_end()?;
            return Gif::open(path, first).map(|gif| Film::Gif(gif.into()));
        }
        if let Some(animation) = Animation::open(path, &first, format)? {
            series.must_end()?;
            return Ok(Film::Animation(animation));
        }
        let picture = picture::read(path, &first, format)?;
        let is_alone = series.is_over_after(&first)?;
        Ok(if is_alone { Film::Still(Some(picture)) } else { Film::Series(series.with_first(picture).into()) })
    }

    /// Whether it is a single picture. What ffmpeg reads is known once its first frame was read.
    pub fn is_still(&self) -> bool {
        match self {
            Film::Still(_) => true,
            Film::Gif(gif) => gif.is_still(),
            Film::Series(_) | Film::Animation(_) => false,
            Film::Video(video) => video.is_still(),
        }
    }
}

impl Camera for Film {
    fn read(&mut self, frame: &mut Frame) -> Result<Status, CameraError> {
        match self {
            Film::Still(picture) => Ok(picture.take().map_or(Status::Ended, |picture| {
                *frame = Frame { time: Duration::ZERO, picture };
                Status::Fresh
            })),
            Film::Series(series) => series.read(frame),
            Film::Gif(gif) => gif.read(frame),
            Film::Animation(animation) => animation.read(frame),
            Film::Video(video) => video.read(frame),
        }
    }
}

/// The picture in a file, or the first frame of an animation or a video.
pub fn first_frame(path: &Path) -> Result<Frame, CameraError> {
    let mut frame = Frame::default();
    match Film::open(path)?.read(&mut frame)? {
        Status::Fresh => Ok(frame),
        Status::Ended => Err(CameraError::Picture { path: path.into(), reason: "it has no frame".into() }),
    }
}

/// Whether the file is text. It is refused, since ffmpeg would render it, or follow it as a playlist to other files.
///
/// Pictures and films with a header in words may go on in bytes that are letters, too: those of a dim scene.
fn is_text(head: &[u8]) -> bool {
    const IN_WORDS: [&[u8]; 4] = [b"YUV4MPEG2 ", b"PF\n", b"Pf\n", b"SIMPLE  ="];
    if IN_WORDS.iter().any(|start| head.starts_with(start)) {
        return false;
    }
    let cut_off = |error: std::str::Utf8Error| error.error_len().is_none();
    let printed = |byte: &u8| *byte >= b' ' || byte.is_ascii_whitespace();
    std::str::from_utf8(head).map_or_else(cut_off, |_| true) && head.iter().all(printed)
}
