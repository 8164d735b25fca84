//! Camera and vision, each in its thread, and recordings of what they saw.

pub mod recording;
pub mod slot;
pub mod threads;
pub mod update;
