//! What a page needs that other machines reach. In: the users' file, and the certificate. Out: who signs in by a
//! password, and TLS.
//!
//! `accounts` has the passwords: `users` (a file that is `watched`) with `passwords` (hashed), whose guessing `tries`
//! slows. `tls` has the certificate. A build without the feature `remote` refuses the settings of both.

#[cfg(feature = "remote")]
mod accounts;
#[cfg(feature = "remote")]
pub mod passwords;
#[cfg(feature = "remote")]
mod tls;
#[cfg(feature = "remote")]
mod tries;
#[cfg(feature = "remote")]
pub mod users;
#[cfg(feature = "remote")]
mod watched;
#[cfg(not(feature = "remote"))]
mod without;

#[cfg(not(feature = "remote"))]
pub use without::{Acceptor, Accounts, Tls, TlsError, User, UsersError};
#[cfg(feature = "remote")]
pub use {
    accounts::Accounts,
    tls::{Acceptor, Tls, TlsError},
    users::{User, UsersError},
};
