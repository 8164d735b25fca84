//! A run's last words. In: its events, and the fleet as it was left. Out: what was done, and what is still to be.

use std::fmt;

use crate::clouds::Mode;
use crate::event::Event;
use crate::fleet::FleetState;
use crate::view::text;

/// What happened, for the last words.
#[derive(Debug, Default, PartialEq)]
pub struct Summary {
    pub gestures: usize,
    pub taken_back: usize,
    pub cut: usize,
    pub refused: usize,
    pub launched: usize,
    pub terminated: usize,
    pub fleet: Option<(Mode, FleetState)>,
}

impl Summary {
    pub fn count(&mut self, event: &Event) {
        match event {
            Event::Gesture(_) => self.gestures += 1,
            Event::TakenBack { .. } => self.taken_back += 1,
            Event::Cut { .. } => self.cut += 1,
            Event::Refused { .. } => self.refused += 1,
            Event::Launched(of) => self.launched += of.instances.len(),
            Event::Terminated { of, .. } => self.terminated += of.instances.len(),
            _ => {}
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { gestures, taken_back, cut, refused, launched, terminated, fleet } = self;
        write!(f, "Gestures: {gestures}, taken back: {taken_back}. Commands cut: {cut}, refused: {refused}. ")?;
        write!(f, "Instances launched: {launched}, terminated: {terminated}.")?;
        match fleet {
            Some((mode, fleet)) => {
                let what = if *mode == Mode::DryRun { "simulated fleet" } else { "fleet" };
                write!(f, "\nThe {what}: {fleet}")?;
                text::left(mode, fleet).map_or(Ok(()), |left| write!(f, "\n{left}"))
            }
            None => Ok(()),
        }
    }
}
