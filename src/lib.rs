//! Scale an EC2 fleet behind a load balancer by showing fingers to a webcam.
//!
//! Frames of a [`camera`] become hands by [`vision`], hands become gestures by [`gesture`], gestures become commands to
//! the [`fleet`], which lives in one of the [`clouds`]; a [`view`] shows it all. `commands::run` ties them together.
//!
//! Vision alone is useful too. `examples/count_fingers.rs` reads a picture:
//!
//! ```
#![doc = include_str!("../examples/count_fingers.rs")]
//! ```

// No input may end the process: not by an unwrap, and not by a println where nobody reads standard output.
#![warn(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)]

pub mod cli;
pub mod clouds;
pub mod command;
pub mod commands;
pub mod config;
pub mod daemon;
pub mod event;
pub mod fleet;
pub mod gesture;
pub mod metrics;
pub mod pipeline;
pub mod policy;
pub mod view;
pub mod web;

#[doc(inline)]
pub use handwave_pixels::{camera, canvas, hand, settings, vision};
