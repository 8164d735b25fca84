//! A handwave that was built without a part of the page refuses what needs that part, in a sentence that says what to
//! do.
#![cfg(all(feature = "web", not(feature = "remote")))]

use std::fs;
use std::process::Command;

#[test]
fn what_was_not_built_is_named_with_the_feature_that_has_it() {
    let folder = tempfile::tempdir().unwrap();
    for (web, args, says) in [
        (
            "users = \"users.toml\"",
            "serve 127.0.0.1:0",
            "`web.users` is set, but this handwave was built without passwords",
        ),
        (
            "certificate = \"c.pem\"\nkey = \"k.pem\"",
            "serve 127.0.0.1:0",
            "`web.certificate` is set, but this handwave",
        ),
        ("users = \"users.toml\"", "web user add anna --role viewer", "`web.users` cannot be changed: this handwave"),
    ] {
        fs::write(folder.path().join("config.toml"), format!("[web]\n{web}\n")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_handwave"));
        let output = command.args(args.split(' ')).current_dir(folder.path()).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), err.lines().count()), (Some(1), 1), "{args}: {err}");
        assert!(err.contains(says), "{err}");
    }
}
