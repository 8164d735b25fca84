//! Vision against labelled pictures of real hands. They are not part of the project: HANDWAVE_HANDS names their folder,
//! and without it these tests are ignored. Single pictures are read cold, the video is tracked. The finger heads were
//! trained on these pictures (not on the video); `make judge` tells how they do on hands that they have not seen.

mod optional;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::thread;

use handwave::camera::file::Film;
use handwave::camera::{Camera, Frame, Status};
use handwave::config::Config;
use handwave::hand::{Hand, Side};
use handwave::vision;
use handwave::vision::tracker::Tracker;
use optional::Missing;

fn main() {
    optional::run(optional::trials![webcam, tilted, digits, video]);
}

/// The folder of one set.
fn set(name: &str) -> Result<PathBuf, Missing> {
    let all = optional::folder("HANDWAVE_HANDS", "hands");
    let folder = all.join(name);
    let missing = || Missing(format!("the labelled hands in {} are not here; set HANDWAVE_HANDS", all.display()));
    folder.is_dir().then_some(folder).ok_or_else(missing)
}

/// The rows of a set's labels, without their header.
fn labels(folder: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(folder.join("labels.csv")).unwrap();
    text.lines().skip(1).map(|row| row.split(',').map(str::to_owned).collect()).collect()
}

/// One test at a time: each uses two threads.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn tracker() -> Tracker {
    vision::open(&Config::shipped().vision, None, false).unwrap()
}

/// How many of how many.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    right: usize,
    all: usize,
}

impl Share {
    fn add(&mut self, right: bool) {
        self.right += usize::from(right);
        self.all += 1;
    }

    #[track_caller]
    fn holds(self, what: &str, least: f64) {
        let share = self.right as f64 / self.all as f64;
        println!("{what}: {}/{} = {share:.3}, at least {least} is asked", self.right, self.all);
        assert!(share >= least, "{what}: {}/{} = {share:.3} is less than {least}", self.right, self.all);
    }
}

impl std::iter::Sum for Share {
    fn sum<I: Iterator<Item = Share>>(shares: I) -> Share {
        shares.fold(Share::default(), |sum, one| Share { right: sum.right + one.right, all: sum.all + one.all })
    }
}

/// Judges the pieces of work in two threads, each with its own models; returns the verdicts in order.
fn in_two_threads<T: Sync, R: Send>(work: &[T], judge: impl Fn(&mut Tracker, &T) -> R + Sync) -> Vec<R> {
    let _alone = alone();
    let half = |part: &[T]| {
        let mut tracker = tracker();
        part.iter().map(|one| judge(&mut tracker, one)).collect::<Vec<_>>()
    };
    let (first, second) = work.split_at(work.len() / 2);
    thread::scope(|scope| {
        let other = scope.spawn(|| half(second));
        let mut results = half(first);
        results.extend(other.join().unwrap());
        results
    })
}

fn hands(tracker: &mut Tracker, path: &Path) -> Vec<Hand> {
    let mut frame = Frame::default();
    Film::open(path).unwrap().read(&mut frame).unwrap();
    tracker.read_cold(&frame).unwrap().hands
}

/// For a set with one hand per picture: the share in which the most confident hand has the labelled count.
fn single(name: &str, column: usize) -> Result<Share, Missing> {
    let folder = set(name)?;
    let shares = in_two_threads(&labels(&folder), |tracker, row| {
        let hands = hands(tracker, &folder.join(&row[0]));
        let hand = hands.iter().max_by(|a, b| a.confidence.total_cmp(&b.confidence));
        let mut share = Share::default();
        share.add(hand.is_some_and(|hand| hand.fingers().to_string() == row[column]));
        share
    });
    Ok(shares.into_iter().sum())
}

/// Left, top, right, bottom, in pixels.
type Box4 = [f32; 4];

fn overlap(a: Box4, b: Box4) -> f32 {
    let area = |[left, top, right, bottom]: Box4| (right - left).max(0.0) * (bottom - top).max(0.0);
    let common = area([a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]);
    common / (area(a) + area(b) - common)
}

fn bounds(hand: &Hand) -> Box4 {
    let (low, high) = hand.bounds();
    [low.x, low.y, high.x, high.y]
}

/// For each labelled box the hand that is on it. Pairs with the largest overlap are matched first.
fn matched<'a>(boxes: &[Box4], hands: &'a [Hand]) -> Vec<Option<&'a Hand>> {
    let mut pairs: Vec<_> = (0..boxes.len())
        .flat_map(|label| (0..hands.len()).map(move |hand| (label, hand)))
        .map(|(label, hand)| (overlap(boxes[label], bounds(&hands[hand])), label, hand))
        .filter(|(overlap, ..)| *overlap > 0.2)
        .collect();
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut found, mut taken) = (vec![None; boxes.len()], vec![false; hands.len()]);
    for (_, label, hand) in pairs {
        if found[label].is_none() && !taken[hand] {
            found[label] = Some(&hands[hand]);
            taken[hand] = true;
        }
    }
    found
}

fn webcam() -> Result<(), Missing> {
    let folder = set("webcam")?;
    let rows = labels(&folder);
    let pictures: Vec<_> = rows.chunk_by(|a, b| a[0] == b[0]).collect();
    let shares = in_two_threads(&pictures, |tracker, rows| {
        let hands = hands(tracker, &folder.join(&rows[0][0]));
        let boxes: Vec<Box4> =
            rows.iter().map(|row| std::array::from_fn(|i| row[4 + i].parse::<f32>().unwrap())).collect();
        let (mut counts, mut sides) = (Share::default(), Share::default());
        for (row, hand) in rows.iter().zip(matched(&boxes, &hands)) {
            counts.add(hand.is_some_and(|hand| hand.fingers().to_string() == row[2]));
            if !row[3].is_empty() {
                sides.add(hand.is_some_and(|hand| hand.side.to_string() == row[3]));
            }
        }
        (counts, sides)
    });
    let (counts, sides): (Vec<_>, Vec<_>) = shares.into_iter().unzip();
    counts.into_iter().sum::<Share>().holds("webcam, counts", 0.975);
    sides.into_iter().sum::<Share>().holds("webcam, sides where both hands show", 0.98);
    Ok(())
}

fn tilted() -> Result<(), Missing> {
    single("tilted", 1)?.holds("tilted, counts", 0.955);
    Ok(())
}

fn digits() -> Result<(), Missing> {
    single("digits", 2)?.holds("digits, counts", 0.96);
    Ok(())
}

fn video() -> Result<(), Missing> {
    let folder = set("video")?;
    let truth = fs::read_to_string(folder.join("asl_hand.truth.json")).unwrap();
    let truth: serde_json::Value = serde_json::from_str(&truth).unwrap();
    let expected = |number: u64| {
        let segments = truth["segments"].as_array().unwrap();
        let inside = |segment: &&serde_json::Value| {
            (segment["first"].as_u64().unwrap()..=segment["last"].as_u64().unwrap()).contains(&number)
        };
        segments.iter().find(inside).map(|segment| segment["fingers"].as_u64().unwrap())
    };
    let mut film = match Film::open(&folder.join(truth["file"].as_str().unwrap())) {
        Err(error) if error.to_string().contains("not installed") => return Err(Missing(error.to_string())),
        film => film.unwrap(),
    };
    let _alone = alone();
    let (mut tracker, mut frame, mut share, mut number) = (tracker(), Frame::default(), Share::default(), 0);
    while film.read(&mut frame).unwrap() == Status::Fresh {
        number += 1;
        let reading = tracker.read(&frame, None).unwrap();
        if let Some(fingers) = expected(number) {
            let right = |hand: &Hand| hand.side == Side::Right && u64::from(hand.fingers()) == fingers;
            share.add(reading.hands.len() == 1 && reading.hands.iter().all(right));
        }
    }
    assert_eq!(Some(number), truth["frames"].as_u64());
    share.holds("video, frames inside the segments", 0.98);
    Ok(())
}
