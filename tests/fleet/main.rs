//! The fleet from outside: commands to the actor, and what the simulated cloud then holds.

mod actor;
#[cfg(feature = "aws")]
mod aws;
mod contract;
mod histories;
