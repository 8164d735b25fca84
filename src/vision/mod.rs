//! Frames to hands: palm detection, landmarks, following. `Vision::open` loads the models and gives a [`Tracker`].

pub mod landmark;
pub mod model;
pub mod motion;
pub mod palm;
pub mod roi;
pub mod runtime;
pub mod tracker;
pub mod warp;
