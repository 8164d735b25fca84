//! `handwave gestures`: the gesture rules, tried in words. In: steps of the gesture language. Out: a line for each
//! thing that comes of them, or why nothing does.

use std::io;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::cli::{Format, GesturesArgs};
use crate::command::Intent;
use crate::commands::output::say;
use crate::config::Config;
use crate::gesture::language::{self, Happening, Played};
use crate::gesture::machine::{Phase, Transition};
use crate::gesture::why::Why;

pub fn run(args: &GesturesArgs) -> Result<ExitCode> {
    let (config, _) = Config::load(args.config.as_deref())?;
    let steps = match &*args.steps {
        "-" => io::read_to_string(io::stdin()).context("cannot read the steps from standard input; give it text")?,
        steps => steps.to_owned(),
    };
    let played = language::play(&steps, &config.gesture)?;
    let mut lines: Vec<String> = match args.format {
        Format::Table => played.happenings.iter().map(ToString::to_string).collect(),
        Format::Json => played.happenings.iter().map(|happening| json(happening).to_string()).collect(),
    };
    if let Some(why) = nothing(&played) {
        lines.push(match args.format {
            Format::Table => format!("Nothing comes of it. {why}."),
            Format::Json => json!({ "what": "nothing", "why": why }).to_string(),
        });
    }
    for line in lines {
        if !say(&line)? {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A line for programs.
fn json(happening: &Happening) -> Value {
    let (at, transition) = match happening {
        Happening::Shown(_) => return json!({ "what": "shown", "phase": happening.to_string() }),
        Happening::Transition { at, transition } => (at.as_millis() as u64, transition),
    };
    let (what, gesture, why) = match transition {
        Transition::CountingDown(gesture) => ("countdown", gesture, None),
        Transition::Fired(gesture) => match gesture.intent() {
            Intent::Launch => ("launch", gesture, None),
            Intent::Retire => ("retire", gesture, None),
        },
        Transition::TakenBack { gesture, why } => ("taken back", gesture, Some(why.in_words())),
    };
    json!({ "what": what, "side": gesture.side, "fingers": gesture.fingers, "at_ms": at, "why": why })
}

/// Why no gesture began: a sign without its fist, or the phase at the end. None where one began.
fn nothing(played: &Played) -> Option<String> {
    if played.happenings.iter().any(|happening| matches!(happening, Happening::Transition { .. })) {
        return None;
    }
    if let Some((side, fingers)) = played.fistless {
        return Some(format!("{side} {fingers}: no fist before it. {}", Why::NoFist));
    }
    Some(match &played.phase {
        Phase::Holding { gesture, progress, hint } => {
            let hint = hint.map(|hint| format!(". {hint}")).unwrap_or_default();
            let (side, fingers, percent) = (gesture.side, gesture.fingers, progress * 100.0);
            format!("The {side} hand's {fingers} was held for {percent:.0} % of the time that it takes{hint}")
        }
        phase => phase.why().map(|why| why.to_string()).unwrap_or_default(),
    })
}
