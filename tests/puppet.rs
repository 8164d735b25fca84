//! The puppet read by the real models: which finger combinations are read correctly, as a table and with floors.
//!
//! `cargo test --test puppet -- --nocapture` prints the table.

use std::collections::BTreeMap;
use std::time::Duration;

use handwave::camera::Frame;
use handwave::camera::puppet::{Renderer, Script};
use handwave::config::Config;
use handwave::hand::Side;
use handwave::vision;
use image::RgbImage;

/// The counts from 0 to 5 as people usually show them, thumb first.
const USUAL: [&str; 6] = ["00000", "01000", "01100", "01110", "01111", "11111"];

/// How often a combination was read correctly, and out of how many.
type Shares = BTreeMap<String, (usize, usize)>;

/// Renders every combination on both sides at three rolls, reads each cold, and compares side and fingers.
fn read_all(face: &str) -> Shares {
    let mut tracker = vision::open(&Config::shipped().vision, None, false).unwrap();
    let mut renderer = Renderer::default();
    let mut frame = Frame { time: Duration::ZERO, picture: RgbImage::new(640, 480) };
    let mut shares = Shares::new();
    for combination in 0..32 {
        let fingers: String = (0..5).map(|i| if combination >> i & 1 == 1 { '1' } else { '0' }).collect();
        for (side, name) in [(Side::Left, "left"), (Side::Right, "right")] {
            for roll in [-40, 0, 40] {
                let script = format!("{name} {fingers} {face} roll {roll} at 0.5 0.5 in 0");
                let scene = Script::parse(&script).unwrap().scene(Duration::ZERO);
                renderer.render(&scene, &mut frame.picture);
                let reading = tracker.read_cold(&frame).unwrap();
                let read: Vec<_> = reading.hands.iter().map(|hand| (hand.side, digits(hand.raised))).collect();
                let share = shares.entry(fingers.clone()).or_default();
                share.0 += usize::from(read == [(side, fingers.clone())]);
                share.1 += 1;
            }
        }
    }
    shares
}

fn digits(raised: [bool; 5]) -> String {
    raised.map(|up| if up { '1' } else { '0' }).iter().collect()
}

fn share<'a>(of: impl Iterator<Item = &'a (usize, usize)>) -> f64 {
    let (right, all) = of.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    right as f64 / all as f64
}

/// Compares the shares with floors, and prints the combinations that are not always read correctly.
fn hold(face: &str, usual_floor: f64, all_floor: f64) {
    let shares = read_all(face);
    let usual = share(USUAL.iter().map(|fingers| &shares[*fingers]));
    let all = share(shares.values());
    println!(
        "{}: {usual:.3} of the usual counts, {all:.3} of all combinations",
        if face.is_empty() { "palm" } else { face }
    );
    for (fingers, (right, of)) in shares.iter().filter(|(_, (right, of))| right < of) {
        println!("  {fingers} (thumb first): {right} of {of}");
    }
    assert!(usual >= usual_floor, "{usual} of the usual counts");
    assert!(all >= all_floor, "{all} of all combinations");
}

#[test]
fn palms_are_read() {
    hold("", 0.95, 0.75);
}

#[test]
fn backs_are_read() {
    hold("back", 0.95, 0.68);
}
