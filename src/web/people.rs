//! People on the page: a name, and what they may do. Or why somebody is nobody here.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What somebody may do; each may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Sees everything.
    Viewer,
    /// Changes the fleet too.
    Operator,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
        })
    }
}

/// Somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub user: String,
    pub role: Role,
}

impl Person {
    /// Whether they see to everybody's leases.
    pub fn sees_all(&self) -> bool {
        self.role >= Role::Operator
    }

    /// Whether they see, and see to, the lease of this holder.
    pub fn may_see(&self, holder: &str) -> bool {
        self.sees_all() || self.user == holder
    }
}

/// Why somebody is not signed in by a password.
#[derive(Debug, PartialEq, Eq)]
pub enum NotIn {
    /// There are no passwords here.
    NoPasswords,
    /// Too many were wrong: wait so long.
    Wait(Duration),
    /// For the audit file alone: whoever asks must not learn which names exist.
    Wrong(String),
}
