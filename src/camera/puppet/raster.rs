//! A software rasteriser. In: shaded triangles in pixels. Out: pixels, their edges smoothed by four samples a pixel.

use glam::{Vec2, Vec3, Vec3Swizzles};
use image::RgbImage;

/// Samples a pixel has along each axis.
const FINE: u32 = 2;

/// A triangle's corner on the screen: x right and y down in pixels, z the nearer the greater; its colour in sRGB, 0 to 255.
#[derive(Clone, Copy, Default)]
pub struct Corner {
    pub at: Vec3,
    pub colour: Vec3,
}

/// Depth and colour of the samples in the part of the picture that is drawn to.
#[derive(Default)]
pub struct Canvas {
    left: u32,
    top: u32,
    /// In samples.
    width: usize,
    height: usize,
    depth: Vec<f32>,
    colour: Vec<Vec3>,
}

impl Canvas {
    /// Draws the triangles into the picture; those whose corners run counter-clockwise on the screen are seen from behind and left out.
    pub fn draw(&mut self, corners: &[Corner], triangles: &[[u16; 3]], picture: &mut RgbImage) {
        if self.clear(corners, picture.dimensions()) {
            for &[a, b, c] in triangles {
                self.triangle(corners[usize::from(a)], corners[usize::from(b)], corners[usize::from(c)]);
            }
            self.resolve(picture);
        }
    }

    /// Fits the samples to the box around the corners inside the picture. False where nothing is inside.
    fn clear(&mut self, corners: &[Corner], (width, height): (u32, u32)) -> bool {
        let start = (Vec2::MAX, Vec2::MIN);
        let (low, high) = corners.iter().fold(start, |(low, high), c| (low.min(c.at.xy()), high.max(c.at.xy())));
        let limit = Vec2::new(width as f32, height as f32);
        let (low, high) = (low.floor().clamp(Vec2::ZERO, limit), high.ceil().clamp(Vec2::ZERO, limit));
        (self.left, self.top) = (low.x as u32, low.y as u32);
        self.width = (high.x as u32).saturating_sub(self.left) as usize * FINE as usize;
        self.height = (high.y as u32).saturating_sub(self.top) as usize * FINE as usize;
        self.depth.clear();
        self.depth.resize(self.width * self.height, f32::NEG_INFINITY);
        self.colour.resize(self.width * self.height, Vec3::ZERO);
        self.width * self.height > 0
    }

    /// The nearest triangle wins each sample; colours run linearly between the corners.
    fn triangle(&mut self, a: Corner, b: Corner, c: Corner) {
        let origin = Vec2::new(self.left as f32, self.top as f32);
        let [pa, pb, pc] = [a, b, c].map(|corner| (corner.at.xy() - origin) * FINE as f32);
        let area = (pb - pa).perp_dot(pc - pa);
        if area >= 0.0 {
            return;
        }
        let low = pa.min(pb).min(pc).max(Vec2::ZERO);
        let high = pa.max(pb).max(pc);
        let (x0, x1) = (low.x as usize, (high.x.max(0.0) as usize + 1).min(self.width));
        let (y0, y1) = (low.y as usize, (high.y.max(0.0) as usize + 1).min(self.height));
        // Barycentric weights of b and c at the first sample's centre, and their steps along x and y.
        let weights = |p: Vec2| Vec2::new((p - pa).perp_dot(pc - pa), (pb - pa).perp_dot(p - pa)) / area;
        let first = Vec2::new(x0 as f32 + 0.5, y0 as f32 + 0.5);
        let step_x = weights(first + Vec2::X) - weights(first);
        let step_y = weights(first + Vec2::Y) - weights(first);
        let mut row = weights(first);
        for y in y0..y1 {
            let mut weight = row;
            for sample in y * self.width + x0..y * self.width + x1 {
                if weight.x >= 0.0 && weight.y >= 0.0 && weight.x + weight.y <= 1.0 {
                    let depth = a.at.z + weight.x * (b.at.z - a.at.z) + weight.y * (c.at.z - a.at.z);
                    if depth > self.depth[sample] {
                        self.depth[sample] = depth;
                        self.colour[sample] =
                            a.colour + weight.x * (b.colour - a.colour) + weight.y * (c.colour - a.colour);
                    }
                }
                weight += step_x;
            }
            row += step_y;
        }
    }

    /// Averages each pixel's samples; samples no triangle covers keep what the picture has.
    fn resolve(&self, picture: &mut RgbImage) {
        let share = 1.0 / (FINE * FINE) as f32;
        for y in 0..self.height / FINE as usize {
            for x in 0..self.width / FINE as usize {
                let (mut colour, mut covered) = (Vec3::ZERO, 0.0);
                for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                    let sample = (y * FINE as usize + dy) * self.width + x * FINE as usize + dx;
                    if self.depth[sample] > f32::NEG_INFINITY {
                        colour += self.colour[sample] * share;
                        covered += share;
                    }
                }
                if covered > 0.0 {
                    let pixel = picture.get_pixel_mut(self.left + x as u32, self.top + y as u32);
                    for channel in 0..3 {
                        let mixed = colour[channel] + f32::from(pixel[channel]) * (1.0 - covered);
                        pixel[channel] = (mixed + 0.5) as u8;
                    }
                }
            }
        }
    }
}
