//! A software rasteriser. In: shaded triangles in pixels. Out: pixels, antialiased with four subpixels each.

use glam::{Vec2, Vec3, Vec3Swizzles};
use image::RgbImage;

/// Samples per pixel along each axis.
const FINE: usize = 2;

/// A triangle's corner on the screen: x right and y down in pixels, greater z is nearer; its colour in sRGB, 0 to 255.
#[derive(Clone, Copy, Default)]
pub struct Corner {
    pub at: Vec3,
    pub colour: Vec3,
}

/// The nearest surface at a subpixel.
#[derive(Clone, Copy)]
struct Subpixel {
    depth: f32,
    colour: [u8; 3],
}

const UNCOVERED: Subpixel = Subpixel { depth: f32::NEG_INFINITY, colour: [0; 3] };

/// The subpixels of the part of the picture that is drawn to.
#[derive(Default)]
pub struct Raster {
    left: u32,
    top: u32,
    /// In subpixels.
    width: usize,
    height: usize,
    subpixels: Vec<Subpixel>,
}

impl Raster {
    /// Draws the triangles into the picture. Those with counter-clockwise corners on the screen are back faces and are
    /// skipped.
    pub fn draw(&mut self, corners: &[Corner], triangles: &[[u16; 3]], picture: &mut RgbImage) {
        if self.clear(corners, picture.dimensions()) {
            for &[a, b, c] in triangles {
                self.triangle(corners[usize::from(a)], corners[usize::from(b)], corners[usize::from(c)]);
            }
            self.resolve(picture);
        }
    }

    /// Fits the subpixels to the corners' bounding box inside the picture. False if that is empty.
    fn clear(&mut self, corners: &[Corner], (width, height): (u32, u32)) -> bool {
        let start = (Vec2::MAX, Vec2::MIN);
        let (low, high) = corners.iter().fold(start, |(low, high), c| (low.min(c.at.xy()), high.max(c.at.xy())));
        let limit = Vec2::new(width as f32, height as f32);
        let (low, high) = (low.floor().clamp(Vec2::ZERO, limit), high.ceil().clamp(Vec2::ZERO, limit));
        (self.left, self.top) = (low.x as u32, low.y as u32);
        self.width = (high.x as u32).saturating_sub(self.left) as usize * FINE;
        self.height = (high.y as u32).saturating_sub(self.top) as usize * FINE;
        self.subpixels.clear();
        self.subpixels.resize(self.width * self.height, UNCOVERED);
        self.width * self.height > 0
    }

    /// Per subpixel the nearest triangle wins; colours are interpolated linearly.
    fn triangle(&mut self, a: Corner, b: Corner, c: Corner) {
        let origin = Vec2::new(self.left as f32, self.top as f32);
        let [pa, pb, pc] = [a, b, c].map(|corner| (corner.at.xy() - origin) * FINE as f32);
        let area = (pb - pa).perp_dot(pc - pa);
        if area >= 0.0 {
            return;
        }
        let low = pa.min(pb).min(pc).max(Vec2::ZERO);
        let high = pa.max(pb).max(pc);
        let x1 = (high.x.max(0.0) as usize + 1).min(self.width);
        let x0 = (low.x as usize).min(x1);
        let (y0, y1) = (low.y as usize, (high.y.max(0.0) as usize + 1).min(self.height));
        // Barycentric weights of b and c at the first subpixel's centre, and their steps along x and y.
        let weights = |p: Vec2| Vec2::new((p - pa).perp_dot(pc - pa), (pb - pa).perp_dot(p - pa)) / area;
        let first = Vec2::new(x0 as f32 + 0.5, y0 as f32 + 0.5);
        let step_x = weights(first + Vec2::X) - weights(first);
        let step_y = weights(first + Vec2::Y) - weights(first);
        let mut row = weights(first);
        for y in y0..y1 {
            let mut weight = row;
            for subpixel in &mut self.subpixels[y * self.width..][x0..x1] {
                if weight.x >= 0.0 && weight.y >= 0.0 && weight.x + weight.y <= 1.0 {
                    let depth = a.at.z + weight.x * (b.at.z - a.at.z) + weight.y * (c.at.z - a.at.z);
                    if depth > subpixel.depth {
                        let colour = a.colour + weight.x * (b.colour - a.colour) + weight.y * (c.colour - a.colour);
                        *subpixel = Subpixel { depth, colour: colour.to_array().map(|channel| channel as u8) };
                    }
                }
                weight += step_x;
            }
            row += step_y;
        }
    }

    /// Averages each pixel's subpixels. Samples that no triangle covers keep the picture's colour.
    fn resolve(&self, picture: &mut RgbImage) {
        let rows = self.subpixels.chunks_exact(self.width);
        for (y, (upper, lower)) in rows.clone().step_by(2).zip(rows.skip(1).step_by(2)).enumerate() {
            let start = 3 * ((self.top as usize + y) * picture.width() as usize + self.left as usize);
            let pixels = (**picture)[start..].chunks_exact_mut(3);
            for ((upper, lower), pixel) in upper.chunks_exact(2).zip(lower.chunks_exact(2)).zip(pixels) {
                let subpixels = [upper[0], upper[1], lower[0], lower[1]];
                if subpixels.iter().all(|subpixel| subpixel.depth == UNCOVERED.depth) {
                    continue;
                }
                for (channel, value) in pixel.iter_mut().enumerate() {
                    let wall = *value;
                    let seen = |s: &Subpixel| if s.depth == UNCOVERED.depth { wall } else { s.colour[channel] };
                    *value = (subpixels.iter().map(|subpixel| u16::from(seen(subpixel))).sum::<u16>() / 4) as u8;
                }
            }
        }
    }
}
