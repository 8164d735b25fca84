//! A webcam. In: its index. Out: frames; and word that it is lost, over and over until it is back.
//!
//! The camera itself is in a process of its own ([`child`]), which sends frames through a pipe. Here is its parent: it
//! notices silence, kills, and starts anew.

pub mod child;
pub mod device;
pub mod format;
pub mod jpeg;
pub mod pipe;
pub mod pixels;

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::time::{ClockId, clock_gettime};

use super::{Camera, CameraError, Frame, Settings, Status};
use device::{Device, Label, Reason, Trouble};
use format::Wish;
use pipe::{Message, Opened, PipeError};

/// A camera that delivers nothing for so long has stalled. Above the period of the slowest rate that webcams have, one
/// a second, and below the two seconds in which a person is to be told.
const STALL: Duration = Duration::from_millis(1250);
/// How long a camera may take to its first picture: some measure the light first.
const FIRST: Duration = Duration::from_secs(5);
/// How long its process may be silent while it opens the camera.
const OPENING: Duration = Duration::from_secs(10);
/// How often a lost camera is told again: whoever reads must be able to stop.
const AGAIN: Duration = Duration::from_millis(500);
/// How long a killed process may take to end, before that is left to a thread: the driver may have to wait for its device.
const REAP: Duration = Duration::from_secs(1);

/// What is wrong with a webcam, for a person.
#[derive(Debug, thiserror::Error)]
pub enum WebcamError {
    #[error("there is no {camera}: plug it in, or name another (`handwave cameras` lists them)")]
    Missing { camera: Label },
    #[error(
        "{camera} gives no pictures (a webcam's second device is for its metadata): name another (`handwave cameras` \
         lists them)"
    )]
    NoPictures { camera: Label },
    #[error("{camera} gives no pictures that handwave reads, which are YUYV and MJPEG: name another camera")]
    NoFormat { camera: Label },
    #[error("{camera} is in use by another program: close that program, or name another camera")]
    Busy { camera: Label },
    #[error("{camera} may not be opened ({said}): {REMEDY}")]
    Forbidden { camera: Label, said: String },
    #[error(
        "{camera} gets no room on its USB bus ({said}): plug it into another port, or ask for a smaller picture in \
         config.toml's [camera]"
    )]
    NoRoom { camera: Label, said: String },
    #[error("{camera} can't be opened ({said}): pull it out and put it back, or name another")]
    Broken { camera: Label, said: String },
    #[error("handwave can't start itself again for the camera ({0}): are there too many processes?")]
    NoProcess(io::Error),
    #[error("a camera does not answer ({0}): pull it out and put it back")]
    Silent(PipeError),
}

const REMEDY: &str = if cfg!(target_os = "macos") {
    "allow it in System Settings, Privacy & Security, Camera"
} else {
    "add yourself to its group (sudo usermod -aG video $USER) and log in again"
};

impl WebcamError {
    /// What is wrong with the camera of this index, in words.
    pub fn of(index: u32, trouble: Trouble) -> WebcamError {
        let (camera, said) = (Label(index), trouble.said);
        match trouble.reason {
            Reason::Missing => WebcamError::Missing { camera },
            Reason::NoPictures => WebcamError::NoPictures { camera },
            Reason::NoFormat => WebcamError::NoFormat { camera },
            Reason::Busy => WebcamError::Busy { camera },
            Reason::Forbidden => WebcamError::Forbidden { camera, said },
            Reason::NoRoom => WebcamError::NoRoom { camera, said },
            Reason::Crashed | Reason::Other => WebcamError::Broken { camera, said },
        }
    }
}

impl From<&Settings> for Wish {
    fn from(settings: &Settings) -> Wish {
        Wish { width: settings.width, height: settings.height, fps: settings.fps }
    }
}

/// The cameras there are, and the devices that only look like one.
pub fn list() -> Result<Vec<Device>, WebcamError> {
    let mut link = Link::start(&child::Task::List).map_err(WebcamError::NoProcess)?;
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

/// A camera that was opened once, and is looked for when it is lost.
pub struct Webcam {
    watch: child::Watch,
    /// Frame times count from here.
    started: Duration,
    /// The newest frame's time.
    newest: Duration,
    link: Option<Link>,
    /// Whether a frame has ever come. A camera that fails before is told as an error, not waited for.
    delivered: bool,
    /// Why there are no frames now.
    lost: Option<String>,
    damaged: u64,
    /// What is said of the newest damaged picture.
    damage: Option<String>,
}

impl Webcam {
    /// Opens the camera in the format nearest to the wish.
    pub fn open(index: u32, wish: Wish) -> Result<Webcam, WebcamError> {
        let watch = child::Watch { index, name: None, wish, wait: false };
        let started = monotonic();
        let mut webcam = Webcam {
            watch,
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
        Link::start(&child::Task::Watch(self.watch.clone()))
    }

    fn opened(&mut self, link: &mut Link, opened: Opened) {
        link.expect(FIRST);
        let Opened { index, name, format } = opened;
        tracing::info!("{}: {name}, {format}", Label(index));
        let Wish { width, height, fps } = self.watch.wish;
        if (format.width, format.height, f64::from(format.fps)) != (width, height, fps) {
            tracing::info!("config.toml asks for {width}x{height}, {fps} a second; the camera has nothing nearer");
        }
        self.watch.index = index;
        self.watch.name = Some(name).filter(|name| !name.is_empty());
    }

    /// Ends the camera's process; from now on one that waits for the camera is tried.
    fn lose(&mut self, reason: String) -> Result<Status, CameraError> {
        self.link = None;
        self.watch.wait = true;
        self.lost = Some(reason);
        self.still_lost()
    }

    fn still_lost(&self) -> Result<Status, CameraError> {
        let reason = self.lost.clone().unwrap_or_default();
        Err(CameraError::Lost { camera: Label(self.watch.index).to_string(), reason })
    }

    fn skip(&mut self, damage: String) {
        self.damaged += 1;
        // The first, the tenth, the hundredth...: a camera that goes bad must not fill the screen.
        if 10_u64.pow(self.damaged.ilog10()) == self.damaged {
            let camera = Label(self.watch.index);
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
                        tracing::info!("{}: pictures come", Label(self.watch.index));
                    }
                    (self.delivered, self.lost, self.damage) = (true, None, None);
                    // The system may pause the process just where nokhwa and it take the time; the next frame would then
                    // seem to be of before.
                    self.newest = time.saturating_sub(self.started).max(self.newest);
                    frame.time = self.newest;
                    return Ok(Status::Fresh);
                }
                // Not a sign of life: a camera that sends nothing else has stalled too.
                Ok(Message::Damaged(damage)) => self.skip(damage),
                Ok(Message::Waiting) => link.expect(OPENING),
                Ok(Message::Opened(opened)) => self.opened(&mut link, opened),
                Ok(Message::Failed(trouble)) if !self.delivered && self.lost.is_none() => {
                    return Err(WebcamError::of(self.watch.index, trouble).into());
                }
                failed => {
                    // A process that fails at once must not be started over and over without a pause.
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
            tracing::info!("{}: {} damaged pictures were left out", Label(self.watch.index), self.damaged);
        }
    }
}

/// The camera's process and the pipe from it.
struct Link {
    pipe: Watched,
    /// Silence until then is a stall.
    due: Instant,
    /// Last, so that the pipe is closed when it is killed.
    _process: Process,
}

impl Link {
    fn start(task: &child::Task) -> io::Result<Link> {
        // The running program, even where a newer one has taken its place on the disk.
        let program = if cfg!(target_os = "linux") { "/proc/self/exe".into() } else { std::env::current_exe()? };
        let mut command = Command::new(program);
        command.arg0("handwave").arg("camera-process").arg(serde_json::to_string(task)?);
        // Its stdin ends with us. A group of its own, as Ctrl-C in a terminal is for us alone to act on.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut child = command.spawn()?;
        let stdout = child.stdout.take();
        let process = Process(Some(child));
        let pipe = stdout.ok_or(io::ErrorKind::BrokenPipe)?;
        let due = Instant::now() + OPENING;
        Ok(Link { pipe: Watched { pipe, deadline: due }, due, _process: process })
    }

    fn expect(&mut self, within: Duration) {
        self.due = Instant::now() + within;
    }
}

/// The pipe, read no longer than to a deadline.
struct Watched {
    pipe: ChildStdout,
    deadline: Instant,
}

impl Watched {
    /// Waits for something to read, or the pipe's end.
    fn is_readable(&self, until: Instant) -> bool {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
            match poll(&mut [PollFd::new(&self.pipe, PollFlags::IN)], Some(&timeout)) {
                Ok(0) if Instant::now() >= until => return false,
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                // Where it can't be told, reading tells.
                Ok(_) | Err(_) => return true,
            }
        }
    }
}

impl Read for Watched {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.is_readable(self.deadline) { self.pipe.read(into) } else { Err(io::ErrorKind::TimedOut.into()) }
    }
}

/// A process that is killed and reaped when dropped.
struct Process(Option<Child>);

impl Drop for Process {
    fn drop(&mut self) {
        let Some(mut child) = self.0.take() else { return };
        let _ = child.kill();
        let killed = Instant::now();
        while killed.elapsed() < REAP {
            match child.try_wait() {
                Ok(None) => thread::sleep(Duration::from_millis(2)),
                Ok(Some(_)) | Err(_) => return,
            }
        }
        thread::spawn(move || child.wait());
    }
}

/// The system's monotonic clock, which all processes share.
fn monotonic() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_noticed_in_the_middle_of_a_message_too() {
        let sleeper = |script: &str| {
            let mut child =
                Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).stdin(Stdio::piped()).spawn().unwrap();
            let pipe = Watched { pipe: child.stdout.take().unwrap(), deadline: Instant::now() + STALL };
            (pipe, Process(Some(child)))
        };
        let (mut pipe, _process) = sleeper("printf F123; sleep 99");
        pipe.deadline = Instant::now() + Duration::from_millis(300);
        let error = pipe::read(&mut pipe, &mut Default::default()).unwrap_err();
        assert!(matches!(error, PipeError::Broken(error) if error.kind() == io::ErrorKind::TimedOut));

        let (pipe, process) = sleeper("exec sleep 99");
        assert!(!pipe.is_readable(Instant::now() + Duration::from_millis(100)));
        let before = Instant::now();
        drop(process);
        assert!(before.elapsed() < Duration::from_millis(500), "killed and reaped");
        assert!(pipe.is_readable(Instant::now() + Duration::from_secs(5)), "its end is something to read");
    }
}
