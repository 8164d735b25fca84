//! Sign-in by an OpenID Connect provider: a company's own, or Amazon Cognito. In: a browser that was sent to the
//! provider and came back. Out: a session, or why there is none.
//!
//! ```text
//! GET /sign-in/openid       begun: state, nonce and PKCE are kept for this browser  -> to the provider
//! GET /sign-in/openid/back  the code for a token, the token proved, groups to role -> to the page
//! ```
//!
//! `routes` has the two, `open` what is under way, `provider` asks and proves, `claims` (pure) says who somebody is.
//! Without the feature `openid` only the settings are built.

pub mod settings;

#[cfg(feature = "openid")]
mod claims;
#[cfg(feature = "openid")]
mod open;
#[cfg(feature = "openid")]
mod provider;
#[cfg(feature = "openid")]
mod routes;
#[cfg(all(feature = "web", not(feature = "openid")))]
mod without;

#[cfg(all(feature = "web", not(feature = "openid")))]
pub use without::{OpenId, routes};
#[cfg(feature = "openid")]
pub use {open::OpenId, routes::routes};
