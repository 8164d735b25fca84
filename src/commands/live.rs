//! What is asked before AWS is changed. In: the command line, the settings, a person. Out: whether AWS is meant, and
//! whether to go on.

use anyhow::{Result, bail};

use crate::cli::CloudArgs;
use crate::config::Config;
use crate::fleet::CloudName;

/// Whether AWS is meant, and not a simulated fleet.
pub fn is_meant(args: &CloudArgs, config: &Config) -> Result<bool> {
    let live = args.live || (config.fleet.cloud == CloudName::Aws && !args.dry_run);
    if live && cfg!(not(feature = "aws")) {
        bail!("this handwave cannot reach AWS: build it with the feature `aws`, or say --dry-run");
    }
    Ok(live)
}

/// Asks before something is destroyed. False: the person does not want it.
#[cfg(feature = "aws")]
pub fn confirm(what: &str, args: &CloudArgs) -> Result<bool> {
    use std::io::{self, BufRead, IsTerminal, Write};
    if args.yes {
        return Ok(true);
    }
    if !io::stdin().is_terminal() {
        bail!("{what}? Nobody is at the terminal to be asked: say --yes if it is meant");
    }
    let mut err = io::stderr();
    write!(err, "{what}? [y/N] ").and_then(|()| err.flush())?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
