//! The cloud, where a real one is meant. In: the command line and the settings. Out: the cloud's own findings, printed.

use anyhow::Result;

use super::sheet::Sheet;
use crate::cli::DoctorArgs;
use crate::clouds::{self, Choice, Step};
use crate::commands::tasks::block_on;
use crate::config::Config;

pub fn check(sheet: &mut Sheet<'_>, args: &DoctorArgs, config: &Config) -> Result<()> {
    let settings = config.clouds();
    let choice = Choice::of(args.live, args.dry_run, &settings);
    let mut printed = Ok(());
    let mut tell = |step| match step {
        Step::Asking(what) => sheet.wait(what),
        Step::Found(finding) if printed.is_ok() => printed = sheet.tell(finding),
        Step::Found(_) => {}
    };
    block_on(async { Ok(clouds::check(&settings, choice, &mut tell).await?) })?;
    printed
}
