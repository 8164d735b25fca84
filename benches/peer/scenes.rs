//! What both programs read. In: a scenario's name and a photo of a person. Out: frames as a cheap webcam would deliver
//! them under a mains-powered lamp, and what each shows.
//!
//! The hands are the puppet's, with the tremor of hands held up. The person is a photo whose head and trunk sway
//! separately.

use std::f32::consts::TAU;
use std::time::Duration;

use glam::Vec2;
use handwave::camera::puppet::{Pose, Renderer, Scene, Script};
use image::{Rgb, RgbImage, imageops};

pub const FPS: u32 = 30;
pub const SIZE: (u32, u32) = (640, 480);

/// Name, whether a person sits behind the hands, and the puppet's script. Hands appear from one frame to the next, at
/// moments that fall differently within a program's own search intervals.
const SCENARIOS: [(&str, bool, &str); 6] = [
    ("one", false, "left 3 in 0 for 2.6\n left 4 in 0.3 for 2.2\n left 2 in 0.3 for 2"),
    ("two", false, "left 2 and right 4 in 0 for 3\n left 3 and right 1 in 0.3 for 3"),
    ("empty", false, "none for 6"),
    ("person", true, "none for 6"),
    ("appear", false, APPEARANCES),
    ("appear-person", true, APPEARANCES),
];
const APPEARANCES: &str = "\
    none in 0 for 1.1\n left 3 in 0 for 1.2\n none in 0 for 0.83\n left 2 in 0 for 1.2\n none in 0 for 0.7\n \
    left 4 in 0 for 1.2\n none in 0 for 0.97\n left 3 in 0 for 1.2\n none in 0 for 0.77\n left 2 in 0 for 1.2\n \
    none in 0 for 0.9\n left 4 in 0 for 1.2\n none in 0 for 0.5";

/// A hand's side and raised fingers.
pub type Shown = (&'static str, usize);

/// A scenario, frame by frame.
pub struct Film {
    script: Script,
    backdrop: Option<RgbImage>,
    renderer: Renderer,
    wall: RgbImage,
    /// Gaussian noise; each row takes it from a random offset.
    noise: Vec<f32>,
    random: u64,
    next: u32,
}

impl Film {
    /// None if there is no such scenario.
    pub fn open(name: &str, person: &RgbImage) -> Option<Film> {
        let &(_, sits, script) = SCENARIOS.iter().find(|(of, ..)| *of == name)?;
        let script = Script::parse(script).expect("the script is written right");
        let mut wall = RgbImage::new(SIZE.0, SIZE.1);
        let mut renderer = Renderer::default();
        renderer.render(&Scene::default(), &mut wall);
        let backdrop = sits.then(|| {
            let width = person.width();
            let top = imageops::crop_imm(person, 0, 0, width, width * SIZE.1 / SIZE.0).to_image();
            imageops::resize(&top, SIZE.0, SIZE.1, imageops::FilterType::Triangle)
        });
        let mut film = Film { script, backdrop, renderer, wall, noise: Vec::new(), random: 1, next: 0 };
        film.noise = (0..1 << 16).map(|_| (0..12).map(|_| film.share()).sum::<f32>() - 6.0).collect();
        Some(film)
    }

    /// The next frame, and what it shows; None for that while hands move from one sign to another.
    pub fn next(&mut self) -> Option<(RgbImage, Option<Vec<Shown>>)> {
        let time = f64::from(self.next) / f64::from(FPS);
        if Duration::from_secs_f64(time) >= self.script.duration() {
            return None;
        }
        self.next += 1;
        let mut scene = self.script.scene(Duration::from_secs_f64(time));
        let time = time as f32;
        let shown = [("left", scene.left), ("right", scene.right)].into_iter().filter_map(|(side, pose)| {
            pose.map(|pose| (pose.curl.iter().all(|curl| curl.fract() == 0.0)).then(|| (side, raised(&pose))))
        });
        let shown = shown.collect();
        for (phase, hand) in [(0.0, &mut scene.left), (2.0, &mut scene.right)] {
            hand.iter_mut().for_each(|pose| tremble(pose, time, phase));
        }
        let mut picture = RgbImage::new(SIZE.0, SIZE.1);
        self.renderer.render(&scene, &mut picture);
        if let Some(photo) = &self.backdrop {
            behind(&mut picture, &self.wall, photo, time);
        }
        self.expose(&mut picture, time);
        Some((picture, shown))
    }

    /// Adds a sensor's noise, and the bands of a 100 Hz lamp that a rolling shutter causes.
    fn expose(&mut self, picture: &mut RgbImage, time: f32) {
        for y in 0..SIZE.1 {
            let lamp = 1.0 + 0.025 * ((1.7 * y as f32 / SIZE.1 as f32 + 9.7 * time) * TAU).sin();
            let row = 3 * SIZE.0 as usize;
            let from = (self.share() * (self.noise.len() - row) as f32) as usize;
            let pixels = &mut picture.as_mut()[y as usize * row..(y as usize + 1) * row];
            for (value, noise) in pixels.iter_mut().zip(&self.noise[from..]) {
                *value = (f32::from(*value) * lamp + 3.0 * noise) as u8;
            }
        }
    }

    /// The next random number from 0 to 1, the same on every run.
    fn share(&mut self) -> f32 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 40) as f32 / (1 << 24) as f32
    }
}

fn raised(pose: &Pose) -> usize {
    pose.curl.iter().filter(|curl| **curl == 0.0).count()
}

/// A hand held up sways by a few pixels and trembles by less than one.
fn tremble(pose: &mut Pose, time: f32, phase: f32) {
    let wave = |hertz: f32, shift: f32| ((time * hertz + shift) * TAU + phase).sin();
    pose.place +=
        Vec2::new(wave(0.45, 0.0), wave(0.6, 0.3)) * 0.004 + Vec2::new(wave(8.0, 0.1), wave(9.0, 0.0)) * 0.0005;
    pose.roll += 1.2 * wave(0.5, 0.2);
}

/// Replaces the puppet's wall by the person: the head turns and nods, the trunk breathes, the room is still.
fn behind(picture: &mut RgbImage, wall: &RgbImage, photo: &RgbImage, time: f32) {
    let wave = |hertz: f32, shift: f32| ((time * hertz + shift) * TAU).sin();
    let head = Vec2::new(7.0 * wave(0.37, 0.0) + 2.0 * wave(1.1, 0.2), 3.0 * wave(0.8, 0.1));
    let trunk = Vec2::new(3.0 * wave(0.21, 0.4), 2.0 * wave(0.3, 0.0));
    for (x, y, pixel) in picture.enumerate_pixels_mut().filter(|(x, y, pixel)| *pixel == wall.get_pixel(*x, *y)) {
        let at = Vec2::new(x as f32, y as f32);
        let near = |centre: Vec2, reach: f32| (-at.distance_squared(centre) / (2.0 * reach * reach)).exp();
        let from = at - head * near(Vec2::new(285.0, 130.0), 90.0) - trunk * near(Vec2::new(260.0, 420.0), 150.0);
        let from = from.clamp(Vec2::ZERO, Vec2::new(SIZE.0 as f32 - 1.0, SIZE.1 as f32 - 1.0));
        *pixel = imageops::interpolate_bilinear(photo, from.x, from.y).unwrap_or(Rgb([0; 3]));
    }
}
