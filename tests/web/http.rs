//! A browser's part of HTTP, by hand: each header is what a test says it is. In: requests. Out: answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

/// A request. HTTP/1.0, so that an answer ends with its connection and comes in one piece.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: &'static str,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// Sent over TLS, to a server of this name.
    pub tls: Option<(Arc<ClientConfig>, &'static str)>,
}

/// A connection whose answer is read.
pub type Reader = BufReader<Box<dyn Read + Send>>;

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    pub fn get(path: &str) -> Request {
        Request { method: "GET", path: path.to_owned(), headers: Vec::new(), body: String::new(), tls: None }
    }

    pub fn post(path: &str, body: &str) -> Request {
        let json = ("Content-Type".to_owned(), "application/json".to_owned());
        Request { method: "POST", headers: vec![json], body: body.to_owned(), ..Request::get(path) }
    }

    pub fn delete(path: &str) -> Request {
        Request { method: "DELETE", ..Request::get(path) }
    }

    /// With this header, instead of one of that name.
    pub fn with(mut self, name: &str, value: &str) -> Request {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With the cookie of somebody who is signed in.
    pub fn by(self, cookie: &str) -> Request {
        if cookie.is_empty() { self } else { self.with("Cookie", cookie) }
    }

    /// Over TLS.
    pub fn over(self, tls: &Arc<ClientConfig>, name: &'static str) -> Request {
        Request { tls: Some((tls.clone(), name)), ..self }
    }

    /// Sends it. Without a `Host` of its own it names the server.
    pub fn open(&self, address: SocketAddr) -> Reader {
        let Request { method, path, headers, body, tls } = self;
        let mut text = format!("{method} {path} HTTP/1.0\r\nContent-Length: {}\r\n", body.len());
        let has_host = headers.iter().any(|(name, _)| name == "Host");
        let host = (!has_host).then(|| ("Host".to_owned(), address.to_string()));
        for (name, value) in host.iter().chain(headers).filter(|(_, value)| value != "none") {
            text += &format!("{name}: {value}\r\n");
        }
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let text = format!("{text}\r\n{body}");
        // A server that refuses need not read all of it.
        let Some((tls, name)) = tls else {
            let _ = stream.write_all(text.as_bytes());
            return BufReader::new(Box::new(stream));
        };
        let client = ClientConnection::new(tls.clone(), ServerName::try_from(*name).unwrap()).unwrap();
        let mut stream = StreamOwned::new(client, stream);
        let _ = stream.write_all(text.as_bytes());
        BufReader::new(Box::new(stream))
    }

    /// Sends it and reads the whole answer.
    pub fn send(&self, address: SocketAddr) -> Answer {
        let mut reader = self.open(address);
        let mut answer = head(&mut reader);
        let _ = reader.read_to_string(&mut answer.body);
        answer
    }
}

/// Reads an answer up to its body.
pub fn head(reader: &mut Reader) -> Answer {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let status = lines[0].split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines[1..].iter().filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Answer { status, headers, body: String::new() }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The sentence of an error.
    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_else(|| panic!("no error: {self:?}")).to_owned()
    }
}

/// An event of the stream.
#[derive(Debug)]
pub struct Event {
    pub name: String,
    pub id: Option<String>,
    pub data: String,
}

/// Reads the stream's next event. None: it has ended.
pub fn event(reader: &mut Reader) -> Option<Event> {
    let mut event = Event { name: String::new(), id: None, data: String::new() };
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some(("event", name)) => event.name = name.to_owned(),
            Some(("id", id)) => event.id = Some(id.to_owned()),
            Some(("data", data)) => event.data += data,
            _ if line.trim().is_empty() && !event.name.is_empty() => return Some(event),
            _ => {}
        }
    }
}
