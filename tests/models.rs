//! Compares the committed models with golden outputs: those of the tflite interpreter, and of the finger heads'
//! training (models/README.md says how they are made).

use glam::Vec3;
use handwave::vision::model::{Model, OrtModel, Spec};
use handwave::vision::{fingers, landmark, palm, runtime};
use serde_json::Value;
use sha2::{Digest, Sha256};

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
    let outputs = run(&palm::SPEC);
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
    let outputs = run(&landmark::SPEC);
    for (output, name) in outputs.iter().zip(["landmarks", "presence", "handedness", "world", "features"]) {
        assert_near(output, &golden[name], &golden["limit"][name]);
    }
}

/// 32 rendered hands, one per combination, of which every fourth comes with its features.
#[test]
fn the_finger_heads_say_what_their_training_says() {
    let golden = golden(include_str!("golden/fingers.json"));
    let hands = golden.as_array().unwrap();
    assert!(hands.len() > 20);
    for hand in hands {
        let points: Vec<_> = hand["landmarks"].as_array().unwrap().iter().map(numbers).collect();
        let landmarks = std::array::from_fn(|i| Vec3::from_slice(&points[i]));
        let odds = fingers::odds(&landmarks, &numbers(&hand["features"]));
        assert_near(&odds, &hand["odds"], &serde_json::json!(0.005));
    }
}

#[test]
fn the_built_in_models_have_the_sums_that_their_readme_lists() {
    let readme = include_str!("../models/README.md");
    for spec in [palm::SPEC, landmark::SPEC] {
        let sum: String = Sha256::digest(spec.embedded).iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(readme.contains(&sum), "models/README.md lists another sum for {}", spec.file);
    }
}

#[test]
fn another_models_bytes_are_told_from_the_built_in_ones() {
    assert!(palm::SPEC.is_built_in(&palm::SPEC.bytes(None).unwrap()));
    assert!(!palm::SPEC.is_built_in(landmark::SPEC.embedded));
}

/// Training and program must agree on what is sure, what is seen from its edge or looks short, and what a gap costs.
#[test]
fn the_finger_constants_are_those_of_the_training() {
    let rust = include_str!("../src/vision/fingers/mod.rs");
    let python = include_str!("../models/train_fingers.py");
    let line = python.lines().find(|line| line.contains("SURE") && line.contains(" = ")).expect("the constants' line");
    let (names, values) = line.split_once(" = ").unwrap();
    let trained: Vec<(&str, f32)> =
        names.split(", ").zip(values.split(", ").map(|value| value.trim().parse().expect("a number"))).collect();
    for name in ["RULE_WEIGHT", "RULE_MOST", "FEATURES_WEIGHT", "SURE", "EDGE_ON", "SHORT", "GAP"] {
        let start = format!("const {name}: f32 = ");
        let used = rust.lines().find_map(|line| line.strip_prefix(&start)?.strip_suffix(';')?.parse::<f32>().ok());
        let trained = trained.iter().find(|(other, _)| *other == name).map(|(_, value)| *value);
        assert!(used.is_some(), "src/vision/fingers/mod.rs has no constant {name}");
        assert_eq!(used, trained, "{name} differs: src/vision/fingers/mod.rs, then models/train_fingers.py");
    }
    let lengths = |text: &'static str, before: &str| {
        let (_, numbers) = text.split_once(before).expect("the fingers' lengths");
        numbers.split_once(']').map(|(numbers, _)| numbers)
    };
    let used = lengths(rust, "const LENGTHS: [f32; 4] = [");
    assert_eq!(
        used,
        lengths(python, "LENGTHS = np.array(["),
        "src/vision/fingers/mod.rs, then models/train_fingers.py"
    );
}
