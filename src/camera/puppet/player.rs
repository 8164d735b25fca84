//! Plays a script as a camera. In: the script, and optionally keys. Out: rendered frames.

use std::sync::mpsc::Sender;
use std::time::Duration;

use super::render::Renderer;
use super::script::Script;
use super::strings::Strings;
use crate::camera::clock::Clock;
use crate::camera::error::CameraError;
use crate::camera::frame::{Frame, Status};
use crate::camera::port::Camera;

/// Plays a script. The picture is not mirrored: the thumb of a left palm points to the picture's left.
pub struct Puppet {
    script: Script,
    renderer: Renderer,
    size: (u32, u32),
    fps: f64,
    clock: Clock,
    /// The number of the next frame.
    next: u32,
    strings: Option<Strings>,
}

impl Puppet {
    /// `size`: width and height in pixels.
    pub fn new(script: Script, size: (u32, u32), fps: f64, clock: Clock) -> Puppet {
        Puppet { script, renderer: Renderer::default(), size, fps, clock, next: 0, strings: None }
    }
}

impl Camera for Puppet {
    fn read(&mut self, frame: &mut Frame) -> Result<Status, CameraError> {
        let time = Duration::from_secs_f64(f64::from(self.next) / self.fps);
        let scripted = self.script.scene(time);
        let (scene, over) = match &mut self.strings {
            Some(strings) => (strings.scene(time, scripted), !strings.are_held()),
            None => (scripted, true),
        };
        let left = self.strings.as_ref().is_some_and(Strings::are_pulled);
        if over && (left || time >= self.script.duration()) {
            return Ok(Status::Ended);
        }
        self.next += 1;
        self.clock.wait_until(time);
        frame.resize(self.size);
        self.renderer.render(&scene, &mut frame.picture);
        frame.time = time;
        Ok(Status::Fresh)
    }

    /// No keys in fast mode: frames would run ahead of the person pressing them.
    fn keys(&mut self) -> Option<Sender<char>> {
        let (strings, keys) = (!self.clock.is_fast()).then(Strings::new)?;
        self.strings = Some(strings);
        Some(keys)
    }
}

#[cfg(test)]
mod tests {
    use image::imageops::flip_horizontal;

    use super::*;

    fn render(script: &str, time: f32) -> image::RgbImage {
        let scene = Script::parse(script).unwrap().scene(Duration::from_secs_f32(time));
        let mut frame = Frame::default();
        frame.resize((160, 120));
        Renderer::default().render(&scene, &mut frame.picture);
        frame.picture
    }

    /// The number of pixels that are hand in one picture and wall in the other.
    fn difference(a: &image::RgbImage, b: &image::RgbImage) -> usize {
        let wall = render("none", 0.0);
        let covered = |a: &image::RgbImage| a.pixels().zip(wall.pixels()).map(|(a, w)| a != w).collect::<Vec<_>>();
        covered(a).iter().zip(covered(b)).filter(|(a, b)| **a != *b).count()
    }

    #[test]
    fn plays_the_script_and_ends_with_it() {
        let script = Script::parse("left 3 in 0.5 for 0.5").unwrap();
        let mut puppet = Puppet::new(script, (160, 120), 30.0, Clock::fast());
        let (mut frame, mut times) = (Frame::default(), Vec::new());
        while puppet.read(&mut frame).unwrap() == Status::Fresh {
            assert_eq!(frame.picture.dimensions(), (160, 120));
            times.push(frame.time);
        }
        assert_eq!(times.len(), 30);
        assert_eq!(times[15], Duration::from_millis(500));
        assert_eq!(puppet.read(&mut frame).unwrap(), Status::Ended);
    }

    #[test]
    fn it_goes_on_while_keys_may_come() {
        let puppet = |clock| Puppet::new(Script::parse("left 3 in 0 for 0.1").unwrap(), (64, 48), 30.0, clock);
        assert!(puppet(Clock::fast()).keys().is_none());
        let mut frame = Frame::default();
        for pressed in ["", "n"] {
            let mut puppet = puppet(Clock::real_time());
            let keys = puppet.keys().unwrap();
            for _ in 0..6 {
                assert_eq!(puppet.read(&mut frame).unwrap(), Status::Fresh);
            }
            assert!(frame.time > puppet.script.duration());
            pressed.chars().for_each(|key| keys.send(key).unwrap());
            assert_eq!(puppet.read(&mut frame).unwrap(), Status::Fresh);
            drop(keys);
            assert_eq!(puppet.read(&mut frame).unwrap(), Status::Ended);
        }
    }

    #[test]
    fn the_same_instant_is_the_same_picture() {
        let script = "left 2 and right 5 wave for 2";
        assert_eq!(render(script, 1.3), render(script, 1.3));
    }

    #[test]
    fn left_and_right_are_mirror_images() {
        for words in ["3", "5 back", "10001 roll -30", "4 yaw 30"] {
            let left = render(&format!("left {words} at 0.5 0.5 in 0"), 1.0);
            let mirrored = words.replace("-30", "30");
            let right = render(&format!("right {mirrored} at 0.5 0.5 in 0"), 1.0);
            // The two meshes differ slightly.
            let (mirrored, plain) = (difference(&left, &flip_horizontal(&right)), difference(&left, &right));
            assert!(3 * mirrored < plain, "{words}: {mirrored} {plain}");
        }
    }

    #[test]
    fn no_hand_leaves_the_wall() {
        let wall = render("none for 1", 0.5);
        assert!((0..120).all(|y| (0..160).all(|x| wall.get_pixel(x, y) == wall.get_pixel(0, y))));
        assert_eq!(render("left 5\nnone in 0.5", 1.0), wall);
    }

    #[test]
    fn moves_are_smooth() {
        let script = "left 3 for 0.3\nleft fist back for 0.3\nleft 2 and right 1 roll 60 for 0.3\nleft 5 wave for 1\nnone for 0.2";
        let mut puppet = Puppet::new(Script::parse(script).unwrap(), (160, 120), 30.0, Clock::fast());
        let (mut frame, mut last) = (Frame::default(), None);
        while puppet.read(&mut frame).unwrap() == Status::Fresh {
            let vertices = puppet.renderer.outline(&puppet.script.scene(frame.time), (160, 120));
            if let Some((time, last)) = last.replace((frame.time, vertices.clone())) {
                let jump = vertices.iter().zip(&last).flat_map(|(now, then)| {
                    now.iter().zip(then).map(|(now, then): (&glam::Vec2, _)| now.distance(*then))
                });
                // The fastest move is coming in over the edge: 1.5 widths in 12 frames, and 1.5 times as fast midway.
                assert!(jump.fold(0.0, f32::max) < 160.0 * 1.5 / 12.0 * 1.5, "after {time:?}");
            }
        }
    }
}
