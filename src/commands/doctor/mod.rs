//! `handwave doctor`: is everything there that a run needs? In: a run's command line and settings. Out: a line a
//! finding, with a remedy where one is needed; status 1 where something has failed.

mod camera;
mod cloud;
mod here;
mod sheet;

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::DoctorArgs;
use crate::config::Config;
use crate::view::terminal::Terminal;
use sheet::Sheet;

pub fn run(args: &DoctorArgs, terminal: &Terminal) -> Result<ExitCode> {
    let mut sheet = Sheet::new(terminal);
    let loaded = Config::load(args.common.config.as_deref());
    sheet.tell(here::settings(&loaded))?;
    // With settings that can't be read, the rest is checked as if there were none.
    let config = loaded.map_or_else(|_| Config::shipped(), |(config, _)| config);
    let models = args.common.models.as_deref();
    sheet.tell(here::runtime(&config))?;
    sheet.tell(here::models(&config, models))?;
    sheet.tell(here::display())?;
    let source = args.camera.clone().unwrap_or(config.camera.source.clone());
    camera::check(&mut sheet, &source, &config, args.interactive.then_some(models))?;
    cloud::check(&mut sheet, args, &config)?;
    Ok(if sheet.has_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
