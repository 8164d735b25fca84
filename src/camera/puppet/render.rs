//! Renders a scene as an unmirrored webcam would see it. In: a scene. Out: a picture; the same scene always gives the
//! same.

use glam::{Quat, Vec2, Vec3};
use image::RgbImage;

use super::mesh::{Mesh, Vertex, mirror};
use super::raster::{Corner, Raster};
use super::scene::{Pose, Scene};
use crate::hand::Side;

/// The distance from the camera to the palm, in hand lengths: an arm's length.
const DISTANCE: f32 = 3.0;
/// Light from the sky, from the ground, and from a lamp for shape. They add up to about 1 where all three reach.
const SKY: f32 = 0.62;
const GROUND: f32 = 0.42;
const LAMP: f32 = 0.5;
/// The lamp's direction: above, left of the camera.
const LAMP_AT: Vec3 = Vec3::new(-0.45, 0.6, 0.66);

/// Renders scenes; keeps its buffers, so that a frame needs no allocation.
pub struct Renderer {
    left: Mesh,
    right: Mesh,
    raster: Raster,
    vertices: Vec<Vertex>,
    corners: Vec<Corner>,
}

impl Default for Renderer {
    fn default() -> Renderer {
        Renderer {
            left: Mesh::embedded(Side::Left),
            right: Mesh::embedded(Side::Right),
            raster: Raster::default(),
            vertices: Vec::new(),
            corners: Vec::new(),
        }
    }
}

impl Renderer {
    /// Draws the scene over the whole picture.
    pub fn render(&mut self, scene: &Scene, picture: &mut RgbImage) {
        paint_wall(scene.background, picture);
        for (side, pose) in [(Side::Left, scene.left), (Side::Right, scene.right)] {
            if let Some(pose) = pose {
                self.project(side, &pose, picture.dimensions());
                let mesh = if side == Side::Left { &self.left } else { &self.right };
                self.raster.draw(&self.corners, &mesh.triangles, picture);
            }
        }
    }

    /// The screen positions of each hand's vertices.
    #[cfg(test)]
    pub fn outline(&mut self, scene: &Scene, size: (u32, u32)) -> Vec<Vec<Vec2>> {
        let mut hands = Vec::new();
        for (side, pose) in [(Side::Left, scene.left), (Side::Right, scene.right)] {
            self.corners.clear();
            if let Some(pose) = pose {
                self.project(side, &pose, size);
            }
            hands.push(self.corners.iter().map(|corner| corner.at.truncate()).collect());
        }
        hands
    }

    /// Projects the hand's vertices to the screen and lights them.
    fn project(&mut self, side: Side, pose: &Pose, (width, height): (u32, u32)) {
        let mesh = if side == Side::Left { &self.left } else { &self.right };
        mesh.bend(pose.curl, &mut self.vertices);
        let turn = Quat::from_rotation_z(-pose.roll.to_radians())
            * Quat::from_rotation_y(-pose.yaw.to_radians() * mirror(side));
        let centre = pose.place * Vec2::new(width as f32, height as f32);
        let scale = pose.size * height as f32;
        let lamp = LAMP_AT.normalize();
        self.corners.clear();
        self.corners.extend(self.vertices.iter().map(|vertex| {
            let at = turn * vertex.position;
            let normal = (turn * vertex.normal).normalize_or_zero();
            let near = scale * DISTANCE / (DISTANCE - at.z);
            let sky = GROUND + (SKY - GROUND) * (0.5 + 0.5 * normal.y);
            let light = sky + LAMP * normal.dot(lamp).max(0.0);
            Corner {
                at: Vec3::new(centre.x + at.x * near, centre.y - at.y * near, at.z),
                colour: (pose.skin * light).min(Vec3::splat(255.0)),
            }
        }));
    }
}

/// A plain wall, slightly brighter at the top.
fn paint_wall(colour: Vec3, picture: &mut RgbImage) {
    let (width, height) = picture.dimensions();
    for (y, row) in picture.chunks_exact_mut(3 * width.max(1) as usize).enumerate() {
        let shade = 1.1 - 0.2 * y as f32 / height as f32;
        let pixel = (colour * shade).to_array().map(|channel| channel as u8);
        row.as_chunks_mut().0.fill(pixel);
    }
}
