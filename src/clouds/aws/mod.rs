//! AWS: the fleet's real cloud. In: settings, and the calls of [`super::cloud::Cloud`]. Out: EC2 and a classic load
//! balancer.
//!
//! `settings` is config.toml's part, `session` finds out who and where we are and refuses what is not meant, `ec2`
//! implements the port, `launch` is what an instance is launched with, `classic_setup` makes, shows and deletes the load
//! balancer, `probe` asks what `doctor` wants to know, `errors` sorts what goes wrong. Without the feature `aws` only the
//! settings are built.

pub mod settings;

#[cfg(feature = "aws")]
pub mod classic_setup;
#[cfg(feature = "aws")]
pub mod ec2;
#[cfg(feature = "aws")]
mod errors;
#[cfg(feature = "aws")]
pub mod launch;
#[cfg(feature = "aws")]
pub mod probe;
#[cfg(feature = "aws")]
pub mod session;

#[cfg(feature = "aws")]
pub use session::{Live, OpenError, Session, open};
