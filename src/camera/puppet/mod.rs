//! A rendered hand as a camera, for demonstrations and tests. In: a script. Out: frames until it is over.

pub mod demo;
mod mesh;
mod raster;
mod render;
mod scene;
mod script;

use std::time::Duration;

pub use render::Renderer;
pub use scene::{Colour, Pose, Scene};
pub use script::{Script, ScriptError};

use super::clock::Clock;
use super::{Camera, CameraError, Frame, Status};

/// Plays a script. The picture is not mirrored: a left hand's thumb points to the picture's left where its palm is shown.
pub struct Puppet {
    script: Script,
    renderer: Renderer,
    size: (u32, u32),
    fps: f64,
    clock: Clock,
    /// The number of the next frame.
    next: u32,
}

impl Puppet {
    /// `size` is width and height in pixels.
    pub fn new(script: Script, size: (u32, u32), fps: f64, clock: Clock) -> Puppet {
        Puppet { script, renderer: Renderer::default(), size, fps, clock, next: 0 }
    }
}

impl Camera for Puppet {
    fn read(&mut self, frame: &mut Frame) -> Result<Status, CameraError> {
        let time = Duration::from_secs_f64(f64::from(self.next) / self.fps);
        if time >= self.script.duration() {
            return Ok(Status::Ended);
        }
        self.next += 1;
        self.clock.wait_until(time);
        frame.resize(self.size);
        self.renderer.render(&self.script.scene(time), &mut frame.picture);
        frame.time = time;
        Ok(Status::Fresh)
    }
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;

    fn render(renderer: &mut Renderer, scene: &Scene) -> RgbImage {
        let mut picture = RgbImage::new(160, 120);
        renderer.render(scene, &mut picture);
        picture
    }

    #[test]
    fn the_same_scene_gives_the_same_picture() {
        let scene = Script::parse("left 3 roll 20 and right 11001 back for 1").unwrap().scene(Duration::from_secs(1));
        let mut renderer = Renderer::default();
        let first = render(&mut renderer, &scene);
        render(&mut renderer, &Scene::default());
        assert_eq!(render(&mut renderer, &scene), first);
        assert_eq!(render(&mut Renderer::default(), &scene), first);
        assert_ne!(render(&mut renderer, &Scene::default()), first);
    }

    #[test]
    fn motion_between_poses_is_smooth() {
        let script = Script::parse(
            "left 5 in 0
 right 2 back roll 40 in 0.6
 right fist wave for 2
 none",
        )
        .unwrap();
        let moved = |frame: u32| {
            let at = |frame: u32| script.scene(Duration::from_secs(1) * frame / 30);
            let (Some(a), Some(b)) = (at(frame).right, at(frame + 1).right) else { return 0.0 };
            let curls = a.curl.iter().zip(b.curl).map(|(a, b)| (a - b).abs());
            curls.fold(0.0, f32::max).max(a.place.distance(b.place)).max((a.roll - b.roll).abs() / 90.0)
        };
        let frames = (script.duration().as_secs_f32() * 30.0) as u32;
        assert!((0..frames).all(|frame| moved(frame) < 0.25), "a jump between two frames");
        assert!((0..frames).any(|frame| moved(frame) > 0.05), "and it does move");
    }

    #[test]
    fn a_puppet_ends_with_its_script() {
        let script = Script::parse("left 1 in 0 for 1").unwrap();
        let mut puppet = Puppet::new(script, (64, 48), 10.0, Clock::fast());
        let mut frame = Frame::default();
        for i in 0..10 {
            assert_eq!(puppet.read(&mut frame).unwrap(), Status::Fresh);
            assert_eq!(frame.time, Duration::from_millis(100) * i);
            assert_eq!(frame.picture.dimensions(), (64, 48));
        }
        assert_eq!(puppet.read(&mut frame).unwrap(), Status::Ended);
    }
}
