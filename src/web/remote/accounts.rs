//! Sign-in by name and password. In: the users' file, names and passwords as they are typed. Out: who that is, or why
//! not.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::passwords::Hash;
use super::tries::Tries;
use super::users::{self, User, Users, UsersError};
use super::watched::Watched;
use crate::web::people::{NotIn, Person};

/// How long a password waits for others' to be checked.
const LONGEST_QUEUE: Duration = Duration::from_secs(5);

/// Clones are the same.
#[derive(Clone, Debug)]
pub struct Accounts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// None: nobody has a password.
    file: Option<File>,
    tries: Mutex<Tries>,
    /// One password at a time: each takes memory and a core.
    checking: Semaphore,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    watched: Mutex<Watched>,
    users: RwLock<Users>,
    /// What an unknown name's password is held to, so that it takes as long as a known one's.
    decoy: Hash,
}

impl Accounts {
    /// Reads the users' file, where there is one.
    pub fn of(path: Option<&Path>) -> Result<Accounts, UsersError> {
        let file = path.map(|path| {
            let watched = Watched::at(&[path]);
            let decoy = Hash::of(&uuid::Uuid::new_v4().to_string()).expect("an id is long enough for a password");
            let users = RwLock::new(users::read(path)?);
            Ok(File { path: path.to_owned(), watched: Mutex::new(watched), users, decoy })
        });
        Ok(Accounts(Arc::new(Inner { file: file.transpose()?, tries: Mutex::default(), checking: Semaphore::new(1) })))
    }

    /// Whether anybody can sign in by a password.
    pub fn are_there(&self) -> bool {
        self.0.file.is_some()
    }

    pub fn count(&self) -> usize {
        self.users(Users::len).unwrap_or(0)
    }

    /// Whether this user is in the file as they were when they signed in.
    pub fn has(&self, name: &str, user: &User) -> bool {
        self.users(|users| users.get(name) == Some(user)).unwrap_or(false)
    }

    /// Checks a password.
    pub async fn sign_in(&self, name: &str, password: String, address: IpAddr) -> Result<(Person, User), NotIn> {
        let Some(file) = &self.0.file else { return Err(NotIn::NoPasswords) };
        // A longer name is nobody's, and would be kept.
        let counted = if users::check(name).is_ok() { name } else { "" };
        self.tries(|tries| tries.begin(counted, address, Instant::now())).map_err(NotIn::Wait)?;
        let user = self.users(|users| users.get(name).cloned()).flatten();
        let hash = user.as_ref().map_or(&file.decoy, |user| &user.password).clone();
        let Ok(one) = timeout(LONGEST_QUEUE, self.0.checking.acquire()).await else {
            return Err(NotIn::Wait(LONGEST_QUEUE));
        };
        let fits = spawn_blocking(move || hash.fits(&password)).await.unwrap_or(false);
        drop(one);
        match user {
            Some(user) if fits => {
                self.tries(|tries| tries.succeeded(counted, address));
                Ok((Person { user: name.to_owned(), role: user.role }, user))
            }
            Some(_) => Err(NotIn::Wrong(format!("a wrong password for {name}"))),
            // People type passwords into the wrong field: what nobody is called is not kept.
            None => Err(NotIn::Wrong("a name that nobody has".to_owned())),
        }
    }

    /// Reads the file again where it has changed. One that cannot be used lets nobody in until it is right. Answers
    /// whether anything is other than before.
    pub fn refresh(&self) -> bool {
        let Some(file) = &self.0.file else { return false };
        if !file.watched.lock().unwrap_or_else(PoisonError::into_inner).has_changed() {
            return false;
        }
        let users = users::read(&file.path).unwrap_or_else(|error| {
            tracing::warn!("nobody can sign in by a password: {error}");
            Users::new()
        });
        *file.users.write().unwrap_or_else(PoisonError::into_inner) = users;
        true
    }

    fn users<T>(&self, of: impl FnOnce(&Users) -> T) -> Option<T> {
        self.0.file.as_ref().map(|file| of(&file.users.read().unwrap_or_else(PoisonError::into_inner)))
    }

    fn tries<T>(&self, of: impl FnOnce(&mut Tries) -> T) -> T {
        // Each change is made whole under the lock.
        of(&mut self.0.tries.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::people::Role;

    const GOOD: &str = "correct horse battery staple";
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn with_anna(path: &Path) -> User {
        let user = User { role: Role::Operator, password: Hash::of(GOOD).unwrap() };
        users::add(path, "anna", user.clone()).unwrap();
        user
    }

    #[tokio::test]
    async fn a_password_signs_in_whom_the_file_names_and_a_changed_file_counts_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.toml");
        let accounts = Accounts::of(Some(&path)).unwrap();
        let sign_in = |name: &'static str, password: &str| {
            let (accounts, password) = (accounts.clone(), password.to_owned());
            async move { accounts.sign_in(name, password, HERE).await }
        };
        assert_eq!(sign_in("anna", GOOD).await, Err(NotIn::Wrong("a name that nobody has".into())));
        assert!(!accounts.refresh());
        let anna = with_anna(&path);
        assert!(accounts.refresh() && !accounts.refresh());
        let person = Person { user: "anna".into(), role: Role::Operator };
        assert_eq!(sign_in("anna", GOOD).await, Ok((person, anna.clone())));
        assert_eq!(sign_in("anna", "wrong").await, Err(NotIn::Wrong("a wrong password for anna".into())));
        assert!(accounts.has("anna", &anna));
        users::remove(&path, "anna").unwrap();
        assert!(accounts.refresh() && !accounts.has("anna", &anna) && accounts.count() == 0);
        with_anna(&path);
        assert!(accounts.refresh() && !accounts.has("anna", &anna), "another password is another user");
        std::fs::write(&path, "broken").unwrap();
        assert!(accounts.refresh() && accounts.count() == 0, "a broken file lets nobody in");
        assert!(Accounts::of(Some(&path)).is_err(), "nor does it begin");
    }

    #[tokio::test]
    async fn many_at_once_are_no_way_around_the_waits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.toml");
        with_anna(&path);
        let accounts = Accounts::of(Some(&path)).unwrap();
        let tries: Vec<_> = (0..20)
            .map(|_| {
                let accounts = accounts.clone();
                tokio::spawn(async move { accounts.sign_in("anna", "wrong".into(), HERE).await })
            })
            .collect();
        let mut checked = 0;
        for one in tries {
            checked += usize::from(matches!(one.await.unwrap(), Err(NotIn::Wrong(_))));
        }
        assert_eq!(checked, 5);
    }
}
