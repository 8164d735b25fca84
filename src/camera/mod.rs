//! Where frames come from. In: what the user named. Out: frames, each with its time on the camera's own clock.

pub mod clock;
pub mod file;
pub mod light;
pub mod puppet;
pub mod settings;
pub mod spec;
#[cfg(feature = "webcam")]
pub mod webcam;

use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::time::Duration;

use image::RgbImage;

use clock::Clock;
use file::MOST_BYTES;
use puppet::Puppet;

pub use settings::Settings;
pub use spec::CameraSpec;

/// One picture and the time it was taken, on its camera's own clock.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    pub time: Duration,
    pub picture: RgbImage,
}

impl Frame {
    /// Makes the picture that large (width, height), keeping its buffer; its content is then anything.
    pub fn resize(&mut self, size: (u32, u32)) {
        resize(&mut self.picture, size);
    }
}

/// Makes a picture that large (width, height), keeping its buffer; its content is then anything.
pub fn resize(picture: &mut RgbImage, (width, height): (u32, u32)) {
    if picture.dimensions() != (width, height) {
        let mut buffer = std::mem::take(picture).into_raw();
        buffer.resize(3 * width as usize * height as usize, 0);
        *picture = RgbImage::from_raw(width, height, buffer).unwrap_or_default();
    }
}

/// Whether a frame was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Fresh,
    /// The source has ended; the frame was left as it was.
    Ended,
}

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

/// The camera for a source, delivering in real time, or as fast as it goes where `fast`.
pub fn open(source: &CameraSpec, settings: &Settings, fast: bool) -> Result<Box<dyn Camera>, CameraError> {
    let clock = if fast { Clock::fast() } else { Clock::real_time() };
    Ok(match source {
        CameraSpec::Puppet => {
            let size = (settings.width, settings.height);
            Box::new(Puppet::new(puppet::demo::script(), size, settings.fps, clock))
        }
        #[cfg(feature = "webcam")]
        CameraSpec::Webcam(index) => Box::new(webcam::Webcam::open(*index, settings.into())?),
        #[cfg(not(feature = "webcam"))]
        CameraSpec::Webcam(index) => return Err(CameraError::NoWebcams { index: *index }),
        CameraSpec::File(path) => Box::new(file::FileCamera::open(path, settings.fps, clock)?),
    })
}

/// Why there is no frame. Each sentence names the thing, the reason and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// Not the end: the next read may have a frame.
    #[error("{camera} is lost, as {reason}; handwave goes on when it is back")]
    Lost { camera: String, reason: String },
    #[error("the camera's thread broke off by a fault of handwave's own, told above; start it again, and report that")]
    Panicked,
    #[cfg(feature = "webcam")]
    #[error(transparent)]
    Webcam(#[from] webcam::WebcamError),
    #[cfg(not(feature = "webcam"))]
    #[error(
        "camera {index} can't be opened: this handwave was built without its feature `webcam`; name a file or `puppet`"
    )]
    NoWebcams { index: u32 },
    #[error("cannot read {}: {reason}; name a picture, a video or a folder of pictures that exists", path.display())]
    Unreadable { path: PathBuf, reason: std::io::Error },
    #[error("{} is an empty file; copy it again from where it came", path.display())]
    Empty { path: PathBuf },
    #[error("{} is text, whatever its name says; name a picture, a video or a folder of pictures", path.display())]
    Text { path: PathBuf },
    #[error("the picture {} can't be read ({reason}); copy it again, or save it anew as JPEG or PNG", path.display())]
    Picture { path: PathBuf, reason: String },
    #[error("{} is too large ({width}x{height} pixels, {MOST_BYTES} bytes at most); make it smaller", path.display())]
    Large { path: PathBuf, width: u32, height: u32 },
    #[error(
        "the folder {} has no picture that can be read; put JPEG, PNG, GIF, WebP or BMP files into it", path.display()
    )]
    NoPictures { path: PathBuf },
    #[error(
        "{} is no picture that handwave reads itself, and for videos it needs ffmpeg, which is not installed; \
         install it (Debian: apt-get install ffmpeg; macOS: brew install ffmpeg)", path.display()
    )]
    NoFfmpeg { path: PathBuf },
    #[error("ffmpeg can't read {} ({reason}); copy it again, or save it anew as MP4 or JPEG", path.display())]
    Video { path: PathBuf, reason: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resizing_keeps_the_buffer() {
        let mut frame = Frame { time: Duration::ZERO, picture: RgbImage::new(40, 30) };
        let before = frame.picture.as_ptr();
        frame.resize((30, 20));
        assert_eq!((frame.picture.dimensions(), frame.picture.as_ptr()), ((30, 20), before));
    }
}
