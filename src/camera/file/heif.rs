//! The size of a HEIC or AVIF picture. In: a file. Out: the width and height that it states. Phones store such a picture
//! in tiles, and not every ffmpeg puts them together: its result is compared with this.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Whether a file is a HEIC or AVIF picture, by its first bytes.
pub fn is_heif(head: &[u8]) -> bool {
    const BRANDS: [&[u8; 4]; 8] = [b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"avif", b"miaf"];
    head.get(4..8) == Some(b"ftyp") && BRANDS.iter().any(|brand| head.get(8..12) == Some(&brand[..]))
}

/// The size of the file's main picture, upright; None if it states none.
pub fn size(path: &Path) -> Option<(u32, u32)> {
    /// More than any phone writes.
    const MOST: u64 = 16 << 20;
    let mut file = File::open(path).ok()?;
    let mut header = [0; 8];
    loop {
        file.read_exact(&mut header).ok()?;
        let [a, b, c, d, name @ ..] = header;
        let length = u64::from(u32::from_be_bytes([a, b, c, d])).checked_sub(8)?;
        if name == *b"meta" {
            let mut meta = Vec::new();
            file.take(length.min(MOST)).read_to_end(&mut meta).ok()?;
            return size_in(meta.get(4..)?);
        }
        file.seek(SeekFrom::Current(length.try_into().ok()?)).ok()?;
    }
}

fn size_in(meta: &[u8]) -> Option<(u32, u32)> {
    let main = child(meta, b"pitm")?;
    let main = if main[..1] == [0] { number(main, 4, 2)? } else { number(main, 4, 4)? };
    let properties = child(meta, b"iprp")?;
    let all: Vec<_> = Boxes(child(properties, b"ipco")?).collect();
    let mut size = None;
    let mut quarter_turns = 0;
    for index in of_item(child(properties, b"ipma")?, main)? {
        match all.get(index.checked_sub(1)?)? {
            (b"ispe", said) => size = Some((number(said, 4, 4)?, number(said, 8, 4)?)),
            (b"irot", said) => quarter_turns = number(said, 0, 1)?,
            // It is cropped, and ffmpeg may do that or not.
            (b"clap", _) => return None,
            _ => {}
        }
    }
    let (width, height) = size?;
    Some(if quarter_turns % 2 == 1 { (height, width) } else { (width, height) })
}

/// The places, from 1, of an item's properties.
fn of_item(list: &[u8], item: u32) -> Option<Vec<usize>> {
    let (id_bytes, wide) = (if list.first()? == &0 { 2 } else { 4 }, list.get(3)? & 1 == 1);
    let mut at = 8;
    for _ in 0..number(list, 4, 4)? {
        let id = number(list, at, id_bytes)?;
        let count = number(list, at + id_bytes, 1)? as usize;
        at += id_bytes + 1;
        let each = if wide { 2 } else { 1 };
        if id == item {
            let index =
                |i: usize| number(list, at + i * each, each).map(|n| n as usize & if wide { 0x7fff } else { 0x7f });
            return (0..count).map(index).collect();
        }
        at += count * each;
    }
    None
}

fn child<'a>(parent: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    Boxes(parent).find(|(other, _)| *other == name).map(|(_, content)| content).filter(|content| !content.is_empty())
}

fn number(bytes: &[u8], at: usize, length: usize) -> Option<u32> {
    Some(bytes.get(at..at + length)?.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

/// The boxes in a box: names and contents.
struct Boxes<'a>(&'a [u8]);

impl<'a> Iterator for Boxes<'a> {
    type Item = (&'a [u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = number(self.0, 0, 4)? as usize;
        let (this, rest) = self.0.split_at_checked(length)?;
        let (name, content) = this.get(4..)?.split_first_chunk()?;
        self.0 = rest;
        Some((name, content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32 + 8).to_be_bytes()[..], name, content].concat()
    }

    /// A file whose item 2 is its main picture, 480x640, turned by so many quarters, with so many other properties.
    fn file(turns: u8, other: &[u8; 4]) -> Vec<u8> {
        let size = |w: u32, h: u32| boxed(b"ispe", &[[0; 4], w.to_be_bytes(), h.to_be_bytes()].concat());
        let properties = [size(256, 256), size(480, 640), boxed(b"irot", &[turns]), boxed(other, &[])].concat();
        let of_items = [0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 1, 1, 0, 2, 3, 0x82, 3, 4];
        let iprp = boxed(b"iprp", &[boxed(b"ipco", &properties), boxed(b"ipma", &of_items)].concat());
        let meta = [vec![0; 4], boxed(b"pitm", &[0, 0, 0, 0, 0, 2]), iprp].concat();
        [boxed(b"ftyp", b"heic\0\0\0\0"), boxed(b"free", &[0; 99]), boxed(b"meta", &meta)].concat()
    }

    fn size_of(bytes: &[u8]) -> Option<(u32, u32)> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        size(file.path())
    }

    #[test]
    fn the_main_pictures_size_is_found() {
        assert!(is_heif(&file(0, b"pixi")) && !is_heif(b"\0\0\0\x20ftypisom"));
        assert_eq!(size_of(&file(0, b"pixi")), Some((480, 640)));
        assert_eq!(size_of(&file(1, b"pixi")), Some((640, 480)));
        assert_eq!(size_of(&file(0, b"clap")), None, "it is cropped");
    }

    #[test]
    fn a_broken_file_states_none() {
        let whole = file(0, b"pixi");
        for length in 0..whole.len() {
            assert_eq!(size_of(&whole[..length]), None);
        }
        for at in 0..whole.len() {
            for byte in [0, 0x7f, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = byte;
                // Any result is fine, but no panic and no hang.
                let _ = size_of(&damaged);
            }
        }
    }
}
