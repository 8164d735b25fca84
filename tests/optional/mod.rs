//! Tests of what not every machine has: labelled hands, a lab, a display. Whether it is there is known at run time
//! only; where it is not, the test counts as ignored, and a line on stderr says what is missing, once per file.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::{env, fmt};

use libtest_mimic::{Arguments, Completion, Trial};

/// Why a test can't run here, as a sentence without its full stop.
#[derive(Debug)]
pub struct Missing(pub String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The trials of these functions, each by its own name.
macro_rules! trials {
    ($($test:ident),+ $(,)?) => { vec![$($crate::optional::trial(stringify!($test), $test)),+] };
}
pub(crate) use trials;

pub fn trial(name: &str, test: fn() -> Result<(), Missing>) -> Trial {
    Trial::ignorable_test(name, move || {
        Ok(match test() {
            Ok(()) => Completion::Completed,
            Err(missing) => {
                say_once(&missing);
                Completion::ignored()
            }
        })
    })
}

/// Runs the trials as `cargo test` asks for, and ends the process.
pub fn run(trials: Vec<Trial>) -> ! {
    libtest_mimic::run(&Arguments::from_args(), trials).exit()
}

fn say_once(missing: &Missing) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let text = missing.to_string();
    if SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(text) {
        eprintln!("skipped: {missing}");
    }
}

/// The folder that a variable names, or else the one in `../shared`.
#[allow(dead_code, reason = "not every file that includes this needs a folder")]
pub fn folder(variable: &str, default: &str) -> PathBuf {
    let named = env::var_os(variable).filter(|named| !named.is_empty());
    named.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared").join(default), PathBuf::from)
}
