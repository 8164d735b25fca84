//! One-time links to sign in with. In: a port, and a role. Out: a link's token, which signs in once, within a minute.
//!
//! A link is a file that only this user of the system can write and read: whoever can do either may act here. So
//! `handwave web link` needs no way into the run but the folder. A token is the file's name, then the secret that the
//! file holds. Any try with the name removes the file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::people::{Person, Role};

/// How long a link can be used.
pub const LASTS: Duration = Duration::from_secs(60);

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot keep sign-in links in {}: {reason}; set XDG_RUNTIME_DIR to a folder of yours that can be written",
    folder.display()
)]
pub struct LinkError {
    folder: PathBuf,
    reason: io::Error,
}

/// The links of the server on one port.
#[derive(Clone, Debug)]
pub struct Links(PathBuf);

/// What a link's file says.
#[derive(Serialize, Deserialize)]
struct Grant {
    secret: Uuid,
    user: String,
    role: Role,
}

impl Links {
    /// Those of this user's server on this port. Never in a folder that others can write to: whoever writes a link is
    /// in.
    pub fn of_port(port: u16) -> Result<Links, LinkError> {
        let links = Path::new("handwave").join(format!("links-{port}"));
        match dirs::runtime_dir().or_else(dirs::cache_dir) {
            Some(folder) => Ok(Links(folder.join(links))),
            None => Err(LinkError { folder: links, reason: io::Error::other("no folder is this user's own") }),
        }
    }

    /// Those in this folder.
    pub fn within(folder: &Path) -> Links {
        Links(folder.to_owned())
    }

    /// Makes a link for this user of the system, and answers its token.
    pub fn make(&self, role: Role) -> Result<String, LinkError> {
        let (name, secret) = (Uuid::new_v4(), Uuid::new_v4());
        let user = whoami::username().unwrap_or_else(|_| "somebody".into());
        let grant = serde_json::to_vec(&Grant { secret, user, role }).expect("strings alone always make JSON");
        let written = private_folder(&self.0).and_then(|()| private_file(&self.path(name), &grant));
        written.map_err(|reason| LinkError { folder: self.0.clone(), reason })?;
        Ok(format!("{}{}", name.simple(), secret.simple()))
    }

    /// Signs in by a token, which then is used up. None: it never was one, was used, or is too old. A wrong secret uses
    /// the link up too, so nobody gets a second guess.
    pub fn redeem(&self, token: &str) -> Option<Person> {
        let (name, given) = parts(token)?;
        let path = self.path(name);
        let age = fs::metadata(&path).ok()?.modified().ok()?.elapsed().unwrap_or(Duration::ZERO);
        let grant = fs::read(&path).ok()?;
        // Of two at once, one removes it.
        fs::remove_file(&path).ok()?;
        let Grant { secret, user, role } = serde_json::from_slice(&grant).ok()?;
        (given == secret && age < LASTS).then_some(Person { user, role })
    }

    fn path(&self, name: Uuid) -> PathBuf {
        self.0.join(name.simple().to_string())
    }

    /// Removes the links that nobody used.
    pub fn clear(&self) {
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A token's two parts: its file's name, and the secret that the file holds. Whoever sees only the folder's names
/// cannot sign in.
fn parts(token: &str) -> Option<(Uuid, Uuid)> {
    let (name, secret) = token.split_at_checked(32)?;
    Some((name.parse().ok()?, secret.parse().ok()?))
}

/// Makes a folder that only this user can look into. One that others can is made so; one that is another's is an error.
fn private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn private_file(path: &Path, text: &[u8]) -> io::Result<()> {
    use io::Write;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_link_signs_in_once() {
        let folder = tempfile::tempdir().unwrap();
        let links = Links::within(&folder.path().join("links"));
        let token = links.make(Role::Operator).unwrap();
        for other in ["", "another", "../../etc/passwd", &"€".repeat(22), &"0".repeat(64)] {
            assert_eq!(links.redeem(other), None, "{other}");
        }
        assert_eq!(links.redeem(&token).map(|person| person.role), Some(Role::Operator));
        assert_eq!(links.redeem(&token), None);
    }

    #[test]
    fn whoever_sees_the_names_has_one_guess() {
        let folder = tempfile::tempdir().unwrap();
        let links = Links::within(folder.path());
        let token = links.make(Role::Operator).unwrap();
        let name = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().file_name().into_string().unwrap();
        assert_eq!(links.redeem(&name), None);
        assert_eq!(links.redeem(&format!("{name}{}", Uuid::new_v4().simple())), None);
        assert_eq!(links.redeem(&token), None);
    }

    #[test]
    fn a_link_lasts_a_minute() {
        let folder = tempfile::tempdir().unwrap();
        let links = Links::within(folder.path());
        for (age, lasts) in [(LASTS / 2, true), (LASTS + Duration::from_secs(1), false)] {
            let token = links.make(Role::Viewer).unwrap();
            let file = fs::File::options().write(true).open(links.path(parts(&token).unwrap().0)).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
            assert_eq!(links.redeem(&token).is_some(), lasts, "{age:?}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn only_this_user_can_read_a_link() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("links");
        let links = Links::within(&path);
        let token = links.make(Role::Viewer).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&links.path(parts(&token).unwrap().0))), (0o700, 0o600));
    }

    #[test]
    fn a_folder_that_cannot_be_is_named() {
        let said = Links::within(Path::new("/dev/null/links")).make(Role::Viewer).unwrap_err().to_string();
        assert!(said.contains("/dev/null/links") && said.contains("XDG_RUNTIME_DIR"), "{said}");
    }
}
