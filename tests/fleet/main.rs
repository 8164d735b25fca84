//! The fleet from outside: commands to the reconciler, and what the simulated cloud then holds.

#[cfg(feature = "aws")]
mod aws;
mod contract;
mod histories;
mod leases;
mod pool;
mod pool_histories;
mod reconciler;
