//! Pixels to draw on. In: shapes, text and pictures, each with its place. Out: a [`drawing`].
//!
//! `brush` draws shapes and `lettering` text, `mirror` places the camera's picture, and `palette` has the colours. What
//! is drawn is `view::overlay`'s business.

pub mod brush;
pub mod drawing;
pub mod lettering;
pub mod mirror;
pub mod palette;
