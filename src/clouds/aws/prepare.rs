//! How an instance for the warm pool is told to power itself off. In: the user data that every instance gets. Out: the
//! same with the shutdown at its end, or why that cannot be.

/// AWS's bound for user data, before it is encoded.
pub const USER_DATA_MOST: usize = 16 * 1024;
/// What is added at the end. It is reached only where the script ran through.
const SHUTDOWN: &str = "\n# Prepared for handwave's warm pool.\nshutdown -h now\n";
/// The interpreters that know it.
const SHELLS: [&str; 6] = ["sh", "bash", "dash", "ash", "ksh", "zsh"];

/// Why the warm pool's instances cannot be prepared.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    #[error("the warm pool needs a shell script to end with a shutdown: begin instance.user_data with #!/bin/sh")]
    NoScript,
    #[error("the warm pool's shutdown after `{0}` would never run: take that line off the end of instance.user_data")]
    Ends(String),
    #[error(
        "the warm pool needs the script that prepares an instance, and a launch template's is not read: name it in \
         instance.user_data"
    )]
    Template,
    #[error("with the warm pool's shutdown instance.user_data has {0} bytes, AWS takes {USER_DATA_MOST}: shorten it")]
    TooLong(usize),
}

/// The user data with the shutdown at its end.
pub fn prepared(user_data: Option<&[u8]>, has_template: bool) -> Result<Vec<u8>, PrepareError> {
    let script = match user_data {
        Some(bytes) => std::str::from_utf8(bytes).map_err(|_| PrepareError::NoScript)?,
        None if has_template => return Err(PrepareError::Template),
        None => "#!/bin/sh",
    };
    if !is_shell(script) {
        return Err(PrepareError::NoScript);
    }
    let last = script.lines().map(str::trim).rfind(|line| !line.is_empty() && !line.starts_with('#'));
    if let Some(last) = last
        && ["exit", "exec"].contains(&last.split_whitespace().next().unwrap_or_default())
    {
        return Err(PrepareError::Ends(last.to_owned()));
    }
    let prepared = format!("{script}{SHUTDOWN}").into_bytes();
    if prepared.len() > USER_DATA_MOST {
        return Err(PrepareError::TooLong(prepared.len()));
    }
    Ok(prepared)
}

/// Whether its first line names a shell.
fn is_shell(script: &str) -> bool {
    let line = script.strip_prefix("#!").and_then(|rest| rest.lines().next()).unwrap_or_default();
    let mut words = line.split_whitespace().map(|word| word.rsplit('/').next().unwrap_or(word));
    match words.next() {
        Some("env") => words.find(|word| !word.starts_with('-')).is_some_and(|shell| SHELLS.contains(&shell)),
        Some(shell) => SHELLS.contains(&shell),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepare(script: &str) -> Result<String, PrepareError> {
        prepared(Some(script.as_bytes()), false).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn a_shell_script_ends_with_the_shutdown() {
        for first in ["#!/bin/sh", "#!/bin/bash -ex", "#! /usr/bin/env bash"] {
            let script = prepare(&format!("{first}\napt-get install -y nginx")).unwrap();
            assert!(script.starts_with(first) && script.ends_with("\nshutdown -h now\n"), "{script}");
        }
        assert!(prepared(None, false).unwrap().starts_with(b"#!/bin/sh\n"));
    }

    #[test]
    fn what_would_never_power_off_is_refused() {
        for script in ["#cloud-config\npackages: [nginx]\n", "<powershell>\n", "#!/usr/bin/python3\n", ""] {
            assert_eq!(prepare(script), Err(PrepareError::NoScript), "{script}");
        }
        assert_eq!(prepared(Some(&[0x1f, 0x8b, 0xff]), false), Err(PrepareError::NoScript));
        assert_eq!(prepare("#!/bin/sh\ntrue\nexit 0\n\n# done\n"), Err(PrepareError::Ends("exit 0".into())));
        assert_eq!(prepared(None, true), Err(PrepareError::Template));
        let long = format!("#!/bin/sh\n{}", "#".repeat(USER_DATA_MOST - 20));
        assert!(matches!(prepare(&long), Err(PrepareError::TooLong(_))));
    }
}
