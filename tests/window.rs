//! The real window on a display of its own (Xvfb), typed at by xdotool. Where these are missing it says so and passes.
//! One test alone has a window manager (openbox), which is what closes windows.
#![cfg(all(feature = "window", target_os = "linux"))]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use handwave::clouds::Mode;
use handwave::fleet::FleetState;
use handwave::fleet::Limits;
use handwave::gesture::machine::Phase;
use handwave::gesture::why::Why;
use handwave::view::terminal::Key;
use handwave::view::window::{Feed, WindowError, show};
use handwave::view::{CameraState, RunState};
use image::{Rgb, RgbImage};
use tokio::sync::{mpsc, watch};

/// Set in the process that a test starts.
const STARTED: &str = "HANDWAVE_TEST_WINDOW";
const PATIENCE: Duration = Duration::from_secs(20);

/// The process that the tests start: shows a window, and tells on stdout which keys it hears and how it ends.
#[test]
#[ignore = "what the other tests start"]
fn a_window() {
    if std::env::var_os(STARTED).is_none() {
        return;
    }
    let limits = Limits { min: 1, max: 5 };
    let scene = RunState {
        mode: Mode::DryRun,
        camera: CameraState::Watching,
        light: None,
        reading: None,
        phase: Phase::Idle(Why::NoHand),
        victims: Vec::new(),
        fleet: FleetState { observed: None, limits, settled: true, trouble: None },
        driven: false,
        said: Vec::new(),
    };
    let (scenes_in, scenes) = watch::channel(scene);
    let (pictures_in, pictures) = watch::channel(RgbImage::from_pixel(64, 48, Rgb([90, 120, 90])));
    let (keys, mut heard) = mpsc::unbounded_channel();
    let daemon = thread::spawn(move || {
        // Alive until told to quit, whatever becomes of the window.
        while let Some(key) = heard.blocking_recv() {
            println!("\nheard {key:?}");
            if key == Key::Quit {
                break;
            }
        }
        drop((scenes_in, pictures_in));
    });
    let ended = show(Feed { scenes, pictures, keys });
    println!("\nended {ended:?}");
    if ended == Err(WindowError::Lost) {
        thread::sleep(Duration::from_millis(300));
        println!("\nalive");
    }
    let _ = daemon.join();
}

/// Past the test harness, which keeps what a test that passes has printed: a skipped one is not to look like it.
fn skip(tool: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {tool} is not installed");
}

/// A display, gone when dropped.
struct Screen {
    server: Child,
    name: String,
}

impl Screen {
    /// None where there is nothing to make one with.
    fn open() -> Option<Screen> {
        for tool in ["Xvfb", "xdotool"] {
            if Command::new(tool).arg("-help").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
                skip(tool);
                return None;
            }
        }
        // Without -noreset it starts anew, and cuts whoever is just coming, when xdotool leaves as the last client.
        let arguments = ["-displayfd", "1", "-screen", "0", "1400x900x24", "-nolisten", "tcp", "-noreset"];
        let server = Command::new("Xvfb").args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut server = server.expect("Xvfb starts");
        let mut number = String::new();
        BufReader::new(server.stdout.take().expect("piped")).read_line(&mut number).expect("Xvfb says its display");
        Some(Screen { server, name: format!(":{}", number.trim()) })
    }

    fn xdotool(&self, arguments: &[&str]) -> String {
        let output = Command::new("xdotool").args(arguments).env("DISPLAY", &self.name).output().expect("xdotool runs");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Starts the window, and gives it the keyboard.
    fn window(&self) -> Window {
        let mut window = Window::start(Some(&self.name));
        window.id = self.focus();
        window
    }

    /// Waits until a window is there and gives it the keyboard, as a window manager would; here is none. Answers its id.
    fn focus(&self) -> String {
        let search =
            || Some(self.xdotool(&["search", "--onlyvisible", "--name", "^handwave$"])).filter(|id| !id.is_empty());
        let id = wait("a window", search);
        self.xdotool(&["windowfocus", "--sync", &id]);
        id
    }
}

/// Waits until there is something.
fn wait<T>(what: &str, mut there: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(there) = there() {
            return there;
        }
        assert!(Instant::now() < end, "no {what} appears");
        thread::sleep(Duration::from_millis(50));
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

struct Window {
    process: Child,
    id: String,
    said: Receiver<String>,
}

impl Window {
    fn start(display: Option<&str>) -> Window {
        let mut command = Command::new(std::env::current_exe().expect("this test's own path"));
        command.args(["--exact", "a_window", "--ignored", "--nocapture"]).env_remove("DISPLAY").env(STARTED, "1");
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        if let Some(display) = display {
            command.env("DISPLAY", display);
        }
        let mut process = command.spawn().expect("this test starts");
        let (tell, said) = channel();
        let lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let ours = ["heard", "ended", "alive"].iter().any(|word| line.starts_with(word));
                if ours && tell.send(line).is_err() {
                    break;
                }
            }
        });
        Window { process, id: String::new(), said }
    }

    fn next(&self) -> String {
        self.said.recv_timeout(PATIENCE).unwrap_or_else(|_| "nothing".into())
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn keys_quit() {
    let Some(screen) = Screen::open() else { return };
    for key in ["Escape", "q"] {
        let window = screen.window();
        screen.xdotool(&["key", "--delay", "0", key]);
        assert_eq!(window.next(), "heard Quit", "{key}");
        assert_eq!(window.next(), "ended Ok(())");
    }
}

#[test]
fn a_short_tap_counts_and_a_held_key_counts_once() {
    let Some(screen) = Screen::open() else { return };
    let window = screen.window();
    for key in ["p", "space"] {
        screen.xdotool(&["key", "--delay", "0", key]);
        assert_eq!(window.next(), "heard Pause");
    }
    screen.xdotool(&["keydown", "p", "sleep", "1.5", "keyup", "p"]);
    screen.xdotool(&["key", "--delay", "0", "3"]);
    assert_eq!(window.next(), "heard Pause");
    assert_eq!(window.next(), "heard Puppet('3')");
}

#[test]
fn a_resized_window_goes_on() {
    let Some(screen) = Screen::open() else { return };
    let window = screen.window();
    for (width, height) in [("300", "800"), ("1", "1"), ("1400", "900")] {
        screen.xdotool(&["windowsize", "--sync", &window.id, width, height]);
        thread::sleep(Duration::from_millis(200));
    }
    screen.xdotool(&["key", "--delay", "0", "q"]);
    assert_eq!(window.next(), "heard Quit");
}

#[test]
fn closing_the_window_quits() {
    let Some(screen) = Screen::open() else { return };
    let manager = Command::new("openbox").env("DISPLAY", &screen.name).stderr(Stdio::null()).spawn();
    let Ok(mut manager) = manager else {
        skip("openbox, a window manager,");
        return;
    };
    thread::sleep(Duration::from_millis(500));
    let window = screen.window();
    screen.xdotool(&["key", "alt+F4"]);
    assert_eq!(window.next(), "heard Quit");
    assert_eq!(window.next(), "ended Ok(())");
    let _ = manager.kill();
    let _ = manager.wait();
}

#[test]
fn a_display_that_dies_is_outlived() {
    let Some(mut screen) = Screen::open() else { return };
    let window = screen.window();
    screen.server.kill().expect("Xvfb is killed");
    assert_eq!(window.next(), "ended Err(Lost)");
    assert_eq!(window.next(), "alive");
}

#[test]
fn a_client_that_is_killed_and_a_window_that_is_destroyed_are_outlived() {
    let Some(screen) = Screen::open() else { return };
    for by in ["windowkill", "windowclose"] {
        let window = screen.window();
        screen.xdotool(&[by, &window.id]);
        assert_eq!(window.next(), "ended Err(Lost)", "{by}");
        assert_eq!(window.next(), "alive", "{by}");
    }
}

/// The real binary's demo in a window, without a terminal.
struct Demo {
    process: Child,
    folder: tempfile::TempDir,
}

impl Demo {
    fn start(screen: &Screen) -> Demo {
        let folder = tempfile::tempdir().unwrap();
        let mut demo = Command::new(env!("CARGO_BIN_EXE_handwave"));
        demo.args(["demo", "--events"]).arg(folder.path().join("events")).env("DISPLAY", &screen.name);
        let process = demo.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        screen.focus();
        Demo { process, folder }
    }

    /// The first event of this name.
    fn event(&self, name: &str) -> Option<serde_json::Value> {
        let text = std::fs::read_to_string(self.folder.path().join("events")).unwrap_or_default();
        let mut events = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        events.find(|line| line["event"] == name)
    }

    /// How many instances its first launch is of.
    fn launches(&self) -> Option<usize> {
        wait("launch", || self.event("launched"))["instances"].as_array().map(Vec::len)
    }

    /// What it has told when it has ended well.
    fn ends(&mut self) -> String {
        let mut told = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        assert!(self.process.wait().unwrap().success(), "{told}");
        told
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Its script is left at the first key, and what the keys show is acted on.
#[test]
fn keys_drive_the_demos_hand_until_escape() {
    let Some(screen) = Screen::open() else { return };
    let mut demo = Demo::start(&screen);
    screen.xdotool(&["key", "l", "2"]);
    assert_eq!(demo.launches(), Some(2), "the script would have launched 3");
    screen.xdotool(&["key", "n"]);
    thread::sleep(Duration::from_secs(1));
    assert_eq!(demo.process.try_wait().unwrap(), None);
    screen.xdotool(&["key", "Escape"]);
    let told = demo.ends();
    assert!(demo.event("quit").is_some());
    assert!(told.contains("The hand is yours"), "{told}");
    assert_eq!(told.matches("--- ").count(), 2, "the script's other captions are not told: {told}");
}

#[test]
fn a_demo_goes_on_without_its_display_and_ends_where_nobody_can_press_a_key() {
    let Some(mut screen) = Screen::open() else { return };
    let mut demo = Demo::start(&screen);
    screen.xdotool(&["key", "l", "2"]);
    wait("hand", || demo.event("gesture"));
    screen.server.kill().expect("Xvfb is killed");
    // What was asked for is still done.
    let told = demo.ends();
    assert_eq!(demo.launches(), Some(2));
    assert!(demo.event("in-service").is_some(), "{told}");
}

#[test]
fn no_display_is_a_reason_not_an_end() {
    let window = Window::start(None);
    assert!(window.next().starts_with("ended Err(Absent("));
    let window = Window::start(Some(":4242"));
    assert!(window.next().starts_with("ended Err(Absent("));
}
