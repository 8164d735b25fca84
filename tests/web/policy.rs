//! The page's switch pauses the policies, and everybody is told who did.

use serde_json::json;

use crate::http::Request;
use crate::server::Server;

#[test]
fn an_operator_pauses_the_policies_and_lets_them_go_on() {
    let server = Server::with(tempfile::tempdir().unwrap(), "[policy]\nfollow = [\"cpu\"]\nevery = 1\n");
    let by = server.sign_in("operator");
    server.wait(&by, "the first look", |fleet| fleet["seen"] == true);
    let policy = || Request::get("/api/v1/policy").by(&by).send(server.address).json();
    let switch = |paused: bool| {
        let body = json!({ "paused": paused }).to_string();
        Request::post("/api/v1/policy", &body).by(&by).send(server.address).status
    };
    let becomes = |what: &str, is_so: &dyn Fn(&serde_json::Value) -> bool| {
        let began = std::time::Instant::now();
        while !is_so(&policy()) {
            assert!(began.elapsed().as_secs() < 20, "{what}: {}", policy());
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    };
    becomes("a decision", &|policy| policy["decision"].as_str().unwrap().starts_with("hold at 0: cpu: no instance"));
    assert_eq!((switch(true), switch(true)), (200, 200));
    becomes("the pause", &|policy| {
        *policy == json!({"decision": "paused", "held": policy["held"], "paused": true, "paused_by_page": true})
    });
    assert_eq!(switch(false), 200);
    becomes("the resumption", &|policy| policy["paused"] == false && policy["decision"] != "paused");
    assert!(policy()["held"].as_str().unwrap().starts_with("the start holds 0 for"), "{}", policy());
    let audit = server.audit();
    assert_eq!(audit.matches(r#""event":"policies-paused""#).count(), 1, "{audit}");
    assert_eq!(audit.matches(r#""event":"policies-resumed""#).count(), 1, "{audit}");
    let nonsense = Request::post("/api/v1/policy", r#"{"pause": true}"#).by(&by).send(server.address);
    assert_eq!(nonsense.status, 422);
}
