//! The two threads between a camera and its readings. In: a camera and a tracker. Out: a channel of readings.

use std::thread;

use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::model::ModelError;
use super::tracker::Tracker;
use crate::camera::slot::{Pace, Reader, Writer, slot};
use crate::camera::{Camera, CameraError, Frame, Status};
use crate::hand::Reading;

/// Why there are no more readings.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error(transparent)]
    Camera(#[from] CameraError),
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Starts both threads. The channel closes when the camera has ended; they end when the receiver is dropped.
///
/// The channel holds one reading: vision waits for whoever reads it, while the slot goes on taking the latest frame.
pub fn watch(camera: Box<dyn Camera>, tracker: Tracker, pace: Pace) -> Receiver<Result<Reading, WatchError>> {
    let (writer, reader) = slot(pace);
    let (readings, receiver) = channel(1);
    thread::spawn(move || film(camera, writer));
    thread::spawn(move || look(reader, tracker, &readings));
    receiver
}

/// The camera's thread.
fn film(mut camera: Box<dyn Camera>, writer: Writer) {
    let mut frame = Frame::default();
    loop {
        match camera.read(&mut frame) {
            Ok(Status::Fresh) => {
                if !writer.put(&mut frame) {
                    return;
                }
            }
            Ok(Status::Ended) => return,
            Err(error) => return writer.fail(error),
        }
    }
}

/// Vision's thread.
fn look(reader: Reader, mut tracker: Tracker, readings: &Sender<Result<Reading, WatchError>>) {
    let mut frame = Frame::default();
    loop {
        let reading = match reader.take(&mut frame) {
            Ok(Status::Fresh) => tracker.read(&frame).map_err(WatchError::from),
            Ok(Status::Ended) => return,
            Err(error) => Err(error.into()),
        };
        let failed = reading.is_err();
        if readings.blocking_send(reading).is_err() || failed {
            return;
        }
    }
}
