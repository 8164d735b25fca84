//! What one rule wants of the fleet's count at one moment, and what it measured.

use std::fmt;

/// What a rule wants. What is not known never lets a fleet shrink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    Exactly(usize),
    /// So many or more: what is missing may hide that more are needed.
    AtLeast(usize),
    /// A rule with a dead band: a smaller fleet grows to `out_to`, a larger one shrinks to `in_to`.
    Apart {
        out_to: usize,
        in_to: usize,
    },
    /// Nothing can be said.
    Unknown,
}

impl Need {
    /// What a smaller fleet grows to.
    pub fn out_to(&self) -> Option<usize> {
        match self {
            Need::Exactly(n) | Need::AtLeast(n) => Some(*n),
            Need::Apart { out_to, .. } => Some(*out_to),
            Need::Unknown => None,
        }
    }

    /// What a larger fleet may shrink to. None where it must not shrink.
    pub fn in_to(&self) -> Option<usize> {
        match self {
            Need::Exactly(n) => Some(*n),
            Need::Apart { in_to, .. } => Some(*in_to),
            Need::AtLeast(_) | Need::Unknown => None,
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Need::Exactly(n) => write!(f, "{n} needed"),
            Need::AtLeast(n) => write!(f, "{n} needed, or more"),
            Need::Apart { out_to, in_to } if out_to == in_to => write!(f, "{out_to} needed"),
            Need::Apart { out_to, in_to } => write!(f, "{out_to} needed, {in_to} at most"),
            Need::Unknown => f.write_str("not known"),
        }
    }
}

/// A need, and what was measured, in words that begin with the rule's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    pub need: Need,
    pub words: String,
}

impl Measured {
    pub fn new(need: Need, words: impl Into<String>) -> Measured {
        Measured { need, words: words.into() }
    }
}

/// The fleet as the rules see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// What is pending, running or just launched, less what is retiring.
    pub count: usize,
    /// Of these, in service for less than the warm-up: they take load that is not measured.
    pub warming: usize,
}
