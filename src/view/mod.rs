//! What a person sees. [`RunState`] is all that a view needs; the views are thin.

pub mod narrator;
pub mod overlay;
pub mod terminal;
pub mod text;
#[cfg(feature = "window")]
pub mod window;

use crate::camera::light::Light;
use crate::clouds::Mode;
use crate::command::InstanceId;
use crate::fleet::FleetState;
use crate::gesture::machine::Phase;
use crate::gesture::why::Why;
use crate::hand::Reading;

/// Everything that a view shows at one moment, but for the picture.
#[derive(Clone, Debug, PartialEq)]
pub struct RunState {
    pub mode: Mode,
    pub camera: CameraState,
    /// Set where the picture is so dark or so bright that hands are missed.
    pub light: Option<Light>,
    /// The newest reading. None until there is one, and while the camera is lost.
    pub reading: Option<Reading>,
    pub phase: Phase,
    /// Who would be retired, while a countdown runs.
    pub victims: Vec<InstanceId>,
    pub fleet: FleetState,
    /// Keys move the hand that the camera shows.
    pub driven: bool,
    /// What was said last, newest last. A view shows as many as it has room for, [`SAID`] at most.
    pub said: Vec<String>,
}

impl RunState {
    /// The keys there are. What is live needs its room for the account; the panel names a puppet's keys too.
    pub fn keys(&self) -> &'static str {
        match self.driven && self.mode == Mode::DryRun {
            _ if self.phase == Phase::Idle(Why::Quit) => "Esc quits at once",
            true => "l r 0-5 n move the hand, p pauses, Esc quits",
            false => "p pauses, Esc quits",
        }
    }
}

/// How many sentences are worth keeping for a view.
pub const SAID: usize = 4;

/// How the camera does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CameraState {
    /// No frame yet.
    Starting,
    Watching,
    /// Why, as a sentence without its full stop; empty where nobody knows.
    Lost(String),
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::fleet::Limits;

    /// A scene of an empty fleet.
    pub fn scene(phase: Phase) -> RunState {
        let limits = Limits { min: 1, max: 5 };
        let fleet = FleetState { settled: true, ..FleetState::unknown(limits) };
        let (mode, camera, light, reading) = (Mode::DryRun, CameraState::Watching, None, None);
        RunState { mode, camera, light, reading, phase, victims: Vec::new(), fleet, driven: false, said: Vec::new() }
    }
}
