//! The fleet in AWS, on moto behind a proxy. A [`Stage`] is one fleet with its balancer; tests do not see each other's.

mod calls;
mod commands;
mod doctor;
mod faults;
// The page's tests use more of it.
#[cfg(feature = "web")]
#[allow(dead_code)]
#[path = "../../web/http.rs"]
mod http;
mod kills;
mod leases;
mod live;
mod measurements;
mod moto;
mod newer;
#[cfg(feature = "web")]
mod page;
mod policies;
mod policy;
mod pool;
mod proxy;
mod session;
mod target_groups;
mod targets;
mod tls;

use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use handwave::clouds::aws::Aws;
use handwave::clouds::simulated::Front;
use handwave::clouds::{Cloud, SetupOutcome};
use handwave::command::{Action, Command as Asked, InstanceId, Source};
use handwave::config::Config;
use handwave::event::Stamped;
use handwave::fleet::ports::{Health, InstanceState, Ports};
use handwave::fleet::{Handle, Leases, Limits, Observed, Outcome, Pool, Reconciler, Rules, Timing, look};
use proxy::Proxy;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::timeout;

use crate::contract::launch;

/// The reconciler's pace against a cloud on this machine.
const QUICK: Timing = Timing {
    fast: Duration::from_millis(300),
    slow: Duration::from_secs(3),
    call: Duration::from_secs(4),
    look: Duration::from_secs(4),
    hidden: Duration::from_millis(300),
    rules: Rules::new(Duration::from_secs(5), Duration::from_secs(60)),
};

/// What moto takes for credentials, and nothing of this machine's own.
const ENVIRONMENT: [(&str, &str); 6] = [
    ("AWS_ACCESS_KEY_ID", "AKIDSTANDIN"),
    ("AWS_SECRET_ACCESS_KEY", "secret-of-the-stand-in"),
    ("AWS_CONFIG_FILE", "/dev/null"),
    ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
    ("AWS_REGION", "us-east-1"),
];

static PREPARED: LazyLock<()> = LazyLock::new(|| {
    for (key, value) in ENVIRONMENT {
        // SAFETY: nothing else in this test binary writes the environment, and Rust's readers take the same lock.
        unsafe { std::env::set_var(key, value) };
    }
});

struct Stage {
    /// Where faults happen.
    proxy: Proxy,
    /// Without faults and not counted: to prepare, and to look at the truth.
    behind: Proxy,
    config: Config,
    /// The settings, as the file had them at first.
    text: String,
    file: tempfile::NamedTempFile,
    truth: Ports,
}

/// What may stand in front of a stage's fleet. Each target group has a network load balancer of its own.
const FRONTS: [Front; 4] = [Front::Classic, Front::TargetGroups(1), Front::TargetGroups(2), Front::Nothing];

/// The names of the target groups, and of their load balancers.
fn groups(front: Front, fleet: &str) -> Vec<String> {
    let n = if let Front::TargetGroups(n) = front { n } else { 0 };
    (0..n).map(|group| format!("{fleet}-{group}")).collect()
}

/// The settings of `[balancer]`.
fn settings(front: Front, fleet: &str) -> String {
    match front {
        Front::Classic => format!("name = \"{fleet}\"\n"),
        Front::TargetGroups(_) => format!("kind = \"target-groups\"\ntarget_groups = {:?}\n", groups(front, fleet)),
        Front::Nothing => "kind = \"none\"\ndraining = 1\n".to_owned(),
    }
}

/// A word for a stage's name.
fn word(front: Front) -> String {
    match front {
        Front::Classic => "classic".to_owned(),
        Front::TargetGroups(n) => format!("groups-{n}"),
        Front::Nothing => "none".to_owned(),
    }
}

/// The settings by which `handwave balancer create` makes a network load balancer and its target group.
const NETWORK: &str = "kind = \"target-groups\"\ntype = \"network\"\nlisteners = [\"TCP:80 -> TCP:80\"]\n";

impl Stage {
    /// A fleet of `n` in service behind its balancer.
    async fn new(fleet: &str, n: usize) -> Stage {
        Stage::behind(Front::Classic, fleet, n).await
    }

    async fn behind(front: Front, fleet: &str, n: usize) -> Stage {
        let stage = Stage::with(fleet, &settings(front, fleet)).await;
        let balancers: Vec<String> = match front {
            Front::Classic => vec![settings(front, fleet)],
            _ => groups(front, fleet).iter().map(|group| format!("{NETWORK}name = \"{group}\"\n")).collect(),
        };
        for balancer in balancers {
            let text = stage.text.replace(&settings(front, fleet), &balancer);
            let made = pointed(&Config::parse(&text, "the test's").unwrap(), &stage.behind);
            let made = open(&made).await.balancer().create().await.unwrap();
            assert!(matches!(made, SetupOutcome::Created(_)));
        }
        if n > 0 {
            let ids = launch(&stage.truth, n, &format!("first of {fleet}")).await;
            stage.truth.balancer.register(&ids).await.unwrap();
        }
        stage
    }

    /// A reconciler on it, behind the proxy.
    async fn reconcile(&self, pool: Pool, leases: Leases, events: UnboundedSender<Stamped>) -> Handle {
        let limits = Limits { min: 0, max: 20 };
        Reconciler::spawn(self.cloud().await, limits, pool, leases, QUICK, events).0
    }

    /// Nothing but a name.
    async fn bare(fleet: &str) -> Stage {
        Stage::with(fleet, &settings(Front::Classic, fleet)).await
    }

    /// Nothing but a name and the settings of `[balancer]`.
    async fn with(fleet: &str, balancer: &str) -> Stage {
        LazyLock::force(&PREPARED);
        let group = ["fault", "kill", "thousand"].into_iter().find(|group| fleet.starts_with(group));
        let moto = moto::address(group.unwrap_or("others"));
        let (proxy, behind) = (Proxy::before(moto), Proxy::before(moto));
        let text = format!(
            "[fleet]\nname = \"{fleet}\"\nmin = 1\nmax = 20\n[aws]\nregion = \"us-east-1\"\naccount = \"123456789012\"\n\
             endpoint_url = \"{}\"\n[instance]\nami = \"ami-12345678\"\n[balancer]\n{balancer}",
            proxy.url()
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &text).unwrap();
        let config = Config::parse(&text, "the test's").unwrap();
        let truth = open(&pointed(&config, &behind)).await.ports();
        Stage { proxy, behind, config, text, file, truth }
    }

    /// The ports to AWS as handwave has them, by way of the faults; the calls that opened them are not counted.
    async fn cloud(&self) -> Ports {
        let ports = open(&self.config).await.ports();
        self.proxy.take_calls();
        ports
    }

    /// The changing calls since the last time.
    fn changes(&self) -> Vec<String> {
        let calls = self.proxy.take_calls();
        calls.into_iter().filter(|call| proxy::CHANGES.contains(&call.as_str())).collect()
    }

    async fn look(&self) -> Observed {
        look(&self.truth).await.unwrap()
    }

    /// The binary, told to use this stage.
    fn handwave(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_handwave"));
        command.args(args).arg("--config").arg(self.file.path()).envs(ENVIRONMENT).stdin(Stdio::null());
        command
    }

    fn spawn(&self, args: &[&str]) -> Child {
        self.handwave(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// What is wrong with a fleet that should be settled.
    async fn wrongs(&self) -> Vec<String> {
        let observed = self.look().await;
        let wrong = observed.instances.iter().filter_map(|seen| {
            let id = seen.id();
            match (seen.instance.state, seen.health) {
                (InstanceState::Running, _) if seen.instance.is_retiring() => {
                    Some(format!("{id} is left half retired"))
                }
                (InstanceState::Running, Some(Health::InService)) => None,
                (InstanceState::Running, health) => Some(format!("{id} runs and is {health:?}")),
                (_, Some(health)) if health.is_registered() => Some(format!("{id} is gone and registered")),
                (_, _) => None,
            }
        });
        wrong.chain(observed.strangers.iter().map(|id| format!("{id} is a stranger on the balancer"))).collect()
    }
}

async fn open(config: &Config) -> Aws {
    Aws::open(&config.clouds()).await.unwrap()
}

/// The same settings, with AWS at another address.
fn pointed(config: &Config, to: &Proxy) -> Config {
    let mut config = config.clone();
    config.aws.endpoint_url = Some(to.url());
    config
}

/// One instance of another fleet, to see that it is left alone.
async fn stranger(stage: &Stage) -> InstanceId {
    let mut other = pointed(&stage.config, &stage.behind);
    other.fleet.name += "-other";
    let other = open(&other).await.ports();
    launch(&other, 1, &format!("stranger of {}", stage.config.fleet.name)).await.remove(0)
}

/// A cloud for the contract: empty, with its balancer.
pub async fn fresh(clause: &str) -> (Ports, impl Sized) {
    fresh_behind(Front::Classic, clause).await
}

pub async fn fresh_group(clause: &str) -> (Ports, impl Sized) {
    fresh_behind(Front::TargetGroups(1), clause).await
}

pub async fn fresh_groups(clause: &str) -> (Ports, impl Sized) {
    fresh_behind(Front::TargetGroups(2), clause).await
}

pub async fn fresh_nothing(clause: &str) -> (Ports, impl Sized) {
    fresh_behind(Front::Nothing, clause).await
}

async fn fresh_behind(front: Front, clause: &str) -> (Ports, impl Sized + use<>) {
    // A balancer's name has 32 characters at most.
    let clause: String = clause.replace('_', "-").chars().take(20).collect();
    let stage = Stage::behind(front, &format!("{}-{}", word(front), clause.trim_end_matches('-')), 0).await;
    stage.proxy.set_drain(Duration::from_secs(1));
    (stage.cloud().await, stage)
}

/// The instances of a command that was done, once the fleet is settled after it.
async fn play(handle: &Handle, action: Action) -> Vec<InstanceId> {
    let outcome = handle.send(Asked::new(Source::CommandLine { user: None }, action)).await.unwrap();
    let Outcome::Done { instances, cut: None } = outcome else { panic!("{outcome:?}") };
    timeout(Duration::from_secs(60), handle.settled()).await.unwrap().unwrap();
    instances
}
