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
use super::device::{self, Device, Node, Reason, State, Trouble};
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
    pub wish: Wish,
    /// A camera that was opened and lost is waited for. None: a missing one is an error.
    pub lost: Option<Lost>,
}

/// A camera to wait for. Only itself takes its place, or one that appears later: of two webcams of one model the other
/// one shows what nobody named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lost {
    /// As it was. Plugged in again, it may get another index.
    pub node: Node,
    /// What was there when it was lost, and has been since. None: nobody has looked.
    pub others: Option<Vec<Node>>,
}

impl Lost {
    /// Whether a device is the lost one's: in the same port, or where that is unknown with the same index and name.
    fn is(&self, node: &Node) -> bool {
        match (&self.node.port, &node.port) {
            (Some(lost), Some(port)) => lost == port,
            _ => (self.node.index, &self.node.name) == (node.index, &node.name),
        }
    }

    /// Looks at what is there: at first all that is not the lost camera's is another's; what has gone since is not any
    /// more.
    fn look(&mut self, nodes: &[Node]) {
        let others = match self.others.take() {
            None => nodes.iter().filter(|node| !self.is(node)).cloned().collect(),
            Some(before) => before.into_iter().filter(|node| nodes.contains(node)).collect(),
        };
        self.others = Some(others);
    }

    fn is_another(&self, node: &Node) -> bool {
        self.others.iter().flatten().any(|other| other == node)
    }
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
    for Node { index, name, .. } in device::nodes()? {
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
    let mut wanted = wanted.clone();
    let mut said = None;
    let (mut camera, opened) = loop {
        let nodes = device::nodes();
        if let (Some(lost), Ok(nodes)) = (&mut wanted.lost, &nodes) {
            lost.look(nodes);
            if said.is_none_or(|said: Instant| said.elapsed() >= SAY) {
                said = Some(Instant::now());
                let others = lost.others.clone().unwrap_or_default();
                pipe::write(out, &Message::Waiting(others), &RgbImage::default())?;
            }
        }
        match nodes.and_then(|nodes| open(&wanted, nodes)) {
            Ok(opened) => break opened,
            Err(trouble) if wanted.lost.is_none() => return Err(trouble.into()),
            Err(_) => thread::sleep(LOOK),
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
fn open(wanted: &Wanted, nodes: Vec<Node>) -> Result<(Camera, Opened), Trouble> {
    let mut first = None;
    for node in candidates(wanted, nodes) {
        match open_one(node.index, &wanted.wish) {
            Ok((camera, format)) => return Ok((camera, Opened { node, format })),
            Err(trouble) => first = first.or(Some(trouble)),
        }
    }
    match first {
        Some(trouble) => Err(trouble),
        None if wanted.lost.is_some() => Err(Trouble { reason: Reason::Missing, said: String::new() }),
        // No device has that index: opening it anyway gives the reason.
        None => open_one(wanted.index, &wanted.wish).map(|(camera, format)| {
            let node = Node { index: wanted.index, name: String::new(), port: None };
            (camera, Opened { node, format })
        }),
    }
}

/// The devices to try, in order: those of the lost camera, then others with its name, then the index asked for. A
/// webcam's metadata node has the same name, so there may be several.
fn candidates(wanted: &Wanted, mut nodes: Vec<Node>) -> Vec<Node> {
    let is_lost = |node: &Node| wanted.lost.as_ref().is_some_and(|lost| lost.is(node));
    let is_named = |node: &Node| wanted.lost.as_ref().is_some_and(|lost| lost.node.name == node.name);
    let is_another = |node: &Node| wanted.lost.as_ref().is_some_and(|lost| lost.is_another(node));
    nodes.retain(|node| !is_another(node) && (is_lost(node) || is_named(node) || node.index == wanted.index));
    nodes.sort_by_key(|node| (!is_lost(node), !is_named(node), node.index != wanted.index, node.index));
    nodes
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
    use std::slice;

    use super::*;

    fn node(index: u32, name: &str, port: &str) -> Node {
        Node { index, name: name.into(), port: Some(port.to_owned()).filter(|port| !port.is_empty()) }
    }

    fn wanted(index: u32, lost: Option<Lost>) -> Wanted {
        Wanted { index, wish: Wish { width: 640, height: 480, fps: 30.0 }, lost }
    }

    /// The indices to try after `lost` was lost and each of these lists of devices was seen in turn.
    fn found(lost: &Node, seen: &[&[Node]]) -> Vec<u32> {
        let mut lost = Lost { node: lost.clone(), others: None };
        seen.iter().for_each(|nodes| lost.look(nodes));
        let index = lost.node.index;
        let found = candidates(&wanted(index, Some(lost)), seen.last().unwrap().to_vec());
        found.into_iter().map(|node| node.index).collect()
    }

    #[test]
    fn at_first_the_index_counts() {
        let nodes = vec![node(0, "Built-in", "1-1"), node(1, "Built-in", "1-1"), node(2, "Lab", "1-2")];
        assert_eq!(candidates(&wanted(1, None), nodes.clone()), [nodes[1].clone()]);
        assert_eq!(candidates(&wanted(9, None), nodes), []);
    }

    #[test]
    fn a_lost_camera_is_replaced_by_itself_or_by_one_that_appears_later() {
        let built_in = node(0, "Built-in", "1-1");
        let lab = [node(2, "Lab", "1-2"), node(3, "Lab", "1-2")];
        let twin = [node(4, "Lab", "1-3"), node(5, "Lab", "1-3")];
        let with = |more: &[Node]| [slice::from_ref(&built_in), more].concat();
        let is_gone = with(&twin);
        assert_eq!(found(&lab[0], &[&is_gone]), [0; 0], "its twin was there all along");
        assert_eq!(found(&lab[0], &[&is_gone, &with(&[&lab[..], &twin].concat())]), [2, 3], "it is back");
        let renumbered = [&twin[..], &[node(6, "Lab", "1-2")]].concat();
        assert_eq!(found(&lab[0], &[&is_gone, &with(&renumbered)]), [6], "it has another number");
        let moved = [&twin[..], &[node(2, "Lab", "1-4")]].concat();
        assert_eq!(found(&lab[0], &[&is_gone, &with(&moved)]), [2], "it is in another port");
        assert_eq!(found(&lab[0], &[&is_gone, &with(&[]), &is_gone]), [4, 5], "somebody put its twin in anew");
        let of_another_model = [&twin[..], &[node(2, "New", "1-2")]].concat();
        assert_eq!(found(&lab[0], &[&is_gone, &with(&of_another_model)]), [2], "and so another model");
        assert_eq!(found(&lab[0], &[&with(&[&lab[..], &twin].concat())]), [2, 3], "it only stalled");
    }

    #[test]
    fn where_ports_are_unknown_index_and_name_tell_cameras_apart() {
        let [lab, twin, moved] = [2, 4, 6].map(|index| node(index, "Lab", ""));
        assert_eq!(found(&lab, &[slice::from_ref(&twin)]), [0; 0]);
        assert_eq!(found(&lab, &[slice::from_ref(&twin), &[lab.clone(), twin.clone()]]), [2]);
        assert_eq!(found(&lab, &[slice::from_ref(&twin), &[twin.clone(), moved]]), [6]);
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
