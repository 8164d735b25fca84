//! `handwave count`: how many fingers do the hands in pictures and videos show? In: files. Out: a row or a JSON line
//! for each picture or frame. Each picture is read on its own, a video's frames as a sequence.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;

use super::annotate::Annotator;
use super::output;
use crate::camera::file::{self, Film};
use crate::camera::name::Name;
use crate::camera::{Camera, CameraError, Frame, Status};
use crate::cli::{CountArgs, Format};
use crate::config::Config;
use crate::hand::{Hand, Reading, Side};
use crate::vision;
use crate::vision::tracker::Tracker;

pub fn run(args: &CountArgs) -> Result<ExitCode> {
    count(args).or_else(|error| if error.is::<NobodyReads>() { Ok(ExitCode::SUCCESS) } else { Err(error) })
}

fn count(args: &CountArgs) -> Result<ExitCode> {
    let (config, _) = Config::load(args.common.config.as_deref())?;
    let tracker = vision::open(&config.vision, args.common.models.as_deref(), args.mirrored)?;
    let mut status = ExitCode::SUCCESS;
    let mut complain = |error: CameraError| {
        let _ = writeln!(io::stderr(), "handwave: {error}");
        status = ExitCode::FAILURE;
    };
    let files: Vec<PathBuf> = args.files.iter().flat_map(|path| expand(path, &mut complain)).collect();
    let longest = files.iter().map(|path| Name(path).to_string().chars().count()).max().unwrap_or_default();
    let annotator = args.annotate.as_deref().map(Annotator::new).transpose()?;
    let mut counter = Counter { tracker, format: args.format, longest, annotator, frame: Frame::default() };
    for path in &files {
        match Film::open(path) {
            Ok(film) => counter.count(path, film)?.unwrap_or_else(&mut complain),
            Err(error) => complain(error),
        }
    }
    Ok(status)
}

/// A folder's pictures; any other file stays itself.
fn expand(path: &Path, complain: &mut impl FnMut(CameraError)) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.into()];
    }
    file::pictures(path).unwrap_or_else(|error| {
        complain(error);
        Vec::new()
    })
}

struct Counter {
    tracker: Tracker,
    format: Format,
    /// Characters in the longest file name.
    longest: usize,
    annotator: Option<Annotator>,
    frame: Frame,
}

impl Counter {
    /// Prints what one file shows. The inner result says whether all of it could be read.
    fn count(&mut self, path: &Path, mut film: Film) -> Result<Result<(), CameraError>> {
        self.tracker.forget();
        if let Some(annotator) = &mut self.annotator {
            annotator.begin(path);
        }
        for number in 1_u64.. {
            match film.read(&mut self.frame) {
                Ok(Status::Fresh) => {}
                Ok(Status::Ended) => break,
                Err(error) => return Ok(Err(error)),
            }
            let (reading, moment) = if film.is_still() {
                (self.tracker.read_cold(&self.frame)?, None)
            } else {
                let seconds = rounded(self.frame.time.as_secs_f64(), 3);
                (self.tracker.read(&self.frame, None)?, Some(Moment { frame: number, seconds }))
            };
            if let Some(annotator) = &mut self.annotator {
                annotator.save(&self.frame.picture, &reading.hands, moment.map(|moment| moment.frame))?;
            }
            match self.format {
                Format::Json => say(&json(path, moment, &reading)?)?,
                Format::Table => table(path, self.longest, moment, &reading).iter().try_for_each(|row| say(row))?,
            }
        }
        Ok(Ok(()))
    }
}

/// Ends the count when the reader closed standard output, as in `handwave count ... | head -1`.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads the results")]
struct NobodyReads;

fn say(line: &str) -> Result<()> {
    if output::say(line)? { Ok(()) } else { Err(NobodyReads.into()) }
}

/// Which frame of a video a reading is of.
#[derive(Clone, Copy, Serialize)]
struct Moment {
    /// From 1.
    frame: u64,
    seconds: f64,
}

/// A JSON line.
#[derive(Serialize)]
struct Line {
    file: String,
    #[serde(flatten)]
    moment: Option<Moment>,
    hands: Vec<Seen>,
}

#[derive(Serialize)]
struct Seen {
    side: Side,
    fingers: u8,
    raised: [bool; 5],
    sure: bool,
    confidence: f64,
    /// Left, top, right, bottom, in pixels.
    r#box: [f64; 4],
    landmarks: Vec<[f64; 3]>,
}

fn json(path: &Path, moment: Option<Moment>, reading: &Reading) -> Result<String> {
    let hands = reading.hands.iter().map(seen).collect();
    Ok(serde_json::to_string(&Line { file: path.display().to_string(), moment, hands })?)
}

fn seen(hand: &Hand) -> Seen {
    let tenth = |x: f32| rounded(x.into(), 1);
    let (low, high) = hand.bounds();
    Seen {
        side: hand.side,
        fingers: hand.fingers(),
        raised: hand.raised,
        sure: hand.sure,
        confidence: rounded(hand.confidence.into(), 3),
        r#box: [low.x, low.y, high.x, high.y].map(tenth),
        landmarks: hand.landmarks.iter().map(|point| point.to_array().map(tenth)).collect(),
    }
}

fn rounded(x: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (x * scale).round() / scale
}

/// A row for each hand, or one that says that there is none.
fn table(path: &Path, longest: usize, moment: Option<Moment>, reading: &Reading) -> Vec<String> {
    let mut place = format!("{:longest$}", Name(path).to_string());
    if let Some(Moment { frame, seconds }) = moment {
        place += &format!("  frame {frame:5}  {seconds:8.3} s");
    }
    if reading.hands.is_empty() {
        return vec![format!("{place}  no hands")];
    }
    reading.hands.iter().map(|hand| format!("{place}  {}", row(hand))).collect()
}

fn row(hand: &Hand) -> String {
    const FINGERS: [&str; 5] = ["thumb", "index", "middle", "ring", "little"];
    let names: Vec<_> = FINGERS.into_iter().zip(hand.raised).filter(|(_, up)| *up).map(|(name, _)| name).collect();
    let names = if names.is_empty() { "fist".into() } else { names.join(" ") };
    let sure = if hand.sure { "sure" } else { "unsure" };
    // As wide as the longest side and all five names.
    format!("{:5}  {}  {names:30}  {sure:6}  confidence {:.2}", hand.side.to_string(), hand.fingers(), hand.confidence)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use glam::Vec3;

    use super::*;

    fn reading(hands: Vec<Hand>) -> Reading {
        Reading { time: Duration::ZERO, size: (640, 480), hands, searched: true, fresh: true, hidden: false }
    }

    fn hand(side: Side, raised: [bool; 5], sure: bool) -> Hand {
        let mut landmarks = [Vec3::new(10.04, 20.0, 0.0); 21];
        landmarks[8] = Vec3::new(99.96, 3.33333, -7.77);
        Hand { side, landmarks, raised, sure, confidence: 0.98765 }
    }

    #[test]
    fn a_pictures_json_is_as_documented() {
        let reading = reading(vec![hand(Side::Left, [false, true, true, true, false], true)]);
        let line: serde_json::Value = serde_json::from_str(&json(Path::new("a.jpg"), None, &reading).unwrap()).unwrap();
        assert_eq!(line["file"], "a.jpg");
        assert!(line.get("frame").is_none() && line.get("seconds").is_none(), "{line}");
        let hand = &line["hands"][0];
        assert_eq!((hand["side"].as_str(), hand["fingers"].as_u64()), (Some("left"), Some(3)));
        assert_eq!(hand["raised"], serde_json::json!([false, true, true, true, false]));
        assert_eq!((&hand["sure"], &hand["confidence"]), (&true.into(), &0.988.into()));
        assert_eq!(hand["box"], serde_json::json!([10.0, 3.3, 100.0, 20.0]));
        assert_eq!(hand["landmarks"][8], serde_json::json!([100.0, 3.3, -7.8]));
        assert_eq!(hand["landmarks"].as_array().unwrap().len(), 21);
    }

    #[test]
    fn a_frames_json_says_which_it_is() {
        let moment = Some(Moment { frame: 12, seconds: 0.44 });
        let line = json(Path::new("a.mp4"), moment, &reading(vec![])).unwrap();
        assert_eq!(line, r#"{"file":"a.mp4","frame":12,"seconds":0.44,"hands":[]}"#);
    }

    #[test]
    fn a_table_is_aligned() {
        let two = reading(vec![hand(Side::Left, [true; 5], true), hand(Side::Right, [false; 5], false)]);
        let moment = Some(Moment { frame: 12, seconds: 0.44 });
        let mut rows = table(Path::new("a.jpg"), 8, None, &two);
        rows.extend(table(Path::new("long.jpg"), 8, None, &reading(vec![])));
        rows.extend(table(Path::new("a.mp4"), 8, moment, &reading(vec![])));
        assert_eq!(
            rows,
            [
                "a.jpg     left   5  thumb index middle ring little  sure    confidence 0.99",
                "a.jpg     right  0  fist                            unsure  confidence 0.99",
                "long.jpg  no hands",
                "a.mp4     frame    12     0.440 s  no hands",
            ]
        );
    }
}
