//! The caption below the picture, and the panel next to it: the fleet, its trouble, its policy, the newest
//! sentences.

use glam::Vec2;

use super::{icons, tiles};
use crate::canvas::brush::{Brush, Rectangle};
use crate::canvas::palette::*;
use crate::daemon::state::{RunState, SAID};
use crate::view::phases::{Icon, Row, Tone};

/// What the hands do in one large line, and what to do about it in a smaller one. Fired, counting down and paused have
/// their own background and icon, so that they can be told apart from a distance.
pub fn caption(brush: &mut Brush, area: Rectangle, row: &Row) {
    let unit = brush.unit;
    let (ground, opacity, ink) = match row.tone {
        Tone::Plain => (NIGHT, 0.85, WHITE),
        Tone::Hand(side) => (NIGHT, 0.85, of_side(side)),
        Tone::Filled(side) => (of_side(side), 1.0, BLACK),
        Tone::Inverted => (WHITE, 1.0, BLACK),
    };
    let icon = row.icon.map(|icon| -> DrawIcon {
        match icon {
            Icon::Pause => icons::pause,
            Icon::Tick => icons::tick,
            Icon::Back => icons::back,
            Icon::Cross => icons::cross,
        }
    });
    brush.fill(area, ground, opacity);
    let mut words = Rectangle::new(area.x + 24.0 * unit, area.y, area.w - 48.0 * unit, area.h);
    if let Some(icon) = icon {
        let size = 1.1 * area.h;
        words.w -= 0.8 * size;
        icon(brush, Vec2::new(area.right() - 0.55 * size, area.centre().y), size, ink);
    }
    let alone = row.remedy.is_empty();
    let upper = Rectangle { y: area.y + if alone { 0.22 } else { 0.06 } * area.h, h: 0.56 * area.h, ..words };
    let lower = Rectangle { y: area.y + 0.6 * area.h, h: 0.34 * area.h, ..words };
    brush.label(&row.headline, 54.0 * unit, upper, ink);
    brush.label(&row.remedy, 32.0 * unit, lower, if ground == NIGHT { GREY } else { ink });
}

/// With this many instances the fleet needs most of the panel, and with this many all of it.
const MANY: usize = 9;
const FULL: usize = 25;

/// Draws an icon: its centre, its width, its colour.
type DrawIcon = fn(&mut Brush, Vec2, f32, Ink);

pub fn draw(brush: &mut Brush, area: Rectangle, state: &RunState) {
    let unit = brush.unit;
    brush.fill(area, NIGHT, 1.0);
    let inner = area.inset(20.0 * unit);
    let trouble = trouble(brush, inner, state);
    let policy = policy(brush, Rectangle { h: trouble - inner.y, ..inner }, state);
    let said = said(brush, Rectangle { h: policy - inner.y, ..inner }, state);
    let fleet = Rectangle::new(inner.x, inner.y - 8.0 * unit, inner.w, said - inner.y);
    tiles::draw(brush, fleet, state);
}

/// The fleet's trouble, at the area's lower end. Returns where it begins.
fn trouble(brush: &mut Brush, area: Rectangle, state: &RunState) -> f32 {
    let Some(trouble) = &state.fleet.trouble else { return area.bottom() };
    let unit = brush.unit;
    let (size, sign) = (26.0 * unit, 46.0 * unit);
    let lines = brush.letters.wrap(trouble, size, area.w - 2.0 * sign, 4);
    let height = (1.25 * size * lines.len() as f32 + 0.9 * size).max(1.5 * sign);
    let bar = Rectangle::new(area.x, area.bottom() - height, area.w, height);
    brush.fill_rounded(bar, 8.0 * unit, VERMILION, 1.0);
    icons::warning(brush, Vec2::new(bar.x + 0.85 * sign, bar.centre().y), sign, (BLACK, WHITE));
    let first = bar.centre().y - 1.25 * size * (lines.len() as f32 - 1.0) / 2.0;
    for (row, line) in lines.iter().enumerate() {
        brush.text(line, size, (bar.x + 1.7 * sign, first + 1.25 * size * row as f32), BLACK);
    }
    bar.y - 14.0 * unit
}

/// The policy's last decision, and what a person holds, at the area's lower end. Returns where they begin.
fn policy(brush: &mut Brush, area: Rectangle, state: &RunState) -> f32 {
    let Some(policy) = &state.policy else { return area.bottom() };
    let unit = brush.unit;
    let (size, edge) = (23.0 * unit, 12.0 * unit);
    let mut lines = brush.letters.wrap(&format!("Policy: {}", policy.decision), size, area.w - 2.0 * edge, 3);
    if let Some(held) = &policy.held {
        lines.extend(brush.letters.wrap(held, size, area.w - 2.0 * edge, 3));
    }
    let row = 1.3 * size;
    let height = row * lines.len() as f32 + edge;
    let bar = Rectangle::new(area.x, area.bottom() - height, area.w, height);
    brush.fill_rounded(bar, 8.0 * unit, SLATE, 1.0);
    for (index, line) in lines.iter().enumerate() {
        brush.text(line, size, (bar.x + edge, bar.y + edge / 2.0 + row * (index as f32 + 0.5)), WHITE);
    }
    bar.y - 14.0 * unit
}

/// The newest sentences, the newest at the bottom and brightest, as many as fit. Returns where they begin.
fn said(brush: &mut Brush, area: Rectangle, state: &RunState) -> f32 {
    let unit = brush.unit;
    let size = 23.0 * unit;
    let row = 1.3 * size;
    // Many tiles leave little room.
    let most = match state.fleet.observed.as_ref().map_or(0, |observed| observed.instances.len()) {
        FULL.. if state.fleet.trouble.is_some() => 0,
        MANY.. => 2,
        _ => (area.h / 3.0 / row) as usize,
    };
    let mut lines: Vec<(String, Ink)> = Vec::new();
    for (age, sentence) in state.said.iter().rev().take(SAID).enumerate() {
        let wrapped = brush.letters.wrap(sentence, size, area.w, 2);
        if lines.len() + wrapped.len() > most {
            break;
        }
        let ink = if age == 0 { WHITE } else { GREY };
        lines.extend(wrapped.into_iter().rev().map(|line| (line, ink)));
    }
    for (index, (line, ink)) in lines.iter().enumerate() {
        brush.text(line, size, (area.x, area.bottom() - row * (index as f32 + 0.5)), *ink);
    }
    let begin = area.bottom() - row * lines.len() as f32;
    if lines.is_empty() { begin } else { begin - 14.0 * unit }
}
