//! How a page begins and ends: its address, its link, and what it keeps.

use std::net::TcpListener;

use crate::http::Request;
use crate::server::{Server, cookie, handwave};

fn said(args: &[&str]) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let output = handwave(folder.path(), args).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn an_address_that_others_reach_or_have_is_refused_in_a_sentence() {
    let (status, err) = said(&["serve", "0.0.0.0:8470"]);
    assert_eq!((status, err.lines().count()), (1, 1), "{err}");
    assert!(err.contains("set web.users") && err.contains("ssh -L 8470:127.0.0.1:8470"), "{err}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (status, err) = said(&["serve", &address]);
    assert_eq!((status, err.lines().count()), (1, 1), "{err}");
    assert!(err.contains(&format!("cannot serve the page at {address}")), "{err}");
    let (status, err) = said(&["serve", "8470"]);
    assert_eq!(status, 2);
    assert!(err.contains("write an IP address and a port"), "{err}");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    std::fs::write(&config, "[web]\nlisten = \"0.0.0.0:80\"\n").unwrap();
    let (status, err) = said(&["serve", "--config", config.to_str().unwrap()]);
    assert_eq!(status, 1);
    assert!(err.contains("config.toml, line 2: `web.listen` is 0.0.0.0:80") && err.contains("ssh -L"), "{err}");
}

#[test]
fn a_link_to_a_page_that_is_not_served_is_none() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (status, err) = said(&["web", "link", &free]);
    assert_eq!((status, err.contains("no page is served at")), (1, true), "{err}");
    let (status, err) = said(&["web", "link", "127.0.0.1:0"]);
    assert_eq!((status, err.contains("which page?")), (1, true), "{err}");
}

#[test]
#[cfg(unix)]
fn a_restart_signs_everybody_out_and_keeps_the_chart() {
    let server = Server::start();
    let by = server.sign_in("operator");
    server.launch(&by, 1);
    let points = |server: &Server, by: &str| {
        let answer = Request::get("/api/v1/charts/instances").by(by).send(server.address);
        answer.json().as_array().unwrap().clone()
    };
    let before = points(&server, &by);
    assert!(before.iter().any(|point| point[1] == 1), "{before:?}");
    let unused = server.link("operator");
    let began = std::time::Instant::now();
    let server = Server::again(server.stop());
    println!("stopped and started within {:?}", began.elapsed());
    assert_eq!(Request::get("/api/v1/fleet").by(&by).send(server.address).status, 401);
    let answer = server.sign_in_by(&server.token);
    let after = points(&server, &cookie(&answer));
    assert_eq!(after[..before.len()], before, "{after:?}");
    // Ports differ, and links are a port's.
    assert_eq!(server.sign_in_by(&unused).status, 401);
}

#[test]
#[cfg(unix)]
fn quitting_is_quick_with_a_page_that_is_open() {
    let server = Server::start();
    let by = server.sign_in("viewer");
    let _open = Request::get("/api/v1/stream").by(&by).open(server.address);
    let began = std::time::Instant::now();
    server.stop();
    assert!(began.elapsed().as_secs() < 4, "{:?}", began.elapsed());
}
