//! `handwave cameras`: lists the cameras. In: the settings. Out: a line for each camera with its formats below, the one
//! that `run` takes marked; a sentence and status 1 if there is none.

use std::process::ExitCode;

use anyhow::Result;

use crate::camera::CameraSpec;
use crate::camera::webcam::device::{Device, Reason, State, path};
use crate::camera::webcam::format::{Format, Wish, sort_by_nearness};
use crate::camera::webcam::{WebcamError, list};
use crate::cli::CamerasArgs;
use crate::commands::output::say;
use crate::config::Config;

pub fn run(args: &CamerasArgs) -> Result<ExitCode> {
    let (config, origin) = Config::load(args.config.as_deref())?;
    // A webcam's metadata node is no camera, nor is a device that gives no pictures at all.
    let is_camera = |device: &Device| !matches!(&device.state, State::Trouble(t) if t.reason == Reason::NoPictures);
    let cameras: Vec<Device> = list()?.into_iter().filter(is_camera).collect();
    for camera in &cameras {
        say(&describe(camera, &config.camera.source, &Wish::from(&config.camera)))?;
    }
    if cameras.is_empty() {
        anyhow::bail!("there is no camera: plug one in, or try `handwave run --camera puppet`");
    }
    let taken = |camera: &&Device| CameraSpec::Webcam(camera.index) == config.camera.source;
    if !cameras.iter().any(|camera| taken(&camera)) {
        say(&format!("run takes none of these: [camera] source is another in {origin}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A camera's line, and a line for each size and encoding.
fn describe(camera: &Device, source: &CameraSpec, wish: &Wish) -> String {
    let Device { index, name, state } = camera;
    let taken = *source == CameraSpec::Webcam(*index);
    let mark = |taken: bool, what: &str| if taken { format!("   <- {what}") } else { String::new() };
    let mut text = format!("{index}  {name}");
    if let Some(path) = path(*index) {
        text += &format!("  {path}");
    }
    text += &mark(taken, "run takes this one");
    match state {
        State::Trouble(trouble) => text += &format!("\n   {}", WebcamError::of(*index, trouble.clone())),
        State::Camera(formats) => {
            let mut nearest = formats.clone();
            sort_by_nearness(&mut nearest, wish);
            let nearest = nearest.first();
            for group in formats.chunk_by(same_size) {
                let Format { width, height, encoding, .. } = group[0];
                let mut rates: Vec<u32> = group.iter().map(|format| format.fps).collect();
                rates.sort_unstable_by(|a, b| b.cmp(a));
                rates.dedup();
                let rates = rates.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
                text += &format!("\n   {encoding:5} {width}x{height} at {rates} a second");
                if let Some(nearest) = nearest.filter(|nearest| same_size(nearest, &group[0])) {
                    text += &mark(true, &format!("{} a second is nearest to config.toml's wish", nearest.fps));
                }
            }
        }
    }
    text
}

fn same_size(a: &Format, b: &Format) -> bool {
    (a.encoding, a.width, a.height) == (b.encoding, b.width, b.height)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::webcam::device::Trouble;
    use crate::camera::webcam::format::Encoding::{Mjpeg, Yuyv};

    const WISH: Wish = Wish { width: 640, height: 480, fps: 30.0 };

    #[test]
    fn the_camera_and_the_format_that_run_takes_are_marked() {
        let format = |width, height, fps, encoding| Format { width, height, fps, encoding };
        let formats = vec![
            format(640, 480, 15, Yuyv),
            format(640, 480, 30, Yuyv),
            format(640, 480, 30, Yuyv),
            format(1280, 720, 30, Mjpeg),
        ];
        let camera = Device { index: 2, name: "Lab Webcam".into(), state: State::Camera(formats) };
        let text = describe(&camera, &CameraSpec::Webcam(2), &WISH);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("2  Lab Webcam") && lines[0].ends_with("<- run takes this one"), "{text}");
        assert_eq!(lines[1], "   YUYV  640x480 at 30, 15 a second   <- 30 a second is nearest to config.toml's wish");
        assert_eq!(lines[2], "   MJPEG 1280x720 at 30 a second");
        assert!(!describe(&camera, &CameraSpec::Webcam(0), &WISH).contains("run takes"));
    }

    #[test]
    fn what_is_wrong_with_a_camera_is_told() {
        let state = State::Trouble(Trouble { reason: Reason::Busy, said: String::new() });
        let camera = Device { index: 2, name: "Lab Webcam".into(), state };
        assert!(describe(&camera, &CameraSpec::Webcam(0), &WISH).contains("in use by another program"));
    }
}
