//! What is wrong with a webcam. Each message names the reason and the remedy.

use std::io;

use super::device::{Label, Reason, Trouble};
use super::pipe::PipeError;

/// What is wrong with a webcam, for people.
#[derive(Debug, thiserror::Error)]
pub enum WebcamError {
    #[error("there is no {camera}: plug it in, or name another (`handwave cameras` lists them)")]
    Missing { camera: Label },
    #[error(
        "{camera} gives no pictures (a webcam's second device is for its metadata): name another (`handwave cameras` \
         lists them)"
    )]
    NoPictures { camera: Label },
    #[error("{camera} gives no pictures that handwave reads, which are YUYV and MJPEG: name another camera")]
    NoFormat { camera: Label },
    #[error("{camera} is in use by another program: close that program, or name another camera")]
    Busy { camera: Label },
    #[error("{camera} may not be opened ({said}): {REMEDY}")]
    Forbidden { camera: Label, said: String },
    #[error(
        "{camera} gets no room on its USB bus ({said}): plug it into another port, or ask for a smaller picture in \
         config.toml's [camera]"
    )]
    NoRoom { camera: Label, said: String },
    #[error("{camera} can't be opened ({said}): pull it out and put it back, or name another")]
    Broken { camera: Label, said: String },
    #[error("handwave can't start itself again for the camera ({0}): are there too many processes?")]
    NoProcess(io::Error),
    #[error("a camera does not answer ({0}): pull it out and put it back")]
    Silent(PipeError),
}

const REMEDY: &str = if cfg!(target_os = "macos") {
    "allow it in System Settings, Privacy & Security, Camera"
} else {
    "add yourself to its group (sudo usermod -aG video $USER) and log in again"
};

impl WebcamError {
    /// The error for trouble with the camera of this index.
    pub fn of(index: u32, trouble: Trouble) -> WebcamError {
        let (camera, said) = (Label(index), trouble.said);
        match trouble.reason {
            Reason::Missing => WebcamError::Missing { camera },
            Reason::NoPictures => WebcamError::NoPictures { camera },
            Reason::NoFormat => WebcamError::NoFormat { camera },
            Reason::Busy => WebcamError::Busy { camera },
            Reason::Forbidden => WebcamError::Forbidden { camera, said },
            Reason::NoRoom => WebcamError::NoRoom { camera, said },
            Reason::Crashed | Reason::Other => WebcamError::Broken { camera, said },
        }
    }
}
