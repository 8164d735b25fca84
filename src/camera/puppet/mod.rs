//! A rendered hand as a camera, for demonstrations and tests. In: a script, and optionally keys that a person presses.
//! Out: frames until the script is over and no key can come.

pub mod demo;
mod mesh;
mod player;
mod raster;
mod render;
mod scene;
mod script;
mod strings;

pub use player::Puppet;
pub use render::Renderer;
pub use scene::{Colour, Pose, Scene};
pub use script::{Script, ScriptError};
