//! Files as a camera: what comes out of pictures, folders, animations and videos that these tests create.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use handwave::camera::clock::Clock;
use handwave::camera::file::{FileCamera, Film};
use handwave::camera::{Camera, CameraError, Frame, Status};
use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{Delay, ExtendedColorType, ImageEncoder, Rgb, RgbImage, RgbaImage};
use tempfile::TempDir;

const RED: Rgb<u8> = Rgb([220, 20, 20]);
const BLUE: Rgb<u8> = Rgb([20, 20, 220]);

/// A temporary folder for a test's files.
struct Desk(TempDir);

impl Desk {
    fn new() -> Desk {
        Desk(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    /// A picture in one colour, in the format of its name.
    fn picture(&self, name: &str, colour: Rgb<u8>) -> PathBuf {
        RgbImage::from_pixel(40, 30, colour).save(self.path(name)).unwrap();
        self.path(name)
    }

    /// A 20x10 GIF with these colours and their delays in milliseconds.
    fn gif(&self, name: &str, frames: &[(Rgb<u8>, u32)]) -> PathBuf {
        let mut bytes = Vec::new();
        let mut encoder = GifEncoder::new(&mut bytes);
        for (Rgb([r, g, b]), delay) in frames {
            let picture = RgbaImage::from_pixel(20, 10, image::Rgba([*r, *g, *b, 255]));
            let delay = Delay::from_numer_denom_ms(*delay, 1);
            encoder.encode_frame(image::Frame::from_parts(picture, 0, 0, delay)).unwrap();
        }
        drop(encoder);
        self.write(name, &bytes)
    }

    /// Runs ffmpeg in the folder. False, with a message, if it is not installed.
    fn ffmpeg(&self, arguments: &str) -> bool {
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-nostdin", "-y"]).args(arguments.split(' ')).current_dir(self.0.path());
        match command.stderr(Stdio::inherit()).status() {
            Ok(status) => {
                assert!(status.success(), "ffmpeg {arguments}");
                true
            }
            Err(_) => {
                // Past the harness, which hides what a passing test prints.
                let _ = writeln!(io::stderr(), "skipped: ffmpeg is not installed");
                false
            }
        }
    }
}

/// All frames, as fast as possible.
fn frames(path: &Path) -> Result<Vec<Frame>, CameraError> {
    let mut camera = FileCamera::open(path, 10.0, Clock::fast())?;
    let mut frames = Vec::new();
    let mut frame = Frame::default();
    while camera.read(&mut frame)? == Status::Fresh {
        frames.push(frame.clone());
    }
    Ok(frames)
}

#[track_caller]
fn refused(path: &Path, sentence: &str) {
    let said = frames(path).expect_err("this can't be read").to_string();
    assert!(said.contains(path.to_str().unwrap()), "the file is named: {said}");
    assert!(said.contains(sentence), "{said}");
}

#[track_caller]
fn assert_times(frames: &[Frame], milliseconds: &[u128]) {
    assert_eq!(frames.iter().map(|frame| frame.time.as_millis()).collect::<Vec<_>>(), milliseconds);
}

/// JPEG and video change colours slightly.
#[track_caller]
fn assert_colour(pixel: &Rgb<u8>, colour: Rgb<u8>) {
    let off = pixel.0.iter().zip(colour.0).map(|(a, b)| a.abs_diff(b)).max();
    assert!(off < Some(40), "{pixel:?} should be about {colour:?}");
}

#[test]
fn a_picture_is_one_frame() {
    let desk = Desk::new();
    for name in ["a.jpg", "a.png", "a.webp", "a.bmp", "a.gif"] {
        let frames = frames(&desk.picture(name, RED)).unwrap();
        assert_times(&frames, &[0]);
        assert_eq!(frames[0].picture.dimensions(), (40, 30));
        assert_colour(frames[0].picture.get_pixel(20, 15), RED);
        assert!(Film::open(&desk.path(name)).unwrap().is_still());
    }
}

#[test]
fn content_counts_not_the_name() {
    let desk = Desk::new();
    fs::rename(desk.picture("a.png", RED), desk.path("a.mp4")).unwrap();
    assert_eq!(frames(&desk.path("a.mp4")).unwrap().len(), 1);
}

#[test]
fn exif_orientation_is_applied() {
    // Little-endian TIFF with one entry: tag 0x112 (orientation), a short, 6: turn by 90 degrees clockwise.
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let mut lying = RgbImage::from_pixel(40, 30, BLUE);
    (0..30).for_each(|y| (0..8).for_each(|x| lying.put_pixel(x, y, RED)));
    let (mut jpeg, mut png) = (Vec::new(), Vec::new());
    let mut encoder = JpegEncoder::new(&mut jpeg);
    encoder.set_exif_metadata(exif.to_vec()).unwrap();
    encoder.write_image(&lying, 40, 30, ExtendedColorType::Rgb8).unwrap();
    let mut encoder = PngEncoder::new(&mut png);
    encoder.set_exif_metadata(exif.to_vec()).unwrap();
    encoder.write_image(&lying, 40, 30, ExtendedColorType::Rgb8).unwrap();
    let desk = Desk::new();
    for (name, bytes) in [("a.jpg", jpeg), ("a.png", png)] {
        let upright = &frames(&desk.write(name, &bytes)).unwrap()[0].picture;
        assert_eq!(upright.dimensions(), (30, 40), "{name}");
        assert_colour(upright.get_pixel(15, 1), RED);
        assert_colour(upright.get_pixel(15, 38), BLUE);
    }
}

#[test]
fn a_folders_pictures_come_by_name_and_rate() {
    let desk = Desk::new();
    desk.picture("b.jpg", BLUE);
    desk.picture("a.png", RED);
    desk.picture("c.webp", RED);
    desk.write("._a.png", b"Mac OS X");
    desk.write("labels.csv", b"file,fingers\n");
    fs::create_dir(desk.path("more.jpg")).unwrap();
    let frames = frames(desk.0.path()).unwrap();
    assert_times(&frames, &[0, 100, 200]);
    assert_colour(frames[0].picture.get_pixel(20, 15), RED);
    assert_colour(frames[1].picture.get_pixel(20, 15), BLUE);
}

#[test]
fn a_broken_picture_in_a_folder_is_skipped_and_told_at_the_end() {
    let desk = Desk::new();
    desk.write("a.jpg", b"");
    desk.write("b.png", b"no picture");
    desk.picture("c.png", RED);
    desk.gif("d.gif", &[(RED, 100), (BLUE, 100)]);
    let mut camera = FileCamera::open(desk.0.path(), 10.0, Clock::fast()).unwrap();
    let mut frame = Frame::default();
    assert_eq!(camera.read(&mut frame).unwrap(), Status::Fresh);
    assert_colour(frame.picture.get_pixel(20, 15), RED);
    let said = camera.read(&mut frame).unwrap_err().to_string();
    assert!(said.contains("3 can't, as was told"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_link_to_nowhere_in_a_folder_is_not_left_out_in_silence() {
    let desk = Desk::new();
    desk.picture("a.png", RED);
    std::os::unix::fs::symlink("loop.png", desk.path("loop.png")).unwrap();
    refused(desk.0.path(), "1 can't, as was told");
    refused(&desk.path("loop.png"), "levels of symbolic links");
}

#[test]
fn a_folder_without_pictures_is_refused() {
    let desk = Desk::new();
    refused(desk.0.path(), "has no picture that can be read; put JPEG");
    desk.write("readme.txt", b"nothing here");
    refused(desk.0.path(), "has no picture that can be read");
    desk.write("broken.jpg", b"nothing here");
    refused(desk.0.path(), "has no picture that can be read");
}

#[test]
fn a_folders_numbered_pictures_come_in_the_order_of_their_numbers() {
    let desk = Desk::new();
    for number in [1, 2, 9, 10, 11, 100] {
        desk.picture(&format!("{number}.png"), Rgb([2 * number as u8, 0, 0]));
    }
    let reds: Vec<u8> = frames(desk.0.path()).unwrap().iter().map(|frame| frame.picture[(0, 0)][0] / 2).collect();
    assert_eq!(reds, [1, 2, 9, 10, 11, 100]);
}

#[test]
fn joined_pictures_are_all_read() {
    let desk = Desk::new();
    for name in ["a.jpg", "a.png", "a.webp", "a.bmp", "a.ppm"] {
        // The image crate writes no netpbm here.
        let bytes = |colour: Rgb<u8>| match name {
            "a.ppm" => [b"P6 40 30 255\n", RgbImage::from_pixel(40, 30, colour).as_raw().as_slice()].concat(),
            name => fs::read(desk.picture(name, colour)).unwrap(),
        };
        let (red, blue) = (bytes(RED), bytes(BLUE));
        let path = desk.write(name, &[&red[..], &blue, &red].concat());
        assert!(!Film::open(&path).unwrap().is_still(), "{name}");
        let frames = frames(&path).unwrap();
        assert_times(&frames, &[0, 40, 80]);
        for (frame, colour) in frames.iter().zip([RED, BLUE, RED]) {
            assert_colour(frame.picture.get_pixel(20, 15), colour);
        }
        refused(&desk.write(name, &[&red[..], &blue, &red[..red.len() - 9]].concat()), "can't be read (");
        if name != "a.bmp" {
            refused(
                &desk.write(name, &[&red[..], &blue, b"something else"].concat()),
                "what follows picture 2 is none",
            );
        }
        // Behind a single picture phones write a film, cameras padding.
        let followed = desk.write(name, &[&red[..], &[0; 99], b"ftypmp42"].concat());
        assert!(Film::open(&followed).unwrap().is_still(), "{name}");
    }
}

#[test]
fn motion_jpeg_is_read_without_tables() {
    let desk = Desk::new();
    let mut jpeg = fs::read(desk.picture("a.jpg", RED)).unwrap();
    // The image crate's Huffman tables are the standard's, which motion JPEG may omit.
    while let Some(at) = jpeg.windows(2).position(|marker| marker == [0xff, 0xc4]) {
        jpeg.drain(at..at + 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]])));
    }
    let frames = frames(&desk.write("a.mjpeg", &jpeg.repeat(400))).unwrap();
    assert_eq!(frames.len(), 400);
    frames.iter().for_each(|frame| assert_colour(frame.picture.get_pixel(20, 15), RED));
}

#[test]
fn a_photo_with_a_gain_map_is_one_picture() {
    let desk = Desk::new();
    let photo = fs::read(desk.picture("a.jpg", RED)).unwrap();
    let with = |marker: u8, words: &[u8]| {
        let length = (words.len() as u16 + 2).to_be_bytes();
        [&photo[..2], &[0xff, marker], &length[..], words, &photo[2..]].concat()
    };
    let announcing = with(0xe1, b"http://ns.adobe.com/xap/1.0/\0<x GCamera:MotionPhoto=\"1\">");
    let gain_map = with(0xe2, b"urn:iso:std:iso:ts:21496:-1\0");
    for joined in [[&announcing[..], &photo].concat(), [&photo[..], &gain_map].concat()] {
        assert!(Film::open(&desk.write("a.jpg", &joined)).unwrap().is_still());
    }
}

/// As stereo cameras and Pillow write them: which kind they are is unknown.
#[test]
fn several_pictures_of_a_multi_picture_file_are_all_read() {
    let desk = Desk::new();
    let [red, blue] =
        [("a.jpg", RED), ("b.jpg", BLUE)].map(|(name, colour)| fs::read(desk.picture(name, colour)).unwrap());
    let mut directory = b"\xff\xe2\0\x3aMPF\0MM\0*\0\0\0\x08\0\x01\xb0\x02\0\x07\0\0\0\x20\0\0\0\x1a\0\0\0\0".to_vec();
    directory.extend([0x0003_0000, 0, 0, 0, 0, 0, 0, 0].map(u32::to_be_bytes).as_flattened());
    let path = desk.write("a.mpo", &[&red[..2], &directory, &red[2..], &[0; 40], &blue].concat());
    let frames = frames(&path).unwrap();
    assert_eq!(frames.len(), 2);
    assert_colour(frames[1].picture.get_pixel(20, 15), BLUE);
}

#[test]
fn a_picture_behind_stray_bytes_is_refused() {
    let desk = Desk::new();
    let all = ["a.jpg", "a.png", "a.webp", "a.gif"].map(|name| fs::read(desk.picture(name, RED)).unwrap());
    let stray = b"left behind by a transfer that broke off and began again";
    for first in &all {
        for second in &all {
            let path = desk.write("joined", &[first, &stray[..], second].concat());
            refused(&path, "another picture lies further behind its end: save each as a file of its own");
        }
        let cut = &all[0][..all[0].len() - 2];
        assert!(Film::open(&desk.write("a", &[first, &stray[..], cut].concat())).unwrap().is_still(), "a part is none");
        let phone = [first, &stray[..], &all[0], b"SEFHSEFT"].concat();
        assert!(Film::open(&desk.write("phone", &phone)).unwrap().is_still(), "a phone's depth map");
    }
}

/// Of each format, and what is joined to it.
#[test]
fn pictures_of_two_kinds_in_one_file_are_refused() {
    let desk = Desk::new();
    let names = ["a.jpg", "a.png", "a.webp", "a.bmp", "a.gif"];
    let all = names.map(|name| fs::read(desk.picture(name, RED)).unwrap());
    for (name, first) in names.iter().zip(&all) {
        for second in &all {
            let path = desk.write("joined", &[&first[..], second].concat());
            if first == second && *name != "a.gif" {
                assert_eq!(frames(&path).unwrap().len(), 2, "{name}");
            } else if !second.starts_with(b"BM") {
                refused(&path, "follows its end: save each as a file of its own");
            }
        }
    }
    // The chunk that makes an animation of a PNG.
    let (png, control) = (&all[1], b"\0\0\0\x08acTL\0\0\0\x01\0\0\0\0\xb4\x2d\xe9\xa0");
    let moving = [&png[..33], control, &png[33..]].concat();
    refused(&desk.write("joined", &[&png[..], &moving].concat()), "an animation follows its end");
    refused(&desk.write("a.pfm", b"PF\n1 1\n-1.0\n0123456789ab"), "(not every ffmpeg turns a PFM upright)");
    let animation = fs::read(desk.gif("b.gif", &[(RED, 200), (BLUE, 50)])).unwrap();
    refused(&desk.write("two.gif", &[&animation[..], &animation].concat()), "another one follows its end");
}

/// ffmpeg before version 8 reads no animated WebP at all.
#[test]
fn an_animated_webp_or_png_has_its_frames_and_times() {
    let desk = Desk::new();
    let chunk = |name: &[u8], parts: &[&[u8]]| {
        let content = parts.concat();
        [name, &(content.len() as u32).to_le_bytes(), &content, &vec![0; content.len() % 2]].concat()
    };
    let webp = |frames: &[(Rgb<u8>, u8)]| {
        let parts = frames.iter().map(|&(colour, delay)| {
            let still = fs::read(desk.picture("still.webp", colour)).unwrap();
            // A frame at 0, 0 of 40x30, and the still's own chunk of pixels.
            chunk(b"ANMF", &[&[0, 0, 0, 0, 0, 0, 39, 0, 0, 29, 0, 0, delay, 0, 0, 0], &still[12..]])
        });
        let head = [chunk(b"VP8X", &[&[2, 0, 0, 0, 39, 0, 0, 29, 0, 0]]), chunk(b"ANIM", &[&[0; 6]])].concat();
        chunk(b"RIFF", &[b"WEBP", &head, &parts.collect::<Vec<_>>().concat()])
    };
    let frames_of = |bytes: &[u8]| frames(&desk.write("moving", bytes));
    let [still, moving] = [webp(&[(RED, 200)]), webp(&[(RED, 200), (BLUE, 50), (RED, 0), (BLUE, 40)])];
    let mut animations = vec![("webp", still, moving)];
    if desk.ffmpeg("-f lavfi -i color=red:s=40x30:r=5:d=0.2 -f lavfi -i color=blue:s=40x30:r=5:d=0.6 -filter_complex concat -f apng moving.png")
        && desk.ffmpeg("-f lavfi -i color=red:s=40x30:r=5:d=0.2 -f apng still.png")
    {
        let [still, moving] = ["still.png", "moving.png"].map(|name| fs::read(desk.path(name)).unwrap());
        animations.push(("png", still, moving));
    }
    for (name, still, moving) in animations {
        assert_eq!(frames_of(&still).unwrap().len(), 1, "{name}");
        let frames = frames_of(&moving).unwrap();
        assert_times(&frames, if name == "webp" { &[0, 200, 250, 350] } else { &[0, 200, 400, 600] });
        assert_colour(frames[0].picture.get_pixel(20, 15), RED);
        assert_colour(frames[1].picture.get_pixel(20, 15), BLUE);
        assert!(!Film::open(&desk.path("moving")).unwrap().is_still());
        for cut in [1, 12, 20, moving.len() / 2] {
            assert!(frames_of(&moving[..moving.len() - cut]).is_err(), "{name} without its last {cut} bytes");
        }
        refused(&desk.write("moving", &[&moving[..], &moving].concat()), "another one follows its end");
    }
}

#[test]
fn a_tiff_of_several_pages_is_refused_and_one_with_a_preview_read() {
    use tiff::encoder::{TiffEncoder, colortype::RGB8};
    use tiff::tags::Tag;
    let desk = Desk::new();
    let tiff = |kinds: &[u32]| {
        let mut bytes = io::Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
        for kind in kinds {
            let mut page = encoder.new_image::<RGB8>(40, 30).unwrap();
            page.encoder().write_tag(Tag::NewSubfileType, *kind).unwrap();
            // Turned by 90 degrees clockwise.
            page.encoder().write_tag(Tag::Orientation, 6_u16).unwrap();
            page.write_data(&RED.0.repeat(40 * 30)).unwrap();
        }
        bytes.into_inner()
    };
    for kinds in [&[0][..], &[0, 1], &[0, 4, 5]] {
        let path = desk.write("a.tif", &tiff(kinds));
        assert!(Film::open(&path).unwrap().is_still());
        let frames = frames(&path).unwrap();
        assert_eq!((frames.len(), frames[0].picture.dimensions()), (1, (30, 40)));
        assert_eq!(frames[0].picture[(20, 15)], RED);
    }
    refused(&desk.write("a.tif", &tiff(&[0, 0, 1, 0])), "it has 3 pages: save each as a file of its own");
    refused(&desk.write("a.tif", &tiff(&[1, 0])), "it begins with a preview");
    let whole = tiff(&[0]);
    for other in
        ["a.png", "a.jpg", "a.gif"].map(|name| fs::read(desk.picture(name, BLUE)).unwrap()).iter().chain([&whole])
    {
        refused(&desk.write("a.tif", &[&whole[..], other].concat()), "another picture follows its end");
    }
    for length in [9, 100, whole.len() / 2, whole.len() - 9] {
        refused(&desk.write("a.tif", &whole[..length]), "can't be read (");
    }
}

#[test]
fn a_file_that_holds_several_films_or_pictures_is_refused() {
    let desk = Desk::new();
    if desk
        .ffmpeg("-f lavfi -i testsrc=s=64x48:r=10:d=0.3 -f lavfi -i color=red:s=64x48:r=10:d=0.3 -map 0 -map 1 a.mkv")
    {
        refused(&desk.path("a.mkv"), "it holds 2 pictures or films: save each as a file of its own");
    }
}

/// A picture with detail everywhere.
fn noise(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let mut noise = x.wrapping_mul(73_856_093) ^ y.wrapping_mul(19_349_663);
        noise = (noise ^ noise >> 13).wrapping_mul(0x9e37_79b1) >> 27;
        Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, (100 + noise) as u8])
    })
}

/// Its end marker is still there, as after a broken transfer or on a bad card.
#[test]
fn a_jpeg_damaged_in_its_middle_is_refused() {
    let desk = Desk::new();
    noise(400, 300).save(desk.path("whole.jpg")).unwrap();
    let whole = fs::read(desk.path("whole.jpg")).unwrap();
    let scan = whole.windows(2).position(|marker| marker == [0xff, 0xda]).unwrap() + 14;
    assert_eq!(frames(&desk.path("whole.jpg")).unwrap().len(), 1);
    let length = whole.len() - scan;
    for part in 1..9 {
        let at = scan + length * part / 9;
        for (kind, damaged) in [
            ("missing", [&whole[..at], &whole[at + length / 10..]].concat()),
            ("zeros", [&whole[..at], &[0; 512], &whole[at + 512..]].concat()),
            ("ones", [&whole[..at], &[0xff; 512], &whole[at + 512..]].concat()),
            ("twice", [&whole[..at], &whole[at - length / 10..]].concat()),
            ("another's", [&whole[..at], &whole[scan..scan + 512], &whole[at + 512..]].concat()),
        ] {
            let path = desk.write("damaged.jpg", &damaged);
            let said = frames(&path).map(|frames| frames.len()).map_err(|error| error.to_string());
            assert!(said.is_err_and(|said| said.contains("can't be read (")), "{kind} at {at}");
        }
    }
}

/// Of every kind that ffmpeg and the image crate write: grey, subsampled, with restarts.
#[test]
fn whole_jpegs_are_read() {
    let desk = Desk::new();
    for (width, height) in [(1, 1), (8, 8), (17, 9), (33, 41)] {
        for quality in [1, 30, 90, 100] {
            let mut jpeg = Vec::new();
            JpegEncoder::new_with_quality(&mut jpeg, quality).encode_image(&noise(width, height)).unwrap();
            assert_eq!(frames(&desk.write("a.jpg", &jpeg)).unwrap().len(), 1);
            let grey = image::DynamicImage::from(noise(width, height)).into_luma8();
            let mut jpeg = Vec::new();
            JpegEncoder::new_with_quality(&mut jpeg, quality).encode_image(&grey).unwrap();
            assert_eq!(frames(&desk.write("a.jpg", &jpeg)).unwrap().len(), 1);
        }
    }
    for kind in ["yuvj420p", "yuvj422p", "yuvj440p", "yuvj444p", "gray", "yuvj411p"] {
        let slices = if kind == "gray" { 1 } else { 4 };
        let name = format!("{kind}.jpg");
        let options = format!("-frames:v 1 -pix_fmt {kind} -huffman optimal -slices {slices} -strict -2");
        if desk.ffmpeg(&format!("-f lavfi -i testsrc=s=131x77:r=20:d=1 {options} {name}")) {
            assert_eq!(frames(&desk.path(&name)).unwrap()[0].picture.dimensions(), (131, 77), "{kind}");
        }
    }
}

#[test]
fn a_dim_picture_is_no_text() {
    let desk = Desk::new();
    for (name, head, depth) in [("a.pgm", "P5\n40 30\n255\n", 1), ("a.ppm", "P6 40 30 255\n", 3), ("a.pam", PAM, 3)] {
        let path = desk.write(name, &[head.as_bytes(), &b"A".repeat(depth * 40 * 30)].concat());
        assert!(Film::open(&path).unwrap().is_still(), "{name}");
        let frames = frames(&path).unwrap();
        assert_eq!((frames.len(), frames[0].picture.dimensions()), (1, (40, 30)), "{name}");
        assert_eq!(frames[0].picture[(39, 29)], Rgb([65; 3]), "{name}");
        refused(&desk.write(name, &fs::read(&path).unwrap()[..999]), "(its end is missing)");
    }
    // All three are cut off now.
    refused(desk.0.path(), "has no picture that can be read");
    // Its pixels are letters, too.
    refused(&desk.write("b.ppm", b"P6 and so on, in words"), "is text");
    refused(&desk.write("c.ppm", b"P3 60000 60000 255\n0"), "60000x60000 pixels");
    let film = [&b"YUV4MPEG2 W32 H32 F10:1 C420jpeg\n"[..], b"FRAME\n", &b"A".repeat(32 * 32 * 3 / 2)].concat();
    if desk.ffmpeg("-f lavfi -i color=red:s=16x16:r=10:d=0.1 b.mkv") {
        assert_eq!(frames(&desk.write("a.y4m", &film)).unwrap().len(), 1);
    }
}

const PAM: &str = "P7\nWIDTH 40\nHEIGHT 30\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n";

#[test]
fn a_still_that_ffmpeg_reads_is_a_still() {
    let desk = Desk::new();
    desk.picture("a.png", RED);
    // What looks like a pattern is a name, too.
    for name in ["a.tga", "a.jp2", "a%d.jp2"] {
        if desk.ffmpeg(&format!("-i a.png -update 1 -f image2 -c:v {} out", codec(name))) {
            fs::rename(desk.path("out"), desk.path(name)).unwrap();
            let mut film = Film::open(&desk.path(name)).unwrap();
            let mut frame = Frame::default();
            assert_eq!(film.read(&mut frame).unwrap(), Status::Fresh);
            assert!(film.is_still(), "{name}");
            assert_colour(frame.picture.get_pixel(20, 15), RED);
            assert_eq!(film.read(&mut frame).unwrap(), Status::Ended);
        }
    }
}

fn codec(name: &str) -> &str {
    if name.ends_with("tga") { "targa" } else { "jpeg2000" }
}

/// A pipe's first bytes can be read once only.
#[cfg(unix)]
#[test]
fn a_film_comes_through_a_pipe_as_from_a_file() {
    let desk = Desk::new();
    if !desk.ffmpeg("-f lavfi -i testsrc=s=64x48:r=20:d=1 -pix_fmt yuv420p a.mkv") {
        return;
    }
    let whole = frames(&desk.path("a.mkv")).unwrap();
    assert_eq!(whole.len(), 20);
    let through_a_pipe = |film: Vec<u8>| {
        let pipe = desk.path("pipe");
        let _ = fs::remove_file(&pipe);
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let to = pipe.clone();
        let feeder = std::thread::spawn(move || fs::write(to, film));
        let frames = frames(&pipe);
        // Perhaps nobody read on.
        let _ = feeder.join().unwrap();
        frames
    };
    for name in ["a.mkv", "a.y4m", "a.ts", "a.mp4"] {
        if name != "a.mkv" {
            assert!(desk.ffmpeg(&format!("-i a.mkv -pix_fmt yuv420p {name}")));
        }
        match through_a_pipe(fs::read(desk.path(name)).unwrap()) {
            Ok(frames) => assert_eq!(frames.len(), 20, "{name}"),
            // Its index is at its end, which not every ffmpeg finds in a pipe.
            Err(error) if name == "a.mp4" => assert!(error.to_string().contains("from a pipe ("), "{error}"),
            Err(error) => panic!("{name}: {error}"),
        }
    }
    // ffmpeg leaves the last part of a frame out in silence.
    let film = fs::read(desk.path("a.y4m")).unwrap();
    let error = through_a_pipe(film[..film.len() - 64 * 48].to_vec()).unwrap_err();
    assert!(error.to_string().contains("its end is missing"), "{error}");
}

#[test]
fn an_animated_gif_has_its_times() {
    let desk = Desk::new();
    let path = desk.gif("a.gif", &[(RED, 200), (BLUE, 50), (RED, 0), (BLUE, 40)]);
    assert!(!Film::open(&path).unwrap().is_still());
    let frames = frames(&path).unwrap();
    assert_times(&frames, &[0, 200, 250, 350]);
    assert_colour(frames[1].picture.get_pixel(10, 5), BLUE);
    assert_colour(frames[2].picture.get_pixel(10, 5), RED);
}

/// In about one frame of seven the end code fills the last byte, and nothing comes after it.
#[test]
fn a_gifs_frames_may_end_in_a_full_byte() {
    let desk = Desk::new();
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, 22, 4, &[0, 0, 0, 200, 0, 0, 0, 200, 0, 0, 0, 200]).unwrap();
    let pixels = |frame: usize| (0..22 * 4).map(|i| (i * i / (frame + 1) % 4) as u8).collect::<Vec<_>>();
    for frame in 0..64 {
        encoder.write_frame(&gif::Frame::from_indexed_pixels(22, 4, pixels(frame), None)).unwrap();
    }
    drop(encoder);
    let frames = frames(&desk.write("a.gif", &bytes)).unwrap();
    assert_eq!(frames.len(), 64);
    for (i, frame) in frames.iter().enumerate() {
        let shown = frame.picture.pixels().map(|pixel| pixel.0.iter().position(|c| *c > 0).map_or(0, |i| i as u8 + 1));
        assert!(shown.eq(pixels(i)), "frame {i}");
    }
}

#[test]
fn a_gifs_frames_are_drawn_over_each_other() {
    use gif::{DisposalMethod, Encoder, Frame as Part};
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 4, 1, &[9, 9, 9, 200, 0, 0, 0, 0, 200]).unwrap();
    let mut part = |left: u16, pixels: &[u8], dispose| {
        let (width, buffer) = (pixels.len() as u16, pixels.to_vec().into());
        encoder
            .write_frame(&Part {
                left,
                width,
                height: 1,
                dispose,
                buffer,
                delay: 10,
                transparent: Some(0),
                ..Part::default()
            })
            .unwrap();
    };
    part(0, &[1, 1, 1, 1], DisposalMethod::Keep);
    part(1, &[2, 0], DisposalMethod::Previous);
    part(3, &[2], DisposalMethod::Background);
    // Half of it is outside the picture.
    part(3, &[0, 2], DisposalMethod::Keep);
    drop(encoder);
    let desk = Desk::new();
    let shown: Vec<String> = frames(&desk.write("a.gif", &bytes))
        .unwrap()
        .iter()
        .map(|frame| {
            frame
                .picture
                .pixels()
                .map(|p| {
                    if p[0] > 0 {
                        'r'
                    } else if p[2] > 0 {
                        'b'
                    } else {
                        '.'
                    }
                })
                .collect()
        })
        .collect();
    assert_eq!(shown, ["rrrr", "rbrr", "rrrb", "rrr."]);
}

#[test]
fn bad_pictures_are_refused_by_name_reason_and_remedy() {
    let desk = Desk::new();
    refused(&desk.path("nowhere.jpg"), "No such file");
    refused(&desk.write("empty.jpg", b""), "is an empty file; copy it again");
    refused(&desk.write("text.jpg", "Grüße, not a picture\n".as_bytes()), "is text, whatever its name says");
    refused(&desk.write("list.m3u8", b"#EXTM3U\nhttp://localhost/video.ts\n"), "is text");
    let noise = RgbImage::from_fn(200, 150, |x, y| Rgb([(x * y % 251) as u8, (x * 7 % 256) as u8, (y * 3) as u8]));
    for name in ["a.jpg", "a.png", "a.webp", "a.bmp", "a.gif"] {
        noise.save(desk.path(name)).unwrap();
        let whole = fs::read(desk.path(name)).unwrap();
        for share in [10, 50, 90] {
            let path = desk.write(&format!("{share}-{name}"), &whole[..whole.len() * share / 100]);
            refused(&path, "can't be read (");
        }
        for length in [2, 4, 8, 13, 20, 30] {
            let said = frames(&desk.write("start", &whole[..length])).unwrap_err().to_string();
            assert!(said.contains("start") && !said.contains('\n'), "{said}");
        }
    }
}

#[test]
fn a_picture_that_would_eat_the_memory_is_refused() {
    let desk = Desk::new();
    // A bitmap's header alone: 60000x60000 pixels of 24 bits.
    let mut bmp = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bmp.extend([60000_u32.to_le_bytes(), 60000_u32.to_le_bytes(), [1, 0, 24, 0]].concat());
    bmp.extend([0; 64]);
    refused(&desk.write("a.bmp", &bmp), "60000x60000 pixels");
    let mut gif =
        b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff\x2c\0\0\0\0\xff\xff\xff\xff\0\x02\x01\0\0\x3b".to_vec();
    refused(&desk.write("a.gif", &gif), "too large");
    // A small canvas with a large part.
    gif[6..10].copy_from_slice(&[4, 0, 4, 0]);
    assert!(frames(&desk.write("b.gif", &gif)).is_err());
}

#[test]
fn a_videos_frames_have_their_times() {
    let desk = Desk::new();
    if desk.ffmpeg("-f lavfi -i color=blue:s=66x50:r=25:d=0.2 -pix_fmt yuv420p a.mp4") {
        let frames = frames(&desk.path("a.mp4")).unwrap();
        assert_times(&frames, &[0, 40, 80, 120, 160]);
        assert_eq!(frames[0].picture.dimensions(), (66, 50));
        assert_colour(frames[4].picture.get_pixel(30, 20), Rgb([0, 0, 255]));
    }
}

#[test]
fn a_variable_frame_rate_keeps_each_frames_time() {
    let desk = Desk::new();
    let select = "select='lt(n\\,4)+not(mod(n\\,7))'";
    if desk.ffmpeg(&format!("-f lavfi -i testsrc=s=64x48:r=20:d=1 -vf {select} -pix_fmt yuv420p a.mkv")) {
        assert_times(&frames(&desk.path("a.mkv")).unwrap(), &[0, 50, 100, 150, 350, 700]);
    }
}

#[test]
fn a_rotated_video_comes_upright() {
    let desk = Desk::new();
    if desk.ffmpeg("-f lavfi -i color=red:s=64x48:r=10:d=0.3 -pix_fmt yuv420p a.mp4") {
        // ffmpeg's options for this differ between versions; the matrix in the track's header does not.
        let mut bytes = fs::read(desk.path("a.mp4")).unwrap();
        let matrix = 44 + bytes.windows(4).position(|name| name == b"tkhd").unwrap();
        let quarter_turn = [0, 0x1_0000, 0, -0x1_0000, 0, 0, 48 << 16, 0, 0x4000_0000_i32].map(i32::to_be_bytes);
        bytes[matrix..matrix + 36].copy_from_slice(quarter_turn.as_flattened());
        assert_eq!(frames(&desk.write("turned.mp4", &bytes)).unwrap()[0].picture.dimensions(), (48, 64));
    }
}

#[test]
fn what_ffmpeg_cannot_read_is_refused_in_one_sentence() {
    let desk = Desk::new();
    if !desk.ffmpeg("-f lavfi -i sine=d=0.2 sound.wav") {
        return;
    }
    refused(&desk.path("sound.wav"), "(it holds no video); copy it again");
    desk.write("noise.mp4", &[0, 255, 7, 3].repeat(5000));
    refused(&desk.path("noise.mp4"), "ffmpeg can't read");
    assert!(desk.ffmpeg("-f lavfi -i testsrc=s=64x48:r=20:d=1 -pix_fmt yuv420p a.mp4"));
    let whole = fs::read(desk.path("a.mp4")).unwrap();
    refused(&desk.write("cut.mp4", &whole[..whole.len() / 2]), "(moov atom not found)");
}

#[test]
fn a_video_that_breaks_off_gives_what_it_has_and_is_refused_then() {
    let desk = Desk::new();
    if desk.ffmpeg("-f lavfi -i testsrc=s=320x240:r=20:d=2 -pix_fmt yuv420p -movflags faststart a.mp4") {
        let whole = fs::read(desk.path("a.mp4")).unwrap();
        let cut = desk.write("cut.mp4", &whole[..whole.len() * 3 / 4]);
        let mut film = Film::open(&cut).unwrap();
        let mut frame = Frame::default();
        let mut count = 0;
        let said = loop {
            match film.read(&mut frame) {
                Ok(Status::Fresh) => count += 1,
                end => break end.unwrap_err().to_string(),
            }
        };
        assert!((5..40).contains(&count), "{count} frames");
        assert!(said.contains("only a part of") && said.contains("copy it again"), "{said}");
    }
}

/// ffmpeg says nothing of it.
#[test]
fn a_film_that_is_cut_off_in_its_last_frame_is_told() {
    let desk = Desk::new();
    if !desk.ffmpeg("-f lavfi -i testsrc=s=64x48:r=10:d=0.3 -pix_fmt yuv420p a.y4m") {
        return;
    }
    let whole = fs::read(desk.path("a.y4m")).unwrap();
    assert_eq!(frames(&desk.path("a.y4m")).unwrap().len(), 3);
    let mut film = Film::open(&desk.write("cut.y4m", &whole[..whole.len() - 9])).unwrap();
    let mut frame = Frame::default();
    assert_eq!(film.read(&mut frame).unwrap(), Status::Fresh);
    assert_eq!(film.read(&mut frame).unwrap(), Status::Fresh);
    let said = film.read(&mut frame).unwrap_err().to_string();
    assert!(said.contains("only a part of") && said.contains("(its end is missing); copy it again"), "{said}");
    refused(&desk.write("cut.y4m", &whole[..whole.len() / 2]), "ffmpeg can't read");
}

#[test]
fn a_name_that_looks_like_an_option_or_an_address_is_a_file() {
    let desk = Desk::new();
    if desk.ffmpeg("-f lavfi -i testsrc=s=64x48:r=10:d=0.2 -pix_fmt yuv420p a.mp4") {
        for name in ["-version", "http:a%d.mp4", "two\nlines.mp4"] {
            fs::copy(desk.path("a.mp4"), desk.path(name)).unwrap();
            assert_eq!(frames(&desk.path(name)).unwrap().len(), 2);
        }
    }
}

/// Linux lists processes in /proc.
#[cfg(target_os = "linux")]
#[test]
fn a_video_that_is_dropped_leaves_no_ffmpeg_behind() {
    let ours = |path: &Path| {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
        let name = path.to_str().unwrap().to_owned();
        lines.filter(|line| String::from_utf8_lossy(line).contains(&name)).count()
    };
    let desk = Desk::new();
    if desk.ffmpeg("-f lavfi -i testsrc=s=640x480:r=30:d=3 -pix_fmt yuv420p a.mp4") {
        let path = desk.path("a.mp4");
        let mut film = Film::open(&path).unwrap();
        film.read(&mut Frame::default()).unwrap();
        assert_eq!(ours(&path), 1);
        drop(film);
        assert_eq!(ours(&path), 0);
    }
}

#[test]
fn in_real_time_frames_come_as_they_are_shown() {
    let desk = Desk::new();
    let path = desk.gif("a.gif", &[(RED, 60), (BLUE, 60), (RED, 60)]);
    let mut camera = FileCamera::open(&path, 10.0, Clock::real_time()).unwrap();
    let mut frame = Frame::default();
    let began = Instant::now();
    while camera.read(&mut frame).unwrap() == Status::Fresh {}
    assert_eq!(frame.time, Duration::from_millis(120));
    assert!(began.elapsed() >= frame.time);
}
