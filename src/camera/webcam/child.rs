//! The camera's own process: owns the camera and decodes its pictures. In: a task on the command line. Out: messages on
//! stdout, until the camera is lost or stdin ends. Stdin ends with the parent, however that ends.
//!
//! It is a process of its own because nokhwa blocks forever on a camera that stalls, holds the device meanwhile, and
//! may panic when its stream is dropped. The parent kills it, and the system cleans up.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use image::RgbImage;
use nokhwa::Camera;
use nokhwa::NokhwaError;
use serde::{Deserialize, Serialize};

use super::clock::monotonic;
use super::device::{self, Device, Reason, State, Trouble};
use super::format::{Format, Wish, sort_by_nearness};
use super::pipe::{self, Message, Opened};
use super::pixels::Decoder;

/// The interval at which a missing camera is looked for.
const LOOK: Duration = Duration::from_millis(200);
/// The interval at which the parent is told that it is still missing.
const SAY: Duration = Duration::from_secs(1);
/// How many formats are tried, the nearest first: drivers may refuse formats that they offer.
const TRIES: usize = 8;
/// A picture with an older timestamp than this on arrival has a wrong one.
const OLDEST: Duration = Duration::from_secs(1);

/// What the process shall do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Task {
    /// List the cameras.
    List,
    Deliver(Wanted),
}

/// Which camera shall deliver, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wanted {
    pub index: u32,
    /// The camera's name, once known: plugged in again, it may get another index.
    pub name: Option<String>,
    pub wish: Wish,
    /// Whether to wait for a missing camera rather than fail.
    pub wait: bool,
}

/// Does the task, and reports on stdout how it ended.
pub fn run(task: &Task) -> ExitCode {
    thread::spawn(|| {
        // The parent never writes to stdin: this returns when the parent ends.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        std::process::exit(0);
    });
    let Ok(stdout) = io::stdout().as_fd().try_clone_to_owned() else { return ExitCode::FAILURE };
    // Not through std's stdout, which scans for line ends.
    let mut out = BufWriter::new(File::from(stdout));
    // A panic's message goes to the parent, not to the terminal.
    std::panic::set_hook(Box::new(|_| {}));
    let outcome = catch_unwind(AssertUnwindSafe(|| match task {
        Task::List => list(&mut out),
        Task::Deliver(wanted) => follow(wanted, &mut out),
    }));
    let trouble = match outcome {
        Ok(Ok(())) => return ExitCode::SUCCESS,
        Ok(Err(End::Unheard)) => return ExitCode::FAILURE,
        Ok(Err(End::Trouble(trouble))) => trouble,
        Err(panic) => Trouble { reason: Reason::Crashed, said: words(panic.as_ref()) },
    };
    let _ = pipe::write(&mut out, &Message::Failed(trouble), &RgbImage::default());
    ExitCode::FAILURE
}

/// Why the task has ended.
enum End {
    Trouble(Trouble),
    /// The parent no longer reads.
    Unheard,
}

impl From<Trouble> for End {
    fn from(trouble: Trouble) -> End {
        End::Trouble(trouble)
    }
}

impl From<NokhwaError> for End {
    fn from(error: NokhwaError) -> End {
        End::Trouble(device::trouble(error))
    }
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> End {
        End::Unheard
    }
}

fn list(out: &mut impl Write) -> Result<(), End> {
    allow();
    for (index, name) in device::devices()? {
        let state = match device::open(index) {
            Ok((_, formats)) => State::Camera(formats),
            Err(trouble) => State::Trouble(trouble),
        };
        pipe::write(out, &Message::Listed(Device { index, name, state }), &RgbImage::default())?;
    }
    Ok(())
}

/// Sends frames from the camera until an error.
fn follow(wanted: &Wanted, out: &mut impl Write) -> Result<(), End> {
    allow();
    let mut said = Instant::now();
    let (mut camera, opened) = loop {
        match open(wanted) {
            Ok(opened) => break opened,
            Err(trouble) if !wanted.wait => return Err(trouble.into()),
            Err(_) => thread::sleep(LOOK),
        }
        if said.elapsed() >= SAY {
            said = Instant::now();
            pipe::write(out, &Message::Waiting, &RgbImage::default())?;
        }
    };
    let Format { encoding, width, height, .. } = opened.format;
    pipe::write(out, &Message::Opened(opened), &RgbImage::default())?;
    let mut decoder = Decoder::new(encoding, (width, height));
    let mut picture = RgbImage::default();
    loop {
        let buffer = camera.frame()?;
        let time = taken(buffer.capture_timestamp());
        let message = match decoder.decode(buffer.buffer(), &mut picture) {
            Ok(()) => Message::Frame(time),
            Err(damage) => Message::Damaged(damage.to_string()),
        };
        pipe::write(out, &message, &picture)?;
    }
}

/// Opens the camera in the format nearest to the wish, and its stream.
fn open(wanted: &Wanted) -> Result<(Camera, Opened), Trouble> {
    let mut first = None;
    for (index, name) in candidates(wanted, device::devices()?) {
        match open_one(index, &wanted.wish) {
            Ok((camera, format)) => return Ok((camera, Opened { index, name, format })),
            Err(trouble) => first = first.or(Some(trouble)),
        }
    }
    // No device has that index or name: opening the index anyway gives the reason.
    match first {
        Some(trouble) => Err(trouble),
        None => open_one(wanted.index, &wanted.wish)
            .map(|(camera, format)| (camera, Opened { index: wanted.index, name: String::new(), format })),
    }
}

/// The devices to try, in order: those with the camera's name, the old index first, then the index asked for. A
/// webcam's metadata node has the same name, so there may be several.
fn candidates(wanted: &Wanted, mut devices: Vec<(u32, String)>) -> Vec<(u32, String)> {
    let rank = |(index, name): &(u32, String)| (Some(name) != wanted.name.as_ref(), *index != wanted.index, *index);
    devices.retain(|device| Some(&device.1) == wanted.name.as_ref() || device.0 == wanted.index);
    devices.sort_by_key(rank);
    devices
}

fn open_one(index: u32, wish: &Wish) -> Result<(Camera, Format), Trouble> {
    let (mut camera, mut formats) = device::open(index)?;
    sort_by_nearness(&mut formats, wish);
    let mut refused = Trouble { reason: Reason::NoFormat, said: String::new() };
    for format in formats.into_iter().take(TRIES) {
        match device::choose(&mut camera, format) {
            Ok(()) => {
                camera.open_stream().map_err(device::trouble)?;
                return Ok((camera, format));
            }
            Err(trouble) => refused = trouble,
        }
    }
    Err(refused)
}

/// When a picture was taken, on the system's monotonic clock. nokhwa gives the time of day, which can be set at any
/// time; the picture's age, computed right away, is correct anyway.
fn taken(time_of_day: Option<Duration>) -> Duration {
    let now = monotonic();
    let today = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let age = time_of_day.and_then(|then| today.checked_sub(then)).filter(|age| *age < OLDEST);
    now.saturating_sub(age.unwrap_or_default())
}

/// A panic's message.
fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no reason given").into()
}

/// macOS asks the user before the first access to a camera.
fn allow() {
    #[cfg(target_os = "macos")]
    {
        let (answered, answer) = std::sync::mpsc::channel();
        nokhwa::nokhwa_initialize(move |_| {
            let _ = answered.send(());
        });
        let _ = answer.recv_timeout(super::clock::OPENING - SAY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(index: u32, name: Option<&str>) -> Vec<u32> {
        let wish = Wish { width: 640, height: 480, fps: 30.0 };
        let wanted = Wanted { index, name: name.map(String::from), wish, wait: true };
        let devices = [(0, "Built-in"), (1, "Built-in"), (2, "Lab"), (3, "Lab"), (4, "Lab")];
        let devices = devices.map(|(index, name)| (index, name.to_string()));
        candidates(&wanted, devices.into()).into_iter().map(|(index, _)| index).collect()
    }

    #[test]
    fn a_camera_put_back_is_found_by_its_name() {
        assert_eq!(found(0, None), [0]);
        assert_eq!(found(3, Some("Lab")), [3, 2, 4]);
        assert_eq!(found(0, Some("Lab")), [2, 3, 4, 0]);
        assert_eq!(found(9, Some("Lab")), [2, 3, 4]);
        assert_eq!(found(9, Some("Gone")), [0; 0]);
    }

    #[test]
    fn a_pictures_time_is_how_long_ago_it_was_taken() {
        let now = monotonic();
        let today = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let age = |time: Duration| (monotonic().saturating_sub(time)).as_millis();
        assert!((100..200).contains(&age(taken(Some(today - Duration::from_millis(100))))));
        for nonsense in [None, Some(Duration::ZERO), Some(today + Duration::from_secs(99))] {
            assert!(age(taken(nonsense)) < 100, "{nonsense:?} is taken for now");
        }
        assert!(monotonic() >= now);
    }
}
