//! The policies as tests: scenes in the policy language, all of them against random histories, and the tool as a person
//! runs it.

mod comparison;
mod faults;
mod histories;
mod scenes;
mod task;
mod tool;
