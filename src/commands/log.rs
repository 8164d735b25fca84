//! The log. In: the level and the format. Out: lines on stderr, written through the terminal so that they do not break
//! its live line.

use std::io::{self, IsTerminal};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

use crate::cli::{LogFormat, Logging};
use crate::view::terminal::{Manner, Terminal};

/// Starts the log. RUST_LOG (`debug`, `handwave::fleet=trace`) overrides -v and -q.
pub fn begin(logging: &Logging) -> Terminal {
    let level = logging.verbosity.tracing_level_filter();
    let terminal = Terminal::new(match logging.log_format {
        LogFormat::Json => Manner::Json,
        LogFormat::Text if level < LevelFilter::WARN => Manner::Quiet,
        LogFormat::Text => Manner::Full,
    });
    let wish = std::env::var("RUST_LOG").unwrap_or_default();
    let targets = wish.parse::<Targets>().ok().filter(|_| !wish.is_empty());
    let targets = targets.unwrap_or_else(|| quietened(level));
    let lines = tracing_subscriber::fmt::layer().with_writer(terminal.clone());
    let layer = match logging.log_format {
        LogFormat::Text => lines.without_time().with_target(false).with_ansi(may_colour()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(layer).with(targets).init();
    terminal
}

/// Everything at this level, but without the warnings that say in a dump what an error says in a sentence: the AWS SDK
/// warns of each source that has no credentials or no region. Nor with tower-sessions', which suspects an attack where
/// a browser has an old cookie. From -v on they are shown.
fn quietened(level: LevelFilter) -> Targets {
    let noisy = ["aws_config::imds", "aws_config::meta", "aws_config::profile", "aws_config::sts", "tower_sessions"];
    let quiet = noisy.map(|target| (target, LevelFilter::ERROR.min(level)));
    let targets = Targets::new().with_default(level);
    if level > LevelFilter::WARN { targets } else { targets.with_targets(quiet) }
}

/// Whether colours are wanted: https://no-color.org.
fn may_colour() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
