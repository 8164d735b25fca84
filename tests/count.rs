//! `handwave count` as people run it: the real binary, real models, and invalid input.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::{Delay, ExtendedColorType, ImageEncoder, RgbImage};
use serde_json::Value;
use tempfile::TempDir;

/// An open left hand, 224x224.
const HAND: &[u8] = include_bytes!("golden/hand.png");

fn hand() -> RgbImage {
    image::load_from_memory(HAND).unwrap().to_rgb8()
}

/// An empty folder to run handwave in, so that it finds no settings but its own.
struct Desk(TempDir);

/// The result of a run.
struct Said {
    status: Option<i32>,
    out: String,
    err: String,
}

impl Desk {
    fn new() -> Desk {
        Desk(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_handwave"));
        command.arg("count").args(arguments).current_dir(self.0.path());
        command.env("HOME", self.0.path()).env("XDG_CONFIG_HOME", self.0.path());
        command
    }

    fn count(&self, arguments: &[&str]) -> Said {
        finish(&mut self.command(arguments))
    }

    /// The lines of a successful run with `--format json`.
    fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let said = self.count(&[arguments, &["--format", "json"]].concat());
        assert_eq!((said.status, said.err.as_str()), (Some(0), ""));
        said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn finish(command: &mut Command) -> Said {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let said = Said { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
    assert!(!said.err.contains("panicked"), "{}", said.err);
    said
}

impl Said {
    /// Status 1, nothing on standard output, and one sentence with these parts on standard error.
    #[track_caller]
    fn refuses(&self, parts: &[&str]) {
        assert_eq!((self.status, self.out.as_str()), (Some(1), ""), "{}", self.err);
        assert_eq!(self.err.lines().count(), 1, "{}", self.err);
        assert!(self.err.starts_with("handwave: "), "{}", self.err);
        for part in parts {
            assert!(self.err.contains(part), "`{part}` should be said: {}", self.err);
        }
    }
}

/// One hand: the open left one.
#[track_caller]
fn assert_open_left(line: &Value) {
    let hands = line["hands"].as_array().unwrap();
    assert_eq!(hands.len(), 1, "{line}");
    assert_eq!((&hands[0]["side"], &hands[0]["fingers"]), (&"left".into(), &5.into()), "{line}");
    assert_eq!(hands[0]["sure"], true, "{line}");
}

#[test]
fn a_hand_is_counted() {
    let desk = Desk::new();
    desk.write("hand.png", HAND);
    let said = desk.count(&["hand.png"]);
    assert_eq!((said.status, said.err.as_str()), (Some(0), ""));
    let start = "hand.png  left   5  thumb index middle ring little  sure    confidence 0.9";
    assert!(said.out.starts_with(start) && said.out.lines().count() == 1, "{}", said.out);
    let lines = desk.json(&["hand.png"]);
    assert_open_left(&lines[0]);
    assert_eq!((lines.len(), &lines[0]["file"], lines[0].get("frame")), (1, &"hand.png".into(), None));
}

#[test]
fn hands_are_drawn_into_the_pictures() {
    let desk = Desk::new();
    desk.write("a.png", HAND);
    fs::create_dir(desk.path("b")).unwrap();
    desk.write("b/a.png", HAND);
    assert_eq!(desk.json(&["a.png", "b", "--annotate", "seen/here"]).len(), 2);
    for name in ["a.png", "a-2.png"] {
        let drawn = image::open(desk.path("seen/here").join(name)).unwrap().to_rgb8();
        assert_eq!(drawn.dimensions(), hand().dimensions());
        assert_ne!(drawn, hand());
    }
    desk.write("file", b"");
    let said = desk.count(&["a.png", "--annotate", "file"]);
    assert_eq!(said.status, Some(1));
    assert!(said.err.contains("cannot make the folder file; give --annotate another"), "{}", said.err);
}

#[test]
fn a_mirrored_picture_swaps_the_side() {
    let desk = Desk::new();
    desk.write("hand.png", HAND);
    assert_eq!(desk.json(&["hand.png", "--mirrored"])[0]["hands"][0]["side"], "right");
}

#[test]
fn an_empty_scene_has_no_hands() {
    let desk = Desk::new();
    RgbImage::new(64, 48).save(desk.path("night.png")).unwrap();
    assert_eq!(desk.count(&["night.png"]).out, "night.png  no hands\n");
    assert_eq!(desk.json(&["night.png"])[0]["hands"], serde_json::json!([]));
}

#[test]
fn exif_orientation_is_applied() {
    let desk = Desk::new();
    desk.write("upright.png", HAND);
    // Little-endian TIFF with one entry: tag 0x112 (orientation), a short, 6: turn by 90 degrees clockwise.
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let mut jpeg = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, 95);
    encoder.set_exif_metadata(exif.to_vec()).unwrap();
    encoder.write_image(&image::imageops::rotate270(&hand()), 224, 224, ExtendedColorType::Rgb8).unwrap();
    desk.write("turned.jpg", &jpeg);
    let lines = desk.json(&["upright.png", "turned.jpg"]);
    assert_open_left(&lines[1]);
    for i in 0..4 {
        let edge = |line: &Value| line["hands"][0]["box"][i].as_f64().unwrap();
        assert!((edge(&lines[0]) - edge(&lines[1])).abs() < 5.0, "{lines:?}");
    }
}

#[test]
fn an_animated_gif_is_a_line_a_frame() {
    let mut gif = Vec::new();
    let mut encoder = GifEncoder::new(&mut gif);
    for _ in 0..3 {
        let picture = image::DynamicImage::from(hand()).into_rgba8();
        let delay = Delay::from_numer_denom_ms(100, 1);
        encoder.encode_frame(image::Frame::from_parts(picture, 0, 0, delay)).unwrap();
    }
    drop(encoder);
    let desk = Desk::new();
    desk.write("a.gif", &gif);
    let lines = desk.json(&["a.gif"]);
    assert_eq!(lines.len(), 3);
    for (i, line) in lines.iter().enumerate() {
        assert_open_left(line);
        assert_eq!((line["frame"].as_u64(), line["seconds"].as_f64()), (Some(i as u64 + 1), Some(i as f64 / 10.0)));
    }
}

#[test]
fn a_video_is_a_line_a_frame() {
    let desk = Desk::new();
    desk.write("hand.png", HAND);
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args("-v error -nostdin -loop 1 -r 10 -i hand.png -t 0.5 -pix_fmt yuv420p a.mp4".split(' '));
    let Ok(status) = ffmpeg.current_dir(desk.0.path()).status() else {
        // Past the harness, which hides what a passing test prints.
        let _ = writeln!(io::stderr(), "skipped: ffmpeg is not installed");
        return;
    };
    assert!(status.success());
    let lines = desk.json(&["a.mp4"]);
    assert_eq!(lines.len(), 5);
    lines.iter().for_each(assert_open_left);
    assert_eq!((&lines[4]["frame"], &lines[4]["seconds"]), (&5.into(), &0.4.into()));
    let table = desk.count(&["a.mp4"]).out;
    assert!(table.starts_with("a.mp4  frame     1     0.000 s  left   5  thumb"), "{table}");
}

/// A picture that stands alone is searched more closely than a film's frame, and has no frame and time.
#[test]
fn every_still_is_read_as_a_still() {
    let desk = Desk::new();
    desk.write("hand.png", HAND);
    let pixels = [b"P6 224 224 255\n".as_slice(), hand().as_raw()].concat();
    desk.write("hand.ppm", &pixels);
    let png = desk.json(&["hand.png"]);
    let same = |name: &str| {
        let lines = desk.json(&[name]);
        assert_eq!((lines.len(), &lines[0]["hands"], lines[0].get("frame")), (1, &png[0]["hands"], None), "{name}");
    };
    same("hand.ppm");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args("-v error -nostdin -i hand.png hand.tif".split(' '));
    if ffmpeg.current_dir(desk.0.path()).status().is_ok_and(|status| status.success()) {
        same("hand.tif");
    }
}

#[test]
fn joined_pictures_are_a_line_each() {
    let desk = Desk::new();
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 95).encode_image(&hand()).unwrap();
    desk.write("hands.mjpeg", &jpeg.repeat(3));
    let lines = desk.json(&["hands.mjpeg"]);
    assert_eq!(lines.len(), 3);
    lines.iter().for_each(assert_open_left);
    assert_eq!((&lines[2]["frame"], &lines[2]["seconds"]), (&3.into(), &0.08.into()));
}

#[test]
fn a_damaged_jpeg_is_refused() {
    let desk = Desk::new();
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 95).encode_image(&hand()).unwrap();
    let half = jpeg.len() / 2;
    desk.write("missing.jpg", &[&jpeg[..half], &jpeg[half + 4000..]].concat());
    desk.count(&["missing.jpg"]).refuses(&["missing.jpg can't be read (a part of it is missing or damaged); copy it"]);
    jpeg[half..half + 512].fill(0);
    desk.write("zeros.jpg", &jpeg);
    desk.count(&["zeros.jpg"]).refuses(&["zeros.jpg can't be read (a part of it is missing or damaged)"]);
}

#[test]
fn a_folder_is_its_pictures() {
    let desk = Desk::new();
    fs::create_dir(desk.path("hands")).unwrap();
    desk.write("hands/b.png", HAND);
    RgbImage::new(64, 48).save(desk.path("hands/a.png")).unwrap();
    desk.write("hands/notes.txt", b"not a picture");
    let said = desk.count(&["hands", "--format", "json"]);
    let left_out = " WARN hands: left out what is no picture by its name: 1, such as hands/notes.txt\n";
    assert_eq!((said.status, said.err.as_str()), (Some(0), left_out));
    let lines: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expected: Vec<_> = ["a.png", "b.png"].map(|name| Path::new("hands").join(name).display().to_string()).into();
    assert_eq!(lines.iter().map(|line| line["file"].as_str().unwrap()).collect::<Vec<_>>(), expected);
    assert_open_left(&lines[1]);
}

#[test]
fn a_bad_file_is_said_and_the_others_go_on() {
    let desk = Desk::new();
    desk.write("hand.png", HAND);
    desk.write("text.jpg", b"no picture at all");
    let said = desk.count(&["nowhere.jpg", "text.jpg", "hand.png"]);
    assert_eq!(said.status, Some(1));
    assert!(said.out.starts_with("hand.png     left   5"), "{}", said.out);
    let lines: Vec<_> = said.err.lines().collect();
    assert_eq!(lines.len(), 2, "{}", said.err);
    assert!(lines[0].starts_with("handwave: cannot read nowhere.jpg: No such file"), "{}", lines[0]);
    assert!(lines[1].starts_with("handwave: text.jpg is text, whatever its name says; name a picture"), "{}", lines[1]);
}

#[test]
fn bad_pictures_are_refused_in_a_sentence() {
    let desk = Desk::new();
    desk.write("empty.jpg", b"");
    desk.count(&["empty.jpg"]).refuses(&["empty.jpg is an empty file", "copy it again"]);
    desk.write("cut.png", &HAND[..HAND.len() / 2]);
    desk.count(&["cut.png"]).refuses(&["the picture cut.png can't be read (", "save it again as JPEG or PNG"]);
    hand().save(desk.path("whole.jpg")).unwrap();
    let whole = fs::read(desk.path("whole.jpg")).unwrap();
    desk.write("cut.jpg", &whole[..whole.len() / 2]);
    desk.count(&["cut.jpg"]).refuses(&["the picture cut.jpg can't be read (its end is missing)"]);
    fs::create_dir(desk.path("nothing")).unwrap();
    desk.count(&["nothing"]).refuses(&["the folder nothing has no picture that can be read", "put JPEG"]);
}

#[test]
fn a_video_without_ffmpeg_is_refused_with_the_remedy() {
    let desk = Desk::new();
    desk.write("a.mp4", b"\0\0\0\x20ftypisom\0\0\x02\0");
    let said = finish(desk.command(&["a.mp4"]).env("PATH", desk.0.path()));
    said.refuses(&["a.mp4", "ffmpeg, which is not installed", "apt-get install ffmpeg"]);
}

/// If handwave waited for it, it would never end.
#[cfg(unix)]
#[test]
fn an_ffmpeg_that_writes_nonsense_is_stopped() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    desk.write("a.mp4", b"\0\0\0\x20ftypisom\0\0\x02\0");
    // A block before the size is known.
    desk.write("ffmpeg", b"#!/bin/sh\nprintf '\\243\\205\\201\\0\\0\\200x'\nwhile :; do echo more; done\n");
    fs::set_permissions(desk.path("ffmpeg"), fs::Permissions::from_mode(0o755)).unwrap();
    let said = finish(desk.command(&["a.mp4"]).env("PATH", desk.0.path()));
    said.refuses(&["ffmpeg can't read a.mp4 (ffmpeg broke off)"]);
}

/// Older ones give the first tile of a phone's picture.
#[cfg(unix)]
#[test]
fn an_ffmpeg_that_gives_a_part_of_a_heic_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    let boxed =
        |name: &str, content: &[u8]| [&(content.len() as u32 + 8).to_be_bytes()[..], name.as_bytes(), content].concat();
    let size = boxed("ispe", &[0, 0, 0, 0, 0, 0, 1, 0xe0, 0, 0, 2, 0x80]);
    let of_items = boxed("ipma", &[0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 1]);
    let properties = boxed("iprp", &[boxed("ipco", &size), of_items].concat());
    let meta = [vec![0; 4], boxed("pitm", &[0, 0, 0, 0, 0, 1]), properties].concat();
    desk.write("a.heic", &[boxed("ftyp", b"heic\0\0\0\0mif1heic"), boxed("meta", &meta)].concat());
    // Matroska: a width of 2, a height of 1, and a picture of six bytes.
    desk.write("ffmpeg", b"#!/bin/sh\nprintf '\\260\\201\\002\\272\\201\\001\\243\\212\\201\\0\\0\\200abcdef'\n");
    fs::set_permissions(desk.path("ffmpeg"), fs::Permissions::from_mode(0o755)).unwrap();
    let said = finish(desk.command(&["a.heic"]).env("PATH", desk.0.path()));
    said.refuses(&[
        "the HEIC or AVIF picture a.heic can't be read (ffmpeg gives 2x1 pixels of 480x640",
        "save it as JPEG",
    ]);
}

#[test]
fn a_missing_runtime_library_is_refused_with_the_remedy() {
    let desk = Desk::new();
    desk.write("hand.png", HAND);
    let said = finish(desk.command(&["hand.png"]).env("ORT_DYLIB_PATH", "/nowhere"));
    said.refuses(&["ONNX Runtime library /nowhere can't be loaded", "make runtime"]);
    desk.write("config.toml", b"[vision]\nonnxruntime = \"hand.png\"\n");
    desk.count(&["hand.png"]).refuses(&["ONNX Runtime library hand.png can't be loaded"]);
}

#[test]
fn a_missing_or_corrupt_model_is_refused() {
    let desk = Desk::new();
    desk.write("hand.png", HAND);
    desk.count(&["hand.png", "--models", "."])
        .refuses(&["cannot read the model ./landmark.onnx: No such file", "--models"]);
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    fs::copy(models.join("landmark.onnx"), desk.path("landmark.onnx")).unwrap();
    let palm = fs::read(models.join("palm.onnx")).unwrap();
    let wrong = ["palm.onnx is not the model that handwave was made for", "handwave's models folder"];
    for bad in [&b""[..], b"no model", HAND, &palm[..palm.len() / 2]] {
        desk.write("palm.onnx", bad);
        desk.count(&["hand.png", "--models", "."]).refuses(&wrong);
    }
    // A valid model, but the other one.
    fs::copy(models.join("landmark.onnx"), desk.path("palm.onnx")).unwrap();
    desk.count(&["hand.png", "--models", "."]).refuses(&wrong);
}

#[test]
fn bad_settings_are_refused_with_their_line() {
    let desk = Desk::new();
    desk.write("hand.png", HAND);
    desk.write("config.toml", b"[camera]\n\nmirored = true\n");
    let sentence = "config.toml, line 3: there is no setting `camera.mirored`; did you mean `camera.mirrored`?";
    desk.count(&["hand.png"]).refuses(&[sentence]);
    desk.write("mine.toml", b"[vision]\npresence = 7\n");
    desk.count(&["hand.png", "--config", "mine.toml"]).refuses(&["mine.toml, line 2: `vision.presence`: 7"]);
    desk.count(&["hand.png", "--config", "no.toml"]).refuses(&["cannot read the settings no.toml", "--config"]);
}

#[test]
fn a_wrong_command_line_is_status_2() {
    let desk = Desk::new();
    for arguments in [&[][..], &["a.jpg", "--format", "xml"], &["a.jpg", "--colour"]] {
        assert_eq!(desk.count(arguments).status, Some(2));
    }
}

#[test]
fn a_closed_stdout_ends_it_quietly() {
    let desk = Desk::new();
    desk.write("hand.png", HAND);
    let mut command = desk.command(&["hand.png"; 60]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with("hand.png  left   5"), "{first}");
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}
