//! The tokio runtime of a command. In: a future. Out: what it returned.

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Runtime};

/// A tokio runtime for one command.
pub fn runtime() -> Result<Runtime> {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().context("cannot start the tokio runtime")
}

/// Runs the future on its own runtime. Tasks that it leaves running are not waited for.
pub fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = runtime()?;
    let outcome = runtime.block_on(future);
    runtime.shutdown_background();
    outcome
}
