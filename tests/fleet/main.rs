//! The fleet from outside: commands to the actor, and what the simulated cloud then holds.

mod actor;
mod contract;
mod histories;
