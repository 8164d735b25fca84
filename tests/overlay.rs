//! The overlay as pictures: what must be visible is visible at any size, in any state, on any picture.

use std::f32::consts::TAU;
use std::path::Path;
use std::time::Duration;

use glam::Vec3;
use handwave::camera::light::Light;
use handwave::clouds::Mode;
use handwave::command::{Gesture, InstanceId};
use handwave::daemon::state::{CameraState, RunState};
use handwave::fleet::FleetState;
use handwave::fleet::Limits;
use handwave::fleet::Observed;
use handwave::fleet::ports::{Health, Instance, InstanceState, RETIRING_TAG, Standing};
use handwave::gesture::machine::Phase;
use handwave::gesture::why::Why;
use handwave::hand::{Hand, Reading, Side};
use handwave::policy::follow::PolicyState;
use handwave::view::overlay::Overlay;
use image::{Rgb, RgbImage};

const SIZE: (u32, u32) = (1280, 720);
const CAMERA: (u32, u32) = (640, 480);
const SKY: [i32; 3] = [86, 180, 233];

/// An open hand: five straight fingers from the wrist.
fn hand(side: Side, centre: (f32, f32), size: f32) -> Hand {
    let mut landmarks = [Vec3::new(centre.0, centre.1 + size / 2.0, 0.0); 21];
    for (joint, at) in landmarks.iter_mut().enumerate().skip(1) {
        let (finger, step) = ((joint - 1) / 4, (joint - 1) % 4 + 1);
        let angle = TAU * (0.04 * finger as f32 - 0.08);
        let away = size * (0.35 + 0.15 * step as f32);
        *at += Vec3::new(away * angle.sin(), -away * angle.cos(), 0.0);
    }
    Hand { side, landmarks, raised: [false, true, true, true, false], sure: true, confidence: 0.98 }
}

fn reading(hands: Vec<Hand>) -> Option<Reading> {
    Some(Reading { time: Duration::ZERO, size: CAMERA, hands, searched: true, fresh: true, hidden: false })
}

fn fleet(count: usize) -> FleetState {
    let id =
        |index: usize| InstanceId(format!("i-0{:016x}", (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 4));
    let instances = (0..count).map(|index| {
        let state = if index % 7 == 5 { InstanceState::Pending } else { InstanceState::Running };
        let launched = jiff::Timestamp::UNIX_EPOCH + Duration::from_secs(index as u64);
        let instance = Instance::new(id(index), state, launched);
        if index % 7 == 3 { instance.with_tag(RETIRING_TAG, "") } else { instance }
    });
    let health = |index: usize| if index % 7 == 2 { Health::OutOfService } else { Health::InService };
    let standings = (0..count).map(|index| (id(index), Standing::new(health(index))));
    let observed = Some(Observed::join(instances.collect(), standings.collect()));
    FleetState { observed, settled: true, ..FleetState::unknown(Limits { min: 1, max: 5 }) }
}

fn state(phase: Phase) -> RunState {
    let reading = reading(Vec::new());
    RunState { reading, phase, ..RunState::starting(Mode::DryRun, CameraState::Watching, fleet(2)) }
}

fn live() -> Mode {
    Mode::Live { account: "111122223333".into(), region: "eu-central-1".into() }
}

fn holding(progress: f32) -> RunState {
    let phase = Phase::Holding { gesture: gesture(Side::Left, 3), progress, hint: None };
    RunState { reading: reading(vec![hand(Side::Left, (420.0, 200.0), 180.0)]), ..state(phase) }
}

fn gesture(side: Side, fingers: u8) -> Gesture {
    Gesture { side, fingers, confidence: 0.98, hold: Duration::from_millis(833) }
}

fn counting_down() -> RunState {
    let (left, of) = (Duration::from_millis(1300), Duration::from_secs(2));
    let mut state = state(Phase::CountingDown { gesture: gesture(Side::Right, 2), left, of });
    state.victims = state.fleet.observed.iter().flat_map(|o| &o.instances).map(|seen| seen.id().clone()).collect();
    state
}

/// Every state that looks different from the others, except idle.
fn states() -> Vec<(&'static str, RunState)> {
    let done = |taken_back| state(Phase::Done { gesture: gesture(Side::Left, 3), taken_back });
    let idle = || state(Phase::Idle(Why::NoHand));
    let no_fist = Phase::Holding { gesture: gesture(Side::Left, 3), progress: 0.0, hint: Some(Why::NoFist) };
    let mut trouble = idle();
    trouble.fleet.trouble = Some("ExpiredToken: the security token is expired".into());
    let lost = CameraState::Lost("it was unplugged".into());
    vec![
        ("holding", holding(0.6)),
        ("fist", RunState { phase: Phase::Ready(Side::Left), ..holding(0.0) }),
        ("no fist", state(no_fist)),
        ("not upright", state(Phase::Idle(Why::NotUpright))),
        ("no wrist", state(Phase::Idle(Why::WristHidden))),
        ("thumb", state(Phase::Idle(Why::ThumbSign))),
        ("picture", state(Phase::Idle(Why::Picture))),
        ("counting down", counting_down()),
        ("fired", done(None)),
        ("taken back", done(Some(Why::Fist))),
        ("two hands", state(Phase::Idle(Why::TwoHands))),
        ("unsure", state(Phase::Idle(Why::Unsure))),
        ("cut off", state(Phase::Idle(Why::CutOff))),
        ("too far", state(Phase::Idle(Why::TooSmall))),
        ("paused", state(Phase::Paused)),
        ("quitting", state(Phase::Idle(Why::Quit))),
        ("starting", RunState { camera: CameraState::Starting, ..idle() }),
        ("camera lost", RunState { camera: lost, ..idle() }),
        ("dark", RunState { light: Some(Light::Dark), ..idle() }),
        ("bright", RunState { light: Some(Light::Bright), ..idle() }),
        ("live", RunState { mode: live(), ..idle() }),
        ("trouble", trouble),
    ]
}

fn wall() -> RgbImage {
    RgbImage::from_pixel(CAMERA.0, CAMERA.1, Rgb([112, 120, 130]))
}

fn draw(state: &RunState, size: (u32, u32)) -> RgbImage {
    Overlay::default().draw(state, &wall(), size).to_picture()
}

/// The share of pixels that differ visibly.
fn differing(a: &RgbImage, b: &RgbImage) -> f32 {
    let seen = |(a, b): (&Rgb<u8>, &Rgb<u8>)| a.0.iter().zip(b.0).any(|(&a, b)| a.abs_diff(b) > 40);
    a.pixels().zip(b.pixels()).filter(|&pair| seen(pair)).count() as f32 / a.pixels().len() as f32
}

fn coloured(picture: &RgbImage, colour: [i32; 3]) -> usize {
    let near = |pixel: &Rgb<u8>| pixel.0.iter().zip(colour).all(|(&a, b)| (i32::from(a) - b).abs() < 12);
    picture.pixels().filter(|pixel| near(pixel)).count()
}

#[test]
fn every_state_differs_from_idle_and_from_every_other() {
    let mut pictures = vec![("idle", draw(&state(Phase::Idle(Why::NoHand)), SIZE))];
    pictures.extend(states().iter().map(|(name, state)| (*name, draw(state, SIZE))));
    for (index, (a, one)) in pictures.iter().enumerate() {
        for (b, other) in &pictures[..index] {
            let share = differing(one, other);
            assert!(share > 0.003, "{a} looks like {b}: {share}");
        }
    }
}

#[test]
fn a_policys_decision_and_what_a_person_holds_are_drawn() {
    let without = draw(&state(Phase::Idle(Why::NoHand)), SIZE);
    let decision = "hold at 2: cpu: the mean of 2 is 95 %, target 60 %: 4 needed".to_owned();
    let policy = |held: Option<&str>| {
        let held = held.map(ToOwned::to_owned);
        let policy = PolicyState { decision: decision.clone(), held, is_paused: false, is_paused_by_page: false };
        draw(&RunState { policy: Some(policy), ..state(Phase::Idle(Why::NoHand)) }, SIZE)
    };
    let (decided, held) = (policy(None), policy(Some("retire by anna holds 2 as the ceiling for 7 min")));
    assert!(differing(&without, &decided) > 0.003 && differing(&decided, &held) > 0.003);
}

#[test]
fn the_ring_fills_with_the_hold() {
    let painted: Vec<_> = (0..=10).map(|tenth| coloured(&draw(&holding(tenth as f32 / 10.0), SIZE), SKY)).collect();
    let (first, last) = (painted[0], painted[10]);
    let step = (last - first) / 10;
    assert!(step > 800, "the ring is visible: {painted:?}");
    for pair in painted.windows(2) {
        let grown = pair[1].saturating_sub(pair[0]);
        // The round ends of the stroke: the first step has one more, the last one overlaps.
        assert!(grown > step / 2 && grown < 2 * step, "{painted:?}");
    }
}

#[test]
fn live_cannot_be_taken_for_a_dry_run() {
    for (name, dry) in states().into_iter().filter(|(name, _)| *name != "live") {
        let (a, b) = (draw(&dry, SIZE), draw(&RunState { mode: live(), ..dry }, SIZE));
        let share = differing(&a, &b);
        assert!(share > 0.08, "{name}: {share}");
        // Not by colour alone: the bar is striped.
        let stripes = (0..150).map(|x| b.get_pixel(x, 32).0[0]).collect::<Vec<_>>();
        assert!(stripes.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) > 60).count() >= 3, "{name}");
    }
}

#[test]
fn it_is_a_mirror() {
    let mut picture = wall();
    (0..480).for_each(|y| (0..100).for_each(|x| picture.put_pixel(x, y, Rgb([250, 10, 10]))));
    let drawn = Overlay::default().draw(&state(Phase::Idle(Why::NoHand)), &picture, SIZE).to_picture();
    let reds: Vec<_> =
        (0..SIZE.0).filter(|&x| drawn.get_pixel(x, 300).0[0] > 200 && drawn.get_pixel(x, 300).0[1] < 60).collect();
    assert!(reds.len() > 100 && reds.iter().all(|&x| x > 700 && x < 880), "{:?}", reds.first());
    // So is the skeleton.
    let left =
        RunState { reading: reading(vec![hand(Side::Left, (540.0, 200.0), 150.0)]), ..state(Phase::Idle(Why::Moving)) };
    let drawn = draw(&left, SIZE);
    let skies = |from, to| {
        (from..to)
            .flat_map(|x| (64..500).map(move |y| (x, y)))
            .filter(|&(x, y)| drawn.get_pixel(x, y).0 == [86, 180, 233])
            .count()
    };
    assert!(skies(0, 300) > 300 && skies(437, 870) == 0);
}

#[test]
fn an_idle_state_stays_as_it_is() {
    let mut overlay = Overlay::default();
    let idle = state(Phase::Idle(Why::NoHand));
    let first = overlay.draw(&idle, &wall(), SIZE).to_picture();
    for (_, other) in states() {
        overlay.draw(&other, &wall(), (333, 222));
        overlay.draw(&other, &wall(), SIZE);
    }
    assert_eq!(overlay.draw(&idle, &wall(), SIZE).to_picture(), first, "nothing is left of what was drawn before");
}

#[test]
fn each_instance_has_a_tile() {
    let mut before = draw(&RunState { fleet: fleet(0), ..state(Phase::Idle(Why::NoHand)) }, SIZE);
    for count in 1..=40 {
        let picture = draw(&RunState { fleet: fleet(count), ..state(Phase::Idle(Why::NoHand)) }, SIZE);
        let share = differing(&picture, &before);
        assert!(share > 0.001, "{count} instances look like {}: {share}", count - 1);
        before = picture;
    }
}

/// Text on the panel covers neither the picture nor the edge.
#[test]
fn long_words_stay_in_their_place() {
    for count in [0, 1, 3, 8, 12, 25, 40] {
        let short = RunState { fleet: fleet(count), ..state(Phase::Idle(Why::NoHand)) };
        let mut long = short.clone();
        for seen in long.fleet.observed.iter_mut().flat_map(|observed| &mut observed.instances) {
            seen.instance.id = InstanceId(format!("{}-{}", seen.instance.id, "wide".repeat(30)));
        }
        long.fleet.trouble = Some("Unpronounceable".repeat(20) + " and a sentence of many words" + &" more".repeat(80));
        long.said = vec!["Launched 40: ".to_string() + &"i-0123456789abcdef0, ".repeat(40); 9];
        for size in [SIZE, (640, 480), (480, 854)] {
            let (short, long) = (draw(&short, size), draw(&long, size));
            assert!(differing(&short, &long) > 0.01);
            let panel = |x: u32, y: u32| if size.0 > size.1 { x >= size.0 / 2 } else { y >= size.1 / 2 };
            for (x, y, pixel) in long.enumerate_pixels() {
                let edge = x + 4 > size.0 || y + 4 > size.1;
                let changed = pixel.0 != short.get_pixel(x, y).0;
                assert!(!changed || (panel(x, y) && !edge), "{count} at {size:?}: ({x}, {y})");
            }
        }
    }
}

#[test]
fn nothing_makes_it_panic() {
    let odd = |value: f32| {
        let mut hand = hand(Side::Right, (300.0, 200.0), 200.0);
        hand.landmarks[8] = Vec3::splat(value);
        hand
    };
    let hands = vec![odd(f32::NAN), odd(f32::INFINITY), odd(1e30), odd(-1e9), hand(Side::Left, (0.0, 0.0), 0.0)];
    let mut overlay = Overlay::default();
    for (name, base) in states() {
        for fleet in [fleet(5), fleet(40), FleetState { observed: None, ..fleet(0) }] {
            let mut state = RunState { fleet, reading: reading(hands.clone()), ..base.clone() };
            if let Phase::Holding { progress, .. } = &mut state.phase {
                *progress = f32::NAN;
            }
            if let Phase::CountingDown { of, .. } = &mut state.phase {
                *of = Duration::ZERO;
            }
            for picture in
                [wall(), RgbImage::new(0, 0), RgbImage::new(1, 1), RgbImage::new(3000, 2), RgbImage::new(2, 900)]
            {
                for size in [(0, 0), (1, 1), (2, 500), (500, 2), (40, 30), (320, 240)] {
                    let drawn = overlay.draw(&state, &picture, size);
                    assert_eq!(drawn.size(), (size.0.max(1), size.1.max(1)), "{name}");
                }
            }
        }
    }
    for picture in [wall(), RgbImage::new(0, 0), RgbImage::new(1, 1)] {
        overlay.annotate(&hands, &picture);
    }
}

#[test]
fn an_annotated_picture_keeps_its_size_and_its_sides() {
    let hand = hand(Side::Left, (540.0, 240.0), 150.0);
    let mut overlay = Overlay::default();
    let drawn = overlay.annotate(&[hand], &wall()).to_picture();
    assert_eq!(drawn.dimensions(), CAMERA);
    let before = wall();
    let changed = |from, to| (from..to).any(|x| (0..480).any(|y| drawn.get_pixel(x, y) != before.get_pixel(x, y)));
    assert!(changed(450, 640) && !changed(0, 320));
}

/// `BLESS=1 cargo test --test overlay` draws them again. Look at them before you commit them.
#[test]
fn pictures_are_as_they_were_approved() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let live = RunState { mode: live(), fleet: fleet(5), ..holding(0.4) };
    for (name, state) in
        [("overlay-holding", holding(0.6)), ("overlay-countdown", counting_down()), ("overlay-live", live)]
    {
        let (path, drawn) = (folder.join(name).with_extension("png"), draw(&state, (480, 270)));
        if std::env::var_os("BLESS").is_some() {
            drawn.save(&path).unwrap();
        }
        let golden = image::open(&path).unwrap().to_rgb8();
        let share = differing(&drawn, &golden);
        assert!(drawn.dimensions() == golden.dimensions() && share < 0.002, "{name}: {share} differs");
    }
}
