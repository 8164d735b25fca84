//! The command line: what a person types to typed arguments. Checked against files and settings elsewhere.

use std::path::PathBuf;

use crate::camera::Source;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Scale an EC2 fleet behind a load balancer by showing fingers to a webcam.
///
/// The left hand launches as many instances as it shows fingers, the right hand retires as many. Hold the sign still;
/// a fist takes a retire back. Escape quits, p pauses.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  handwave demo                       a rendered hand plays the main job against a simulated fleet
  handwave run --camera hands.mp4     read hands from a video, dry run
  handwave count photo.jpg            how many fingers does each hand in a picture show?";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch a camera and let hands change the fleet (a dry run on a simulated one).
    Run(RunArgs),
    /// Play the main job with a rendered hand, the real models and a simulated fleet.
    Demo(DemoArgs),
    /// Count the raised fingers in pictures and videos.
    Count(CountArgs),
}

#[derive(Debug, Args)]
pub struct RunArgs {
    /// What to watch: a picture, a folder of pictures, an animated GIF, a video, or `puppet` (default: config.toml's).
    #[arg(long, value_name = "FILE|DIR|puppet", value_parser = |name: &str| Ok::<_, String>(Source::parse(name)))]
    pub camera: Option<Source>,
    /// Change nothing but a simulated fleet. The default; to be said where it must not depend on config.toml.
    #[arg(long)]
    pub dry_run: bool,
    /// Open no window; the terminal shows the same.
    #[arg(long)]
    pub headless: bool,
    /// Read a file as fast as it goes; gestures are held in the file's own time.
    #[arg(long)]
    pub fast: bool,
    /// Append a JSON line an event to this file; `-` is standard output.
    #[arg(long, value_name = "FILE|-")]
    pub events: Option<PathBuf>,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Open no window; the terminal shows the same.
    #[arg(long)]
    pub headless: bool,
    /// Append a JSON line an event to this file; `-` is standard output.
    #[arg(long, value_name = "FILE|-")]
    pub events: Option<PathBuf>,
    /// Load the two models from this folder instead of the built-in ones.
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
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
    #[command(flatten)]
    pub common: Common,
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
    /// A line a picture, or a line a frame of a video.
    Json,
}
