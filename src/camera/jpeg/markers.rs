//! A JPEG's markers and the segments behind them. In: bytes, from a start marker. Out: the next marker or segment, and
//! what these alone tell of a picture.

use super::flaw::Flaw;

/// The kinds of marker: the byte behind 0xff.
pub const TABLES: u8 = 0xc4;
pub const START: u8 = 0xd8;
pub const END: u8 = 0xd9;
pub const SCAN: u8 = 0xda;

/// The next marker that stands for something; `at` is moved behind it. Other bytes are skipped: padding between
/// segments, and a scan, in which a zero follows each 0xff that is no marker.
pub fn next(bytes: &[u8], at: &mut usize) -> Result<u8, Flaw> {
    loop {
        let rest = bytes.get(*at..).ok_or(Flaw::NoEnd)?;
        *at += rest.iter().position(|&byte| byte == 0xff).ok_or(Flaw::NoEnd)? + 1;
        match *bytes.get(*at).ok_or(Flaw::NoEnd)? {
            0 | 0xff => {}
            marker => {
                *at += 1;
                return Ok(marker);
            }
        }
    }
}

/// The segment behind a marker, without its length; `at` is moved behind it.
pub fn segment<'a>(bytes: &'a [u8], at: &mut usize) -> Result<&'a [u8], Flaw> {
    let rest = bytes.get(*at..).ok_or(Flaw::NoEnd)?;
    let &length = rest.first_chunk().ok_or(Flaw::NoEnd)?;
    let length = usize::from(u16::from_be_bytes(length)).max(2);
    *at += length;
    rest.get(2..length).ok_or(Flaw::NoEnd)
}

/// Where the picture at the start of `bytes` ends, by its markers alone; None if its end is not among these bytes.
pub fn length(bytes: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        let marker = next(bytes, &mut at).ok()?;
        match marker {
            0xd0..=0xd7 | 0x01 => {}
            END => return Some(at),
            // The picture was cut off here, and the next one begins.
            START => return Some(at - 2),
            _ => drop(segment(bytes, &mut at).ok()?),
        }
    }
}

/// A picture without its own Huffman tables, with an AVI1 marker, which tells the decoder that it is motion JPEG with
/// the standard ones.
pub fn with_usual_tables(jpeg: &[u8]) -> Vec<u8> {
    let (start, rest) = jpeg.split_at(jpeg.len().min(2));
    [start, b"\xff\xe0\0\x08AVI1\0\0", rest].concat()
}
