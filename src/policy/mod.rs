//! Measurements to a wanted count. In: CPU of instances, depths of a queue, the fleet's count, what a person last did.
//! Out: reach so many, or hold, with the reason in words.
//!
//! ```text
//!     cpu.rs, queue.rs: one moment's measurements -> a need        bounds.rs: a person's command -> floor or ceiling
//!                  |                                                             |
//!                  v                                                             v
//!     history.rs: the needs of the last minutes  ------------------------>  decide.rs: hold, or reach n
//! ```
//!
//! All of that is pure: no clock, no I/O. `language` tries it in words. `measure` asks a cloud, and `follow` is the
//! task that does so again and again, and sends what was decided to the fleet. `activity` lets leases go on while they
//! are used.

pub mod activity;
pub mod bounds;
pub mod cpu;
pub mod decide;
pub mod follow;
pub mod history;
pub mod language;
pub mod measure;
pub mod need;
pub mod queue;
pub mod settings;

pub use settings::Settings;
