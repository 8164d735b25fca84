//! Sign-in by an OpenID Connect provider: the way there and back, who is let in, and tokens that prove nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{Answer, Request};
use crate::provider::{By, CLIENT, Provider, SECRET, fields};
use crate::server::{Server, handwave, id};

fn server(provider: &Provider, more: &str) -> Server {
    let folder = tempfile::tempdir().unwrap();
    secret(folder.path(), 0o600);
    Server::with(folder, &format!("{}{more}", provider.settings()))
}

fn secret(folder: &Path, mode: u32) {
    fs::write(folder.join("secret"), format!("{SECRET}\n")).unwrap();
    fs::set_permissions(folder.join("secret"), fs::Permissions::from_mode(mode)).unwrap();
}

/// A sign-in that was begun.
struct Begun {
    cookie: String,
    asked: Vec<(String, String)>,
}

impl Begun {
    fn at(server: &Server) -> Begun {
        let answer = Request::get("/sign-in/openid").send(server.address);
        assert_eq!(answer.status, 303, "{answer:?}");
        let location = answer.header("location").unwrap();
        let (place, query) = location.split_once('?').unwrap();
        assert!(place.ends_with("/authorize"), "{location}");
        let set = answer.header("set-cookie").unwrap();
        for part in ["-openid=", "HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(set.contains(part), "{set}");
        }
        Begun { cookie: set.split(';').next().unwrap().to_owned(), asked: fields(query) }
    }

    fn asked(&self, name: &str) -> &str {
        &self.asked.iter().find(|(other, _)| other == name).unwrap_or_else(|| panic!("no {name}: {:?}", self.asked)).1
    }

    /// The browser comes back, with what the provider made of this token.
    fn back(&self, server: &Server, provider: &Provider, token: Option<String>) -> Answer {
        provider.expect(token, self.asked("code_challenge"), self.asked("redirect_uri"));
        self.with(server, &format!("code=code&state={}", self.asked("state")))
    }

    fn with(&self, server: &Server, query: &str) -> Answer {
        Request::get(&format!("/sign-in/openid/back?{query}")).by(&self.cookie).send(server.address)
    }
}

/// What the page is told, after `#openid=`.
fn word(answer: &Answer) -> &str {
    assert_eq!(answer.status, 303, "{answer:?}");
    answer.header("location").unwrap().strip_prefix("/#openid=").unwrap()
}

/// The page's session that an answer gives.
fn session(answer: &Answer) -> Option<String> {
    let set = answer.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value);
    let mut given = set.filter(|value| !value.contains("-openid=") && !value.contains("Max-Age=0"));
    given.next().map(|value| value.split(';').next().unwrap().to_owned())
}

/// Signs in with the claims of anna, changed so.
fn sign_in(server: &Server, provider: &Provider, change: impl Fn(&mut Value), by: &By) -> Answer {
    let begun = Begun::at(server);
    let mut claims = provider.claims(begun.asked("nonce"));
    change(&mut claims);
    let token = provider.token(&claims, by);
    begun.back(server, provider, Some(token))
}

#[test]
fn a_provider_signs_in_by_groups_and_out_again() {
    let provider = Provider::start();
    let server = server(&provider, "");
    let who = Request::get("/api/v1/session").send(server.address).json();
    assert_eq!(who["provider"], "127.0.0.1");

    let begun = Begun::at(&server);
    for (name, value) in [
        ("client_id", CLIENT),
        ("response_type", "code"),
        ("scope", "openid profile email"),
        ("code_challenge_method", "S256"),
        ("redirect_uri", &format!("http://{}/sign-in/openid/back", server.address)),
    ] {
        assert_eq!(begun.asked(name), value);
    }
    assert!(begun.asked("state").len() >= 20 && begun.asked("nonce").len() >= 20);
    let token = provider.token(&provider.claims(begun.asked("nonce")), &By::Provider);
    let answer = begun.back(&server, &provider, Some(token.clone()));
    assert_eq!(word(&answer), "in");
    let anna = session(&answer).unwrap();
    let who = Request::get("/api/v1/session").by(&anna).send(server.address).json();
    assert_eq!(who["person"], json!({"user": "anna@example.org", "role": "operator"}));
    server.launch(&anna, 1);
    assert!(
        server
            .audit()
            .contains(r#""user":"anna@example.org","role":"operator","address":"127.0.0.1","by":"127.0.0.1""#)
    );

    let answer = sign_in(&server, &provider, |claims| claims["groups"] = json!(["staff"]), &By::Provider);
    let looks = session(&answer).unwrap();
    let wish = json!({"action": "scale-out", "id": id(), "fleet": "shop", "count": 1, "seen": 1});
    assert_eq!((server.fleet(&looks)["seen"] == true, server.command(&looks, &wish).status), (true, 403));

    let out = Request::delete("/api/v1/session").by(&anna).send(server.address);
    assert_eq!(out.status, 200);
    let next = out.json()["next"].as_str().unwrap().to_owned();
    let (place, query) = next.split_once('?').unwrap();
    assert_eq!(place, format!("{}/end", provider.issuer));
    let page = format!("http://{}/", server.address);
    for (name, value) in [("id_token_hint", token.as_str()), ("client_id", CLIENT), ("post_logout_redirect_uri", &page)]
    {
        assert!(fields(query).contains(&(name.to_owned(), value.to_owned())), "{name}: {next}");
    }
    assert_eq!(Request::get("/api/v1/fleet").by(&anna).send(server.address).status, 401);
    // Whoever came by a link has nothing to do with the provider.
    let linked = server.sign_in("viewer");
    assert_eq!(Request::delete("/api/v1/session").by(&linked).send(server.address).status, 204);
}

#[test]
fn a_token_that_proves_nothing_lets_nobody_in_and_the_audit_file_says_why() {
    let provider = Provider::start();
    let server = server(&provider, "");
    let now = jiff::Timestamp::now().as_second();
    type Change = Box<dyn Fn(&mut Value)>;
    let set = |name: &'static str, value: Value| -> Change { Box::new(move |claims| claims[name] = value.clone()) };
    let without =
        |name: &'static str| -> Change { Box::new(move |claims| drop(claims.as_object_mut().unwrap().remove(name))) };
    let is = || -> Change { Box::new(|_| {}) };
    let slash = format!("{}/", provider.issuer);
    for (what, change, by, told, says) in [
        ("another issuer", set("iss", json!("https://evil.example")), By::Provider, "unproved", "issuer"),
        ("almost the issuer", set("iss", json!(slash)), By::Provider, "unproved", "issuer"),
        ("another audience", set("aud", json!("other")), By::Provider, "unproved", "audience"),
        ("two audiences", set("aud", json!([CLIENT, "other"])), By::Provider, "unproved", "audience"),
        ("no audience", without("aud"), By::Provider, "unproved", "audience"),
        ("made for another", set("azp", json!("other")), By::Provider, "group", "made for other"),
        ("expired", set("exp", json!(now - 1)), By::Provider, "unproved", "expired"),
        ("no expiry", without("exp"), By::Provider, "unreachable", "exp"),
        ("another nonce", set("nonce", json!("other")), By::Provider, "unproved", "nonce"),
        ("no nonce", without("nonce"), By::Provider, "unproved", "nonce"),
        ("an unknown key", is(), By::Other("other"), "unproved", "Signature"),
        ("another key under the provider's name", is(), By::Other("one"), "unproved", "Signature"),
        ("the page's own secret", is(), By::Secret, "unproved", "Signature"),
        ("no signature", is(), By::Nobody, "unproved", "Signature"),
        ("no groups", without("groups"), By::Provider, "group", "none of the groups"),
        ("another group", set("groups", json!(["guests"])), By::Provider, "group", "none of the groups"),
        ("no name", without("email"), By::Provider, "group", "web.openid.name_claim"),
        ("an address that nobody looked at", set("email_verified", json!(false)), By::Provider, "group", "confirm"),
    ] {
        let answer = sign_in(&server, &provider, change, &by);
        let reason = server.audit().lines().last().unwrap().to_owned();
        assert_eq!((word(&answer), session(&answer)), (told, None), "{what}: {reason}");
        assert!(reason.contains("sign-in-failed") && reason.contains(says), "{what}: {reason}");
    }
    // Claims that were changed after they were signed.
    let begun = Begun::at(&server);
    let staff = {
        let mut claims = provider.claims(begun.asked("nonce"));
        claims["groups"] = json!(["staff"]);
        claims
    };
    let [one, other] =
        [staff, provider.claims(begun.asked("nonce"))].map(|claims| provider.token(&claims, &By::Provider));
    let parts: Vec<&str> = one.split('.').collect();
    let mixed = format!("{}.{}.{}", parts[0], other.split('.').nth(1).unwrap(), parts[2]);
    assert_eq!(word(&begun.back(&server, &provider, Some(mixed))), "unproved");
    assert_eq!(word(&Begun::at(&server).back(&server, &provider, None)), "unproved");
    assert_eq!(word(&sign_in(&server, &provider, |_| {}, &By::Provider)), "in", "and the right one is taken");
}

#[test]
fn a_sign_in_is_one_browsers_and_is_used_once() {
    let provider = Provider::start();
    let server = server(&provider, "");
    let begun = Begun::at(&server);
    let state = begun.asked("state").to_owned();
    let token = || Some(provider.token(&provider.claims(begun.asked("nonce")), &By::Provider));
    provider.expect(token(), begun.asked("code_challenge"), begun.asked("redirect_uri"));
    let query = format!("code=code&state={state}");
    // Somebody else's browser is sent here with it, to be signed in as whoever began it.
    let other = Begun::at(&server);
    for (cookie, what) in [(String::new(), "no cookie"), (other.cookie.clone(), "another's cookie")] {
        let answer = Begun { cookie, asked: Vec::new() }.with(&server, &query);
        assert_eq!((word(&answer), session(&answer)), ("late", None), "{what}");
    }
    assert_eq!(word(&begun.with(&server, &query)), "in");
    assert_eq!(word(&begun.with(&server, &query)), "late", "it counts once");

    let failed = |query: &dyn Fn(&str) -> String| {
        let begun = Begun::at(&server);
        word(&begun.with(&server, &query(begun.asked("state")))).to_owned()
    };
    assert_eq!(failed(&|_| "code=code&state=other".to_owned()), "late");
    assert_eq!(failed(&|_| "code=code".to_owned()), "late");
    assert_eq!(failed(&|state| format!("error=access_denied&state={state}")), "denied");
    assert_eq!(failed(&|state| format!("code=code&state={state}&iss=https%3A%2F%2Fevil.example")), "unproved");
    // A code that the provider does not know, or that was begun with another verifier.
    assert_eq!(failed(&|state| format!("code=other&state={state}")), "unproved");
    assert_eq!(failed(&|state| format!("code=code&state={state}")), "unproved");
    let named = Request::get("/sign-in/openid").with("Host", "evil.example").send(server.address);
    assert_eq!(named.status, 421, "no other host becomes the way back");
}

#[test]
fn a_provider_may_change_its_keys_and_be_away_for_a_while() {
    let provider = Provider::start();
    let server = server(&provider, "sign_out_url = \"https://login.example.org/logout?client_id=page\"\n");
    provider.set_down(true);
    let answer = Request::get("/sign-in/openid").send(server.address);
    assert_eq!(word(&answer), "unreachable");
    assert!(server.audit().contains(&format!("the provider {} does not answer as it should", provider.issuer)));
    provider.set_down(false);
    let answer = sign_in(&server, &provider, |_| {}, &By::Provider);
    assert_eq!((word(&answer), provider.reads()), ("in", 1));
    let out = Request::delete("/api/v1/session").by(&session(&answer).unwrap()).send(server.address);
    assert_eq!(out.json()["next"], "https://login.example.org/logout?client_id=page", "Cognito's way");

    sleep(Duration::from_secs(5));
    provider.change_key("two");
    assert_eq!(word(&sign_in(&server, &provider, |_| {}, &By::Provider)), "in");
    assert_eq!(provider.reads(), 2);
    // Whatever tokens come, the provider is not asked more often.
    for _ in 0..3 {
        assert_eq!(word(&sign_in(&server, &provider, |_| {}, &By::Other("three"))), "unproved");
    }
    assert_eq!(provider.reads(), 2);
}

#[test]
fn settings_that_would_let_in_the_wrong_people_are_refused_in_a_sentence() {
    let good = "issuer = \"https://login.example.org\"\nclient_id = \"page\"\noperators = [\"ops\"]\n";
    for (settings, mode, says) in [
        (good.replace("https", "http"), 0o600, "`web.openid.issuer` must begin with https://"),
        (good.replace("client_id", "#"), 0o600, "`web.openid.client_id` is empty"),
        (good.replace("operators", "#"), 0o600, "`web.openid.operators` and web.openid.viewers are empty"),
        (format!("{good}client_secret_file = \"secret\"\n"), 0o640, "chmod 600 secret"),
        (format!("{good}client_secret_file = \"nowhere\"\n"), 0o600, "is nowhere, which cannot be read"),
        (format!("{good}client_secret = \"x\"\n"), 0o600, "client_secret"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        secret(folder.path(), mode);
        fs::write(folder.path().join("config.toml"), format!("[web.openid]\n{settings}")).unwrap();
        let output = handwave(folder.path(), &["serve", "127.0.0.1:0", "--config", "config.toml"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.lines().count() == 1 && said.contains(says), "{says}: {said}");
    }
}
