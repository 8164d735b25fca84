//! Holds the committed models to golden outputs: those of the tflite interpreter, and of the finger head's training
//! (models/README.md says how they are made).

use glam::Vec3;
use handwave::vision::fingers;
use handwave::vision::model::{LANDMARK, Model, OrtModel, PALM, Spec};
use handwave::vision::runtime;
use serde_json::Value;

const HAND: &[u8] = include_bytes!("golden/hand.png");

/// The model's outputs for the middle of the golden picture.
fn run(spec: &Spec) -> Vec<Vec<f32>> {
    let picture = image::load_from_memory(HAND).unwrap().to_rgb8();
    let runtime = runtime::load(None).unwrap();
    let mut model = OrtModel::open(runtime, spec, None).unwrap();
    let side = spec.side as u32;
    let margin = (picture.width() - side) / 2;
    let input = model.input();
    for (x, y, pixel) in image::imageops::crop_imm(&picture, margin, margin, side, side).to_image().enumerate_pixels() {
        for channel in 0..3 {
            input[channel * spec.side * spec.side + (y * side + x) as usize] = f32::from(pixel[channel]) / 255.0;
        }
    }
    model.run().unwrap().to_vec()
}

fn golden(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn numbers(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|n| n.as_f64().unwrap() as f32).collect()
}

#[track_caller]
fn assert_near(ours: &[f32], golden: &Value, limit: &Value) {
    let (golden, limit) = (numbers(golden), limit.as_f64().unwrap() as f32);
    assert_eq!(ours.len(), golden.len());
    let worst = ours.iter().zip(&golden).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= limit, "{worst} off, {limit} is allowed");
}

#[test]
fn palm_detection_says_what_tflite_says() {
    let golden = golden(include_str!("golden/palm.json"));
    let outputs = run(&PALM);
    assert_near(&outputs[1], &golden["scores"], &golden["limit"]["scores"]);
    let boxes = golden["boxes"].as_object().unwrap();
    assert!(boxes.len() > 50);
    for (anchor, numbers) in boxes {
        let at = anchor.parse::<usize>().unwrap() * 18;
        assert_near(&outputs[0][at..at + 18], numbers, &golden["limit"]["boxes"]);
    }
}

#[test]
fn hand_landmark_says_what_tflite_says() {
    let golden = golden(include_str!("golden/landmark.json"));
    let outputs = run(&LANDMARK);
    for (output, name) in outputs.iter().zip(["landmarks", "presence", "handedness"]) {
        assert_near(output, &golden[name], &golden["limit"][name]);
    }
}

/// 32 hands of the puppet, one a combination.
#[test]
fn the_finger_head_says_what_its_training_says() {
    let golden = golden(include_str!("golden/fingers.json"));
    let hands = golden.as_array().unwrap();
    assert!(hands.len() > 20);
    for hand in hands {
        let points: Vec<_> = hand["landmarks"].as_array().unwrap().iter().map(numbers).collect();
        let landmarks = std::array::from_fn(|i| Vec3::from_slice(&points[i]));
        assert_near(&fingers::odds(&landmarks), &hand["odds"], &serde_json::json!(0.005));
    }
}
