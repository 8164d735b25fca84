//! A rigged hand. In: a glTF mesh of a hand and how far each finger is curled. Out: its vertices, bent.
//!
//! Hand space: the palm faces +z (towards the viewer), the fingers point to +y, a left hand's thumb to -x, a right
//! hand's to +x. The origin is the palm's centre; wrist to middle fingertip is one unit.

use std::f32::consts::TAU;

use glam::{Affine3A, Mat3, Mat4, Quat, Vec3};
use gltf::mesh::util::ReadIndices;

use crate::hand::Side;

/// Joints: the wrist, then five per finger. The thumb has no intermediate phalanx; its slot is unused.
const JOINTS: usize = 1 + 5 * SEGMENTS.len();
const FINGERS: [&str; 5] = ["thumb", "index-finger", "middle-finger", "ring-finger", "pinky-finger"];
const SEGMENTS: [&str; 5] = ["metacarpal", "phalanx-proximal", "phalanx-intermediate", "phalanx-distal", "tip"];

/// How a finger's joints turn, in radians: around the joint's hinge (bending), around the palm's long axis (the thumb
/// folding over the palm) and around the palm's normal (spreading, positive towards the thumb).
#[derive(Clone, Copy)]
struct Bend {
    across: [f32; 5],
    along: [f32; 5],
    spread: f32,
}

const fn bend(across: [f32; 5], along: [f32; 5], spread: f32) -> Bend {
    Bend { across, along, spread }
}

const STRAIGHT: [f32; 5] = [0.0; 5];
const CURLED: [f32; 5] = [0.0, 1.1, 1.8, 1.1, 0.0];

/// Thumb first. With these angles MediaPipe Hands reads most of the 32 combinations correctly, and the hand looks real.
/// With more bent knuckles, a single raised finger is taken for its neighbour.
const RAISED: [Bend; 5] = [
    bend(STRAIGHT, STRAIGHT, 0.0),
    bend(STRAIGHT, STRAIGHT, 0.14),
    bend(STRAIGHT, STRAIGHT, 0.0),
    bend(STRAIGHT, STRAIGHT, -0.08),
    bend(STRAIGHT, STRAIGHT, -0.18),
];
const FOLDED: [Bend; 5] = [
    bend([0.0, 0.0, 0.0, 0.6, 0.0], [0.5, 0.5, 0.0, 0.9, 0.0], 0.0),
    bend(CURLED, STRAIGHT, 0.0),
    bend(CURLED, STRAIGHT, 0.0),
    bend(CURLED, STRAIGHT, 0.0),
    bend(CURLED, STRAIGHT, 0.0),
];

/// The forearm's rings: distance below the mesh's end (in hand lengths), and width relative to it. The first one is
/// hidden inside the wrist.
const FOREARM: [(f32, f32); 6] = [(-0.2, 0.85), (-0.09, 1.06), (0.1, 1.1), (0.4, 1.2), (1.1, 1.6), (2.6, 1.8)];
const FOREARM_SIDES: u16 = 24;

/// A vertex in hand space.
#[derive(Clone, Copy, Default)]
pub struct Vertex {
    pub position: Vec3,
    pub normal: Vec3,
}

/// A joint's position, and the axis around which its finger bends towards the palm.
#[derive(Clone, Copy, Default)]
struct Joint {
    at: Vec3,
    hinge: Vec3,
}

/// The joints that move a vertex, and their weights (which add up to 1).
type Skin = [(usize, f32); 4];

/// A hand at rest with straight fingers, and what it takes to bend it.
pub struct Mesh {
    side: Side,
    rest: Vec<Vertex>,
    skins: Vec<Skin>,
    joints: [Joint; JOINTS],
    /// Counter-clockwise as seen from outside.
    pub triangles: Vec<[u16; 3]>,
}

impl Mesh {
    /// The embedded mesh for that side.
    pub fn embedded(side: Side) -> Mesh {
        let glb: &[u8] = match side {
            Side::Left => include_bytes!("../../../models/hand-left.glb"),
            Side::Right => include_bytes!("../../../models/hand-right.glb"),
        };
        Mesh::read(glb, side).expect("the embedded meshes are held right by a test")
    }

    /// Reads the mesh from a binary glTF file with the joint names of WebXR's generic hand. The joints are siblings
    /// under one node; only their positions at rest are used. None if a part is missing.
    fn read(glb: &[u8], side: Side) -> Option<Mesh> {
        let file = gltf::Gltf::from_slice(glb).ok()?;
        let blob = file.blob.as_deref()?;
        let skin = file.skins().next()?;
        let numbers: Vec<usize> = skin.joints().map(|joint| joint_number(joint.name()?)).collect::<Option<_>>()?;
        let mut joints = [Joint::default(); JOINTS];
        for (&number, inverse_bind) in numbers.iter().zip(skin.reader(|_| Some(blob)).read_inverse_bind_matrices()?) {
            let bind = Mat4::from_cols_array_2d(&inverse_bind).inverse();
            joints[number] = Joint { at: bind.w_axis.truncate(), hinge: -bind.x_axis.truncate().normalize() };
        }
        // In the file fingers point to -y, thumbs to -z, and the palm of a left hand faces +x.
        let outward = mirror(side);
        let turn = Mat3::from_cols(Vec3::Z * outward, Vec3::NEG_Y, Vec3::X * outward);
        let (wrist, knuckle, tip) = (joints[0].at, joints[number(2, 1)].at, joints[number(2, 4)].at);
        let (centre, scale) = ((wrist + knuckle) / 2.0, 1.0 / wrist.distance(tip));
        let place = |p: Vec3| turn * (p - centre) * scale;

        let primitive = file.meshes().next()?.primitives().next()?;
        let reader = primitive.reader(|_| Some(blob));
        let rest = reader
            .read_positions()?
            .zip(reader.read_normals()?)
            .map(|(p, n)| Vertex { position: place(p.into()), normal: turn * Vec3::from(n) })
            .collect();
        let skins = reader
            .read_joints(0)?
            .into_u16()
            .zip(reader.read_weights(0)?.into_f32())
            .map(|(joint, weight)| std::array::from_fn(|i| (numbers[joint[i] as usize], weight[i])))
            .collect();
        let ReadIndices::U16(indices) = reader.read_indices()? else { return None };
        let triangles = indices.collect::<Vec<_>>().as_chunks().0.to_vec();
        let joints = joints.map(|Joint { at, hinge }| Joint { at: place(at), hinge: turn * hinge });
        let mut mesh = Mesh { side, rest, skins, joints, triangles };
        mesh.add_forearm();
        Some(mesh)
    }

    /// Adds a bare forearm below the wrist, where the mesh ends, that reaches out of the picture. With a sleeve,
    /// MediaPipe's palm detection misses a tenth of the hands.
    fn add_forearm(&mut self) {
        let end = self.rest.iter().map(|v| v.position.y).fold(f32::MAX, f32::min);
        let wrist = self.rest.iter().map(|v| v.position).filter(|p| p.y < end + 0.16);
        let (low, high) = wrist.fold((Vec3::MAX, Vec3::MIN), |(low, high), p| (low.min(p), high.max(p)));
        let (centre, radius) = ((low + high) / 2.0, (high - low) / 2.0);
        let first = self.rest.len() as u16;
        for (ring, &(below, width)) in FOREARM.iter().enumerate() {
            for side in 0..FOREARM_SIDES {
                let (z, x) = (TAU * f32::from(side) / f32::from(FOREARM_SIDES)).sin_cos();
                let around = Vec3::new(x * radius.x, 0.0, z * radius.z) * width;
                let position = Vec3::new(centre.x, end - below, centre.z) + around;
                let normal = Vec3::new(x / radius.x, 0.0, z / radius.z).normalize();
                self.rest.push(Vertex { position, normal });
                self.skins.push([(0, 1.0), (0, 0.0), (0, 0.0), (0, 0.0)]);
                if ring > 0 {
                    let next = (side + 1) % FOREARM_SIDES;
                    let here = first + ring as u16 * FOREARM_SIDES;
                    let above = here - FOREARM_SIDES;
                    self.triangles.push([above + side, above + next, here + side]);
                    self.triangles.push([above + next, here + next, here + side]);
                }
            }
        }
    }

    /// Writes the vertices with each finger (thumb first) curled from 0 (straight) to 1 (closed), by linear blend
    /// skinning.
    pub fn bend(&self, curl: [f32; 5], vertices: &mut Vec<Vertex>) {
        let turns = self.turns(curl);
        vertices.clear();
        vertices.extend(self.rest.iter().zip(&self.skins).map(|(rest, skin)| {
            let mut posed = Vertex::default();
            for &(joint, weight) in skin.iter().filter(|(_, weight)| *weight > 0.0) {
                posed.position += weight * turns[joint].transform_point3(rest.position);
                posed.normal += weight * turns[joint].transform_vector3(rest.normal);
            }
            posed
        }));
    }

    /// Each joint's transform of the hand at rest: its own rotation around its position, after those of the joints
    /// before it.
    fn turns(&self, curl: [f32; 5]) -> [Affine3A; JOINTS] {
        let outward = mirror(self.side);
        let mut turns = [Affine3A::IDENTITY; JOINTS];
        for finger in 0..5 {
            let (raised, folded, share) = (RAISED[finger], FOLDED[finger], curl[finger]);
            let mix = |from: f32, to: f32| from + (to - from) * share;
            let mut turn = Affine3A::IDENTITY;
            for segment in 0..SEGMENTS.len() {
                let across = mix(raised.across[segment], folded.across[segment]);
                let along = mix(raised.along[segment], folded.along[segment]);
                let spread = if segment == 1 { mix(raised.spread, folded.spread) } else { 0.0 };
                let Joint { at, hinge } = self.joints[number(finger, segment)];
                let own = Quat::from_rotation_z(spread * outward)
                    * Quat::from_rotation_y(along * outward)
                    * Quat::from_axis_angle(hinge, across);
                turn *= Affine3A::from_translation(at) * Affine3A::from_quat(own) * Affine3A::from_translation(-at);
                turns[number(finger, segment)] = turn;
            }
        }
        turns
    }
}

/// 1 for a left hand, -1 for a right one (its mirror image).
pub fn mirror(side: Side) -> f32 {
    match side {
        Side::Left => 1.0,
        Side::Right => -1.0,
    }
}

/// A joint's number by its name.
const fn number(finger: usize, segment: usize) -> usize {
    1 + finger * SEGMENTS.len() + segment
}

fn joint_number(name: &str) -> Option<usize> {
    if name == "wrist" {
        return Some(0);
    }
    let finger = FINGERS.iter().position(|finger| name.starts_with(finger))?;
    let segment = SEGMENTS.iter().position(|segment| name.ends_with(segment))?;
    Some(number(finger, segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_hands_are_mirror_images() {
        let [left, right] = [Side::Left, Side::Right].map(Mesh::embedded);
        for joint in 0..JOINTS {
            let mirrored = right.joints[joint].at * Vec3::new(-1.0, 1.0, 1.0);
            assert!(left.joints[joint].at.distance(mirrored) < 0.05, "joint {joint}");
        }
    }

    #[test]
    fn a_left_hands_thumb_points_to_the_viewers_left_and_folds_over_the_palm() {
        let mesh = Mesh::embedded(Side::Left);
        let tip = number(0, 4);
        assert!(mesh.joints[tip].at.x < -0.2);
        let folded = mesh.turns([1.0, 0.0, 0.0, 0.0, 0.0])[tip].transform_point3(mesh.joints[tip].at);
        assert!(folded.x > mesh.joints[tip].at.x + 0.1 && folded.z > 0.0, "{folded}");
    }

    #[test]
    fn a_curled_finger_comes_down_before_the_palm() {
        for side in [Side::Left, Side::Right] {
            let mesh = Mesh::embedded(side);
            let turns = mesh.turns([1.0; 5]);
            for finger in 1..5 {
                let tip = turns[number(finger, 4)].transform_point3(mesh.joints[number(finger, 4)].at);
                let knuckle = mesh.joints[number(finger, 1)].at;
                assert!(tip.y < knuckle.y && tip.z > knuckle.z, "{side} finger {finger}: {tip} {knuckle}");
            }
        }
    }
}
