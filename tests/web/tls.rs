//! A page that other machines reach: TLS with a certificate that is renewed meanwhile, or a proxy that has it.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;
use tempfile::TempDir;

use crate::http::Request;
use crate::server::{Server, add_user, by_password, cookie, typed};

const GOOD: &str = "correct horse battery staple";
const NAME: &str = "hand.example";

/// A folder with anna among its users, for these settings.
fn folder(web: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.toml"), format!("[web]\n{web}")).unwrap();
    add_user(folder.path(), "anna", "operator", GOOD);
    folder
}

/// Writes a new certificate with its key, and answers a client that trusts that one alone.
fn certified(folder: &TempDir) -> Arc<ClientConfig> {
    let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).unwrap();
    fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    fs::write(folder.path().join("certificate.pem"), made.cert.pem()).unwrap();
    let mut trusted = rustls::RootCertStore::empty();
    trusted.add(CertificateDer::from_pem_slice(made.cert.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut client = builder.with_root_certificates(trusted).with_no_client_auth();
    // As browsers ask.
    client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(client)
}

const TLS: &str = "listen = \"0.0.0.0:0\"\nusers = \"users.toml\"\nhosts = [\"hand.example\"]\n\
                   certificate = \"certificate.pem\"\nkey = \"key.pem\"\n";

#[test]
fn a_page_for_other_machines_is_served_over_tls_to_those_who_have_a_password() {
    let folder = folder(TLS);
    let tls = certified(&folder);
    let server = Server::with(folder, TLS);
    assert_eq!(server.token, "", "no link is printed");
    let send = |request: Request| request.with("Host", NAME).over(&tls, NAME).send(server.address);
    let answer = send(by_password("anna", GOOD));
    assert_eq!(answer.status, 200, "{answer:?}");
    let set = answer.header("set-cookie").unwrap();
    assert!(set.starts_with("__Host-handwave-"), "{set}");
    for part in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(set.contains(part), "{set}");
    }
    let by = cookie(&answer);
    assert_eq!(send(Request::get("/api/v1/fleet").by(&by)).status, 200);
    let who = send(Request::get("/api/v1/session").by(&by)).json();
    assert_eq!((&who["links"], &who["passwords"]), (&json!(false), &json!(true)));
    let link = Request::post("/api/v1/session", &json!({"link": "x"}).to_string());
    assert_eq!(send(link).status, 403);
    assert_eq!(Request::get("/healthz").with("Host", "evil.example").over(&tls, NAME).send(server.address).status, 421);
    let output = typed(server.folder.path(), &["web", "link"], "");
    assert!(String::from_utf8_lossy(&output.stderr).contains("sign in there by a password"), "{output:?}");

    // A renewed certificate is served without a restart, and the session goes on.
    let renewed = certified(&server.folder);
    let began = Instant::now();
    let with_new = || {
        let request = Request::get("/api/v1/fleet").by(&by).with("Host", NAME).over(&renewed, NAME);
        // A certificate that is not trusted ends the connection.
        catch_unwind(AssertUnwindSafe(|| request.send(server.address).status))
    };
    while with_new().ok() != Some(200) {
        assert!(began.elapsed() < Duration::from_secs(10), "the new certificate is not served");
        sleep(Duration::from_millis(200));
    }
}

#[test]
fn what_a_page_for_other_machines_lacks_is_said_in_a_sentence() {
    let folder = folder(TLS);
    let said = |web: &str| {
        fs::write(folder.path().join("config.toml"), format!("[web]\n{web}")).unwrap();
        let output = typed(folder.path(), &["serve"], "");
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), err.lines().count()), (Some(1), 1), "{err}");
        err
    };
    let without = |key: &str| said(&TLS.lines().filter(|line| !line.starts_with(key)).collect::<Vec<_>>().join("\n"));
    assert!(said(TLS).contains("cannot read the certificate certificate.pem"));
    certified(&folder);
    assert!(without("users").contains("set web.users"));
    assert!(without("hosts").contains("set web.hosts"));
    assert!(without("key").contains("web.certificate") && without("key").contains("set web.key too"));
    assert!(without("certificate").contains("set web.certificate too"));
    fs::write(folder.path().join("key.pem"), "nonsense").unwrap();
    assert!(said(TLS).contains("key.pem has no key as PEM"));
    assert!(said("trusted_proxies = [\"proxy\"]").contains("write an IP address such as"));
    assert!(said("hosts = [\"https://x\"]").contains("write a name alone"));
    fs::remove_file(folder.path().join("users.toml")).unwrap();
    assert!(said(TLS).contains("add somebody by `handwave web user add NAME --role operator`"));
}

#[test]
fn behind_a_proxy_the_client_is_whom_the_proxy_names() {
    let web = "users = \"users.toml\"\nhosts = [\"hand.example\"]\ntrusted_proxies = [\"127.0.0.1\"]\n";
    let server = Server::with(folder(web), web);
    let by_way = |request: Request, scheme: &str| {
        let request = request.with("X-Forwarded-For", "6.6.6.6, 192.0.2.7").with("X-Forwarded-Host", NAME);
        request.with("X-Forwarded-Proto", scheme).send(server.address)
    };
    let plain = by_way(by_password("anna", GOOD), "http");
    assert_eq!((plain.status, plain.error().contains("https")), (403, true));
    let answer = by_way(by_password("anna", GOOD), "https");
    assert_eq!(answer.status, 200, "{answer:?}");
    let set = answer.header("set-cookie").unwrap();
    assert!(set.starts_with("__Host-handwave-") && set.contains("Secure"), "{set}");
    assert!(server.audit().contains(r#""user":"anna","role":"operator","address":"192.0.2.7""#), "{}", server.audit());
    assert_eq!(by_way(Request::get("/api/v1/fleet").by(&cookie(&answer)), "https").status, 200);
    let link = Request::post("/api/v1/session", &json!({"link": server.link("operator")}).to_string());
    assert_eq!(by_way(link, "https").status, 403, "links are this machine's");
    let evil = Request::get("/healthz").with("X-Forwarded-For", "192.0.2.7").with("X-Forwarded-Host", "evil.example");
    assert_eq!(evil.send(server.address).status, 421);
    // Who comes without the proxy is on this machine.
    assert_eq!(server.sign_in_by(&server.link("viewer")).status, 200);
}
