//! A neural network. In: an input tensor. Out: output tensors. The stages use it through [`Model`], so that tests need
//! no weights; [`OrtModel`] runs it on ONNX Runtime.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::Tensor;

/// What the two stages need of a model.
pub trait Model: Send {
    /// The input tensor, to be filled before [`Model::run`]: planar RGB in [0, 1].
    fn input(&mut self) -> &mut [f32];

    /// The outputs for the input, in the graph's order, valid until the next run.
    fn run(&mut self) -> Result<&[Vec<f32>], ModelError>;
}

/// Why a model can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("cannot read the model {}: {reason}; give --models a folder that holds it, or leave --models away", path.display())]
    Unreadable { path: PathBuf, reason: std::io::Error },
    #[error(
        "{name} is not the model that handwave was made for: {reason}; take the file from handwave's models folder"
    )]
    Unusable { name: String, reason: String },
    #[error("the model {name} failed: {reason}")]
    Failed { name: String, reason: String },
}

/// A model file: its name, its bytes, and the shapes that the stages rely on.
pub struct Spec {
    pub file: &'static str,
    /// The built-in file's bytes.
    pub embedded: &'static [u8],
    /// The side of the square input, in pixels.
    pub side: usize,
    /// The length of each output that is used, in the graph's order.
    pub outputs: &'static [usize],
}

impl Spec {
    /// The bytes of the built-in file, or of the file of the same name in `folder`. Fails where that can't be read.
    pub fn bytes(&self, folder: Option<&Path>) -> Result<Cow<'static, [u8]>, ModelError> {
        let Some(path) = folder.map(|folder| folder.join(self.file)) else { return Ok(self.embedded.into()) };
        match std::fs::read(&path) {
            Ok(bytes) => Ok(bytes.into()),
            Err(reason) => Err(ModelError::Unreadable { path, reason }),
        }
    }

    /// Whether these bytes are the built-in file's.
    pub fn is_built_in(&self, bytes: &[u8]) -> bool {
        bytes == self.embedded
    }
}

/// A model on ONNX Runtime, with its tensors.
pub struct OrtModel {
    name: &'static str,
    session: Session,
    input: Tensor<f32>,
    outputs: Vec<Vec<f32>>,
}

impl OrtModel {
    /// Loads the built-in model, or the one of the same name in `folder`, and checks its shapes by running it once.
    pub fn open(runtime: &Environment, spec: &Spec, folder: Option<&Path>) -> Result<OrtModel, ModelError> {
        let (name, bytes) = (spec.file, spec.bytes(folder)?);
        let unusable = |reason: String| ModelError::Unusable { name: name.into(), reason };
        let (session, input) = load(runtime, &bytes, spec.side).map_err(|error| unusable(in_one_line(&error)))?;
        let outputs = spec.outputs.iter().map(|&numbers| vec![0.0; numbers]).collect();
        let mut model = OrtModel { name, session, input, outputs };
        model.run().map_err(|error| match error {
            ModelError::Failed { reason, .. } => unusable(reason),
            other => other,
        })?;
        give_back(spec.embedded);
        Ok(model)
    }
}

/// Drops the built-in file's pages from memory, since ONNX Runtime has its own copy: together an eighth of the process.
#[cfg(target_os = "linux")]
fn give_back(bytes: &'static [u8]) {
    use rustix::mm::{Advice, madvise};

    let page = rustix::param::page_size();
    // The first and the last page may hold other data too.
    let skipped = bytes.as_ptr().align_offset(page);
    let Some(whole) = bytes.get(skipped..).map(|rest| &rest[..rest.len() / page * page]) else { return };
    // SAFETY: these are whole pages of the executable's constants. The system reads them from the file again when they
    // are next used. If it refuses the advice, nothing is lost.
    let _ = unsafe { madvise(whole.as_ptr().cast_mut().cast(), whole.len(), Advice::LinuxDontNeed) };
}

#[cfg(not(target_os = "linux"))]
fn give_back(_: &'static [u8]) {}

/// One thread without spinning: two threads were slower, and spinning wastes CPU between frames. Weights stay out of
/// the arena (which grows by doubling), and there is no memory pattern: an eighth less memory at the peak, at the same
/// speed.
fn load(runtime: &Environment, bytes: &[u8], side: usize) -> ort::Result<(Session, Tensor<f32>)> {
    let session = Session::builder(runtime)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(1)?
        .with_intra_op_spinning(false)?
        .with_device_allocated_initializers()?
        .with_memory_pattern(false)?
        .commit_from_memory(bytes)?;
    let input = Tensor::from_array(([1, 3, side, side], vec![0.0_f32; 3 * side * side]))?;
    Ok((session, input))
}

/// ONNX Runtime's message on one line and without a full stop, for use inside a sentence.
fn in_one_line(error: &ort::Error) -> String {
    let words: Vec<_> = error.message().split_whitespace().map(str::to_owned).collect();
    words.join(" ").trim_end_matches('.').to_owned()
}

impl Model for OrtModel {
    fn input(&mut self) -> &mut [f32] {
        self.input.extract_tensor_mut().1
    }

    fn run(&mut self) -> Result<&[Vec<f32>], ModelError> {
        let failed = |reason: String| ModelError::Failed { name: self.name.into(), reason };
        let results = self.session.run(ort::inputs![&self.input]).map_err(|error| failed(in_one_line(&error)))?;
        for (i, output) in self.outputs.iter_mut().enumerate() {
            let value = results.values().nth(i).ok_or_else(|| failed(format!("output {i} is missing")))?;
            let (_, numbers) = value.try_extract_tensor::<f32>().map_err(|error| failed(in_one_line(&error)))?;
            if numbers.len() != output.len() {
                return Err(failed(format!("output {i} has {} numbers instead of {}", numbers.len(), output.len())));
            }
            output.copy_from_slice(numbers);
        }
        Ok(&self.outputs)
    }
}
