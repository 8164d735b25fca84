//! The fleet in AWS, on moto behind a proxy. A [`Stage`] is one fleet with its balancer; tests do not see each other's.

mod calls;
mod commands;
mod doctor;
mod faults;
mod kills;
mod live;
mod moto;
mod policy;
mod proxy;
mod session;
mod tls;

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use handwave::clouds::aws::Aws;
use handwave::clouds::{Cloud, SetupOutcome};
use handwave::command::InstanceId;
use handwave::config::Config;
use handwave::fleet::ports::{Health, InstanceState, Ports};
use handwave::fleet::{Observed, Rules, Timing, observe};
use proxy::Proxy;

/// The reconciler's pace against a cloud on this machine.
const QUICK: Timing = Timing {
    fast: Duration::from_millis(300),
    slow: Duration::from_secs(3),
    call: Duration::from_secs(4),
    hidden: Duration::from_millis(300),
    rules: Rules::with_drain(Duration::from_secs(5)),
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
    file: tempfile::NamedTempFile,
    truth: Ports,
}

impl Stage {
    /// A fleet of `n` in service behind its balancer.
    async fn new(fleet: &str, n: usize) -> Stage {
        let stage = Stage::bare(fleet).await;
        let aws = open(&pointed(&stage.config, &stage.behind)).await;
        assert!(matches!(aws.balancer().create().await.unwrap(), SetupOutcome::Created(_)));
        if n > 0 {
            let ids = stage.truth.instances.launch(n, &format!("first of {fleet}")).await.unwrap();
            stage.truth.balancer.register(&ids).await.unwrap();
        }
        stage
    }

    /// Nothing but a name.
    async fn bare(fleet: &str) -> Stage {
        LazyLock::force(&PREPARED);
        let group = ["fault", "kill", "thousand"].into_iter().find(|group| fleet.starts_with(group));
        let moto = moto::address(group.unwrap_or("others"));
        let (proxy, behind) = (Proxy::before(moto), Proxy::before(moto));
        let text = format!(
            "[fleet]\nname = \"{fleet}\"\nmin = 1\nmax = 20\n[aws]\nregion = \"us-east-1\"\naccount = \"123456789012\"\n\
             endpoint_url = \"{}\"\n[instance]\nami = \"ami-12345678\"\n[balancer]\nname = \"{fleet}\"\n",
            proxy.url()
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &text).unwrap();
        let config = Config::parse(&text, "the test's").unwrap();
        let truth = open(&pointed(&config, &behind)).await.ports();
        Stage { proxy, behind, config, file, truth }
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
        observe(&self.truth, &BTreeMap::new()).await.unwrap()
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
    other.instances.launch(1, &format!("stranger of {}", stage.config.fleet.name)).await.unwrap().remove(0)
}

/// A cloud for the contract: empty, with its balancer.
pub async fn fresh(clause: &str) -> (Ports, impl Sized) {
    // A balancer's name has 32 characters at most.
    let name: String = clause.replace('_', "-").chars().take(31).collect();
    let stage = Stage::new(name.trim_end_matches('-'), 0).await;
    stage.proxy.set_drain(Duration::from_secs(1));
    (stage.cloud().await, stage)
}
