//! Finds and loads the ONNX Runtime library. In: the path in the settings, if any. Out: the library's environment. The
//! library is a file of its own, loaded when it is needed rather than linked, so that building needs no download.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ort::environment::Environment;

/// The library's file name: the system's own, which `make` keeps.
pub const LIBRARY: &str = if cfg!(target_os = "macos") { "libonnxruntime.dylib" } else { "libonnxruntime.so" };

/// Names the library where the settings do not. It is the variable that the ort crate itself documents.
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

/// Loads the library, from the first of these places: the path that is `set`, the environment variable,
/// `../lib/handwave` next to the executable's folder (`make install`), `.deps/lib` in the checkout (`make`), the
/// system's library folders.
///
/// ONNX Runtime allows one environment per process and ort refuses a second, so the first one stays until the process
/// ends. It is the only global in this crate.
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

/// The library's path: the one that is `set`, or the first place on the search path that has it. The last resort is the
/// bare file name, which the system's loader looks up.
pub fn find(set: Option<&Path>) -> PathBuf {
    let places = Places {
        named: std::env::var_os(VARIABLE).map(PathBuf::from),
        executable: std::env::current_exe().unwrap_or_default(),
        package: std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from),
    };
    places.find(set)
}

/// Where this process may find the library.
struct Places {
    /// What the environment variable says.
    named: Option<PathBuf>,
    executable: PathBuf,
    /// The folder of the package that cargo runs: the checkout, or one right below it.
    package: Option<PathBuf>,
}

impl Places {
    fn find(&self, set: Option<&Path>) -> PathBuf {
        let named = set.map(PathBuf::from).or_else(|| self.named.clone());
        named.or_else(|| self.installed()).or_else(|| self.fetched()).unwrap_or_else(|| LIBRARY.into())
    }

    /// `../lib/handwave`, seen from the executable's folder: where `make install` puts it. A symbolic link to the
    /// executable is followed, so that a link elsewhere on the PATH works.
    fn installed(&self) -> Option<PathBuf> {
        let executable = self.executable.canonicalize().ok()?;
        let prefix = executable.parent()?.parent()?;
        Some(prefix.join("lib/handwave").join(LIBRARY)).filter(|library| library.is_file())
    }

    /// `.deps/lib` in the checkout, where `make` puts it; target/release and target/debug/deps lie below the checkout.
    fn fetched(&self) -> Option<PathBuf> {
        let checkout = self.package.iter().flat_map(|folder| folder.ancestors().take(2));
        let folders = checkout.chain(self.executable.ancestors().skip(1).take(4));
        folders.map(|folder| folder.join(".deps/lib").join(LIBRARY)).find(|library| library.is_file())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Makes an empty file and the folders that it needs.
    fn touch(path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }

    #[test]
    fn the_library_is_looked_for_in_the_documented_order() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let executable = root.join("checkout/target/release/handwave");
        touch(&executable);
        let mut places = Places { named: Some("named".into()), executable, package: None };
        // Best first: each is found as long as it is there, and the next one after it.
        let (installed, fetched) = (root.join("checkout/target/lib/handwave"), root.join("checkout/.deps/lib"));
        touch(&installed.join(LIBRARY));
        touch(&fetched.join(LIBRARY));
        assert_eq!(places.find(Some(Path::new("set"))), Path::new("set"));
        assert_eq!(places.find(None), Path::new("named"));
        places.named = None;
        assert_eq!(places.find(None), installed.join(LIBRARY));
        fs::remove_dir_all(installed).unwrap();
        assert_eq!(places.find(None), fetched.join(LIBRARY));
        fs::remove_dir_all(fetched).unwrap();
        assert_eq!(places.find(None), Path::new(LIBRARY));
    }

    #[test]
    fn cargo_names_the_checkout_for_what_is_built_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("checkout/.deps/lib").join(LIBRARY);
        touch(&library);
        let executable = folder.path().join("elsewhere/debug/handwave");
        for package in ["checkout", "checkout/pixels"] {
            let package = Some(folder.path().join(package));
            let places = Places { named: None, executable: executable.clone(), package };
            assert_eq!(places.find(None), library);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_the_installed_executable_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let (executable, link) = (root.join("inst/bin/handwave"), root.join("home/bin/hw"));
        let library = root.join("inst/lib/handwave").join(LIBRARY);
        touch(&executable);
        touch(&library);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(executable, &link).unwrap();
        assert_eq!(Places { named: None, executable: link, package: None }.find(None), library);
    }
}
