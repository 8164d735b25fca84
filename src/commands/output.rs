//! Standard output. In: a result, one line at a time. Out: whether somebody still reads it.

use std::io::{self, Write};

use anyhow::{Context, Result};

/// Writes a line to standard output. False: the reader closed it, which is no error.
pub fn say(line: &str) -> Result<bool> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        other => other.map(|()| true).context("cannot write to standard output"),
    }
}
