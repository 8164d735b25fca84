//! What a check finds, for `handwave doctor`.

/// What a check tells as it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// An answer is waited for.
    Asking(&'static str),
    Found(Finding),
}

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub what: &'static str,
    pub verdict: Verdict,
    /// A sentence without its full stop. An error's names its remedy itself.
    pub found: String,
    pub remedy: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Ok,
    Warning,
    Failed,
    /// It can't be asked, or was not.
    Unknown,
}

impl Finding {
    pub fn ok(what: &'static str, found: impl ToString) -> Finding {
        Finding { what, verdict: Verdict::Ok, found: found.to_string(), remedy: None }
    }

    pub fn warning(what: &'static str, found: impl ToString) -> Finding {
        Finding { verdict: Verdict::Warning, ..Finding::ok(what, found) }
    }

    pub fn failed(what: &'static str, found: impl ToString) -> Finding {
        Finding { verdict: Verdict::Failed, ..Finding::ok(what, found) }
    }

    pub fn unknown(what: &'static str, found: impl ToString) -> Finding {
        Finding { verdict: Verdict::Unknown, ..Finding::ok(what, found) }
    }

    pub fn remedy(self, remedy: impl ToString) -> Finding {
        Finding { remedy: Some(remedy.to_string()), ..self }
    }
}
