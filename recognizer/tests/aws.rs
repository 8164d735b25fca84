//! aws/user-data.sh, run in a folder that stands for an instance's root, with stand-ins for `aws` and `systemctl`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// An instance: what its programs were asked is in `asked`.
struct Machine(TempDir);

impl Machine {
    fn new() -> Machine {
        let machine = Machine(tempfile::tempdir().unwrap());
        for folder in ["etc/systemd/system", "opt", "bin"] {
            fs::create_dir_all(machine.path(folder)).unwrap();
        }
        // The archive's one file stands for the binary.
        let archive = "mkdir -p package/bin && echo it >package/bin/recognizer && tar -C package -cz bin";
        machine.program("aws", &format!("cd '{}' && {archive}", machine.path("").display()));
        machine.program("systemctl", "");
        machine
    }

    fn path(&self, of: &str) -> PathBuf {
        self.0.path().join(of)
    }

    fn program(&self, name: &str, does: &str) {
        let (path, asked) = (self.path("bin").join(name), self.path("asked"));
        fs::write(&path, format!("#!/bin/sh\necho {name} \"$@\" >>'{}'\n{does}\n", asked.display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs the script with these settings filled in.
    fn boot(&self, filled: &[(&str, &str)]) -> Output {
        let root = self.path("").display().to_string();
        let root = root.trim_end_matches('/');
        let mut script = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("aws/user-data.sh")).unwrap();
        for (name, value) in filled {
            assert!(script.contains(&format!("\n{name}=\n")), "{name}");
            script = script.replace(&format!("\n{name}=\n"), &format!("\n{name}={value}\n"));
        }
        let moved = script.replace("mkdir -p /opt", &format!("mkdir -p {root}/opt"));
        let moved = moved.replace("-C /opt", &format!("-C {root}/opt")).replace(">/etc/", &format!(">{root}/etc/"));
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        Command::new("sh").arg("-c").arg(moved).env("PATH", path).output().unwrap()
    }

    fn read(&self, of: &str) -> String {
        fs::read_to_string(self.path(of)).unwrap()
    }
}

const FILLED: [(&str, &str); 4] =
    [("REGION", "eu-central-1"), ("PACKAGES", "packages"), ("INPUT", "in"), ("OUTPUT", "out")];

#[test]
fn an_instance_has_a_service_that_the_worker_understands() {
    let machine = Machine::new();
    let Output { status, stderr, .. } = machine.boot(&FILLED);
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    assert_eq!(machine.read("opt/recognizer/bin/recognizer"), "it\n");
    let asked = "aws s3 cp --region eu-central-1 s3://packages/recognizer.tar.gz -\n\
                 systemctl daemon-reload\nsystemctl enable --now recognizer\n";
    assert_eq!(machine.read("asked"), asked);

    // The binary is asked whether it knows these settings: it looks for the queue, in a region where nobody answers.
    let unit = machine.read("etc/systemd/system/recognizer.service");
    let line = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    let words = line("ExecStart=").split_once("recognizer ").unwrap().1.to_owned();
    let settings = machine.read("etc/recognizer.conf");
    let settings = settings.lines().map(|line| line.split_once('=').unwrap());
    let run = Command::new("sh")
        .arg("-c")
        .arg(format!("exec '{}' {words}", env!("CARGO_BIN_EXE_recognizer")))
        .env_clear()
        .envs(settings)
        .envs([("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:9")])
        .envs([("AWS_ACCESS_KEY_ID", "me"), ("AWS_SECRET_ACCESS_KEY", "secret")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.code() == Some(1) && said.contains("recognizer-requests"), "{said}");
}

#[test]
fn what_is_not_filled_in_is_named_and_nothing_is_installed() {
    for (i, (name, _)) in FILLED.iter().enumerate() {
        let machine = Machine::new();
        let run = machine.boot(&FILLED[..i]);
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(!run.status.success() && said.contains(&format!("{name} is empty")), "{said}");
        assert!(!machine.path("asked").exists());
    }
}

/// By systemd's own judgement, where it is installed.
#[test]
fn systemd_finds_nothing_wrong_with_the_service() {
    let machine = Machine::new();
    assert!(machine.boot(&FILLED).status.success());
    let unit = machine.path("etc/systemd/system/recognizer.service");
    let text = fs::read_to_string(&unit).unwrap();
    // It looks whether the binary is there.
    fs::write(&unit, text.replace("/opt/recognizer/bin/recognizer", "/bin/sh")).unwrap();
    match Command::new("systemd-analyze").arg("verify").arg(&unit).output() {
        Ok(run) => {
            let said = String::from_utf8_lossy(&run.stderr);
            assert!(run.status.success() && !said.contains("recognizer.service"), "{said}");
        }
        Err(error) => eprintln!("skipped: systemd-analyze does not start: {error}"),
    }
}

#[test]
fn the_policies_are_whole_and_name_no_resource_by_a_star() {
    for tier in ["worker", "web"] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("aws/{tier}-policy.json"));
        let policy: serde_json::Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        let statements = policy["Statement"].as_array().unwrap();
        assert!(!statements.is_empty());
        for statement in statements {
            assert!(statement["Resource"] != "*" && !statement["Action"].to_string().contains('*'), "{statement}");
        }
    }
}
