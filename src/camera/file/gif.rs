//! An animated GIF as a camera. In: its bytes. Out: its frames, at the times at which browsers show them.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gif::{ColorOutput, DecodeOptions, Decoder, DecodingError, DisposalMethod, MemoryLimit};
use image::{Rgb, RgbImage};

use super::animation::shown_for;
use super::limits::{MOST_BYTES, check_size};
use crate::camera::error::CameraError;
use crate::camera::frame::{Frame, Status};
use crate::camera::port::Camera;

pub struct Gif {
    path: PathBuf,
    decoder: Decoder<Cursor<Vec<u8>>>,
    still: bool,
    /// The frames so far, composed; each one changes a part of it.
    shown: RgbImage,
    /// When the next frame is shown.
    time: Duration,
}

impl Gif {
    pub fn open(path: &Path, bytes: Vec<u8>) -> Result<Gif, CameraError> {
        let broken = |error| broken(path, error);
        let mut options = DecodeOptions::new();
        options.set_color_output(ColorOutput::RGBA);
        options
            .set_memory_limit(std::num::NonZeroU64::new(MOST_BYTES).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
        // The crate's check of the end code refuses valid frames whose last byte is full. Without it a frame that lacks
        // pixels is still refused.
        options.check_lzw_end_code(false);
        let still = is_still(options.clone(), &bytes).map_err(broken)?;
        let decoder = options.read_info(Cursor::new(bytes)).map_err(broken)?;
        let (width, height) = (decoder.width().into(), decoder.height().into());
        check_size(path, width, height, 3)?;
        if width == 0 || height == 0 {
            return Err(CameraError::Picture { path: path.into(), reason: "it has no pixels".into() });
        }
        let shown = RgbImage::new(width, height);
        Ok(Gif { path: path.into(), decoder, still, shown, time: Duration::ZERO })
    }

    /// Whether it has only one frame, like other pictures.
    pub fn is_still(&self) -> bool {
        self.still
    }
}

impl Camera for Gif {
    fn read(&mut self, frame: &mut Frame) -> Result<Status, CameraError> {
        let Some(part) = self.decoder.read_next_frame().map_err(|error| broken(&self.path, error))? else {
            return Ok(Status::Ended);
        };
        frame.time = self.time;
        frame.resize(self.shown.dimensions());
        self.time += shown_for(Duration::from_millis(10 * u64::from(part.delay)));

        let (left, top, width) = (u32::from(part.left), u32::from(part.top), usize::from(part.width));
        let place = |i: usize| (left + (i % width) as u32, top + (i / width) as u32);
        let before = (part.dispose == DisposalMethod::Previous).then(|| self.shown.clone());
        for (i, pixel) in part.buffer.chunks_exact(4).enumerate() {
            let (x, y) = place(i);
            if let (&[r, g, b, opaque], Some(drawn)) = (pixel, self.shown.get_pixel_mut_checked(x, y))
                && opaque > 0
            {
                *drawn = Rgb([r, g, b]);
            }
        }
        frame.picture.copy_from_slice(&self.shown);
        if let Some(before) = before {
            self.shown = before;
        } else if part.dispose == DisposalMethod::Background {
            for (x, y) in (0..part.buffer.len() / 4).map(place) {
                if let Some(drawn) = self.shown.get_pixel_mut_checked(x, y) {
                    *drawn = Rgb([0; 3]);
                }
            }
        }
        Ok(Status::Fresh)
    }
}

/// Where the GIF at the start of `bytes` ends, by its blocks alone; None if its end is not among these bytes.
pub fn length(bytes: &[u8]) -> Option<usize> {
    const HEADER: usize = 13;
    const FRAME: usize = 10;
    // A colour table's size is in the lower bits of the byte that tells of it.
    let table = |flags: &u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut at = HEADER + table(bytes.get(10)?);
    loop {
        at = match bytes.get(at)? {
            // An extension, and its label.
            0x21 => at + 2,
            // A frame, and the size of its codes.
            0x2c => at + FRAME + table(bytes.get(at + FRAME - 1)?) + 1,
            0x3b => return Some(at + 1),
            // No block begins with anything else: the decoder says so.
            _ => return Some(bytes.len()),
        };
        // Its parts, up to an empty one.
        loop {
            let part = usize::from(*bytes.get(at)?);
            at += 1 + part;
            if part == 0 {
                break;
            }
        }
    }
}

/// Looks for a second frame without decoding the first.
fn is_still(mut options: DecodeOptions, bytes: &[u8]) -> Result<bool, DecodingError> {
    options.skip_frame_decoding(true);
    let mut decoder = options.read_info(bytes)?;
    Ok(decoder.read_next_frame()?.is_none() || !matches!(decoder.read_next_frame(), Ok(Some(_))))
}

fn broken(path: &Path, error: DecodingError) -> CameraError {
    CameraError::Picture { path: path.into(), reason: error.to_string() }
}
