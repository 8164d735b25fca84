//! What every handler needs. In: the parts of a run. Out: one value, cheap to clone.

use std::sync::Arc;

use tokio::sync::{Mutex, Semaphore, watch};

use super::charts::Charts;
use super::feed::Feed;
use super::links::Links;
use super::openid::OpenId;
use super::orders::Orders;
use super::prometheus::Meters;
use super::remote::Accounts;
use super::sessions::Sessions;
use crate::daemon::journal::Journal;
use crate::daemon::state::RunState;
use crate::fleet::{Handle, LeaseSettings};
use crate::policy::follow::Policies;

#[derive(Clone)]
pub struct Context {
    /// This run, told from others: event numbers begin anew with each.
    pub run: Arc<str>,
    /// What never changes in a run, as JSON: the fleet's name, its entry address, whether it is real.
    pub about: Arc<str>,
    pub fleet_name: Arc<str>,
    pub lease: LeaseSettings,
    pub fleet: Handle,
    /// None: no policy is followed.
    pub policies: Option<Policies>,
    pub journal: Journal,
    pub feed: watch::Receiver<Feed>,
    pub charts: Charts,
    pub states: watch::Receiver<RunState>,
    /// Where it is served: cookies are a port's.
    pub port: u16,
    /// Whether everybody may see.
    pub is_public: bool,
    /// Whether links sign in: on loopback alone.
    pub has_links: bool,
    pub sessions: Sessions,
    pub links: Links,
    pub accounts: Accounts,
    /// None: nobody signs in by a provider.
    pub openid: Option<OpenId>,
    pub orders: Orders,
    pub meters: Arc<Meters>,
    /// Held while a wrong link is slowed.
    pub wrong: Arc<Mutex<()>>,
    /// How many more streams may be opened.
    pub streams: Arc<Semaphore>,
}
