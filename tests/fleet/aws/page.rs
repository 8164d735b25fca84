//! `handwave serve --live` on moto: the page of a fleet in AWS tells its entry address, and what CloudWatch measured.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::Stage;
use super::http::Request;
use super::measurements::put;
use super::proxy::{At, Fault};

/// A page, and the cookie of somebody who is signed in to it.
struct Page {
    child: Child,
    address: SocketAddr,
    cookie: String,
}

impl Page {
    fn of(stage: &Stage, folder: &std::path::Path) -> Page {
        let mut command = stage.handwave(&["serve", "127.0.0.1:0", "--live"]);
        command.env("XDG_RUNTIME_DIR", folder).env("XDG_STATE_HOME", folder);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut links = lines.filter_map(|line| Some(line.split_once("http://")?.1.to_owned()));
        // The banner names moto's address first.
        let link = links.find(|link| link.contains("/#sign-in=")).expect("it prints its link");
        let (address, token) = link.split_once("/#sign-in=").unwrap();
        let address = address.parse().unwrap();
        let answer = Request::post("/api/v1/session", &json!({"link": token}).to_string()).send(address);
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        Page { child, address, cookie }
    }

    fn get(&self, path: &str) -> Value {
        Request::get(path).by(&self.cookie).send(self.address).json()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_tells_where_requests_enter_and_what_cloudwatch_measured() {
    let stage = Stage::new("page", 1).await;
    let id = stage.look().await.instances[0].id().to_string();
    let at = put("AWS/EC2", "CPUUtilization", ("InstanceId", &id), 11, 37.5);
    put("AWS/ELB", "RequestCount", ("LoadBalancerName", "page"), 11, 420.0);
    spawn_blocking(move || {
        let folder = tempfile::tempdir().unwrap();
        stage.proxy.fail(
            At::Action("GetMetricData"),
            Fault::Error(403, "AccessDenied", "not authorized to perform: cloudwatch:GetMetricData".into()),
        );
        let page = Page::of(&stage, folder.path());
        // The chart that is asked for first gets the refusal, and the other one its numbers.
        let refused = page.get("/api/v1/charts/requests");
        assert!(
            refused["error"].as_str().unwrap().contains("add the permission cloudwatch:GetMetricData"),
            "{refused}"
        );
        while page.get("/api/v1/fleet")["seen"] != true {
            sleep(Duration::from_millis(100));
        }
        let cpu = page.get("/api/v1/charts/cpu");
        assert_eq!((&cpu["source"], &cpu["step"]), (&json!("CloudWatch"), &json!(300)), "{cpu}");
        let points = cpu["series"][&id].as_array().unwrap();
        let begin = at.as_second() / 300 * 300;
        assert_eq!(points, &[json!([begin, 37.5])], "{cpu}");

        let mut stream = Request::get("/api/v1/stream").by(&page.cookie).open(page.address);
        let mut line = String::new();
        while !line.starts_with("data: ") {
            line.clear();
            assert!(stream.read_line(&mut line).unwrap() > 0, "no snapshot comes");
        }
        let snapshot: Value = serde_json::from_str(line.trim_start_matches("data: ")).unwrap();
        let entry = snapshot["about"]["entry"].as_str().unwrap_or_else(|| panic!("{}", snapshot["about"]));
        assert!(entry.starts_with("page.") && entry.ends_with(".amazonaws.com"), "{entry}");
        assert_eq!(snapshot["about"]["mode"]["live"], true);
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn while_aws_does_not_answer_the_page_says_so_and_changes_nothing() {
    let stage = Stage::new("silent", 1).await;
    spawn_blocking(move || {
        let folder = tempfile::tempdir().unwrap();
        let page = Page::of(&stage, folder.path());
        let wait = |what: &str, is_so: &dyn Fn(&Value) -> bool| {
            for _ in 0..600 {
                let fleet = page.get("/api/v1/fleet");
                if is_so(&fleet) {
                    return fleet;
                }
                sleep(Duration::from_millis(100));
            }
            panic!("it never comes to {what}: {}", page.get("/api/v1/fleet"));
        };
        let launch = |fleet: &Value| {
            let id = uuid::Uuid::new_v4();
            let wish = json!({"action": "scale-out", "id": id, "fleet": "silent", "count": 1, "seen": fleet["count"]});
            Request::post("/api/v1/commands", &wish.to_string()).by(&page.cookie).send(page.address)
        };
        wait("be seen", &|fleet| fleet["seen"] == true);
        for _ in 0..1000 {
            stage.proxy.fail(At::Action("DescribeInstances"), Fault::Refused);
        }
        let fleet = wait("fail", &|fleet| fleet["failing_since"].is_string());
        let refused = launch(&fleet);
        assert_eq!(refused.status, 503, "{refused:?}");
        assert!(refused.error().contains("the cloud cannot be asked now"), "{refused:?}");
        stage.proxy.clear_faults();
        let fleet = wait("answer again", &|fleet| fleet["failing_since"].is_null());
        assert_eq!(launch(&fleet).status, 200);
    })
    .await
    .unwrap();
}
