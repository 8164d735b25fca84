//! Training data for models/train_fingers.py. In: labelled pictures, or a number of puppets to render. Out: the
//! landmarks of their hands.
//!
//! `landmarks FOLDER` reads every picture of a folder unchanged and changed (mirrored, rotated, small, dark, cropped
//! tightly); `landmarks renders N` renders N random puppets. Each line is one picture's reading: `{"file", "view",
//! "hands"}`, where a render's file is its fingers, thumb first. Landmarks are in the unchanged picture's pixels.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use glam::{Affine2, Vec2, Vec3, Vec3Swizzles};
use handwave::camera::Frame;
use handwave::camera::file::{first_frame, pictures};
use handwave::camera::puppet::{Pose, Renderer, Scene};
use handwave::config::Config;
use handwave::hand::{Hand, Landmarks, Side};
use handwave::vision::landmark::LandmarkReader;
use handwave::vision::model::OrtModel;
use handwave::vision::palm::{PalmDetector, Params};
use handwave::vision::roi::Roi;
use handwave::vision::tracker::Tracker;
use handwave::vision::{self, landmark, palm, runtime};
use image::RgbImage;
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use serde_json::json;

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
        })
    }

    fn picture(&mut self, path: &Path) -> Result<()> {
        let frame = first_frame(path)?;
        let file = path.file_name().context("a file has a name")?.to_string_lossy();
        let hands = self.tracker.read_cold(&frame)?.hands;
        say(&file, "plain", hands.iter().map(Seen::of));
        let followed = self.tracker.read(&frame, None)?.hands;
        say(&file, "followed", followed.iter().map(Seen::of));
        // The estimate on the first, looser crop: moving hands are seen like that.
        let mut first = Vec::new();
        for roi in self.palms.detect(&frame.picture, 1.0)?.iter().map(Roi::of_palm).filter(Roi::is_sound) {
            let look = self.landmarks.read(&frame.picture, &roi)?;
            first.push(Seen { landmarks: look.landmarks, confidence: look.presence });
        }
        say(&file, "first look", first.into_iter().filter(|seen| seen.confidence >= 0.8));
        for (name, view, size, light) in views(&frame.picture, &hands) {
            let changed = Frame { time: Duration::ZERO, picture: cut(&frame.picture, view, size, light) };
            let hands = self.tracker.read_cold(&changed)?.hands;
            say(&file, name, hands.iter().map(|hand| Seen::of(hand).moved(view)));
        }
        Ok(())
    }

    fn renders(&mut self, count: usize) -> Result<()> {
        let (mut renderer, mut random) = (Renderer::default(), Random(SplitMix64::seed_from_u64(1)));
        let mut frame = Frame { time: Duration::ZERO, picture: RgbImage::new(640, 480) };
        for number in 0..count {
            // All combinations equally often: pictures of people lack the unusual ones.
            let raised: [bool; 5] = std::array::from_fn(|finger| number >> finger & 1 == 1);
            renderer.render(&puppet(raised, &mut random), &mut frame.picture);
            let file: String = raised.iter().map(|&up| if up { '1' } else { '0' }).collect();
            say(&file, "plain", self.tracker.read_cold(&frame)?.hands.iter().map(Seen::of));
        }
        Ok(())
    }
}

/// The line of one hand.
struct Seen {
    landmarks: Landmarks,
    confidence: f32,
}

impl Seen {
    fn of(hand: &Hand) -> Seen {
        Seen { landmarks: hand.landmarks, confidence: hand.confidence }
    }

    /// Converts a changed picture's pixels back.
    fn moved(mut self, view: Affine2) -> Seen {
        let scale = view.matrix2.determinant().abs().sqrt();
        self.landmarks = self.landmarks.map(|p| view.transform_point2(p.xy()).extend(p.z * scale));
        self
    }
}

fn say(file: &str, view: &str, hands: impl Iterator<Item = Seen>) {
    let rounded = |p: Vec3| p.to_array().map(|x| (f64::from(x) * 100.0).round() / 100.0);
    let hands = hands.map(|hand| {
        let landmarks: Vec<_> = hand.landmarks.map(rounded).into();
        json!({"landmarks": landmarks, "confidence": hand.confidence})
    });
    println!("{}", json!({"file": file, "view": view, "hands": hands.collect::<Vec<_>>()}));
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

/// A random hand: any side, place, tilt, skin and light; fingers neither quite straight nor quite closed.
fn puppet(raised: [bool; 5], random: &mut Random) -> Scene {
    let side = if random.between(0.0, 1.0) < 0.5 { Side::Left } else { Side::Right };
    let back = if random.between(0.0, 1.0) < 0.5 { 180.0 } else { 0.0 };
    let pose = Pose {
        curl: raised.map(|up| if up { random.between(-0.05, 0.25) } else { random.between(0.5, 1.3) }),
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
