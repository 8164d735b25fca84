//! What a HEIC or AVIF file says of itself. In: a file. Out: how many pictures it holds, and the main one's size.
//! Phones store such a picture in tiles, and not every ffmpeg puts them together: its result is compared with this.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Whether a file is a HEIC or AVIF picture, by its first bytes.
pub fn is_heif(head: &[u8]) -> bool {
    const BRANDS: [&[u8; 4]; 8] = [b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"avif", b"miaf"];
    head.get(4..8) == Some(b"ftyp") && BRANDS.iter().any(|brand| head.get(8..12) == Some(&brand[..]))
}

/// What a file states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stated {
    /// The main picture's size, upright; None if it is not stated, or ffmpeg may do otherwise.
    pub size: Option<(u32, u32)>,
    /// Those that are shown: previews, masks and tiles are none.
    pub pictures: usize,
}

/// Reads what a file states; None if it can't be read.
pub fn stated(path: &Path) -> Option<Stated> {
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
            let meta = meta.get(4..)?;
            return Some(Stated { size: size_in(meta), pictures: pictures_in(meta).unwrap_or(1) });
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

fn pictures_in(meta: &[u8]) -> Option<usize> {
    /// Coded pictures, tiles, overlays, copies. Not `tmap`, which is the main picture in other colours.
    const PICTURES: [&[u8]; 10] =
        [b"hvc1", b"av01", b"grid", b"iovl", b"iden", b"jpeg", b"avc1", b"hev1", b"j2k1", b"vvc1"];
    let main = child(meta, b"pitm")?;
    let main = if main.first()? == &0 { number(main, 4, 2)? } else { number(main, 4, 4)? };
    let parts = parts_in(meta);
    let items = child(meta, b"iinf")?;
    let first = if items.first()? == &0 { 6 } else { 8 };
    let shown = Boxes(items.get(first..)?).filter(|(_, item)| {
        let id_bytes = if item.first() == Some(&2) { 2 } else { 4 };
        let id = number(item, 4, id_bytes);
        // Its id, its protection, its type.
        let is_picture = item.get(6 + id_bytes..10 + id_bytes).is_some_and(|kind| PICTURES.contains(&kind));
        let is_hidden = item.get(3).is_some_and(|flags| flags & 1 == 1);
        is_picture && (id == Some(main) || !is_hidden && !id.is_some_and(|id| parts.contains(&id)))
    });
    Some(shown.count())
}

/// The items that are a preview, a mask or a map of another one, or that another one is made of.
fn parts_in(meta: &[u8]) -> BTreeSet<u32> {
    let mut parts = BTreeSet::new();
    let Some((version, references)) = child(meta, b"iref").and_then(|list| list.split_first_chunk::<4>()) else {
        return parts;
    };
    let id_bytes = if version[0] == 0 { 2 } else { 4 };
    for (kind, ids) in Boxes(references) {
        let count = number(ids, id_bytes, 2).unwrap_or(0) as usize;
        match kind {
            b"thmb" | b"auxl" => parts.extend(number(ids, 0, id_bytes)),
            b"dimg" => parts.extend((0..count).map_while(|i| number(ids, id_bytes + 2 + i * id_bytes, id_bytes))),
            _ => {}
        }
    }
    parts
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
        stated(file.path()).and_then(|stated| stated.size)
    }

    #[test]
    fn the_main_pictures_size_is_found() {
        assert!(is_heif(&file(0, b"pixi")) && !is_heif(b"\0\0\0\x20ftypisom"));
        assert_eq!(size_of(&file(0, b"pixi")), Some((480, 640)));
        assert_eq!(size_of(&file(1, b"pixi")), Some((640, 480)));
        assert_eq!(size_of(&file(0, b"clap")), None, "it is cropped");
    }

    #[test]
    fn pictures_are_counted_without_their_parts() {
        let item = |id: u8, hidden: u8, kind: &[u8]| boxed(b"infe", &[&[2, 0, 0, hidden, 0, id, 0, 0], kind].concat());
        let refers = |kind: &[u8; 4], from: u8, to: &[u8]| {
            let to: Vec<u8> = to.iter().flat_map(|&id| [0, id]).collect();
            boxed(kind, &[&[0, from, 0, to.len() as u8 / 2], &to[..]].concat())
        };
        let meta = |items: &[Vec<u8>], references: &[Vec<u8>]| {
            let items = [&[0, 0, 0, 0, 0, items.len() as u8], &items.concat()[..]].concat();
            let references = [&[0; 4], &references.concat()[..]].concat();
            [boxed(b"pitm", &[0, 0, 0, 0, 0, 1]), boxed(b"iinf", &items), boxed(b"iref", &references)].concat()
        };
        let phone = [
            item(1, 0, b"grid"),
            item(2, 1, b"hvc1"),
            item(3, 0, b"hvc1"),
            item(4, 0, b"hvc1"),
            item(5, 0, b"hvc1"),
            item(6, 0, b"Exif"),
            item(7, 0, b"tmap"),
        ];
        let of_phone = [
            refers(b"dimg", 1, &[2, 3]),
            refers(b"thmb", 4, &[1]),
            refers(b"auxl", 5, &[1]),
            refers(b"cdsc", 6, &[1]),
            refers(b"dimg", 7, &[1, 5]),
        ];
        assert_eq!(pictures_in(&meta(&phone, &of_phone)), Some(1));
        let burst = [item(1, 0, b"hvc1"), item(2, 0, b"hvc1"), item(3, 0, b"av01")];
        assert_eq!(pictures_in(&meta(&burst, &[])), Some(3));
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
