//! The page in a real browser: `node --test` drives chromium against the real binary, moto and the real model. What is
//! tested stands in page.test.js. Skipped where node, chromium or their tools are missing.

#[path = "../../../tests/optional/mod.rs"]
mod optional;
#[path = "../stage/mod.rs"]
mod stage;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use optional::Missing;
use stage::{Stage, golden};

fn main() {
    optional::run(optional::trials![the_page_in_a_browser]);
}

fn the_page_in_a_browser() -> Result<(), Missing> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tools = root.join("../.deps/browser");
    let node = on_path(&["node"]).ok_or_else(|| Missing("node is missing (Debian: apt-get install nodejs)".into()))?;
    let browsers = ["chromium", "chromium-browser", "google-chrome"];
    let chromium =
        on_path(&browsers).ok_or_else(|| Missing("chromium is missing (Debian: apt-get install chromium)".into()))?;
    if !tools.join("stamp").is_file() {
        return Err(Missing("the browser tests' tools are missing: sh tests/fetch-browser.sh".into()));
    }
    let stage = Stage::new("browser", "30s");
    let mut tests = Command::new(node);
    tests.args(["--test", "--test-reporter=spec"]).arg(root.join("tests/browser/page.test.js"));
    tests.env("TOOLS", tools.canonicalize().unwrap()).env("CHROMIUM", chromium).env("PICTURES_FOLDER", golden());
    tests.env("RECOGNIZER", env!("CARGO_BIN_EXE_recognizer"));
    // The stage's places, for the processes that the script starts.
    for (name, value) in stage.command(&[]).get_envs() {
        tests.env(name, value.unwrap());
    }
    assert!(tests.status().unwrap().success(), "the page is not as it should be: see above");
    Ok(())
}

/// The first of these programs that is there.
fn on_path(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    names.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file()))
}
