//! Text. In: words, a size, a place. Out: glyphs blended into pixels, from a cache: most text is the same from frame to
//! frame.

use std::collections::HashMap;

use ab_glyph::{Font, FontRef, GlyphId, PxScale, ScaleFont};
use tiny_skia::PixmapMut;

use super::palette::Ink;

/// Atkinson Hyperlegible Next Bold, drawn for low vision: its 0 and O, 1 and l differ, which instance ids need.
const FONT: &[u8] = include_bytes!("font/AtkinsonHyperlegibleNext-Bold.ttf");
/// A window that is being resized asks for glyphs of many sizes; above this many the cache is cleared.
const CACHED: usize = 2000;

pub struct Lettering {
    font: FontRef<'static>,
    cache: HashMap<(GlyphId, u32), Glyph>,
}

/// A glyph's coverage, and where it lies from the pen.
struct Glyph {
    left: i32,
    top: i32,
    width: usize,
    coverage: Vec<u8>,
}

impl Default for Lettering {
    fn default() -> Lettering {
        let font = FontRef::try_from_slice(FONT).expect("the embedded font is held right by every test that draws");
        Lettering { font, cache: HashMap::new() }
    }
}

impl Lettering {
    /// How wide a line is, in pixels.
    pub fn width(&self, text: &str, size: f32) -> f32 {
        self.pens(text, size).last().map_or(0.0, |(_, _, end)| end)
    }

    /// Draws a line whose left end is at `x` and whose capitals are centred vertically on `middle`.
    pub fn draw(&mut self, pixmap: &mut PixmapMut, text: &str, size: f32, (x, middle): (f32, f32), ink: Ink) {
        let baseline = (middle + 0.35 * size).round() as i32;
        if self.cache.len() > CACHED {
            self.cache.clear();
        }
        let pens: Vec<_> = self.pens(text, size).collect();
        for (id, pen, _) in pens {
            let font = &self.font;
            let glyph = self.cache.entry((id, size.to_bits())).or_insert_with(|| Glyph::of(font, id, size));
            glyph.blend(pixmap, (x + pen).round() as i32, baseline, ink);
        }
    }

    /// The line, or as much of it as fits in `width`, ending in `…`.
    pub fn cut(&self, text: &str, size: f32, width: f32) -> String {
        if self.width(text, size) <= width {
            return text.to_owned();
        }
        let mut kept: Vec<char> = text.chars().collect();
        while kept.pop().is_some() {
            let line: String = kept.iter().collect::<String>().trim_end().to_owned() + "…";
            if self.width(&line, size) <= width {
                return line;
            }
        }
        String::new()
    }

    /// The text wrapped to `width`; what does not fit in `most` lines is cut.
    pub fn wrap(&self, text: &str, size: f32, width: f32, most: usize) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace().flat_map(|word| self.pieces(word, size, width)) {
            match lines.last_mut() {
                Some(line) if self.width(&format!("{line} {word}"), size) <= width => *line += &format!(" {word}"),
                _ => lines.push(word),
            }
        }
        if lines.len() > most {
            let rest = lines.split_off(most.saturating_sub(1)).join(" ");
            lines.extend((most > 0).then_some(rest));
        }
        lines.iter().map(|line| self.cut(line, size, width)).collect()
    }

    /// A word, split where it is wider than the width: an error's code can be one long word.
    fn pieces(&self, word: &str, size: f32, width: f32) -> Vec<String> {
        let mut pieces = vec![String::new()];
        for c in word.chars() {
            let piece = pieces.last().map_or(c.to_string(), |piece| format!("{piece}{c}"));
            match pieces.last_mut() {
                Some(last) if last.is_empty() || self.width(&piece, size) <= width => *last = piece,
                _ => pieces.push(c.to_string()),
            }
        }
        pieces
    }

    /// The largest size, from `most` down to half of it, at which the line fits; and the line, cut where even that is
    /// too large.
    pub fn fit(&self, text: &str, most: f32, width: f32) -> (String, f32) {
        let needed = self.width(text, most);
        if needed <= width {
            return (text.to_owned(), most);
        }
        // A whole number, so that a changing text does not fill the cache; a little less, because widths are rounded.
        let size = (most * (width / needed).max(0.5) - 0.01).floor().max(1.0);
        (self.cut(text, size, width), size)
    }

    /// Each glyph of a line, where it begins, and where it ends.
    fn pens<'a>(&'a self, text: &'a str, size: f32) -> impl Iterator<Item = (GlyphId, f32, f32)> + 'a {
        let font = self.font.as_scaled(scale(&self.font, size));
        let mut pen = 0.0;
        let mut before = None;
        text.chars().map(move |c| {
            let id = font.glyph_id(c);
            pen += before.map_or(0.0, |before| font.kern(before, id));
            before = Some(id);
            let begin = pen;
            pen += font.h_advance(id);
            (id, begin, pen)
        })
    }
}

/// `size` is the em size, as is usual; ab_glyph scales by the line's height instead.
fn scale(font: &FontRef, size: f32) -> PxScale {
    PxScale::from(size * font.height_unscaled() / font.units_per_em().unwrap_or(1000.0))
}

impl Glyph {
    fn of(font: &FontRef, id: GlyphId, size: f32) -> Glyph {
        let Some(outline) = font.outline_glyph(id.with_scale(scale(font, size))) else {
            return Glyph { left: 0, top: 0, width: 0, coverage: Vec::new() };
        };
        let bounds = outline.px_bounds();
        let (width, height) = (bounds.width().ceil() as usize, bounds.height().ceil() as usize);
        let mut coverage = vec![0; width * height];
        outline.draw(|x, y, share| {
            if let Some(pixel) = coverage.get_mut(y as usize * width + x as usize) {
                *pixel = (share.clamp(0.0, 1.0) * 255.0) as u8;
            }
        });
        Glyph { left: bounds.min.x as i32, top: bounds.min.y as i32, width, coverage }
    }

    /// Blends it over opaque pixels; parts outside the canvas are left out.
    fn blend(&self, pixmap: &mut PixmapMut, x: i32, baseline: i32, Ink(r, g, b): Ink) {
        if self.width == 0 {
            return;
        }
        let (width, height) = (pixmap.width() as i32, pixmap.height() as i32);
        let data = pixmap.data_mut();
        for (row, coverage) in (baseline + self.top..).zip(self.coverage.chunks_exact(self.width)) {
            if !(0..height).contains(&row) {
                continue;
            }
            for (column, &share) in (x + self.left..).zip(coverage) {
                if share > 0 && (0..width).contains(&column) {
                    let at = 4 * (row * width + column) as usize;
                    for (below, ink) in data[at..at + 3].iter_mut().zip([r, g, b]) {
                        let (from, to, share) = (i32::from(*below), i32::from(ink), i32::from(share));
                        *below = (from + (to - from) * share / 255) as u8;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_to_its_width() {
        let letters = Lettering::default();
        for width in [0.0, 10.0, 50.0, 200.0] {
            let cut = letters.cut("i-0abcdef1234567890 is in service", 20.0, width);
            assert!(letters.width(&cut, 20.0) <= width, "{cut} in {width}");
        }
        assert_eq!(letters.cut("short", 20.0, 500.0), "short");
        assert!(letters.cut("a long line", 20.0, 60.0).ends_with('…'));
    }

    #[test]
    fn wrapped_lines_keep_every_word_that_fits() {
        let letters = Lettering::default();
        let text = "Asked to launch 3 by a left hand showing 3.";
        let lines = letters.wrap(text, 20.0, 200.0, 9);
        assert!(lines.len() > 1 && lines.iter().all(|line| letters.width(line, 20.0) <= 200.0));
        assert_eq!(lines.join(" "), text);
        let lines = letters.wrap(text, 20.0, 200.0, 2);
        assert!(lines.len() == 2 && lines[1].ends_with('…'), "{lines:?}");
        assert!(letters.wrap(text, 20.0, 200.0, 0).is_empty());
        let lines = letters.wrap("InsufficientInstanceCapacity: none left", 20.0, 150.0, 9);
        assert_eq!(lines.concat().replace(' ', ""), "InsufficientInstanceCapacity:noneleft");
    }

    #[test]
    fn a_line_shrinks_before_it_is_cut() {
        let letters = Lettering::default();
        let wide = letters.width("left 3 - launch 3", 40.0);
        assert_eq!(letters.fit("left 3 - launch 3", 40.0, wide + 1.0), ("left 3 - launch 3".into(), 40.0));
        let (line, size) = letters.fit("left 3 - launch 3", 40.0, 0.7 * wide);
        assert_eq!(line, "left 3 - launch 3");
        assert!(size < 40.0 && letters.width(&line, size) <= 0.7 * wide);
        assert!(letters.fit("left 3 - launch 3", 40.0, 0.2 * wide).0.ends_with('…'));
    }
}
