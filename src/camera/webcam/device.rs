//! The system's cameras, through nokhwa. In: an index. Out: names, formats, an open camera, or what is wrong with it.
//!
//! Only the camera's own process may call this: nokhwa may block forever or panic, depending on the driver.

use std::cmp::Reverse;
use std::fmt;

use nokhwa::Camera;
use nokhwa::utils::{
    ApiBackend, CameraFormat, CameraIndex, CameraInfo, FrameFormat, RequestedFormat, RequestedFormatType, Resolution,
};
use nokhwa::{NokhwaError, query};
use serde::{Deserialize, Serialize};

use super::format::{Encoding, Format};

const READABLE: [FrameFormat; 2] = [FrameFormat::YUYV, FrameFormat::MJPEG];

/// A device's place in the system: a webcam has several, for its pictures and for its metadata.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Node {
    pub index: u32,
    pub name: String,
    /// Where it is plugged in, or what else tells it from another of its model. None: the system does not say.
    pub port: Option<String>,
}

/// A device that calls itself a camera.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Device {
    pub index: u32,
    pub name: String,
    pub state: State,
}

/// What a device is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum State {
    Camera(Vec<Format>),
    Trouble(Trouble),
}

/// What is wrong with a camera, and what the system said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    pub reason: Reason,
    pub said: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    Missing,
    /// It delivers no pictures: a webcam's metadata node, for example.
    NoPictures,
    /// It delivers pictures, but in no format that handwave reads.
    NoFormat,
    Busy,
    Forbidden,
    /// Its USB bus has no bandwidth left.
    NoRoom,
    /// Its process panicked.
    Crashed,
    Other,
}

/// A device's path, where the system has one.
pub fn path(index: u32) -> Option<String> {
    cfg!(target_os = "linux").then(|| format!("/dev/video{index}"))
}

/// A device's name in sentences.
#[derive(Debug)]
pub struct Label(pub u32);

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match path(self.0) {
            Some(path) => write!(f, "camera {} ({path})", self.0),
            None => write!(f, "camera {}", self.0),
        }
    }
}

/// Every device, cameras or not, ordered by index.
pub fn nodes() -> Result<Vec<Node>, Trouble> {
    let infos = query(ApiBackend::Auto).map_err(trouble)?;
    let node = |info: &CameraInfo| {
        let index = info.index().as_index().ok()?;
        Some(Node { index, name: info.human_name(), port: port(index, info) })
    };
    let mut nodes: Vec<Node> = infos.iter().filter_map(node).collect();
    nodes.sort();
    Ok(nodes)
}

/// The bus path, such as `.../usb1/1-2/1-2:1.0`, which the camera need not be opened for.
#[cfg(target_os = "linux")]
fn port(index: u32, _info: &CameraInfo) -> Option<String> {
    let device = std::fs::canonicalize(format!("/sys/class/video4linux/video{index}/device")).ok()?;
    Some(device.to_string_lossy().into_owned())
}

/// The unique id, which follows from the port and the model.
#[cfg(not(target_os = "linux"))]
fn port(_index: u32, info: &CameraInfo) -> Option<String> {
    Some(info.misc()).filter(|id| !id.is_empty())
}

/// Opens a camera in any format, and returns it with its formats.
pub fn open(index: u32) -> Result<(Camera, Vec<Format>), Trouble> {
    let mut camera = open_as(index, &READABLE)
        // Some drivers refuse the first format that they offer, and nokhwa gives up. Try the other encoding.
        .or_else(|first| open_as(index, &READABLE[1..]).map_err(|_| first))
        .map_err(|error| match trouble(error) {
            Trouble { reason: Reason::NoFormat, said } if !takes_pictures(index) => {
                Trouble { reason: Reason::NoPictures, said }
            }
            other => other,
        })?;
    let formats = camera.compatible_camera_formats().map_err(trouble)?;
    let mut formats: Vec<Format> = formats.iter().filter_map(from_nokhwa).collect();
    if formats.is_empty() {
        return Err(Trouble { reason: Reason::NoFormat, said: String::new() });
    }
    // nokhwa's order is random.
    formats.sort_by_key(|format| (format.encoding, Reverse((format.width, format.height, format.fps))));
    formats.dedup();
    Ok((camera, formats))
}

fn open_as(index: u32, encodings: &[FrameFormat]) -> Result<Camera, NokhwaError> {
    let first = RequestedFormat::with_formats(RequestedFormatType::None, encodings);
    Camera::new(CameraIndex::Index(index), first)
}

/// Whether the device captures pictures at all. nokhwa does not say.
#[cfg(target_os = "linux")]
fn takes_pictures(index: u32) -> bool {
    use v4l::capability::Flags;
    let capabilities = v4l::Device::new(index as usize).and_then(|device| device.query_caps());
    capabilities.is_ok_and(|device| device.capabilities.contains(Flags::VIDEO_CAPTURE))
}

#[cfg(not(target_os = "linux"))]
fn takes_pictures(_index: u32) -> bool {
    true
}

/// Sets a format. It must be one of the camera's; even so the driver may refuse it.
pub fn choose(camera: &mut Camera, format: Format) -> Result<(), Trouble> {
    let exact = RequestedFormatType::Exact(to_nokhwa(format));
    camera.set_camera_requset(RequestedFormat::with_formats(exact, &READABLE)).map(|_| ()).map_err(trouble)
}

fn from_nokhwa(format: &CameraFormat) -> Option<Format> {
    let encoding = match format.format() {
        FrameFormat::YUYV => Encoding::Yuyv,
        FrameFormat::MJPEG => Encoding::Mjpeg,
        _ => return None,
    };
    Some(Format { width: format.width(), height: format.height(), fps: format.frame_rate(), encoding })
}

fn to_nokhwa(format: Format) -> CameraFormat {
    let encoding = match format.encoding {
        Encoding::Yuyv => FrameFormat::YUYV,
        Encoding::Mjpeg => FrameFormat::MJPEG,
    };
    CameraFormat::new(Resolution::new(format.width, format.height), encoding, format.fps)
}

/// Classifies nokhwa's errors, which are sentences, by the system's error number in them.
pub fn trouble(error: NokhwaError) -> Trouble {
    let mut said = error.to_string();
    let reason = match os_error(&said) {
        // ENOENT, ENXIO, ENODEV.
        Some(2 | 6 | 19) => Reason::Missing,
        // EPERM, EACCES.
        Some(1 | 13) => Reason::Forbidden,
        Some(16) => Reason::Busy,
        Some(28) => Reason::NoRoom,
        // nokhwa's error if no requested format is available.
        None if said.contains("Fufill") => Reason::NoFormat,
        _ => Reason::Other,
    };
    // The system's own message is enough.
    if let Some((_, system)) = said.rsplit_once(": ").filter(|(_, system)| os_error(system).is_some()) {
        said = system.into();
    }
    Trouble { reason, said }
}

/// The number in `... (os error 16)`.
fn os_error(said: &str) -> Option<i32> {
    let (_, rest) = said.rsplit_once("(os error ")?;
    rest.split(')').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn troubles_are_told_apart_by_the_systems_number() {
        let opening = |said: &str| trouble(NokhwaError::OpenDeviceError("0".into(), said.into())).reason;
        assert_eq!(opening("V4L2 Error: No such file or directory (os error 2)"), Reason::Missing);
        assert_eq!(opening("V4L2 Error: Permission denied (os error 13)"), Reason::Forbidden);
        assert_eq!(opening("V4L2 Error: Device or resource busy (os error 16)"), Reason::Busy);
        assert_eq!(opening("V4L2 Error: No space left on device (os error 28)"), Reason::NoRoom);
        assert_eq!(opening("V4L2 Error: (os error many)"), Reason::Other);
        assert_eq!(opening("V4L2 Error: Invalid argument (os error 22)"), Reason::Other);
        let error = NokhwaError::OpenDeviceError("0".into(), "V4L2 Error: Permission denied (os error 13)".into());
        assert_eq!(trouble(error).said, "Permission denied (os error 13)");
        let error = NokhwaError::GeneralError("not: a system's word".into());
        assert_eq!(trouble(error).said, "Error: not: a system's word");
        let reading = NokhwaError::ReadFrameError("No such device (os error 19)".into());
        assert_eq!(trouble(reading).reason, Reason::Missing);
    }
}
