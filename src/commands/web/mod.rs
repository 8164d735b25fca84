//! `handwave web`: who gets in to the page of a handwave that runs. In: the command line and the settings. Out: a link,
//! or another users' file.

mod link;
#[cfg(feature = "remote")]
mod user;

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::{WebAction, WebArgs};

pub fn run(args: &WebArgs) -> Result<ExitCode> {
    match &args.action {
        WebAction::Link { listen, role, config } => link::run(*listen, *role, config.as_deref()),
        #[cfg(feature = "remote")]
        WebAction::User(args) => user::run(args),
        #[cfg(not(feature = "remote"))]
        WebAction::User(_) => anyhow::bail!(
            "`web.users` cannot be changed: this handwave was built without passwords; build it with the feature remote"
        ),
    }
}
