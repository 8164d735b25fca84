//! The web page's server, over HTTP against the real binary: who gets in, what commands do, what the stream sends.
//! `tests/browser` has the page itself.

mod access;
mod commands;
mod http;
mod openapi;
mod passwords;
mod policy;
mod public;
mod server;
mod start;
mod stream;
mod tls;
