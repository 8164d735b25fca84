//! Training data for models/train_fingers.py. In: labelled pictures, or a number of puppets to render. Out: the
//! landmarks and features of their hands.
//!
//! `landmarks FOLDER` reads every picture of a folder unchanged and changed (mirrored, rotated, small, dark, cropped
//! tightly); `landmarks renders N` renders N random puppets, and a quarter as many that pinch. Each line is one
//! picture's reading: `{"file", "view", "hands"}`, where a render's file is its fingers, thumb first. A hand of an
//! unchanged picture has a second opinion, `again`. Landmarks are in the unchanged picture's pixels.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use glam::{Affine2, Vec2, Vec3, Vec3Swizzles};
use handwave::camera::Frame;
use handwave::camera::file::{first_frame, pictures};
use handwave::camera::puppet::{Pose, Renderer, Scene};
use handwave::config::Config;
use handwave::hand::{Hand, Side};
use handwave::vision::landmark::{Estimate, LandmarkReader};
use handwave::vision::model::OrtModel;
use handwave::vision::palm::{PalmDetector, Params};
use handwave::vision::roi::Roi;
use handwave::vision::tracker::Tracker;
use handwave::vision::{self, landmark, palm, runtime};
use image::RgbImage;
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let what = args.next().context("landmarks FOLDER, or landmarks renders N")?;
    let mut reader = Reader::open()?;
    if what == "renders" {
        return reader.renders(args.next().context("how many?")?.parse()?);
    }
    pictures(Path::new(&what))?.iter().try_for_each(|path| reader.picture(path))
}

struct Reader {
    tracker: Tracker,
    palms: PalmDetector,
    landmarks: LandmarkReader,
    /// A second opinion of a lower presence is none.
    presence: f32,
}

impl Reader {
    fn open() -> Result<Reader> {
        let settings = Config::shipped().vision;
        let runtime = runtime::load(None)?;
        let params = Params { threshold: settings.palm_threshold, overlap: 0.3, most: settings.palms_most };
        Ok(Reader {
            palms: PalmDetector::new(Box::new(OrtModel::open(runtime, &palm::SPEC, None)?), params),
            landmarks: LandmarkReader::new(Box::new(OrtModel::open(runtime, &landmark::SPEC, None)?)),
            tracker: vision::open(&settings, None, false)?,
            presence: settings.presence_following,
        })
    }

    fn picture(&mut self, path: &Path) -> Result<()> {
        let frame = first_frame(path)?;
        let file = path.file_name().context("a file has a name")?.to_string_lossy();
        let (hands, seen) = self.cold(&frame)?;
        let mut twice = Vec::new();
        for seen in seen {
            let again = self.landmarks.read_again(&frame.picture, &seen, self.presence)?;
            twice.push((seen, again));
        }
        say_all(&file, "plain", &twice);
        self.tracker.read(&frame, None)?;
        say(&file, "followed", self.seen());
        // The estimate on the first, looser crop: moving hands are seen like that.
        let mut first: Vec<Estimate> = Vec::new();
        for roi in self.palms.detect(&frame.picture, 1.0)?.iter().map(Roi::of_palm).filter(Roi::is_sound) {
            first.push(self.landmarks.read(&frame.picture, &roi)?);
        }
        first.retain(|seen| seen.presence >= 0.8);
        say(&file, "first look", first);
        for (name, view, size, light) in views(&frame.picture, &hands) {
            let changed = Frame { time: Duration::ZERO, picture: cut(&frame.picture, view, size, light) };
            let (_, seen) = self.cold(&changed)?;
            say(&file, name, seen.into_iter().map(|seen| moved(seen, view)).collect());
        }
        Ok(())
    }

    /// The hands of a picture that stands alone, and what the model saw of each.
    fn cold(&mut self, frame: &Frame) -> Result<(Vec<Hand>, Vec<Estimate>)> {
        let hands = self.tracker.read_cold(frame)?.hands;
        Ok((hands, self.seen()))
    }

    fn seen(&self) -> Vec<Estimate> {
        self.tracker.estimates().cloned().collect()
    }

    fn renders(&mut self, count: usize) -> Result<()> {
        let (mut renderer, mut random) = (Renderer::default(), Random(SplitMix64::seed_from_u64(1)));
        let mut frame = Frame { time: Duration::ZERO, picture: RgbImage::new(640, 480) };
        for number in 0..count + count / 4 {
            let pinches = number >= count;
            // All combinations equally often: pictures of people lack the unusual ones.
            let bits = if pinches { number << 2 } else { number };
            let raised: [bool; 5] = std::array::from_fn(|finger| bits >> finger & 1 == 1);
            renderer.render(&puppet(raised, pinches, &mut random), &mut frame.picture);
            let file: String = raised.iter().map(|&up| if up { '1' } else { '0' }).collect();
            say(&file, "plain", self.cold(&frame)?.1);
        }
        Ok(())
    }
}

/// Converts a changed picture's pixels back.
fn moved(mut seen: Estimate, view: Affine2) -> Estimate {
    let scale = view.matrix2.determinant().abs().sqrt();
    seen.landmarks = seen.landmarks.map(|p| view.transform_point2(p.xy()).extend(p.z * scale));
    seen
}

fn say(file: &str, view: &str, hands: Vec<Estimate>) {
    say_all(file, view, &hands.into_iter().map(|seen| (seen, None)).collect::<Vec<_>>());
}

/// Each hand, and the second opinion on it.
fn say_all(file: &str, view: &str, hands: &[(Estimate, Option<Estimate>)]) {
    let hands: Vec<_> = hands
        .iter()
        .map(|(seen, again)| {
            let mut hand = in_json(seen);
            if let Some(again) = again {
                hand["again"] = in_json(again);
            }
            hand
        })
        .collect();
    println!("{}", json!({"file": file, "view": view, "hands": hands}));
}

fn in_json(seen: &Estimate) -> Value {
    let rounded = |x: f32, digits: i32| (f64::from(x) * 10_f64.powi(digits)).round() / 10_f64.powi(digits);
    let landmarks: Vec<_> = seen.landmarks.map(|p| p.to_array().map(|x| rounded(x, 2))).into();
    let features: Vec<_> = seen.features.iter().map(|&x| rounded(x, 3)).collect();
    json!({"landmarks": landmarks, "features": features, "confidence": seen.presence})
}

/// A crop: its name, the transform from its pixels to the picture's, its size, and its brightness.
type View = (&'static str, Affine2, Vec2, f32);

fn views(picture: &RgbImage, hands: &[Hand]) -> Vec<View> {
    let size = Vec2::new(picture.width() as f32, picture.height() as f32);
    let turned = |degrees: f32| {
        let about = Affine2::from_translation(size / 2.0) * Affine2::from_angle(degrees.to_radians());
        about * Affine2::from_translation(-size / 2.0)
    };
    let mirrored = Affine2::from_scale_angle_translation(Vec2::new(-1.0, 1.0), 0.0, Vec2::new(size.x - 1.0, 0.0));
    let mut views = vec![
        ("mirrored", mirrored, size, 1.0),
        ("turned left", turned(30.0), size, 1.0),
        ("turned right", turned(-30.0), size, 1.0),
        ("small", Affine2::from_scale(Vec2::splat(2.0)), size / 2.0, 1.0),
        ("dark", Affine2::IDENTITY, size, 0.4),
    ];
    views.extend(hands.iter().map(|hand| {
        let (low, high) = hand.bounds();
        let margin = 0.06 * (high - low).max_element();
        ("tight", Affine2::from_translation(low - margin), high - low + 2.0 * margin, 1.0)
    }));
    views
}

/// The crop, by bilinear interpolation; outside the picture, its edge is repeated.
fn cut(picture: &RgbImage, view: Affine2, size: Vec2, light: f32) -> RgbImage {
    let edge = Vec2::new(picture.width() as f32, picture.height() as f32) - 1.0;
    RgbImage::from_fn(size.x as u32, size.y as u32, |x, y| {
        let at = view.transform_point2(Vec2::new(x as f32, y as f32)).clamp(Vec2::ZERO, edge);
        let pixel = image::imageops::interpolate_bilinear(picture, at.x, at.y).expect("it lies inside");
        pixel.0.map(|channel| (f32::from(channel) * light) as u8).into()
    })
}

/// A random hand: any side, place, tilt, skin and light; fingers neither quite straight nor quite closed. A hand that
/// pinches brings the tips of thumb and index finger together: neither is raised, and neither is folded.
fn puppet(raised: [bool; 5], pinches: bool, random: &mut Random) -> Scene {
    let side = if random.between(0.0, 1.0) < 0.5 { Side::Left } else { Side::Right };
    let back = if random.between(0.0, 1.0) < 0.5 { 180.0 } else { 0.0 };
    let mut curl = raised.map(|up| if up { random.between(-0.05, 0.25) } else { random.between(0.5, 1.3) });
    if pinches {
        (curl[0], curl[1]) = (random.between(0.6, 0.9), random.between(0.5, 0.62));
    }
    let pose = Pose {
        curl,
        roll: random.between(-70.0, 70.0),
        yaw: back + random.between(-45.0, 45.0),
        place: Vec2::new(random.between(0.35, 0.65), random.between(0.4, 0.6)),
        size: random.between(0.3, 0.8),
        skin: Vec3::new(90.0, 55.0, 40.0).lerp(Vec3::new(250.0, 215.0, 185.0), random.between(0.0, 1.0)),
    };
    let background = Vec3::from_array(std::array::from_fn(|_| random.between(20.0, 230.0)));
    let (left, right) = if side == Side::Left { (Some(pose), None) } else { (None, Some(pose)) };
    Scene { left, right, background }
}

/// The same numbers on every run.
struct Random(SplitMix64);

impl Random {
    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * (self.0.next_u64() >> 40) as f32 / (1_u64 << 24) as f32
    }
}
