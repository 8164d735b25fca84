//! Where frames come from. In: what the user named. Out: frames, each with its time on the camera's own clock.

pub mod clock;
pub mod file;
pub mod puppet;
pub mod slot;
#[cfg(feature = "webcam")]
pub mod webcam;

use std::fmt;
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::time::Duration;

use image::RgbImage;
use serde::Deserialize;

use crate::config::{Nonsense, demand};
use clock::Clock;
use file::MOST_BYTES;
use puppet::Puppet;

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

/// What can be watched, as `--camera` and `source` in config.toml name it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Source {
    /// The rendered hand, playing its demonstration.
    Puppet,
    /// A webcam, by its index.
    Webcam(u32),
    /// A picture, a folder of pictures, an animated GIF or a video.
    File(PathBuf),
}

impl Source {
    /// Any name means something: what is no camera's name is a file's.
    pub fn parse(name: &str) -> Source {
        match name {
            "puppet" => Source::Puppet,
            name => webcam_index(name).map_or_else(|| Source::File(name.into()), Source::Webcam),
        }
    }
}

/// The index in a webcam's name: `0`, `/dev/video0`, or a link to it (`/dev/v4l/by-id/...`).
fn webcam_index(name: &str) -> Option<u32> {
    let device = |path: &str| path.strip_prefix("/dev/video")?.parse().ok();
    name.parse().ok().or_else(|| device(name)).or_else(|| {
        let path = name.starts_with("/dev/").then(|| PathBuf::from(name).canonicalize().ok())??;
        device(path.to_str()?)
    })
}

impl fmt::Display for Source {
    /// As it is named on the command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Puppet => f.write_str("puppet"),
            Source::Webcam(index) => write!(f, "{index}"),
            Source::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl From<String> for Source {
    fn from(name: String) -> Source {
        Source::parse(&name)
    }
}

/// The `[camera]` section of config.toml, where each setting says its unit and reason.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    pub source: Source,
    pub width: u32,
    pub height: u32,
    pub fps: f64,
    pub mirrored: bool,
}

impl Settings {
    pub fn check(&self) -> Result<(), Nonsense> {
        demand((64..=8192).contains(&self.width), "camera.width", "must be from 64 to 8192 pixels")?;
        demand((64..=8192).contains(&self.height), "camera.height", "must be from 64 to 8192 pixels")?;
        demand((0.1..=1000.0).contains(&self.fps), "camera.fps", "must be from 0.1 to 1000 frames a second")
    }
}

/// The camera for a source, delivering in real time, or as fast as it goes where `fast`.
pub fn open(source: &Source, settings: &Settings, fast: bool) -> Result<Box<dyn Camera>, CameraError> {
    let clock = if fast { Clock::fast() } else { Clock::real_time() };
    Ok(match source {
        Source::Puppet => {
            let size = (settings.width, settings.height);
            Box::new(Puppet::new(puppet::demo::script(), size, settings.fps, clock))
        }
        #[cfg(feature = "webcam")]
        Source::Webcam(index) => Box::new(webcam::Webcam::open(*index, settings.into())?),
        #[cfg(not(feature = "webcam"))]
        Source::Webcam(index) => return Err(CameraError::NoWebcams { index: *index }),
        Source::File(path) => Box::new(file::FileCamera::open(path, settings.fps, clock)?),
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
    use crate::config::Config;

    #[test]
    fn resizing_keeps_the_buffer() {
        let mut frame = Frame { time: Duration::ZERO, picture: RgbImage::new(40, 30) };
        let before = frame.picture.as_ptr();
        frame.resize((30, 20));
        assert_eq!((frame.picture.dimensions(), frame.picture.as_ptr()), ((30, 20), before));
    }

    #[test]
    fn a_webcam_is_named_by_its_number_or_its_path() {
        assert_eq!(Source::parse("0"), Source::Webcam(0));
        assert_eq!(Source::parse("/dev/video12"), Source::Webcam(12));
        for file in ["", "-1", "0.mp4", "./0", "/dev/video", "/dev/videos/1", "/dev/null", "/dev/nothing"] {
            assert_eq!(Source::parse(file), Source::File(file.into()));
        }
    }

    #[test]
    fn a_setting_out_of_range_is_refused() {
        let refusal = |text| Config::parse(text, "my.toml").unwrap_err().to_string();
        assert_eq!(
            refusal("[camera]\nfps = 0\n"),
            "my.toml, line 2: `camera.fps` must be from 0.1 to 1000 frames a second"
        );
        assert!(refusal("[camera]\nwidth = 0\n").contains("line 2: `camera.width` must be"));
        assert!(refusal("[camera]\nfps = nan\n").contains("`camera.fps` must be"));
    }
}
