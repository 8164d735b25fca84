//! A command that was accepted and is not written to the cloud yet.

use tokio::time::Instant;

use super::super::handle::Order;
use super::super::plan::{Cut, Work};

/// A command on its way into the cloud.
pub(super) struct Started {
    pub order: Order,
    pub work: Work,
    /// How many were asked for.
    pub asked: usize,
    pub cut: Option<Cut>,
    /// A launch's, the same for each try.
    pub token: String,
    /// When it is given up.
    pub until: Instant,
    pub answer: LastAnswer,
}

/// What is known of a command that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LastAnswer {
    /// Nothing was done.
    None,
    /// An answer was lost: it may have been done.
    Lost,
    /// An answer was lost, and the next try was refused. Only the fleet can tell whether the first one was done.
    LostThenRefused(String),
}
