//! The audit file. In: events. Out: a JSON line each, appended to a file or to standard output and flushed at once. A
//! full file is renamed to end in `.1`, replacing an earlier one of that name.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::event::Stamped;

#[derive(Debug, thiserror::Error)]
#[error("cannot append to the events file {}: {reason}; give --events a file that can be written", path.display())]
pub struct AuditError {
    path: PathBuf,
    reason: io::Error,
}

/// Where events are kept.
pub struct Audit {
    path: PathBuf,
    out: Out,
    /// A full disk or a closed pipe is reported once; it never stops the daemon.
    failed: bool,
}

enum Out {
    File(File),
    Stdout,
}

/// A file that would grow beyond this is set aside: about a hundred thousand events. Together the two files stay
/// bounded.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

impl Audit {
    /// Opens `path` for appending; `-` is standard output.
    pub fn open(path: &Path) -> Result<Audit, AuditError> {
        let out = if path == Path::new("-") {
            Out::Stdout
        } else {
            Out::File(open(path).map_err(|reason| AuditError { path: path.into(), reason })?)
        };
        Ok(Audit { path: path.into(), out, failed: false })
    }

    /// Appends the event. A failure is a warning.
    pub fn write(&mut self, event: &Stamped) {
        // One write per line, so that lines of several processes do not mix.
        let line = event.to_json_line() + "\n";
        let written = match &mut self.out {
            Out::File(file) => append(file, &self.path, line.as_bytes()),
            Out::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(line.as_bytes()).and_then(|()| out.flush())
            }
        };
        match written {
            Ok(()) => self.failed = false,
            Err(reason) if !self.failed => {
                self.failed = true;
                tracing::warn!("events are not kept: cannot write to {}: {reason}", self.path.display());
            }
            Err(_) => {}
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Appends to the file that was opened at this path, after setting it aside where it is full. Another handwave may have
/// done that before: then the path has a new file.
fn append(file: &mut File, path: &Path, line: &[u8]) -> io::Result<()> {
    let is_full = |of: Metadata| of.is_file() && of.len() + line.len() as u64 > MOST_BYTES;
    if is_full(file.metadata()?) {
        if fs::metadata(path).is_ok_and(is_full) {
            let mut aside = path.as_os_str().to_owned();
            aside.push(".1");
            fs::rename(path, aside)?;
        }
        *file = open(path)?;
    }
    file.write_all(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    #[test]
    fn events_are_appended_across_runs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        for event in [Event::Armed, Event::Quit] {
            Audit::open(&path).unwrap().write(&Stamped::now(event));
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let names: Vec<_> = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()).collect();
        assert_eq!(names.len(), 2);
        assert_eq!((&names[0]["event"], &names[1]["event"]), (&"armed".into(), &"quit".into()));
    }

    #[test]
    fn a_full_file_is_set_aside_by_whoever_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let [mut one, mut other] = [Audit::open(&path).unwrap(), Audit::open(&path).unwrap()];
        one.write(&Stamped::now(Event::Armed));
        File::options().write(true).open(&path).unwrap().set_len(MOST_BYTES).unwrap();
        one.write(&Stamped::now(Event::Paused));
        other.write(&Stamped::now(Event::Quit));
        assert_eq!(fs::metadata(folder.path().join("events.jsonl.1")).unwrap().len(), MOST_BYTES);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.lines().count() == 2 && text.contains("paused") && text.contains("quit"), "{text}");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let said = Audit::open(Path::new("/nowhere/events.jsonl")).err().unwrap().to_string();
        assert!(said.contains("/nowhere/events.jsonl") && said.contains("--events"), "{said}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_stops_nothing() {
        let mut audit = Audit::open(Path::new("/dev/full")).unwrap();
        audit.write(&Stamped::now(Event::Armed));
        audit.write(&Stamped::now(Event::Quit));
        assert!(audit.failed);
    }
}
