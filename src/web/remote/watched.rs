//! Files that may be changed while handwave runs. In: their paths. Out: whether any is another than at the last look.
//! Files are replaced rarely, and a look a second costs nothing, so nothing is asked of the system's own watchers.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

#[derive(Debug)]
pub struct Watched {
    paths: Vec<PathBuf>,
    seen: Vec<Option<Stamp>>,
}

/// What is another after a change: a file that was replaced has another number, too.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    #[cfg(unix)]
    number_and_mode: (u64, u32),
}

impl Watched {
    /// Looks at these for the first time. Look before you read: a change in between is seen the next time.
    pub fn at(paths: &[&Path]) -> Watched {
        let paths: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
        let seen = stamps(&paths);
        Watched { paths, seen }
    }

    pub fn has_changed(&mut self) -> bool {
        let now = stamps(&self.paths);
        let has_changed = now != self.seen;
        self.seen = now;
        has_changed
    }
}

/// None: it is not there, or cannot be looked at.
fn stamps(paths: &[PathBuf]) -> Vec<Option<Stamp>> {
    paths.iter().map(|path| stamp(path)).collect()
}

fn stamp(path: &Path) -> Option<Stamp> {
    let about = fs::metadata(path).ok()?;
    Some(Stamp {
        modified: about.modified().ok(),
        length: about.len(),
        #[cfg(unix)]
        number_and_mode: {
            use std::os::unix::fs::MetadataExt;
            (about.ino(), about.mode())
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_comes_changes_is_replaced_or_goes_is_seen_once() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
        let mut watched = Watched::at(&[&one, &other]);
        let mut changes = vec![watched.has_changed()];
        let mut then = |what: &dyn Fn()| {
            what();
            changes.extend([watched.has_changed(), watched.has_changed()]);
        };
        then(&|| fs::write(&one, "1").unwrap());
        then(&|| fs::write(&other, "1").unwrap());
        then(&|| fs::write(&one, "12").unwrap());
        then(&|| {
            let new = folder.path().join("new");
            fs::write(&new, "12").unwrap();
            fs::rename(&new, &one).unwrap();
        });
        then(&|| fs::remove_file(&one).unwrap());
        assert_eq!(changes, [&[false][..], &[true, false].repeat(5)].concat());
    }
}
