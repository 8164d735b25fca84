//! AWS: the fleet's real cloud. In: settings, and the calls of the fleet's ports. Out: EC2 instances behind a load
//! balancer.
//!
//! `settings` is config.toml's part, `session` finds out identity and region and holds them to the pins, with
//! `credentials` that have their own time, by way of `https`, which trusts whom `trust` says. `cloud` is what [`open`]
//! opens. `ec2` is one port, `launch` is what an instance is launched with, `prepare` what powers a warm pool's off.
//! `front` chooses the other port, `classic` or `target_group`, which `classic_setup` and `target_setup` make, show and
//! delete, in `subnets`. `measurements` asks CloudWatch and SQS, `traffic` says where requests are counted. `doctor`
//! checks by what `probe` asks, `errors` sorts what goes wrong, and `remedy` says what to do. Without the feature `aws`
//! only the settings are built, and `absent` says so.

pub mod settings;

#[cfg(not(feature = "aws"))]
mod absent;
#[cfg(feature = "aws")]
mod batch;
#[cfg(feature = "aws")]
mod classic;
#[cfg(feature = "aws")]
mod classic_setup;
#[cfg(feature = "aws")]
mod cloud;
#[cfg(feature = "aws")]
mod credentials;
#[cfg(feature = "aws")]
mod doctor;
#[cfg(feature = "aws")]
mod ec2;
#[cfg(feature = "aws")]
mod errors;
#[cfg(feature = "aws")]
mod front;
#[cfg(feature = "aws")]
mod https;
#[cfg(feature = "aws")]
mod launch;
#[cfg(feature = "aws")]
mod measurements;
#[cfg(feature = "aws")]
mod prepare;
#[cfg(feature = "aws")]
mod probe;
#[cfg(feature = "aws")]
mod remedy;
#[cfg(feature = "aws")]
mod session;
#[cfg(feature = "aws")]
mod subnets;
#[cfg(feature = "aws")]
mod target_group;
#[cfg(feature = "aws")]
mod target_setup;
#[cfg(feature = "aws")]
mod traffic;
#[cfg(feature = "aws")]
mod trust;

#[cfg(not(feature = "aws"))]
pub use absent::{check, open};
#[cfg(feature = "aws")]
pub use cloud::{Aws, open};
#[cfg(feature = "aws")]
pub use doctor::check;
