//! The cost of each part of a reading: `cargo bench --no-default-features --bench parts`. `make bench` measures the
//! whole, and compares it with its peer.

use std::time::Duration;

use divan::{Bencher, black_box};
use glam::Vec2;
use handwave::camera::Frame;
use handwave::camera::puppet::{Renderer, Script};
use handwave::config::Config;
use handwave::gesture::machine::Machine;
use handwave::vision::crop::cut;
use handwave::vision::landmark::LandmarkReader;
use handwave::vision::letterbox::{Border, Letterbox};
use handwave::vision::model::{Model, OrtModel, Spec};
use handwave::vision::motion::{Motion, Thumbnail};
use handwave::vision::palm::SIDE;
use handwave::vision::roi::Roi;
use handwave::vision::{self, fingers, landmark, palm, runtime};
use image::RgbImage;

fn main() {
    divan::main();
}

fn frame() -> Frame {
    let scene = Script::parse("left 3 in 0 for 1").expect("a good script").scene(Duration::ZERO);
    let mut picture = RgbImage::new(640, 480);
    Renderer::default().render(&scene, &mut picture);
    Frame { time: Duration::ZERO, picture }
}

fn roi() -> Roi {
    Roi { centre: Vec2::new(420.0, 250.0), size: 300.0, rotation: 0.1 }
}

fn model(spec: &Spec) -> OrtModel {
    let runtime = runtime::load(None).expect("the runtime library: `make runtime` fetches it");
    OrtModel::open(runtime, spec, None).expect("the built-in model")
}

#[divan::bench]
fn motion(bencher: Bencher) {
    let (mut motion, mut now, frame) = (Motion::default(), Thumbnail::default(), frame());
    now.take(&frame.picture);
    motion.searched(&now, Duration::ZERO, false);
    bencher.bench_local(|| {
        now.take(black_box(&frame.picture));
        motion.since_search(&now, &[])
    });
}

#[divan::bench]
fn letterbox(bencher: Bencher) {
    let (mut letterbox, mut tensor, frame) = (Letterbox::new(SIDE), vec![0.0; 3 * SIDE * SIDE], frame());
    bencher.bench_local(|| letterbox.fill(black_box(&frame.picture), 1.0, Border::Black, &mut tensor));
}

#[divan::bench]
fn palm_model(bencher: Bencher) {
    let mut model = model(&palm::SPEC);
    bencher.bench_local(|| model.run().map(|outputs| outputs.len()));
}

#[divan::bench]
fn crop(bencher: Bencher) {
    let (mut tensor, frame) = (vec![0.0; 3 * 224 * 224], frame());
    bencher.bench_local(|| cut(black_box(&frame.picture), &roi(), 224, &mut tensor));
}

#[divan::bench]
fn landmark_model(bencher: Bencher) {
    let mut model = model(&landmark::SPEC);
    bencher.bench_local(|| model.run().map(|outputs| outputs.len()));
}

#[divan::bench]
fn raised_fingers(bencher: Bencher) {
    let mut reader = LandmarkReader::new(Box::new(model(&landmark::SPEC)));
    let look = reader.read(&frame().picture, &roi()).expect("the model runs");
    bencher.bench_local(|| fingers::read(black_box(&look.landmarks), &look.features));
}

#[divan::bench]
fn gesture_machine(bencher: Bencher) {
    let config = Config::shipped();
    let mut tracker = vision::open(&config.vision, None, false).expect("the built-in models");
    let mut reading = tracker.read_cold(&frame()).expect("the models run");
    let mut machine = Machine::new(config.gesture, true);
    bencher.bench_local(|| {
        reading.time += Duration::from_millis(33);
        machine.see(&reading)
    });
}
