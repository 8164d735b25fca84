//! What every cloud is to the commands. In: an opened cloud. Out: its fleet, ready to be started, and the load
//! balancer's management.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;

use super::mode::Mode;
use crate::command::InstanceId;
use crate::event::Stamped;
use crate::fleet::ports::Ports;
use crate::fleet::{FleetState, Handle, Leases, Limits, Observed, Pool, Reconciler, Timing};
use crate::metrics::Metrics;

/// Why a cloud did not do what it was asked for, in its own words, with the remedy.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<dyn std::error::Error + Send + Sync>);

impl Error {
    pub(super) fn new(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Error(Box::new(error))
    }
}

/// A cloud that is the one that is meant: its account and region are those that the settings pin.
#[async_trait]
pub trait Cloud: Send + Sync {
    fn mode(&self) -> Mode;

    /// Whether no real machine can be reached: it is simulated, or a stand-in on this machine.
    fn is_rehearsal(&self) -> bool;

    /// The fleet that the settings name. Reads only. Where it `launches`, settings that nothing can be launched with
    /// are an error; otherwise only a launch would be refused, as what costs money can always be listed and ended.
    async fn fleet(&self, launches: bool) -> Result<OpenFleet, Error>;

    /// What measures the fleet. None: this cloud has nothing that does.
    fn metrics(&self) -> Option<Arc<dyn Metrics>>;

    /// The management of the load balancer that the settings name, there or not.
    fn balancer(&self) -> Box<dyn BalancerSetup>;
}

/// A fleet that was found to be as the settings say, and is not touched yet.
pub struct OpenFleet {
    pub ports: Ports,
    pub limits: Limits,
    pub pool: Pool,
    pub leases: Leases,
    pub timing: Timing,
    /// What the fleet holds, before anything is done.
    pub holds: Observed,
    /// What a person has to know before the first gesture or command.
    pub banner: String,
}

impl OpenFleet {
    /// Starts the fleet's reconciler. Its task ends after [`Handle::stop`], and returns what is left. Must be called
    /// within a tokio runtime.
    pub fn start(self, events: UnboundedSender<Stamped>) -> (Handle, JoinHandle<FleetState>) {
        Reconciler::spawn(self.ports, self.limits, self.pool, self.leases, self.timing, events)
    }

    /// What the fleet holds, as a fresh reconciler would show it.
    pub fn state(&self) -> FleetState {
        FleetState::at_first(self.holds.clone(), self.limits, &self.timing.rules)
    }
}

/// Makes, shows and deletes the load balancer. Each may be done twice: making it again changes nothing that is as the
/// settings say, deleting one that is gone is no error.
#[async_trait]
pub trait BalancerSetup: Send + Sync {
    /// What a person has to know before anything is done.
    fn banner(&self) -> String;

    /// Makes it, or makes it as the settings say where it is there: [`Would`], [`Created`] or [`Kept`].
    ///
    /// [`Would`]: SetupOutcome::Would
    /// [`Created`]: SetupOutcome::Created
    /// [`Kept`]: SetupOutcome::Kept
    async fn create(&self) -> Result<SetupOutcome, Error>;

    /// [`Would`], [`Shown`] or [`NotThere`].
    ///
    /// [`Would`]: SetupOutcome::Would
    /// [`Shown`]: SetupOutcome::Shown
    /// [`NotThere`]: SetupOutcome::NotThere
    async fn show(&self) -> Result<SetupOutcome, Error>;

    /// The registered instances, which run on without requests where it is deleted. None of them where it is not there.
    async fn registered(&self) -> Result<Vec<InstanceId>, Error>;

    /// Refused while instances are registered, unless `force`: [`Would`], [`Deleted`] or [`NotThere`].
    ///
    /// [`Would`]: SetupOutcome::Would
    /// [`Deleted`]: SetupOutcome::Deleted
    /// [`NotThere`]: SetupOutcome::NotThere
    async fn delete(&self, force: bool) -> Result<SetupOutcome, Error>;
}

/// Why a balancer is not made or deleted.
#[derive(Debug, thiserror::Error)]
#[error(
    "the target groups are made elsewhere, as balancer.type is not set in config.toml: set it to \"application\" or \
     \"network\", or manage them where they are made"
)]
pub struct MadeElsewhere;

/// What became of the load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetupOutcome {
    /// A dry run: what would be done.
    Would(String),
    Created(Description),
    /// It was there already.
    Kept(Description),
    Shown(Description),
    Deleted,
    NotThere,
}

/// A load balancer as it is; each kind has fields of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// For people, over several lines.
    pub table: String,
    /// For programs, on one line.
    pub json: String,
}
