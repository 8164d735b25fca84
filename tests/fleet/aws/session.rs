//! Who is asked, as whom and by which way: certificates, proxies, credentials, profiles. Each failure is one sentence
//! with its remedy.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread;

use tokio::task::spawn_blocking;

use super::Stage;
use super::tls::Tls;

/// What would be found on this machine instead of what a test sets.
const OF_THIS_MACHINE: [&str; 12] = [
    "AWS_CA_BUNDLE",
    "AWS_PROFILE",
    "AWS_ENDPOINT_URL",
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "RUST_LOG",
];
const KEYS: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
const STS_DENIES: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: arn:aws:iam::1:user/x \
                          is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::2:role/far</Message></Error>\
                          <RequestId>r</RequestId></ErrorResponse>";

/// `handwave fleet status --live`, to be changed and run.
fn status(stage: &Stage) -> Command {
    let mut command = stage.handwave(&["fleet", "status", "--live"]);
    without(&mut command, &OF_THIS_MACHINE);
    command
}

fn without(command: &mut Command, variables: &[&str]) {
    for name in variables {
        command.env_remove(name);
    }
}

/// The exit status, and what it said on standard error.
async fn end(mut command: Command) -> (i32, String) {
    let Output { status, stderr, .. } = spawn_blocking(move || command.output()).await.unwrap().unwrap();
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

/// It fails with one line, which has these words and no call to log in.
async fn fails(command: Command, words: &[&str]) {
    let (status, err) = end(command).await;
    assert_eq!((status, err.lines().count()), (1, 1), "{err}");
    words.iter().for_each(|words| assert!(err.contains(words), "{words:?} is missing in {err}"));
    assert!(!err.contains("log in (aws"), "{err}");
}

/// Other settings in the stage's config.toml.
fn set(stage: &Stage, from: &str, to: &str) {
    let text = std::fs::read_to_string(stage.file.path()).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(stage.file.path(), text.replace(from, to)).unwrap();
}

/// A server that answers everything so, and what it was asked: the first lines of requests.
fn server(status: u16, body: &str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let keep = asked.clone();
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let lines = BufReader::new(client.try_clone().unwrap()).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            keep.lock().unwrap().extend(head.into_iter().next());
            // A client that is gone has what it wanted.
            let _ = client.write_all(answer.as_bytes());
        }
    });
    (url, asked)
}

/// Credentials as a container's server gives them.
fn container_keys(id: &str) -> String {
    format!(r#"{{"AccessKeyId":"{id}","SecretAccessKey":"s","Token":"t","Expiration":"2099-01-01T00:00:00Z"}}"#)
}

/// AWS's config file with this content.
fn profiles(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_is_trusted_that_the_environment_or_the_profile_names() {
    let stage = Stage::new("bundle", 1).await;
    let tls = Tls::before(stage.proxy.address);
    set(&stage, &stage.proxy.url(), &tls.url);
    fails(status(&stage), &["UnknownIssuer", "AWS_CA_BUNDLE"]).await;
    let bundle = tls.bundle.to_str().unwrap();
    let mut command = status(&stage);
    command.env("AWS_CA_BUNDLE", bundle);
    assert_eq!(end(command).await.0, 0);
    let (_folder, path) = profiles(&format!("[profile dev]\nca_bundle = {bundle}\n"));
    let by_profile = || {
        let mut command = status(&stage);
        command.env("AWS_CONFIG_FILE", &path).env("AWS_PROFILE", "dev");
        command
    };
    let (status, err) = end(by_profile()).await;
    assert_eq!(status, 0, "{err}");
    // The environment goes before the profile.
    let mut command = by_profile();
    command.env("AWS_CA_BUNDLE", "/nowhere/ca.pem");
    fails(command, &["cannot read /nowhere/ca.pem, which AWS_CA_BUNDLE names"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_profile_of_the_settings_goes_before_keys_in_the_environment() {
    let stage = Stage::new("profile", 1).await;
    set(&stage, "[aws]\n", "[aws]\nprofile = \"dev\"\n");
    let keys = "aws_access_key_id = AKIDPROFILE\naws_secret_access_key = s\n";
    for (keys, expected) in [(keys, "AKIDPROFILE"), ("region = us-east-1\n", "AKIDCONTAINER")] {
        let (_folder, path) = profiles(&format!("[profile dev]\n{keys}"));
        let (container, _) = server(200, &container_keys("AKIDCONTAINER"));
        let mut command = status(&stage);
        command.env("AWS_CONFIG_FILE", &path).env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{container}/keys"));
        command.env("RUST_LOG", "trace");
        let (status, told) = end(command).await;
        assert_eq!(status, 0, "{told}");
        assert!(told.contains(expected) && !told.contains("AKIDSTANDIN"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_proxy_is_asked_for_what_is_near() {
    let stage = Stage::new("near", 1).await;
    let (proxy, asked) = server(403, "");
    let proxied = || {
        let mut command = status(&stage);
        command.envs(["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"].map(|name| (name, &proxy)));
        without(&mut command, &KEYS);
        command
    };
    // The credentials and AWS itself on this machine, as in a container.
    let (container, given) = server(200, &container_keys("AKIDSTANDIN"));
    let mut command = proxied();
    command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{container}/keys"));
    let (status, err) = end(command).await;
    assert_eq!(status, 0, "{err}");
    assert_eq!(*given.lock().unwrap(), ["GET /keys HTTP/1.1"]);
    // 169.254.170.2 and 169.254.169.254, which need not be there.
    let mut command = proxied();
    command.env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/keys").env_remove("AWS_EC2_METADATA_DISABLED");
    end(command).await;
    let mut command = proxied();
    command.env_remove("AWS_EC2_METADATA_DISABLED");
    end(command).await;
    assert_eq!(*asked.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_process_has_its_own_time_and_runs_once() {
    let stage = Stage::new("slow-process", 1).await;
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("process.sh");
    // Longer than a request may take.
    let keys = r#"{"Version":1,"AccessKeyId":"AKIDSTANDIN","SecretAccessKey":"s"}"#;
    std::fs::write(&script, format!("echo run >> \"$0.runs\"\nsleep 16\necho '{keys}'\n")).unwrap();
    let (_folder, path) = profiles(&format!("[default]\ncredential_process = sh {}\n", script.display()));
    let mut command = status(&stage);
    without(&mut command, &KEYS);
    command.env("AWS_CONFIG_FILE", path);
    let (status, err) = end(command).await;
    assert_eq!(status, 0, "{err}");
    assert_eq!(std::fs::read_to_string(folder.path().join("process.sh.runs")).unwrap(), "run\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_to_have_no_credentials_has_its_remedy() {
    let stage = Stage::bare("no-keys").await;
    let with = |config: &str, profile: &str| {
        let (folder, path) = profiles(config);
        let mut command = status(&stage);
        without(&mut command, &KEYS);
        command.env("AWS_CONFIG_FILE", path).env("AWS_PROFILE", profile);
        (folder, command)
    };
    // No credentials of another source stand in for a profile that is named.
    let mut command = status(&stage);
    command.env("AWS_PROFILE", "nope");
    fails(command, &["there is no profile nope", "correct AWS_PROFILE"]).await;
    set(&stage, "[aws]\n", "[aws]\nprofile = \"gone\"\n");
    fails(status(&stage), &["there is no profile gone", "correct aws.profile in config.toml"]).await;
    set(&stage, "profile = \"gone\"\n", "");

    let (_folder, command) =
        with("[profile dev]\ncredential_process = sh -c 'echo no key is >&2; echo there >&2; exit 1'\n", "dev");
    fails(command, &["Stderr: no key is there; mend credential_process"]).await;
    let (_folder, command) = with("[profile dev]\nsource_profile = gone\nrole_arn = arn:aws:iam::2:role/far\n", "dev");
    fails(command, &["profile `gone`", "; correct the profile"]).await;
    let (_folder, command) = with("[profile dev\nregion = x\n", "dev");
    fails(command, &["cannot read the files of AWS's profiles", "; correct them"]).await;

    let (sts, _) = server(403, STS_DENIES);
    let role = "[profile dev]\nsource_profile = base\nrole_arn = arn:aws:iam::2:role/far\n\
                [profile base]\naws_access_key_id = AKIDSTANDIN\naws_secret_access_key = s\n";
    let (_folder, mut command) = with(role, "dev");
    command.env("AWS_ENDPOINT_URL_STS", sts);
    fails(command, &["AccessDenied: User: arn:aws:iam::1:user/x", "; let the role trust this caller"]).await;
    assert_eq!(stage.proxy.take_calls(), Vec::<String>::new());

    let (_folder, command) = with("[profile dev]\nregion = us-east-1\n", "dev");
    let (status, err) = end(command).await;
    assert_eq!((status, err.lines().count()), (1, 1), "{err}");
    assert!(err.contains("NoCredentials: ") && err.contains("; log in (aws sso login"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_is_none_is_told_from_a_network_that_fails() {
    let stage = Stage::bare("no-way").await;
    let url = stage.proxy.url();
    set(&stage, &url, "http://sts.nowhere-1.invalid");
    fails(status(&stage), &["lookup address", "; check the region's name"]).await;
    // A port that nobody listens on.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    set(&stage, "http://sts.nowhere-1.invalid", &format!("http://127.0.0.1:{port}"));
    fails(status(&stage), &["AWS cannot be reached", "; check the network"]).await;

    // Nor does a machine without metadata dump why it has no region.
    set(&stage, "us-east-1", "");
    let mut command = status(&stage);
    command.env_remove("AWS_REGION").env_remove("AWS_DEFAULT_REGION").env_remove("AWS_EC2_METADATA_DISABLED");
    command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://127.0.0.1:{port}"));
    fails(command, &["there is no region: set aws.region"]).await;
}
