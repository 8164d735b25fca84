//! What commands from the page do: once, and only to what was shown.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::http::Request;
use crate::server::{Server, id};

#[test]
fn a_command_acts_once_and_only_on_the_fleet_that_was_shown() {
    let server = Server::start();
    let by = server.sign_in("operator");
    server.wait(&by, "the first look", |fleet| fleet["seen"] == true);

    // The same command at once, in turn, and with another meaning.
    let wish = json!({"action": "scale-out", "id": id(), "fleet": "shop", "count": 2, "seen": 0});
    let answers: Vec<_> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..4).map(|_| scope.spawn(|| server.command(&by, &wish))).collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    let launched = answers[0].json()["instances"].clone();
    assert_eq!(launched.as_array().unwrap().len(), 2);
    for answer in answers.iter().chain([&server.command(&by, &wish)]) {
        assert_eq!((answer.status, &answer.json()["instances"]), (200, &launched), "{answer:?}");
    }
    // A UUID in capitals is the same one.
    let mut capital = wish.clone();
    capital["id"] = json!(wish["id"].as_str().unwrap().to_uppercase());
    assert_eq!(server.command(&by, &capital).json()["instances"], launched);
    let mut none = wish.clone();
    none["id"] = json!("1");
    let answer = server.command(&by, &none);
    assert_eq!((answer.status, answer.error().contains("UUID")), (422, true), "{answer:?}");
    let mut other = wish.clone();
    other["count"] = json!(3);
    assert!(server.command(&by, &other).error().contains("another command's"));
    assert_eq!(server.audit().matches(r#""event":"command""#).count(), 1);

    // What it was shown is no longer so.
    let late = json!({"action": "scale-out", "id": id(), "fleet": "shop", "count": 1, "seen": 0});
    let answer = server.command(&by, &late);
    assert_eq!(answer.status, 409);
    let said = answer.error();
    assert!(said.contains("has 2 instances now, not 0") && said.contains("on the web page (127.0.0.1)"), "{said}");
    let fleet = server.wait(&by, "the launch", |fleet| fleet["settled"] == true);
    assert_eq!(fleet["count"], 2);

    // The fleet keeps its minimum, and says what it would give.
    assert_eq!(fleet["can_go"].as_array().unwrap().len(), 1);
    let both = json!({"action": "terminate", "id": id(), "fleet": "shop", "instances": launched});
    let answer = server.command(&by, &both);
    assert_eq!(answer.status, 409);
    assert!(answer.error().contains("minimum is 1: 1 of these 2 can go; none went"), "{}", answer.error());
}

#[test]
fn of_two_who_retire_the_same_instance_one_is_told_what_happened() {
    let server = Server::start();
    let by = server.sign_in("operator");
    let ids = server.launch(&by, 3);
    let retire = || json!({"action": "terminate", "id": id(), "fleet": "shop", "instances": [ids[2]]});
    assert_eq!(server.command(&by, &retire()).status, 200);
    server.wait(&by, "the retire", |fleet| fleet["count"] == 2);
    let answer = server.command(&by, &retire());
    assert_eq!(answer.status, 409);
    let said = answer.error();
    assert!(
        said.starts_with(&ids[2]) && said.contains("asked for by ") && said.contains("nothing was retired"),
        "{said}"
    );
}

#[test]
fn the_fleet_is_told_whole() {
    let server = Server::start();
    let by = server.sign_in("viewer");
    let operator = server.sign_in("operator");
    let ids = server.launch(&operator, 1);
    let fleet = server.fleet(&by);
    let of = &fleet["instances"][0];
    assert_eq!((&of["id"], &of["lifecycle"], &of["state"]), (&json!(ids[0]), &json!("in service"), &json!("running")));
    assert!(of["tags"]["handwave:fleet"] == "shop" && of["launched"].is_string(), "{of}");
    assert_eq!((&fleet["min"], &fleet["max"], &fleet["failing_since"]), (&json!(1), &json!(5), &json!(null)));
    let events = Request::get("/api/v1/events").by(&by).send(server.address).json();
    let events = events.as_array().unwrap();
    let launched = events.iter().find(|event| event["event"] == "launched").unwrap();
    assert_eq!(launched["instances"], json!(ids));
    assert!(launched["text"].as_str().unwrap().contains(&ids[0]), "{launched}");
    numbers_are_counted(&server, &ids);
    assert!(events.iter().zip(1..).all(|(event, number)| event["number"] == number), "numbers are from 1");
}

/// What Prometheus is told of one launch, as its own parser reads it.
fn numbers_are_counted(server: &Server, ids: &[String]) {
    let answer = Request::get("/metrics").send(server.address);
    assert_eq!(answer.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    let text = answer.body;
    assert!(text.ends_with("# EOF\n") && !ids.iter().any(|id| text.contains(id)), "{text}");
    let samples = text.lines().filter(|line| !line.starts_with('#')).count();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, number) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("handwave_") && number.parse::<f64>().is_ok(), "{line}");
    }
    for line in [
        r#"handwave_commands_total{source="web",outcome="asked"} 1"#,
        "handwave_instances_launched_total 1",
        r#"handwave_instances{state="in service"} 1"#,
        r#"handwave_sign_ins_total{outcome="done"} 2"#,
        "handwave_fleet_count 1",
        r#"handwave_cloud_calls_total{action="launch",code="ok"} 1"#,
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".deps/schemathesis");
    if !folder.join("stamp").is_file() {
        eprintln!("skipped: Prometheus' parser is missing (sh tests/fetch-schemathesis.sh)");
        return;
    }
    fs::write(server.folder.path().join("metrics"), &text).unwrap();
    let read = "from prometheus_client.openmetrics.parser import text_fd_to_metric_families as read\n\
                print(sum(len(family.samples) for family in read(open('metrics'))))";
    let mut python = Command::new("python3");
    let output =
        python.env("PYTHONPATH", &folder).current_dir(server.folder.path()).args(["-c", read]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.trim().parse() == Ok(samples), "{samples} lines, {said}: {output:?}");
}
