//! The ports through which the fleet is seen and changed. In: ids, counts and tags. Out: instances, their health on the
//! load balancer, and errors sorted by what is to be done about them.
//!
//! [`Instances`] are made for one fleet and a [`Balancer`] for one load balancer, so their calls name neither. Both are
//! object-safe: any instances go with any balancer. No call retries or waits for its effect, the reconciler does both. A
//! call takes all instances of a batch at once, and where one of them is bad the cloud refuses the whole batch.

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

/// A fleet's instances.
#[async_trait]
pub trait Instances: Send + Sync {
    /// Every instance with the fleet's tag in any state, over all pages. A fresh launch may be missing for a while, a
    /// terminated instance is shown for about an hour.
    async fn list(&self) -> Result<Vec<Instance>, CloudError>;

    /// Looks these up by their ids, for which a cloud does not ask the index that `list` may be too old by. An id that is
    /// left out of the answer is one that the cloud said nothing about.
    async fn find(&self, ids: &[InstanceId]) -> Result<BTreeMap<InstanceId, Found>, CloudError>;

    /// Launches 1 to `n` instances that carry the fleet's tag and [`COMMAND_TAG`] from birth. For each `token` (any text,
    /// the fleet's own) the cloud launches once: the same call again answers the same instances. A call with the same
    /// token for another command launches nothing; it answers the first command's instances, or [`ErrorKind::Taken`].
    async fn launch(&self, n: usize, token: &str, command: &CommandId) -> Result<Vec<Instance>, CloudError>;

    /// Gives them this tag, or another value where they have it.
    async fn tag(&self, ids: &[InstanceId], key: &str, value: &str) -> Result<(), CloudError>;

    /// Terminates them; one that is terminated already stays so.
    async fn terminate(&self, ids: &[InstanceId]) -> Result<(), CloudError>;
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
    pub launched: Timestamp,
    /// Its type, such as `t3.micro`.
    pub kind: Option<String>,
    /// Its availability zone.
    pub zone: Option<String>,
    pub image: Option<String>,
    pub key_pair: Option<String>,
    pub private_address: Option<String>,
    pub public_address: Option<String>,
    pub tags: BTreeMap<String, String>,
    /// Why it is in its state (EC2's StateReason).
    pub reason: Option<String>,
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
            image: None,
            key_pair: None,
            private_address: None,
            public_address: None,
            tags: BTreeMap::new(),
            reason: None,
        }
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
    /// The cloud has no room for a launch; nothing was launched.
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
