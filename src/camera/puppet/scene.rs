//! What the puppet shows at one instant. In: two scenes and a share. Out: the scene between them.

use glam::{Vec2, Vec3};

use crate::hand::Side;

/// A colour in sRGB, 0 to 255.
pub type Colour = Vec3;

/// The pose of one hand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pose {
    /// How far each finger is curled, thumb first: 0 raised, 1 closed.
    pub curl: [f32; 5],
    /// Clockwise rotation in the picture, in degrees; 0 is fingers up.
    pub roll: f32,
    /// Rotation around the hand's length, thumb away from the camera, in degrees: 0 shows the palm, 180 the back.
    pub yaw: f32,
    /// The palm's centre, as shares of the picture's width and height, from the top left.
    pub place: Vec2,
    /// Wrist to middle fingertip, as a share of the picture's height.
    pub size: f32,
    pub skin: Colour,
}

impl Pose {
    /// An open palm where a person would raise it. The picture is not mirrored, so the left hand is on its right side.
    pub fn open(side: Side) -> Pose {
        let place = match side {
            Side::Left => Vec2::new(0.66, 0.55),
            Side::Right => Vec2::new(0.34, 0.55),
        };
        Pose { curl: [0.0; 5], roll: 0.0, yaw: 0.0, place, size: 0.5, skin: Vec3::new(198.0, 136.0, 99.0) }
    }

    /// The same hand, moved back along its forearm until it is out of the picture.
    pub fn withdrawn(self) -> Pose {
        let (sin, cos) = self.roll.to_radians().sin_cos();
        Pose { place: self.place + Vec2::new(-sin, cos) * (1.0 + self.size), ..self }
    }

    fn towards(self, to: Pose, share: f32) -> Pose {
        let mix = |from: f32, to: f32| from + (to - from) * share;
        Pose {
            curl: std::array::from_fn(|i| mix(self.curl[i], to.curl[i])),
            roll: mix(self.roll, to.roll),
            yaw: mix(self.yaw, to.yaw),
            place: self.place.lerp(to.place, share),
            size: mix(self.size, to.size),
            skin: self.skin.lerp(to.skin, share),
        }
    }
}

/// A picture's content: at most one hand of each side in front of a plain wall.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scene {
    pub left: Option<Pose>,
    pub right: Option<Pose>,
    pub background: Colour,
}

impl Default for Scene {
    fn default() -> Scene {
        Scene { left: None, right: None, background: Vec3::new(112.0, 120.0, 130.0) }
    }
}

impl Scene {
    /// The scene on the way to another: `share` 0 is this one, 1 the other, eased at both ends. A hand that is in only
    /// one of them enters or leaves over the picture's edge.
    pub fn towards(&self, to: &Scene, share: f32) -> Scene {
        let share = share.clamp(0.0, 1.0);
        let eased = share * share * (3.0 - 2.0 * share);
        let hand = |from: Option<Pose>, to: Option<Pose>| match (from, to) {
            (None, None) => None,
            (Some(from), None) if share < 1.0 => Some(from.towards(from.withdrawn(), eased)),
            (Some(_), None) => None,
            (from, Some(to)) => Some(from.unwrap_or(to.withdrawn()).towards(to, eased)),
        };
        Scene {
            left: hand(self.left, to.left),
            right: hand(self.right, to.right),
            background: self.background.lerp(to.background, eased),
        }
    }
}
