//! Why a camera gives no frame. Each message names the thing, the reason and the remedy.

use std::path::PathBuf;

use super::name::Name;

#[cfg(feature = "webcam")]
use super::webcam::error::WebcamError;

/// Why there is no frame.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// Not the end: the next read may have a frame.
    #[error("{camera} is lost, as {reason}; handwave goes on when it is back")]
    Lost { camera: String, reason: String },
    #[error("the camera's thread broke off by a fault of handwave's own, told above; start it again, and report that")]
    Panicked,
    #[cfg(feature = "webcam")]
    #[error(transparent)]
    Webcam(#[from] WebcamError),
    #[cfg(not(feature = "webcam"))]
    #[error(
        "camera {index} can't be opened: this handwave was built without its feature `webcam`; name a file or `puppet`"
    )]
    NoWebcams { index: u32 },
    #[error("cannot read {}: {reason}; name a picture, a video or a folder of pictures that exists", Name(path))]
    Unreadable { path: PathBuf, reason: std::io::Error },
    #[error("{} is an empty file; copy it again from where it came", Name(path))]
    Empty { path: PathBuf },
    #[error("{} is text, whatever its name says; name a picture, a video or a folder of pictures", Name(path))]
    Text { path: PathBuf },
    #[error("the picture {} can't be read ({reason}); copy it again, or save it again as JPEG or PNG", Name(path))]
    Picture { path: PathBuf, reason: String },
    #[error("{} is too large ({width}x{height} pixels, {most} bytes at most); make it smaller", Name(path))]
    Large { path: PathBuf, width: u32, height: u32, most: u64 },
    #[error(
        "the folder {} has no picture that can be read; put JPEG, PNG, WebP, BMP, TIFF or PPM files into it",
        Name(path)
    )]
    NoPictures { path: PathBuf },
    #[error(
        "not all pictures in the folder {} can be read: {skipped} can't, as was told; copy them again, or take them away",
        Name(path)
    )]
    Skipped { path: PathBuf, skipped: u32 },
    #[error(
        "{} is no picture that handwave reads itself, and for videos it needs ffmpeg, which is not installed; \
         install it (Debian: apt-get install ffmpeg; macOS: brew install ffmpeg)",
        Name(path)
    )]
    NoFfmpeg { path: PathBuf },
    #[error("ffmpeg can't read {} ({reason}); copy it again, or save it again as MP4 or JPEG", Name(path))]
    Video { path: PathBuf, reason: String },
    #[error("only a part of {} can be read ({reason}); copy it again, or save it again as MP4", Name(path))]
    Part { path: PathBuf, reason: String },
    #[error("ffmpeg can't read {} from a pipe ({reason}); save it as a file, and name that", Name(path))]
    Piped { path: PathBuf, reason: String },
    #[error(
        "the HEIC or AVIF picture {} can't be read ({reason}); install ffmpeg 8 or newer, or save it as JPEG",
        Name(path)
    )]
    Heif { path: PathBuf, reason: String },
}
