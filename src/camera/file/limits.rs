//! How much memory one picture may take.

use std::path::Path;

use crate::camera::error::CameraError;

/// The most memory that one picture may take, in bytes: 89 million pixels, more than cameras have. A hostile file can't
/// take more.
pub const MOST_BYTES: u64 = 256 << 20;

/// Refuses a picture whose pixels would take more memory than that.
pub fn check_size(path: &Path, width: u32, height: u32, bytes_each: u64) -> Result<(), CameraError> {
    if u64::from(width) * u64::from(height) * bytes_each <= MOST_BYTES {
        Ok(())
    } else {
        Err(CameraError::Large { path: path.into(), width, height, most: MOST_BYTES })
    }
}
