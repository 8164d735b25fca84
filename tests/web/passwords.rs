//! Users by password: the file and the tool that changes it, the sign-in, and what slows guesses.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::http::{Request, event, head};
use crate::server::{Server, add_user, cookie, typed};

const GOOD: &str = "correct horse battery staple";
const WRONG: &str = "incorrect horse battery staple";

/// A server with users: anna acts, ben looks.
fn server() -> Server {
    let folder = tempfile::tempdir().unwrap();
    let web = "users = \"users.toml\"\n";
    fs::write(folder.path().join("config.toml"), format!("[web]\n{web}")).unwrap();
    add_user(folder.path(), "anna", "operator", GOOD);
    add_user(folder.path(), "ben", "viewer", GOOD);
    Server::with(folder, web)
}

/// Waits until something is so: a changed file counts within a second.
fn soon(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(10), "{what} does not come");
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_tool_adds_lists_and_removes_and_refuses_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    let run = |args: &[&str], text: &str| {
        let output = typed(folder.path(), &[&["web", "user"], args].concat(), text);
        let said = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), said(output.stdout), said(output.stderr))
    };
    let refused = |args: &[&str], text: &str, says: &str| {
        let (status, out, err) = run(args, text);
        assert_eq!((status, out.as_str(), err.lines().count()), (1, "", 1), "{err}");
        assert!(err.contains(says) && !err.contains(WRONG), "{err}");
    };
    refused(&["list"], "", "set web.users in config.toml");
    fs::write(&config, "[web]\nusers = \"private/users.toml\"\n").unwrap();
    assert_eq!(run(&["list"], ""), (0, String::new(), String::new()));
    assert!(run(&["add", "anna", "--role", "operator"], GOOD).1.contains("Added anna as operator"));
    assert!(run(&["add", "ben", "--role", "viewer"], &format!("{GOOD}\r")).0 == 0);
    assert_eq!(run(&["list"], "").1, "anna\toperator\nben\tviewer\n");
    refused(&["add", "anna", "--role", "viewer"], WRONG, "there is a user anna already");
    refused(&["add", "Ben", "--role", "viewer"], WRONG, "there is a user ben already");
    refused(&["add", "a b", "--role", "viewer"], WRONG, "\"a b\" is no user's name");
    refused(&["add", "carl", "--role", "viewer"], "too short", "the password has 9 characters: take 15 at least");
    refused(&["remove", "carl"], "", "there is no user carl");
    assert_eq!(run(&["add", "carl", "--role", "boss"], WRONG).0, 2);
    let file = folder.path().join("private/users.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains(GOOD) && text.matches("$argon2id$").count() == 2, "{text}");
    assert_eq!(run(&["remove", "anna"], "").0, 0);
    assert_eq!(run(&["list"], "").1, "ben\tviewer\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        refused(&["list"], "", "chmod 600 private/users.toml");
        // Nor does a page begin with it.
        let output = typed(folder.path(), &["serve", "127.0.0.1:0"], "");
        assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("chmod 600"));
    }
}

#[test]
fn a_name_and_its_password_sign_in_and_what_is_wrong_is_not_told() {
    let server = server();
    let answer = server.sign_in_as("anna", GOOD);
    assert_eq!((answer.status, answer.json()), (200, json!({"user": "anna", "role": "operator"})));
    let by = cookie(&answer);
    let who = Request::get("/api/v1/session").by(&by).send(server.address).json();
    assert_eq!(
        who,
        json!({"person": {"user": "anna", "role": "operator"}, "links": true, "passwords": true, "provider": null})
    );
    assert_eq!(server.sign_in_as("ben", GOOD).json()["role"], "viewer");

    let [wrong, unknown] = [server.sign_in_as("anna", WRONG), server.sign_in_as(WRONG, GOOD)];
    assert_eq!((wrong.status, &wrong.body), (401, &unknown.body));
    assert_eq!(wrong.error(), "the name or the password is wrong");
    for text in ["{}", r#"{"name": "anna"}"#, r#"{"name": "anna", "password": "x", "link": "y"}"#] {
        let answer = Request::post("/api/v1/session", text).send(server.address);
        assert_eq!(answer.status, 422);
        assert!(answer.error().contains("either a link's token, or a name and a password"), "{answer:?}");
    }
    let audit = server.audit();
    for part in [
        r#""event":"signed-in","user":"anna","role":"operator","address":"127.0.0.1","by":"password""#,
        r#""event":"sign-in-failed","reason":"a wrong password for anna","address":"127.0.0.1""#,
        r#""event":"sign-in-failed","reason":"a name that nobody has","address":"127.0.0.1""#,
    ] {
        assert!(audit.contains(part), "{part} is not in {audit}");
    }
    assert!(!audit.contains(GOOD) && !audit.contains(WRONG), "{audit}");
}

#[test]
fn an_unknown_name_takes_as_long_as_a_known_one() {
    let server = server();
    let took = |name: &str| {
        let began = Instant::now();
        assert_eq!(server.sign_in_as(name, WRONG).status, 401);
        began.elapsed()
    };
    // The shortest of two each: what else this machine does only adds to them.
    let [known, unknown] = ["anna", "nobody"].map(|name| took(name).min(took(name)));
    println!("{known:?} for a known name, {unknown:?} for an unknown one");
    let apart = known.max(unknown).as_secs_f64() / known.min(unknown).as_secs_f64();
    assert!(known > Duration::from_millis(5) && apart < 2.0, "{known:?}, {unknown:?}");
}

#[test]
fn guesses_wait_and_the_answer_says_how_long() {
    let server = server();
    let statuses: Vec<u16> = (0..7).map(|_| server.sign_in_as("anna", WRONG).status).collect();
    assert_eq!(statuses[..5], [401; 5]);
    let answer = server.sign_in_as("ben", GOOD);
    assert_eq!(answer.status, 429, "one address waits for all names: {statuses:?}");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=2).contains(&wait) && answer.error().contains("try again in"), "{answer:?}");
    assert_eq!(
        server.audit().matches("sign-in-failed").count(),
        statuses.iter().filter(|status| **status == 401).count()
    );
    sleep(Duration::from_secs(wait) + Duration::from_millis(50));
    assert_eq!(server.sign_in_as("ben", GOOD).status, 200);
}

#[test]
fn who_is_removed_or_gets_another_role_is_signed_out_with_their_streams() {
    let server = server();
    let [anna, ben] = ["anna", "ben"].map(|name| cookie(&server.sign_in_as(name, GOOD)));
    let link = server.sign_in("operator");
    let mut stream = Request::get("/api/v1/stream").by(&anna).open(server.address);
    assert_eq!(head(&mut stream).status, 200);
    let status = |by: &str| Request::get("/api/v1/fleet").by(by).send(server.address).status;

    assert!(typed(server.folder.path(), &["web", "user", "remove", "anna"], "").status.success());
    soon("the end of anna's session", || status(&anna) == 401);
    let last = std::iter::from_fn(|| event(&mut stream)).last().unwrap();
    assert_eq!((last.name.as_str(), last.data.as_str()), ("end", "signed-out"));
    assert_eq!((status(&ben), status(&link)), (200, 200), "others stay");
    assert_eq!(server.sign_in_as("anna", GOOD).status, 401);
    assert!(server.audit().contains(r#""event":"signed-out","user":"anna""#));

    let path = server.folder.path().join("users.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("viewer", "operator")).unwrap();
    soon("the end of ben's session", || status(&ben) == 401);
    assert_eq!(server.sign_in_as("ben", GOOD).json()["role"], "operator");

    // A user who comes is there at once, and a broken file lets nobody in.
    server.add_user("carl", "viewer", GOOD);
    soon("carl", || server.sign_in_as("carl", GOOD).status == 200);
    fs::write(&path, "broken").unwrap();
    soon("the end of carl", || server.sign_in_as("carl", GOOD).status == 401);
    assert_eq!(status(&link), 200);
}
