//! Names of cameras. In: a name from the command line or config.toml. Out: which camera or file it means.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

/// A camera or a file, as `--camera` and `source` in config.toml name it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum CameraSpec {
    /// The rendered hand, which plays its demonstration.
    Puppet,
    /// A webcam, by its index.
    Webcam(u32),
    /// A picture, a folder of pictures, an animation or a video.
    File(PathBuf),
}

impl CameraSpec {
    /// Every name is valid: one that is no camera's is taken as a file's path.
    pub fn parse(name: &str) -> CameraSpec {
        match name {
            "puppet" => CameraSpec::Puppet,
            name => webcam_index(name).map_or_else(|| CameraSpec::File(name.into()), CameraSpec::Webcam),
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

impl fmt::Display for CameraSpec {
    /// The name for the command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CameraSpec::Puppet => f.write_str("puppet"),
            CameraSpec::Webcam(index) => write!(f, "{index}"),
            CameraSpec::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl From<String> for CameraSpec {
    fn from(name: String) -> CameraSpec {
        CameraSpec::parse(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webcam_is_named_by_its_number_or_its_path() {
        assert_eq!(CameraSpec::parse("0"), CameraSpec::Webcam(0));
        assert_eq!(CameraSpec::parse("/dev/video12"), CameraSpec::Webcam(12));
        for file in ["", "-1", "0.mp4", "./0", "/dev/video", "/dev/videos/1", "/dev/null", "/dev/nothing"] {
            assert_eq!(CameraSpec::parse(file), CameraSpec::File(file.into()));
        }
    }
}
