//! handwave's half of `make bench`. compare.py runs it and peer.py on the same frames.
//!
//! `frames SCENARIO PERSON.png OUT` writes a scenario's frames to OUT as raw RGB, and what each shows to stdout, one
//! JSON line per frame. `read FRAMES` reads them through tracker and gesture machine and prints a JSON line per frame:
//! CPU and wall milliseconds, the hands if there is a reading, and the gesture if one fires; the first line at once.
//! `inference FRAMES` does the same for one run of crop, landmark model and fingers per frame, on a hand already found.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use handwave::camera::Frame;
use handwave::config::Config;
use handwave::gesture::machine::{Machine, Transition};
use handwave::gesture::{Begin, Settings};
use handwave::hand::Reading;
use handwave::vision::landmark::LandmarkReader;
use handwave::vision::model::OrtModel;
use handwave::vision::roi::Roi;
use handwave::vision::{self, fingers, landmark, runtime};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

mod scenes;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["frames", scenario, person, out] => frames(scenario, Path::new(person), Path::new(out)),
        ["read", file] => read(Path::new(file)),
        ["inference", file] => inference(Path::new(file)),
        _ => bail!("usage: frames SCENARIO PERSON.png OUT | read FRAMES | inference FRAMES"),
    }
}

fn frames(scenario: &str, person: &Path, out: &Path) -> Result<()> {
    let person = image::open(person)?.to_rgb8();
    let mut film = scenes::Film::open(scenario, &person).with_context(|| format!("there is no scenario {scenario}"))?;
    let mut file = BufWriter::new(File::create(out)?);
    while let Some((picture, shown)) = film.next() {
        file.write_all(picture.as_raw())?;
        println!("{}", json!(shown));
    }
    Ok(file.flush()?)
}

fn read(frames: &Path) -> Result<()> {
    let config = Config::shipped();
    let mut tracker = vision::open(&config.vision, None, false)?;
    // The peer knows no fist, and the scenes have none.
    let mut machine = Machine::new(Settings { begin: Begin::Any, ..config.gesture }, true);
    time_each(frames, |frame| {
        let reading = tracker.read_if_new(frame, machine.due())?;
        let fired = match reading.as_ref().and_then(|reading| machine.see(reading)) {
            Some(Transition::Fired(gesture)) => Some((gesture.side.to_string(), gesture.fingers)),
            _ => None,
        };
        Ok((reading, fired))
    })
}

fn inference(frames: &Path) -> Result<()> {
    let config = Config::shipped();
    let mut tracker = vision::open(&config.vision, None, false)?;
    let runtime = runtime::load(config.vision.onnxruntime.as_deref())?;
    let mut reader = LandmarkReader::new(Box::new(OrtModel::open(runtime, &landmark::SPEC, None)?));
    let mut followed = None;
    time_each(frames, |frame| {
        let roi = match followed {
            Some(roi) => roi,
            None => Roi::of_landmarks(&tracker.read(frame, None)?.hands.first().context("no hand is seen")?.landmarks),
        };
        let look = reader.read(&frame.picture, &roi)?;
        std::hint::black_box(fingers::read(&look.landmarks, &look.features));
        followed = Some(Roi::of_landmarks(&look.landmarks));
        Ok((None, None))
    })
}

type Fired = Option<(String, u8)>;

/// Reads every frame, and prints its cost and result.
fn time_each(frames: &Path, mut read: impl FnMut(&Frame) -> Result<(Option<Reading>, Fired)>) -> Result<()> {
    let mut file = File::open(frames)?;
    let mut frame = Frame::default();
    frame.resize(scenes::SIZE);
    let mut lines = Vec::new();
    while file.read_exact(&mut frame.picture).is_ok() {
        frame.time = Duration::from_secs_f64(lines.len() as f64 / f64::from(scenes::FPS));
        let (cpu, wall) = (cpu_ms(), Instant::now());
        let (reading, fired) = read(&frame)?;
        let (cpu, wall) = (cpu_ms() - cpu, wall.elapsed().as_secs_f64() * 1e3);
        let line = json!({ "cpu": cpu, "wall": wall, "hands": reading.map(|r| hands(&r)), "fired": fired });
        // compare.py waits for the first line.
        if lines.is_empty() {
            println!("{line}");
        }
        lines.push(line);
    }
    lines.iter().skip(1).for_each(|line| println!("{line}"));
    Ok(())
}

fn hands(reading: &Reading) -> Vec<Value> {
    reading.hands.iter().map(|hand| json!([hand.side, hand.fingers()])).collect()
}

/// This process's CPU time, all threads together, in milliseconds.
fn cpu_ms() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}
