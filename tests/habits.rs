//! What people expect of any command line: completions, a man page, help with examples, quiet, verbose, JSON logs, no
//! colours where none are wanted, and the nearest name for a misspelt one.

use std::process::{Command, Output};

fn handwave(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handwave"));
    command.args(args).env_remove("RUST_LOG");
    command
}

fn said(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (status, out, err) = said(&mut handwave(&["completions", shell]));
        assert_eq!((status, err.as_str()), (0, ""), "{shell}");
        assert!(out.contains("balancer") && out.contains("annotate"), "{shell}: {out}");
    }
    let (_, script, _) = said(&mut handwave(&["completions", "bash"]));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("completions.bash");
    std::fs::write(&file, script).unwrap();
    // This is how bash asks for completions.
    let asked =
        "source \"$0\"; COMP_WORDS=(handwave fl); COMP_CWORD=1; _handwave handwave fl handwave; echo ${COMPREPLY[@]}";
    let (_, out, err) = said(Command::new("bash").args(["-c", asked]).arg(&file));
    assert_eq!(out.trim(), "fleet", "{err}");
}

#[test]
fn there_is_a_man_page_for_every_command() {
    let (status, page, _) = said(&mut handwave(&["man"]));
    assert_eq!(status, 0);
    assert!(page.starts_with(".ie") && page.contains(".TH handwave 1") && page.contains("doctor"), "{page}");
    let folder = tempfile::tempdir().unwrap();
    let (status, _, err) = said(&mut handwave(&["man", folder.path().join("man1").to_str().unwrap()]));
    assert_eq!(status, 0, "{err}");
    for page in ["handwave.1", "handwave-run.1", "handwave-fleet-out.1"] {
        assert!(folder.path().join("man1").join(page).is_file(), "{page}");
    }
    let (status, _, err) = said(&mut handwave(&["man", "/dev/null/man1"]));
    assert_eq!((status, err.lines().count()), (1, 1));
    assert!(err.contains("cannot write the pages into /dev/null/man1"), "{err}");
}

#[test]
fn help_has_examples() {
    let of_the_page: &[&str] = if cfg!(feature = "web") { &["serve", "web"] } else { &[] };
    for command in ["run", "demo", "count", "fleet", "balancer", "doctor", "policy", "completions", "man"]
        .iter()
        .chain(of_the_page)
    {
        let (status, out, _) = said(&mut handwave(&[command, "--help"]));
        assert_eq!(status, 0);
        assert!(out.contains("Example") && out.contains(&format!("  handwave {command}")), "{command}: {out}");
    }
}

#[test]
fn what_is_misspelt_is_answered_with_the_nearest_name() {
    for (args, nearest) in [
        (&["flete"][..], "'fleet'"),
        (&["run", "--headles"], "'--headless'"),
        (&["count", "a.jpg", "--format", "jsn"], "'json'"),
    ] {
        let (status, _, err) = said(&mut handwave(args));
        assert_eq!(status, 2);
        assert!(err.contains("similar") && err.contains(nearest), "{err}");
    }
}

/// A dry run of a launch, which logs its steps.
const LAUNCH: [&str; 3] = ["fleet", "out", "1"];

#[test]
fn quiet_says_what_must_be_known_and_verbose_says_more() {
    let (status, _, full) = said(&mut handwave(&LAUNCH));
    assert_eq!(status, 0);
    assert!(full.contains("A dry run") && full.contains("Launched"), "{full}");
    let (status, out, quiet) = said(handwave(&LAUNCH).arg("-q"));
    assert_eq!(status, 0);
    assert!(quiet.contains("A dry run") && !quiet.contains("Launched") && out.contains("done:"), "{quiet}{out}");
    let (_, _, verbose) = said(handwave(&LAUNCH).arg("-v"));
    assert!(verbose.contains("settings from") && !full.contains("settings from"), "{verbose}");
}

#[test]
fn logs_are_json_where_that_is_asked_for() {
    let (status, _, err) = said(handwave(&LAUNCH).args(["-v", "--log-format", "json"]));
    assert_eq!(status, 0);
    let lines: Vec<serde_json::Value> = err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let has = |words: &str| lines.iter().any(|line| line["message"].as_str().unwrap().contains(words));
    assert!(has("settings from") && has("Launched"), "{err}");
    assert!(lines.iter().all(|line| line["timestamp"].is_string() && line["level"] == "INFO"), "{err}");
    let (status, _, err) = said(&mut handwave(&["--log-format", "json", "run", "--camera", "nothing.mp4"]));
    assert_eq!(status, 1);
    let line: serde_json::Value = serde_json::from_str(err.trim()).unwrap();
    assert_eq!(line["level"], "ERROR");
    assert!(line["message"].as_str().unwrap().contains("cannot read nothing.mp4"), "{line}");
}

#[test]
fn a_pipe_gets_no_colours() {
    let (_, _, err) = said(handwave(&LAUNCH).arg("-vv"));
    assert!(!err.contains('\x1b'), "{err:?}");
}
