//! The policies of a run. In: settings, an opened cloud, its fleet. Out: the tasks that follow them and that watch
//! leases, where there are any.

use std::sync::Arc;

use anyhow::{Result, bail};
use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;

use crate::clouds::{Cloud, Mode};
use crate::event::Stamped;
use crate::fleet::{Handle, LeaseSettings};
use crate::metrics::Metrics;
use crate::policy::Settings;
use crate::policy::activity::Activity;
use crate::policy::follow::{Follow, Policies};
use crate::policy::settings::Rule;
use crate::view::terminal::Terminal;

/// What measures the fleet for the policies that the settings name. None: they name none.
pub fn metrics(settings: &Settings, cloud: &dyn Cloud) -> Result<Option<Arc<dyn Metrics>>> {
    if settings.follow.is_empty() {
        return Ok(None);
    }
    let Some(metrics) = cloud.metrics() else {
        bail!("policy.follow names {}, and nothing measures this fleet: leave it empty", names(settings))
    };
    let is_live = cloud.mode() != Mode::DryRun;
    if is_live && settings.follow.contains(&Rule::Queue) && settings.queue.url.is_none() {
        bail!("policy.follow names queue, and there is none: set policy.queue.url in config.toml");
    }
    Ok(Some(metrics))
}

/// Follows the policies, paused until the run begins, and says so.
pub fn follow(
    settings: &Settings,
    metrics: Arc<dyn Metrics>,
    fleet: &Handle,
    events: UnboundedSender<Stamped>,
    terminal: &Terminal,
) -> Policies {
    terminal.line(&format!(
        "The fleet follows its {}: it launches and retires by itself. p pauses that too.",
        names(settings)
    ));
    let wall = Box::new(Timestamp::now);
    let follow = Follow { settings: settings.clone(), metrics, fleet: fleet.clone(), events, wall };
    let (policies, _ends_with_the_reconciler) = follow.spawn();
    policies
}

/// Lets leases go on while they are used, where the settings say by what that is told.
pub fn watch_leases(settings: &LeaseSettings, metrics: Option<Arc<dyn Metrics>>, fleet: &Handle) {
    if settings.at_most > 0 && !settings.activity.is_empty() {
        let wall = Arc::new(Timestamp::now);
        let _ends_with_the_reconciler =
            Activity { settings: settings.clone(), metrics, fleet: fleet.clone(), wall }.spawn();
    }
}

fn names(settings: &Settings) -> String {
    settings.follow.iter().map(Rule::name).collect::<Vec<_>>().join(" and ")
}
