//! A page that everybody may look at.

use serde_json::{Value, json};

use crate::http::{Request, event, head};
use crate::server::{Server, id};

#[test]
fn everybody_looks_and_only_operators_act() {
    let server = Server::with(tempfile::tempdir().unwrap(), "public_read = true\n");
    let operator = server.sign_in("operator");
    server.launch(&operator, 1);
    let status = |request: Request| head(&mut request.open(server.address)).status;
    for path in ["/api/v1/fleet", "/api/v1/events", "/api/v1/charts/instances", "/api/v1/stream"] {
        assert_eq!(status(Request::get(path)), 200, "{path}");
        assert_eq!(status(Request::get(path).by("handwave-1=forged")), 200, "{path}");
    }
    let wish = json!({"action": "scale-out", "id": id(), "fleet": "shop", "count": 1, "seen": 1});
    assert_eq!(server.command("", &wish).status, 401);
    assert_eq!(server.command(&server.sign_in("viewer"), &wish).status, 403);
    assert_eq!(server.command(&operator, &wish).status, 200);
}

#[test]
fn who_signs_in_is_no_business_of_those_who_have_not() {
    let server = Server::with(tempfile::tempdir().unwrap(), "public_read = true\n");
    let mut reader = Request::get("/api/v1/stream").open(server.address);
    head(&mut reader);
    let snapshot: Value = serde_json::from_str(&event(&mut reader).unwrap().data).unwrap();
    assert_eq!(snapshot["person"], json!(null));
    let by = server.sign_in("operator");
    assert_eq!(server.sign_in_by("wrong").status, 401);
    server.launch(&by, 1);
    let told = |by: &str| Request::get("/api/v1/events").by(by).send(server.address).body;
    assert!(told(&by).contains("signed-in") && told(&by).contains("sign-in-failed"));
    assert!(told("").contains("launched") && !told("").contains("sign"), "{}", told(""));
    let next = std::iter::from_fn(|| event(&mut reader)).find(|event| event.name == "event").unwrap();
    assert!(next.data.contains("Asked to launch 1"), "{}", next.data);
}
