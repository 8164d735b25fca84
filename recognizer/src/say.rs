//! Says things on standard output. In: text. Out: nothing, or why it can't be said. `println!` would panic.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

#[derive(Debug, thiserror::Error)]
#[error("standard output can't be written ({0}): free some space, or send it elsewhere")]
pub struct SayError(std::io::Error);

pub fn line(text: impl Display) -> Result<(), SayError> {
    exactly(format!("{text}\n"))
}

/// Without an end of line. Where nobody reads any more, as after `| head`, there is nobody to tell.
pub fn exactly(text: impl Display) -> Result<(), SayError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.to_string().as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(SayError(error)),
        _ => Ok(()),
    }
}
