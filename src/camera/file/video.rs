//! A video as a camera, decoded by the installed ffmpeg. In: a file in any format that ffmpeg knows. Out: its frames,
//! upright, each with its own time.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::thread::{self, JoinHandle};

use super::limits::check_size;
use super::matroska::Matroska;
use crate::camera::error::CameraError;
use crate::camera::frame::{Frame, Status};
use crate::camera::port::Camera;

pub struct Video {
    path: PathBuf,
    ffmpeg: Child,
    pictures: Matroska<BufReader<ChildStdout>>,
    /// Drains ffmpeg's stderr so that it never blocks; returns the first line.
    complaint: Option<JoinHandle<String>>,
    any: bool,
}

impl Video {
    pub fn open(path: &Path) -> Result<Video, CameraError> {
        let failed = |reason: String| CameraError::Video { path: path.into(), reason };
        let mut ffmpeg = command(path).spawn().map_err(|error| match error.kind() {
            ErrorKind::NotFound => CameraError::NoFfmpeg { path: path.into() },
            _ => failed(error.to_string()),
        })?;
        let (Some(stdout), Some(stderr)) = (ffmpeg.stdout.take(), ffmpeg.stderr.take()) else {
            return Err(failed("it has no output".into()));
        };
        let complaint = Some(thread::spawn(move || first_line(stderr)));
        let pictures = Matroska::new(BufReader::new(stdout));
        Ok(Video { path: path.into(), ffmpeg, pictures, complaint, any: false })
    }

    /// After the last frame: whether the video ended well, or why not.
    fn end(&mut self, broken_off: bool) -> Result<Status, CameraError> {
        let failed = |reason: String| CameraError::Video { path: self.path.clone(), reason };
        if broken_off {
            // ffmpeg may still be writing.
            let _ = self.ffmpeg.kill();
        }
        let well = self.ffmpeg.wait().map_err(|error| failed(error.to_string()))?.success() && !broken_off;
        let said = self.complaint.take().and_then(|complaint| complaint.join().ok()).unwrap_or_default();
        let said = in_words(&said, &self.path);
        match (well && self.any, said) {
            (true, "") => Ok(Status::Ended),
            (true, said) => {
                tracing::warn!("{}: a part is broken ({said})", self.path.display());
                Ok(Status::Ended)
            }
            (false, "") => Err(failed(if well { "it shows nothing" } else { "ffmpeg broke off" }.into())),
            (false, said) => Err(failed(said.into())),
        }
    }
}

impl Camera for Video {
    fn read(&mut self, frame: &mut Frame) -> Result<Status, CameraError> {
        let Ok(block) = self.pictures.next_block() else {
            return self.end(true);
        };
        let Some(block) = block else {
            return self.end(false);
        };
        let (width, height) = self.pictures.size;
        check_size(&self.path, width, height, 3)?;
        if block.bytes != 3 * u64::from(width) * u64::from(height) {
            return self.end(true);
        }
        frame.time = block.time;
        frame.resize((width, height));
        if self.pictures.read_picture(&mut frame.picture).is_err() {
            return self.end(true);
        }
        self.any = true;
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
fn command(path: &Path) -> Command {
    // `file:` keeps any file name from being taken as an option or an address.
    let mut file = OsString::from("file:");
    file.push(path);
    let mut command = Command::new("ffmpeg");
    // No file may make ffmpeg open the network.
    command.args(["-nostdin", "-v", "error", "-protocol_whitelist", "file,pipe", "-i"]).arg(file);
    // `V` selects video, not cover art. Matroska's only name for RGB is the one from Windows, hence `allow_raw_vfw`.
    command.args(["-map", "0:V:0", "-c:v", "rawvideo", "-pix_fmt", "rgb24", "-enc_time_base", "1:1000"]);
    command.args(["-allow_raw_vfw", "1", "-f", "matroska", "pipe:1"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
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

/// ffmpeg's message without its component (`[mov @ 0x55d0]`) and the file's name, which our own sentence names.
fn in_words<'a>(said: &'a str, path: &Path) -> &'a str {
    let said = said.strip_prefix('[').and_then(|rest| rest.split_once("] ")).map_or(said, |(_, said)| said);
    let file = format!("file:{}: ", path.display());
    let said = said.strip_prefix(&file).unwrap_or(said);
    if said.contains("matches no streams") { "it holds no video" } else { said }
}
