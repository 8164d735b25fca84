//! The ports through which the fleet is seen and changed. In: ids, counts and tags. Out: instances, their health on the
//! load balancer, and errors sorted by what is to be done about them.
//!
//! [`Instances`] are made for one fleet and a [`Balancer`] for one load balancer, so their calls name neither. Both are
//! object-safe: any instances go with any balancer. No call retries or waits for its effect, the reconciler does both.
//! A call takes all instances of a batch at once, and where one of them is bad the cloud refuses the whole batch.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::command::{CommandId, InstanceId};

/// The tag that makes an instance part of a fleet; its value is the fleet's name.
pub const FLEET_TAG: &str = "handwave:fleet";
/// The tag that marks an instance to be retired; its value is when that was asked, for people. Any value counts.
pub const RETIRING_TAG: &str = "handwave:retiring";
/// The tag that tells the command an instance was launched by; its value is the command's id.
pub const COMMAND_TAG: &str = "handwave:command";
/// The tag that tells when an instance was launched, as EC2's launch time moves at each start.
pub const BORN_TAG: &str = "handwave:born";
/// The tag of what belongs to the warm pool, or came from it; `pool` has its values. Nothing else is started or
/// stopped.
pub const POOL_TAG: &str = "handwave:pool";
/// The value of [`POOL_TAG`] that an instance is launched with.
pub const WARM: &str = "warm";
/// The tag that tells what a pool's instance was made of: image, type and user data, as a hash.
pub const RECIPE_TAG: &str = "handwave:recipe";

/// The tag that tells for whom an instance is reserved; `lease` has its values.
pub const LEASE_TAG: &str = "handwave:lease";
/// The tag by which a workload tells when it was last used, as an RFC 3339 time.
pub const ACTIVE_TAG: &str = "handwave:active";

/// What a launch's instances tell about their launch, in tags. The same for each try of a launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Birth {
    pub command: CommandId,
    pub at: Timestamp,
    /// Some: they are for the warm pool, and made of this.
    pub recipe: Option<String>,
    /// What else they tell.
    pub more: Vec<(&'static str, String)>,
}

impl Birth {
    /// Keys and values.
    pub fn tags(&self) -> Vec<(&'static str, String)> {
        let warm = self.recipe.iter().flat_map(|recipe| [(POOL_TAG, WARM.to_owned()), (RECIPE_TAG, recipe.clone())]);
        let born = [(COMMAND_TAG, self.command.0.clone()), (BORN_TAG, self.at.to_string())];
        born.into_iter().chain(warm).chain(self.more.iter().cloned()).collect()
    }
}

/// A fleet's instances.
#[async_trait]
pub trait Instances: Send + Sync {
    /// Every instance with the fleet's tag in any state, over all pages. A fresh launch may be missing for a while, a
    /// terminated instance is shown for about an hour.
    async fn list(&self) -> Result<Vec<Instance>, CloudError>;

    /// Looks these up by their ids, for which a cloud does not ask the index that `list` may be too old by. An id that
    /// is left out of the answer is one that the cloud said nothing about.
    async fn find(&self, ids: &[InstanceId]) -> Result<BTreeMap<InstanceId, Found>, CloudError>;

    /// Launches 1 to `n` instances that carry the fleet's tag and those of `birth` from birth. For each `token` (any
    /// text, the fleet's own) the cloud launches once: the same call again answers the same instances. A call with the
    /// same token for another command launches nothing; it answers the first command's instances, or
    /// [`ErrorKind::Taken`]. What is launched for the warm pool powers itself off at the end of its user data, and
    /// stays then.
    async fn launch(&self, n: usize, token: &str, birth: &Birth) -> Result<Vec<Instance>, CloudError>;

    /// Starts stopped instances, which moves their launch time; one that starts or runs already goes on.
    /// [`ErrorKind::Capacity`]: the cloud has no room for them now. One that stops or ends is an error.
    async fn start(&self, ids: &[InstanceId]) -> Result<(), CloudError>;

    /// Stops running instances; one that is stopped already stays so. One that is pending or ends is an error.
    async fn stop(&self, ids: &[InstanceId]) -> Result<(), CloudError>;

    /// Gives them this tag, or another value where they have it.
    async fn tag(&self, ids: &[InstanceId], key: &str, value: &str) -> Result<(), CloudError>;

    /// Terminates them; one that is terminated already stays so.
    async fn terminate(&self, ids: &[InstanceId]) -> Result<(), CloudError>;

    /// What it has written to its console, as its cloud keeps it: the log of its start. None: nothing yet.
    async fn console(&self, id: &InstanceId) -> Result<Option<String>, CloudError>;
}

/// The load balancer in front of a fleet.
#[async_trait]
pub trait Balancer: Send + Sync {
    /// The standing of every registered instance, and of each one of `leaving`: a balancer does not list what has been
    /// deregistered, and tells only when asked by id whether it still drains. One read, two where `leaving` names any.
    /// `serving` are the fleet's other running instances, for a balancer that keeps no list of its own.
    async fn health(&self, serving: &[InstanceId], leaving: &[InstanceId]) -> Result<Standings, CloudError>;

    /// Registers running instances; one that is registered already stays so.
    async fn register(&self, ids: &[InstanceId]) -> Result<(), CloudError>;

    /// Takes them off the balancer, which then drains them. One that is not registered may be an error.
    async fn deregister(&self, ids: &[InstanceId]) -> Result<(), CloudError>;
}

/// The ports of one fleet.
#[derive(Clone)]
pub struct Ports {
    pub instances: Arc<dyn Instances>,
    pub balancer: Arc<dyn Balancer>,
}

/// An instance's state, as EC2 names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceState {
    Pending,
    Running,
    ShuttingDown,
    Terminated,
    Stopping,
    Stopped,
}

/// An instance that carries the fleet's tag, as the cloud describes it. What the cloud does not tell is None.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    pub id: InstanceId,
    pub state: InstanceState,
    /// Its last start.
    pub launched: Timestamp,
    /// Its type, such as `t3.micro`.
    pub kind: Option<String>,
    /// Its availability zone.
    pub zone: Option<String>,
    pub subnet: Option<String>,
    pub image: Option<String>,
    pub key_pair: Option<String>,
    pub private_address: Option<String>,
    pub public_address: Option<String>,
    pub tags: BTreeMap<String, String>,
    /// Why it is in its state (EC2's StateReason).
    pub reason: Option<String>,
    /// It stopped by itself: nobody stopped it from outside.
    pub powered_off: bool,
}

impl Instance {
    /// An instance of which nothing else is known.
    pub fn new(id: impl Into<InstanceId>, state: InstanceState, launched: Timestamp) -> Self {
        Instance {
            id: id.into(),
            state,
            launched,
            kind: None,
            zone: None,
            subnet: None,
            image: None,
            key_pair: None,
            private_address: None,
            public_address: None,
            tags: BTreeMap::new(),
            reason: None,
            powered_off: false,
        }
    }

    /// When it was launched first, as it tells; without its tag, when it was started last.
    pub fn born(&self) -> Timestamp {
        self.tags.get(BORN_TAG).and_then(|at| at.parse().ok()).unwrap_or(self.launched)
    }

    /// The id of the command that launched it.
    pub fn born_of(&self) -> Option<&String> {
        self.tags.get(COMMAND_TAG)
    }

    /// The same with this tag.
    pub fn with_tag(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Whether it carries [`RETIRING_TAG`].
    pub fn is_retiring(&self) -> bool {
        self.tags.contains_key(RETIRING_TAG)
    }
}

/// What a cloud says about an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Ours(Box<Instance>),
    /// It exists, without the fleet's tag.
    NotOurs,
    /// There is no such instance, or no longer.
    NotThere,
}

/// What the load balancer says about an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub health: Health,
    /// Why, in the balancer's own words without their full stop, where it gives any.
    pub reason: Option<String>,
}

impl Standing {
    /// Without a reason.
    pub fn new(health: Health) -> Self {
        Standing { health, reason: None }
    }
}

/// A balancer's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standings {
    pub of: Vec<(InstanceId, Standing)>,
    /// Which one of several balancers is not there, as a sentence without its full stop.
    pub missing: Option<String>,
}

impl Standings {
    /// Those that are registered.
    pub fn registered(&self) -> impl Iterator<Item = &InstanceId> {
        self.of.iter().filter(|(_, standing)| standing.health.is_registered()).map(|(id, _)| id)
    }
}

impl From<Vec<(InstanceId, Standing)>> for Standings {
    fn from(of: Vec<(InstanceId, Standing)>) -> Self {
        Standings { of, missing: None }
    }
}

/// What a balancer that is not there says of instances that leave it: they have.
pub fn off(ids: &[InstanceId]) -> Vec<(InstanceId, Standing)> {
    ids.iter().map(|id| (id.clone(), Standing::new(Health::NotRegistered))).collect()
}

/// How an instance stands with the load balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Registered, not yet checked ("Instance registration is still in progress").
    Registering,
    InService,
    /// Registered, fails its checks.
    OutOfService,
    /// Registered with some of several target groups alone.
    Partly,
    /// No longer registered, still finishing requests ("Instance deregistration currently in progress").
    Draining,
    NotRegistered,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Health::Registering => "registering",
            Health::InService => "in service",
            Health::OutOfService => "unhealthy",
            Health::Partly => "partly registered",
            Health::Draining => "draining",
            Health::NotRegistered => "not registered",
        })
    }
}

impl Health {
    /// Whether the balancer may send requests to it.
    pub fn is_registered(self) -> bool {
        matches!(self, Health::Registering | Health::InService | Health::OutOfService | Health::Partly)
    }
}

/// What is to be done about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Back off and try again; nothing was done.
    Throttled,
    /// The cloud has no room for a launch or a start; nothing was done.
    Capacity,
    /// Nothing can be changed until somebody renews the credentials.
    Expired,
    /// An id is not there yet, or no longer: observe again. Nothing was done, to no id of the batch.
    NotFound,
    /// The load balancer is not there.
    NoBalancer,
    /// The cloud will not do it: say why and drop it.
    Refused,
    /// Another call had this launch's token first: nothing was launched by this one.
    Taken,
    /// No answer that can be relied on: whether it was done is unknown.
    Unavailable,
}

/// An error of a call. Which code is of which kind, each cloud knows for itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct CloudError {
    pub kind: ErrorKind,
    /// The cloud's own code, such as `InsufficientInstanceCapacity`.
    pub code: String,
    pub message: String,
    /// The instances it is about, where the cloud names them.
    pub instances: Vec<InstanceId>,
}

impl CloudError {
    pub fn new(kind: ErrorKind, code: &str, message: impl Into<String>) -> Self {
        CloudError { kind, code: code.to_owned(), message: message.into(), instances: Vec::new() }
    }

    /// The same, about these instances.
    pub fn about(self, instances: Vec<InstanceId>) -> Self {
        CloudError { instances, ..self }
    }

    /// No answer came: a lost reply, a cut connection, a time-out.
    pub fn no_answer(message: impl Into<String>) -> Self {
        CloudError::new(ErrorKind::Unavailable, "NoAnswer", message)
    }
}
