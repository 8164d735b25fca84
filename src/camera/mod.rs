//! Where frames come from. In: the name of a camera or a file. Out: frames, each with its time on the camera's own
//! clock.

pub mod clock;
pub mod error;
pub mod file;
pub mod frame;
mod jpeg;
pub mod light;
pub mod name;
pub mod port;
pub mod puppet;
pub mod settings;
pub mod spec;
#[cfg(feature = "webcam")]
pub mod webcam;

use clock::Clock;
use puppet::Puppet;

pub use error::CameraError;
pub use frame::{Frame, Status};
pub use port::Camera;
pub use settings::Settings;
pub use spec::CameraSpec;

/// Opens the camera for a source. It delivers in real time, or if `fast` (files and the puppet) as fast as possible.
pub fn open(source: &CameraSpec, settings: &Settings, fast: bool) -> Result<Box<dyn Camera>, CameraError> {
    let clock = if fast { Clock::fast() } else { Clock::real_time() };
    Ok(match source {
        CameraSpec::Puppet => {
            let size = (settings.width, settings.height);
            Box::new(Puppet::new(puppet::demo::MAIN.script(), size, settings.fps, clock))
        }
        #[cfg(feature = "webcam")]
        CameraSpec::Webcam(index) => Box::new(webcam::Webcam::open(*index, settings.into())?),
        #[cfg(not(feature = "webcam"))]
        CameraSpec::Webcam(index) => return Err(CameraError::NoWebcams { index: *index }),
        CameraSpec::File(path) => Box::new(file::FileCamera::open(path, settings.fps, clock)?),
    })
}
