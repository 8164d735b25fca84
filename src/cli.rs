//! The command line. In: what a person types. Out: typed arguments; the commands check them against files and settings.

use std::path::PathBuf;
use std::time::Duration;

use crate::camera::CameraSpec;
#[cfg(feature = "webcam")]
use crate::camera::webcam::child::Task;
use crate::gesture::language::WORDS;
use crate::policy::language::WORDS as STEPS;
use crate::settings::length_of_time;
#[cfg(feature = "web")]
use crate::web::people::Role;
#[cfg(feature = "web")]
use crate::web::settings::Listen;
use clap::{Args, Parser, ValueEnum};
use clap_complete::Shell;
use clap_verbosity_flag::{Verbosity, WarnLevel};

/// Scale an EC2 fleet behind a load balancer by showing fingers to a webcam.
///
/// Make a fist, then open your fingers and hold them still: the left hand launches as many instances as it shows
/// fingers, the right hand retires as many. A fist takes a retire back. Escape quits, p pauses.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    pub logging: Logging,
    #[command(subcommand)]
    pub command: Subcommand,
}

/// The log's level and format.
#[derive(Debug, Args)]
pub struct Logging {
    #[command(flatten)]
    pub verbosity: Verbosity<WarnLevel>,
    /// The format of logs and progress on stderr.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// A JSON object per line, for programs.
    Json,
}

const EXAMPLES: &str = "\
Examples:
  handwave demo                       a rendered hand plays the main job against a simulated fleet
  handwave run --camera hands.mp4     read hands from a video, dry run
  handwave run --live                 the first webcam, and the fleet in AWS; starts paused
  handwave count photo.jpg            how many fingers does each hand in a picture show?
  handwave fleet out 2 --live         launch two instances in AWS and wait until they are in service";

const RUN_EXAMPLES: &str = "\
Examples:
  handwave run                              the first webcam, a simulated fleet
  handwave run --camera hands.mp4           a video, in its own time
  handwave run --live                       the fleet in AWS; p arms it
  handwave run --events events.jsonl        keep what happened
  handwave run --web                        a page in the browser too";

const DEMO_EXAMPLES: &str = "\
Examples:
  handwave demo
  handwave demo --policy                     a policy follows a load, and a hand overrules it
  handwave demo --headless --events -        in the terminal alone, with its events
  handwave demo --web                        in a browser too";

#[cfg(feature = "web")]
const SERVE_EXAMPLES: &str = "\
Examples:
  handwave serve                             a simulated fleet on a page at config.toml's web.listen
  handwave serve --live                      the fleet in AWS
  handwave serve 127.0.0.1:9000              at another address";

#[cfg(feature = "web")]
const WEB_EXAMPLES: &str = "\
Examples:
  handwave web link                          sign in to the page at config.toml's web.listen
  handwave web link --role viewer            to look, and to lease where leases are on
  handwave web user add anna --role operator asks for a password, for config.toml's web.users
  pass show page | handwave web user add ben --role viewer";

const COUNT_EXAMPLES: &str = "\
Examples:
  handwave count photo.jpg
  handwave count --format json holiday/ | jq .hands
  handwave count --annotate seen hands.mp4   every frame, with the hands drawn into it";

const FLEET_EXAMPLES: &str = "\
Examples:
  handwave fleet status --live
  handwave fleet out 2 --live                launch two, wait until they are in service
  handwave fleet in 1 --live --yes           retire one without being asked
  handwave fleet lease anna --for 2h --live  an instance for anna alone, for two hours
  handwave fleet out 2                       what would be done, on a simulated fleet

The exit status is 1 where a command is refused, where an instance does not come into service or does not go within
the time, and where a signal ends the wait.";

const BALANCER_EXAMPLES: &str = "\
Examples:
  handwave balancer create --live
  handwave balancer show --live --format json";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  handwave doctor                            this machine
  handwave doctor --interactive              is a left hand read as one?
  handwave doctor --live                     AWS too";

const GESTURES_EXAMPLES: &str = "\
Examples:
  handwave gestures \"left fist for 500ms; left 3 for 900ms\"
  handwave gestures \"right fist for 500ms; right 2 for 2s; right fist for 200ms\"     taken back
  handwave gestures --format json - < steps.txt";

const POLICY_EXAMPLES: &str = "\
Examples:
  handwave policy explain
  handwave policy try steps.txt
  echo 'cpu 80 80 75 on 3 for 2m -> out to 4' | handwave policy try -";

const COMPLETIONS_EXAMPLES: &str = "\
Example:
  handwave completions bash > ~/.local/share/bash-completion/completions/handwave";

const MAN_EXAMPLES: &str = "\
Example:
  handwave man ~/.local/share/man/man1";

#[derive(Debug, clap::Subcommand)]
pub enum Subcommand {
    /// Watch a camera and let hands change the fleet (a simulated one, unless --live).
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArgs),
    /// Play the main job with a rendered hand, the real models and a simulated fleet; then keys move the hand.
    #[command(after_help = DEMO_EXAMPLES)]
    Demo(DemoArgs),
    /// Serve the web page without a camera: see and change the fleet in a browser.
    #[cfg(feature = "web")]
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(ServeArgs),
    /// Sign in to the page of a handwave that runs; manage who signs in by a password.
    #[cfg(feature = "web")]
    #[command(after_help = WEB_EXAMPLES)]
    Web(WebArgs),
    /// Count the raised fingers in pictures and videos.
    #[command(after_help = COUNT_EXAMPLES)]
    Count(CountArgs),
    /// See and change the fleet without a camera.
    #[command(after_help = FLEET_EXAMPLES)]
    Fleet(FleetArgs),
    /// Make, show or delete the load balancer of config.toml.
    #[command(after_help = BALANCER_EXAMPLES)]
    Balancer(BalancerArgs),
    /// Check everything that a run needs, and say what is missing and how to get it.
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor(DoctorArgs),
    /// Try the gesture rules in words: what would come of these signs, held so long?
    ///
    /// The steps are played on the real gesture machine with the settings, in no time and without a camera. What comes
    /// of them is a line each.
    #[command(after_help = GESTURES_EXAMPLES, after_long_help = format!("Steps:\n{WORDS}\n\n{GESTURES_EXAMPLES}"))]
    Gestures(GesturesArgs),
    /// Try how a fleet's size follows its load.
    #[command(after_help = POLICY_EXAMPLES)]
    Policy(PolicyArgs),
    /// List the cameras, their formats, and which one `run` takes.
    #[cfg(feature = "webcam")]
    Cameras(CamerasArgs),
    /// Print a shell's completions, for its start-up file or its folder of completions.
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions { shell: Shell },
    /// Print the man page, or write every command's into a folder.
    #[command(after_help = MAN_EXAMPLES)]
    Man {
        #[arg(value_name = "DIR")]
        folder: Option<PathBuf>,
    },
    /// Own a camera for the handwave that started this one.
    #[cfg(feature = "webcam")]
    #[command(hide = true)]
    CameraProcess {
        #[arg(value_parser = |task: &str| serde_json::from_str::<Task>(task))]
        task: Task,
    },
}

#[derive(Debug, Args)]
pub struct RunArgs {
    /// What to watch: a webcam by its number or path, a picture, a folder of pictures, an animation, a video, or
    /// `puppet`, or what --record has kept (default: config.toml's).
    #[arg(long, value_name = "N|FILE|DIR|puppet", value_parser = |name: &str| Ok::<_, String>(CameraSpec::parse(name)))]
    pub camera: Option<CameraSpec>,
    /// Change nothing but a simulated fleet. The default, unless config.toml's fleet.cloud is "aws".
    #[arg(long)]
    pub dry_run: bool,
    /// Change the fleet in AWS, as config.toml says. Starts paused: p or space arms it.
    #[arg(long, conflicts_with = "dry_run")]
    pub live: bool,
    /// With --live: gestures act from the start, without a key.
    #[arg(long, conflicts_with = "dry_run")]
    pub armed: bool,
    /// Open no window; the terminal shows the same.
    #[arg(long)]
    pub headless: bool,
    /// Read a file as fast as it goes; gestures are held in the file's own time.
    #[arg(long)]
    pub fast: bool,
    /// Append a JSON line an event to this file, which is set aside as FILE.1 at 16 MiB; `-` is standard output.
    #[arg(long, value_name = "FILE|-")]
    pub events: Option<PathBuf>,
    /// Keep what is read (landmarks, never pictures) in this new file; --camera FILE replays it.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Serve a page for browsers too, at this address of this machine (default: config.toml's web.listen).
    #[cfg(feature = "web")]
    #[arg(long, value_name = "ADDR")]
    pub web: Option<Option<Listen>>,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Another act: a load rises and falls, a policy follows it, and a hand overrules it.
    #[arg(long)]
    pub policy: bool,
    /// Open no window; the terminal shows the same.
    #[arg(long)]
    pub headless: bool,
    /// Append a JSON line an event to this file, which is set aside as FILE.1 at 16 MiB; `-` is standard output.
    #[arg(long, value_name = "FILE|-")]
    pub events: Option<PathBuf>,
    /// Serve a page for browsers too, at this address of this machine (default: 127.0.0.1:8470, or any free port).
    #[cfg(feature = "web")]
    #[arg(long, value_name = "ADDR")]
    pub web: Option<Option<Listen>>,
    /// Load the two models from this folder instead of the built-in ones.
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
}

#[cfg(feature = "web")]
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// An address of this machine, such as 127.0.0.1:9000 (default: config.toml's web.listen).
    #[arg(value_name = "ADDR")]
    pub listen: Option<Listen>,
    /// Change nothing but a simulated fleet. The default, unless config.toml's fleet.cloud is "aws".
    #[arg(long)]
    pub dry_run: bool,
    /// Change the fleet in AWS, as config.toml says.
    #[arg(long, conflicts_with = "dry_run")]
    pub live: bool,
    /// Append a JSON line an event to this file, which is set aside as FILE.1 at 16 MiB; `-` is standard output.
    #[arg(long, value_name = "FILE|-")]
    pub events: Option<PathBuf>,
    /// The settings (default: ./config.toml, then your config folder's handwave/config.toml, then the built-in ones).
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[cfg(feature = "web")]
#[derive(Debug, Args)]
pub struct WebArgs {
    #[command(subcommand)]
    pub action: WebAction,
}

#[cfg(feature = "web")]
#[derive(Debug, clap::Subcommand)]
pub enum WebAction {
    /// Print a link that signs in once, within a minute.
    Link {
        /// The page's address (default: config.toml's web.listen).
        #[arg(value_name = "ADDR")]
        listen: Option<Listen>,
        /// What the link's visitor may do.
        #[arg(long, value_enum, default_value_t = Role::Operator)]
        role: Role,
        /// The settings (default: ./config.toml, then your config folder's handwave/config.toml, then the built-in
        /// ones).
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Add, list and remove those who sign in by a password.
    User(UserArgs),
}

#[cfg(feature = "web")]
#[derive(Debug, Args)]
pub struct UserArgs {
    #[command(subcommand)]
    pub action: UserAction,
    /// The settings (default: ./config.toml, then your config folder's handwave/config.toml, then the built-in ones).
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[cfg(feature = "web")]
#[derive(Debug, clap::Subcommand)]
pub enum UserAction {
    /// Add a user; asks for a password twice, or takes standard input's first line where that is no terminal.
    Add {
        name: String,
        /// What they may do.
        #[arg(long, value_enum)]
        role: Role,
    },
    /// Print each user's name and role.
    List,
    /// Remove a user, and sign them out.
    Remove { name: String },
}

#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The camera to check, as for `run` (default: config.toml's).
    #[arg(long, value_name = "N|FILE|DIR|puppet", value_parser = |name: &str| Ok::<_, String>(CameraSpec::parse(name)))]
    pub camera: Option<CameraSpec>,
    /// Ask for a raised left hand, to check `mirrored`.
    #[arg(long)]
    pub interactive: bool,
    /// Check AWS too: who we are there, what config.toml names, and what we may do. Changes nothing.
    #[arg(long, conflicts_with = "dry_run")]
    pub live: bool,
    /// Leave AWS out, whatever config.toml's fleet.cloud says.
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub common: Common,
}

#[cfg(feature = "webcam")]
#[derive(Debug, Args)]
pub struct CamerasArgs {
    /// The settings, whose wish chooses (default: as for `run`).
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct CountArgs {
    /// Pictures, videos, or folders of pictures.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// The pictures are a mirror's (selfies): swap left and right.
    #[arg(long)]
    pub mirrored: bool,
    /// Save every picture with the hands drawn into it, as a PNG in this folder.
    #[arg(long, value_name = "DIR")]
    pub annotate: Option<PathBuf>,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Args)]
pub struct GesturesArgs {
    /// Steps, a line each or between semicolons; `-` reads them from standard input.
    pub steps: String,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// The settings (default: ./config.toml, then your config folder's handwave/config.toml, then the built-in ones).
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct PolicyArgs {
    #[command(subcommand)]
    pub action: PolicyAction,
}

#[derive(Debug, clap::Subcommand)]
pub enum PolicyAction {
    /// Play measurements that a file holds, in no time: what would the fleet's size do, and why?
    ///
    /// The exit status is 1 where something else comes of a line than it says after `->`.
    #[command(after_help = POLICY_EXAMPLES, after_long_help = format!("Lines:\n{STEPS}\n\n{POLICY_EXAMPLES}"))]
    Try {
        /// The measurements, a line each; `-` reads them from standard input.
        file: PathBuf,
        /// The settings (default: ./config.toml, then your config folder's handwave/config.toml, then the built-in
        /// ones).
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Measure once, and say what is needed, what a policy would do, and why. Changes nothing.
    Explain {
        /// In AWS, as config.toml says (default: a simulated fleet, unless config.toml's fleet.cloud is "aws").
        #[arg(long, conflicts_with = "dry_run")]
        live: bool,
        /// On a simulated fleet.
        #[arg(long)]
        dry_run: bool,
        /// The settings (default: ./config.toml, then your config folder's handwave/config.toml, then the built-in
        /// ones).
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub struct FleetArgs {
    #[command(subcommand)]
    pub action: FleetAction,
    /// End after this time even if something is left to do, such as `90s` or `10m` (default: from the balancer's
    /// settings; the time to boot and to pass its checks, or to drain and to shut down).
    #[arg(long, global = true, value_name = "TIME", value_parser = time)]
    pub within: Option<Duration>,
    #[command(flatten)]
    pub place: CloudArgs,
}

/// Reads a time such as `90s` or `10m`.
fn time(text: &str) -> Result<Duration, String> {
    match length_of_time(text)? {
        Duration::ZERO => Err("no time is too short: write one such as 90s or 10m".to_owned()),
        time => Ok(time),
    }
}

#[derive(Debug, clap::Subcommand)]
pub enum FleetAction {
    /// Show every instance and where it is in its life.
    Status,
    /// Complete what is half done: after a crash, an outage, a full disk.
    Settle,
    /// Launch N more, and wait until they are in service.
    Out {
        #[arg(value_parser = clap::value_parser!(u16).range(1..))]
        n: u16,
    },
    /// Retire N: those that are unhealthy first, then the newest.
    In {
        #[arg(value_parser = clap::value_parser!(u16).range(1..))]
        n: u16,
    },
    /// Retire these.
    Terminate {
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Reserve one more instance for a person, and wait until it is in service.
    Lease {
        /// Whom it is for.
        who: String,
        /// How long, such as `90m` or `2h` (default: config.toml's lease.lasts).
        #[arg(long = "for", value_name = "TIME", value_parser = time)]
        lasts: Option<Duration>,
    },
    /// Let a lease go on, from now for as long as a new one.
    Extend {
        #[arg(value_name = "ID")]
        id: String,
        /// How long from now, such as `90m` or `2h` (default: config.toml's lease.lasts).
        #[arg(long = "for", value_name = "TIME", value_parser = time)]
        lasts: Option<Duration>,
    },
    /// End a lease: retire its instance, or stop it where lease.then is "stop".
    Release {
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Debug, Args)]
pub struct BalancerArgs {
    #[command(subcommand)]
    pub action: BalancerAction,
    #[command(flatten)]
    pub place: CloudArgs,
}

#[derive(Debug, clap::Subcommand)]
pub enum BalancerAction {
    /// Make it as config.toml says; where it is there, put its health check and draining right.
    Create,
    /// Show it and its address.
    Show,
    /// Delete it; refused while instances are registered.
    Delete {
        /// Delete it even so.
        #[arg(long)]
        force: bool,
    },
}

/// Which cloud is meant, and how to print the outcome.
#[derive(Debug, Args)]
pub struct CloudArgs {
    /// In AWS, as config.toml says (default: a dry run, unless config.toml's fleet.cloud is "aws").
    #[arg(long, global = true, conflicts_with = "dry_run")]
    pub live: bool,
    /// Change nothing: show what would be done, on a fresh simulated fleet.
    #[arg(long, global = true)]
    pub dry_run: bool,
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Do not ask before something is destroyed; needed where nobody is at the terminal.
    #[arg(long, global = true)]
    pub yes: bool,
    /// The settings (default: ./config.toml, then your config folder's handwave/config.toml, then the built-in ones).
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Where settings and models come from.
#[derive(Debug, Args)]
pub struct Common {
    /// The settings (default: ./config.toml, then your config folder's handwave/config.toml, then the built-in ones).
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Load the two models from this folder instead of the built-in ones.
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// A JSON line: one a picture, a video's frame, a gesture, or a command.
    Json,
}
