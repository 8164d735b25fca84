//! The changes that the reconciler makes without a command, to bring the fleet to rest.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    Register,
    Deregister,
    Terminate,
    /// One of the warm pool's, to serve.
    Start,
    /// One that goes back to the warm pool.
    Stop,
    /// The tag that begins a retire; without a command, of what leaves the warm pool alone.
    Retire,
}

impl Change {
    pub const ALL: [Change; 6] =
        [Change::Deregister, Change::Terminate, Change::Stop, Change::Start, Change::Register, Change::Retire];

    /// Whether it is the warm pool's alone.
    pub fn is_of_pool(self) -> bool {
        matches!(self, Change::Start | Change::Stop | Change::Retire)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Change::Register => "register",
            Change::Deregister => "deregister",
            Change::Terminate => "terminate",
            Change::Start => "start",
            Change::Stop => "stop",
            Change::Retire => "tag",
        })
    }
}
