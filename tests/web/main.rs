//! The web page's server, over HTTP against the real binary: who gets in, what commands do, what the stream sends.
//! `tests/browser` has the page itself.

mod access;
mod commands;
mod http;
mod leases;
mod openapi;
#[cfg(all(unix, feature = "openid"))]
mod openid;
mod passwords;
mod policy;
#[cfg(all(unix, feature = "openid"))]
mod provider;
mod public;
mod server;
mod start;
mod stream;
mod tls;
