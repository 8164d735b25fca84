//! Whether a TIFF file is one picture. In: its bytes. Out: nothing, or what else it is.

use std::io::Cursor;

use tiff::decoder::Decoder;
use tiff::tags::Tag;
use tiff::{TiffError, TiffResult};

use super::format;

/// Bits of a page's kind (`NewSubfileType`): a smaller copy of another page, and a mask for one.
const SMALLER: u32 = 1;
const MASK: u32 = 4;

/// What is wrong with a TIFF file.
#[derive(Debug, thiserror::Error)]
pub enum Flaw {
    #[error("it has {0} pages: save each as a file of its own")]
    Pages(usize),
    #[error("it begins with a preview, as a camera's raw files do")]
    Preview,
    #[error("another picture follows its end: save each as a file of its own")]
    Joined,
    #[error(transparent)]
    Broken(#[from] TiffError),
}

/// Accepts one picture, with smaller copies of it behind it or without.
pub fn check(bytes: &[u8]) -> Result<(), Flaw> {
    let kinds = kinds(bytes)?;
    let rest = end(bytes).and_then(|end| bytes.get(end..)).unwrap_or_default();
    let padding = rest.iter().take_while(|byte| **byte == 0).count();
    if format::of_any(&rest[padding..]).is_some() {
        return Err(Flaw::Joined);
    }
    match kinds {
        kinds if kinds.first().is_some_and(|kind| kind & SMALLER != 0) => Err(Flaw::Preview),
        kinds => match kinds.iter().filter(|kind| *kind & (SMALLER | MASK) == 0).count() {
            0 | 1 => Ok(()),
            pages => Err(Flaw::Pages(pages)),
        },
    }
}

fn kinds(bytes: &[u8]) -> TiffResult<Vec<u32>> {
    let mut decoder = Decoder::new(Cursor::new(bytes))?;
    let mut kinds = Vec::new();
    loop {
        kinds.push(decoder.find_tag_unsigned(Tag::NewSubfileType)?.unwrap_or(0));
        if !decoder.more_images() {
            return Ok(kinds);
        }
        decoder.next_image()?;
    }
}

/// Where the last byte is that the file's directories point to. The decoder does not say. None: it is no usual TIFF.
fn end(bytes: &[u8]) -> Option<usize> {
    /// More than any file has.
    const MOST_DIRECTORIES: usize = 256;
    let little = bytes.starts_with(b"II*\0");
    if !little && !bytes.starts_with(b"MM\0*") {
        return None;
    }
    let number = |at: usize, length: usize| -> Option<usize> {
        let bytes = bytes.get(at..at.checked_add(length)?)?;
        let add = |number: usize, byte: &u8| number << 8 | usize::from(*byte);
        Some(if little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    };
    let mut end = 0;
    let mut directories = vec![number(4, 4)?];
    let mut seen = 0;
    while let Some(at) = directories.pop().filter(|_| seen < MOST_DIRECTORIES) {
        seen += 1;
        let fields = number(at, 2)?;
        let (mut offsets, mut lengths) = (Vec::new(), Vec::new());
        for field in (0..fields).map(|index| at + 2 + 12 * index) {
            let each = match number(field + 2, 2)? {
                1 | 2 | 6 | 7 => 1,
                3 | 8 => 2,
                5 | 10 | 12 => 8,
                _ => 4,
            };
            let count = number(field + 4, 4)?;
            let values = if each * count <= 4 { field + 8 } else { number(field + 8, 4)? };
            end = end.max(values + each * count);
            let numbers = (0..count).map_while(|index| number(values + each * index, each));
            match number(field, 2)? {
                // Strips, tiles, an old JPEG.
                273 | 324 | 513 => offsets.extend(numbers),
                279 | 325 | 514 => lengths.extend(numbers),
                // Further directories: of smaller copies, of the camera, of the place.
                330 | 34665 | 34853 => directories.extend(numbers),
                _ => {}
            }
        }
        let data = offsets.iter().zip(&lengths).map(|(offset, length)| offset.saturating_add(*length));
        end = data.chain([end, at + 2 + 12 * fields + 4]).max()?;
        directories.extend(number(at + 2 + 12 * fields, 4).filter(|&next| next != 0));
    }
    Some(end)
}
