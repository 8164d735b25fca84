//! `handwave web`: the sign-in to the page of a handwave that runs. In: the command line and the settings. Out: a link.

use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::output::say;
use crate::cli::{WebAction, WebArgs};
use crate::config::Config;
use crate::web::links::Links;
use crate::web::server::link;

/// How long the look at whether a page is served may take.
const WITHIN: Duration = Duration::from_secs(2);

pub fn run(args: &WebArgs) -> Result<ExitCode> {
    let WebAction::Link { listen, role, config } = &args.action;
    let listen = match listen {
        Some(listen) => *listen,
        None => Config::load(config.as_deref())?.0.web.listen,
    };
    if listen.0.port() == 0 {
        bail!("which page? Name its address, as handwave printed it: handwave web link 127.0.0.1:PORT");
    }
    TcpStream::connect_timeout(&listen.0, WITHIN).with_context(|| {
        format!("no page is served at {listen}: start one by `handwave run --web` or `handwave serve`")
    })?;
    let token = Links::of_port(listen.0.port())?.make(*role)?;
    say(&link(listen.0, &token))?;
    Ok(ExitCode::SUCCESS)
}
