//! Finds the end of a JPEG picture in a larger buffer. In: the driver's buffers, one after the other. Out: the picture
//! alone, or none if it is cut off. Pure.
//!
//! nokhwa returns the driver's whole buffer and not how much of it was filled. So a cut-off picture is followed by the
//! rest of an older one, including its end marker. Such a rest can be recognised: an older buffer has exactly the same
//! bytes at the same place, up to its end.

use std::collections::VecDeque;

use crate::camera::jpeg::markers::{END, SCAN, START, TABLES, next, segment};

/// The number of buffers that nokhwa lets the driver rotate: a rest is from the last time that this one was filled.
const BUFFERS: usize = 4;

/// How many bytes before a picture's end are compared. It is practically impossible that two different pictures have
/// the same length, the same last bytes and the same bytes after them.
const COMPARED: usize = 16;

/// A picture, from start marker to end marker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jpeg<'a> {
    pub bytes: &'a [u8],
    /// Whether it contains Huffman tables. Webcams may omit them, since they are always the same.
    pub has_tables: bool,
}

/// Finds the ends of consecutive pictures.
#[derive(Debug, Default)]
pub struct Ends {
    /// Copies of the last buffers, newest first.
    earlier: VecDeque<Vec<u8>>,
}

impl Ends {
    /// The picture at the buffer's start; None if it has no end or only an older picture's.
    pub fn cut<'a>(&mut self, buffer: &'a [u8]) -> Option<Jpeg<'a>> {
        let whole =
            |jpeg: &Jpeg<'_>| !self.earlier.iter().any(|earlier| is_completed_by(buffer, jpeg.bytes.len(), earlier));
        let jpeg = jpeg(buffer).filter(whole);
        self.remember(buffer);
        jpeg
    }

    fn remember(&mut self, buffer: &[u8]) {
        let mut copy = if self.earlier.len() < BUFFERS { None } else { self.earlier.pop_back() }.unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(buffer);
        self.earlier.push_front(copy);
    }
}

/// Whether the picture's end, and all after it, equals an earlier buffer's, while the picture itself differs.
fn is_completed_by(buffer: &[u8], length: usize, earlier: &[u8]) -> bool {
    let tail = length.saturating_sub(COMPARED);
    buffer.get(tail..) == earlier.get(tail..) && buffer.get(..length) != earlier.get(..length)
}

/// The picture at the buffer's start, if it has an end.
fn jpeg(buffer: &[u8]) -> Option<Jpeg<'_>> {
    if buffer.get(..2)? != [0xff, START] {
        return None;
    }
    let (mut at, mut scan, mut has_tables) = (2, false, false);
    while !scan {
        let marker = next(buffer, &mut at).ok()?;
        if marker == START || marker == END {
            return None;
        }
        segment(buffer, &mut at).ok()?;
        scan = marker == SCAN;
        has_tables |= marker == TABLES;
    }
    // Webcams write a single scan.
    loop {
        match next(buffer, &mut at).ok()? {
            0xd0..=0xd7 => {}
            END => return Some(Jpeg { bytes: &buffer[..at], has_tables }),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Start, a segment that contains an end marker, a scan with a stuffed byte and a restart marker, end.
    const JPEG: [u8; 23] =
        [0xff, 0xd8, 0xff, 0xe0, 0, 4, 0xff, 0xd9, 0xff, 0xff, 0xda, 0, 3, 1, 9, 0xff, 0, 8, 0xff, 0xd3, 7, 0xff, 0xd9];

    fn end(buffer: &[u8]) -> Option<usize> {
        jpeg(buffer).map(|jpeg| jpeg.bytes.len())
    }

    #[test]
    fn only_the_scans_end_marker_counts() {
        assert_eq!(end(&JPEG), Some(23));
        assert_eq!(end(&[&JPEG[..], &[0xff, 0xd9]].concat()), Some(23));
        for cut in 0..23 {
            assert_eq!(end(&JPEG[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn another_start_is_no_end() {
        let twice = [&JPEG[..18], &JPEG[..]].concat();
        assert_eq!(end(&twice), None);
    }

    #[test]
    fn copies_are_kept_of_the_last_buffers_alone() {
        let mut ends = Ends::default();
        for _ in 0..99 {
            ends.cut(&JPEG);
        }
        assert_eq!(ends.earlier.len(), BUFFERS);
    }
}
