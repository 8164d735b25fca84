//! The API's description: it names every route, and the server keeps to it, which schemathesis tries with what it makes
//! up.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::access::routes;
use crate::http::{Request, head};
use crate::server::Server;

/// What the server says of itself.
fn document(server: &Server) -> Value {
    Request::get("/api/v1/openapi.json").send(server.address).json()
}

#[test]
fn every_route_is_described_with_each_status_that_it_answers() {
    let server = Server::start();
    let document = document(&server);
    let described = document["paths"].as_object().unwrap();
    let people = [String::new(), server.sign_in("viewer"), server.sign_in("operator")];
    for (route, _) in routes() {
        // The page's own files are no API, and neither is what is not there.
        let of = &described.get(&route.path).map(|path| &path[route.method.to_lowercase()]);
        let is_api = route.path.starts_with("/api/") || ["/healthz", "/metrics"].contains(&route.path.as_str());
        for by in people.iter().filter(|_| is_api) {
            let status = head(&mut route.clone().by(by).open(server.address)).status;
            let is_described = of.is_some_and(|of| of["responses"].get(status.to_string()).is_some());
            assert!(is_described || status == 405, "{} {} answers {status}: {of:?}", route.method, route.path);
        }
    }
    let paths: Vec<String> = routes().into_iter().map(|(route, _)| route.path).collect();
    for path in described.keys() {
        assert!(paths.contains(path), "{path} is described, and no test asks for it");
    }
}

/// schemathesis is made for OpenAPI: it makes requests up, valid ones and others, and holds each answer to the
/// document. The stream never ends, and a sign-out would sign the tests out.
#[test]
fn answers_are_as_described_whatever_is_asked() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".deps/schemathesis");
    if !folder.join("stamp").is_file() {
        eprintln!("skipped: schemathesis is missing (sh tests/fetch-schemathesis.sh)");
        return;
    }
    let server = Server::start();
    // Somebody is signed in by a header of each request: schemathesis would leave the document's cookie out.
    let mut document = document(&server);
    let operations =
        document["paths"].as_object_mut().unwrap().values_mut().flat_map(|path| path.as_object_mut().unwrap());
    operations.for_each(|(_, of)| drop(of.as_object_mut().unwrap().remove("security")));
    std::fs::write(server.folder.path().join("openapi.json"), document.to_string()).unwrap();
    let mut tries = Command::new("python3");
    tries.env("PYTHONPATH", &folder).current_dir(server.folder.path()).args(["-m", "schemathesis.cli", "run"]);
    tries.args(["--max-examples", "25", "--phases", "examples,coverage,fuzzing", "--exclude-path", "/api/v1/stream"]);
    tries.args(["--exclude-method", "DELETE", "--no-color", "--seed", "1", "--suppress-health-check", "all"]);
    // A command that fits the document need not fit the fleet.
    tries.args(["--exclude-checks", "unsupported_method,positive_data_acceptance"]);
    tries.args(["-H", &format!("Cookie: {}", server.sign_in("operator"))]);
    tries.args(["openapi.json", "--url", &format!("http://{}", server.address)]);
    let output = tries.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
