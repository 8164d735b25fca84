//! Where a run is shown. In: its parts. Out: its summary, after a window, if there can be one, has shown it all.
//!
//! The window owns the main thread, as some systems demand; the run itself goes on beside it.

use std::thread;

use anyhow::{Result, anyhow};
use image::RgbImage;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use super::run::{Parts, play};
use crate::daemon::summary::Summary;
use crate::view::RunState;
use crate::view::terminal::Key;

/// What goes to the views, and the keys that come from them.
pub struct Stage {
    pub scenes: watch::Sender<RunState>,
    pub pictures: watch::Sender<RgbImage>,
    pub keys_in: UnboundedSender<Key>,
    /// Closed where nobody can press one: there is neither a window nor a terminal.
    pub keys: UnboundedReceiver<Key>,
}

/// Plays, in a window too unless `headless`.
pub fn show(runtime: &Runtime, parts: Parts, headless: bool) -> Result<Summary> {
    let (keys_in, keys) = unbounded_channel();
    let (scenes, shown) = watch::channel(parts.daemon.scene());
    let (pictures, picture) = watch::channel(RgbImage::default());
    let typed = (!headless).then(|| keys_in.clone());
    let stage = Stage { scenes, pictures, keys_in, keys };
    thread::scope(|scope| {
        let run = scope.spawn(|| runtime.block_on(play(parts, stage)));
        if let Some(typed) = typed {
            open_window(shown, picture, typed);
        }
        run.join().unwrap_or_else(|_| Err(anyhow!("the run broke off; what it began is finished by the next start")))
    })
}

/// Shows a window until the run ends. Without one the terminal shows the same.
#[cfg(feature = "window")]
fn open_window(scenes: watch::Receiver<RunState>, pictures: watch::Receiver<RgbImage>, keys: UnboundedSender<Key>) {
    use crate::view::window::{Feed, show};
    if let Err(error) = show(Feed { scenes, pictures, keys }) {
        tracing::info!("{error}");
    }
}

#[cfg(not(feature = "window"))]
fn open_window(_: watch::Receiver<RunState>, _: watch::Receiver<RgbImage>, _: UnboundedSender<Key>) {}
