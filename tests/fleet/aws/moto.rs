//! moto, started once for each group of tests: it is slow, serves one request at a time, and searches all that it
//! holds. In: the folder that `make test` installed it into. Out: its address.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex};

/// Where the group's moto listens. It ends when this process does, however that ends: the pipe to it closes.
pub fn address(group: &str) -> SocketAddr {
    static MOTOS: LazyLock<Mutex<HashMap<String, (SocketAddr, Child)>>> = LazyLock::new(Default::default);
    MOTOS.lock().unwrap().entry(group.to_owned()).or_insert_with(start).0
}

fn start() -> (SocketAddr, Child) {
    let (port, child) = script("stand_in.py", &[]);
    (SocketAddr::from(([127, 0, 0, 1], port)), child)
}

/// Runs a script of this folder with moto's libraries, which says the port that it listens on and ends when its
/// standard input closes.
pub fn script(name: &str, args: &[&str]) -> (u16, Child) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Nothing to do after `make test`; this is for a run of cargo alone.
    let fetched = Command::new("sh").arg(root.join("tests/fetch-moto.sh")).status().expect("sh starts");
    assert!(fetched.success(), "moto is not to be had; fetch-moto.sh has said why");
    let mut child = Command::new("python3")
        .env("PYTHONPATH", root.join(".deps/moto"))
        .arg(root.join("tests/fleet/aws").join(name))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("python3 starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (line.trim().parse().expect("it says its port"), child)
}
