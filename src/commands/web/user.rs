//! `handwave web user`: who signs in to the page by a password. In: names, roles, and passwords that are typed unseen
//! or come from a pipe. Out: the users' file of config.toml, changed; a page that is served takes it within a second.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::cli::{UserAction, UserArgs};
use crate::commands::output::say;
use crate::config::Config;
use crate::web::remote::passwords::Hash;
use crate::web::remote::users::{self, User};

pub fn run(args: &UserArgs) -> Result<ExitCode> {
    let (config, origin) = Config::load(args.config.as_deref())?;
    let path: PathBuf = config.web.users.with_context(|| {
        format!("no file for users is set: set web.users in config.toml, such as \"users.toml\" ({origin} has none)")
    })?;
    match &args.action {
        UserAction::Add { name, role } => {
            // Before a password is asked for in vain.
            users::check(name)?;
            if users::read(&path)?.contains_key(name) {
                return Err(users::UsersError::Taken(name.clone()).into());
            }
            let password = Hash::of(&password(name)?)?;
            users::add(&path, name, User { role: *role, password })?;
            say(&format!("Added {name} as {role} in {}.", path.display()))?;
        }
        UserAction::List => {
            for (name, user) in users::read(&path)? {
                if !say(&format!("{name}\t{}", user.role))? {
                    break;
                }
            }
        }
        UserAction::Remove { name } => {
            users::remove(&path, name)?;
            say(&format!("Removed {name}; where the page is served, they are signed out."))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks twice at a terminal; a pipe's first line is the password.
fn password(name: &str) -> Result<String> {
    if !io::stdin().is_terminal() {
        let mut line = String::new();
        io::stdin().read_line(&mut line).context("cannot read the password from standard input")?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    let ask = |prompt: &str| rpassword::prompt_password(prompt).context("cannot read the password from the terminal");
    let first = ask(&format!("Password for {name}, 15 characters at least: "))?;
    if first != ask("The same again: ")? {
        bail!("the two passwords differ: nobody was added");
    }
    Ok(first)
}
