//! Whatever works on every pixel: [`camera`] and [`vision`], from frames to hands, and the [`canvas`] that is drawn on.
//! A package of its own (`pixels/Cargo.toml`): it is optimised in every build, the rest of handwave in a release only.
//! lib.rs names its modules as handwave's own.

// As in lib.rs.
#![warn(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)]

pub mod camera;
pub mod canvas;
pub mod hand;
pub mod settings;
pub mod vision;
