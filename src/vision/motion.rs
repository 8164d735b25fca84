//! Whether the scene moved: a cheap look at the picture's brightness, to tell when a search for hands is worth its cost.

use image::RgbImage;

const COLUMNS: usize = 32;
const ROWS: usize = 24;
/// Pixels looked at along each side of a cell: 16 together bring a sensor's noise to a quarter.
const SAMPLES: usize = 4;
/// A cell that differs by so many of 255 levels from the picture's overall change has moved. Above noise, below what a
/// hand does to a cell it enters.
const MOVED: f32 = 8.0;

/// The brightness of each cell of the remembered picture.
#[derive(Default)]
pub struct Motion {
    remembered: Vec<f32>,
    now: Vec<f32>,
}

impl Motion {
    pub fn remember(&mut self, picture: &RgbImage) {
        brightness(picture, &mut self.remembered);
    }

    /// Whether anything moved since the remembered picture. A change of the whole picture's light is no motion.
    pub fn since_remembered(&mut self, picture: &RgbImage) -> bool {
        brightness(picture, &mut self.now);
        if self.now.len() != self.remembered.len() {
            return true;
        }
        let changes = || self.now.iter().zip(&self.remembered).map(|(now, then)| now - then);
        let overall = changes().sum::<f32>() / self.now.len() as f32;
        changes().any(|change| (change - overall).abs() > MOVED)
    }
}

fn brightness(picture: &RgbImage, cells: &mut Vec<f32>) {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let pixels = picture.as_raw();
    cells.clear();
    for cell in 0..COLUMNS * ROWS {
        let (column, row) = (cell % COLUMNS, cell / COLUMNS);
        let mut sum = 0_u32;
        for sample in 0..SAMPLES * SAMPLES {
            let x = (column * SAMPLES + sample % SAMPLES) * width / (COLUMNS * SAMPLES);
            let y = (row * SAMPLES + sample / SAMPLES) * height / (ROWS * SAMPLES);
            let at = (y * width + x) * 3;
            // Green alone is close enough to brightness.
            sum += u32::from(pixels[at + 1]);
        }
        cells.push(sum as f32 / (SAMPLES * SAMPLES) as f32);
    }
}
