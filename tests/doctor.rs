//! `handwave doctor` on this machine: every row has its verdict, and a failed one its remedy.

use std::fs;
use std::process::Command;

/// Exit status and what was printed.
fn doctor(args: &[&str]) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_handwave"));
    command.arg("doctor").args(args).current_dir(&folder).env("HOME", folder.path()).env_remove("XDG_CONFIG_HOME");
    let output = command.env_remove("DISPLAY").output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[track_caller]
fn has(out: &str, row: &str) {
    let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(out.lines().any(|line| squeezed(line).starts_with(row)), "{row:?} is missing in\n{out}");
}

#[test]
fn a_machine_that_is_ready_is_told_so() {
    let (status, out) = doctor(&["--camera", "puppet", "--interactive"]);
    assert_eq!(status, 0, "{out}");
    let display = match cfg!(feature = "window") {
        true => "warning display no window can be opened",
        false => "warning display this handwave was built without its feature `window`",
    };
    for row in [
        "ok settings the built-in settings",
        "ok runtime ONNX Runtime",
        "ok camera puppet: 640x480",
        "ok mirrored false: a raised left hand is read as a left one",
        display,
    ] {
        has(&out, row);
    }
    assert!(out.contains("sha256 as shipped"), "{out}");
}

#[test]
fn a_mirror_that_is_set_wrongly_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mirrored.toml");
    fs::write(&path, "[camera]\nmirrored = true\n").unwrap();
    let (status, out) = doctor(&["--camera", "puppet", "--interactive", "--config", path.to_str().unwrap()]);
    assert_eq!(status, 1, "{out}");
    has(&out, "failed mirrored true, but a raised left hand is read as a right one");
    has(&out, "-> set mirrored = false in config.toml's [camera]");
}

#[test]
fn what_fails_is_named_and_the_rest_is_checked_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.toml");
    fs::write(&path, "[camera]\nsuorce = \"0\"\n").unwrap();
    let config = path.to_str().unwrap();
    let models = folder.path().to_str().unwrap();
    let (status, out) = doctor(&["--camera", "nothing.mp4", "--config", config, "--models", models]);
    assert_eq!(status, 1, "{out}");
    has(&out, &format!("failed settings {config}, line 2:"));
    has(&out, "failed models cannot read the model");
    has(&out, "failed camera cannot read nothing.mp4");
    has(&out, "unknown mirrored not asked, as there is no camera");
}
