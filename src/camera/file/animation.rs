//! An animated PNG or WebP as a camera. In: its bytes. Out: its frames, upright, at the times at which browsers show
//! them.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{AnimationDecoder, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageResult, Limits, RgbImage};

use super::limits::{MOST_BYTES, check_size};
use crate::camera::error::CameraError;
use crate::camera::frame::{Frame, Status};
use crate::camera::port::Camera;

/// Browsers treat a shorter delay as unset...
const SHORTEST_DELAY: Duration = Duration::from_millis(20);
/// ... and use this one instead.
const USUAL_DELAY: Duration = Duration::from_millis(100);
/// RGB for the caller, RGBA for the decoder.
const BYTES_PER_PIXEL: u64 = 3 + 4;

/// How long browsers show a frame that has this delay.
pub fn shown_for(delay: Duration) -> Duration {
    if delay < SHORTEST_DELAY { USUAL_DELAY } else { delay }
}

pub struct Animation {
    path: PathBuf,
    /// Decoded a frame ahead by a thread, as the decoders' iterators can't change threads. It ends when nobody
    /// receives.
    frames: Receiver<ImageResult<(RgbImage, Duration)>>,
    thread: Option<JoinHandle<()>>,
    /// When the next frame is shown.
    time: Duration,
}

impl Animation {
    /// None: it is a still picture, or in another format.
    pub fn open(path: &Path, bytes: &[u8], format: ImageFormat) -> Result<Option<Animation>, CameraError> {
        let broken = |error| broken(path, &error);
        let bytes = || Cursor::new(bytes.to_vec());
        let checked = |(width, height)| check_size(path, width, height, BYTES_PER_PIXEL);
        let (sender, frames) = sync_channel(1);
        let thread = match format {
            ImageFormat::Png => {
                let mut decoder = PngDecoder::with_limits(bytes(), limits()).map_err(broken)?;
                if !decoder.is_apng().map_err(broken)? {
                    return Ok(None);
                }
                checked(decoder.dimensions())?;
                let orientation = orientation(&mut decoder);
                let decoder = decoder.apng().map_err(broken)?;
                thread::spawn(move || send(decoder, orientation, &sender))
            }
            ImageFormat::WebP => {
                let mut decoder = WebPDecoder::new(bytes()).map_err(broken)?;
                if !decoder.has_animation() {
                    return Ok(None);
                }
                checked(decoder.dimensions())?;
                let orientation = orientation(&mut decoder);
                thread::spawn(move || send(decoder, orientation, &sender))
            }
            _ => return Ok(None),
        };
        Ok(Some(Animation { path: path.into(), frames, thread: Some(thread), time: Duration::ZERO }))
    }
}

impl Camera for Animation {
    fn read(&mut self, frame: &mut Frame) -> Result<Status, CameraError> {
        if let Ok(next) = self.frames.recv() {
            let (picture, delay) = next.map_err(|error| broken(&self.path, &error))?;
            *frame = Frame { time: self.time, picture };
            self.time += shown_for(delay);
            return Ok(Status::Fresh);
        }
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(_)) => {
                Err(CameraError::Picture { path: self.path.clone(), reason: "its decoder broke off".into() })
            }
            Some(Ok(())) | None => Ok(Status::Ended),
        }
    }
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(2 * MOST_BYTES);
    limits
}

/// Unreadable metadata is no reason to refuse the picture.
fn orientation(decoder: &mut impl ImageDecoder) -> Orientation {
    decoder.orientation().unwrap_or(Orientation::NoTransforms)
}

/// Sends all frames, up to the first error.
fn send(
    decoder: impl AnimationDecoder<'static>,
    orientation: Orientation,
    frames: &SyncSender<ImageResult<(RgbImage, Duration)>>,
) {
    for frame in decoder.into_frames() {
        let frame = frame.map(|frame| {
            let delay = Duration::from(frame.delay());
            let mut picture = DynamicImage::from(frame.into_buffer());
            picture.apply_orientation(orientation);
            (picture.into_rgb8(), delay)
        });
        let failed = frame.is_err();
        if frames.send(frame).is_err() || failed {
            return;
        }
    }
}

fn broken(path: &Path, error: &ImageError) -> CameraError {
    CameraError::Picture { path: path.into(), reason: error.to_string().trim().into() }
}
