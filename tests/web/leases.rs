//! Leases by the page's API: one's own, and for operators everybody's.

use std::fs;

use serde_json::{Value, json};

use crate::http::{Answer, Request};
use crate::server::{Server, add_user, cookie, id};

const GOOD: &str = "correct horse battery staple";

/// A server with users: anna acts, ben and carl look.
fn server(lease: &str) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let web = "users = \"users.toml\"\n";
    fs::write(folder.path().join("config.toml"), format!("[web]\n{web}")).unwrap();
    for (name, role) in [("anna", "operator"), ("ben", "viewer"), ("carl", "viewer")] {
        add_user(folder.path(), name, role, GOOD);
    }
    let lease = format!("[lease]\nat_most = 2\nurl = \"https://{{public_address}}/{{id}}\"\n{lease}");
    Server::with(folder, &format!("{web}{lease}"))
}

struct Person<'a> {
    server: &'a Server,
    cookie: String,
}

impl Person<'_> {
    fn of<'a>(server: &'a Server, name: &str) -> Person<'a> {
        let answer = server.sign_in_as(name, GOOD);
        assert_eq!(answer.status, 200, "{answer:?}");
        Person { server, cookie: cookie(&answer) }
    }

    fn ask(&self, wish: &Value) -> Answer {
        Request::post("/api/v1/leases", &wish.to_string()).by(&self.cookie).send(self.server.address)
    }

    fn lease(&self) -> Answer {
        self.ask(&json!({"action": "lease", "id": id(), "fleet": "shop"}))
    }

    fn of_instance(&self, action: &str, instance: &str) -> Answer {
        self.ask(&json!({"action": action, "id": id(), "fleet": "shop", "instance": instance}))
    }

    fn get(&self, path: &str) -> Answer {
        Request::get(path).by(&self.cookie).send(self.server.address)
    }

    fn leases(&self) -> Vec<Value> {
        self.get("/api/v1/leases").json()["leases"].as_array().unwrap().clone()
    }

    fn events(&self) -> String {
        self.get("/api/v1/events").body
    }
}

#[test]
fn a_viewer_has_one_of_their_own_and_nobody_elses() {
    let server = server("");
    let [anna, ben, carl] = ["anna", "ben", "carl"].map(|name| Person::of(&server, name));
    server.wait(&ben.cookie, "the first look", |fleet| fleet["seen"] == true);
    let answer = ben.lease();
    assert_eq!(answer.status, 200, "{answer:?}");
    let of_ben = answer.json()["instances"][0].as_str().unwrap().to_owned();
    server.wait(&ben.cookie, "the launch", |fleet| fleet["settled"] == true);

    let [row] = &ben.leases()[..] else { panic!("{:?}", ben.leases()) };
    assert_eq!((&row["instance"], &row["who"], &row["kept"]), (&json!(of_ben), &json!("ben"), &json!(false)));
    let left = row["left"].as_u64().unwrap();
    assert!((3500..=3600).contains(&left) && row["ends_soon"] == false, "{row}");
    let link = row["link"].as_str().unwrap();
    assert_eq!(link, format!("https://{}/{of_ben}", row["public_address"].as_str().unwrap()));
    assert!(row["subnet"].as_str().unwrap().starts_with("subnet-") && row["launched"].is_string(), "{row}");

    // Others see that it is leased, and not to whom.
    assert_eq!(carl.leases(), Vec::<Value>::new());
    let fleet = server.fleet(&carl.cookie);
    assert!(fleet["instances"][0]["leased"] == true && !fleet.to_string().contains("handwave:lease"), "{fleet}");
    assert!(ben.events().contains("Leased i-") && !carl.events().contains("eased i-"), "{}", carl.events());
    assert_eq!(anna.leases().len(), 1);

    // Nor can they change it, or start one for another.
    for action in ["extend", "release"] {
        assert_eq!(carl.of_instance(action, &of_ben).status, 403, "{action}");
    }
    let told = carl.events();
    assert!(!told.contains(&format!("lease of {of_ben}")), "{told}");
    let for_ben = json!({"action": "lease", "id": id(), "fleet": "shop", "who": "dora"});
    assert_eq!(carl.ask(&for_ben).status, 403);
    assert_eq!(carl.get(&format!("/api/v1/leases/{of_ben}/log")).status, 404);
    let log = ben.get(&format!("/api/v1/leases/{of_ben}/log")).json();
    assert!(log["console"].as_str().unwrap().contains("the system runs"), "{log}");
    assert!(log["events"].to_string().contains("In service"), "{log}");

    // A second one is refused, and so is an end that is not later.
    let answer = ben.lease();
    assert!(answer.status == 409 && answer.error().starts_with(&format!("ben has {of_ben} already")), "{answer:?}");
    let longer = json!({"action": "extend", "id": id(), "fleet": "shop", "instance": of_ben, "seconds": 7200});
    assert_eq!((ben.ask(&longer).status, ben.ask(&longer).status), (200, 200), "the same one again does nothing twice");
    let told = carl.events();
    assert!(ben.events().contains(&format!("lease of {of_ben}")) && !told.contains("lease of"), "{told}");
    assert!(ben.events().contains("Refused: ben has") && !told.contains("Refused"), "{told}");
    let shorter = json!({"action": "extend", "id": id(), "fleet": "shop", "instance": of_ben, "seconds": 60});
    assert!(ben.ask(&shorter).error().contains("later than asked for"));
    let retire = json!({"action": "terminate", "id": id(), "fleet": "shop", "instances": [of_ben]});
    let answer = server.command(&anna.cookie, &retire);
    assert!(answer.status == 409 && answer.error().contains("leased, and stays until its lease ends"), "{answer:?}");

    // An operator leases for others, and ends what is theirs.
    let answer = anna.ask(&json!({"action": "lease", "id": id(), "fleet": "shop", "who": "dora", "seconds": 60}));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(carl.lease().error(), "2 leased, and lease.at_most is 2: wait until one ends");
    assert_eq!(anna.of_instance("release", &of_ben).status, 200);
    server.wait(&anna.cookie, "the end", |fleet| {
        fleet["instances"].as_array().unwrap().iter().any(|of| of["id"] == of_ben && of["lifecycle"] == "terminated")
    });
    assert!(ben.leases().is_empty() && ben.events().contains("Lease over, retired"));
}

#[test]
fn signing_out_ends_a_lease_only_where_that_is_set() {
    for (setting, is_kept) in [("", true), ("end_on_sign_out = true\n", false)] {
        let server = server(setting);
        let (anna, ben) = (Person::of(&server, "anna"), Person::of(&server, "ben"));
        server.wait(&ben.cookie, "the first look", |fleet| fleet["seen"] == true);
        assert_eq!(ben.lease().status, 200);
        server.wait(&ben.cookie, "the launch", |fleet| fleet["settled"] == true);
        assert_eq!(Request::delete("/api/v1/session").by(&ben.cookie).send(server.address).status, 204);
        let goes = |fleet: &Value| fleet["instances"][0]["tags"]["handwave:retiring"].is_string();
        if is_kept {
            std::thread::sleep(std::time::Duration::from_secs(3));
            assert!(!goes(&server.fleet(&anna.cookie)));
        } else {
            server.wait(&anna.cookie, "the end", goes);
        }
    }
}

#[test]
fn nothing_is_leased_where_leases_are_off() {
    let server = Server::start();
    let by = server.sign_in("viewer");
    server.wait(&by, "the first look", |fleet| fleet["seen"] == true);
    let wish = json!({"action": "lease", "id": id(), "fleet": "shop"});
    let answer = Request::post("/api/v1/leases", &wish.to_string()).by(&by).send(server.address);
    assert_eq!(
        (answer.status, answer.error()),
        (409, "nothing is leased here: set lease.at_most in config.toml".into())
    );
    let told = Request::get("/api/v1/leases").by(&by).send(server.address).json();
    assert_eq!((&told["at_most"], &told["leases"]), (&json!(0), &json!([])));
}
