//! Between handwave and moto, over real sockets. In: requests. Out: moto's answers, with what moto lacks of AWS made up
//! for, and the faults that a test asks for.
//!
//! It allows what docs/iam-policy.json allows. Made up for: MinCount (moto launches no more), ClientToken (a token
//! replayed gets its first answer), the drain (moto has none), what the balancer says of an instance that it does not
//! know, pages (moto counts reservations), and target groups (`targets`). CloudWatch and SQS speak other protocols
//! (`newer`).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::newer;
use super::policy;
use super::targets::{self, Draining};

/// The actions that change something.
pub const CHANGES: [&str; 9] = [
    "RunInstances",
    "StartInstances",
    "StopInstances",
    "CreateTags",
    "RegisterInstancesWithLoadBalancer",
    "DeregisterInstancesFromLoadBalancer",
    "RegisterTargets",
    "DeregisterTargets",
    "TerminateInstances",
];

#[derive(Clone, Debug)]
pub enum Fault {
    /// AWS answers this error, and nothing is done.
    Error(u16, &'static str, String),
    /// It is done, and AWS answers this status with no error code.
    Broken(u16),
    /// It is done, and the connection is closed instead of an answer.
    Lost,
    /// The connection is closed, and nothing is done.
    Refused,
    /// It is done, and half of the answer comes.
    Cut,
    /// It is done, and the answer comes so much later.
    Slow(Duration),
    /// Nothing is found: an empty answer to a read.
    Empty,
    /// AWS answers this, which only the newer protocols' calls can be told.
    Says(String),
    /// The process dies (kill -9) before it is done, or after it and before the answer.
    Kill { done: bool },
}

/// Which call a fault is for.
#[derive(Clone, Debug)]
pub enum At {
    /// The next one of this action.
    Action(&'static str),
    /// The one with this number, from 0.
    Call(usize),
}

#[derive(Default)]
pub struct State {
    faults: Vec<(At, Fault)>,
    /// The actions asked for, faulty ones too.
    calls: Vec<String>,
    /// Each action ever asked for, as an IAM policy names it: `service:Action`.
    actions: BTreeSet<String>,
    /// The kinds of things that a launch ever tagged.
    tagged: BTreeSet<String>,
    /// The first answer to each token, and the number that it was for.
    tokens: HashMap<String, (String, Answer)>,
    /// How long a deregistered instance drains.
    pub drain: Duration,
    draining: HashMap<String, Instant>,
    pub target_drains: Draining,
    victim: Option<Child>,
}

#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// A listening proxy, until it is dropped.
pub struct Proxy {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    over: Arc<AtomicBool>,
}

impl Proxy {
    pub fn before(moto: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (state, over): (Arc<Mutex<State>>, Arc<AtomicBool>) = Default::default();
        let (shared, ended) = (state.clone(), over.clone());
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                let shared = shared.clone();
                // A broken connection is the client's to notice.
                thread::spawn(move || serve(client, moto, &shared));
            }
        });
        Proxy { address, state, over }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn fail(&self, at: At, fault: Fault) {
        lock(&self.state).faults.push((at, fault));
    }

    pub fn clear_faults(&self) {
        lock(&self.state).faults.clear();
    }

    pub fn set_drain(&self, drain: Duration) {
        lock(&self.state).drain = drain;
    }

    /// The actions asked for since the last time.
    pub fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.state).calls)
    }

    /// Each action that was ever asked for, as an IAM policy names it.
    pub fn actions(&self) -> BTreeSet<String> {
        lock(&self.state).actions.clone()
    }

    /// The kinds of things that a launch ever tagged, such as `volume`.
    pub fn tagged(&self) -> BTreeSet<String> {
        lock(&self.state).tagged.clone()
    }

    /// Starts the process that a [`Fault::Kill`] kills; it gets no answer before it is known here.
    pub fn victim(&self, spawn: impl FnOnce() -> Child) {
        let mut state = lock(&self.state);
        state.victim = Some(spawn());
    }

    /// The way to wait for that process on another thread.
    pub fn waiter(&self) -> Waiter {
        Waiter(self.state.clone())
    }
}

pub struct Waiter(Arc<Mutex<State>>);

impl Waiter {
    /// Waits until the process has ended, and kills it when it has not by then. Answers whether it did what it should.
    pub fn outlive(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        loop {
            let mut state = lock(&self.0);
            let child = state.victim.as_mut().expect("a process was started");
            if let Some(status) = child.try_wait().unwrap() {
                return status.success();
            }
            if Instant::now() >= until {
                child.kill().unwrap();
                child.wait().unwrap();
                return false;
            }
            drop(state);
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes the listener, which then ends.
        let _ = TcpStream::connect(self.address);
        if let Some(child) = &mut lock(&self.state).victim {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

pub struct Request {
    /// The first line and the headers but the body's length.
    pub head: String,
    pub form: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Request {
    fn read(from: &mut impl BufRead) -> io::Result<Option<Request>> {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if from.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            let lower = line.to_ascii_lowercase();
            if line.trim().is_empty() {
                break;
            } else if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            } else if !lower.starts_with("connection:") {
                head += &line;
            }
        }
        let mut body = vec![0; length];
        from.read_exact(&mut body)?;
        let text = String::from_utf8_lossy(&body);
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        let form = pairs.map(|(key, value)| (decode(key), decode(value))).collect();
        Ok(Some(Request { head, form, body }))
    }

    /// The service that the request is signed for.
    fn service(&self) -> &str {
        let scope = self.head.split_once("Credential=").map_or("", |(_, rest)| rest);
        scope.split('/').nth(3).unwrap_or_default()
    }

    /// Another request by the same caller, to this service.
    pub fn about(&self, service: &str, form: BTreeMap<String, String>) -> Request {
        let head = self.head.replace(&format!("/{}/", self.service()), &format!("/{service}/"));
        Request { head, form, body: Vec::new() }
    }

    pub fn get(&self, key: &str) -> &str {
        self.form.get(key).map_or("", String::as_str)
    }

    pub fn send(&self, moto: SocketAddr) -> io::Result<Answer> {
        let pairs = self.form.iter().map(|(key, value)| format!("{}={}", encode(key), encode(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let mut to = TcpStream::connect(moto)?;
        write!(to, "{}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", self.head, body.len())?;
        let mut answer = String::new();
        to.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| io::Error::other("no answer"))?;
        let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok());
        Ok(Answer { status: status.ok_or_else(|| io::Error::other("no status"))?, body: body.to_owned() })
    }
}

fn serve(client: TcpStream, moto: SocketAddr, state: &Mutex<State>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut out = client.try_clone()?;
    let mut requests = BufReader::new(client);
    while let Some(request) = Request::read(&mut requests)? {
        let newer = newer::action(&request.head);
        let action = newer.clone().unwrap_or_else(|| request.get("Action").to_owned());
        let fault = {
            let mut state = lock(state);
            state.calls.push(action.clone());
            // IAM has another name for one.
            let service = if request.service() == "monitoring" { "cloudwatch" } else { request.service() };
            state.actions.insert(format!("{service}:{action}"));
            let kind = |(key, kind): (&String, &String)| key.ends_with(".ResourceType").then(|| kind.clone());
            state.tagged.extend(request.form.iter().filter_map(kind));
            let number = state.calls.len() - 1;
            let hit = state.faults.iter().position(|(at, _)| match at {
                At::Action(name) => *name == action,
                At::Call(call) => *call == number,
            });
            hit.map(|hit| state.faults.remove(hit).1)
        };
        if newer.is_some() {
            match newer::answer(&request, policy::allows(&action), fault, moto)? {
                Some(answer) => out.write_all(&answer)?,
                None => return Ok(()),
            }
            continue;
        }
        let answer = match &fault {
            _ if !policy::allows(&action) => {
                failure(&action, 403, "UnauthorizedOperation", "docs/iam-policy.json does not allow it")
            }
            Some(Fault::Error(status, code, message)) => failure(&action, *status, code, message),
            Some(Fault::Refused) => return Ok(()),
            Some(Fault::Kill { done: false }) => return kill(state),
            Some(Fault::Empty) => request.send_for_nothing(moto)?,
            _ => forward(request, moto, state)?,
        };
        let (answer, half) = match fault {
            Some(Fault::Lost) => return Ok(()),
            Some(Fault::Kill { done: true }) => return kill(state),
            Some(Fault::Broken(status)) => (Answer { status, body: "<html>gateway</html>".into() }, false),
            Some(Fault::Slow(time)) => {
                thread::sleep(time);
                (answer, false)
            }
            Some(Fault::Cut) => (answer, true),
            _ => (answer, false),
        };
        let Answer { status, body } = answer;
        let part = if half { &body[..body.len() / 2] } else { &body };
        let length = body.len();
        write!(out, "HTTP/1.1 {status} X\r\nContent-Type: text/xml\r\nContent-Length: {length}\r\n\r\n{part}")?;
        out.flush()?;
        if half {
            return Ok(());
        }
    }
    Ok(())
}

fn kill(state: &Mutex<State>) -> io::Result<()> {
    lock(state).victim.as_mut().expect("a process was started").kill()
}

/// moto's answer, made more like AWS's.
fn forward(mut request: Request, moto: SocketAddr, state: &Mutex<State>) -> io::Result<Answer> {
    match request.get("Action") {
        "RunInstances" => {
            let (token, count) = (request.get("ClientToken").to_owned(), request.get("MaxCount").to_owned());
            // Held while moto launches, so that the same token at the same time launches once too.
            let mut state = lock(state);
            match state.tokens.get(&token) {
                Some((before, answer)) if *before == count => return Ok(answer.clone()),
                Some(_) => {
                    return Ok(failure("RunInstances", 400, "IdempotentParameterMismatch", "for another number"));
                }
                None => {}
            }
            request.form.insert("MinCount".into(), count.clone());
            let answer = request.send(moto)?;
            if answer.status == 200 {
                state.tokens.insert(token, (count, answer.clone()));
            }
            Ok(answer)
        }
        "DescribeInstances" => {
            // moto counts reservations, of which the tests' largest have 20 instances.
            if let Ok(instances) = request.get("MaxResults").parse::<usize>() {
                request.form.insert("MaxResults".into(), instances.div_ceil(20).to_string());
            }
            request.send(moto)
        }
        "DeregisterInstancesFromLoadBalancer" => {
            let answer = request.send(moto)?;
            let mut state = lock(state);
            let until = Instant::now() + state.drain;
            let ids = request.form.iter().filter(|(key, _)| key.ends_with(".InstanceId"));
            state.draining.extend(ids.map(|(_, id)| (id.clone(), until)));
            Ok(answer)
        }
        "RegisterTargets" => targets::register(request, moto, state),
        "DeregisterTargets" => targets::deregister(request, moto, state),
        "DescribeTargetHealth" => targets::health(request, moto, state),
        "DescribeInstanceHealth" => {
            let answer = request.send(moto)?;
            if answer.status >= 500 {
                // moto does not know the balancer.
                return Ok(failure("DescribeInstanceHealth", 400, "LoadBalancerNotFound", "There is no such balancer"));
            }
            let state = lock(state);
            Ok(Answer { body: standing(&answer.body, &state.draining), ..answer })
        }
        _ => request.send(moto),
    }
}

/// The health of instances with the drain, and in AWS's words where moto knows an instance no more.
fn standing(body: &str, draining: &HashMap<String, Instant>) -> String {
    let mut parts = body.split("<member>");
    let mut told = parts.next().unwrap_or_default().to_owned();
    for member in parts {
        let id = member.split("<InstanceId>").nth(1).and_then(|rest| rest.split('<').next()).unwrap_or_default();
        let drains = draining.get(id).is_some_and(|&until| Instant::now() < until);
        let words = match drains {
            true => "Instance deregistration currently in progress.",
            false => "Instance is not currently registered with the LoadBalancer.",
        };
        let off = member.contains("<State>Unknown</State>");
        let member = match off {
            true => member
                .replace(">N/A</Description>", &format!(">{words}</Description>"))
                .replace("<State>Unknown</State>", "<State>OutOfService</State>"),
            false => member.to_owned(),
        };
        told += "<member>";
        told += &member;
    }
    told
}

impl Request {
    /// Asks for a fleet that does not exist: the answer is well-formed and empty.
    fn send_for_nothing(mut self, moto: SocketAddr) -> io::Result<Answer> {
        if self.get("Action") == "DescribeInstances" {
            self.form.retain(|key, _| !key.starts_with("InstanceId."));
            self.form.insert("Filter.1.Name".into(), "tag:handwave:fleet".into());
            self.form.insert("Filter.1.Value.1".into(), "nobody".into());
            return self.send(moto);
        }
        if self.get("Action") == "DescribeTargetHealth" {
            let body = "<DescribeTargetHealthResponse><DescribeTargetHealthResult><TargetHealthDescriptions/>\
                        </DescribeTargetHealthResult></DescribeTargetHealthResponse>";
            return Ok(Answer { status: 200, body: body.into() });
        }
        let body = "<DescribeInstanceHealthResponse><DescribeInstanceHealthResult><InstanceStates/>\
                    </DescribeInstanceHealthResult></DescribeInstanceHealthResponse>";
        Ok(Answer { status: 200, body: body.into() })
    }
}

/// An error as EC2, or as the balancer, writes it.
pub fn failure(action: &str, status: u16, code: &str, message: &str) -> Answer {
    let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    let body = if ["LoadBalancer", "Health", "Target", "Listener"].iter().any(|word| action.contains(word))
        || action == "GetCallerIdentity"
    {
        format!("<ErrorResponse>{error}<RequestId>r</RequestId></ErrorResponse>")
    } else {
        format!("<Response><Errors>{error}</Errors><RequestID>r</RequestID></Response>")
    };
    Answer { status, body }
}

fn decode(text: &str) -> String {
    let (bytes, mut decoded, mut i) = (text.as_bytes(), Vec::new(), 0);
    while i < bytes.len() {
        let hex = (bytes[i] == b'%').then(|| text.get(i + 1..i + 3)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                i += 3;
            }
            None => {
                decoded.push(if bytes[i] == b'+' { b' ' } else { bytes[i] });
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
