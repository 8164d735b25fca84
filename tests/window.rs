//! The real window on a display of its own (Xvfb), with keys pressed by xdotool. Without these, the tests that need
//! them are ignored. One test has a window manager (openbox), because that is what closes windows.

mod optional;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use handwave::clouds::Mode;
use handwave::daemon::keys::Key;
use handwave::daemon::state::{CameraState, RunState};
use handwave::fleet::FleetState;
use handwave::fleet::Limits;
use handwave::gesture::machine::Phase;
use handwave::gesture::why::Why;
use handwave::view::window::{Feed, WindowError, show};
use image::{Rgb, RgbImage};
use optional::Missing;
use tokio::sync::{mpsc, watch};

/// Set in the process that a test starts.
const STARTED: &str = "HANDWAVE_TEST_WINDOW";
const PATIENCE: Duration = Duration::from_secs(20);

fn main() {
    if std::env::var_os(STARTED).is_some() {
        return a_window();
    }
    optional::run(optional::trials![
        keys_quit,
        a_short_tap_counts_and_a_held_key_counts_once,
        a_resized_window_goes_on,
        closing_the_window_quits,
        a_display_that_dies_is_outlived,
        a_client_that_is_killed_and_a_window_that_is_destroyed_are_outlived,
        keys_drive_the_demos_hand_until_escape,
        a_demo_goes_on_without_its_display_and_ends_where_nobody_can_press_a_key,
        no_display_is_a_reason_not_an_end,
    ]);
}

/// The process that the tests start: shows a window, and tells on stdout which keys it gets and how it ends.
fn a_window() {
    let limits = Limits { min: 1, max: 5 };
    let fleet = FleetState { settled: true, ..FleetState::unknown(limits) };
    let state = RunState::starting(Mode::DryRun, CameraState::Watching, fleet);
    let state = RunState { phase: Phase::Idle(Why::NoHand), ..state };
    let (states_in, states) = watch::channel(state);
    let (pictures_in, pictures) = watch::channel(RgbImage::from_pixel(64, 48, Rgb([90, 120, 90])));
    let (keys, mut heard) = mpsc::unbounded_channel();
    let daemon = thread::spawn(move || {
        // Runs until the Quit key, or until the window that sends the keys is gone.
        while let Some(key) = heard.blocking_recv() {
            println!("\nheard {key:?}");
            if key == Key::Quit {
                break;
            }
        }
        drop((states_in, pictures_in));
    });
    let ended = show(Feed { states, pictures, keys });
    // With the window its keys end, and so does the daemon: what it has heard is printed first.
    let _ = daemon.join();
    println!("\nended {ended:?}");
    if ended == Err(WindowError::Lost) {
        thread::sleep(Duration::from_millis(300));
        println!("\nalive");
    }
}

fn not_installed(tool: &str) -> Missing {
    Missing(format!("{tool} is not installed"))
}

/// A display, closed on drop.
struct Screen {
    server: Child,
    name: String,
}

impl Screen {
    fn open() -> Result<Screen, Missing> {
        for tool in ["Xvfb", "xdotool"] {
            let help = Command::new(tool).arg("-help").stdout(Stdio::null()).stderr(Stdio::null()).status();
            help.map_err(|_| not_installed(tool))?;
        }
        // Without -noreset it resets when its last client leaves, xdotool for example, and drops one that just
        // connects.
        let arguments = ["-displayfd", "1", "-screen", "0", "1400x900x24", "-nolisten", "tcp", "-noreset"];
        let server = Command::new("Xvfb").args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut server = server.expect("Xvfb starts");
        let mut number = String::new();
        BufReader::new(server.stdout.take().expect("piped")).read_line(&mut number).expect("Xvfb says its display");
        Ok(Screen { server, name: format!(":{}", number.trim()) })
    }

    fn xdotool(&self, arguments: &[&str]) -> String {
        let output = Command::new("xdotool").args(arguments).env("DISPLAY", &self.name).output().expect("xdotool runs");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Starts the window and gives it the keyboard.
    fn window(&self) -> Window {
        let mut window = Window::start(Some(&self.name));
        window.id = self.focus();
        window
    }

    /// Waits for a window, gives it the keyboard, as a window manager would, and returns its id.
    fn focus(&self) -> String {
        let search =
            || Some(self.xdotool(&["search", "--onlyvisible", "--name", "^handwave$"])).filter(|id| !id.is_empty());
        let id = wait("window", search);
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
        command.env_remove("DISPLAY").env(STARTED, "1");
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

fn keys_quit() -> Result<(), Missing> {
    let screen = Screen::open()?;
    for key in ["Escape", "q"] {
        let window = screen.window();
        screen.xdotool(&["key", "--delay", "0", key]);
        assert_eq!(window.next(), "heard Quit", "{key}");
        assert_eq!(window.next(), "ended Ok(())");
    }
    Ok(())
}

fn a_short_tap_counts_and_a_held_key_counts_once() -> Result<(), Missing> {
    let screen = Screen::open()?;
    let window = screen.window();
    for key in ["p", "space"] {
        screen.xdotool(&["key", "--delay", "0", key]);
        assert_eq!(window.next(), "heard Pause");
    }
    screen.xdotool(&["keydown", "p", "sleep", "1.5", "keyup", "p"]);
    screen.xdotool(&["key", "--delay", "0", "3"]);
    assert_eq!(window.next(), "heard Pause");
    assert_eq!(window.next(), "heard Puppet('3')");
    Ok(())
}

fn a_resized_window_goes_on() -> Result<(), Missing> {
    let screen = Screen::open()?;
    let window = screen.window();
    for (width, height) in [("300", "800"), ("1", "1"), ("1400", "900")] {
        screen.xdotool(&["windowsize", "--sync", &window.id, width, height]);
        thread::sleep(Duration::from_millis(200));
    }
    screen.xdotool(&["key", "--delay", "0", "q"]);
    assert_eq!(window.next(), "heard Quit");
    Ok(())
}

fn closing_the_window_quits() -> Result<(), Missing> {
    let screen = Screen::open()?;
    let manager = Command::new("openbox").env("DISPLAY", &screen.name).stderr(Stdio::null()).spawn();
    let mut manager = manager.map_err(|_| not_installed("openbox"))?;
    // It knows its desktops once it runs. A key that comes early may still be lost, so it is pressed until it works.
    wait("window manager", || Some(()).filter(|()| !screen.xdotool(&["get_num_desktops"]).is_empty()));
    let window = screen.window();
    let heard = wait("answer", || {
        screen.xdotool(&["windowactivate", &window.id, "key", "alt+F4"]);
        window.said.recv_timeout(Duration::from_secs(1)).ok()
    });
    assert_eq!(heard, "heard Quit");
    assert_eq!(window.next(), "ended Ok(())");
    let _ = manager.kill();
    let _ = manager.wait();
    Ok(())
}

fn a_display_that_dies_is_outlived() -> Result<(), Missing> {
    let mut screen = Screen::open()?;
    let window = screen.window();
    screen.server.kill().expect("Xvfb is killed");
    assert_eq!(window.next(), "ended Err(Lost)");
    assert_eq!(window.next(), "alive");
    Ok(())
}

fn a_client_that_is_killed_and_a_window_that_is_destroyed_are_outlived() -> Result<(), Missing> {
    let screen = Screen::open()?;
    for by in ["windowkill", "windowclose"] {
        let window = screen.window();
        screen.xdotool(&[by, &window.id]);
        assert_eq!(window.next(), "ended Err(Lost)", "{by}");
        assert_eq!(window.next(), "alive", "{by}");
    }
    Ok(())
}

/// The real binary's demo, in a window and without a terminal.
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

    /// The number of instances in its first launch.
    fn launches(&self) -> Option<usize> {
        wait("launch", || self.event("launched"))["instances"].as_array().map(Vec::len)
    }

    /// Waits for it to end with success. Returns what it has written to stderr.
    fn ends(&mut self) -> String {
        let mut said = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(self.process.wait().unwrap().success(), "{said}");
        said
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A left fist that opens to 2 fingers.
fn show_2(screen: &Screen) {
    screen.xdotool(&["key", "l"]);
    thread::sleep(Duration::from_millis(1500));
    screen.xdotool(&["key", "2"]);
}

/// The first key ends the script; from then on the keys' gestures count.
fn keys_drive_the_demos_hand_until_escape() -> Result<(), Missing> {
    let screen = Screen::open()?;
    let mut demo = Demo::start(&screen);
    show_2(&screen);
    assert_eq!(demo.launches(), Some(2), "the script would have launched 3");
    screen.xdotool(&["key", "n"]);
    thread::sleep(Duration::from_secs(1));
    assert_eq!(demo.process.try_wait().unwrap(), None);
    screen.xdotool(&["key", "Escape"]);
    let said = demo.ends();
    assert!(demo.event("quit").is_some());
    assert!(said.contains("The hand is yours"), "{said}");
    assert_eq!(said.matches("--- ").count(), 2, "the script's other captions are not shown: {said}");
    Ok(())
}

fn a_demo_goes_on_without_its_display_and_ends_where_nobody_can_press_a_key() -> Result<(), Missing> {
    let mut screen = Screen::open()?;
    let mut demo = Demo::start(&screen);
    show_2(&screen);
    wait("hand", || demo.event("gesture"));
    screen.server.kill().expect("Xvfb is killed");
    // The command is still carried out.
    let said = demo.ends();
    assert_eq!(demo.launches(), Some(2));
    assert!(demo.event("in-service").is_some(), "{said}");
    Ok(())
}

fn no_display_is_a_reason_not_an_end() -> Result<(), Missing> {
    if !cfg!(target_os = "linux") {
        return Err(Missing("a display is always there on this system".into()));
    }
    let window = Window::start(None);
    assert!(window.next().starts_with("ended Err(Absent("));
    let window = Window::start(Some(":4242"));
    assert!(window.next().starts_with("ended Err(Absent("));
    Ok(())
}
