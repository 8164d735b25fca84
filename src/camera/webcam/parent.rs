//! A webcam, seen from the parent. In: its index. Out: frames; while it is lost, an error on each read.
//!
//! The camera is owned by another process ([`super::child`]), which sends frames through a pipe. The parent detects a
//! stall, kills that process and starts another.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::child::{Lost, Task, Wanted};
use super::clock::{OPENING, monotonic};
use super::device::{Device, Label, Node, Reason, Trouble};
use super::error::WebcamError;
use super::format::Wish;
use super::link::Link;
use super::pipe::{self, Message, Opened, PipeError};
use crate::camera::error::CameraError;
use crate::camera::frame::{Frame, Status};
use crate::camera::port::Camera;

/// A camera that delivers nothing for this long has stalled. It is longer than the period of the slowest webcams (one
/// frame a second), and shorter than the two seconds within which people must be told.
const STALL: Duration = Duration::from_millis(1250);
/// How long a camera may take for its first picture: some measure the light first.
const FIRST: Duration = Duration::from_secs(5);
/// The interval at which a lost camera is reported again, so that the reader can stop.
const AGAIN: Duration = Duration::from_millis(500);

/// Lists the cameras, and the devices that only look like one.
pub fn list() -> Result<Vec<Device>, WebcamError> {
    let mut link = Link::start(&Task::List).map_err(WebcamError::NoProcess)?;
    let mut devices = Vec::new();
    loop {
        link.pipe.deadline = Instant::now() + OPENING;
        match pipe::read(&mut link.pipe, &mut Default::default()) {
            Ok(Message::Listed(device)) => devices.push(device),
            Ok(Message::Failed(trouble)) => return Err(WebcamError::of(0, trouble)),
            Ok(_) => return Err(WebcamError::Silent(PipeError::Garbage)),
            Err(PipeError::Ended) => return Ok(devices),
            Err(error) => return Err(WebcamError::Silent(error)),
        }
    }
}

/// A camera that was opened once, and is reopened when it is lost.
pub struct Webcam {
    wanted: Wanted,
    /// The camera as it was opened last.
    node: Option<Node>,
    /// The zero of frame times.
    started: Duration,
    /// The newest frame's time.
    newest: Duration,
    link: Option<Link>,
    /// Whether a frame has ever come. A failure before that is an error; after it, the camera is lost and waited for.
    delivered: bool,
    /// Why there are no frames now; None while they come.
    lost: Option<String>,
    damaged: u64,
    /// The reason for the newest damaged picture.
    damage: Option<String>,
}

impl Webcam {
    /// Opens the camera in the format nearest to the wish.
    pub fn open(index: u32, wish: Wish) -> Result<Webcam, WebcamError> {
        let wanted = Wanted { index, wish, lost: None };
        let started = monotonic();
        let mut webcam = Webcam {
            wanted,
            node: None,
            started,
            newest: Duration::ZERO,
            link: None,
            delivered: false,
            lost: None,
            damaged: 0,
            damage: None,
        };
        let mut link = webcam.start().map_err(WebcamError::NoProcess)?;
        link.pipe.deadline = Instant::now() + OPENING;
        match pipe::read(&mut link.pipe, &mut Default::default()) {
            Ok(Message::Opened(opened)) => webcam.opened(&mut link, opened),
            Ok(Message::Failed(trouble)) => return Err(WebcamError::of(index, trouble)),
            Ok(_) => return Err(WebcamError::Silent(PipeError::Garbage)),
            Err(error) => return Err(WebcamError::Silent(error)),
        }
        webcam.link = Some(link);
        Ok(webcam)
    }

    fn start(&self) -> io::Result<Link> {
        Link::start(&Task::Deliver(self.wanted.clone()))
    }

    fn opened(&mut self, link: &mut Link, opened: Opened) {
        link.expect(FIRST);
        let Opened { node, format } = opened;
        tracing::info!("{}: {}, {format}", Label(node.index), node.name);
        let Wish { width, height, fps } = self.wanted.wish;
        if (format.width, format.height, f64::from(format.fps)) != (width, height, fps) {
            tracing::info!("config.toml asks for {width}x{height}, {fps} a second; the camera has nothing nearer");
        }
        self.wanted.index = node.index;
        self.wanted.lost = None;
        self.node = Some(node);
    }

    /// Ends the camera's process. The next one waits for the camera.
    fn lose(&mut self, reason: String) -> Result<Status, CameraError> {
        self.link = None;
        if self.wanted.lost.is_none() {
            self.wanted.lost = self.node.clone().map(|node| Lost { node, others: None });
        }
        self.lost = Some(reason);
        self.still_lost()
    }

    fn still_lost(&self) -> Result<Status, CameraError> {
        let reason = self.lost.clone().unwrap_or_default();
        Err(CameraError::Lost { camera: Label(self.wanted.index).to_string(), reason })
    }

    fn skip(&mut self, damage: String) {
        self.damaged += 1;
        // The first, the tenth, the hundredth...: a failing camera must not fill the screen.
        if 10_u64.pow(self.damaged.ilog10()) == self.damaged {
            let camera = Label(self.wanted.index);
            tracing::warn!("{camera}: {} damaged pictures left out so far, this one as {damage}", self.damaged);
        }
        self.damage = Some(damage);
    }

    fn silence(&self) -> String {
        match &self.damage {
            Some(damage) => format!("all its pictures are damaged, the last one as {damage}"),
            None => "it stopped sending pictures".into(),
        }
    }
}

impl Camera for Webcam {
    fn read(&mut self, frame: &mut Frame) -> Result<Status, CameraError> {
        let again = Instant::now() + AGAIN;
        loop {
            let mut link = match self.link.take() {
                Some(link) => link,
                None => match self.start() {
                    Ok(link) => link,
                    Err(error) => {
                        thread::sleep(AGAIN);
                        return self.lose(WebcamError::NoProcess(error).to_string());
                    }
                },
            };
            let until = if self.lost.is_some() { link.due.min(again) } else { link.due };
            if !link.pipe.is_readable(until) {
                if Instant::now() >= link.due {
                    return self.lose(self.silence());
                }
                self.link = Some(link);
                return self.still_lost();
            }
            link.pipe.deadline = Instant::now() + STALL;
            match pipe::read(&mut link.pipe, &mut frame.picture) {
                Ok(Message::Frame(time)) => {
                    link.expect(STALL);
                    self.link = Some(link);
                    if !self.delivered || self.lost.is_some() {
                        tracing::info!("{}: pictures come", Label(self.wanted.index));
                    }
                    (self.delivered, self.lost, self.damage) = (true, None, None);
                    // The process may be suspended between nokhwa's clock reading and ours, and the next frame would
                    // then seem older.
                    self.newest = time.saturating_sub(self.started).max(self.newest);
                    frame.time = self.newest;
                    return Ok(Status::Fresh);
                }
                // Not a sign of life: a camera that sends only damaged pictures has stalled too.
                Ok(Message::Damaged(damage)) => self.skip(damage),
                Ok(Message::Waiting(others)) => {
                    link.expect(OPENING);
                    self.wanted.lost.iter_mut().for_each(|lost| lost.others = Some(others.clone()));
                }
                Ok(Message::Opened(opened)) => self.opened(&mut link, opened),
                Ok(Message::Failed(trouble)) if !self.delivered && self.lost.is_none() => {
                    return Err(WebcamError::of(self.wanted.index, trouble).into());
                }
                failed => {
                    // Pause before restarting a process that fails at once.
                    if self.lost.is_some() {
                        drop(link);
                        thread::sleep(again.saturating_duration_since(Instant::now()));
                    }
                    return self.lose(match failed {
                        Ok(Message::Failed(Trouble { reason: Reason::Missing, .. })) => "it was pulled out".into(),
                        Ok(Message::Failed(trouble)) => trouble.said,
                        Ok(_) => PipeError::Garbage.to_string(),
                        Err(PipeError::Broken(error)) if error.kind() == io::ErrorKind::TimedOut => self.silence(),
                        Err(error) => error.to_string(),
                    });
                }
            }
            self.link = Some(link);
        }
    }
}

impl Drop for Webcam {
    fn drop(&mut self) {
        if self.damaged > 0 {
            tracing::info!("{}: {} damaged pictures were left out", Label(self.wanted.index), self.damaged);
        }
    }
}
