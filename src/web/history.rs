//! How many instances there were over the last half hour. In: counts as they are observed. Out: points for the chart,
//! kept in a file across restarts. What was not observed is a gap.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Seconds that the chart covers.
pub const COVERS: i64 = 30 * 60;
/// Seconds between two points while nothing changes: each says that it was still so.
pub const BEAT: i64 = 60;
/// Seconds without a point that make a gap: a beat may be late, but not by half.
const GAP: i64 = BEAT + BEAT / 2;
/// The file is written anew when it has so many lines.
const MOST_LINES: usize = 5000;

/// A count from this second on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// Seconds since the Unix epoch.
    pub at: i64,
    /// None: not known from here on.
    pub count: Option<usize>,
    /// Of these, those in service.
    pub serving: Option<usize>,
}

/// The points, oldest first.
#[derive(Debug, Default)]
pub struct History {
    points: VecDeque<Point>,
    file: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    path: PathBuf,
    lines: usize,
}

impl History {
    /// A history that ends with the process.
    pub fn in_memory() -> History {
        History::default()
    }

    /// Goes on with what is in this file. One that cannot be used is a warning: the chart begins anew then.
    pub fn kept_in(path: &Path, now: Timestamp) -> History {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                tracing::warn!("the chart begins anew: cannot read {}: {error}", path.display());
                return History::in_memory();
            }
        };
        // A line that was cut off by a full disk or a crash is left out.
        let mut points: VecDeque<Point> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        points.make_contiguous().sort_by_key(|point| point.at);
        points.retain(|point| point.at <= now.as_second());
        let mut history = History { points, file: Some(Kept { path: path.to_owned(), lines: usize::MAX }) };
        history.forget(now.as_second());
        history.save();
        history
    }

    /// Notes what is so now. Answers whether that is worth a point: it changed, or a beat has passed.
    pub fn note(&mut self, now: Timestamp, count: Option<(usize, usize)>) -> bool {
        let at = now.as_second();
        let point = Point { at, count: count.map(|(count, _)| count), serving: count.map(|(_, serving)| serving) };
        if let Some(last) = self.points.back() {
            let same = (last.count, last.serving) == (point.count, point.serving);
            if at < last.at || same && at - last.at < BEAT {
                return false;
            }
            if at - last.at > GAP && last.count.is_some() {
                self.push(Point { at: last.at + BEAT, count: None, serving: None });
            }
        }
        self.forget(at);
        self.push(point);
        true
    }

    pub fn points(&self) -> impl Iterator<Item = &Point> {
        self.points.iter()
    }

    /// Forgets what is too old, but for the point that still held when the chart begins.
    fn forget(&mut self, now: i64) {
        while self.points.get(1).is_some_and(|next| next.at <= now - COVERS) {
            self.points.pop_front();
        }
    }

    fn push(&mut self, point: Point) {
        self.points.push_back(point);
        match &self.file {
            Some(kept) if kept.lines < MOST_LINES => self.append(point),
            Some(_) => self.save(),
            None => {}
        }
    }

    fn append(&mut self, point: Point) {
        let Some(kept) = &mut self.file else { return };
        kept.lines += 1;
        let file = fs::OpenOptions::new().append(true).create(true).open(&kept.path);
        let written = file.and_then(|mut file| file.write_all(line(&point).as_bytes()));
        self.warn(written);
    }

    /// Writes the file anew; a crash leaves the old one or the new one.
    fn save(&mut self) {
        let Some(kept) = &mut self.file else { return };
        let text: String = self.points.iter().map(line).collect();
        let aside = kept.path.with_extension("new");
        let folder = kept.path.parent().map_or(Ok(()), fs::create_dir_all);
        let written = folder.and_then(|()| fs::write(&aside, text)).and_then(|()| fs::rename(&aside, &kept.path));
        kept.lines = self.points.len();
        self.warn(written);
    }

    /// A full disk ends the file, never the chart.
    fn warn(&mut self, written: io::Result<()>) {
        if let (Err(error), Some(kept)) = (written, &self.file) {
            tracing::warn!("the chart is not kept across restarts: cannot write {}: {error}", kept.path.display());
            self.file = None;
        }
    }
}

fn line(point: &Point) -> String {
    serde_json::to_string(point).expect("numbers alone always make JSON") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn counts(history: &History) -> Vec<(i64, Option<usize>)> {
        history.points().map(|point| (point.at, point.count)).collect()
    }

    #[test]
    fn a_change_is_a_point_and_so_is_every_minute() {
        let mut history = History::in_memory();
        let noted: Vec<bool> =
            [(0, 1), (10, 1), (20, 2), (79, 2), (80, 2)].map(|(s, n)| history.note(at(s), Some((n, n)))).into();
        assert_eq!(noted, [true, false, true, false, true]);
        assert_eq!(counts(&history), [(0, Some(1)), (20, Some(2)), (80, Some(2))]);
        assert!(!history.note(at(70), Some((5, 5))), "the clock was set back");
    }

    #[test]
    fn what_was_not_observed_is_a_gap() {
        let mut history = History::in_memory();
        history.note(at(0), Some((1, 1)));
        history.note(at(300), Some((1, 1)));
        assert_eq!(counts(&history), [(0, Some(1)), (60, None), (300, Some(1))]);
        history.note(at(310), None);
        assert_eq!(counts(&history)[3], (310, None));
    }

    #[test]
    fn half_an_hour_is_kept_across_restarts_with_the_gap_between() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/instances.jsonl");
        let mut history = History::kept_in(&path, at(0));
        for second in (0..=3600).step_by(60) {
            history.note(at(second), Some((2, 1)));
        }
        assert_eq!(history.points().count() as i64, COVERS / BEAT + 1);
        drop(history);
        fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"at\":36").unwrap();
        let mut history = History::kept_in(&path, at(3900));
        history.note(at(3900), Some((3, 3)));
        let counts = counts(&history);
        assert_eq!(counts[counts.len() - 3..], [(3600, Some(2)), (3660, None), (3900, Some(3))]);
        assert!(counts[0].0 <= 3900 - COVERS && counts[1].0 > 3900 - COVERS, "{counts:?}");
    }

    #[test]
    fn a_file_that_cannot_be_written_ends_the_keeping_and_nothing_else() {
        let mut history = History::kept_in(Path::new("/dev/null/instances.jsonl"), at(0));
        assert!(history.note(at(1), Some((1, 1))));
        assert!(history.file.is_none());
    }

    #[test]
    fn the_file_stays_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("instances.jsonl");
        let mut history = History::kept_in(&path, at(0));
        for second in 0..2 * MOST_LINES as i64 {
            history.note(at(second), Some((second as usize % 2, 0)));
        }
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= MOST_LINES, "{lines}");
    }
}
