//! One run: hands become commands until somebody quits. In: the parts that `commands` opened. Out: a journal of what
//! happened, the run's state for whoever shows it, and a summary.
//!
//! `run` is the loop, `driver` decides what each input does, `journal` keeps and distributes events, `audit` is its
//! file, `state` is what the loop publishes, `keys` and `signals` are what people tell it, `summary` is its last words.

pub mod audit;
pub mod driver;
pub mod journal;
pub mod keys;
pub mod run;
pub mod signals;
pub mod state;
pub mod summary;
