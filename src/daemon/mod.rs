//! One run: its loop, its journal, its signals, its summary.

pub mod audit;
#[allow(clippy::module_inception)]
pub mod daemon;
pub mod signals;
pub mod summary;
