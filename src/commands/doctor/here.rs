//! What this machine has. In: settings. Out: a finding each for the settings themselves, the runtime library, the models and
//! the display.

use std::path::Path;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::clouds::Finding;
use crate::config::{Config, ConfigError};
use crate::vision::model::{LANDMARK, Model, ModelError, OrtModel, PALM, Spec};
use crate::vision::runtime;

/// Inferences that are timed; the median is told.
const RUNS: usize = 15;
/// A slower inference leaves too few readings a second for a gesture, of which each takes one or two.
const SLOW: Duration = Duration::from_millis(60);

pub fn settings(loaded: &Result<(Config, String), ConfigError>) -> Finding {
    match loaded {
        Ok((_, origin)) => Finding::ok("settings", origin),
        Err(error) => Finding::failed("settings", error),
    }
}

pub fn runtime(config: &Config) -> Finding {
    match runtime::load(config.vision.onnxruntime.as_deref()) {
        Ok(_) => Finding::ok(
            "runtime",
            format!("ONNX Runtime, {}", runtime::find(config.vision.onnxruntime.as_deref()).display()),
        ),
        Err(error) => Finding::failed("runtime", error),
    }
}

/// Both models: whose they are, and how long an inference takes.
pub fn models(config: &Config, folder: Option<&Path>) -> Finding {
    let Ok(runtime) = runtime::load(config.vision.onnxruntime.as_deref()) else {
        return Finding::unknown("models", "not tried, as there is no runtime library");
    };
    let timed = |spec: &Spec| -> Result<(bool, Duration), ModelError> {
        let sum = Sha256::digest(spec.bytes(folder)?);
        let hex: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut model = OrtModel::open(runtime, spec, folder)?;
        let mut times = [Duration::ZERO; RUNS];
        for time in &mut times {
            let start = Instant::now();
            model.run()?;
            *time = start.elapsed();
        }
        times.sort_unstable();
        Ok((hex == spec.sha256, times[RUNS / 2]))
    };
    let ((palm_ours, palm), (landmark_ours, landmark)) = match (timed(&PALM), timed(&LANDMARK)) {
        (Ok(palm), Ok(landmark)) => (palm, landmark),
        (Err(error), _) | (_, Err(error)) => return Finding::failed("models", error),
    };
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let found = format!("palm {:.1} ms, landmark {:.1} ms an inference", ms(palm), ms(landmark));
    if !(palm_ours && landmark_ours) {
        let found = format!("{found}; not the files that handwave ships, by their sha256");
        return Finding::warning("models", found).remedy("leave --models away, unless these are meant");
    }
    let found = format!("{found}, sha256 as shipped");
    match palm.max(landmark) < SLOW {
        true => Finding::ok("models", found),
        false => Finding::warning("models", found).remedy("too slow to hold a sign well: stop what else runs here"),
    }
}

#[cfg(feature = "window")]
pub fn display() -> Finding {
    match crate::view::window::try_to_open() {
        Ok(()) => Finding::ok("display", "a window can be opened"),
        Err(error) => Finding::warning("display", error).remedy("for a window, set DISPLAY and have libX11 installed"),
    }
}

#[cfg(not(feature = "window"))]
pub fn display() -> Finding {
    Finding::warning("display", "this handwave was built without its feature `window`; the terminal shows the same")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_models_have_their_sums() {
        let list = std::fs::read_to_string("models/README.md").unwrap();
        for spec in [PALM, LANDMARK] {
            let sum = Sha256::digest(spec.bytes(None).unwrap());
            assert_eq!(sum.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), spec.sha256, "{}", spec.file);
            assert!(list.contains(spec.sha256), "models/README.md lists another {}", spec.file);
        }
    }
}
