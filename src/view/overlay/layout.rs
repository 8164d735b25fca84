//! Where the parts of the window are. In: a canvas and a picture, in pixels. Out: an area for each part.

use crate::canvas::brush::Rectangle;

/// Heights of the bar on top and of the caption, and the panel's least width, at 1280 x 720.
const BANNER: f32 = 64.0;
pub const CAPTION: f32 = 116.0;
const PANEL: f32 = 330.0;
/// The design size: all sizes are given at it.
pub const DESIGN: (f32, f32) = (1280.0, 720.0);

/// The parts of a canvas.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub banner: Rectangle,
    /// The room for the picture; the caption may cover its lower end.
    pub picture: Rectangle,
    pub caption: Rectangle,
    pub panel: Rectangle,
}

impl Layout {
    pub fn of(width: f32, height: f32, picture: (u32, u32), unit: f32) -> Layout {
        let banner = Rectangle::new(0.0, 0.0, width, (BANNER * unit).round());
        let room = Rectangle::new(0.0, banner.bottom(), width, height - banner.bottom());
        let caption = CAPTION * unit;
        let (picture, panel) = if is_wide(width, height) {
            let shape = picture.0.max(1) as f32 / picture.1.max(1) as f32;
            let panel = (width - room.h * shape).max(PANEL * unit).min(0.5 * width).round();
            let left = Rectangle { w: width - panel, ..room };
            (left, Rectangle { x: left.right(), w: panel, ..room })
        } else {
            let above = Rectangle { h: 0.55 * room.h, ..room };
            (above, Rectangle { y: above.bottom(), h: room.h - above.h, ..room })
        };
        let caption = Rectangle::new(picture.x, picture.bottom() - caption, picture.w, caption);
        Layout { banner, picture, caption, panel }
    }
}

/// Whether the fleet goes beside the picture rather than below it.
pub fn is_wide(width: f32, height: f32) -> bool {
    width >= 1.2 * height
}
