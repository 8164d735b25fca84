//! `handwave serve`, the real binary on a simulated fleet. In: what its config.toml says. Out: its address, and people
//! who are signed in.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};
use std::{fs, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::Request;

pub struct Server {
    pub address: SocketAddr,
    pub child: Child,
    /// The sign-in token that it printed; empty where there is none.
    pub token: String,
    /// Its runtime and state folders, and its events.
    pub folder: TempDir,
}

/// The binary with folders of its own, so that tests never meet.
pub fn handwave(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handwave"));
    command
        .args(args)
        .current_dir(folder)
        .env_remove("RUST_LOG")
        .env("XDG_RUNTIME_DIR", folder)
        .env("XDG_STATE_HOME", folder.join("state"));
    command
}

impl Server {
    pub fn start() -> Server {
        Server::with(tempfile::tempdir().unwrap(), "")
    }

    /// Starts one with these settings of `[web]`, in a folder where what they name may be.
    pub fn with(folder: TempDir, web: &str) -> Server {
        let listen = if web.contains("listen") { "" } else { "listen = \"127.0.0.1:0\"\n" };
        let config = format!("[fleet]\nname = \"shop\"\nmin = 1\nmax = 5\n[web]\n{listen}{web}");
        fs::write(folder.path().join("config.toml"), config).unwrap();
        Server::again(folder)
    }

    /// Starts one in the folder of another.
    pub fn again(folder: TempDir) -> Server {
        let args = ["serve", "--events", "events.jsonl", "--config", "config.toml"];
        let mut child = handwave(folder.path(), &args).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let (tell, told) = channel();
        let stderr = child.stderr.take().unwrap();
        thread::spawn(move || {
            BufReader::new(stderr).lines().map_while(Result::ok).for_each(|line| drop(tell.send(line)))
        });
        let page = loop {
            let line = told.recv_timeout(Duration::from_secs(30)).expect("it prints its address");
            if let Some((_, page)) = line.split_once("://") {
                break page.to_owned();
            }
        };
        let (place, token) = page.split_once('/').unwrap();
        let port = place.rsplit(':').next().unwrap().parse().unwrap();
        let token = token.trim_start_matches("#sign-in=").to_owned();
        Server { address: SocketAddr::from(([127, 0, 0, 1], port)), child, token, folder }
    }

    /// Stops it as a service manager does, and gives its folder back.
    #[cfg(unix)]
    pub fn stop(mut self) -> TempDir {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    /// A new link's token, by `handwave web link`.
    pub fn link(&self, role: &str) -> String {
        let address = self.address.to_string();
        let output = handwave(self.folder.path(), &["web", "link", &address, "--role", role]).output().unwrap();
        let link = String::from_utf8_lossy(&output.stdout);
        link.trim().split_once("/#sign-in=").unwrap_or_else(|| panic!("{output:?}")).1.to_owned()
    }

    /// Somebody's cookie.
    pub fn sign_in(&self, role: &str) -> String {
        let answer = self.sign_in_by(&self.link(role));
        assert_eq!(answer.status, 200, "{answer:?}");
        cookie(&answer)
    }

    pub fn sign_in_by(&self, token: &str) -> crate::http::Answer {
        Request::post("/api/v1/session", &json!({"link": token}).to_string()).send(self.address)
    }

    /// Adds a user to web.users.
    pub fn add_user(&self, name: &str, role: &str, password: &str) {
        add_user(self.folder.path(), name, role, password);
    }

    /// Signs in by a name and a password.
    pub fn sign_in_as(&self, name: &str, password: &str) -> crate::http::Answer {
        by_password(name, password).send(self.address)
    }

    /// The fleet, seen by this person.
    pub fn fleet(&self, by: &str) -> Value {
        Request::get("/api/v1/fleet").by(by).send(self.address).json()
    }

    /// Waits until the fleet is so.
    pub fn wait(&self, by: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let fleet = self.fleet(by);
            if is_so(&fleet) {
                return fleet;
            }
            assert!(began.elapsed() < Duration::from_secs(40), "{what} does not come: {fleet:#}");
            sleep(Duration::from_millis(100));
        }
    }

    /// Launches so many, waits until they are in service, and answers their ids, oldest first.
    pub fn launch(&self, by: &str, count: usize) -> Vec<String> {
        let fleet = self.wait(by, "the first look", |fleet| fleet["seen"] == true);
        let seen = fleet["count"].as_u64().unwrap() as usize;
        let wish = json!({"action": "scale-out", "id": id(), "fleet": "shop", "count": count, "seen": seen});
        let answer = self.command(by, &wish);
        assert_eq!(answer.status, 200, "{answer:?}");
        let all = seen + count;
        let serves = |fleet: &Value| {
            let members = fleet["instances"].as_array().unwrap();
            members.iter().filter(|of| of["lifecycle"] == "in service").count() == all && fleet["settled"] == true
        };
        let fleet = self.wait(by, "the launch", serves);
        fleet["instances"].as_array().unwrap().iter().map(|of| of["id"].as_str().unwrap().to_owned()).collect()
    }

    pub fn command(&self, by: &str, wish: &Value) -> crate::http::Answer {
        Request::post("/api/v1/commands", &wish.to_string()).by(by).send(self.address)
    }

    /// What is in the audit file.
    pub fn audit(&self) -> String {
        fs::read_to_string(self.folder.path().join("events.jsonl")).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Adds a user to the web.users of a folder's config.toml, as a script does.
pub fn add_user(folder: &Path, name: &str, role: &str, password: &str) {
    let args = ["web", "user", "add", name, "--role", role, "--config", "config.toml"];
    let output = typed(folder, &args, password);
    assert!(output.status.success(), "{output:?}");
}

/// Runs handwave with this on its standard input.
pub fn typed(folder: &Path, args: &[&str], text: &str) -> std::process::Output {
    let pipe = || Stdio::piped();
    let mut child = handwave(folder, args).stdin(pipe()).stdout(pipe()).stderr(pipe()).spawn().unwrap();
    // One that refuses its arguments reads nothing.
    let _ = child.stdin.take().unwrap().write_all(format!("{text}\n").as_bytes());
    child.wait_with_output().unwrap()
}

/// A sign-in by name and password.
pub fn by_password(name: &str, password: &str) -> Request {
    Request::post("/api/v1/session", &json!({"name": name, "password": password}).to_string())
}

/// The cookie that an answer sets.
pub fn cookie(answer: &crate::http::Answer) -> String {
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

/// A command's id.
pub fn id() -> String {
    handwave::command::Command::new(
        handwave::command::Source::CommandLine { user: None },
        handwave::command::Action::ScaleOut(1),
    )
    .id
    .0
}
