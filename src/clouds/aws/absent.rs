//! AWS in a handwave that was built without it.

use crate::clouds::cloud::{Cloud, Error};
use crate::clouds::finding::Step;
use crate::clouds::settings::Settings;

#[derive(Debug, thiserror::Error)]
#[error("this handwave cannot reach AWS: build it with the feature `aws`, or say --dry-run")]
struct NotBuilt;

pub async fn open(_: &Settings) -> Result<Box<dyn Cloud>, Error> {
    Err(Error::new(NotBuilt))
}

pub async fn check(_: &Settings, _: &mut (dyn FnMut(Step) + Send)) -> Result<(), Error> {
    Err(Error::new(NotBuilt))
}
