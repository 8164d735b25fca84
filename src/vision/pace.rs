//! When a frame is worth a reading and a search. In: times, and how lively the scene is. Out: yes or no. Pure.

use std::time::Duration;

use super::motion::Life;
use super::settings::Settings;

/// A hand may be blurred while it comes in, and be still when it is there: what began to move is searched for so long.
pub const AFTERMATH: Duration = Duration::from_millis(150);

/// How long after the last search the next one is due. `followed`: hands are; `lost`: one of them is gone.
pub fn search_after(settings: &Settings, life: Life, followed: bool, lost: bool) -> Duration {
    match life {
        _ if lost => settings.search_moving,
        // What moves beside a followed hand is mostly the person it belongs to.
        Life::Moving if followed => settings.search_restless,
        Life::Moving => settings.search_moving,
        Life::Restless if !followed => settings.search_restless,
        Life::Restless | Life::Still => settings.search_still,
    }
}

/// Whether the frame `since` the last reading, `step` after the frame before it, is to be read as the next one would be
/// late: by more than a quarter of a step, so that 10 readings a second are every third frame of 30, however times jitter.
pub fn is_time(settings: &Settings, since: Duration, step: Duration) -> bool {
    since + step * 3 / 4 > settings.follow_still
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn still_hands_are_read_ten_times_a_second_at_any_frame_rate() {
        let settings = Config::shipped().vision;
        for (fps, frames) in [(8, 1), (15, 1), (24, 2), (25, 2), (30, 3), (50, 5), (60, 6)] {
            let step = Duration::from_secs(1) / fps;
            let read = (1..).find(|&n| is_time(&settings, step * n, step));
            assert_eq!(read, Some(frames), "{fps} frames a second");
        }
    }

    #[test]
    fn a_hold_always_contains_a_search() {
        let config = Config::shipped();
        for life in [Life::Still, Life::Restless, Life::Moving] {
            assert!(search_after(&config.vision, life, true, false) < config.gesture.hold_launch);
        }
    }
}
