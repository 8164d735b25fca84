//! Where a JPEG picture ends in a buffer that is larger. In: the driver's buffers, one after the other. Out: the picture
//! alone, or nothing where it is cut off. Pure.
//!
//! nokhwa hands out the driver's whole buffer and does not say how much of it was filled, so a picture that is cut off
//! is followed by the rest of an older one, end marker and all. Such a rest gives itself away: the older picture ended
//! in the very same bytes at the very same place, and nothing behind it has changed.

use std::collections::VecDeque;

/// How many buffers nokhwa has the driver rotate: a rest is from the last time that one of them was filled.
const BUFFERS: usize = 4;

/// How many bytes before a picture's end are compared: two pictures of the same length that differ and end in the same
/// so many bytes, and all behind them, are not met by chance.
const COMPARED: usize = 16;

/// A picture, start marker to end marker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jpeg<'a> {
    pub bytes: &'a [u8],
    /// Whether it has its Huffman tables. Webcams may leave them out, as they are always the same.
    pub has_tables: bool,
}

impl Jpeg<'_> {
    /// The picture with a note that the decoder knows: it is motion JPEG's, decode it by the usual tables.
    pub fn with_usual_tables(&self) -> Vec<u8> {
        [&self.bytes[..2], b"\xff\xe0\0\x08AVI1\0\0", &self.bytes[2..]].concat()
    }
}

/// Finds the ends of pictures that follow each other.
#[derive(Debug, Default)]
pub struct Ends {
    /// Copies of the last buffers, the newest first.
    earlier: VecDeque<Vec<u8>>,
}

impl Ends {
    /// The picture at the buffer's start; nothing where it has no end, or only an older one's.
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

/// Whether the end of the picture, and all behind it, is what an earlier buffer holds there, though the picture is
/// another.
fn is_completed_by(buffer: &[u8], length: usize, earlier: &[u8]) -> bool {
    let tail = length.saturating_sub(COMPARED);
    buffer.get(tail..) == earlier.get(tail..) && buffer.get(..length) != earlier.get(..length)
}

/// The picture at the buffer's start, where it has an end.
fn jpeg(buffer: &[u8]) -> Option<Jpeg<'_>> {
    const TABLES: u8 = 0xc4;
    const START: u8 = 0xd8;
    const END: u8 = 0xd9;
    const SCAN: u8 = 0xda;
    if buffer.get(..2)? != [0xff, START] {
        return None;
    }
    let mut at = 2;
    // Segments, each with its length, up to the scan.
    let (mut scan, mut has_tables) = (false, false);
    while !scan {
        let marker = loop {
            match *buffer.get(at..at + 2)? {
                [0xff, 0xff] => at += 1,
                [0xff, marker] if marker != 0 => break marker,
                // Padding between segments: some webcams write it.
                _ => at += 1,
            }
        };
        if marker == START || marker == END {
            return None;
        }
        let length = buffer.get(at + 2..at + 4)?;
        at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
        scan = marker == SCAN;
        has_tables |= marker == TABLES;
    }
    // The scan, where 0xff is a marker's start unless a zero follows. Webcams have one scan alone.
    loop {
        at += buffer.get(at..)?.iter().position(|&byte| byte == 0xff)? + 1;
        match *buffer.get(at)? {
            0 | 0xd0..=0xd7 => at += 1,
            0xff => {}
            END => return Some(Jpeg { bytes: &buffer[..=at], has_tables }),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Start, a segment that holds an end marker, a scan with a stuffed byte and a restart marker, end.
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
