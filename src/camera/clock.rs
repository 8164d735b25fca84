//! Paces recorded frames. In: a frame's time on its camera's clock. Out: the call returns when the frame is due.

use std::time::{Duration, Instant};

/// When frames are due.
#[derive(Debug)]
pub struct Clock {
    fast: bool,
    /// The real time of the first frame, and that frame's own time.
    start: Option<(Instant, Duration)>,
}

impl Clock {
    /// Frames come in real time.
    pub fn real_time() -> Clock {
        Clock { fast: false, start: None }
    }

    /// Frames come as fast as possible.
    pub fn fast() -> Clock {
        Clock { fast: true, start: None }
    }

    pub fn is_fast(&self) -> bool {
        self.fast
    }

    /// Sleeps until the frame of this time is due: the first at once, the others as long after it as their times say. A
    /// late frame does not wait, and the next ones catch up.
    pub fn wait_until(&mut self, time: Duration) {
        if self.fast {
            return;
        }
        let (began, first) = *self.start.get_or_insert_with(|| (Instant::now(), time));
        std::thread::sleep(time.saturating_sub(first).saturating_sub(began.elapsed()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    fn waited(clock: &mut Clock, time: Duration) -> Duration {
        let before = Instant::now();
        clock.wait_until(time);
        before.elapsed()
    }

    #[test]
    fn frames_come_as_they_were_taken() {
        let mut clock = Clock::real_time();
        let before = Instant::now();
        assert!(waited(&mut clock, 5000 * MILLISECOND) < 500 * MILLISECOND, "the first comes at once");
        clock.wait_until(5060 * MILLISECOND);
        assert!(before.elapsed() >= 60 * MILLISECOND);
        assert!(waited(&mut clock, 4000 * MILLISECOND) < 500 * MILLISECOND, "time that runs back does not wait");
    }

    #[test]
    fn a_late_frame_is_not_waited_for() {
        let mut clock = Clock::real_time();
        clock.wait_until(Duration::ZERO);
        std::thread::sleep(20 * MILLISECOND);
        let before = Instant::now();
        for frame in 1..=20 {
            clock.wait_until(frame * MILLISECOND);
        }
        assert!(before.elapsed() < 15 * MILLISECOND, "20 ms of frames have been due already");
    }

    #[test]
    fn fast_never_waits() {
        let mut clock = Clock::fast();
        clock.wait_until(Duration::ZERO);
        assert!(waited(&mut clock, Duration::from_secs(3600)) < Duration::from_secs(1));
    }
}
