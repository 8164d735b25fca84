//! A fleet of real workers follows its queue, by the real handwave: the short form of `make elastic`. In: both
//! binaries, moto. Out: ten pictures are answered rightly and once, by machines that come and go, none interrupted.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

#[test]
fn the_fleet_grows_with_its_queue_and_shrinks_to_none_without_interrupting_anybody() {
    let recognizer = Path::new(env!("CARGO_BIN_EXE_recognizer"));
    let Some(handwave) = handwave(recognizer) else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let fetched = Command::new("sh").arg(root.join("tests/fetch-moto.sh")).status().expect("sh starts");
    assert!(fetched.success(), "moto is not to be had; fetch-moto.sh has said why");
    let run = Command::new("python3")
        .env("PYTHONPATH", root.join(".deps/moto"))
        .arg(root.join("tests/elastic.py"))
        .args([Path::new("--short"), Path::new("--bin"), handwave.parent().unwrap()])
        .output()
        .expect("python3 starts");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let told: Value = serde_json::from_slice(&run.stdout).unwrap();
    // The first look may find a part of the ten.
    assert!(told["most"].as_u64() > Some(2), "{told}");
    assert_eq!(told["powered_off"], told["started"], "{told}");
}

/// handwave's binary beside this one's, with all that it takes. Says why where it is not there.
fn handwave(recognizer: &Path) -> Option<PathBuf> {
    let handwave = recognizer.with_file_name("handwave");
    // Without an environment there is no region, so that nothing is asked of AWS.
    let said = |args: &[&str]| match Command::new(&handwave).args(args).env_clear().output() {
        Ok(run) => String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned(),
        Err(error) => error.to_string(),
    };
    let missing = if !handwave.is_file() {
        "handwave is not built"
    } else if !said(&["--help"]).contains("serve") {
        "handwave is built without the feature web"
    } else if said(&["fleet", "status", "--live", "--config", "/dev/null"]).contains("cannot reach AWS") {
        "handwave is built without the feature aws"
    } else {
        return Some(handwave);
    };
    eprintln!("skipped: {missing}; `cargo test --workspace` builds it with both");
    None
}
