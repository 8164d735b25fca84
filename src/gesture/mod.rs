//! Hands to gestures. Pure: no clock, no I/O; time comes from the readings.

pub mod confirm;
pub mod fists;
pub mod hold;
pub mod language;
pub mod machine;
pub mod pictures;
pub mod sample;
pub mod settings;
pub mod shape;
pub mod why;

pub use settings::{Begin, Settings};
