//! A stage for tests: moto, which stands in for AWS, with buckets and queues of the test's own; the real binary;
//! pictures and what is in them. In: a name. Out: processes to start, and what they left in the stand-in.

#![allow(dead_code, reason = "not every file of tests needs all of it")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The pictures of tests/golden, and what is in them.
pub const PICTURES: [(&str, &str); 3] =
    [("cat.jpg", "Egyptian cat"), ("coffee.jpg", "espresso"), ("rocket.jpg", "missile")];

pub fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

pub struct Stage {
    pub endpoint: String,
    name: String,
    imds: Imds,
}

impl Stage {
    /// With buckets and queues; a message that a worker has is hidden for so long.
    pub fn new(name: &str, visibility: &str) -> Stage {
        let stage = Stage::bare(name);
        let told = stage.run(&["setup", "--visibility", visibility]);
        assert!(told.status.success(), "{}", text(&told.stderr));
        stage
    }

    pub fn bare(name: &str) -> Stage {
        Stage { endpoint: format!("http://127.0.0.1:{}", MOTO.0), name: name.to_owned(), imds: Imds::default() }
    }

    /// The name of a bucket or a queue of this stage's own.
    pub fn own(&self, which: &str) -> String {
        format!("{}-{which}", self.name)
    }

    /// The binary, with this stage's places in its environment. It is on no instance.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_recognizer"));
        command.args(args);
        for (name, value) in [
            ("AWS_ENDPOINT_URL", self.endpoint.as_str()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDSTANDIN"),
            ("AWS_SECRET_ACCESS_KEY", "secret-of-the-stand-in"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ("RECOGNIZER_REQUESTS", &self.own("requests")),
            ("RECOGNIZER_RESPONSES", &self.own("responses")),
            ("RECOGNIZER_INPUT", &self.own("input")),
            ("RECOGNIZER_OUTPUT", &self.own("output")),
            ("RECOGNIZER_WAIT", "1s"),
        ] {
            command.env(name, value);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// A worker, on an instance of that id where one is given.
    pub fn worker(&self, args: &[&str], instance: Option<&str>) -> Process {
        let mut command = self.command(&[&["work"], args].concat());
        if let Some(id) = instance {
            command.env_remove("AWS_EC2_METADATA_DISABLED");
            command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", self.imds.of(id));
        }
        Process::start(command.stdout(Stdio::null()))
    }

    /// The web tier, and its address.
    pub fn web(&self) -> (Process, String) {
        let mut process = Process::start(&mut self.command(&["web", "--listen", "127.0.0.1:0"]));
        let mut line = String::new();
        BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?} is no ready line"));
        (process, url.to_owned())
    }

    /// handwave's tag on an instance.
    pub fn retire(&self, instance: &str) {
        self.imds.retiring.lock().unwrap().push(instance.to_owned());
    }

    /// boto3 in the stand-in: Python statements that print one line of JSON.
    pub fn boto(&self, script: &str) -> serde_json::Value {
        let (input, output) = (self.own("input"), self.own("output"));
        let start = format!(
            "url = lambda name: sqs.get_queue_url(QueueName='{}-' + name)['QueueUrl']\n\
             INPUT, OUTPUT = {input:?}, {output:?}\n",
            self.name
        );
        let (_, to, from) = &mut *BOTO.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        writeln!(to, "{}", serde_json::to_string(&(start + script)).unwrap()).unwrap();
        let mut line = String::new();
        from.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{script} failed: see above"))
    }

    /// How many messages a queue has: visible, in flight.
    pub fn depth(&self, queue: &str) -> (u64, u64) {
        let found = self.boto(&format!(
            "a = sqs.get_queue_attributes(QueueUrl=url({queue:?}), AttributeNames=['All'])['Attributes']\n\
             print(json.dumps([int(a['ApproximateNumberOfMessages' + which]) for which in ('', 'NotVisible')]))"
        ));
        (found[0].as_u64().unwrap(), found[1].as_u64().unwrap())
    }

    /// The output bucket: what is said of each picture.
    pub fn answers(&self) -> BTreeMap<String, String> {
        let found = self.boto(
            "keys = [o['Key'] for p in s3.get_paginator('list_objects_v2').paginate(Bucket=OUTPUT) \
             for o in p.get('Contents', [])]\n\
             print(json.dumps({key: s3.get_object(Bucket=OUTPUT, Key=key)['Body'].read().decode() for key in keys}))",
        );
        serde_json::from_value(found).unwrap()
    }

    /// Every message of the response queue, which they are taken out of.
    pub fn responses(&self) -> Vec<serde_json::Value> {
        let found = self.boto(
            "found = []\n\
             while got := sqs.receive_message(QueueUrl=url('responses'), MaxNumberOfMessages=10).get('Messages'):\n    \
             for m in got:\n        \
             found.append(json.loads(m['Body']))\n        \
             sqs.delete_message(QueueUrl=url('responses'), ReceiptHandle=m['ReceiptHandle'])\n\
             print(json.dumps(found))",
        );
        found.as_array().unwrap().clone()
    }

    /// Puts so many pictures into the input bucket and their requests into the queue, as the web tier does.
    pub fn requests(&self, count: usize) {
        let files: Vec<_> = PICTURES.iter().map(|(file, _)| golden().join(file)).collect();
        self.boto(&format!(
            "import uuid, pathlib\nfiles = {files:?}\nfor i in range({count}):\n    \
             id, path = str(uuid.uuid4()), pathlib.Path(files[i % len(files)])\n    \
             s3.put_object(Bucket=INPUT, Key=id, Body=path.read_bytes())\n    \
             body = dict(id=id, name=path.name, sent='2026-01-01T00:00:00Z')\n    \
             sqs.send_message(QueueUrl=url('requests'), MessageBody=json.dumps(body))\nprint('null')"
        ));
    }
}

/// One moto for all tests of a file: it is slow to start. It ends when this process does: the pipe to it closes.
static MOTO: LazyLock<(u16, Child)> = LazyLock::new(|| {
    // Nothing to do after `make test`; this is for a run of cargo alone.
    let fetched = Command::new("sh").arg(root().join("tests/fetch-moto.sh")).status().expect("sh starts");
    assert!(fetched.success(), "moto is not to be had; fetch-moto.sh has said why");
    let mut child = python(&[root().join("tests/fleet/aws/stand_in.py").to_str().unwrap()], Stdio::null());
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (line.trim().parse().expect("it says its port"), child)
});

/// One Python with boto3 in it, for the same reason. Each line is a script.
static BOTO: LazyLock<Mutex<(Child, ChildStdin, BufReader<ChildStdout>)>> = LazyLock::new(|| {
    let script = "import boto3, json, sys, traceback\n\
        at = dict(endpoint_url=sys.argv[1], region_name='us-east-1')\n\
        at |= dict(aws_access_key_id='k', aws_secret_access_key='s')\n\
        s3, sqs = boto3.client('s3', **at), boto3.client('sqs', **at)\n\
        for line in sys.stdin:\n    \
        try:\n        \
        exec(json.loads(line), dict(s3=s3, sqs=sqs, json=json))\n    \
        except Exception:\n        \
        traceback.print_exc()\n        \
        print('failed')\n    \
        sys.stdout.flush()";
    let mut child = python(&["-c", script, &format!("http://127.0.0.1:{}", MOTO.0)], Stdio::inherit());
    let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    Mutex::new((child, to, from))
});

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn python(args: &[&str], stderr: Stdio) -> Child {
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", root().join(".deps/moto")).args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr).spawn().expect("python3 starts")
}

/// A process that ends with the test at the latest.
pub struct Process(pub Child);

impl Process {
    pub fn start(command: &mut Command) -> Process {
        Process(command.stderr(Stdio::inherit()).spawn().unwrap())
    }

    /// As a machine that is gone: no time for anything.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    pub fn terminate(&self) {
        assert!(Command::new("kill").arg(self.0.id().to_string()).status().unwrap().success());
    }

    /// Its exit code, once it has ended by itself.
    pub fn ended(&mut self, within: Duration) -> i32 {
        let start = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code().unwrap();
            }
            assert!(start.elapsed() < within, "it does not end");
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Instance metadata services, one for each instance: IMDSv2, as far as workers ask it.
#[derive(Default)]
struct Imds {
    retiring: Arc<Mutex<Vec<String>>>,
}

impl Imds {
    /// The address of an instance's own.
    fn of(&self, id: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (id, retiring) = (id.to_owned(), Arc::clone(&self.retiring));
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let is_retiring = retiring.lock().unwrap().contains(&id);
                let _ = serve(connection, &id, is_retiring);
            }
        });
        format!("http://{address}")
    }
}

fn serve(connection: std::net::TcpStream, id: &str, is_retiring: bool) -> std::io::Result<()> {
    let mut lines = BufReader::new(&connection).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let mut has_token = false;
    for line in lines {
        let line = line?.to_lowercase();
        has_token |= line.starts_with("x-aws-ec2-metadata-token: token");
        if line.is_empty() {
            break;
        }
    }
    let (status, body) = match request.split(' ').collect::<Vec<_>>()[..] {
        ["PUT", "/latest/api/token", _] => ("200 OK", "token"),
        _ if !has_token => ("401 Unauthorized", ""),
        ["GET", "/latest/meta-data/instance-id", _] => ("200 OK", id),
        ["GET", "/latest/meta-data/tags/instance/handwave:retiring", _] if is_retiring => ("200 OK", "true"),
        _ => ("404 Not Found", ""),
    };
    write!(
        &connection,
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nx-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Waits until it is so.
pub fn until(within: Duration, what: &str, is_so: impl FnMut() -> bool) {
    let (start, mut is_so) = (Instant::now(), is_so);
    while !is_so() {
        assert!(start.elapsed() < within, "not within {within:?}: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
