//! The threads between a camera and its readings, or the one that replays a recording. In: a camera and a tracker, or a
//! recording. Out: a channel of updates.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc as answers;
use std::thread::{self, JoinHandle};

use image::RgbImage;
use tokio::sync::mpsc;
use tokio::sync::watch::Sender;

use super::recording::{Recording, RecordingError};
use super::slot::{self, Closer, Pace, Reader, Writer};
use super::update::Update;
use crate::camera::{Camera, CameraError, Frame, Status};
use crate::hand::{Due, Reading};
use crate::vision::model::ModelError;
use crate::vision::tracker::Tracker;

/// Where readings come from.
pub enum Input {
    Camera {
        camera: Box<dyn Camera>,
        tracker: Box<Tracker>,
        pace: Pace,
    },
    Recording(Recording),
    /// Nothing to read: the run goes on until somebody quits.
    Nothing,
}

/// Why there are no more readings.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    #[error(transparent)]
    Camera(#[from] CameraError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Recording(#[from] RecordingError),
    #[error("the vision's thread broke off by a fault of handwave's own, told above; start it again, and report that")]
    Panicked,
}

/// Updates as they come, until the source ends; if it ends by an error, that is the last item. Dropping this ends the
/// threads: vision's at once, the camera's at its next frame.
pub struct Readings {
    seen: mpsc::Receiver<Result<Update, PipelineError>>,
    /// An answer to each update: what is due next.
    due: answers::Sender<Option<Due>>,
    unanswered: bool,
    /// Only a camera has one.
    slot: Option<Closer>,
    vision: Option<JoinHandle<()>>,
    /// Held where there is nothing to read, so that the updates do not end.
    _open: Option<mpsc::Sender<Result<Update, PipelineError>>>,
}

impl Readings {
    /// The next update; None after the last one. `due` is the reading that is needed next, after the last update. Where
    /// every frame is read, vision waits for this call before the next one, so that a film always gives the same
    /// readings. The future may be dropped.
    pub async fn recv(&mut self, due: Option<Due>) -> Option<Result<Update, PipelineError>> {
        if std::mem::take(&mut self.unanswered) {
            // A recording asks for nothing.
            let _ = self.due.send(due);
        }
        let next = self.seen.recv().await;
        self.unanswered = next.is_some();
        next
    }
}

impl Drop for Readings {
    fn drop(&mut self) {
        self.seen.close();
        // Vision may wait for an answer.
        self.due = answers::channel().0;
        if let Some(slot) = &self.slot {
            slot.close();
        }
        // ONNX Runtime prints to stderr if the process exits during a run, so wait for that run: a few hundredths of a
        // second.
        let _ = self.vision.take().map(JoinHandle::join);
    }
}

impl Input {
    /// Where to send the keys that move what is shown; None if nothing listens to keys.
    pub fn keys(&mut self) -> Option<std::sync::mpsc::Sender<char>> {
        match self {
            Input::Camera { camera, .. } => camera.keys(),
            Input::Recording(_) | Input::Nothing => None,
        }
    }

    /// Starts the threads. A recording publishes no pictures.
    pub fn start(self, pictures: Sender<RgbImage>) -> Readings {
        match self {
            Input::Camera { camera, tracker, pace } => spawn(camera, *tracker, pace, pictures),
            Input::Recording(recording) => replay(recording),
            Input::Nothing => {
                let (open, seen) = mpsc::channel(1);
                Readings {
                    seen,
                    due: answers::channel().0,
                    unanswered: false,
                    slot: None,
                    vision: None,
                    _open: Some(open),
                }
            }
        }
    }
}

/// Sends a recording's updates from a thread of its own, which ends at its next line once the receiver is gone.
fn replay(recording: Recording) -> Readings {
    let (sender, seen) = mpsc::channel(1);
    thread::spawn(move || {
        for seen in recording {
            let failed = seen.is_err();
            if sender.blocking_send(seen.map_err(PipelineError::from)).is_err() || failed {
                break;
            }
        }
    });
    Readings { seen, due: answers::channel().0, unanswered: false, slot: None, vision: None, _open: None }
}

/// Reads hands from a camera, in two threads. A thread that panics is reported as an error, never as the source's end.
///
/// Each picture is published too, for the views. In real time, a frame that shows nothing new gives no reading, unless
/// it is due.
pub fn spawn(camera: Box<dyn Camera>, tracker: Tracker, pace: Pace, pictures: Sender<RgbImage>) -> Readings {
    let (writer, reader) = slot::slot(pace);
    let slot = reader.closer();
    // At most one reading waits, so that a slow consumer gets new readings, not old ones.
    let (sender, seen) = mpsc::channel(1);
    thread::spawn(move || {
        let delivered = catch_unwind(AssertUnwindSafe(|| deliver(camera, &writer)));
        if let Err(error) = delivered.unwrap_or(Err(CameraError::Panicked)) {
            writer.fail(error);
        }
    });
    let (due, answered) = answers::channel();
    let look = FrameReader { tracker, pace, answered, due: None };
    let vision = thread::spawn(move || {
        let failed = sender.clone();
        if catch_unwind(AssertUnwindSafe(|| read(reader, look, sender, pictures))).is_err() {
            let _ = failed.blocking_send(Err(PipelineError::Panicked));
        }
    });
    Readings { seen, due, unanswered: false, slot: Some(slot), vision: Some(vision), _open: None }
}

/// The camera's thread.
fn deliver(mut camera: Box<dyn Camera>, slot: &Writer) -> Result<(), CameraError> {
    let mut frame = Frame::default();
    loop {
        match camera.read(&mut frame) {
            Ok(Status::Fresh) if slot.put(&mut frame) => {}
            Ok(_) => return Ok(()),
            Err(error @ CameraError::Lost { .. }) => {
                if !slot.lose(error) {
                    return Ok(());
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Which frames are read: all of them, or those that are new or due.
struct FrameReader {
    tracker: Tracker,
    pace: Pace,
    answered: answers::Receiver<Option<Due>>,
    /// The newest answer.
    due: Option<Due>,
}

impl FrameReader {
    fn at(&mut self, frame: &Frame) -> Result<Option<Reading>, ModelError> {
        match self.pace {
            Pace::Latest => {
                self.due = self.answered.try_iter().last().unwrap_or(self.due);
                self.tracker.read_if_new(frame, self.due)
            }
            Pace::Every => self.tracker.read(frame, self.due).map(Some),
        }
    }

    /// Waits for the answer to an update that was sent. Whoever has gone answers no more.
    fn wait(&mut self) {
        if self.pace == Pace::Every {
            self.due = self.answered.recv().unwrap_or_default();
        }
    }
}

/// Vision's thread.
fn read(
    slot: Reader,
    mut look: FrameReader,
    seen: mpsc::Sender<Result<Update, PipelineError>>,
    pictures: Sender<RgbImage>,
) {
    let mut frame = Frame::default();
    let mut lost = false;
    loop {
        let taken = slot.take(&mut frame);
        let was_lost = std::mem::replace(&mut lost, matches!(taken, Err(CameraError::Lost { .. })));
        if was_lost && lost {
            continue;
        }
        let next = match taken {
            Ok(Status::Fresh) => {
                look.at(&frame).map(|reading| reading.map(Update::Reading)).map_err(PipelineError::from)
            }
            Ok(Status::Ended) => break,
            Err(error) if lost => Ok(Some(Update::Lost(error.to_string()))),
            Err(error) => Err(error.into()),
        };
        pictures.send_modify(|shown| shown.clone_from(&frame.picture));
        if was_lost && next.is_ok() {
            if seen.blocking_send(Ok(Update::Back)).is_err() {
                break;
            }
            look.wait();
        }
        let failed = next.is_err();
        let gone = match next.transpose() {
            Some(next) => {
                let gone = seen.blocking_send(next).is_err();
                if !gone && !failed {
                    look.wait();
                }
                gone
            }
            None => seen.is_closed(),
        };
        if gone || failed {
            break;
        }
    }
    tracing::debug!("vision left out {} frames", slot.dropped());
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use image::RgbImage;

    use super::*;
    use crate::config::Config;
    use crate::vision::landmark::{self, LandmarkReader};
    use crate::vision::model::Model;
    use crate::vision::palm::{self, PalmDetector};

    /// A model that sees nothing, or fails.
    struct Blind {
        input: Vec<f32>,
        outputs: Vec<Vec<f32>>,
        run: fn() -> Result<(), ModelError>,
    }

    impl Model for Blind {
        fn input(&mut self) -> &mut [f32] {
            &mut self.input
        }

        fn run(&mut self) -> Result<&[Vec<f32>], ModelError> {
            (self.run)().map(|()| &*self.outputs)
        }
    }

    fn works() -> Result<(), ModelError> {
        Ok(())
    }

    fn tracker(run: fn() -> Result<(), ModelError>) -> Tracker {
        let blind = |side: usize, outputs| Box::new(Blind { input: vec![0.0; 3 * side * side], outputs, run });
        let params = palm::Params { threshold: 0.5, overlap: 0.3, most: 4 };
        let palms = PalmDetector::new(blind(palm::SIDE, vec![vec![0.0; 2016 * 18], vec![-100.0; 2016]]), params);
        let landmarks = LandmarkReader::new(blind(landmark::SIDE, vec![vec![0.0; 63], vec![0.0], vec![0.5]]));
        Tracker::new(palms, landmarks, Config::shipped().vision, false)
    }

    /// A camera with that many frames, a second apart, and then an end. It is lost before each frame in `loses`, once
    /// per entry. A test sees by the other `Arc` when it is dropped.
    struct Fake {
        left: u64,
        time: u64,
        loses: Vec<u64>,
        end: fn() -> Result<Status, CameraError>,
        _alive: Arc<()>,
    }

    impl Fake {
        fn new(left: u64) -> (Box<Fake>, Arc<()>) {
            let alive = Arc::new(());
            let end = || Ok(Status::Ended);
            (Box::new(Fake { left, time: 0, loses: Vec::new(), end, _alive: alive.clone() }), alive)
        }
    }

    impl Camera for Fake {
        fn read(&mut self, frame: &mut Frame) -> Result<Status, CameraError> {
            if self.left == 0 {
                return (self.end)();
            }
            if self.loses.last() == Some(&(self.time + 1)) {
                self.loses.pop();
                return Err(CameraError::Lost { camera: "camera 0".into(), reason: "it was told to".into() });
            }
            self.left -= 1;
            self.time += 1;
            *frame = Frame { time: Duration::from_secs(self.time), picture: RgbImage::new(32, 24) };
            Ok(Status::Fresh)
        }
    }

    /// Everything that comes until the channel closes: times in seconds, errors in words.
    fn all(camera: Box<Fake>, tracker: Tracker, pace: Pace) -> Vec<Result<u64, String>> {
        let pictures = tokio::sync::watch::channel(RgbImage::default()).0;
        let mut readings = spawn(camera, tracker, pace, pictures);
        std::iter::from_fn(|| wait(readings.recv(None)))
            .map(|seen| match seen {
                Ok(Update::Reading(reading)) => Ok(reading.time.as_secs()),
                Ok(Update::Lost(reason)) => Err(reason),
                Ok(Update::Back) => Err("back".into()),
                Ok(Update::Paused(_)) => unreachable!("no camera pauses"),
                Err(error) => Err(error.to_string()),
            })
            .collect()
    }

    fn wait<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    fn wait_for_the_drop_of(alive: &Arc<()>) {
        let began = Instant::now();
        while Arc::strong_count(alive) > 1 {
            assert!(began.elapsed() < Duration::from_secs(5), "the camera is still alive");
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn every_frame_is_read_then_the_channel_closes() {
        let (camera, alive) = Fake::new(20);
        let readings = all(camera, tracker(works), Pace::Every);
        assert_eq!(readings, (1..=20).map(Ok).collect::<Vec<_>>());
        wait_for_the_drop_of(&alive);
    }

    #[test]
    fn what_is_due_is_in_the_very_next_frame() {
        let pictures = tokio::sync::watch::channel(RgbImage::default()).0;
        let mut readings = spawn(Fake::new(20).0, tracker(works), Pace::Every, pictures);
        let mut due = None;
        for second in 1..=20 {
            let Some(Ok(Update::Reading(reading))) = wait(readings.recv(due)) else { panic!("reading {second}") };
            assert_eq!(reading.fresh, due.is_some(), "reading {second}");
            due = (second % 3 == 0).then_some(Due { at: Duration::ZERO, fresh: true });
        }
    }

    #[test]
    fn in_real_time_the_newest_frame_is_read() {
        let (camera, _) = Fake::new(10_000);
        let readings = all(camera, tracker(works), Pace::Latest);
        assert_eq!(readings.last(), Some(&Ok(10_000)));
        assert!(readings.is_sorted());
    }

    #[test]
    fn a_cameras_error_comes_after_its_frames() {
        let mut camera = Fake::new(2).0;
        camera.end = || Err(CameraError::Empty { path: "fake.jpg".into() });
        let readings = all(camera, tracker(works), Pace::Every);
        assert_eq!(readings[..2], [Ok(1), Ok(2)]);
        assert!(readings[2].as_ref().is_err_and(|said| said.contains("fake.jpg is an empty file")), "{readings:?}");
        assert_eq!(readings.len(), 3);
    }

    #[test]
    fn a_lost_camera_is_told_once_and_goes_on() {
        let (mut camera, _) = Fake::new(3);
        camera.loses = vec![3, 3, 1, 1];
        let lost = || Err("camera 0 is lost, as it was told to; handwave goes on when it is back".into());
        let back = || Err("back".into());
        let mut seen = all(camera, tracker(works), Pace::Every);
        // The second frame is dropped if it was not taken when the camera was lost.
        seen.retain(|seen| *seen != Ok(2));
        assert_eq!(seen, [lost(), back(), Ok(1), lost(), back(), Ok(3)]);
    }

    #[test]
    fn a_models_error_ends_the_readings_and_the_camera() {
        let (camera, alive) = Fake::new(u64::MAX);
        let fails = || Err(ModelError::Failed { name: "blind.onnx".into(), reason: "told to".into() });
        let readings = all(camera, tracker(fails), Pace::Every);
        assert_eq!(readings, [Err("the model blind.onnx failed: told to".into())]);
        wait_for_the_drop_of(&alive);
    }

    #[test]
    fn a_thread_that_panics_is_an_error_and_not_the_end() {
        let (mut camera, _) = Fake::new(2);
        camera.end = || panic!("told to");
        let error = |thread| {
            let fault = "broke off by a fault of handwave's own, told above; start it again, and report that";
            Err(format!("the {thread}'s thread {fault}"))
        };
        assert_eq!(all(camera, tracker(works), Pace::Every), [Ok(1), Ok(2), error("camera")]);
        let (camera, alive) = Fake::new(u64::MAX);
        assert_eq!(all(camera, tracker(|| panic!("told to")), Pace::Latest), [error("vision")]);
        wait_for_the_drop_of(&alive);
    }

    #[test]
    fn a_camera_that_blocks_does_not_delay_the_end() {
        let (mut camera, _) = Fake::new(0);
        camera.end = || {
            thread::sleep(Duration::from_secs(60));
            Ok(Status::Ended)
        };
        let pictures = tokio::sync::watch::channel(RgbImage::default()).0;
        let began = Instant::now();
        drop(spawn(camera, tracker(works), Pace::Latest, pictures));
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_dropped_receiver_ends_the_camera() {
        for pace in [Pace::Every, Pace::Latest] {
            let (camera, alive) = Fake::new(u64::MAX);
            let pictures = tokio::sync::watch::channel(RgbImage::default()).0;
            let mut readings = spawn(camera, tracker(works), pace, pictures);
            assert!(wait(readings.recv(None)).is_some());
            drop(readings);
            wait_for_the_drop_of(&alive);
        }
    }
}
