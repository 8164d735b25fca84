//! Where findings are printed as they come.

use anyhow::Result;

use crate::clouds::{Finding, Verdict};
use crate::commands::output::say;
use crate::view::terminal::Terminal;

/// Prints findings, and keeps whether one has failed.
pub struct Sheet<'a> {
    terminal: &'a Terminal,
    failed: bool,
}

impl<'a> Sheet<'a> {
    pub fn new(terminal: &'a Terminal) -> Sheet<'a> {
        Sheet { terminal, failed: false }
    }

    pub fn tell(&mut self, finding: Finding) -> Result<()> {
        let verdict = match finding.verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Failed => "failed",
            Verdict::Unknown => "unknown",
        };
        self.failed |= finding.verdict == Verdict::Failed;
        self.terminal.live("");
        say(&format!("{verdict:<8} {:<11} {}", finding.what, finding.found))?;
        if let Some(remedy) = finding.remedy {
            say(&format!("{:20} -> {remedy}", ""))?;
        }
        Ok(())
    }

    /// Says what is waited for.
    pub fn wait(&self, what: &str) {
        self.terminal.live(what);
    }

    pub fn has_failed(&self) -> bool {
        self.failed
    }
}
