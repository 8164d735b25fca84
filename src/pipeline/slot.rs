//! The latest-frame slot between the camera's thread and vision's. In: frames as the camera delivers them. Out: the
//! newest one, when vision is ready for it. It holds one frame and is never a queue, so that readings are never of old
//! frames.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use crate::camera::{CameraError, Frame, Status};

/// What happens to a frame that is still in the slot when the next one comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// It is overwritten and counted as dropped: for real time.
    Latest,
    /// The camera waits until it is taken: for files read as fast as possible.
    Every,
}

/// The two ends of a new, empty slot.
pub fn slot(pace: Pace) -> (Writer, Reader) {
    let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), pace });
    (Writer { shared: shared.clone() }, Reader { shared })
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    pace: Pace,
}

#[derive(Default)]
struct State {
    frame: Frame,
    /// Whether `frame` holds a frame that was not taken yet.
    full: bool,
    dropped: u64,
    /// The camera is lost: the reader gets this before any frame.
    lost: Option<CameraError>,
    /// The writer is gone. `error` is why, until the reader has taken it.
    ended: bool,
    error: Option<CameraError>,
    reader_gone: bool,
}

impl Shared {
    /// The state is consistent at every moment, so a panic while it was locked does no harm.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The camera's end. Dropping it ends the stream.
pub struct Writer {
    shared: Arc<Shared>,
}

impl Writer {
    /// Puts the frame in, and swaps in another whose buffer is free. False if the reader is gone.
    pub fn put(&self, frame: &mut Frame) -> bool {
        let mut state = self.shared.lock();
        while self.shared.pace == Pace::Every && state.full && !state.reader_gone {
            state = self.shared.wait(state);
        }
        if state.reader_gone {
            return false;
        }
        state.dropped += u64::from(state.full);
        std::mem::swap(&mut state.frame, frame);
        state.full = true;
        self.shared.changed.notify_all();
        true
    }

    /// Reports that there are no frames for now, and drops a waiting one, which is outdated. False if the reader is
    /// gone.
    pub fn lose(&self, error: CameraError) -> bool {
        let mut state = self.shared.lock();
        state.dropped += u64::from(std::mem::take(&mut state.full));
        state.lost = Some(error);
        self.shared.changed.notify_all();
        !state.reader_gone
    }

    /// Ends the stream with an error, which the reader gets after the last frame.
    pub fn fail(self, error: CameraError) {
        self.shared.lock().error = Some(error);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_all();
    }
}

/// Vision's end. Dropping it tells the camera that the reader is gone.
pub struct Reader {
    shared: Arc<Shared>,
}

impl Reader {
    /// Waits for a new frame and swaps it into `frame`. A frame that is in the slot when the stream ends or fails is
    /// still delivered. A lost camera is reported once each time, before any frame after it.
    pub fn take(&self, frame: &mut Frame) -> Result<Status, CameraError> {
        let mut state = self.shared.lock();
        while !state.full && !state.ended && !state.reader_gone && state.lost.is_none() {
            state = self.shared.wait(state);
        }
        if state.reader_gone {
            return Ok(Status::Ended);
        }
        if let Some(error) = state.lost.take() {
            return Err(error);
        }
        if state.full {
            std::mem::swap(&mut state.frame, frame);
            state.full = false;
            self.shared.changed.notify_all();
            return Ok(Status::Fresh);
        }
        state.error.take().map_or(Ok(Status::Ended), Err)
    }

    /// A handle that ends this reader's wait from another thread.
    pub fn closer(&self) -> Closer {
        Closer { shared: self.shared.clone() }
    }

    /// The number of frames overwritten so far.
    pub fn dropped(&self) -> u64 {
        self.shared.lock().dropped
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.closer().close();
    }
}

/// Ends a reader's wait from another thread.
pub struct Closer {
    shared: Arc<Shared>,
}

impl Closer {
    /// Has the effect of dropping the reader; a waiting `take` returns the end.
    pub fn close(&self) {
        self.shared.lock().reader_gone = true;
        self.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use image::RgbImage;

    use super::*;

    fn frame(time: u64) -> Frame {
        Frame { time: Duration::from_secs(time), picture: RgbImage::new(4, 3) }
    }

    fn failure() -> CameraError {
        CameraError::Empty { path: "nothing.jpg".into() }
    }

    /// Long enough for a thread that wrongly goes on to have done so.
    fn a_moment() {
        thread::sleep(Duration::from_millis(30));
    }

    #[test]
    fn the_newest_frame_is_taken_and_the_others_are_counted() {
        let (writer, reader) = slot(Pace::Latest);
        for time in 1..=5 {
            assert!(writer.put(&mut frame(time)));
        }
        let mut taken = Frame::default();
        assert_eq!(reader.take(&mut taken).unwrap(), Status::Fresh);
        assert_eq!((taken.time.as_secs(), reader.dropped()), (5, 4));
    }

    #[test]
    fn buffers_are_swapped() {
        let (writer, reader) = slot(Pace::Latest);
        let (mut put, mut taken) = (frame(1), frame(9));
        let buffers = (put.picture.as_ptr(), taken.picture.as_ptr());
        writer.put(&mut put);
        reader.take(&mut taken).unwrap();
        assert_eq!(taken.picture.as_ptr(), buffers.0);
        writer.put(&mut frame(2));
        writer.put(&mut put);
        assert_eq!(put.time.as_secs(), 2, "the overwritten frame's buffer comes back");
    }

    #[test]
    fn at_the_pace_every_no_frame_is_dropped() {
        let (writer, reader) = slot(Pace::Every);
        let camera = thread::spawn(move || (1..=50).all(|time| writer.put(&mut frame(time))));
        let mut taken = Frame::default();
        let mut times = Vec::new();
        while reader.take(&mut taken).unwrap() == Status::Fresh {
            if times.is_empty() {
                a_moment();
            }
            times.push(taken.time.as_secs());
        }
        assert!(camera.join().unwrap());
        assert_eq!((times, reader.dropped()), ((1..=50).collect(), 0));
    }

    #[test]
    fn the_last_frame_comes_before_the_end() {
        let (writer, reader) = slot(Pace::Latest);
        writer.put(&mut frame(1));
        drop(writer);
        let mut taken = Frame::default();
        assert_eq!(reader.take(&mut taken).unwrap(), Status::Fresh);
        assert_eq!(reader.take(&mut taken).unwrap(), Status::Ended);
        assert_eq!(taken.time.as_secs(), 1, "left as it was");
    }

    #[test]
    fn the_last_frame_comes_before_an_error_which_comes_once() {
        let (writer, reader) = slot(Pace::Latest);
        writer.put(&mut frame(1));
        writer.fail(failure());
        let mut taken = Frame::default();
        assert_eq!(reader.take(&mut taken).unwrap(), Status::Fresh);
        assert!(matches!(reader.take(&mut taken), Err(CameraError::Empty { .. })));
        assert_eq!(reader.take(&mut taken).unwrap(), Status::Ended);
    }

    #[test]
    fn a_lost_camera_is_told_before_the_next_frame_and_is_not_the_end() {
        let lost = || CameraError::Lost { camera: "camera 0".into(), reason: "it was pulled out".into() };
        let (writer, reader) = slot(Pace::Latest);
        let mut taken = Frame::default();
        writer.put(&mut frame(1));
        assert!(writer.lose(lost()));
        writer.put(&mut frame(2));
        assert!(matches!(reader.take(&mut taken), Err(CameraError::Lost { .. })));
        assert_eq!(reader.take(&mut taken).unwrap(), Status::Fresh);
        assert_eq!((taken.time.as_secs(), reader.dropped()), (2, 1));
        drop(reader);
        assert!(!writer.lose(lost()), "the wait for a lost camera must end with the reader");
    }

    #[test]
    fn the_writers_end_wakes_a_reader_that_waits() {
        let (writer, reader) = slot(Pace::Latest);
        let vision = thread::spawn(move || reader.take(&mut Frame::default()).unwrap());
        a_moment();
        drop(writer);
        assert_eq!(vision.join().unwrap(), Status::Ended);
    }

    #[test]
    fn the_readers_end_wakes_a_writer_that_waits() {
        let (writer, reader) = slot(Pace::Every);
        assert!(writer.put(&mut frame(1)));
        let camera = thread::spawn(move || writer.put(&mut frame(2)));
        a_moment();
        drop(reader);
        assert!(!camera.join().unwrap());
    }

    #[test]
    fn a_reader_that_waits_is_woken_from_elsewhere() {
        let (writer, reader) = slot(Pace::Latest);
        let closer = reader.closer();
        let vision = thread::spawn(move || reader.take(&mut Frame::default()).unwrap());
        a_moment();
        closer.close();
        assert_eq!(vision.join().unwrap(), Status::Ended);
        assert!(!writer.put(&mut frame(1)));
    }

    #[test]
    fn a_frame_is_refused_once_the_reader_is_gone() {
        let (writer, reader) = slot(Pace::Latest);
        drop(reader);
        assert!(!writer.put(&mut frame(1)));
    }
}
