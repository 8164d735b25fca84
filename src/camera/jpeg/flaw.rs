//! What can be wrong with a JPEG, in words.

/// What is wrong with a JPEG.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("its end is missing")]
    NoEnd,
    #[error("a part of it is missing or damaged")]
    Damaged,
    #[error("its header makes no sense")]
    Header,
    #[error("it is a kind of JPEG that handwave does not read")]
    Kind,
}
