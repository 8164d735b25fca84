//! The threads between camera, vision and a consumer, and recordings of the readings.

pub mod recording;
pub mod slot;
pub mod threads;
pub mod update;
