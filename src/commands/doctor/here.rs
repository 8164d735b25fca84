//! The checks of this machine. In: settings. Out: a finding each for the settings themselves, the runtime library, the
//! models and the display.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::clouds::Finding;
use crate::config::{Config, ConfigError};
use crate::vision::model::{Model, ModelError, OrtModel, Spec};
use crate::vision::{landmark, palm, runtime};

/// How many inferences are timed; the row shows the median.
const RUNS: usize = 15;
/// A slower inference leaves too few readings a second for a gesture: each reading takes one or two.
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

/// Both models: whether they are the built-in ones, and how long an inference takes.
pub fn models(config: &Config, folder: Option<&Path>) -> Finding {
    let Ok(runtime) = runtime::load(config.vision.onnxruntime.as_deref()) else {
        return Finding::unknown("models", "not tried, as there is no runtime library");
    };
    let timed = |spec: &Spec| -> Result<(bool, Duration), ModelError> {
        let ours = spec.is_built_in(&spec.bytes(folder)?);
        let mut model = OrtModel::open(runtime, spec, folder)?;
        let mut times = [Duration::ZERO; RUNS];
        for time in &mut times {
            let start = Instant::now();
            model.run()?;
            *time = start.elapsed();
        }
        times.sort_unstable();
        Ok((ours, times[RUNS / 2]))
    };
    let ((palm_ours, palm), (landmark_ours, landmark)) = match (timed(&palm::SPEC), timed(&landmark::SPEC)) {
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
