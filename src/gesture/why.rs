//! Reasons why nothing happens or why a retire was taken back. In: a reason. Out: a sentence for people.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    // About the hands.
    NoHand,
    TooSmall,
    Picture,
    Unsure,
    NotUpright,
    WristHidden,
    CutOff,
    ThumbSign,
    TwoHands,
    Hidden,
    Fist,
    NoFist,
    Moving,
    // About the readings.
    FewReadings,
    NotConfirmed,
    // About the machine's state.
    NotReleased,
    Paused,
    // About the camera, its clock, or the program's end.
    NoPicture,
    CameraLost,
    Gap,
    TimeRanBack,
    Quit,
}

impl Why {
    /// Whether no hand that counts is seen.
    pub fn is_absence(self) -> bool {
        matches!(self, Why::NoHand | Why::TooSmall | Why::Picture | Why::NoPicture | Why::CameraLost)
    }

    /// The reason for a take-back, as the end of a sentence.
    pub fn in_words(self) -> &'static str {
        match self {
            Why::Fist => "a fist was shown",
            Why::TwoHands => "a second hand came",
            Why::CameraLost => "the camera was lost",
            Why::Gap => "the picture stood still",
            Why::TimeRanBack => "the camera's clock ran back",
            Why::Paused => "it was paused",
            Why::Quit => "handwave was quitting",
            // These never take a retire back.
            Why::NoHand
            | Why::TooSmall
            | Why::Picture
            | Why::Unsure
            | Why::NotUpright
            | Why::WristHidden
            | Why::CutOff
            | Why::ThumbSign
            | Why::Hidden
            | Why::NoFist
            | Why::Moving
            | Why::FewReadings
            | Why::NotConfirmed => "the hand was unclear",
            Why::NotReleased | Why::NoPicture => "nothing was seen",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::NoHand => "No hand: make a fist, then open your fingers",
            Why::TooSmall => "Come closer",
            Why::Picture => "A hand that never moves is a picture: make a fist with yours",
            Why::Unsure => "Unclear: spread your fingers, face the camera",
            Why::NotUpright => "Not upright: raise your hand upright",
            Why::WristHidden => "Your wrist is out of sight: raise your hand",
            Why::CutOff => "At the picture's edge: show all of your hand",
            Why::ThumbSign => "A thumb alone is no count: raise fingers",
            Why::TwoHands => "Two hands: show one",
            Why::Hidden => "Another hand may be behind this one: show one",
            Why::Fist => "A fist: open your fingers",
            Why::NoFist => "Make a fist first, then open your fingers",
            Why::Moving => "Hold still",
            Why::FewReadings => "Too few pictures a second",
            Why::NotConfirmed => "A second look differs: spread your fingers, face the camera",
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
