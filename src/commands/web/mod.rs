//! `handwave web`: who gets in to the page of a handwave that runs. In: the command line and the settings. Out: a link, or
//! another users' file.

mod link;
mod user;

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::{WebAction, WebArgs};

pub fn run(args: &WebArgs) -> Result<ExitCode> {
    match &args.action {
        WebAction::Link { listen, role, config } => link::run(*listen, *role, config.as_deref()),
        WebAction::User(args) => user::run(args),
    }
}
