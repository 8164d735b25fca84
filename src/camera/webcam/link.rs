//! The parent's handle of the camera's process. In: a task. Out: a pipe with a read deadline, and a process that is
//! killed when dropped.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::child::Task;
use super::clock::OPENING;

/// How long to wait for a killed process before a thread takes over: the driver may be waiting for its device.
const REAP: Duration = Duration::from_secs(1);

/// The camera's process and the pipe from it.
pub struct Link {
    pub pipe: TimedPipe,
    /// Silence beyond this is a stall.
    pub due: Instant,
    /// Dropped last, so that the pipe is already closed when the process is killed.
    _process: Process,
}

impl Link {
    pub fn start(task: &Task) -> io::Result<Link> {
        // The running program, even if the file on disk has been replaced.
        let program = if cfg!(target_os = "linux") { "/proc/self/exe".into() } else { std::env::current_exe()? };
        let mut command = Command::new(program);
        command.arg0("handwave").arg("camera-process").arg(serde_json::to_string(task)?);
        // Its stdin ends with us. It gets a process group of its own, since only we handle a terminal's Ctrl-C.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut child = command.spawn()?;
        let stdout = child.stdout.take();
        let process = Process(Some(child));
        let pipe = stdout.ok_or(io::ErrorKind::BrokenPipe)?;
        let due = Instant::now() + OPENING;
        Ok(Link { pipe: TimedPipe { pipe, deadline: due }, due, _process: process })
    }

    pub fn expect(&mut self, within: Duration) {
        self.due = Instant::now() + within;
    }
}

/// The pipe, with a deadline for reads.
pub struct TimedPipe {
    pipe: ChildStdout,
    pub deadline: Instant,
}

impl TimedPipe {
    /// Waits for data or the pipe's end. False after `until`.
    pub fn is_readable(&self, until: Instant) -> bool {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
            match poll(&mut [PollFd::new(&self.pipe, PollFlags::IN)], Some(&timeout)) {
                Ok(0) if Instant::now() >= until => return false,
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                // On an error, let the read report it.
                Ok(_) | Err(_) => return true,
            }
        }
    }
}

impl Read for TimedPipe {
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

#[cfg(test)]
mod tests {
    use super::super::pipe::{self, PipeError};
    use super::*;

    #[test]
    fn silence_is_noticed_in_the_middle_of_a_message_too() {
        let sleeper = |script: &str| {
            let mut child =
                Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).stdin(Stdio::piped()).spawn().unwrap();
            let pipe = TimedPipe { pipe: child.stdout.take().unwrap(), deadline: Instant::now() + OPENING };
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
