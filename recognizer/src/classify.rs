//! Says what is in a picture. In: a picture's file. Out: a label and how sure the model is of it. Synchronous; one
//! classifier per thread that works.

use std::path::PathBuf;

use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::Tensor;

use crate::picture::{self, PictureError, SIDE};

static MODEL: &[u8] = include_bytes!("../models/efficientnet-lite0.onnx");
static LABELS: &str = include_str!("../models/labels.txt");

/// The library's file name, which `make runtime` keeps.
const LIBRARY: &str = if cfg!(target_os = "macos") { "libonnxruntime.dylib" } else { "libonnxruntime.so" };
/// Names the library; it is the variable that the ort crate itself documents.
const VARIABLE: &str = "ORT_DYLIB_PATH";

#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error(
        "the ONNX Runtime library {path} can't be loaded ({reason}): run `make runtime` in handwave's folder, or name \
         the library by {VARIABLE}"
    )]
    Missing { path: String, reason: String },
    #[error("the model can't be used: {0}")]
    Unusable(String),
}

/// Why a picture has no label.
#[derive(Debug, thiserror::Error)]
pub enum ClassifyError {
    #[error(transparent)]
    Picture(#[from] PictureError),
    #[error("The model failed at this picture: {0}.")]
    Failed(String),
}

pub struct Classifier {
    session: Session,
    input: Tensor<f32>,
    labels: Vec<&'static str>,
}

impl Classifier {
    /// One thread without spinning: a small instance has one or two processors, and several classifiers share them.
    pub fn open(runtime: &Environment) -> Result<Classifier, ModelError> {
        let open = || -> ort::Result<_> {
            let session = Session::builder(runtime)?
                .with_optimization_level(GraphOptimizationLevel::All)?
                .with_intra_threads(1)?
                .with_intra_op_spinning(false)?
                .commit_from_memory(MODEL)?;
            let input = Tensor::from_array(([1, 3, SIDE, SIDE], vec![0.0_f32; 3 * SIDE * SIDE]))?;
            Ok((session, input))
        };
        let (session, input) = open().map_err(|error| ModelError::Unusable(in_one_line(&error)))?;
        Ok(Classifier { session, input, labels: LABELS.lines().collect() })
    }

    /// The most likely label, and its probability.
    pub fn classify(&mut self, file: &[u8]) -> Result<(&'static str, f32), ClassifyError> {
        let best = self.probabilities(file)?.into_iter().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b));
        let found = best.and_then(|(i, probability)| Some((*self.labels.get(i)?, probability)));
        found.ok_or_else(|| ClassifyError::Failed("it knows other labels".to_owned()))
    }

    fn probabilities(&mut self, file: &[u8]) -> Result<Vec<f32>, ClassifyError> {
        self.input.extract_tensor_mut().1.copy_from_slice(&picture::prepare(file)?);
        let failed = |error: ort::Error| ClassifyError::Failed(in_one_line(&error));
        let outputs = self.session.run(ort::inputs![&self.input]).map_err(failed)?;
        let (_, each) = outputs[0].try_extract_tensor::<f32>().map_err(failed)?;
        Ok(each.to_vec())
    }
}

/// Loads the library, once in a process: from the path in the environment variable, from `../lib/recognizer` or
/// `../lib/handwave` next to the executable's folder, from `.deps/lib` in the checkout, or from the system's folders.
pub fn runtime() -> Result<Environment, ModelError> {
    let path = library();
    let missing = |error: ort::LoadDynamicError| ModelError::Missing {
        path: path.display().to_string(),
        reason: error.to_string(),
    };
    let builder = ort::init_from(&path).map_err(missing)?.with_name("recognizer").with_telemetry(false);
    builder.build().map_err(|error| ModelError::Unusable(in_one_line(&error)))
}

fn library() -> PathBuf {
    if let Some(named) = std::env::var_os(VARIABLE) {
        return named.into();
    }
    let executable = std::env::current_exe().and_then(|path| path.canonicalize()).unwrap_or_default();
    let prefix = executable.ancestors().nth(2).map(PathBuf::from).unwrap_or_default();
    let installed = ["lib/recognizer", "lib/handwave"].map(|folder| prefix.join(folder));
    // target/release and target/debug/deps lie below the checkout; cargo names this crate's folder in it.
    let checkout = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let above = checkout.iter().flat_map(|folder| folder.ancestors().take(2));
    let fetched = above.chain(executable.ancestors().skip(1).take(4)).map(|folder| folder.join(".deps/lib"));
    let mut places = installed.into_iter().chain(fetched).map(|folder| folder.join(LIBRARY));
    places.find(|library| library.is_file()).unwrap_or_else(|| LIBRARY.into())
}

/// ONNX Runtime's message on one line and without a full stop, for use inside a sentence.
fn in_one_line(error: &ort::Error) -> String {
    let words: Vec<_> = error.message().split_whitespace().map(str::to_owned).collect();
    words.join(" ").trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::Path;

    use serde_json::Value;
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_files_are_those_that_the_readme_lists() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
        for (file, bytes) in [("efficientnet-lite0.onnx", MODEL), ("labels.txt", LABELS.as_bytes())] {
            let sum: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            let row = readme.lines().find(|line| line.starts_with(&format!("| `{file}`"))).unwrap();
            assert!(row.contains(&sum), "{file} has the sum {sum}");
        }
        assert_eq!(LABELS.lines().count(), 1000);
    }

    /// The answers of a second implementation, in numpy: models/README.md.
    #[test]
    fn the_answers_are_the_references() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        let golden: HashMap<String, Value> =
            serde_json::from_slice(&std::fs::read(folder.join("answers.json")).unwrap()).unwrap();
        let limit = golden["limit"].as_f64().unwrap();
        let mut classifier = Classifier::open(&runtime().unwrap()).unwrap();
        for (file, answers) in golden.iter().filter_map(|(file, value)| Some((file, value.as_object()?))) {
            let bytes = std::fs::read(folder.join(file)).unwrap();
            let each = classifier.probabilities(&bytes).unwrap();
            let mut best = ("", 0.0);
            for (label, expected) in answers {
                let expected = expected.as_f64().unwrap();
                let found = each[classifier.labels.iter().position(|known| known == label).unwrap()];
                assert!((f64::from(found) - expected).abs() <= limit, "{file}: {label} {found} {expected}");
                best = if expected > best.1 { (label.as_str(), expected) } else { best };
            }
            let (label, confidence) = classifier.classify(&bytes).unwrap();
            assert_eq!(label, best.0, "{file}");
            assert!((f64::from(confidence) - best.1).abs() <= limit);
        }
        assert_eq!(golden.len(), 4, "three pictures and the limit");
    }
}
