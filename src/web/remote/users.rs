//! The users' file: who signs in by a password. In: a file's path. Out: users by name, and the file with one more or
//! one less. It is written whole or not at all, and only its owner may read it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::passwords::Hash;
use crate::web::people::Role;

const HEAD: &str =
    "# The users of handwave's web page: `handwave web user add`, `list` and `remove` change this file.\n";
/// Bytes of a name at most.
const LONGEST_NAME: usize = 64;

/// By name.
pub type Users = BTreeMap<String, User>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    pub role: Role,
    pub password: Hash,
}

/// What is wrong with the users' file, or with what is asked of it.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    #[error("cannot read the users' file {}: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: io::Error },
    #[error("others can read or write the users' file {}: take that away by `chmod 600 {}`", path.display(), path.display())]
    Open { path: PathBuf },
    #[error("the users' file {}, line {line}, is broken: {reason}", path.display())]
    Broken { path: PathBuf, line: usize, reason: String },
    #[error("cannot write the users' file {}: {reason}", path.display())]
    Unwritable { path: PathBuf, reason: io::Error },
    #[error("{0:?} is no user's name: write up to {LONGEST_NAME} letters from a to z, digits, and . _ - @")]
    NoName(String),
    #[error("there is a user {0} already: take another name, or remove that one by `handwave web user remove {0}`")]
    Taken(String),
    #[error("there is no user {0}: `handwave web user list` names them")]
    Missing(String),
}

/// Reads the file. One that is not there has no users.
pub fn read(path: &Path) -> Result<Users, UsersError> {
    let unreadable = |reason| UsersError::Unreadable { path: path.to_owned(), reason };
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Users::new()),
        file => file.map_err(unreadable)?,
    };
    if is_open_to_others(&file).map_err(unreadable)? {
        return Err(UsersError::Open { path: path.to_owned() });
    }
    let text = io::read_to_string(file).map_err(unreadable)?;
    let broken = |line, reason| UsersError::Broken { path: path.to_owned(), line, reason };
    let users: Users = toml::from_str(&text).map_err(|error| {
        let before = error.span().map_or(0, |span| span.start);
        broken(text[..before].matches('\n').count() + 1, error.message().trim_end().replace('\n', ", "))
    })?;
    match users.keys().find(|name| check(name).is_err()) {
        Some(name) => {
            let line = text.lines().position(|line| line.contains(name.as_str())).unwrap_or(0) + 1;
            Err(broken(line, format!("{name:?} is no user's name")))
        }
        None => Ok(users),
    }
}

/// Adds a user. Refused where the name is taken, also in other letters: `Anna` beside `anna` would be mistaken for her.
pub fn add(path: &Path, name: &str, user: User) -> Result<(), UsersError> {
    check(name)?;
    change(path, |users| match users.keys().find(|other| other.eq_ignore_ascii_case(name)) {
        Some(other) => Err(UsersError::Taken(other.clone())),
        None => {
            users.insert(name.to_owned(), user);
            Ok(())
        }
    })
}

pub fn remove(path: &Path, name: &str) -> Result<(), UsersError> {
    change(path, |users| users.remove(name).map(|_| ()).ok_or_else(|| UsersError::Missing(name.to_owned())))
}

/// Whether somebody may be called so.
pub fn check(name: &str) -> Result<(), UsersError> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
    let good = (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(is_good);
    good.then_some(()).ok_or_else(|| UsersError::NoName(name.to_owned()))
}

/// Reads, changes and writes, so that of two at once none is lost.
fn change(path: &Path, how: impl FnOnce(&mut Users) -> Result<(), UsersError>) -> Result<(), UsersError> {
    let unwritable = |reason| UsersError::Unwritable { path: path.to_owned(), reason };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(unwritable)?;
    // The file itself is replaced, so the lock is another one's.
    let lock = private(&with_suffix(path, ".lock")).map_err(unwritable)?;
    lock.lock().map_err(unwritable)?;
    let mut users = read(path)?;
    how(&mut users)?;
    let text = toml::to_string(&users).expect("names, roles and hashes always make TOML");
    write_whole(path, &format!("{HEAD}\n{text}")).map_err(unwritable)
}

/// Writes beside the file, and puts that in its place when all of it is on the disk. A link to a file stays one.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let new = with_suffix(&path, ".new");
    let written = private(&new).and_then(|mut file| {
        file.set_len(0)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&new, &path)).inspect_err(|_| drop(fs::remove_file(&new)))
}

/// Opens a file for writing that only this user may read.
fn private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Whether others than its owner may read or write a file.
#[cfg(unix)]
pub fn is_open_to_others(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(file.metadata()?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
pub fn is_open_to_others(_: &File) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(role: Role) -> User {
        User { role, password: Hash::of("correct horse battery staple").unwrap() }
    }

    #[test]
    fn users_are_added_listed_and_removed_in_a_file_of_ones_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/users.toml");
        assert_eq!(read(&path).unwrap(), Users::new(), "a file that is not there has no users");
        let [anna, ben] = [user(Role::Operator), user(Role::Viewer)];
        add(&path, "anna", anna.clone()).unwrap();
        add(&path, "ben@example.org", ben.clone()).unwrap();
        assert_eq!(read(&path).unwrap(), Users::from([("anna".into(), anna), ("ben@example.org".into(), ben)]));
        let said = add(&path, "Anna", user(Role::Viewer)).unwrap_err().to_string();
        assert!(said.contains("there is a user anna already"), "{said}");
        remove(&path, "anna").unwrap();
        assert!(remove(&path, "anna").unwrap_err().to_string().contains("no user anna"));
        assert_eq!(read(&path).unwrap().into_keys().collect::<Vec<_>>(), ["ben@example.org"]);
        assert!(fs::read_to_string(&path).unwrap().starts_with(HEAD));
        assert!(!with_suffix(&path, ".new").exists());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_name_is_plain() {
        for wrong in ["", "a b", "anna\n", "änna", "../x", "a\"b", &"x".repeat(65)] {
            assert!(matches!(check(wrong), Err(UsersError::NoName(_))), "{wrong:?}");
        }
        assert!(check("Anna.B-c_1@example.org").is_ok());
    }

    #[test]
    #[cfg(unix)]
    fn a_file_that_others_read_or_that_is_broken_is_refused_in_a_sentence_and_left_as_it_is() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.toml");
        add(&path, "anna", user(Role::Operator)).unwrap();
        let whole = fs::read_to_string(&path).unwrap();
        for mode in [0o640, 0o604, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let said = read(&path).unwrap_err().to_string();
            assert!(said.contains("users.toml") && said.contains("chmod 600"), "{said}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for (text, names) in [
            (whole.replace("operator", "boss"), "line 4"),
            (whole.replace("argon2id", "argon2"), "argon2id hash"),
            (format!("{whole}email = \"x\"\n"), "unknown field `email`"),
            (format!("{whole}[anna]\n"), "line 6"),
            (whole[..HEAD.len() + 40].to_owned(), "broken"),
            (whole.replace("[anna]", "[\"a b\"]"), "\"a b\" is no user's name"),
        ] {
            fs::write(&path, &text).unwrap();
            let said = read(&path).unwrap_err().to_string();
            assert!(said.contains("users.toml") && said.contains(names) && !said.contains('\n'), "{names}: {said}");
            assert!(add(&path, "ben", user(Role::Viewer)).is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), text, "nothing is lost");
        }
    }

    #[test]
    fn of_many_at_once_none_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.toml");
        let anybody = user(Role::Viewer);
        std::thread::scope(|scope| {
            for n in 0..8 {
                let (path, anybody) = (&path, anybody.clone());
                scope.spawn(move || add(path, &format!("user{n}"), anybody).unwrap());
            }
        });
        assert_eq!(read(&path).unwrap().len(), 8);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let said = add(Path::new("/dev/null/users.toml"), "anna", user(Role::Viewer)).unwrap_err().to_string();
        assert!(said.contains("cannot write the users' file /dev/null/users.toml"), "{said}");
    }
}
