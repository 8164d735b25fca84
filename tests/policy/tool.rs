//! `handwave policy try` and `explain` as a person runs them: the real binary.

use std::io::Write;
use std::process::{Command, Stdio};

/// Exit status, standard output and standard error.
fn said(args: &[&str], input: &str) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_handwave"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A child that does not read its input has ended, and says why.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn decisions_are_printed_with_their_reasons() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "# a rush\nqueue 40 1 0 on 2 for 2m -> out to 5\n").unwrap();
    let expected = "0s out to 5: queue: 40 visible, 1 in flight, 0 delayed\n\
                    1m hold at 5: queue: 40 visible, 1 in flight, 0 delayed\n";
    let (status, out, err) = said(&["policy", "try", file.path().to_str().unwrap()], "");
    assert_eq!((status, out.as_str(), err.as_str()), (0, expected, ""));
}

#[test]
fn what_does_not_hold_is_one_sentence_and_status_1() {
    let wrong = said(&["policy", "try", "-"], "queue 40 1 0 on 2 for 1m -> hold\n");
    let expected = "handwave: -: line 1, `queue 40 1 0 on 2 for 1m -> hold`: `hold` did not come of it, but: \
                    0s out to 5: queue: 40 visible, 1 in flight, 0 delayed\n";
    assert_eq!(wrong, (1, String::new(), expected.to_owned()));
    let (status, _, err) = said(&["policy", "try", "/nowhere/steps.txt"], "");
    assert_eq!((status, err.lines().count()), (1, 1));
    assert!(err.contains("cannot read /nowhere/steps.txt; name a file of text"), "{err}");
}

#[test]
fn what_a_policy_would_do_is_explained_once_and_changes_nothing() {
    let (status, out, err) = said(&["policy", "explain"], "");
    assert_eq!(status, 0, "{err}");
    assert_eq!(
        out,
        "fleet: 5 instances (1 to 5): 5 in service\n\
         cpu: the mean of 5 is 24 %, target 60 %: 2 needed\n\
         queue: 0 visible, 0 in flight, 0 delayed: 0 needed\n\
         a policy that begins now: hold at 5: cpu: the mean of 5 is 24 %, target 60 %; queue: 0 visible, 0 in flight, \
         0 delayed: 0 % of the window is known, of 80 %\n"
    );
    assert!(err.contains("policy.follow is empty") && err.contains("A dry run"), "{err}");
}
