//! A contact sheet of what the window shows. `looks OUT.png` draws every state side by side; `looks OUT.png DIR` also
//! leaves the README's three pictures in DIR (`make looks README=docs`). The hands are the puppet's, read by the real
//! models.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use handwave::camera::Frame;
use handwave::camera::light::Light;
use handwave::camera::puppet::{Renderer, Script};
use handwave::clouds::Mode;
use handwave::command::Gesture;
use handwave::command::InstanceId;
use handwave::config::Config;
use handwave::daemon::state::{CameraState, PuppetState, RunState};
use handwave::fleet::FleetState;
use handwave::fleet::Limits;
use handwave::fleet::Observed;
use handwave::fleet::ports::{Health, Instance, InstanceState, RETIRING_TAG, Standing};
use handwave::gesture::machine::Phase;
use handwave::gesture::why::Why;
use handwave::hand::{Hand, Reading, Side};
use handwave::policy::follow::PolicyState;
use handwave::view::overlay::Overlay;
use handwave::vision::{self, tracker::Tracker};
use image::RgbImage;
use image::codecs::png::{CompressionType, FilterType::Adaptive, PngEncoder};
use image::imageops::{FilterType, overlay as paste, resize};

const SIZE: (u32, u32) = (1280, 720);
const COLUMNS: u32 = 3;
/// How large a state is on the sheet.
const THUMB: (u32, u32) = (800, 450);

/// A state to look at.
struct Look {
    name: &'static str,
    /// What the puppet shows.
    script: &'static str,
    scene: RunState,
}

fn main() -> Result<()> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let sheet = args.next().context("which file? looks OUT.png [DIR for the README's pictures]")?;
    let readme = args.next();
    let mut tracker = vision::open(&Config::shipped().vision, None, false)?;
    let mut overlay = Overlay::default();
    let looks = looks();
    let rows = (looks.len() as u32).div_ceil(COLUMNS);
    let gap = 12;
    let (width, height) = (gap + COLUMNS * (THUMB.0 + gap), gap + rows * (THUMB.1 + gap));
    let mut picture = RgbImage::from_pixel(width, height, image::Rgb([255, 255, 255]));
    for (index, Look { name, script, mut scene }) in looks.into_iter().enumerate() {
        let (frame, reading) = shoot(&mut tracker, script, (640, 480))?;
        // A pose that is unclear to a person may be clear to the model.
        let unsure = scene.phase == Phase::Idle(Why::Unsure);
        scene.reading = Some(Reading {
            hands: reading.hands.into_iter().map(|hand| Hand { sure: !unsure, ..hand }).collect(),
            ..reading
        });
        let mut time = |size, times: u32| {
            let began = Instant::now();
            for _ in 0..times {
                overlay.draw(&scene, &frame, size);
            }
            began.elapsed() / times
        };
        let (first, large, small) = (time(SIZE, 1), time(SIZE, 20), time((640, 480), 20));
        println!("{name:16} {large:7.2?} at {SIZE:?} (the first {first:.2?}), {small:7.2?} at (640, 480)");
        let drawn = overlay.draw(&scene, &frame, SIZE).to_picture();
        let (column, row) = (index as u32 % COLUMNS, index as u32 / COLUMNS);
        let thumb = resize(&drawn, THUMB.0, THUMB.1, FilterType::CatmullRom);
        paste(&mut picture, &thumb, (gap + column * (THUMB.0 + gap)).into(), (gap + row * (THUMB.1 + gap)).into());
        if let Some(folder) = &readme
            && ["fist", "holding", "counting down", "the fleet after"].contains(&name)
        {
            save(
                &resize(&drawn, THUMB.0, THUMB.1, FilterType::CatmullRom),
                &folder.join(name.replace(' ', "-") + ".png"),
            )?;
        }
    }
    save(&picture, &sheet)
}

fn save(picture: &RgbImage, path: &Path) -> Result<()> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let small = PngEncoder::new_with_quality(BufWriter::new(file), CompressionType::Best, Adaptive);
    picture.write_with_encoder(small).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}

/// The puppet's picture at the end of a script, and the hands in it.
fn shoot(tracker: &mut Tracker, script: &str, size: (u32, u32)) -> Result<(RgbImage, Reading)> {
    let script = Script::parse(script)?;
    let mut picture = RgbImage::new(size.0, size.1);
    Renderer::default().render(&script.scene(script.duration()), &mut picture);
    let frame = Frame { time: Duration::ZERO, picture };
    let reading = tracker.read_cold(&frame)?;
    Ok((frame.picture, reading))
}

fn looks() -> Vec<Look> {
    let gesture = |side, fingers| Gesture { side, fingers, confidence: 0.98, hold: Duration::from_millis(833) };
    let hold = |side, fingers, progress, hint| Phase::Holding { gesture: gesture(side, fingers), progress, hint };
    let ms = Duration::from_millis;
    let no_hand = Phase::Idle(Why::NoHand);
    let count_down = Phase::CountingDown { gesture: gesture(Side::Right, 2), left: ms(1300), of: ms(2000) };
    let taken_back = Phase::Done { gesture: gesture(Side::Right, 2), taken_back: Some(Why::Fist) };
    let fired = Phase::Done { gesture: gesture(Side::Left, 3), taken_back: None };
    let seen = |count| fleet(&serving(count));
    let look = |name, script, phase, fleet, said: &[&str]| {
        let said = said.iter().map(|sentence| sentence.to_string()).collect();
        let scene = RunState { phase, said, ..RunState::starting(Mode::DryRun, CameraState::Watching, fleet) };
        Look { name, script, scene }
    };
    let raised = "Gesture: left hand, 3 raised, held 0.8 s, 98 % sure.";
    let asked = "Asked to launch 3 by a left hand showing 3.";
    let launched = "Launched 3: i-0d41f9c27a6be8035, i-0ae37c5512f08b964, i-0f9284b0c61d7e53a.";
    let lowered = "Gesture: right hand, 2 raised, held 1.6 s, 97 % sure.";
    let gone = "Deregistered i-0f00b5e1c9d27a463.";
    let mut after = serving(2);
    after.push(("i-0d41f9c27a6be8035", InstanceState::Running, None));
    after.push(("i-0ae37c5512f08b964", InstanceState::Pending, None));
    after.push(("i-0f9284b0c61d7e53a", InstanceState::Pending, None));
    let mut going = serving(5);
    going[1].2 = Some(Health::OutOfService);
    going[3].2 = Some(Health::Draining);
    going[4].1 = InstanceState::ShuttingDown;

    let mut looks = vec![
        look("idle", "none", no_hand, seen(2), &[]),
        look("demo", "none", no_hand, seen(2), &[]),
        look("fist", "left fist in 0", Phase::Ready(Side::Left), seen(2), &[]),
        look("no fist", "left 3 in 0", hold(Side::Left, 3, 0.0, Some(Why::NoFist)), seen(2), &[]),
        look("not upright", "left 3 roll 95 at 0.6 0.6 in 0", Phase::Idle(Why::NotUpright), seen(2), &[]),
        look("thumb", "left 10000 in 0", Phase::Idle(Why::ThumbSign), seen(2), &[]),
        look("picture", "left 5 in 0", Phase::Idle(Why::Picture), seen(2), &[]),
        look("holding", "left 3 in 0", hold(Side::Left, 3, 0.62, None), seen(2), &[]),
        look("counting down", "right 2 in 0", count_down, seen(4), &[lowered]),
        look("taken back", "right fist in 0", taken_back, seen(4), &[lowered, "Taken back: a fist was shown."]),
        look("fired", "left 3 in 0", fired, seen(2), &[raised, asked]),
        look("the fleet after", "none", no_hand, fleet(&after), &[asked, launched]),
        look("two hands", "left 2 and right 1 in 0", Phase::Idle(Why::TwoHands), seen(2), &[]),
        look(
            "hidden hand",
            "left 0 back at 0.43 0.57 size 0.5 and right 0 at 0.57 0.57 size 0.5 in 0",
            Phase::Idle(Why::Hidden),
            seen(2),
            &[],
        ),
        look("unsure", "left 00110 yaw 60 roll 30 in 0", Phase::Idle(Why::Unsure), seen(1), &[]),
        look("cut off", "left 3 at 0.5 0.22 size 0.6 in 0", Phase::Idle(Why::CutOff), seen(2), &[]),
        look("too far", "left 3 size 0.14 in 0", Phase::Idle(Why::TooSmall), seen(2), &[]),
        look("moving", "right 2 roll 25 in 0", hold(Side::Right, 2, 0.3, Some(Why::Moving)), seen(0), &[]),
        look("paused", "right 5 in 0", Phase::Paused, seen(2), &["Paused."]),
        look("quitting", "left 3 in 0", Phase::Idle(Why::Quit), fleet(&going), &[lowered, "Quitting."]),
        look("camera lost", "none", Phase::Idle(Why::CameraLost), seen(2), &["The camera is lost."]),
        look("dark", "left 2 skin 1e1611 background 0c0d10 in 0", no_hand, seen(2), &[]),
        look("live", "left 5 in 0", hold(Side::Left, 5, 0.4, None), seen(3), &["Armed."]),
        look("live, going", "right 2 in 0", Phase::Idle(Why::NotReleased), fleet(&going), &[lowered, gone]),
        look("error", "none", no_hand, seen(2), &["Asked to launch 1 by a left hand showing 1."]),
        look("12", "left 1 in 0", hold(Side::Left, 1, 0.9, None), seen(12), &[asked, launched]),
        look("policy", "none", no_hand, seen(2), &[lowered, gone]),
        look("40", "left 1 in 0", Phase::Idle(Why::NotReleased), fleet(&many()), &[asked, launched]),
    ];
    for look in &mut looks {
        let scene = &mut look.scene;
        match look.name {
            "counting down" => scene.victims = IDS[2..4].iter().map(|id| InstanceId::from(*id)).collect(),
            "camera lost" => scene.camera = CameraState::Lost("USB Camera was unplugged; plug it in again".into()),
            "demo" => scene.puppet = PuppetState::Scripted,
            "dark" => scene.light = Some(Light::Dark),
            "live" | "live, going" => {
                scene.mode = Mode::Live { account: "111122223333".into(), region: "eu-central-1".into() };
            }
            "error" => scene.fleet.trouble = Some("ExpiredToken: the security token is expired".into()),
            "policy" => {
                let decision = "hold at 2: cpu: the mean of 2 is 95 %, target 60 %: 4 needed".into();
                let held = Some("retire by a right hand showing 2 holds 2 as the ceiling for 7 min".into());
                scene.policy = Some(PolicyState { decision, held, is_paused: false, is_paused_by_page: false });
            }
            "40" => {
                scene.fleet.trouble = Some("InsufficientInstanceCapacity: eu-central-1a has no t3.micro left".into())
            }
            _ => {}
        }
    }
    looks
}

type Row = (&'static str, InstanceState, Option<Health>);

const IDS: [&str; 40] = [
    "i-008f86bebb2737f6a",
    "i-0107f80e222f82876",
    "i-012c9791e558e08ba",
    "i-0176813e02ea68ef7",
    "i-02824c1c099724caf",
    "i-028b5b7a767c76fb0",
    "i-02aabfe228f219e9c",
    "i-036b3216fdaeeb975",
    "i-043b026c48bbf33fe",
    "i-04941d4072014b3ce",
    "i-04b484e73cf575dca",
    "i-04d6608697a8d41be",
    "i-05ec84d8dbc742547",
    "i-06bd0c621de49f145",
    "i-06f0fb23c6f5da2ce",
    "i-06f7eaed46725a2a7",
    "i-070f58904dba41ecc",
    "i-0729fae923d5a4fd1",
    "i-0732881584d8c4fa2",
    "i-07efc2f91624a8940",
    "i-0815d2802827283e0",
    "i-083b7ffc050fec94d",
    "i-086e4d3cea27d2693",
    "i-0a4c123b1612dd272",
    "i-0a7196b50ac2f8670",
    "i-0ad84173581569969",
    "i-0b0eb53f16947ccf2",
    "i-0bca3a0aac36098b2",
    "i-0c255404e4fb44003",
    "i-0c967a64cb14028d5",
    "i-0cc2bd818319478da",
    "i-0cc3fc1626e53a130",
    "i-0d1371c17149d4395",
    "i-0d440e50454f31af3",
    "i-0d6ba2b0aee0ca923",
    "i-0e58b081006f7e3df",
    "i-0f09e2e8c662248b4",
    "i-0f1f836f99eee3692",
    "i-0fda9988c79fc3552",
    "i-0ff9243a8f506b409",
];

fn serving(count: usize) -> Vec<Row> {
    IDS.iter().take(count).map(|id| (*id, InstanceState::Running, Some(Health::InService))).collect()
}

/// Some of everything.
fn many() -> Vec<Row> {
    let mut rows = serving(IDS.len());
    for (index, row) in rows.iter_mut().enumerate() {
        match index % 13 {
            2 => row.2 = Some(Health::OutOfService),
            4 => row.2 = Some(Health::Draining),
            6 => row.1 = InstanceState::Pending,
            8 => row.2 = Some(Health::Registering),
            10 => row.1 = InstanceState::ShuttingDown,
            12 => row.1 = InstanceState::Stopped,
            _ => {}
        }
    }
    rows
}

fn fleet(rows: &[Row]) -> FleetState {
    let instances = rows.iter().enumerate().map(|(age, (id, state, health))| {
        let launched = jiff::Timestamp::UNIX_EPOCH + Duration::from_secs(age as u64);
        let instance = Instance::new(*id, *state, launched);
        if *health == Some(Health::Draining) { instance.with_tag(RETIRING_TAG, "") } else { instance }
    });
    let standings = rows.iter().filter_map(|(id, _, health)| Some(((*id).into(), Standing::new((*health)?))));
    let observed = Some(Observed::join(instances.collect(), standings.collect()));
    let limits = Limits { min: 1, max: rows.len().max(5) };
    FleetState { observed, settled: true, ..FleetState::unknown(limits) }
}
