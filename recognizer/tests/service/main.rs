//! The service on the stand-in: the real binary, the real model. One program for all, as moto is slow to start.

#[path = "../stage/mod.rs"]
mod stage;

mod setup;
mod web;
mod work;
