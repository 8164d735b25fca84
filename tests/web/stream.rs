//! What the stream sends: everything first, then changes, and nothing twice.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http::{Event, Reader, Request, event, head};
use crate::server::{Server, id};

/// Opens the stream and reads its snapshot.
fn open(server: &Server, by: &str, after: Option<&str>) -> (Reader, Value, String) {
    let mut request = Request::get("/api/v1/stream").by(by);
    if let Some(after) = after {
        request = request.with("Last-Event-ID", after);
    }
    let mut reader = request.open(server.address);
    let answer = head(&mut reader);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")));
    let Event { name, id, data } = event(&mut reader).unwrap();
    assert_eq!(name, "snapshot");
    (reader, serde_json::from_str(&data).unwrap(), id.unwrap())
}

/// Reads on until an event of this name that is so.
fn until(reader: &mut Reader, name: &str, is_so: impl Fn(&Value) -> bool) -> Event {
    loop {
        let event = event(reader).unwrap_or_else(|| panic!("the stream ends before {name}"));
        if event.name == name && is_so(&serde_json::from_str(&event.data).unwrap_or(Value::Null)) {
            return event;
        }
    }
}

fn numbers(snapshot: &Value) -> Vec<u64> {
    snapshot["events"].as_array().unwrap().iter().map(|event| event["number"].as_u64().unwrap()).collect()
}

#[test]
fn a_snapshot_comes_first_then_changes_and_a_reader_that_comes_again_misses_nothing() {
    let server = Server::start();
    let by = server.sign_in("operator");
    let (mut reader, snapshot, _) = open(&server, &by, None);
    assert_eq!(snapshot["about"], json!({"fleet": "shop", "entry": null, "mode": {"live": false}}));
    assert_eq!((&snapshot["hands"]["camera"], &snapshot["person"]["role"]), (&json!("none"), &json!("operator")));
    server.launch(&by, 2);
    until(&mut reader, "fleet", |fleet| fleet["count"] == 2);
    until(&mut reader, "history", |points| points.as_array().unwrap().last().unwrap()[1] == 2);
    drop(reader);
    let (mut reader, snapshot, _) = open(&server, &by, None);
    let all = numbers(&snapshot);
    assert_eq!(all, (1..=all.len() as u64).collect::<Vec<_>>());

    // Whoever has seen the second event gets the third next, and an id of another run means nothing.
    let run = snapshot["run"].as_str().unwrap();
    let (_, replayed, last) = open(&server, &by, Some(&format!("{run}-2")));
    assert_eq!((numbers(&replayed), &replayed["goes_on"]), (all[2..].to_vec(), &json!(true)));
    assert_eq!(last, format!("{run}-{}", all.len()));
    let (_, whole, _) = open(&server, &by, Some("another-2"));
    assert_eq!((numbers(&whole), &whole["goes_on"]), (all.clone(), &json!(false)));

    let wish = json!({"action": "scale-out", "id": id(), "fleet": "shop", "count": 1, "seen": 2});
    assert_eq!(server.command(&by, &wish).status, 200);
    let next = until(&mut reader, "event", |_| true);
    assert_eq!(next.id, Some(format!("{run}-{}", all.len() + 1)));
    assert!(next.data.contains("Asked to launch 1 by "), "{}", next.data);
}

#[test]
fn a_stream_ends_with_its_session_and_others_go_on() {
    let server = Server::start();
    let [by, other] = [server.sign_in("viewer"), server.sign_in("viewer")];
    let (mut reader, ..) = open(&server, &by, None);
    let (mut others, ..) = open(&server, &other, None);
    assert_eq!(Request::delete("/api/v1/session").by(&by).send(server.address).status, 204);
    let end = until(&mut reader, "end", |_| true);
    assert_eq!((end.data.as_str(), event(&mut reader).is_none()), ("signed-out", true));
    until(&mut others, "event", |event| event["event"] == "signed-out");
}

#[test]
fn a_reader_that_never_reads_delays_nobody() {
    let server = Server::start();
    let by = server.sign_in("operator");
    let stuck: Vec<_> = (0..20).map(|_| Request::get("/api/v1/stream").by(&by).open(server.address)).collect();
    let (mut reader, ..) = open(&server, &by, None);
    let began = Instant::now();
    server.launch(&by, 3);
    until(&mut reader, "fleet", |fleet| fleet["settled"] == true && fleet["count"] == 3);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    drop(stuck);
}

#[test]
fn a_ping_comes_every_fifteen_seconds() {
    let server = Server::start();
    let by = server.sign_in("viewer");
    let (mut reader, ..) = open(&server, &by, None);
    let began = Instant::now();
    until(&mut reader, "ping", |_| true);
    assert!((14..20).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[test]
#[cfg(target_os = "linux")]
fn two_hundred_streams_cost_nothing_while_nothing_changes() {
    let server = Server::start();
    let by = server.sign_in("viewer");
    server.wait(&by, "the first look", |fleet| fleet["settled"] == true);
    let processor = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.child.id())).unwrap();
        let ticks = stat.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2);
        ticks.map(|ticks| ticks.parse::<u64>().unwrap()).sum::<u64>() as f64
            / rustix::param::clock_ticks_per_second() as f64
    };
    let over = |seconds: u64| {
        let before = processor();
        std::thread::sleep(Duration::from_secs(seconds));
        (processor() - before) / seconds as f64
    };
    let alone = over(4);
    let _streams: Vec<_> = (0..200).map(|_| open(&server, &by, None)).collect();
    std::thread::sleep(Duration::from_secs(1));
    // A ping to each is among it.
    let with = over(16);
    println!("a core's share: {alone:.3} alone, {with:.3} with 200 streams");
    assert!(with - alone < 0.05, "{alone:.3}, {with:.3}");
}
