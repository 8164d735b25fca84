//! Pictures behind a photo that are a part of it: previews, gain maps, depth maps, the film of its moment. In: JPEG
//! bytes. Out: whether they are such. Pure.
//!
//! Pictures in their own right are joined the same way: the two of a stereo camera, or a series.

use super::markers::{END, SCAN, next, segment};

/// Whether a photo announces that all that follows it belongs to it.
pub fn are_announced(photo: &[u8]) -> bool {
    segments(photo).any(|(marker, segment)| match marker {
        APP1 => is_xmp(segment) && says(segment, &[b"Container:", b"hdrgm:", b":MotionPhoto", b":MicroVideo"]),
        APP2 => segment.strip_prefix(b"MPF\0").and_then(kinds).is_some_and(|kinds| {
            // After the photo itself, only previews.
            kinds.len() > 1 && kinds[1..].iter().all(|kind| kind >> 16 == PREVIEW)
        }),
        _ => false,
    })
}

/// Whether a picture says of itself that it is a part of another one.
pub fn is_one(picture: &[u8]) -> bool {
    segments(picture).any(|(marker, segment)| match marker {
        APP1 => is_xmp(segment) && says(segment, &[b"hdrgm:", b"apdi:", b"HDRGainMap:", b"AuxiliaryImageType"]),
        APP2 => segment.starts_with(b"urn:iso:std:iso:ts:21496:"),
        _ => false,
    })
}

const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
/// The upper byte of a kind in a directory of several pictures (CIPA DC-007).
const PREVIEW: u32 = 1;

/// The segments before the first scan.
fn segments(jpeg: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut at = 2;
    std::iter::from_fn(move || {
        let marker = next(jpeg, &mut at).ok().filter(|marker| !matches!(*marker, SCAN | END))?;
        Some((marker, segment(jpeg, &mut at).ok()?))
    })
}

fn is_xmp(segment: &[u8]) -> bool {
    segment.starts_with(b"http://ns.adobe.com/x")
}

fn says(segment: &[u8], words: &[&[u8]]) -> bool {
    words.iter().any(|word| segment.windows(word.len()).any(|part| part == *word))
}

/// The kind of each picture in a directory of several.
fn kinds(directory: &[u8]) -> Option<Vec<u32>> {
    const ENTRIES: u32 = 0xb002;
    let little = directory.starts_with(b"II");
    let number = |at: usize, length: usize| -> Option<u32> {
        let bytes = directory.get(at..at.checked_add(length)?)?;
        let add = |number: u32, byte: &u8| number << 8 | u32::from(*byte);
        Some(if little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    };
    let first = number(4, 4)? as usize;
    let mut fields = (0..number(first, 2)? as usize).map(|index| first + 2 + 12 * index);
    let field = fields.find(|&field| number(field, 2) == Some(ENTRIES))?;
    let (length, entries) = (number(field + 4, 4)? as usize, number(field + 8, 4)? as usize);
    (0..length / 16).map(|index| number(entries + 16 * index, 4).map(|kind| kind & 0xff_ffff)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg(marker: u8, segment: &[u8]) -> Vec<u8> {
        let length = (segment.len() as u16 + 2).to_be_bytes();
        [&[0xff, 0xd8, 0xff, marker], &length[..], segment, &[0xff, SCAN]].concat()
    }

    fn mpf(kinds: &[u32]) -> Vec<u8> {
        let mut mpf = b"MPF\0MM\0*\0\0\0\x08\0\x01\xb0\x02\0\x07".to_vec();
        mpf.extend([kinds.len() as u32 * 16, 26, 0].map(u32::to_be_bytes).as_flattened());
        kinds.iter().for_each(|kind| mpf.extend([*kind, 0, 0, 0].map(u32::to_be_bytes).as_flattened()));
        jpeg(APP2, &mpf)
    }

    #[test]
    fn previews_belong_to_the_photo_and_views_do_not() {
        assert!(are_announced(&mpf(&[0x2003_0000, 0x01_0001, 0x01_0002])));
        assert!(!are_announced(&mpf(&[0x2002_0002, 0x02_0002])), "two views");
        assert!(!are_announced(&mpf(&[0x03_0000, 0])), "nobody knows");
        assert!(!are_announced(&mpf(&[0x03_0000])) && !are_announced(&jpeg(APP2, b"MPF\0II")));
    }

    #[test]
    fn parts_of_a_photo_are_named_in_its_words_or_in_theirs() {
        let xmp = |words: &str| jpeg(APP1, format!("http://ns.adobe.com/xap/1.0/\0<x {words}>").as_bytes());
        for words in ["Container:Directory", "GCamera:MotionPhoto=\"1\"", "hdrgm:Version"] {
            assert!(are_announced(&xmp(words)), "{words}");
        }
        assert!(is_one(&xmp("apdi:AuxiliaryImageType")) && is_one(&jpeg(APP2, b"urn:iso:std:iso:ts:21496:-1\0")));
        assert!(!is_one(&xmp("dc:title")) && !are_announced(&xmp("dc:title")));
    }

    #[test]
    fn a_broken_directory_announces_nothing() {
        let whole = mpf(&[0x03_0000, 0x01_0001]);
        for length in 0..whole.len() {
            are_announced(&whole[..length]);
        }
    }
}
