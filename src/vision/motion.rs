//! Detects motion cheaply, to tell when reading hands is worth its cost. In: pictures, reduced to the colours of a grid
//! of cells. Out: which cells changed, changes of light left out, and which of those changes are new.

use std::time::Duration;

use glam::Vec2;
use image::RgbImage;

use crate::hand::{Landmarks, palm_width};

const COLUMNS: usize = 32;
const ROWS: usize = 24;
const CELLS: usize = COLUMNS * ROWS;
/// Pixels sampled along each side of a cell: 25 per cell reduce sensor noise to a fifth.
const SAMPLES: usize = 5;

/// A cell that differs by more than this (of 255 levels) has moved. Above noise, below the effect of a hand that
/// enters.
const MOVED: f32 = 8.0;
/// A change up to this multiple of a cell's usual change is not new.
const HABIT: f32 = 2.0;
/// The half-life of a cell's usual change, in seconds: longer than heads rest between two turns.
const HABIT_HALVES: f32 = 5.0;
/// A cell near a followed hand that differs by more than this (of 255 levels) may show another sign. A finger that
/// rises changes a cell by half the difference of skin and wall; a hand that sways changes it less.
const CHANGED: f32 = 20.0;
/// The margin around a hand's landmarks in which its own movement shows, in palm widths.
const AROUND: f32 = 0.5;

/// A picture reduced to a grid of cells: a red, a green and a blue plane, row by row.
#[derive(Clone, Default)]
pub struct Thumbnail(Vec<f32>);

impl Thumbnail {
    pub fn take(&mut self, picture: &RgbImage) {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let pixels = picture.as_raw();
        self.0.resize(3 * CELLS, 0.0);
        for cell in 0..CELLS {
            let (column, row) = (cell % COLUMNS, cell / COLUMNS);
            let mut sums = [0_u32; 3];
            for sample in 0..SAMPLES * SAMPLES {
                let x = (column * SAMPLES + sample % SAMPLES) * width / (COLUMNS * SAMPLES);
                let y = (row * SAMPLES + sample / SAMPLES) * height / (ROWS * SAMPLES);
                let at = (y * width + x) * 3;
                sums.iter_mut().zip(&pixels[at..at + 3]).for_each(|(sum, value)| *sum += u32::from(*value));
            }
            for (channel, sum) in sums.into_iter().enumerate() {
                self.0[channel * CELLS + cell] = sum as f32 / (SAMPLES * SAMPLES) as f32;
            }
        }
    }

    /// How much each cell has changed since `then`, changes of light left out: a flickering lamp or the camera's
    /// exposure changes most cells of a row alike.
    pub fn changes_since(&self, then: &Thumbnail, changes: &mut Vec<f32>) {
        changes.clear();
        changes.resize(CELLS, 0.0);
        for (row, (now, then)) in self.0.chunks_exact(COLUMNS).zip(then.0.chunks_exact(COLUMNS)).enumerate() {
            // Plus one, so that black does not divide by zero.
            let mut light: [f32; COLUMNS] = std::array::from_fn(|i| (now[i] + 1.0) / (then[i] + 1.0));
            let light = *light.select_nth_unstable_by(COLUMNS / 2, f32::total_cmp).1;
            let start = row % ROWS * COLUMNS;
            for (i, change) in changes[start..start + COLUMNS].iter_mut().enumerate() {
                *change = change.max((now[i] - then[i] * light).abs());
            }
        }
    }
}

/// How lively the scene is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Life {
    Still,
    /// Something moves that has moved before without being a hand: a head, a curtain.
    Restless,
    /// Something moves that did not move before.
    Moving,
}

/// Compares the scene with the last one that was searched, and learns which cells move all the time.
#[derive(Default)]
pub struct Motion {
    searched: Thumbnail,
    changes: Vec<f32>,
    habits: Vec<f32>,
}

impl Motion {
    /// How lively the scene is outside the followed hands.
    pub fn since_search(&mut self, now: &Thumbnail, hands: &[Area]) -> Life {
        if self.searched.0.is_empty() {
            return Life::Still;
        }
        now.changes_since(&self.searched, &mut self.changes);
        hands.iter().for_each(|hand| hand.cells().for_each(|cell| self.changes[cell] = 0.0));
        self.habits.resize(CELLS, 0.0);
        let cells = self.changes.iter().zip(&self.habits).filter(|(change, _)| **change > MOVED);
        let life =
            cells.map(|(change, habit)| if *change > MOVED + HABIT * habit { Life::Moving } else { Life::Restless });
        life.max().unwrap_or(Life::Still)
    }

    /// Call after a search; `since` is the time since the one before. Unless a hand has come or gone, what changed
    /// becomes usual.
    pub fn searched(&mut self, now: &Thumbnail, since: Duration, was_hand: bool) {
        self.searched.clone_from(now);
        if !was_hand {
            let kept = (-since.as_secs_f32() / HABIT_HALVES).exp2();
            for (habit, change) in self.habits.iter_mut().zip(&self.changes) {
                *habit = (*habit * kept).max(*change);
            }
        }
    }
}

/// The cells around a hand.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    columns: (usize, usize),
    rows: (usize, usize),
}

impl Area {
    pub fn of(landmarks: &Landmarks, picture: &RgbImage) -> Area {
        let around = AROUND * palm_width(landmarks);
        let points = landmarks.iter().map(|point| point.truncate());
        let (low, high) = points.fold((Vec2::MAX, Vec2::MIN), |(low, high), p| (low.min(p), high.max(p)));
        let cell = Vec2::new(picture.width() as f32, picture.height() as f32) / Vec2::new(COLUMNS as f32, ROWS as f32);
        // The casts turn negative numbers into zero.
        let (low, high) = ((low - around) / cell, (high + around) / cell);
        let range = |low: f32, high: f32, most: usize| ((low as usize).min(most), (high as usize + 1).min(most));
        Area { columns: range(low.x, high.x, COLUMNS), rows: range(low.y, high.y, ROWS) }
    }

    fn cells(self) -> impl Iterator<Item = usize> {
        (self.rows.0..self.rows.1).flat_map(move |row| (self.columns.0..self.columns.1).map(move |x| row * COLUMNS + x))
    }

    /// Whether the hand may show another sign than before.
    pub fn changed(self, changes: &[f32]) -> bool {
        self.cells().any(|cell| changes[cell] > CHANGED)
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    const TENTH: Duration = Duration::from_millis(100);

    fn room(paint: impl Fn(u32, u32) -> [f32; 3]) -> Thumbnail {
        let mut thumbnail = Thumbnail::default();
        thumbnail.take(&RgbImage::from_fn(320, 240, |x, y| Rgb(paint(x, y).map(|value| value as u8))));
        thumbnail
    }

    /// A wall with a bright and a dark half.
    fn wall(x: u32) -> [f32; 3] {
        if x < 150 { [180.0, 170.0, 150.0] } else { [60.0, 70.0, 80.0] }
    }

    fn hand_at(x: u32, y: u32) -> bool {
        (200..260).contains(&x) && (100..160).contains(&y)
    }

    #[test]
    fn light_and_noise_are_no_motion() {
        let mut motion = Motion::default();
        assert_eq!(motion.since_search(&room(|x, _| wall(x)), &[]), Life::Still, "nothing is known yet");
        motion.searched(&room(|x, _| wall(x)), TENTH, false);
        let bands = |y: u32| 1.0 + 0.08 * (y as f32 / 40.0).sin();
        assert_eq!(motion.since_search(&room(|x, y| wall(x).map(|value| value * bands(y))), &[]), Life::Still);
        let noise = |x: u32, y: u32| ((x * 7919 + y * 104_729) % 31) as f32 - 15.0;
        assert_eq!(motion.since_search(&room(|x, y| wall(x).map(|value| value + noise(x, y))), &[]), Life::Still);
    }

    #[test]
    fn a_hand_before_a_wall_as_bright_as_it_is_motion() {
        let mut motion = Motion::default();
        motion.searched(&room(|_, _| [120.0, 130.0, 140.0]), TENTH, false);
        let hand = room(|x, y| if hand_at(x, y) { [160.0, 130.0, 100.0] } else { [120.0, 130.0, 140.0] });
        assert_eq!(motion.since_search(&hand, &[]), Life::Moving);
    }

    #[test]
    fn what_always_moves_is_a_habit_until_it_rests() {
        let mut motion = Motion::default();
        let head = |time: usize| {
            room(move |x, _| if (20..60 + 10 * (time as u32 % 2)).contains(&x) { [90.0; 3] } else { wall(x) })
        };
        motion.searched(&head(0), TENTH, false);
        assert_eq!(motion.since_search(&head(1), &[]), Life::Moving);
        motion.searched(&head(1), TENTH, false);
        assert_eq!(motion.since_search(&head(0), &[]), Life::Restless);
        let hand = room(|x, y| if hand_at(x, y) { [200.0, 140.0, 100.0] } else { wall(x) });
        assert_eq!(motion.since_search(&hand, &[]), Life::Moving, "elsewhere it is none");
        for _ in 0..200 {
            motion.since_search(&head(1), &[]);
            motion.searched(&head(1), TENTH, false);
        }
        assert_eq!(motion.since_search(&head(0), &[]), Life::Moving);
    }

    #[test]
    fn a_followed_hands_own_movements_are_its_own() {
        let picture = RgbImage::new(320, 240);
        let landmarks = std::array::from_fn(|i| glam::Vec3::new(205.0 + 2.0 * i as f32, 110.0 + 2.0 * i as f32, 0.0));
        let area = Area::of(&landmarks, &picture);
        let (before, after) = (room(|x, _| wall(x)), room(|x, y| if hand_at(x, y) { [200.0; 3] } else { wall(x) }));
        let mut motion = Motion::default();
        motion.searched(&before, TENTH, false);
        assert_eq!(motion.since_search(&after, &[area]), Life::Still);
        let mut changes = Vec::new();
        after.changes_since(&before, &mut changes);
        assert!(area.changed(&changes));
        after.changes_since(&after, &mut changes);
        assert!(!area.changed(&changes));
    }

    #[test]
    fn a_hand_outside_the_picture_has_no_cells() {
        let picture = RgbImage::new(320, 240);
        for at in [-9e9, 9e9, f32::NAN] {
            let area = Area::of(&[glam::Vec3::splat(at); 21], &picture);
            assert!(area.cells().all(|cell| cell < CELLS));
        }
    }
}
