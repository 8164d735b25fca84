//! Scale an EC2 fleet behind a load balancer by showing fingers to a webcam.

pub mod camera;
pub mod config;
pub mod event;
pub mod fleet;
pub mod gesture;
pub mod hand;
pub mod vision;
