//! Pictures joined in one file or pipe, as motion JPEG is. In: a stream of bytes. Out: its pictures, one after the
//! other.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use image::{ImageFormat, RgbImage};

use super::animation::Animation;
use super::format;
use super::gif;
use super::limits::MOST_BYTES;
use super::netpbm;
use super::picture;
use crate::camera::error::CameraError;
use crate::camera::frame::{Frame, Status};
use crate::camera::jpeg;
use crate::camera::name::Name;
use crate::camera::port::Camera;

/// A series has no times. ffmpeg plays it at this rate too.
const INTERVAL: Duration = Duration::from_millis(40);
/// Within so many bytes a picture says that it is a part of the one before it.
const COMPANIONS_HEAD: usize = 1 << 17;

pub struct Series {
    path: PathBuf,
    format: ImageFormat,
    stream: Box<dyn Read + Send>,
    /// Read from the stream, but not yet taken.
    ahead: Vec<u8>,
    ended: bool,
    first: Option<RgbImage>,
    /// Pictures delivered so far.
    count: u32,
}

impl Series {
    /// The first picture's bytes, and the series of those that follow. `head` is what was read of the stream already.
    pub fn open(
        path: &Path,
        format: ImageFormat,
        head: Vec<u8>,
        stream: Box<dyn Read + Send>,
    ) -> Result<(Vec<u8>, Series), CameraError> {
        let path = path.to_owned();
        let mut series = Series { path, format, stream, ahead: head, ended: false, first: None, count: 0 };
        Ok((series.take()?, series))
    }

    /// Whether no picture follows the first one. Phones put pictures and films behind a photo that are a part of it:
    /// they are left out. What is no picture is left out and told. Another kind of picture is an error.
    pub fn is_over_after(&mut self, first: &[u8]) -> Result<bool, CameraError> {
        if self.format == ImageFormat::Jpeg && jpeg::companions::are_announced(first) {
            return Ok(true);
        }
        if self.has_next()? {
            // To its end, or as far as its own description may reach.
            while !self.ended && self.ahead.len() < COMPANIONS_HEAD && length(self.format, &self.ahead, false).is_none()
            {
                self.read_on()?;
            }
            return Ok(self.format == ImageFormat::Jpeg && jpeg::companions::is_one(&self.ahead));
        }
        self.leave_rest()?;
        Ok(true)
    }

    /// An error if anything follows the first picture that may be a picture.
    pub fn must_end(&mut self) -> Result<(), CameraError> {
        if self.has_next()? {
            return Err(self.broken("another one follows its end: save each as a file of its own"));
        }
        self.leave_rest()
    }

    fn leave_rest(&mut self) -> Result<(), CameraError> {
        if format::of_any(&self.ahead).is_some() {
            return Err(self.broken("a picture of another kind follows its end: save each as a file of its own"));
        }
        while !self.ended && (self.ahead.len() as u64) < MOST_BYTES {
            self.read_on()?;
        }
        // Samsung's phones put a directory of their own behind a photo and its parts.
        if !self.ahead.ends_with(b"SEFT") && holds_picture(&self.ahead) {
            return Err(self.broken("another picture lies further behind its end: save each as a file of its own"));
        }
        if !self.ahead.is_empty() {
            tracing::warn!("{}: what follows the picture is none, and is left out", Name(&self.path));
        }
        Ok(())
    }

    fn broken(&self, reason: &str) -> CameraError {
        CameraError::Picture { path: self.path.clone(), reason: reason.into() }
    }

    /// With its first picture, which [`Series::open`] has returned the bytes of.
    pub fn with_first(self, picture: RgbImage) -> Series {
        Series { first: Some(picture), ..self }
    }

    /// Takes the next picture's bytes.
    fn take(&mut self) -> Result<Vec<u8>, CameraError> {
        let length = loop {
            match length(self.format, &self.ahead, self.ended) {
                Some(length) => break length.min(self.ahead.len()),
                None if self.ended => return Err(self.broken("its end is missing")),
                None if self.ahead.len() as u64 >= MOST_BYTES => {
                    return Err(self.broken(&format!("it is larger than {MOST_BYTES} bytes")));
                }
                None => self.read_on()?,
            }
        };
        let rest = self.ahead.split_off(length);
        Ok(std::mem::replace(&mut self.ahead, rest))
    }

    /// Whether another picture follows. Padding before it is skipped.
    fn has_next(&mut self) -> Result<bool, CameraError> {
        const ENOUGH: usize = 32;
        loop {
            let padding = self.ahead.iter().take_while(|byte| matches!(byte, 0 | b'\n' | b'\r' | b' ')).count();
            self.ahead.drain(..padding);
            if self.ended || self.ahead.len() >= ENOUGH {
                return Ok(begins(self.format, &self.ahead));
            }
            self.read_on()?;
        }
    }

    /// Reads what the stream has at once, or more where much was read already: all that is searched each time.
    fn read_on(&mut self) -> Result<(), CameraError> {
        const PART: usize = 1 << 16;
        let wanted = self.ahead.len() + (self.ahead.len() / 2).min(1 << 24);
        let mut part = vec![0; PART];
        loop {
            match self.stream.read(&mut part) {
                Ok(0) => self.ended = true,
                Ok(read) => self.ahead.extend_from_slice(&part[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(reason) => return Err(CameraError::Unreadable { path: self.path.clone(), reason }),
            }
            if self.ended || self.ahead.len() < 1 << 20 || self.ahead.len() >= wanted {
                return Ok(());
            }
        }
    }
}

impl Camera for Series {
    fn read(&mut self, frame: &mut Frame) -> Result<Status, CameraError> {
        frame.picture = match self.first.take() {
            Some(first) => first,
            None if self.has_next()? => {
                let next = self.take()?;
                if Animation::open(&self.path, &next, self.format)?.is_some() {
                    return Err(self.broken("an animation follows its end: save each as a file of its own"));
                }
                picture::read(&self.path, &next, self.format)?
            }
            None if self.ahead.is_empty() => return Ok(Status::Ended),
            None => {
                let reason = format!("what follows picture {} is none", self.count);
                return Err(CameraError::Picture { path: self.path.clone(), reason });
            }
        };
        frame.time = INTERVAL * self.count;
        self.count += 1;
        Ok(Status::Fresh)
    }
}

/// The length of the picture at the start of these bytes; None if its end is not among them.
fn length(format: ImageFormat, bytes: &[u8], ended: bool) -> Option<usize> {
    match format {
        ImageFormat::Jpeg => jpeg::markers::length(bytes),
        ImageFormat::Png => png_length(bytes),
        ImageFormat::WebP => {
            let size: [u8; 4] = *bytes.get(4..)?.first_chunk()?;
            let size = u32::from_le_bytes(size) as usize;
            Some(8 + size + size % 2).filter(|&length| length <= bytes.len())
        }
        // Many bitmaps state a wrong size, so it counts only where another picture begins.
        ImageFormat::Bmp if ended => {
            let size = bytes.get(2..)?.first_chunk().map_or(0, |size| u32::from_le_bytes(*size) as usize);
            let next = bytes.get(size..).is_some_and(|rest| is_bitmap(rest) || format::of_any(rest).is_some());
            Some(if size > 0 && next { size } else { bytes.len() })
        }
        ImageFormat::Gif => gif::length(bytes).filter(|&length| length <= bytes.len()),
        ImageFormat::Pnm => match netpbm::Header::read(bytes)?.length() {
            Some(length) => Some(length).filter(|&length| length <= bytes.len()),
            // Its pixels are words.
            None => ended.then_some(bytes.len()),
        },
        _ => ended.then_some(bytes.len()),
    }
}

/// Whether a picture in this format begins here.
fn begins(format: ImageFormat, bytes: &[u8]) -> bool {
    format::of(bytes) == Some(format) && (format != ImageFormat::Bmp || is_bitmap(bytes))
}

/// Whether a whole picture lies anywhere in these bytes, in a format that isn't found by chance.
fn holds_picture(bytes: &[u8]) -> bool {
    let is_picture = |rest: &[u8]| match format::of(rest) {
        Some(ImageFormat::Jpeg) => jpeg::check(rest).is_ok(),
        Some(format @ (ImageFormat::Png | ImageFormat::WebP | ImageFormat::Gif)) => {
            length(format, rest, true).is_some()
        }
        _ => false,
    };
    let may_begin = |byte: u8| matches!(byte, 0xff | 0x89 | b'R' | b'G');
    (0..bytes.len()).any(|at| may_begin(bytes[at]) && is_picture(&bytes[at..]))
}

fn png_length(bytes: &[u8]) -> Option<usize> {
    const SIGNATURE: usize = 8;
    const LENGTH_NAME_SUM: usize = 12;
    let mut at = SIGNATURE;
    loop {
        let chunk: &[u8; 8] = bytes.get(at..)?.first_chunk()?;
        let [a, b, c, d, name @ ..] = *chunk;
        at = at.checked_add(u32::from_be_bytes([a, b, c, d]) as usize + LENGTH_NAME_SUM)?;
        if name == *b"IEND" {
            return Some(at).filter(|&at| at <= bytes.len());
        }
    }
}

/// Whether a bitmap begins here: its name, reserved zeros and a header of a known size.
fn is_bitmap(bytes: &[u8]) -> bool {
    bytes.starts_with(b"BM") && bytes.get(6..10) == Some(&[0; 4]) && matches!(bytes.get(14), Some(12 | 40 | 108 | 124))
}
