//! Webcams. In: an index. Out: frames. The camera is owned by a process of its own ([`child`]), which [`parent`]
//! supervises.

pub mod child;
pub mod clock;
pub mod device;
pub mod ends;
pub mod error;
pub mod format;
pub mod link;
pub mod parent;
pub mod pipe;
pub mod pixels;

pub use error::WebcamError;
pub use parent::{Webcam, list};
