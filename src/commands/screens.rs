//! A run on its screens. In: its parts. Out: its summary, after the terminal and, if there can be one, a window have
//! shown it all.
//!
//! The window owns the main thread, as some systems demand; the run itself goes on in another one.

use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};
use image::RgbImage;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::time::timeout;

use super::page::Page;
use crate::daemon::keys::Key;
use crate::daemon::run::{Channels, Parts, run};
use crate::daemon::state::{CameraState, RunState};
use crate::daemon::summary::Summary;
use crate::pipeline::threads::Input;
use crate::view::narrator::Narrator;
use crate::view::report::report;
use crate::view::terminal::Terminal;

/// How long the terminal's last lines may take once the run has ended.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Where a run is shown.
pub struct Screens {
    pub terminal: Terminal,
    pub narrator: Narrator,
    /// No window.
    pub headless: bool,
    /// Where browsers are served.
    pub page: Option<Page>,
}

/// Runs to the end, in a window too unless `headless`.
pub fn show(runtime: &Runtime, parts: Parts, screens: Screens) -> Result<Summary> {
    let Screens { terminal, narrator, headless, page } = screens;
    let (keys_in, keys) = unbounded_channel();
    let camera = if matches!(parts.input, Input::Nothing) { CameraState::None } else { CameraState::Starting };
    let fleet = parts.fleet.state().borrow().clone();
    let (states, shown) = watch::channel(RunState::starting(parts.mode.clone(), camera, fleet));
    let (pictures, picture) = watch::channel(RgbImage::default());
    let typed = (!headless).then(|| keys_in.clone());
    let (_, journal) = parts.journal.subscribe();
    let reporter = runtime.spawn(report(terminal.clone(), narrator, journal, shown.clone()));
    let page = page.map(|page| runtime.spawn(page.serve(&parts, shown.clone())));
    thread::scope(|scope| {
        let running = scope.spawn(|| {
            let raw_mode = terminal.keys(keys_in);
            let summary = runtime.block_on(run(parts, Channels { states, pictures, keys }));
            // The page ends with the run.
            let _ = page.map(|page| runtime.block_on(async { timeout(LAST_LINES, page).await }));
            // The run and its journal are gone, so that the reporter ends with what was written last.
            let _ = runtime.block_on(async { timeout(LAST_LINES, reporter).await });
            drop(raw_mode);
            summary
        });
        if let Some(typed) = typed {
            open_window(shown, picture, typed);
        }
        let ended = running.join();
        let summary = ended.map_err(|_| anyhow!("the run broke off; what it began is finished by the next start"))?;
        Ok(summary?)
    })
}

/// Shows a window until the run ends. Without one the terminal shows the same.
#[cfg(feature = "window")]
fn open_window(states: watch::Receiver<RunState>, pictures: watch::Receiver<RgbImage>, keys: UnboundedSender<Key>) {
    use crate::view::window::{Feed, show};
    if let Err(error) = show(Feed { states, pictures, keys }) {
        tracing::info!("{error}");
    }
}

#[cfg(not(feature = "window"))]
fn open_window(_: watch::Receiver<RunState>, _: watch::Receiver<RgbImage>, _: UnboundedSender<Key>) {}
