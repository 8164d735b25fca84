//! The clock and the timeout that both processes of a webcam share.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How long the camera's process may be silent while it opens the camera.
pub const OPENING: Duration = Duration::from_secs(10);

/// The system's monotonic clock, which all processes share.
pub fn monotonic() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}
