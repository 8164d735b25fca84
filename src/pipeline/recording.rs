//! Recordings of readings: landmarks, never pictures. In: updates from a camera. Out: a file with a JSON line for each;
//! and, from such a file, the same updates again.
//!
//! The first line names the format. Then comes an object per line: `{"reading":{...}}`, `{"lost":"why"}`, `"back"`, and
//! `{"paused":true}` or `false` where a person paused or armed. A replay gives the same gestures at the same times.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Lines, Read, Write};
use std::path::{Path, PathBuf};

use super::update::Update;
use crate::camera::clock::Clock;

/// The first line. A new version of the format gets another number.
const FIRST: &str = r#"{"handwave-recording":1}"#;

/// What is wrong with a recording.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    #[error("cannot record to {}: {reason}; give --record a new file in a folder that can be written", path.display())]
    NotMade { path: PathBuf, reason: io::Error },
    #[error("cannot go on recording to {}: {reason}; is the disk full?", path.display())]
    NotWritten { path: PathBuf, reason: io::Error },
    #[error("cannot read the recording {}: {reason}; copy it again from where it came", path.display())]
    Unreadable { path: PathBuf, reason: io::Error },
    #[error("{}, line {line}: {reason}; record it again, or delete what follows", path.display())]
    Broken { path: PathBuf, line: usize, reason: String },
}

/// Writes a recording.
pub struct Recorder {
    path: PathBuf,
    file: File,
}

impl Recorder {
    /// Creates a new file; an existing one is never overwritten.
    pub fn create(path: &Path) -> Result<Recorder, RecordingError> {
        let made = File::create_new(path).and_then(|mut file| writeln!(file, "{FIRST}").map(|()| file));
        match made {
            Ok(file) => Ok(Recorder { path: path.into(), file }),
            Err(reason) => Err(RecordingError::NotMade { path: path.into(), reason }),
        }
    }

    pub fn write(&mut self, seen: &Update) -> Result<(), RecordingError> {
        // One write per line, so that a killed process leaves whole lines.
        let line = serde_json::to_string(seen).map(|line| line + "\n").map_err(io::Error::from);
        let written = line.and_then(|line| self.file.write_all(line.as_bytes()));
        written.map_err(|reason| RecordingError::NotWritten { path: self.path.clone(), reason })
    }
}

/// Reads a recording, in real time or as fast as possible.
pub struct Recording {
    path: PathBuf,
    lines: Lines<BufReader<File>>,
    /// The number of the line read last, from 1.
    line: usize,
    clock: Clock,
}

impl Recording {
    /// None if the file is not a recording.
    pub fn open(path: &Path, clock: Clock) -> Result<Option<Recording>, RecordingError> {
        let unreadable = |reason| RecordingError::Unreadable { path: path.into(), reason };
        if !path.is_file() {
            return Ok(None);
        }
        let mut file = BufReader::new(File::open(path).map_err(unreadable)?);
        let mut first = Vec::new();
        file.by_ref().take(FIRST.len() as u64 + 1).read_to_end(&mut first).map_err(unreadable)?;
        let is_one = first.strip_suffix(b"\n").unwrap_or(&first) == FIRST.as_bytes();
        Ok(is_one.then(|| Recording { path: path.into(), lines: file.lines(), line: 1, clock }))
    }
}

impl Iterator for Recording {
    type Item = Result<Update, RecordingError>;

    /// Waits until the next update is due.
    fn next(&mut self) -> Option<Self::Item> {
        let line = self.lines.next()?;
        self.line += 1;
        let seen = match line {
            Ok(line) => serde_json::from_str(&line).map_err(|error| RecordingError::Broken {
                path: self.path.clone(),
                line: self.line,
                reason: error.to_string(),
            }),
            Err(reason) => Err(RecordingError::Unreadable { path: self.path.clone(), reason }),
        };
        if let Ok(Update::Reading(reading)) = &seen {
            self.clock.wait_until(reading.time);
        }
        Some(seen)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use glam::Vec3;
    use proptest::prelude::*;

    use super::*;
    use crate::hand::{Hand, Reading, Side};

    fn reading(nanoseconds: u64, at: [f32; 3]) -> Update {
        let hand = Hand {
            side: Side::Right,
            landmarks: [Vec3::from_array(at); 21],
            raised: [true, false, true, false, false],
            sure: false,
            confidence: at[0].abs().fract(),
        };
        let time = Duration::from_nanos(nanoseconds);
        Update::Reading(Reading {
            time,
            size: (640, 480),
            hands: vec![hand],
            searched: true,
            fresh: false,
            hidden: false,
        })
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_written(nanoseconds: u64, at in prop::array::uniform3(-1e4_f32..1e4)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("hands.jsonl");
            let all = [Update::Paused(true), reading(nanoseconds, at), Update::Lost("it was pulled out".into()), Update::Back];
            let mut recorder = Recorder::create(&path).unwrap();
            all.iter().for_each(|seen| recorder.write(seen).unwrap());
            let again = Recording::open(&path, Clock::fast()).unwrap().expect("it is a recording");
            prop_assert_eq!(again.map(Result::unwrap).collect::<Vec<_>>(), all);
        }
    }

    #[test]
    fn a_recording_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hands.jsonl");
        Recorder::create(&path).unwrap();
        let said = Recorder::create(&path).err().unwrap().to_string();
        assert!(said.contains("hands.jsonl: File exists") && said.contains("give --record a new file"), "{said}");
    }

    #[test]
    fn a_file_that_is_none_is_not_taken_for_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hands.jsonl");
        for text in ["", "{}", "{\"handwave-recording\":12}\n", "\u{0}\u{1}"] {
            std::fs::write(&path, text).unwrap();
            assert!(Recording::open(&path, Clock::fast()).unwrap().is_none(), "{text:?}");
        }
        assert!(Recording::open(folder.path(), Clock::fast()).unwrap().is_none());
    }

    #[test]
    fn a_damaged_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hands.jsonl");
        std::fs::write(&path, format!("{FIRST}\n\"back\"\n{{\"reading\":{{\"ti")).unwrap();
        let mut recording = Recording::open(&path, Clock::fast()).unwrap().unwrap();
        assert_eq!(recording.next().unwrap().unwrap(), Update::Back);
        let said = recording.next().unwrap().unwrap_err().to_string();
        assert!(said.contains("hands.jsonl, line 3: EOF") && said.contains("; record it again"), "{said}");
        assert!(recording.next().is_none());
    }
}
