//! The real binary with a real webcam, in the lab: a small Linux with the kernel's own webcam driver. HANDWAVE_LAB
//! names the lab's folder; without it, or without what it needs (root, python3, kmod, ffmpeg), these tests are ignored.

mod optional;

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use handwave::camera::clock::Clock;
use handwave::camera::puppet::{Puppet, Script};
use handwave::camera::{Camera, Frame, Status};
use optional::Missing;
use serde_json::Value;

fn main() {
    optional::run(optional::trials![
        a_hold_and_a_countdown_end_with_the_camera,
        a_camera_misbehaves,
        another_camera_of_the_model_is_not_taken
    ]);
}

/// One lab at a time: timings need a processor of their own.
static LAB: Mutex<()> = Mutex::new(());

/// What a script in the lab has said, and the files it has left. A test that fails prints all of it.
struct Played {
    said: String,
    /// `key=value` lines of what was said.
    values: HashMap<String, String>,
    out: tempfile::TempDir,
}

impl Played {
    fn value(&self, key: &str) -> &str {
        self.values.get(key).unwrap_or_else(|| panic!("the script has not said {key}:\n{}", self.said))
    }

    fn number(&self, key: &str) -> f64 {
        self.value(key).parse().unwrap_or_else(|_| panic!("{key} is no number:\n{}", self.said))
    }

    /// A file that a command has written.
    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.out.path().join(name)).unwrap_or_default()
    }

    /// An events file: the time in seconds, and the event.
    fn events(&self, name: &str) -> Vec<(f64, Value)> {
        let event = |line: &str| {
            let event: Value = serde_json::from_str(line).unwrap();
            let at: jiff::Timestamp = event["at"].as_str().unwrap().parse().unwrap();
            (at.as_millisecond() as f64 / 1000.0, event)
        };
        self.text(name).lines().map(event).collect()
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("{}", self.said);
            let all = fs::read_dir(self.out.path()).into_iter().flatten().flatten();
            for kept in all.filter(|kept| kept.file_name() != "script") {
                let text = fs::read_to_string(kept.path()).unwrap_or_default();
                println!("--- {}\n{text}", kept.file_name().display());
            }
        }
    }
}

fn lab() -> Result<PathBuf, Missing> {
    let folder = optional::folder("HANDWAVE_LAB", "webcam");
    let lab = folder.join("lab");
    if !lab.is_file() {
        return Err(Missing(format!("the webcam lab in {} is not here; set HANDWAVE_LAB", folder.display())));
    }
    let runs = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
    let has = |tool: &str| runs(Command::new("sh").args(["-c", &format!("command -v {tool}")]));
    let missing = if !runs(Command::new(folder.join("uml/linux")).arg("--version")) {
        Some("a machine that runs the lab's kernel")
    } else if !runs(Command::new("sh").args(["-c", "[ $(id -u) = 0 ]"])) {
        Some("root")
    } else {
        ["python3", "modprobe", "ffmpeg"].into_iter().find(|tool| !has(tool))
    };
    missing.map_or(Ok(()), |missing| Err(Missing(format!("the webcam lab needs {missing}"))))?;
    Ok(lab.canonicalize().expect("it is there"))
}

/// Every script begins with this. `kept NAME COMMAND...` keeps a command's output and says its status.
const PRELUDE: &str = r#"
now() { date +%s.%N; }
say() { echo "$1=$2"; }
kept() { local name=$1; shift; "$@" >$OUT/$name 2>&1; say $name.status $?; say $name.at $(now); }
# `count` says how often a file holds an event; `reach` waits until it holds it that often, or says what is missing.
count() { cat $OUT/$1 2>/dev/null | grep -c "\"event\":\"$2\""; }
reach() { local i; for i in $(seq 600); do [ "$(count $1 $2)" -ge "$3" ] && return; sleep .1; done; say missed "$1:$2:$3"; exit 1; }
# Waits until a file says something.
until_said() { local i; for i in $(seq 600); do grep -qs "$2" $OUT/$1 && return; sleep .1; done; say missed "$1:$2"; exit 1; }
# The machine's worst lateness in seconds: on a loaded machine everything that is timed is late by as much.
mkfifo /run/nothing
lateness() {
    local worst=0 due late
    while :; do
        due=$((${EPOCHREALTIME/./} + 250000)); read -rt .25 <>/run/nothing
        late=$((${EPOCHREALTIME/./} - due)); [ $late -gt $worst ] && worst=$late && printf '%d.%06d' $((worst / 1000000)) $((worst % 1000000)) >/run/late
    done
}
lateness & late=$!
trap 'kill $late; say late "$(cat /run/late)"' EXIT
camera_processes() { grep -sl "[c]amera-process" /proc/[0-9]*/cmdline | wc -l; }
zombies() { grep -sl '^State:.Z' /proc/[0-9]*/status | wc -l; }
# A camera with another firmware, files, size and rate.
plug_other() { python3 "$@" >/dev/null & echo $! >/run/webcam; local i; for i in $(seq 200); do [ -e /dev/video0 ] && return; sleep .05; done; say missed camera; exit 1; }
"#;

fn play(lab: &Path, video: &Path, script: &str) -> Played {
    let _alone = LAB.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("script");
    let root = env!("CARGO_MANIFEST_DIR");
    let library = "ORT_DYLIB_PATH=${ORT_DYLIB_PATH:-$PWD/.deps/lib/libonnxruntime.so}";
    let handwave = env!("CARGO_BIN_EXE_handwave");
    fs::write(&file, format!("cd '{root}'\nexport {library}\nhandwave='{handwave}'\n{PRELUDE}\n{script}")).unwrap();
    let run = || {
        let output = Command::new(lab).args(["-t", "280"]).arg(video).arg(&file).arg(out.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output, said)
    };
    let (mut output, mut said) = run();
    if said.trim() == "lab: no /dev/video0" {
        // The lab's own time limit for plugging the camera in. A loaded machine may miss it.
        (output, said) = run();
    }
    let pair = |line: &str| line.trim().split_once('=').map(|(key, value)| (key.to_string(), value.to_string()));
    let values = said.lines().filter_map(pair).collect();
    let played = Played { said, values, out };
    assert!(output.status.success(), "{:?}", output.status);
    played
}

fn ffmpeg(arguments: &[&str]) -> Command {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-y"]).args(arguments);
    ffmpeg
}

/// A video of the puppet playing a script.
fn puppet_video(script: &str, path: &Path) {
    let mut encoder = ffmpeg(&["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "640x480", "-r", "30", "-i", "-"])
        .args(["-c:v", "mjpeg", "-q:v", "3"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut puppet = Puppet::new(Script::parse(script).unwrap(), (640, 480), 30.0, Clock::fast());
    let mut frame = Frame::default();
    let mut pipe = encoder.stdin.take().unwrap();
    while puppet.read(&mut frame).unwrap() == Status::Fresh {
        pipe.write_all(frame.picture.as_raw()).unwrap();
    }
    drop(pipe);
    assert!(encoder.wait().unwrap().success());
}

fn times(events: &[(f64, Value)], name: &str) -> Vec<f64> {
    events.iter().filter(|(_, event)| event["event"] == name).map(|(at, _)| *at).collect()
}

fn a_hold_and_a_countdown_end_with_the_camera() -> Result<(), Missing> {
    let lab = lab()?;
    let work = tempfile::tempdir().unwrap();
    let video = work.path().join("hands.avi");
    puppet_video("right fist for 1\nright 2 for 9\n", &video);
    let settings = work.path().join("config.toml");
    // Long enough to unplug the camera in the middle. Long gaps are allowed, as the lab may be slow.
    let text = "[gesture]\nhold_retire = 4\ncountdown = 8\ngap = 1\ndisarm_gap = 2\n";
    fs::write(&settings, text).unwrap();
    let script = format!(
        r#"
        export RUST_LOG=info
        $handwave run --headless --camera 0 --config '{}' --events $OUT/events >$OUT/run 2>&1 & run=$!
        # In the middle of the hold.
        until_said run 'pictures come'; sleep 2; say pulled_in_hold $(now); unplug; reach events camera-lost 1
        plug; say back $(now); reach events camera-back 1
        # A hold from its beginning, and into its countdown.
        reach events gesture 1; sleep 1; say pulled_in_countdown $(now); unplug
        reach events taken-back 1; sleep 1
        kill $run; wait $run; say run.status $?
        "#,
        settings.display()
    );
    let played = play(&lab, &video, &script);
    let events = played.events("events");
    let (lost, back) = (times(&events, "camera-lost"), times(&events, "camera-back"));
    assert_eq!((lost.len(), back.len()), (2, 1));
    let late = played.number("late");
    assert!(lost[0] - played.number("pulled_in_hold") < 1.0 + late, "noticed at once");
    assert!(back[0] - played.number("back") < 2.0 + late, "goes on by itself");

    let gestures = times(&events, "gesture");
    assert_eq!(gestures.len(), 1, "the hold that lost its camera gave no gesture");
    assert!(gestures[0] - back[0] > 4.0, "the hold began again");
    let (at, taken_back) = events.iter().find(|(_, event)| event["event"] == "taken-back").unwrap();
    assert_eq!(taken_back["reason"], "the camera was lost");
    assert!(at - played.number("pulled_in_countdown") < 1.0 + late);
    assert!(times(&events, "retiring").is_empty());
    assert_eq!(played.value("run.status"), "0");
    Ok(())
}

/// MJPEG pictures one after the other: of every three, one is whole, one is cut off, one is overwritten in its middle.
fn damage(pictures: &[u8]) -> Vec<u8> {
    let starts: Vec<usize> =
        pictures.windows(3).enumerate().filter(|(_, bytes)| *bytes == [0xff, 0xd8, 0xff]).map(|(at, _)| at).collect();
    let ends = starts[1..].iter().copied().chain([pictures.len()]);
    let damaged = starts.iter().zip(ends).enumerate().map(|(turn, (&start, end))| {
        let mut picture = pictures[start..end].to_vec();
        let middle = picture.len() / 2;
        match turn % 3 {
            1 => picture.truncate(middle),
            2 => picture[middle..middle + 400].fill(0xff),
            _ => {}
        }
        picture
    });
    damaged.flatten().collect()
}

/// A picture without hands.
const WALL: [&str; 6] = ["-f", "lavfi", "-i", "testsrc=s=640x480:r=30", "-t", "1"];

/// Makes a film of it, in that folder. Only a second long: the lab reads all of it each time it plugs the camera in.
fn wall(folder: &Path) -> String {
    let film = folder.join("test.avi").display().to_string();
    assert!(ffmpeg(&WALL).args(["-c:v", "mjpeg", &film]).status().unwrap().success());
    film
}

fn a_camera_misbehaves() -> Result<(), Missing> {
    let lab = lab()?;
    let work = tempfile::tempdir().unwrap();
    let file = |name: &str| work.path().join(name).display().to_string();
    let video = wall(work.path());
    let pictures = file("pictures");
    assert!(
        ffmpeg(&WALL).args(["-f", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj422p", &pictures]).status().unwrap().success()
    );
    fs::write(file("damaged"), damage(&fs::read(&pictures).unwrap())).unwrap();
    let raw = ["-f", "rawvideo", "-pix_fmt", "yuyv422"];
    assert!(ffmpeg(&WALL).args(raw).arg(file("raw")).status().unwrap().success());
    assert!(ffmpeg(&WALL).args(["-vf", "scale=320:240"]).args(raw).arg(file("small")).status().unwrap().success());
    // A firmware whose YUYV is slow, so that handwave prefers MJPEG.
    let firmware = fs::read_to_string(lab.with_file_name("webcam.py")).unwrap();
    let slow = firmware.replace("+ frame(5)", "+ frame(5).replace(struct.pack('<I', IV), struct.pack('<I', 6 * IV))");
    assert_ne!(slow, firmware);
    fs::write(file("slow.py"), slow).unwrap();

    let script = format!(
        r#"
        webcam='{webcam}' work='{work}'
        export RUST_LOG=info
        nobody() {{ setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }}

        # Without a run.
        kept cameras $handwave cameras
        kept metadata $handwave run --headless --camera /dev/video1
        kept missing $handwave run --headless --camera 7
        chmod 600 /dev/video0; kept forbidden nobody $handwave run --headless --camera 0
        mv /dev/video0 /dev/aside; kept none $handwave cameras; kept gone $handwave run --headless --camera 0; mv /dev/aside /dev/video0

        # The camera of a run stalls, and is unplugged while another process keeps its old number open.
        $handwave run --headless --camera 0 --events $OUT/events >$OUT/run 2>&1 & run=$!
        until_said run 'pictures come'; sleep 1
        kept busy $handwave run --headless --camera 0
        say stalled $(now); stall; reach events camera-lost 1; sleep 3
        say flowing $(now); stall; reach events camera-back 1
        sleep 100 </dev/video0 & holder=$!
        sleep 1; say pulled $(now); unplug; reach events camera-lost 2
        python3 $webcam '{frames}' '{pictures}' >/dev/null & echo $! >/run/webcam
        for i in $(seq 400); do [ -e /dev/video1 ] && break; sleep .05; done; say renumbered $(now)
        reach events camera-back 2; until_said run 'camera 1 (/dev/video1)'
        say zombies $(zombies); say processes $(camera_processes)
        # Killed, its camera process ends too.
        kill -9 $run; sleep 1; say orphans $(camera_processes)
        kill $holder; unplug

        # Half the size at five a second; another run opens the camera as soon as this one has quit.
        plug_other $webcam '{small}' '{pictures}' 320 240 5
        $handwave run --headless --camera 0 --events $OUT/small_events >$OUT/small 2>&1 & run=$!
        until_said small 'pictures come'; sleep 5
        say quitted $(now); kill $run; wait $run; say small.status $?; say ended $(now)
        kept again timeout 5 $handwave run --headless --camera 0
        say left $(camera_processes); unplug

        # Two of three pictures are damaged.
        plug_other $work/slow.py '{frames}' '{damaged}'
        $handwave run --headless --camera 0 --events $OUT/damaged_events >$OUT/damaged 2>&1 & run=$!
        until_said damaged '100 damaged pictures'
        kill $run; wait $run; say damaged.status $?; say damaged.at $(now)
        "#,
        webcam = lab.with_file_name("webcam.py").display(),
        work = work.path().display(),
        frames = file("raw"),
        small = file("small"),
        damaged = file("damaged"),
    );
    let played = play(&lab, Path::new(&video), &script);
    let refused = |name: &str, reason: &str, remedy: &str| {
        let text = played.text(name);
        assert_eq!(played.value(&format!("{name}.status")), "1", "{name}: {text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("handwave: ")).count(), 1, "{name}: {text}");
        assert!(text.contains(reason) && text.contains(remedy), "{name}: {text}");
    };

    let cameras = played.text("cameras");
    assert_eq!(played.value("cameras.status"), "0");
    assert!(cameras.contains("0  Lab Webcam") && cameras.contains("/dev/video0   <- run takes this one"), "{cameras}");
    assert!(cameras.contains("YUYV  640x480 at 30 a second   <- 30 a second is nearest"), "{cameras}");
    assert!(cameras.contains("MJPEG 640x480 at 30 a second\n") && !cameras.contains("/dev/video1"), "{cameras}");
    refused("metadata", "camera 1 (/dev/video1) gives no pictures", "name another");
    refused("missing", "there is no camera 7 (/dev/video7)", "plug it in");
    refused("forbidden", "camera 0 (/dev/video0) may not be opened (Permission denied", "usermod -aG video");
    refused("none", "there is no camera", "plug one in");
    refused("gone", "there is no camera 0", "plug it in");
    refused("busy", "camera 0 (/dev/video0) is in use by another program", "close that program");

    let events = played.events("events");
    let (lost, back) = (times(&events, "camera-lost"), times(&events, "camera-back"));
    let took = |from: &str, to: f64| to - played.number(from);
    let late = played.number("late");
    println!(
        "noticed: a stall {:.2} s, pulled out {:.2} s; back: after the stall {:.2} s, after the plug {:.2} s; the machine \
         was {late:.2} s late at worst",
        took("stalled", lost[0]),
        took("pulled", lost[1]),
        took("flowing", back[0]),
        took("renumbered", back[1]),
    );
    assert_eq!((lost.len(), back.len()), (2, 2), "lost by nothing else");
    let soon = 2.0 + late;
    assert!(took("stalled", lost[0]) < soon && took("pulled", lost[1]) < soon);
    assert!(took("flowing", back[0]) < soon && took("renumbered", back[1]) < soon);
    let reasons: Vec<&str> = events.iter().filter_map(|(_, event)| event["reason"].as_str()).collect();
    assert!(reasons[0].contains("it stopped sending pictures") && reasons[1].contains("it was pulled out"));
    assert_eq!((played.value("zombies"), played.value("processes"), played.value("orphans")), ("0", "1", "0"));

    assert!(played.text("small").contains("320x240, 5 a second, YUYV"));
    assert!(times(&played.events("small_events"), "camera-lost").is_empty(), "five a second is no stall");
    assert_eq!(played.value("small.status"), "0");
    assert!(took("quitted", played.number("ended")) < soon);
    assert_eq!(played.value("again.status"), "124", "the camera is free at once: {}", played.text("again"));
    assert_eq!(played.value("left"), "0");

    assert!(played.text("damaged").contains("640x480, 30 a second, MJPEG"));
    assert!(times(&played.events("damaged_events"), "camera-lost").is_empty());
    assert_eq!(played.value("damaged.status"), "0");
    Ok(())
}

/// Two webcams of one model: the first sees a picture without hands, the second, which nobody named, a hand.
fn another_camera_of_the_model_is_not_taken() -> Result<(), Missing> {
    let lab = lab()?;
    let work = tempfile::tempdir().unwrap();
    let file = |name: &str| work.path().join(name).display().to_string();
    let video = wall(work.path());
    puppet_video("left fist for 0.6\nleft 5 for 1.4\n", &work.path().join("hand.avi"));
    for (from, name) in [("test.avi", "wall"), ("hand.avi", "hand")] {
        let input = file(from);
        let input = ["-i", input.as_str()];
        let raw = ["-f", "rawvideo", "-pix_fmt", "yuyv422"];
        assert!(ffmpeg(&input).args(raw).arg(file(&format!("{name}.yuyv"))).status().unwrap().success());
        let jpeg = ["-f", "mjpeg", "-q:v", "4", "-pix_fmt", "yuvj422p"];
        assert!(ffmpeg(&input).args(jpeg).arg(file(&format!("{name}.mjpg"))).status().unwrap().success());
    }
    let firmware = fs::read_to_string(lab.with_file_name("webcam.py")).unwrap();
    for port in [1, 2] {
        let in_port =
            firmware.replace("f'0 {b.fileno()} 65537 3'", &format!("f'{port} {{b.fileno()}} {} 3'", 65_537 + port));
        assert_ne!(in_port, firmware);
        fs::write(file(&format!("port{port}.py")), in_port).unwrap();
    }
    let script = format!(
        r#"
        work='{work}'
        export RUST_LOG=info
        there() {{ local i; for i in $(seq 400); do [ -e /dev/video$1 ] && return; sleep .05; done; say missed video$1; exit 1; }}
        unplug
        python3 {webcam} $work/wall.yuyv $work/wall.mjpg >/dev/null & first=$!; there 1
        python3 $work/port1.py $work/hand.yuyv $work/hand.mjpg >/dev/null & second=$!; there 3
        $handwave run --headless --camera 0 --events $OUT/events >$OUT/run 2>&1 & run=$!
        until_said run 'pictures come'; sleep 1
        kill $first; reach events camera-lost 1; sleep 6; say alone $(count events camera-back)
        # The first comes back.
        python3 {webcam} $work/wall.yuyv $work/wall.mjpg >/dev/null & first=$!; reach events camera-back 1
        # In another port it is one that appears later.
        kill $first; reach events camera-lost 2
        python3 $work/port2.py $work/wall.yuyv $work/wall.mjpg >/dev/null & reach events camera-back 2
        sleep 2; kill $run; wait $run; say run.status $?
        "#,
        work = work.path().display(),
        webcam = lab.with_file_name("webcam.py").display(),
    );
    let played = play(&lab, Path::new(&video), &script);
    assert_eq!(played.value("alone"), "0", "{}", played.text("run"));
    assert_eq!(played.value("run.status"), "0");
    let events = played.events("events");
    assert_eq!((times(&events, "camera-lost").len(), times(&events, "camera-back").len()), (2, 2));
    assert!(times(&events, "gesture").is_empty(), "the hand that nobody named did nothing");
    let run = played.text("run");
    assert!(!run.contains("camera 2 (/dev/video2)") && !run.contains("camera 3 (/dev/video3)"), "{run}");
    Ok(())
}
