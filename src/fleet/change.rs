//! The changes that the reconciler makes without a command, to bring the fleet to rest.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    Register,
    Deregister,
    Terminate,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Change::Register => "register",
            Change::Deregister => "deregister",
            Change::Terminate => "terminate",
        })
    }
}
