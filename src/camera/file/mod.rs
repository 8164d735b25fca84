//! Files as a camera. In: a picture, a folder of pictures, an animated GIF or a video. Out: its frames, in real time or
//! as fast as they are read.

mod film;
mod folder;
mod gif;
mod heif;
mod limits;
mod matroska;
mod netpbm;
mod paced;
mod picture;
mod series;
mod video;

pub use film::{Film, first_frame};
pub use folder::pictures;
pub use paced::FileCamera;
