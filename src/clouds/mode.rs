//! Whether what a run or a command changes is real, and where it is then.

use std::fmt;

/// Whether the fleet is real, and where it is then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    DryRun,
    Live { account: String, region: String },
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mode::DryRun => f.write_str("DRY RUN"),
            Mode::Live { account, region } => write!(f, "LIVE {account} {region}"),
        }
    }
}
