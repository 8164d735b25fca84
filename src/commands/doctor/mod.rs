//! `handwave doctor`: is everything there that a run needs? In: a run's command line and settings. Out: a row a thing,
//! with a remedy where something is to be mended; status 1 where something has failed.

mod camera;
#[cfg(feature = "aws")]
mod cloud;
mod here;

use std::process::ExitCode;

use anyhow::Result;

use super::live;
use crate::cli::DoctorArgs;
use crate::commands;
use crate::config::Config;
use crate::view::terminal::Terminal;

pub fn run(args: &DoctorArgs, terminal: &Terminal) -> Result<ExitCode> {
    let mut sheet = Sheet { terminal, failed: false };
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
    if live::is_meant(args.live, args.dry_run, &config)? {
        #[cfg(feature = "aws")]
        commands::block_on(cloud::check(&mut sheet, &config))?;
    }
    Ok(if sheet.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// One thing that was checked.
struct Row {
    what: &'static str,
    verdict: Verdict,
    /// A sentence without its full stop. An error's names its remedy itself.
    found: String,
    remedy: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ok,
    Warning,
    Failed,
    /// It can't be asked, or was not.
    Unknown,
}

impl Row {
    fn ok(what: &'static str, found: impl ToString) -> Row {
        Row { what, verdict: Verdict::Ok, found: found.to_string(), remedy: None }
    }

    fn warning(what: &'static str, found: impl ToString) -> Row {
        Row { verdict: Verdict::Warning, ..Row::ok(what, found) }
    }

    fn failed(what: &'static str, found: impl ToString) -> Row {
        Row { verdict: Verdict::Failed, ..Row::ok(what, found) }
    }

    fn unknown(what: &'static str, found: impl ToString) -> Row {
        Row { verdict: Verdict::Unknown, ..Row::ok(what, found) }
    }

    fn remedy(self, remedy: impl ToString) -> Row {
        Row { remedy: Some(remedy.to_string()), ..self }
    }
}

/// Prints rows as they come, and keeps whether one has failed.
struct Sheet<'a> {
    terminal: &'a Terminal,
    failed: bool,
}

impl Sheet<'_> {
    fn tell(&mut self, row: Row) -> Result<()> {
        let verdict = match row.verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Failed => "failed",
            Verdict::Unknown => "unknown",
        };
        self.failed |= row.verdict == Verdict::Failed;
        self.terminal.live("");
        commands::say(&format!("{verdict:<8} {:<11} {}", row.what, row.found))?;
        if let Some(remedy) = row.remedy {
            commands::say(&format!("{:20} -> {remedy}", ""))?;
        }
        Ok(())
    }

    /// Says what is waited for.
    fn wait(&self, what: &str) {
        self.terminal.live(what);
    }
}
