//! The canvas's colours: Okabe and Ito's palette, which colour-blind people can tell apart, on dark greys. Colour is
//! never the only sign: a shape or a word always says the same.

/// An opaque colour: red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ink(pub u8, pub u8, pub u8);

pub const ORANGE: Ink = Ink(230, 159, 0);
pub const SKY: Ink = Ink(86, 180, 233);
pub const GREEN: Ink = Ink(0, 158, 115);
pub const YELLOW: Ink = Ink(240, 228, 66);
pub const BLUE: Ink = Ink(0, 114, 178);
pub const VERMILION: Ink = Ink(213, 94, 0);
pub const PURPLE: Ink = Ink(204, 121, 167);

pub const BLACK: Ink = Ink(0, 0, 0);
pub const WHITE: Ink = Ink(255, 255, 255);
/// Behind everything.
pub const NIGHT: Ink = Ink(17, 20, 25);
/// A tile's background.
pub const SLATE: Ink = Ink(38, 44, 53);
/// Text that needs no attention.
pub const GREY: Ink = Ink(164, 172, 184);

use crate::hand::Side;

impl Ink {
    /// The colour between this one and another: 0 is this one, 1 the other.
    pub fn towards(self, other: Ink, share: f32) -> Ink {
        let mix = |from: u8, to: u8| (f32::from(from) + (f32::from(to) - f32::from(from)) * share) as u8;
        Ink(mix(self.0, other.0), mix(self.1, other.1), mix(self.2, other.2))
    }
}

/// The colour of a hand of this side, and of what it asks for.
pub fn of_side(side: Side) -> Ink {
    match side {
        Side::Left => SKY,
        Side::Right => ORANGE,
    }
}
