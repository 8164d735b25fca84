//! The web tier on the stand-in, by HTTP: what is uploaded is answered, by whatever way the answer comes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use crate::stage::{PICTURES, Stage, golden, text, until};

const SOON: Duration = Duration::from_secs(30);

/// A request, written as it is sent; the answer's status, and all of it.
fn ask(url: &str, head: &str, body: &[u8]) -> (u16, String) {
    let mut connection = connect(url, head, body);
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    let answer = text(&answer);
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

fn connect(url: &str, head: &str, body: &[u8]) -> TcpStream {
    let mut connection = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    connection.set_read_timeout(Some(SOON)).unwrap();
    let (length, host) = (body.len(), url.strip_prefix("http://").unwrap());
    let head = format!("{head}\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    // Who is refused at the head may find the connection closed.
    let _ = connection.write_all(&[head.as_bytes(), body].concat());
    connection
}

/// As `curl -F myfile=@picture` sends it.
fn form(url: &str, bytes: &[u8]) -> (u16, String) {
    let head = b"--b\r\nContent-Disposition: form-data; name=\"myfile\"; filename=\"x.jpg\"\r\n\r\n";
    let body = [&head[..], bytes, b"\r\n--b--\r\n"].concat();
    ask(url, "POST / HTTP/1.1\r\ncontent-type: multipart/form-data; boundary=b", &body)
}

#[test]
fn a_form_is_answered_with_the_label() {
    let stage = Stage::new("form", "30s");
    let (_web, url) = stage.web();
    let _worker = stage.worker(&[], None);
    for (file, label) in PICTURES {
        let (status, answer) = form(&url, &std::fs::read(golden().join(file)).unwrap());
        assert_eq!((status, answer.trim().lines().last()), (200, Some(label)), "{answer}");
        assert!(answer.contains("recognizer-id: "), "{answer}");
    }
    let (status, answer) = form(&url, b"this is text");
    assert_eq!(status, 422, "{answer}");
    assert!(answer.contains("no picture that can be read"), "{answer}");
}

#[test]
fn what_is_no_upload_is_refused_with_a_sentence() {
    let stage = Stage::new("refused", "30s");
    let (_web, url) = stage.web();
    let large = vec![0; 10_000_001];
    let stream = "6f2e1c1a-7a51-4e8b-9a8f-0f6c3a7b2d10";
    let pictures = format!("POST /pictures?name=x&stream={stream} HTTP/1.1");
    for (status, said, (got, answer)) in [
        (413, "larger than 10 MB", form(&url, &large)),
        (413, "larger than 10 MB", ask(&url, &pictures, &large)),
        (400, "the file is empty", form(&url, b"")),
        (400, "two files", form(&url, b"x\r\n--b\r\nContent-Disposition: form-data; name=\"myfile\"\r\n\r\ny")),
        (400, "?name=NAME&stream=UUID", ask(&url, "POST /pictures?name=x HTTP/1.1", b"x")),
        (400, "?stream=UUID", ask(&url, "GET /answers?stream=x HTTP/1.1", b"")),
        (400, "as a JSON array", ask(&url, &format!("POST /waiting?stream={stream} HTTP/1.1"), b"x")),
        (405, "no such method", ask(&url, "DELETE /pictures HTTP/1.1", b"")),
        (400, "There is no picture", ask(&url, "POST / HTTP/1.1", b"x")),
        (
            400,
            "There is no picture",
            ask(&url, "POST / HTTP/1.1\r\ncontent-type: multipart/form-data; boundary=b", b"--b--"),
        ),
        (
            400,
            "could not be received",
            ask(&url, "POST / HTTP/1.1\r\ncontent-type: multipart/form-data; boundary=b", b"--b\r\n"),
        ),
        (403, "Another site's page", ask(&url, &format!("{pictures}\r\nsec-fetch-site: cross-site"), b"x")),
        (404, "The page is at /", ask(&url, "GET /nowhere HTTP/1.1", b"")),
        (
            409,
            "not connected",
            ask(
                &url,
                &format!("POST /waiting?stream={stream} HTTP/1.1\r\ncontent-type: application/json"),
                format!("[\"{stream}\"]").as_bytes(),
            ),
        ),
    ] {
        assert_eq!(got, status, "{answer}");
        assert!(answer.to_lowercase().contains(&said.to_lowercase()), "{answer}");
    }
    assert_eq!(stage.depth("requests"), (0, 0));
}

#[test]
fn a_body_without_end_is_refused_where_no_picture_is_in_it_too() {
    let stage = Stage::new("endless", "30s");
    let (_web, url) = stage.web();
    let pictures = "/pictures?name=x&stream=6f2e1c1a-7a51-4e8b-9a8f-0f6c3a7b2d10";
    for (path, start) in [
        ("/", "junk before the first part"),
        ("/", "--b\r\nContent-Disposition: form-data; name=\""),
        ("/", "--b\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\n"),
        (pictures, ""),
    ] {
        let host = url.strip_prefix("http://").unwrap();
        let mut connection = TcpStream::connect(host).unwrap();
        connection.set_read_timeout(Some(SOON)).unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\
             content-type: multipart/form-data; boundary=b\r\n\r\n"
        );
        connection.write_all(head.as_bytes()).unwrap();
        // One byte more than a form may have: who sends on may find the connection closed, and not the answer.
        let mut body = start.as_bytes().to_vec();
        body.resize(10_016_001, b'a');
        for piece in body.chunks(1_000_000) {
            let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
            if connection.write_all(&chunk).is_err() {
                break;
            }
        }
        let mut answer = Vec::new();
        let _ = connection.read_to_end(&mut answer);
        let answer = text(&answer);
        assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("larger than 10 MB"), "{start}: {answer}");
    }
}

#[test]
fn uploads_that_pause_do_not_keep_the_others_out() {
    let stage = Stage::new("pausing", "30s");
    let (_web, url) = stage.web();
    let _worker = stage.worker(&[], None);
    // As many as there are turns, each with a start and no more.
    let head = "POST / HTTP/1.1\r\ncontent-type: multipart/form-data; boundary=b";
    let mut idle: Vec<_> = (0..16)
        .map(|_| {
            let mut connection = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
            connection.set_read_timeout(Some(SOON)).unwrap();
            write!(connection, "{head}\r\nhost: x\r\nconnection: close\r\ncontent-length: 1000\r\n\r\n--b").unwrap();
            connection
        })
        .collect();
    let (status, answer) = form(&url, &std::fs::read(golden().join("cat.jpg")).unwrap());
    assert_eq!(status, 200, "{answer}");
    let mut answer = Vec::new();
    idle[0].read_to_end(&mut answer).unwrap();
    assert!(text(&answer).contains("nothing came for 10 seconds"), "{}", text(&answer));
}

#[test]
fn the_page_loads_nothing_from_elsewhere() {
    let stage = Stage::new("page", "30s");
    let (_web, url) = stage.web();
    for path in ["/", "/page.css", "/main.js", "/answers.js", "/worker.js", "/thumbnail.js", "/card.js", "/icon.svg"] {
        let (status, answer) = ask(&url, &format!("GET {path} HTTP/1.1"), b"");
        assert_eq!(status, 200, "{path}");
        assert!(answer.contains("content-security-policy: default-src 'none'; script-src 'self'"), "{path}: {answer}");
        let foreign = answer.split("http").filter(|rest| rest.starts_with("://") || rest.starts_with("s://"));
        assert!(foreign.into_iter().all(|rest| rest.starts_with("://www.w3.org/2000/svg")), "{path}");
    }
}

#[test]
fn a_stream_tells_answers_as_they_come_and_those_that_were_missed() {
    let stage = Stage::new("stream", "30s");
    let (_web, url) = stage.web();
    let _worker = stage.worker(&[], None);
    let stream = "6f2e1c1a-7a51-4e8b-9a8f-0f6c3a7b2d10";
    let open = || BufReader::new(connect(&url, &format!("GET /answers?stream={stream} HTTP/1.1"), b"")).lines();
    let upload = |file: &str| {
        let bytes = std::fs::read(golden().join(file)).unwrap();
        let (status, answer) = ask(&url, &format!("POST /pictures?name={file}&stream={stream} HTTP/1.1"), &bytes);
        assert_eq!(status, 202, "{answer}");
        let told: serde_json::Value = serde_json::from_str(answer.trim().lines().last().unwrap()).unwrap();
        (told["id"].as_str().unwrap().to_owned(), told["is_watched"].as_bool().unwrap())
    };
    let data = |lines: &mut std::io::Lines<BufReader<TcpStream>>| loop {
        let line = lines.next().unwrap().unwrap();
        if let Some(data) = line.strip_prefix("data: {\"id\"") {
            return format!("{{\"id\"{data}");
        }
    };
    let mut lines = open();
    until(SOON, "it says that it is connected", || lines.next().unwrap().unwrap().starts_with("event: connected"));
    let (id, is_watched) = upload("coffee.jpg");
    assert!(is_watched);
    let answer = data(&mut lines);
    assert!(answer.contains(&id) && answer.contains("\"label\":\"espresso\""), "{answer}");
    drop(lines);

    // Uploaded and answered while nobody listened.
    until(SOON, "the stream has ended", || !upload("rocket.jpg").1);
    let (id, _) = upload("cat.jpg");
    until(SOON, "it is answered", || stage.answers().contains_key(&id));
    let mut lines = open();
    until(SOON, "it says that it is connected", || lines.next().unwrap().unwrap().starts_with("event: connected"));
    let head = format!("POST /waiting?stream={stream} HTTP/1.1\r\ncontent-type: application/json");
    assert_eq!(ask(&url, &head, format!("[{id:?}]").as_bytes()).0, 204);
    let answer = data(&mut lines);
    assert!(answer.contains(&id) && answer.contains("Egyptian cat"), "{answer}");
}

#[test]
fn an_answer_whose_message_went_elsewhere_is_found_in_the_output_bucket() {
    let stage = Stage::new("elsewhere", "30s");
    let (web, url) = stage.web();
    // Two web processes, of which the queue gives each message to one; and a response queue that a third reads empty.
    let (_other, other) = stage.web();
    let _worker = stage.worker(&[], None);
    let picture = std::fs::read(golden().join("cat.jpg")).unwrap();
    for _ in 0..3 {
        for url in [&url, &other] {
            let (status, answer) = form(url, &picture);
            assert_eq!(status, 200, "{answer}");
        }
    }
    drop(web);
    // Its worker is killed three times over, as it were: the message lies in the dead-letter queue, unanswered.
    let id = "11111111-1111-4111-8111-111111111111";
    stage.boto(&format!(
        "message = dict(id='{id}', name='x', sent='2026-01-01T00:00:00Z')\n\
         sqs.send_message(QueueUrl=url('requests-dead'), MessageBody=json.dumps(message))\nprint('null')"
    ));
    // A web process looks when it starts, and then once a minute.
    let _late = stage.web();
    until(SOON, "it is given up", || stage.answers().contains_key(id));
    assert!(stage.answers()[id].contains("No worker finished this picture in 3 tries"));
    until(SOON, "it stays, and a person can look at it", || stage.depth("requests-dead") == (1, 0));
    for _ in 0..10 {
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(stage.depth("requests-dead"), (1, 0), "it is taken again and again");
    }
}

#[test]
fn load_counts_what_is_right_wrong_and_lost() {
    let stage = Stage::new("load", "30s");
    let (mut web, url) = stage.web();
    let _worker = stage.worker(&["--concurrency", "2"], None);
    let folder = tempfile::tempdir().unwrap();
    for (file, _) in PICTURES {
        std::fs::copy(golden().join(file), folder.path().join(file)).unwrap();
    }
    let labels = folder.path().join("labels.csv");
    let write = |cat: &str| {
        let lines = PICTURES.map(|(file, label)| format!("{file},{}\n", if file == "cat.jpg" { cat } else { label }));
        std::fs::write(&labels, lines.concat()).unwrap();
    };
    let load = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_recognizer"));
        command.args(["load", "--url", &url, "--json", "--folder"]).arg(folder.path()).args(args);
        let told = command.output().unwrap();
        let summary: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap_or_default();
        (told.status.code().unwrap(), summary, text(&told.stderr))
    };
    let labels = labels.to_str().unwrap();
    write("Egyptian cat");
    let (status, summary, said) = load(&["--num-request", "30", "--labels", labels]);
    assert_eq!(status, 0, "{said}");
    let numbers = |summary: &serde_json::Value| {
        ["sent", "answered", "wrong", "lost", "doubled"].map(|name| summary[name].as_u64().unwrap())
    };
    assert_eq!(numbers(&summary), [30, 30, 0, 0, 0]);
    assert!(summary["p50_ms"].as_u64() <= summary["p95_ms"].as_u64() && summary["p50_ms"].as_u64() > Some(0));

    write("dog");
    let (status, summary, said) = load(&["--num-request", "6", "--labels", labels, "--concurrency", "2"]);
    assert_eq!((status, numbers(&summary)), (1, [6, 6, 2, 0, 0]));
    assert!(said.contains("2 of 6 pictures were not answered rightly and once"), "{said}");

    std::fs::write(folder.path().join("text.jpg"), "no picture").unwrap();
    let (status, summary, _) = load(&["--num-request", "4"]);
    assert_eq!((status, numbers(&summary)), (1, [4, 3, 0, 1, 0]));
    assert!(summary["reasons"].to_string().contains("no picture that can be read"), "{summary}");
    let (status, _, said) = load(&["--labels", labels]);
    assert_eq!(status, 1);
    assert!(said.contains("no line for text.jpg"), "{said}");

    web.terminate();
    assert_eq!(web.ended(SOON), 0);
    let (_, summary, _) = load(&["--num-request", "2"]);
    assert_eq!(numbers(&summary), [2, 0, 0, 2, 0]);
}

#[test]
fn load_takes_no_nonsense_for_an_answer() {
    // Something else than a recognizer: its answers, by the path.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let (mut reader, mut request, mut length) = (BufReader::new(&connection), String::new(), 0);
            reader.read_line(&mut request).unwrap();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                match line.trim().split_once(": ") {
                    Some(("content-length", number)) => length = number.parse().unwrap(),
                    Some(_) => {}
                    None => break,
                }
            }
            std::io::copy(&mut reader.take(length), &mut std::io::sink()).unwrap();
            let reply = match request.split(' ').nth(1) {
                Some("/redir") => "302 Found\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n",
                Some("/empty") => "202 Accepted\r\ncontent-length: 0\r\n\r\n",
                Some("/label") => "200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\ncat",
                _ => "200 OK\r\ncontent-length: 10\r\n\r\nlogin page",
            };
            write!(&connection, "HTTP/1.1 {reply}").unwrap();
        }
    });
    let load = |path: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_recognizer"));
        command.args(["load", "--num-request", "2", "--json", "--url"]).arg(format!("{url}{path}"));
        let told = command.arg("--folder").arg(golden()).output().unwrap();
        let summary: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
        (told.status.code().unwrap(), summary)
    };
    for (path, said) in [("/redir", "302 Found"), ("/empty", "202 Accepted: the answer is empty")] {
        let (status, summary) = load(path);
        assert_eq!((status, &summary["lost"]), (1, &2.into()), "{summary}");
        assert!(summary["reasons"].to_string().contains(said), "{summary}");
    }
    let (status, summary) = load("/label");
    assert_eq!(
        (status, &summary["answered"], &summary["doubled"]),
        (0, &2.into(), &serde_json::Value::Null),
        "{summary}"
    );
}
