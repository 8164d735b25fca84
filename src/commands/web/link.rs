//! `handwave web link`: a sign-in link to the page of a handwave that runs. In: its address and a role. Out: the link.

use std::net::TcpStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::commands::output::say;
use crate::config::Config;
use crate::web::links::Links;
use crate::web::people::Role;
use crate::web::server::{link, page};
use crate::web::settings::Listen;

/// How long the look at whether a page is served may take.
const WITHIN: Duration = Duration::from_secs(2);

pub fn run(listen: Option<Listen>, role: Role, config: Option<&Path>) -> Result<ExitCode> {
    let settings = Config::load(config)?.0.web.at(listen);
    let listen = settings.listen;
    if !listen.is_loopback() {
        bail!(
            "others can reach the page at {listen}: sign in there by a password, which `handwave web user add` sets, or by \
             the provider"
        );
    }
    if listen.0.port() == 0 {
        bail!("which page? Name its address, as handwave printed it: handwave web link 127.0.0.1:PORT");
    }
    TcpStream::connect_timeout(&listen.0, WITHIN).with_context(|| {
        format!("no page is served at {listen}: start one by `handwave run --web` or `handwave serve`")
    })?;
    let token = Links::of_port(listen.0.port())?.make(role)?;
    say(&link(&page(&settings, listen.0), &token))?;
    Ok(ExitCode::SUCCESS)
}
