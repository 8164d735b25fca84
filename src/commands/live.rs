//! What stands before AWS is changed. In: the command line, the settings, a person. Out: whether AWS is meant, whether
//! to go on, and the fleet that a run drives.

#[cfg(feature = "aws")]
use std::io::IsTerminal;

use anyhow::{Result, bail};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;

use crate::camera::CameraSpec;
#[cfg(feature = "aws")]
use crate::cli::CloudArgs;
use crate::cli::RunArgs;
use crate::clouds::Mode;
use crate::clouds::simulate;
use crate::config::Config;
use crate::event::Stamped;
use crate::fleet::CloudName;
use crate::fleet::reconciler::{FleetState, Handle};
use crate::view::terminal::Terminal;

/// Whether AWS is meant, and not a simulated fleet.
pub fn is_meant(live: bool, dry_run: bool, config: &Config) -> Result<bool> {
    let live = live || (config.fleet.cloud == CloudName::Aws && !dry_run);
    if live && cfg!(not(feature = "aws")) {
        bail!("this handwave cannot reach AWS: build it with the feature `aws`, or say --dry-run");
    }
    Ok(live)
}

/// The fleet that a run drives.
pub struct Driven {
    pub mode: Mode,
    /// Whether gestures act from the start: nothing real hears them before somebody at the camera has said so.
    pub armed: bool,
    pub fleet: Handle,
    pub reconciler: JoinHandle<FleetState>,
}

/// Opens the fleet and starts its actor.
pub async fn drive(
    args: &RunArgs,
    config: &Config,
    camera: &CameraSpec,
    terminal: &Terminal,
    events: UnboundedSender<Stamped>,
) -> Result<Driven> {
    if is_meant(args.live, args.dry_run, config)? {
        #[cfg(feature = "aws")]
        return drive_aws(args, config, camera, terminal, events).await;
        // It has not been meant without the feature.
        #[cfg(not(feature = "aws"))]
        let _ = (camera, terminal);
    }
    let (fleet, reconciler) = simulate(&config.fleet, events);
    Ok(Driven { mode: Mode::DryRun, armed: true, fleet, reconciler })
}

#[cfg(feature = "aws")]
async fn drive_aws(
    args: &RunArgs,
    config: &Config,
    camera: &CameraSpec,
    terminal: &Terminal,
    events: UnboundedSender<Stamped>,
) -> Result<Driven> {
    let session = crate::clouds::aws::Session::open(config).await?;
    if !matches!(camera, CameraSpec::Webcam(_)) && !session.is_rehearsal {
        bail!(
            "{camera} is no webcam, and only hands before a webcam may change a real fleet: name one by --camera or \
             camera.source, or say --dry-run"
        );
    }
    if !args.armed && args.headless && !std::io::stdin().is_terminal() {
        bail!("--live starts paused, and without a window or a terminal nobody can arm it: say --armed if it is meant");
    }
    let live = session.live(config).await?;
    terminal.line(&live.to_string());
    let mode = Mode::Live { account: live.session.account.clone(), region: live.session.region.clone() };
    let (fleet, reconciler) = live.start(events);
    Ok(Driven { mode, armed: args.armed, fleet, reconciler })
}

/// Asks before something is destroyed. False: the person does not want it.
#[cfg(feature = "aws")]
pub fn confirm(what: &str, args: &CloudArgs) -> Result<bool> {
    use std::io::{self, BufRead, Write};
    if args.yes {
        return Ok(true);
    }
    if !io::stdin().is_terminal() {
        bail!("{what}? Nobody is at the terminal to be asked: say --yes if it is meant");
    }
    let mut err = io::stderr();
    write!(err, "{what}? [y/N] ").and_then(|()| err.flush())?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
