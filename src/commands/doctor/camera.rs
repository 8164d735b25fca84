//! The checks of the camera. In: which camera. Out: a finding for its rate and brightness, and one for `mirrored`.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::sheet::Sheet;
use crate::camera::light::{self, Light};
use crate::camera::{self, Camera, CameraError, CameraSpec, Frame, Status};
use crate::clouds::Finding;
use crate::config::Config;
use crate::gesture;
use crate::hand::Side;
use crate::vision;

/// How long the camera is watched for its rate, from the first frame on.
const WATCHED: Duration = Duration::from_secs(2);
/// How long a person has to raise the left hand.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many readings of the same side in a row settle the question.
const READINGS: usize = 5;
/// A camera that delivers a smaller share of the requested rate gets a warning.
const FAIR: f64 = 0.6;

/// `models` is Some if a person is to be asked for a raised hand: then it is the folder to load the models from, if
/// any.
pub fn check(sheet: &mut Sheet, source: &CameraSpec, config: &Config, models: Option<Option<&Path>>) -> Result<()> {
    sheet.wait("camera: watching it for 2 seconds");
    let mut camera = match camera::open(source, &config.camera, false) {
        Ok(camera) => camera,
        Err(error) => {
            sheet.tell(Finding::failed("camera", error))?;
            return sheet.tell(Finding::unknown("mirrored", "not asked, as there is no camera"));
        }
    };
    sheet.tell(match measure(camera.as_mut()) {
        Ok(seen) => seen.row(source, config),
        Err(error) => Finding::failed("camera", error),
    })?;
    let Some(models) = models else {
        return sheet.tell(Finding::unknown("mirrored", "not asked: --interactive asks for a raised left hand"));
    };
    sheet.wait("mirrored: make a fist with your LEFT hand before the camera, then open its fingers");
    let row = match left_hand(camera.as_mut(), config, models) {
        Ok(row) => row,
        Err(error) => Finding::failed("mirrored", format!("{error:#}")),
    };
    sheet.tell(row)
}

/// What was seen in that time.
#[derive(Default)]
struct Watched {
    frames: u32,
    /// From the first frame's time to the last one's.
    span: Duration,
    last: Frame,
}

fn measure(camera: &mut dyn Camera) -> Result<Watched, CameraError> {
    let mut seen = Watched::default();
    let mut first = None;
    let began = Instant::now();
    while seen.span < WATCHED {
        match camera.read(&mut seen.last) {
            Ok(Status::Fresh) => {}
            Ok(Status::Ended) => break,
            // One moment without a picture does not mean that the camera gives none.
            Err(CameraError::Lost { .. }) if began.elapsed() < 3 * WATCHED => continue,
            Err(error) => return Err(error),
        }
        seen.frames += 1;
        seen.span = seen.last.time.saturating_sub(*first.get_or_insert(seen.last.time));
    }
    Ok(seen)
}

impl Watched {
    fn row(&self, source: &CameraSpec, config: &Config) -> Finding {
        let (width, height) = self.last.picture.dimensions();
        let Some(brightness) = light::mean(&self.last.picture) else {
            return Finding::failed("camera", format!("{source} gives no pictures")).remedy("name another by --camera");
        };
        let rate = f64::from(self.frames.saturating_sub(1)) / self.span.as_secs_f64();
        let found = format!("{source}: {width}x{height}, brightness {brightness} of 255");
        if self.span.is_zero() {
            return Finding::ok("camera", format!("{found}, a single picture"));
        }
        let found = format!("{found}, {rate:.1} frames a second");
        let least = least_rate(&config.gesture);
        if rate < least {
            let remedy =
                format!("holding a sign takes {least:.1} at least: more light, or a smaller picture in config.toml");
            return Finding::failed("camera", found).remedy(remedy);
        }
        if let Some(light) = Light::of(&self.last.picture, None) {
            return Finding::warning("camera", found).remedy(light);
        }
        match source {
            CameraSpec::Webcam(_) if rate < FAIR * config.camera.fps => {
                let remedy = format!("{} a second are asked for; more light often helps", config.camera.fps);
                Finding::warning("camera", found).remedy(remedy)
            }
            _ => Finding::ok("camera", found),
        }
    }
}

/// Frames a second below which no launch can be held.
fn least_rate(gesture: &gesture::Settings) -> f64 {
    let in_hold = (gesture.readings_min - 1) as f64 / gesture.hold_launch.as_secs_f64();
    in_hold.max(1.0 / gesture.gap.as_secs_f64())
}

/// Whether a raised left hand is read as a left hand.
fn left_hand(camera: &mut dyn Camera, config: &Config, models: Option<&Path>) -> Result<Finding> {
    let mirrored = config.camera.mirrored;
    let mut tracker = vision::open(&config.vision, models, mirrored)?;
    let mut frame = Frame::default();
    let mut run: Option<(Side, usize)> = None;
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        match camera.read(&mut frame) {
            Ok(Status::Fresh) => {}
            Ok(Status::Ended) => break,
            Err(CameraError::Lost { .. }) => continue,
            Err(error) => return Err(error.into()),
        }
        let reading = tracker.read(&frame, None)?;
        let [hand] = &reading.hands[..] else { continue };
        let before = run.filter(|(side, _)| *side == hand.side).map_or(0, |(_, n)| n);
        run = Some((hand.side, before + 1));
        if let Some((side, READINGS)) = run {
            return Ok(match side {
                Side::Left => Finding::ok("mirrored", format!("{mirrored}: a raised left hand is read as a left one")),
                Side::Right => {
                    Finding::failed("mirrored", format!("{mirrored}, but a raised left hand is read as a right one"))
                        .remedy(format!("set mirrored = {} in config.toml's [camera]", !mirrored))
                }
            });
        }
    }
    Ok(Finding::unknown("mirrored", "no single hand was seen").remedy("try again, with one hand well in the picture"))
}
