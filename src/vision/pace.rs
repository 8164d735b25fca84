//! Decides when to read a frame and when to search it. In: times, and how lively the scene is. Out: yes or no. Pure.

use std::time::Duration;

use super::motion::Life;
use super::settings::Settings;

/// How long a scene counts as moving after new motion: a hand may be blurred while it comes in, and still once it is
/// there.
pub const AFTERMATH: Duration = Duration::from_millis(150);

/// The interval between searches. `followed`: hands are being followed; `lost`: one of them was lost since the last
/// one.
pub fn search_after(settings: &Settings, life: Life, followed: bool, lost: bool) -> Duration {
    match life {
        _ if lost => settings.search_moving,
        // Movement near a followed hand is mostly the person that it belongs to.
        Life::Moving if followed => settings.search_restless,
        Life::Moving => settings.search_moving,
        Life::Restless if !followed => settings.search_restless,
        Life::Restless | Life::Still => settings.search_still,
    }
}

/// Whether to read the frame that comes `since` the last reading and `step` after the previous frame: yes if the next
/// frame would be late by more than a quarter of a step. So readings 0.17 s apart are every fifth frame of 30 a second,
/// despite jitter.
pub fn is_time(settings: &Settings, since: Duration, step: Duration) -> bool {
    since + step * 3 / 4 > settings.follow_still
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn still_hands_are_read_six_times_a_second_at_any_frame_rate() {
        let settings = Settings::shipped();
        for (fps, frames) in [(8, 1), (15, 2), (24, 4), (25, 4), (30, 5), (50, 8), (60, 10)] {
            let step = Duration::from_secs(1) / fps;
            let read = (1..).find(|&n| is_time(&settings, step * n, step));
            assert_eq!(read, Some(frames), "{fps} frames a second");
        }
    }
}
