//! The command line. In: arguments and environment variables. Out: settings.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, value_parser};

/// Image recognition as a service: a web tier, and workers that a queue feeds.
///
/// AWS is found as by any program with AWS's SDK: AWS_REGION, profiles, the instance's role; AWS_ENDPOINT_URL for a
/// stand-in.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves the page and `POST /`, and tells the answers.
    Web {
        /// Where to listen. Whoever reaches it can upload; there is no sign-in.
        #[arg(long, env = "RECOGNIZER_LISTEN", default_value = "127.0.0.1:8471")]
        listen: SocketAddr,
        #[command(flatten)]
        places: Places,
    },
    /// Takes pictures from the queue and answers what is in them.
    Work {
        #[command(flatten)]
        places: Places,
        #[command(flatten)]
        work: Work,
    },
    /// Makes the buckets and queues that are absent.
    Setup {
        #[command(flatten)]
        places: Places,
        /// How long a message that a worker has is hidden from the others; workers renew it at each third.
        #[arg(long, env = "RECOGNIZER_VISIBILITY", default_value = "30s", value_parser = duration)]
        visibility: Duration,
    },
    /// Sends pictures and checks the answers.
    Load(Load),
    /// Deletes every picture, answer and message of this application. Asks first.
    Erase {
        #[command(flatten)]
        places: Places,
        /// Don't ask.
        #[arg(long)]
        yes: bool,
    },
}

/// The queues and buckets. A queue is its name or its URL.
#[derive(Clone, Debug, Args)]
#[group(skip)]
pub struct Places {
    /// The queue of the pictures that wait.
    #[arg(long, value_name = "QUEUE", env = "RECOGNIZER_REQUESTS", default_value = "recognizer-requests")]
    pub requests: String,
    /// The queue of the answers.
    #[arg(long, value_name = "QUEUE", env = "RECOGNIZER_RESPONSES", default_value = "recognizer-responses")]
    pub responses: String,
    /// The bucket of the pictures.
    #[arg(long, value_name = "BUCKET", env = "RECOGNIZER_INPUT")]
    pub input: String,
    /// The bucket of the answers.
    #[arg(long, value_name = "BUCKET", env = "RECOGNIZER_OUTPUT")]
    pub output: String,
}

#[derive(Clone, Debug, Args)]
#[group(skip)]
pub struct Work {
    /// Pictures at a time.
    #[arg(long, env = "RECOGNIZER_CONCURRENCY", default_value_t = 1, value_parser = value_parser!(u16).range(1..=64))]
    pub concurrency: u16,
    /// A picture takes at least so long, for demonstrations: 333ms, 20s.
    #[arg(long, env = "RECOGNIZER_PACE", default_value = "0s", value_parser = duration)]
    pub pace: Duration,
    /// How long one question for messages waits, 1s to 20s. A worker that shall end does so within it.
    #[arg(long, env = "RECOGNIZER_WAIT", default_value = "20s", value_parser = duration)]
    pub wait: Duration,
    /// End, and power an instance off, when the queue has no message. A fleet whose size handwave keeps launches
    /// another then, up to its minimum.
    #[arg(long)]
    pub until_empty: bool,
    /// What powers the instance off once it is tagged handwave:retiring and has finished; run by sh -c.
    #[arg(long, value_name = "COMMAND", env = "RECOGNIZER_POWER_OFF", default_value = "systemctl poweroff")]
    pub power_off: String,
    /// The worker's name where there is no EC2 instance; else the instance's id is.
    #[arg(long, env = "RECOGNIZER_NAME")]
    pub name: Option<String>,
}

#[derive(Clone, Debug, Args)]
#[group(skip)]
pub struct Load {
    /// Pictures to send. The folder's are sent in turn.
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u32).range(1..=100_000))]
    pub num_request: u32,
    /// A folder of pictures.
    #[arg(long)]
    pub folder: PathBuf,
    /// Where `recognizer web` listens.
    #[arg(long)]
    pub url: String,
    /// Pictures at a time; all at once where it isn't given.
    #[arg(long, value_parser = value_parser!(u32).range(1..=1000))]
    pub concurrency: Option<u32>,
    /// A file of `picture,label` lines to check the answers by.
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// An answer that takes longer counts as lost.
    #[arg(long, default_value = "15m", value_parser = duration)]
    pub timeout: Duration,
    /// The summary as JSON.
    #[arg(long)]
    pub json: bool,
}

/// 333ms, 20s, 10m.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time: write a number and its unit, such as 333ms, 20s or 10m");
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let unit = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    Duration::try_from_secs_f64(number * unit).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn times_have_units() {
        for (text, millis) in [("333ms", 333), ("20s", 20_000), ("1.5m", 90_000), ("0s", 0), ("1h", 3_600_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)));
        }
        for text in ["", "20", "s", "-1s", "1 s", "1d", "1e400s", "..s"] {
            assert!(duration(text).unwrap_err().contains("is no time"), "{text}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
