//! Who gets in: every route, by every role, from every place.

use std::io::{Read, Write};
use std::time::Duration;

use serde_json::json;

use crate::http::{Request, head};
use crate::server::{Server, add_user, by_password, cookie, id};

/// Every route with what nobody, a viewer, an operator and somebody whose session has ended get. What is posted makes
/// no sense, so that it changes nothing.
pub fn routes() -> Vec<(Request, [u16; 4])> {
    let nonsense = json!({"action": "scale-out", "id": id(), "fleet": "another", "count": 1, "seen": 0}).to_string();
    vec![
        (Request::get("/"), [200; 4]),
        (Request::get("/assets/main.js"), [200; 4]),
        (Request::get("/assets/nothing.js"), [404; 4]),
        (Request::get("/nowhere"), [404; 4]),
        (Request::get("/healthz"), [200; 4]),
        (Request::get("/metrics"), [200; 4]),
        (Request::get("/api/v1/openapi.json"), [200; 4]),
        (Request::get("/api/v1/session"), [200; 4]),
        (Request::post("/api/v1/session", "{}"), [422; 4]),
        (Request::get("/api/v1/fleet"), VIEWERS),
        (Request::get("/api/v1/events"), VIEWERS),
        (Request::get("/api/v1/charts/instances"), VIEWERS),
        (Request::get("/api/v1/charts/cpu"), VIEWERS),
        (Request::get("/api/v1/charts/requests"), VIEWERS),
        (Request::get("/api/v1/policy"), VIEWERS),
        (Request::get("/api/v1/stream"), VIEWERS),
        (Request::get("/api/v1/leases"), VIEWERS),
        (Request::post("/api/v1/leases", &nonsense), [401, 422, 422, 401]),
        // There is no such lease.
        (Request::get("/api/v1/leases/{instance}/log"), [401, 404, 404, 401]),
        (Request::post("/api/v1/commands", &nonsense), [401, 403, 422, 401]),
        // This server follows no policy.
        (Request::post("/api/v1/policy", r#"{"paused": true}"#), [401, 403, 409, 401]),
        (Request::delete("/api/v1/commands"), [405; 4]),
    ]
}

const VIEWERS: [u16; 4] = [401, 200, 200, 401];

/// How requests come to a server: as a browser's own, or as a proxy sends them on.
struct Way<'a> {
    server: &'a Server,
    /// The header that names the page, and by which names it does.
    host: &'static str,
    names: [&'a str; 2],
    origin: &'a str,
    added: &'a [(&'static str, &'static str)],
}

impl Way<'_> {
    /// Asks for each route as each of these, from every place that a browser may be at.
    fn try_all(&self, routes: &[(Request, [u16; 4])], people: &[String; 4]) {
        let status = |request: &Request| head(&mut request.open(self.server.address)).status;
        let by_way = |request: &Request, host: &str| {
            let added = self.added.iter().fold(request.clone(), |request, (name, value)| request.with(name, value));
            added.with(self.host, host)
        };
        for (route, by_role) in routes {
            for (cookie, &expected) in people.iter().zip(by_role) {
                let request = by_way(&route.clone().by(cookie), self.names[0]);
                let of = format!("{} {} by {cookie:?}", route.method, route.path);
                assert_eq!(status(&request), expected, "{of}");

                // A name that was made to lead here, and no name at all.
                for host in ["evil.example", "127.0.0.1.evil.example:80", "a, b"] {
                    assert_eq!(status(&by_way(&request, host)), 421, "{of}, {}: {host}", self.host);
                }
                assert_eq!(status(&by_way(&request, self.names[1])), expected, "{of}, by another of its names");

                let changes = route.method != "GET";
                for (origin, site, is_ours) in [
                    (self.origin, "same-origin", true),
                    (self.origin, "none", true),
                    ("http://evil.example", "cross-site", false),
                    ("http://localhost:8080", "same-site", false),
                    ("null", "cross-site", false),
                ] {
                    let sent = request.clone().with("Origin", origin).with("Sec-Fetch-Site", site);
                    let expected = if changes && !is_ours { 403 } else { expected };
                    assert_eq!(status(&sent), expected, "{of}, Origin: {origin}, Sec-Fetch-Site: {site}");
                }
                // A browser that does not send Sec-Fetch-Site.
                for (origin, is_ours) in [(self.origin, true), ("http://evil.example", false)] {
                    let expected = if changes && !is_ours { 403 } else { expected };
                    assert_eq!(
                        status(&request.clone().with("Origin", origin)),
                        expected,
                        "{of}, {origin}, an old browser"
                    );
                }
            }
        }
    }
}

/// Tries a server that is asked without a proxy.
fn try_directly(server: &Server, routes: &[(Request, [u16; 4])]) {
    let ended = server.sign_in("operator");
    assert_eq!(Request::delete("/api/v1/session").by(&ended).send(server.address).status, 204);
    let people = [String::new(), server.sign_in("viewer"), server.sign_in("operator"), ended];
    let (name, port) = (server.address.to_string(), server.address.port());
    let origin = format!("http://{name}");
    let names = [name.as_str(), "localhost:1"];
    Way { server, host: "Host", names, origin: &origin, added: &[] }.try_all(routes, &people);
    // Without a name, and at a server that is not this one.
    assert_eq!(Request::get("/healthz").with("Host", "none").send(server.address).status, 421);
    assert_eq!(Request::get("/healthz").with("Host", &format!("192.0.2.1:{port}")).send(server.address).status, 421);
}

#[test]
fn every_route_asks_for_its_role_its_host_and_its_origin() {
    try_directly(&Server::start(), &routes());
}

#[test]
fn a_public_page_asks_for_the_same_but_to_look() {
    let server = Server::with(tempfile::tempdir().unwrap(), "public_read = true\n");
    // Leases are those of people.
    let is_public = |route: &Request, by_role| by_role == VIEWERS && !route.path.contains("/leases");
    let public = |(route, by_role)| if is_public(&route, by_role) { (route, [200; 4]) } else { (route, by_role) };
    try_directly(&server, &routes().into_iter().map(public).collect::<Vec<_>>());
}

#[test]
fn behind_a_proxy_every_route_asks_for_the_same() {
    let web =
        "users = \"users.toml\"\nhosts = [\"hand.example\", \"hand.test\"]\ntrusted_proxies = [\"127.0.0.0/8\"]\n";
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.toml"), format!("[web]\n{web}")).unwrap();
    let password = "correct horse battery staple";
    add_user(folder.path(), "anna", "operator", password);
    add_user(folder.path(), "ben", "viewer", password);
    let server = Server::with(folder, web);
    let added = [("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "https")];
    let by_way = |request: Request| added.iter().fold(request, |request, (name, value)| request.with(name, value));
    let sign_in = |name: &str| cookie(&by_way(by_password(name, password)).send(server.address));
    let [ended, viewer, operator] = [sign_in("anna"), sign_in("ben"), sign_in("anna")];
    assert_eq!(by_way(Request::delete("/api/v1/session").by(&ended)).send(server.address).status, 204);
    let names = ["hand.example", "hand.test"];
    let way = Way { server: &server, host: "X-Forwarded-Host", names, origin: "https://hand.example", added: &added };
    way.try_all(&routes(), &[String::new(), viewer, operator, ended]);
}

#[test]
fn every_answer_holds_the_browser_to_this_page() {
    let server = Server::start();
    for (route, _) in routes().into_iter().chain([(Request::get("/").with("Host", "evil.example"), [421; 4])]) {
        let answer = head(&mut route.open(server.address));
        let policy = answer.header("content-security-policy").unwrap_or_else(|| panic!("{}: {answer:?}", route.path));
        for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "connect-src 'self'"] {
            assert!(policy.contains(part) && !policy.contains("unsafe"), "{policy}");
        }
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{}", route.path);
        }
        assert_eq!(answer.header("access-control-allow-origin"), None, "no CORS");
    }
}

#[test]
fn a_link_signs_in_once_by_a_cookie_of_this_port_alone() {
    let server = Server::start();
    let answer = server.sign_in_by(&server.token);
    assert_eq!((answer.status, &answer.json()["role"]), (200, &json!("operator")));
    let set = answer.header("set-cookie").unwrap();
    assert!(set.starts_with(&format!("handwave-{}=", server.address.port())), "{set}");
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(set.contains(part), "{set}");
    }
    assert_eq!(server.sign_in_by(&server.token).status, 401, "a link is used once");
    let audit = server.audit();
    assert!(audit.contains(r#""event":"signed-in""#) && audit.contains(r#""event":"sign-in-failed""#), "{audit}");

    let by = cookie(&answer);
    let who = |by: &str| Request::get("/api/v1/session").by(by).send(server.address).json()["person"].clone();
    assert_eq!((&who(&by)["role"], who("")), (&json!("operator"), json!(null)));
    // Somebody who signs in again has another session, and the old one is no longer theirs.
    let again = Request::post("/api/v1/session", &json!({"link": server.link("viewer")}).to_string()).by(&by);
    let again = cookie(&again.send(server.address));
    assert_eq!((&who(&again)["role"], who(&by)), (&json!("viewer"), json!(null)));
}

#[test]
fn a_page_that_nobody_touches_is_no_use_of_its_session() {
    let server = Server::start();
    let by = server.sign_in("operator");
    let renewed = |request: Request| {
        let head = head(&mut request.by(&by).open(server.address));
        head.header("set-cookie").map(|cookie| cookie.contains("Max-Age=1800"))
    };
    // What a page asks for by itself.
    for path in ["/", "/assets/main.js", "/api/v1/stream", "/api/v1/leases", "/api/v1/fleet", "/api/v1/charts/cpu"] {
        assert_eq!(renewed(Request::get(path)), None, "{path}");
    }
    assert_eq!(renewed(Request::get("/api/v1/session")), Some(true), "somebody is there");
    assert_eq!(renewed(Request::post("/api/v1/commands", "{}")), Some(true), "somebody acts");
}

#[test]
fn wrong_links_are_slowed_one_after_the_other() {
    let server = Server::start();
    let began = std::time::Instant::now();
    std::thread::scope(|scope| {
        (0..3).for_each(|_| drop(scope.spawn(|| assert_eq!(server.sign_in_by("wrong").status, 401))));
    });
    assert!(began.elapsed().as_millis() >= 1500, "{:?}", began.elapsed());
}

#[test]
fn what_is_too_large_too_slow_or_no_json_is_refused_and_the_server_goes_on() {
    let server = Server::start();
    let by = server.sign_in("operator");
    let status = |body: &str| Request::post("/api/v1/commands", body).by(&by).send(server.address).status;
    assert_eq!(status(&format!("\"{}\"", "x".repeat(20_000))), 413);
    assert_eq!(status("{"), 400);
    assert_eq!(status(r#"{"action": "scale-in", "count": 1}"#), 422);
    assert_eq!(
        Request::post("/api/v1/commands", "{}").by(&by).with("Content-Type", "text/plain").send(server.address).status,
        415
    );
    // A head that never ends.
    let mut slow = std::net::TcpStream::connect(server.address).unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: ").unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    assert_eq!(Request::get("/healthz").send(server.address).body, "ok\n");
    let mut rest = Vec::new();
    let ended = slow.read_to_end(&mut rest);
    assert!(ended.is_ok(), "the server ends it: {ended:?}");
}

#[test]
fn a_body_that_comes_byte_by_byte_has_its_time_too() {
    let server = Server::start();
    let mut slow = std::net::TcpStream::connect(server.address).unwrap();
    let head = "POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Content-Length: 1000\r\n\r\n";
    slow.write_all(head.as_bytes()).unwrap();
    let mut answers = slow.try_clone().unwrap();
    let answered = std::thread::spawn(move || {
        let mut start = [0; 12];
        answers.read_exact(&mut start).map(|()| String::from_utf8_lossy(&start).into_owned())
    });
    for _ in 0..30 {
        std::thread::sleep(Duration::from_millis(500));
        // It fails once the server has ended the connection.
        if answered.is_finished() || slow.write_all(b" ").is_err() {
            break;
        }
    }
    assert!(answered.is_finished(), "the body may come for ever");
    assert_eq!(answered.join().unwrap().unwrap(), "HTTP/1.1 408");
}

#[test]
fn every_error_is_a_sentence_in_json() {
    let server = Server::start();
    let by = server.sign_in("operator");
    let elsewhere = Request::post("/api/v1/commands", "{}").with("Sec-Fetch-Site", "cross-site");
    for (request, status, says) in [
        (elsewhere, 403, "another site"),
        (Request::get("/api/v1/stream?after=1&after=2"), 400, "after"),
        (Request::get("/assets/%ff"), 400, "UTF-8"),
        (Request::get("/api/v1/leases/%ff/log"), 400, "UTF-8"),
        (Request::get("/nowhere"), 404, "the page is at /"),
        (Request::post("/api/v1/commands", &"x".repeat(20_000)), 413, "too large"),
        (Request::get("/").with("Host", "evil.example"), 421, "another name"),
    ] {
        let answer = request.by(&by).send(server.address);
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.error().contains(says), "{answer:?}");
    }
}
