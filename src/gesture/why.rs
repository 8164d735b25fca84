//! Why nothing happens, or why a retire was taken back: a reason in, a sentence for people out.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    // What the hands do.
    NoHand,
    TooSmall,
    Unsure,
    TwoHands,
    Fist,
    Moving,
    // What the readings lack.
    FewReadings,
    NotSearched,
    // What the machine waits for.
    NotReleased,
    Paused,
    // What went wrong with the camera or its time, or ended it.
    NoPicture,
    CameraLost,
    Gap,
    TimeRanBack,
    Quit,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::NoHand => "No hand: show fingers",
            Why::TooSmall => "Come closer",
            Why::Unsure => "Fingers unclear: spread them",
            Why::TwoHands => "Two hands: show one",
            Why::Fist => "A fist: raise fingers",
            Why::Moving => "Hold still",
            Why::FewReadings => "Too few pictures a second",
            Why::NotSearched => "Looking for a second hand",
            Why::NotReleased => "Lower your hand or make a fist first",
            Why::Paused => "Paused",
            Why::NoPicture => "Waiting for the camera",
            Why::CameraLost => "The camera is lost",
            Why::Gap => "The picture stood still",
            Why::TimeRanBack => "The camera's clock ran back",
            Why::Quit => "Quitting",
        })
    }
}
