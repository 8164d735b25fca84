//! The real binary in a real terminal: quitting in the middle of a drain, in every possible way, and a panic.
#![cfg(unix)]

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use handwave::daemon::keys::Key;
use handwave::view::terminal::{Manner, Terminal};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use serde_json::Value;
use tokio::sync::mpsc::unbounded_channel;

/// Set in the process that a test starts.
const STARTED: &str = "HANDWAVE_TEST_TERMINAL";
const PATIENCE: Duration = Duration::from_secs(60);

/// A process whose stdin and stderr are a terminal of its own.
struct Session {
    process: Child,
    /// The side that types keys.
    keyboard: File,
    terminal: File,
    said: Arc<Mutex<String>>,
}

impl Session {
    fn start(command: &mut Command) -> Session {
        let keyboard = File::from(openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap());
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let path = PathBuf::from(ptsname(&keyboard, Vec::new()).unwrap().into_string().unwrap());
        let terminal = OpenOptions::new().read(true).write(true).open(path).unwrap();
        let end = || Stdio::from(terminal.try_clone().unwrap());
        let process = command.env_remove("DISPLAY").stdin(end()).stderr(end()).stdout(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let (mut screen, heard) = (keyboard.try_clone().unwrap(), said.clone());
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                heard.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Session { process, keyboard, terminal, said }
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        assert!(Command::new("sh").arg("-c").arg(format!("kill -s {name} {pid}")).status().unwrap().success());
    }

    /// Whether the terminal reads keys one by one, without showing them.
    fn is_raw(&self) -> bool {
        !tcgetattr(&self.terminal).unwrap().local_modes.intersects(LocalModes::ICANON | LocalModes::ECHO)
    }

    fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    fn wait(&self, what: &str, there: impl Fn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !there() {
            assert!(Instant::now() < end, "no {what}:\n{}", self.said());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `handwave run` with the puppet: short holds, and long gaps for the sake of slow machines.
struct Run {
    session: Session,
    folder: tempfile::TempDir,
}

impl Run {
    fn start(countdown: u32) -> Run {
        let folder = tempfile::tempdir().unwrap();
        let settings = format!(
            "[camera]\nwidth = 320\nheight = 240\nfps = 15\n[gesture]\nhold_launch = 0.4\nhold_retire = 0.4\n\
             countdown = {countdown}\ngap = 1\ndisarm_gap = 5\n"
        );
        fs::write(folder.path().join("config.toml"), settings).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_handwave"));
        command.args(["run", "--camera", "puppet", "--config"]).arg(folder.path().join("config.toml"));
        command.arg("--events").arg(folder.path().join("events"));
        Run { session: Session::start(&mut command), folder }
    }

    /// Makes a fist of this hand, and opens it to that many fingers once the fist was seen.
    fn show(&mut self, hand: &str, fingers: &str) {
        let side = if hand == "l" { "left" } else { "right" };
        self.session.press(hand);
        self.session.wait("fist", || self.session.said().contains(&format!("{side} fist: now open your fingers")));
        self.session.press(fingers);
    }

    fn events(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.path().join("events")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The ids in all events of this name.
    fn ids(&self, event: &str) -> Vec<String> {
        let events = self.events();
        let of_name = events.iter().filter(|line| line["event"] == event);
        let ids = of_name.flat_map(|line| line["instances"].as_array().unwrap());
        ids.map(|id| id.as_str().unwrap().to_owned()).collect()
    }

    fn has(&self, event: &str) -> bool {
        self.events().iter().any(|line| line["event"] == event)
    }

    /// Waits for the end, which must come soon, with success, and leave the terminal as it was. Returns stdout.
    fn ends(&mut self) -> String {
        let began = Instant::now();
        let mut stdout = String::new();
        self.session.process.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        let status = self.session.process.wait().unwrap();
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        // The terminal's last bytes may still be on their way to the thread that reads them.
        self.session.wait("the last lines", || self.session.said().contains("| Quitting |"));
        let said = self.session.said();
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(!self.session.is_raw());
        assert!(self.has("quit"), "{said}");
        assert!(!said.contains("onnxruntime"), "{said}");
        stdout
    }
}

#[test]
fn every_way_to_quit_leaves_a_drain_to_the_tags_and_says_so() {
    let quit = |way: &str| {
        let mut run = Run::start(1);
        run.session.wait("terminal", || run.session.is_raw());
        run.show("l", "2");
        run.session.wait("launch", || !run.ids("launched").is_empty());
        run.session.press("n");
        run.session.wait("service", || run.ids("in-service").len() == 2);
        run.show("r", "1");
        run.session.wait("drain", || run.has("deregistered"));
        match way {
            "INT" | "TERM" => run.session.signal(way),
            key => run.session.press(key),
        }
        let stdout = run.ends();
        let retired = run.ids("retiring");
        assert!(
            stdout.contains(&format!("Left under way: 1 draining ({}). It ends with", retired[0])),
            "{way:?}: {stdout}"
        );
        assert_eq!((retired.len(), run.has("terminated")), (1, false), "{way:?}");
    };
    // Two at a time: each reads hands as they come, and two cores must keep up.
    for ways in ["\x1b", "q", "\x03", "INT", "TERM"].chunks(2) {
        thread::scope(|scope| {
            for way in ways {
                scope.spawn(move || quit(way));
            }
        });
    }
}

#[test]
fn a_command_whose_wait_is_cut_off_is_no_success() {
    let mut session = Session::start(Command::new(env!("CARGO_BIN_EXE_handwave")).args(["fleet", "out", "1"]));
    session.wait("launch", || session.said().contains("Launched i-"));
    session.signal("TERM");
    assert_eq!(session.process.wait().unwrap().code(), Some(1));
    session.wait("remedy", || session.said().contains("`handwave fleet settle` completes what is half done"));
}

#[test]
fn quitting_takes_a_countdown_back() {
    let mut run = Run::start(60);
    run.session.wait("terminal", || run.session.is_raw());
    run.show("r", "2");
    run.session.wait("countdown", || run.has("gesture"));
    run.session.press("\x1b");
    let stdout = run.ends();
    let events = run.events();
    let taken_back = events.iter().find(|line| line["event"] == "taken-back").expect("the gesture is taken back");
    assert_eq!(taken_back["reason"], "handwave was quitting");
    assert!(!run.has("command") && !stdout.contains("Left under way"), "{stdout}");
}

/// The process that the next test starts: it panics at a key, and ends without cleaning up.
#[test]
#[ignore = "another test starts this one"]
fn a_panic() {
    if std::env::var_os(STARTED).is_none() {
        return;
    }
    let (keys_in, mut keys) = unbounded_channel();
    let terminal = Terminal::new(Manner::Full);
    let _raw_mode = terminal.keys(keys_in);
    terminal.live("a live line");
    assert_eq!(keys.blocking_recv(), Some(Key::Pause));
    let _ = thread::spawn(|| panic!("told to")).join();
    std::process::abort();
}

#[test]
fn a_panic_restores_the_terminal() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let mut session =
        Session::start(command.args(["--exact", "a_panic", "--ignored", "--nocapture"]).env(STARTED, "1"));
    session.wait("live line", || session.is_raw() && session.said().contains("a live line"));
    session.press("p");
    session.wait("panic", || session.said().contains("told to"));
    session.process.wait().unwrap();
    assert!(!session.is_raw());
    let said = session.said();
    let (_, after) = said.split_once("a live line").unwrap();
    assert!(after.starts_with("\x1b[1G\x1b[2K"), "the panic's message does not run into the live line: {after:?}");
}

/// util-linux's `setsid` makes the terminal the process's own, as a shell does.
#[test]
#[cfg(all(feature = "remote", target_os = "linux"))]
fn a_password_is_asked_twice_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.toml"), "[web]\nusers = \"users.toml\"\n").unwrap();
    let add = |name: &str, first: &str, second: &str| {
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait", env!("CARGO_BIN_EXE_handwave"), "web", "user", "add", name]);
        command.args(["--role", "viewer", "--config", "config.toml"]).current_dir(folder.path());
        let mut session = Session::start(&mut command);
        session.wait("first question", || session.said().contains("Password for "));
        session.press(&format!("{first}\n"));
        session.wait("second question", || session.said().contains("The same again: "));
        session.press(&format!("{second}\n"));
        let succeeded = session.process.wait().unwrap().success();
        assert!(!session.said().contains("horse"), "{}", session.said());
        (succeeded, session)
    };
    let (succeeded, session) = add("anna", "correct horse battery", "correct horse baterry");
    assert!(!succeeded);
    session.wait("reason", || session.said().contains("the two passwords differ: nobody was added"));
    assert!(!folder.path().join("users.toml").exists());
    assert!(add("anna", "correct horse battery", "correct horse battery").0);
    assert!(fs::read_to_string(folder.path().join("users.toml")).unwrap().contains("[anna]"));
}
