//! A video as a camera, decoded by the installed ffmpeg. In: a file or a pipe in any format that ffmpeg knows. Out: its
//! frames, upright, each with its own time; or the one picture that it is.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::thread::{self, JoinHandle};

use super::extent;
use super::heif;
use super::limits::{MOST_BYTES, check_size};
use super::matroska::{Block, Matroska};
use crate::camera::error::CameraError;
use crate::camera::frame::{Frame, Status};
use crate::camera::port::Camera;

pub struct Video {
    path: PathBuf,
    from: Input,
    ffmpeg: Child,
    pictures: Matroska<BufReader<ChildStdout>>,
    /// Drains ffmpeg's stderr so that it never blocks; returns the first line.
    complaint: Option<JoinHandle<String>>,
    /// Feeds ffmpeg from a pipe; returns whether that broke off within a frame.
    feed: Option<JoinHandle<bool>>,
    any: bool,
    /// Whether the first frame was the only one.
    still: bool,
    /// What comes next, where that is known already.
    next: Option<Step>,
}

/// What ffmpeg reads.
enum Input {
    /// Open, and named by a number, where its name has `%`, which means a series of files to ffmpeg, or line ends.
    Open(File),
    File,
    Pipe,
    /// A HEIC or AVIF file, and its picture's size if it states one.
    Heif(Option<(u32, u32)>),
}

/// What comes next from ffmpeg.
enum Step {
    Picture(Block),
    /// Its output ended, or broke off.
    End {
        broken_off: bool,
    },
    /// The end was reached before, and all was well.
    Ended,
}

impl Video {
    /// Opens a file that begins with `head`. If that was read from a pipe, `piped` has the rest.
    pub fn open(path: &Path, head: &[u8], piped: Option<File>) -> Result<Video, CameraError> {
        // Its rows go upwards, which not every ffmpeg knows.
        if head.starts_with(b"PF\n") || head.starts_with(b"Pf\n") {
            let reason = "not every ffmpeg turns a PFM upright".into();
            return Err(CameraError::Picture { path: path.into(), reason });
        }
        let from = match (&piped, heif::is_heif(head)) {
            (Some(_), true) => {
                let reason = "its parts are not in order".into();
                return Err(CameraError::Piped { path: path.into(), reason });
            }
            (Some(_), false) => Input::Pipe,
            (None, true) => {
                let stated = heif::stated(path);
                if let Some(pictures) = stated.map(|stated| stated.pictures).filter(|&pictures| pictures > 1) {
                    let reason = format!("it holds {pictures} pictures: save each as a file of its own");
                    return Err(CameraError::Picture { path: path.into(), reason });
                }
                Input::Heif(stated.and_then(|stated| stated.size))
            }
            (None, false) if path.as_os_str().as_encoded_bytes().iter().any(|byte| *byte == b'%' || *byte < b' ') => {
                let unreadable = |reason| CameraError::Unreadable { path: path.into(), reason };
                Input::Open(File::open(path).map_err(unreadable)?)
            }
            (None, false) => Input::File,
        };
        let failed = |reason: String| CameraError::Video { path: path.into(), reason };
        let mut ffmpeg = command(path, &from).spawn().map_err(|error| match error.kind() {
            ErrorKind::NotFound => CameraError::NoFfmpeg { path: path.into() },
            _ => failed(error.to_string()),
        })?;
        let (Some(stdout), Some(stderr)) = (ffmpeg.stdout.take(), ffmpeg.stderr.take()) else {
            return Err(failed("it has no output".into()));
        };
        let feed = piped.zip(ffmpeg.stdin.take()).map(|(piped, mut stdin)| {
            let head = head.to_vec();
            // Ends with the pipe, or with ffmpeg, which then no longer reads.
            thread::spawn(move || extent::copy(head.chain(piped), &mut stdin).unwrap_or(false))
        });
        let complaint = Some(thread::spawn(move || first_line(stderr)));
        let pictures = Matroska::new(BufReader::new(stdout));
        Ok(Video { path: path.into(), from, ffmpeg, pictures, complaint, feed, any: false, still: false, next: None })
    }

    /// Whether it is a single picture: known once that was read.
    pub fn is_still(&self) -> bool {
        self.still
    }

    fn step(&mut self) -> Step {
        match self.pictures.next_block() {
            Ok(Some(block)) => Step::Picture(block),
            Ok(None) => Step::End { broken_off: false },
            Err(_) => Step::End { broken_off: true },
        }
    }

    fn failed(&self, reason: &str) -> CameraError {
        let (path, reason) = (self.path.clone(), reason.to_owned());
        match self.from {
            Input::File | Input::Open(_) => CameraError::Video { path, reason },
            Input::Pipe => CameraError::Piped { path, reason },
            Input::Heif(_) => CameraError::Heif { path, reason },
        }
    }

    /// After the last frame: whether the video ended well, or why not.
    fn end(&mut self, broken_off: bool) -> Result<Status, CameraError> {
        if broken_off {
            // ffmpeg may still be writing.
            let _ = self.ffmpeg.kill();
        }
        let status = self.ffmpeg.wait().map_err(|error| self.failed(&error.to_string()))?;
        let well = status.success() && !broken_off;
        let said = self.complaint.take().and_then(|complaint| complaint.join().ok()).unwrap_or_default();
        let said = in_words(&said, &self.path);
        match (well && self.any, said) {
            (true, "") if !self.is_cut_off() => Ok(Status::Ended),
            // What it shows was shown, but not all that was there.
            (_, said) if self.any && !self.still => {
                let reason = match said {
                    "" if well => "its end is missing",
                    "" => "ffmpeg broke off",
                    said => said,
                };
                Err(CameraError::Part { path: self.path.clone(), reason: reason.to_owned() })
            }
            (_, "") if well && self.any => Err(self.failed("its end is missing")),
            (_, "") => Err(self.failed(if well { "it shows nothing" } else { "ffmpeg broke off" })),
            (_, said) => Err(self.failed(said)),
        }
    }

    /// Whether the file ends too early, where ffmpeg says nothing of it.
    fn is_cut_off(&mut self) -> bool {
        match self.from {
            // ffmpeg has ended well, so it has read all of it.
            Input::Pipe => self.feed.take().and_then(|feed| feed.join().ok()).unwrap_or(false),
            _ => File::open(&self.path).and_then(extent::is_cut_off).unwrap_or(false),
        }
    }

    /// After the first frame: whether others follow, and if not, whether that one is whole.
    fn look_ahead(&mut self) -> Result<(), CameraError> {
        let (width, height) = self.pictures.size;
        if let Input::Heif(Some((wide, high))) = self.from
            && (wide, high) != (width, height)
        {
            let reason = format!("ffmpeg gives {width}x{height} pixels of {wide}x{high}, as older ones do");
            return Err(self.failed(&reason));
        }
        let mut next = self.step();
        if let Step::End { broken_off } = next {
            self.still = true;
            self.end(broken_off)?;
            next = Step::Ended;
        }
        self.next = Some(next);
        Ok(())
    }
}

impl Camera for Video {
    fn read(&mut self, frame: &mut Frame) -> Result<Status, CameraError> {
        let block = match self.next.take().unwrap_or_else(|| self.step()) {
            Step::Picture(block) => block,
            Step::End { broken_off } => return self.end(broken_off),
            Step::Ended => return Ok(Status::Ended),
        };
        let (width, height) = self.pictures.size;
        // Each has its own size, of which the last is known here.
        if self.pictures.tracks > 1 {
            let reason = format!("it holds {} pictures or films: save each as a file of its own", self.pictures.tracks);
            return Err(self.failed(&reason));
        }
        check_size(&self.path, width, height, 3)?;
        if block.bytes != 3 * u64::from(width) * u64::from(height) {
            return self.end(true);
        }
        frame.time = block.time;
        frame.resize((width, height));
        if self.pictures.read_picture(&mut frame.picture).is_err() {
            return self.end(true);
        }
        if !std::mem::replace(&mut self.any, true) {
            self.look_ahead()?;
        }
        Ok(Status::Fresh)
    }
}

impl Drop for Video {
    /// Leaves no ffmpeg process behind.
    fn drop(&mut self) {
        let _ = self.ffmpeg.kill();
        let _ = self.ffmpeg.wait();
    }
}

/// The ffmpeg command. ffmpeg turns pictures upright by itself; each frame is written once, with its time in
/// milliseconds.
fn command(path: &Path, from: &Input) -> Command {
    // `file:` keeps any file name from being taken as an option or an address.
    let mut file = OsString::from("file:");
    match from {
        Input::Pipe => file = "pipe:0".into(),
        Input::Open(_) => file.push("/dev/stdin"),
        // Names like /dev/stdin mean another file in another process.
        Input::File | Input::Heif(_) if path.starts_with("/dev") || path.starts_with("/proc") => {
            file.push(path.canonicalize().as_deref().unwrap_or(path));
        }
        Input::File | Input::Heif(_) => file.push(path),
    }
    let mut command = Command::new("ffmpeg");
    // No file may make ffmpeg open the network.
    command.args(["-nostdin", "-v", "error", "-protocol_whitelist", "file,pipe"]);
    // Before it takes memory for the picture.
    command.args(["-max_pixels", &(MOST_BYTES / 3).to_string(), "-i"]).arg(file);
    match from {
        // ffmpeg 8 puts tiles together where no stream is selected.
        Input::Heif(_) => command.args(["-an", "-sn", "-dn"]),
        // `V` selects video, not cover art. All of it: if there is more than one, that is seen here.
        Input::File | Input::Open(_) | Input::Pipe => command.args(["-map", "0:V"]),
    };
    // Matroska's only name for RGB is the one from Windows, hence `allow_raw_vfw`.
    command.args(["-c:v", "rawvideo", "-pix_fmt", "rgb24", "-enc_time_base", "1:1000"]);
    command.args(["-allow_raw_vfw", "1", "-f", "matroska", "pipe:1"]);
    command.stdin(match from {
        Input::Pipe => Stdio::piped(),
        Input::Open(file) => file.try_clone().map_or_else(|_| Stdio::null(), Stdio::from),
        Input::File | Input::Heif(_) => Stdio::null(),
    });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    // Ctrl-C is for handwave, which ends ffmpeg itself.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
}

fn first_line(stderr: ChildStderr) -> String {
    const LONGEST: u64 = 500;
    let mut line = Vec::new();
    let mut stderr = BufReader::new(stderr);
    let _ = stderr.by_ref().take(LONGEST).read_until(b'\n', &mut line);
    let _ = io::copy(&mut stderr, &mut io::sink());
    String::from_utf8_lossy(&line).trim().to_owned()
}

/// ffmpeg's message without its component (`[mov @ 0x55d0]`) and the file's or pipe's name, which our own sentence
/// names.
fn in_words<'a>(said: &'a str, path: &Path) -> &'a str {
    let said = said.strip_prefix('[').and_then(|rest| rest.split_once("] ")).map_or(said, |(_, said)| said);
    let file = format!("file:{}: ", path.display());
    let said = said.strip_prefix(&file).unwrap_or(said);
    let said = ["pipe:0: ", "file:/dev/stdin: "].iter().find_map(|name| said.strip_prefix(name)).unwrap_or(said);
    if said.contains("matches no streams") { "it holds no video" } else { said }
}
