//! The fleet: a tile for each instance, with its lifecycle as an icon and a word, and its id. A small fleet gets large
//! tiles with whole ids; a large one gets small tiles with the ends of ids, and the words move into a legend.

use glam::Vec2;

use super::icons;
use crate::canvas::brush::{Brush, Rectangle};
use crate::canvas::palette::*;
use crate::daemon::state::RunState;
use crate::fleet::FleetState;
use crate::fleet::{Lifecycle, Member};

/// How tiles are laid out.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Grid {
    columns: usize,
    height: f32,
    /// Whether a tile has room for its state in words.
    words: bool,
}

/// Tile heights at 1280 x 720: the largest, and the smallest that can still be read.
const WORDS: (f32, f32) = (78.0, 62.0);
const SMALL: (f32, f32) = (46.0, 25.0);
/// The narrowest tile, with words and without.
const NARROWEST: (f32, f32) = (140.0, 88.0);
const GAP: f32 = 8.0;

/// Draws the count and the tiles.
pub fn draw(brush: &mut Brush, area: Rectangle, state: &RunState) {
    let unit = brush.unit;
    let head = Rectangle::new(area.x, area.y, area.w, (64.0 * unit).min(area.h));
    header(brush, head, &state.fleet);
    let mut room =
        Rectangle::new(area.x, head.bottom() + 4.0 * unit, area.w, area.bottom() - head.bottom() - 4.0 * unit);
    let seen = state.fleet.observed.iter().flat_map(|observed| &observed.instances);
    // EC2 describes terminated instances for another hour; they are no longer part of the fleet.
    let instances: Vec<&Member> = seen.filter(|seen| seen.lifecycle() != Lifecycle::Terminated).collect();
    if instances.is_empty() || room.h < GAP * unit {
        return;
    }
    let mut grid = Grid::of(instances.len(), room, unit);
    if !grid.words {
        let used = legend(brush, room, &state.fleet);
        room = Rectangle::new(room.x, room.y + used, room.w, room.h - used);
        grid = Grid { words: false, ..Grid::small(instances.len(), room, unit) };
    }
    let fitting = grid.columns * (room.h / grid.height) as usize;
    let shown = if instances.len() > fitting { fitting.saturating_sub(1) } else { instances.len() };
    let place = |index: usize| {
        let (row, column) = (index / grid.columns, index % grid.columns);
        let wide = room.w / grid.columns as f32;
        Rectangle::new(room.x + column as f32 * wide, room.y + row as f32 * grid.height, wide, grid.height)
            .inset(GAP.min(0.12 * grid.height / unit) / 2.0 * unit)
    };
    for (index, seen) in instances.iter().take(shown).enumerate() {
        let doomed = state.victims.contains(seen.id());
        tile(brush, place(index), seen, doomed, grid.words);
    }
    if shown < instances.len() && fitting > 0 {
        brush.label_centred(&format!("+{}", instances.len() - shown), 24.0 * unit, place(shown), WHITE);
    }
}

impl Grid {
    fn of(count: usize, room: Rectangle, unit: f32) -> Grid {
        let wordy = Grid::fit(count, room, (WORDS.0 * unit, WORDS.1 * unit), NARROWEST.0 * unit);
        wordy.map_or_else(|| Grid::small(count, room, unit), |(columns, height)| Grid { columns, height, words: true })
    }

    fn small(count: usize, room: Rectangle, unit: f32) -> Grid {
        let narrowest = NARROWEST.1 * unit;
        let fit = Grid::fit(count, room, (SMALL.0 * unit, SMALL.1 * unit), narrowest);
        let (columns, height) = fit.unwrap_or((((room.w / narrowest) as usize).max(1), SMALL.1 * unit));
        Grid { columns, height, words: false }
    }

    /// The fewest columns in which all tiles fit, and how high they are then.
    fn fit(count: usize, room: Rectangle, (most, least): (f32, f32), narrowest: f32) -> Option<(usize, f32)> {
        let columns = 1..=((room.w / narrowest) as usize).max(1);
        columns
            .map(|columns| (columns, (room.h / count.div_ceil(columns) as f32).min(most)))
            .find(|&(_, height)| height >= least)
    }
}

/// How many there are, and how many there may be.
fn header(brush: &mut Brush, area: Rectangle, fleet: &FleetState) {
    let unit = brush.unit;
    let count = fleet.observed.as_ref().map_or("?".into(), |observed| observed.count().to_string());
    let size = 60.0 * unit;
    let wide = brush.letters.width(&count, size);
    brush.label(&count, size, area, WHITE);
    let x = area.x + wide + 0.25 * size;
    let words = Rectangle::new(x, area.y + 0.08 * size, area.right() - x, area.h);
    let what = match &fleet.observed {
        None => "instances: not seen yet".into(),
        Some(_) => {
            let (s, limits) = (if fleet.count() == 1 { "" } else { "s" }, fleet.limits);
            format!("instance{s} ({} to {})", limits.min, limits.max)
        }
    };
    brush.label(&what, 28.0 * unit, words, GREY);
}

/// What the icons mean and how many tiles have each. Returns the height it took.
fn legend(brush: &mut Brush, area: Rectangle, fleet: &FleetState) -> f32 {
    let unit = brush.unit;
    let (size, row) = (23.0 * unit, 30.0 * unit);
    let wide = area.w / 2.0;
    let lifecycles: Vec<_> =
        fleet.lifecycles().into_iter().filter(|(lifecycle, _)| *lifecycle != Lifecycle::Terminated).collect();
    for (index, &(lifecycle, count)) in lifecycles.iter().enumerate() {
        let (x, y) = (area.x + wide * (index % 2) as f32, area.y + row * (index / 2) as f32);
        icons::lifecycle(brush, lifecycle, Vec2::new(x + 0.6 * size, y + row / 2.0), 1.1 * size);
        let words = Rectangle::new(x + 1.4 * size, y, wide - 1.7 * size, row);
        brush.label(&format!("{count} {lifecycle}"), size, words, WHITE);
    }
    row * lifecycles.len().div_ceil(2) as f32 + 6.0 * unit
}

fn tile(brush: &mut Brush, area: Rectangle, seen: &Member, doomed: bool, words: bool) {
    let unit = brush.unit;
    let ink = if doomed { ORANGE } else { icons::of_lifecycle(seen.lifecycle()) };
    let radius = 8.0 * unit;
    let calm = seen.lifecycle() == Lifecycle::InService && !doomed;
    brush.fill_rounded(area, radius, SLATE.towards(ink, if calm { 0.0 } else { 0.22 }), 1.0);
    if doomed {
        brush.stroke_rounded(area.inset(2.0 * unit), radius, 4.0 * unit, ORANGE);
    }
    let sign = (0.62 * area.h).min(40.0 * unit);
    let left = area.x + 0.75 * sign + 4.0 * unit;
    let lifecycle = if doomed { Lifecycle::Retiring } else { seen.lifecycle() };
    icons::lifecycle(brush, lifecycle, Vec2::new(left, area.centre().y), sign);
    let text = Rectangle::new(left + 0.8 * sign, area.y, area.right() - left - 0.8 * sign - 6.0 * unit, area.h);
    let id = &seen.id().0;
    if !words {
        let size = (0.7 * area.h).min(24.0 * unit);
        let end = end_of(brush, id, size, text.w);
        brush.label(&end, size, text, WHITE);
        return;
    }
    let half = Rectangle { h: 0.5 * area.h, ..text };
    let upper = Rectangle { y: area.y + 0.04 * area.h, ..half };
    let lower = Rectangle { y: area.y + 0.46 * area.h, ..half };
    let size = 24.0 * unit;
    let end = end_of(brush, id, size, text.w);
    brush.label(&end, size, upper, WHITE);
    let state = if doomed { "to be retired".into() } else { seen.lifecycle().to_string() };
    brush.label(&state, size, lower, ink.towards(WHITE, 0.35));
}

/// The id, or its end where it does not fit: ids differ in their ends. It may shrink a little before it is cut.
fn end_of(brush: &Brush, id: &str, size: f32, width: f32) -> String {
    let fits = |text: &str| brush.letters.width(text, 0.9 * size) <= width;
    if fits(id) {
        return id.to_owned();
    }
    let ends = id.char_indices().skip(1).map(|(at, _)| format!("…{}", &id[at..]));
    ends.into_iter().find(|end| fits(end)).unwrap_or_default()
}
