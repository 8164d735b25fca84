//! A build for this machine alone. In: settings. Out: a refusal, where they ask for passwords or TLS.

use std::io;
use std::net::IpAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

use crate::web::people::{NotIn, Person};

#[derive(Debug, thiserror::Error)]
#[error("`web.users` is set, but this handwave was built without passwords: build it with the feature remote")]
pub struct UsersError;

#[derive(Debug, thiserror::Error)]
#[error("`web.certificate` is set, but this handwave was built without TLS: build it with the feature remote")]
pub struct TlsError;

/// Nobody's.
#[derive(Clone, Debug)]
pub struct Accounts;

/// Nobody.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum User {}

impl Accounts {
    pub fn of(path: Option<&Path>) -> Result<Accounts, UsersError> {
        path.map_or(Ok(Accounts), |_| Err(UsersError))
    }

    pub fn are_there(&self) -> bool {
        false
    }

    pub fn count(&self) -> usize {
        0
    }

    pub fn has(&self, _: &str, user: &User) -> bool {
        match *user {}
    }

    pub async fn sign_in(&self, _: &str, _: String, _: IpAddr) -> Result<(Person, User), NotIn> {
        Err(NotIn::NoPasswords)
    }

    pub fn refresh(&self) -> bool {
        false
    }
}

/// No certificate.
pub enum Tls {}

impl Tls {
    pub fn of(_: &Path, _: &Path) -> Result<Tls, TlsError> {
        Err(TlsError)
    }

    pub fn acceptor(&self) -> Acceptor {
        match *self {}
    }

    pub fn refresh(&mut self) {
        match *self {}
    }
}

#[derive(Clone)]
pub enum Acceptor {}

impl Acceptor {
    pub async fn accept(&self, _: TcpStream) -> io::Result<TcpStream> {
        match *self {}
    }
}
