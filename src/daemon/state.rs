//! What a run looks like at one moment: all that a window, a terminal or a page shows, but for the picture.

use crate::camera::light::Light;
use crate::clouds::Mode;
use crate::command::InstanceId;
use crate::fleet::FleetState;
use crate::gesture::machine::Phase;
use crate::gesture::why::Why;
use crate::hand::Reading;
use crate::policy::follow::PolicyState;

/// Published after every step of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunState {
    pub mode: Mode,
    pub camera: CameraState,
    /// Set where the picture is so dark or so bright that hands are missed.
    pub light: Option<Light>,
    /// The newest reading. None until there is one, and while the camera is lost.
    pub reading: Option<Reading>,
    /// How many readings there were since the run began.
    pub readings: u64,
    pub phase: Phase,
    /// The instances that would be retired, while a countdown runs.
    pub victims: Vec<InstanceId>,
    pub fleet: FleetState,
    /// None: this run follows no policy.
    pub policy: Option<PolicyState>,
    pub puppet: PuppetState,
    /// The newest events' sentences, newest last, [`SAID`] at most.
    pub said: Vec<String>,
}

/// How many sentences a state carries.
pub const SAID: usize = 4;

/// How the camera does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CameraState {
    /// This run has none: people change the fleet otherwise.
    None,
    /// No frame yet.
    Starting,
    Watching,
    /// Why, as a sentence without its full stop; empty where the reason is unknown.
    Lost(String),
}

/// Whether the camera is a puppet that keys can move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PuppetState {
    /// No puppet, or nobody to press keys.
    None,
    /// It plays its script until the first key.
    Scripted,
    /// A key took it out of its script.
    Driven,
}

impl RunState {
    /// A run before its first frame. `camera` is how it starts: not every run has one.
    pub fn starting(mode: Mode, camera: CameraState, fleet: FleetState) -> RunState {
        RunState {
            mode,
            camera,
            light: None,
            reading: None,
            readings: 0,
            phase: Phase::Idle(Why::NoPicture),
            victims: Vec::new(),
            fleet,
            policy: None,
            puppet: PuppetState::None,
            said: Vec::new(),
        }
    }
}
