//! That this process shall end, told to all its tasks. In: signals, or a task that knows. Out: a flag to look at or
//! wait for.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

#[derive(Clone, Debug)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Stop {
    pub fn new() -> Stop {
        Stop(Arc::new(watch::Sender::new(false)))
    }

    pub fn set(&self) {
        self.0.send_replace(true);
    }

    pub fn is_set(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends when it is set.
    pub async fn wait(&self) {
        // The sender is here, so that waiting can't fail.
        let _ = self.0.subscribe().wait_for(|is_set| *is_set).await;
    }

    /// SIGTERM or SIGINT set it; a second one ends the process at once.
    pub fn on_signals(&self) -> std::io::Result<()> {
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let stop = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = term.recv() => {}
                    _ = int.recv() => {}
                }
                if stop.is_set() {
                    std::process::exit(130);
                }
                stop.set();
            }
        });
        Ok(())
    }
}
