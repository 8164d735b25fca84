//! Files as a camera. In: a picture, a folder of pictures, an animation or a video. Out: its frames, in real time or
//! as fast as they are read.

mod animation;
mod extent;
mod film;
mod folder;
mod format;
mod gif;
mod heif;
mod limits;
mod matroska;
mod netpbm;
mod paced;
mod pages;
mod picture;
mod series;
mod video;

pub use film::{Film, first_frame};
pub use folder::pictures;
pub use paced::FileCamera;
