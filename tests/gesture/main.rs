//! The gesture rules of the design, as tests: each rule in a small time-driven language, and all of them against
//! random histories.

mod hands;
mod language;
mod properties;
mod rules;
