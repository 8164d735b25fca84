//! What a person sees in a browser: one server, one page. In: a run's states, its journal, the way to its fleet. Out:
//! the page, a stream of changes, and commands from people who are signed in.
//!
//! `server` takes an address and routes, `connections` serves what connects; `guard` keeps other sites and other hosts
//! out, and tells each request's `client`; `access` knows who is signed in and what each role may do, with `sessions`
//! (where they are kept). `sign_in` lets people in by `links` (once, for a minute), by a password (`remote`, which has
//! TLS too) or by a provider (`openid`). `feed` turns states into JSON once, by `shown` (pure), `history` and `charts`;
//! `stream` sends it to each reader. `api` answers single requests, `orders` takes commands, `leases` those of a
//! person's own instance, `story` says what happened to an instance. `context` is what all of them need, `people` are
//! who is signed in, `answer` is how errors are told. `prometheus` counts what happens. `assets` is the page, whose
//! files are in `page/`. Without the feature `web` only the settings are built.

pub mod openid;
pub mod settings;

#[cfg(feature = "web")]
mod access;
#[cfg(feature = "web")]
mod answer;
#[cfg(feature = "web")]
mod api;
#[cfg(feature = "web")]
mod assets;
#[cfg(feature = "web")]
mod body;
#[cfg(feature = "web")]
mod charts;
#[cfg(feature = "web")]
mod client;
#[cfg(feature = "web")]
mod connections;
#[cfg(feature = "web")]
mod context;
#[cfg(feature = "web")]
mod feed;
#[cfg(feature = "web")]
mod guard;
#[cfg(feature = "web")]
mod history;
#[cfg(feature = "web")]
mod leases;
#[cfg(feature = "web")]
pub mod links;
#[cfg(feature = "web")]
mod orders;
#[cfg(feature = "web")]
pub mod people;
#[cfg(feature = "web")]
mod prometheus;
#[cfg(feature = "web")]
pub mod remote;
#[cfg(feature = "web")]
pub mod server;
#[cfg(feature = "web")]
mod sessions;
#[cfg(feature = "web")]
mod shown;
#[cfg(feature = "web")]
mod sign_in;
#[cfg(feature = "web")]
mod story;
#[cfg(feature = "web")]
mod stream;

pub use settings::Settings;
