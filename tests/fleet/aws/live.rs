//! `handwave run --live`: hands in a film change a fleet on moto. A film is taken for a camera only because moto is on
//! this machine.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use handwave::camera::clock::Clock;
use handwave::camera::puppet::{Puppet, Script};
use handwave::camera::{Camera, Frame, Status};
use image::codecs::gif::GifEncoder;
use image::{Delay, DynamicImage};
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::Stage;
use super::proxy::{At, Fault};

/// Frames a second: enough to hold a sign by.
const FPS: f64 = 10.0;

/// A puppet's film.
pub fn film(script: &str, path: &Path) {
    let mut puppet = Puppet::new(Script::parse(script).unwrap(), (320, 240), FPS, Clock::fast());
    let mut gif = GifEncoder::new_with_speed(File::create(path).unwrap(), 30);
    let mut frame = Frame::default();
    while puppet.read(&mut frame).unwrap() == Status::Fresh {
        let delay = Delay::from_saturating_duration(Duration::from_secs_f64(1.0 / FPS));
        let picture = DynamicImage::from(frame.picture.clone()).into_rgba8();
        gif.encode_frame(image::Frame::from_parts(picture, 0, 0, delay)).unwrap();
    }
}

/// Runs handwave with this environment too. Answers its status, what it wrote, and its events.
async fn run(stage: &Stage, args: &[&str], environment: &[(&str, &str)]) -> (i32, String, Vec<Value>) {
    let mut command = stage.handwave(args);
    command.env_remove("DISPLAY").envs(environment.iter().copied());
    let Output { status, stdout, stderr } = spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let events = stdout.lines().filter_map(|line| serde_json::from_str(&line.unwrap()).ok()).collect();
    (status.code().unwrap(), String::from_utf8(stderr).unwrap(), events)
}

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn hands_launch_and_retire_in_aws() {
    let stage = Stage::new("hands", 1).await;
    stage.proxy.set_drain(Duration::from_secs(1));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hands.gif");
    // A new process accepts no command in its first seconds.
    film(
        "none for 7\nleft 0 for 0.5\nleft 2 for 1.4\nnone for 3\nright 0 for 0.5\nright 1 for 4.2\nnone for 1\n",
        &path,
    );
    let camera = path.to_str().unwrap();
    let args = ["run", "--live", "--armed", "--headless", "--camera", camera, "--events", "-"];
    let (status, err, events) = run(&stage, &args, &[]).await;
    assert_eq!(status, 0, "{err}");
    assert!(err.contains("LIVE in AWS: account 123456789012") && err.contains("1 instance (1 to 20)"), "{err}");
    let commands: Vec<_> = events.iter().filter(|event| event["event"] == "command").collect();
    let told = |field: &str| commands.iter().map(|command| command[field].clone()).collect::<Vec<_>>();
    assert_eq!(told("action"), ["scale-out", "scale-in"], "{err}");
    assert_eq!((told("side"), told("fingers")), (vec!["left".into(), "right".into()], vec![2.into(), 1.into()]));
    for (name, command) in [("launched", 0), ("terminated", 1)] {
        let event = events.iter().find(|event| event["event"] == name).unwrap_or_else(|| panic!("{name}: {err}"));
        assert_eq!(event["command"], commands[command]["id"]);
    }
    assert_eq!(stage.wrongs().await, Vec::<String>::new());
    assert_eq!(stage.look().await.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_armed_before_somebody_says_so() {
    let stage = Stage::new("unarmed", 1).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hand.gif");
    film("left 0 for 0.5\nleft 2 for 3\nnone for 1\n", &path);
    let camera = path.to_str().unwrap();
    let (status, err, events) = run(&stage, &["run", "--live", "--camera", camera, "--events", "-"], &[]).await;
    assert_eq!((status, names(&events)), (0, vec!["paused", "quit"]), "{err}");
    assert_eq!(stage.changes(), Vec::<String>::new());

    let (status, err, _) = run(&stage, &["run", "--live", "--headless", "--camera", camera], &[]).await;
    assert_eq!(status, 1);
    assert!(err.contains("nobody can arm it: say --armed"), "{err}");
}

/// Tells a process to end, the way service managers do.
fn terminate(child: &Child) {
    assert!(Command::new("sh").arg("-c").arg(format!("kill -TERM {}", child.id())).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_hangs_holds_nobody_up() {
    let stage = Stage::new("hanging", 1).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hand.gif");
    film("none for 7\nleft 0 for 0.5\nleft 2 for 60\n", &path);
    for hurry in [false, true] {
        stage.proxy.fail(At::Action("RunInstances"), Fault::Slow(Duration::from_secs(13)));
        let args = ["run", "--live", "--armed", "--headless", "--camera", path.to_str().unwrap(), "--events", "-"];
        let mut child = stage.handwave(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("\"event\":\"command\"")), "no command came");
        let began = Instant::now();
        terminate(&child);
        if hurry {
            assert!(lines.any(|line| line.contains("\"event\":\"quit\"")));
            terminate(&child);
        }
        let output = spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap();
        let (took, err) = (began.elapsed(), String::from_utf8(output.stderr).unwrap());
        assert!(output.status.success(), "{err}");
        assert!(took < Duration::from_secs(if hurry { 2 } else { 5 }), "{took:?}: {err}");
        stage.proxy.clear_faults();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_changes_no_real_fleet() {
    let stage = Stage::new("film", 1).await;
    let text = std::fs::read_to_string(stage.file.path()).unwrap();
    let url = stage.proxy.url();
    std::fs::write(stage.file.path(), text.replace(&url, "")).unwrap();
    // The identity is asked for here; the fleet would be at another address.
    for elsewhere in ["AWS_ENDPOINT_URL_EC2", "AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING"] {
        let environment = [("AWS_ENDPOINT_URL", url.as_str()), (elsewhere, "http://192.0.2.1")];
        let args = ["run", "--live", "--armed", "--headless", "--camera", "puppet"];
        let (status, err, _) = run(&stage, &args, &environment).await;
        assert_eq!(status, 1);
        assert!(err.contains("puppet is no webcam, and only hands before a webcam may change a real fleet"), "{err}");
        assert_eq!(stage.proxy.take_calls(), ["GetCallerIdentity"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_is_reached_by_way_of_the_proxy_that_the_environment_names() {
    let stage = Stage::bare("proxied").await;
    let text = std::fs::read_to_string(stage.file.path()).unwrap();
    std::fs::write(stage.file.path(), text.replace(&stage.proxy.url(), "")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let asked = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(client.try_clone().unwrap()).read_line(&mut line).unwrap();
        client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").unwrap();
        line
    });
    let (status, err, _) = run(&stage, &["fleet", "status", "--live"], &[("HTTPS_PROXY", &proxy)]).await;
    assert_eq!(status, 1);
    assert!(err.contains("AWS did not say who we are"), "{err}");
    assert_eq!(asked.join().unwrap().trim_end(), "CONNECT sts.us-east-1.amazonaws.com:443 HTTP/1.1");
}
