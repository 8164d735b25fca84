//! What stands before a real fleet is changed. In: the command line, an opened cloud, a person. Out: whether to go on,
//! and the fleet that a run drives.

use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::Arc;

use anyhow::{Result, bail};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;

use super::policies;
use crate::camera::CameraSpec;
use crate::cli::{CloudArgs, RunArgs};
use crate::clouds::{self, Choice, Cloud, Description, Mode, SetupOutcome};
use crate::config::Config;
use crate::event::Stamped;
use crate::fleet::{FleetState, Handle};
use crate::metrics::Metrics;
use crate::policy::follow::Policies;
use crate::view::terminal::Terminal;

/// The fleet that a run drives.
pub struct Driven {
    pub mode: Mode,
    /// Whether gestures act from the start. On a real fleet they do not before somebody at the camera has said so.
    pub armed: bool,
    /// Where requests enter the fleet, if that is known and a page shows it.
    pub entry: Option<String>,
    pub fleet: Handle,
    pub reconciler: JoinHandle<FleetState>,
    /// What measures it.
    pub metrics: Option<Arc<dyn Metrics>>,
    /// None: it follows no policy.
    pub policies: Option<Policies>,
}

/// Opens the fleet and starts its reconciler. Whether this camera may drive it is checked before the first look at it.
pub async fn drive(
    args: &RunArgs,
    config: &Config,
    camera: &CameraSpec,
    has_page: bool,
    terminal: &Terminal,
    events: UnboundedSender<Stamped>,
) -> Result<Driven> {
    let settings = config.clouds();
    let cloud = clouds::open(&settings, Choice::of(args.live, args.dry_run, &settings)).await?;
    let mode = cloud.mode();
    let metrics = policies::metrics(&config.policy, &*cloud)?;
    let follow = |fleet: &Handle| {
        metrics.map(|metrics| policies::follow(&config.policy, metrics, fleet, events.clone(), terminal))
    };
    if mode == Mode::DryRun {
        let (fleet, reconciler) = cloud.fleet(true).await?.start(events.clone());
        let (policies, metrics) = (follow(&fleet), cloud.metrics());
        policies::watch_leases(&config.lease, metrics.clone(), &fleet);
        return Ok(Driven { mode, armed: true, entry: None, fleet, reconciler, metrics, policies });
    }
    if !matches!(camera, CameraSpec::Webcam(_)) && !cloud.is_rehearsal() {
        bail!(
            "{camera} is no webcam, and only hands before a webcam may change a real fleet: name one by --camera or \
             camera.source, or say --dry-run"
        );
    }
    if !args.armed && args.headless && !io::stdin().is_terminal() {
        bail!("--live starts paused, and without a window or a terminal nobody can arm it: say --armed if it is meant");
    }
    let open = cloud.fleet(true).await?;
    terminal.line(&open.banner);
    let entry = if has_page { entry(&*cloud).await } else { None };
    let (fleet, reconciler) = open.start(events.clone());
    let (policies, metrics) = (follow(&fleet), cloud.metrics());
    policies::watch_leases(&config.lease, metrics.clone(), &fleet);
    Ok(Driven { mode, armed: args.armed, entry, fleet, reconciler, metrics, policies })
}

/// The address where requests enter the fleet. None: the balancer has none, or does not tell.
pub async fn entry(cloud: &dyn Cloud) -> Option<String> {
    let Ok(SetupOutcome::Shown(Description { json, .. })) = cloud.balancer().show().await else { return None };
    let told: serde_json::Value = serde_json::from_str(&json).ok()?;
    let address = told["address"].as_str().or_else(|| told["balancer"]["address"].as_str());
    address.filter(|address| !address.is_empty()).map(ToOwned::to_owned)
}

/// Asks before something real is destroyed. False: the person does not want it.
pub fn confirm(what: &str, args: &CloudArgs) -> Result<bool> {
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
