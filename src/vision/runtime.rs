//! Finds and loads the ONNX Runtime library. It is a file of its own, not linked, so that building needs no download.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ort::environment::Environment;

/// The library's file name, as `make` puts it into the ignored folder and as a system names it.
pub const LIBRARY: &str = if cfg!(target_os = "macos") { "libonnxruntime.dylib" } else { "libonnxruntime.so" };

/// Names the library where it is neither in the settings nor in the ignored folder. It is the variable that the ort
/// crate itself documents.
pub const VARIABLE: &str = "ORT_DYLIB_PATH";

#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    #[error(
        "the ONNX Runtime library {path} can't be loaded ({reason}): run `make runtime` in handwave's folder, \
         or name the library by `onnxruntime` in config.toml's [vision] or by {VARIABLE}"
    )]
    Missing { path: String, reason: String },
    #[error("ONNX Runtime did not start: {0}")]
    Broken(String),
}

/// Loads the library: the one that is `set`, else that of the environment variable, else that in the ignored folder
/// `.deps`, else the system's.
///
/// ONNX Runtime allows one environment a process and ort refuses a second, so the first one stays for good: the only
/// global of this crate, and not one of our choosing.
pub fn load(set: Option<&Path>) -> Result<&'static Environment, RuntimeError> {
    static LOADED: OnceLock<Environment> = OnceLock::new();
    static LOADING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _alone = LOADING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(environment) = LOADED.get() {
        return Ok(environment);
    }
    let path = find(set);
    let missing = |error: ort::LoadDynamicError| RuntimeError::Missing {
        path: path.display().to_string(),
        reason: error.to_string(),
    };
    let builder = ort::init_from(&path).map_err(missing)?;
    let environment = builder
        .with_name("handwave")
        .with_telemetry(false)
        .build()
        .map_err(|error| RuntimeError::Broken(error.to_string()))?;
    Ok(LOADED.get_or_init(|| environment))
}

/// Where the library is looked for, best first; the last resort is a bare name, which the system's loader looks up.
pub fn find(set: Option<&Path>) -> PathBuf {
    let named = set.map(PathBuf::from).or_else(|| std::env::var_os(VARIABLE).map(PathBuf::from));
    named.or_else(ignored_folder).unwrap_or_else(|| LIBRARY.into())
}

/// `.deps/lib` in the checkout: cargo names it when it runs us, and target/release lies below it.
fn ignored_folder() -> Option<PathBuf> {
    let checkout = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let executable = std::env::current_exe().unwrap_or_default();
    let folders = checkout.iter().map(PathBuf::as_path).chain(executable.ancestors().skip(1).take(4));
    folders.map(|folder| folder.join(".deps/lib").join(LIBRARY)).find(|library| library.is_file())
}
