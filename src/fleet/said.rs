//! What a person last did to the fleet. A policy does not undo it for a while.

/// What a person did last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub what: What,
    /// Who, as [`Source`](crate::command::Source) says it: ` by anna on the command line`.
    pub by: String,
    /// The count that it reached.
    pub count: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Launch,
    Retire,
    /// Somebody else changed the fleet: nobody here knows what they want of it.
    Other,
    /// handwave started: nobody knows what came before.
    Start,
}
