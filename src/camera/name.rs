//! A file's name in a sentence. In: a path. Out: the same on one line, whatever is in it.

use std::fmt;
use std::path::Path;

/// A path as people read it: control characters, which may break a line or steer a terminal, are written as escapes.
pub struct Name<'a>(pub &'a Path);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.to_string_lossy().chars() {
            if char.is_control() { write!(f, "{}", char.escape_default())? } else { write!(f, "{char}")? }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_on_its_line() {
        assert_eq!(Name(Path::new("Grüße/a b.jpg")).to_string(), "Grüße/a b.jpg");
        assert_eq!(Name(Path::new("a\nb\x1b[31m.jpg")).to_string(), "a\\nb\\u{1b}[31m.jpg");
    }
}
