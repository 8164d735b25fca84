//! Whether a JPEG is whole. In: bytes, from a start marker. Out: where it ends, or what is wrong with it. Pure.
//!
//! Decoders paint whatever a damaged scan still says, in grey or in shifted blocks, and a hand there is miscounted. So
//! the Huffman codes are read here as a decoder reads them, without computing pixels: all blocks must be there, each in
//! its range, and nothing may be left over.

mod check;
pub mod companions;
mod flaw;
mod huffman;
pub mod markers;
mod scan;

pub use check::check;
pub use flaw::Flaw;
