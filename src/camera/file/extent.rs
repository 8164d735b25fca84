//! Where a film's or picture's file ends by its own account. In: the file. Out: the place, which may be beyond its last
//! byte: then it is cut off. ffmpeg reads a file to its end in silence if it is cut off between two parts.
//! Of the films that come through a pipe, YUV4MPEG2 is held to its frames.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};

/// The longest line that begins a YUV4MPEG2 film or frame.
const LONGEST_LINE: u64 = 1 << 10;
/// The end is not in the file, wherever it is.
const BEYOND: u64 = u64::MAX;
/// No Ogg page is longer.
const LONGEST_PAGE: u64 = 27 + 255 + 255 * 255;

/// Whether a film ends before its container says so. Containers that do not say where they end are never cut off.
pub fn is_cut_off(file: impl Read + Seek) -> io::Result<bool> {
    let mut file = BufReader::new(file);
    let length = file.seek(SeekFrom::End(0))?;
    file.rewind()?;
    let mut head = [0; 12];
    let read = file.read_exact(&mut head);
    file.rewind()?;
    let end = match &head {
        _ if read.is_err() => None,
        [b'R', b'I', b'F', b'F', ..] => riffs(&mut file, length)?,
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => boxes(&mut file, length)?,
        [0x1a, 0x45, 0xdf, 0xa3, ..] => segment(&mut file)?,
        [b'q', b'o', b'i', b'f', ..] => marker(&mut file, length)?,
        [b'O', b'g', b'g', b'S', ..] => pages(&mut file, length)?,
        head if head.starts_with(b"YUV4MPEG2 ") => frames(&mut file, length)?,
        _ => None,
    };
    Ok(end.is_some_and(|end| end > length))
}

/// AVI: a list of chunks, and further ones behind it in a large file.
fn riffs(file: &mut (impl Read + Seek), length: u64) -> io::Result<Option<u64>> {
    let mut end = 0;
    while let Some([b'R', b'I', b'F', b'F', size @ ..]) = read::<8>(file, end, length)? {
        match u32::from_le_bytes(size) {
            // Written as it came, without going back to the size.
            0 | u32::MAX => return Ok(None),
            size => end += 8 + u64::from(size) + u64::from(size % 2),
        }
    }
    // The last byte of padding is often left out.
    Ok(Some(end - 1))
}

/// MP4 and its relatives.
fn boxes(file: &mut (impl Read + Seek), length: u64) -> io::Result<Option<u64>> {
    let mut end = 0;
    while end < length {
        let Some([a, b, c, d, ..]) = read::<8>(file, end, length)? else { return Ok(None) };
        let size = match u32::from_be_bytes([a, b, c, d]) {
            1 => read(file, end + 8, length)?.map_or(16, u64::from_be_bytes),
            size => size.into(),
        };
        // To the file's end, or no box.
        if size < 8 {
            return Ok(None);
        }
        end = end.saturating_add(size);
    }
    Ok(Some(end))
}

/// Matroska and WebM: a header, and a segment that holds all else.
fn segment(file: &mut impl Read) -> io::Result<Option<u64>> {
    const SEGMENT: [u8; 4] = [0x18, 0x53, 0x80, 0x67];
    let mut at = 0;
    loop {
        let mut name = [0; 4];
        file.read_exact(&mut name)?;
        let (bytes, size) = number(file)?;
        at += 4 + bytes;
        if name == SEGMENT {
            return Ok(size.map(|size| at + size));
        }
        let Some(size) = size.filter(|_| at < LONGEST_LINE) else { return Ok(None) };
        io::copy(&mut file.take(size), &mut io::sink())?;
        at += size;
    }
}

/// An EBML number, and how many bytes it has; None: it is unknown.
fn number(file: &mut impl Read) -> io::Result<(u64, Option<u64>)> {
    let mut bytes = [0; 8];
    file.read_exact(&mut bytes[..1])?;
    let more = bytes[0].leading_zeros().min(7) as usize;
    file.read_exact(&mut bytes[1..=more])?;
    let all = u64::from_be_bytes(bytes) >> (8 * (7 - more));
    let most = (1 << (7 * (more + 1))) - 1;
    Ok((more as u64 + 1, Some(all & most).filter(|&number| number != most)))
}

/// QOI: the end has a marker of its own.
fn marker(file: &mut (impl Read + Seek), length: u64) -> io::Result<Option<u64>> {
    const MARKER: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 1];
    let last = read(file, length.saturating_sub(MARKER.len() as u64), length)?;
    Ok(Some(if last == Some(MARKER) { length } else { BEYOND }))
}

/// Ogg: the last page says that it is the last, and ends with the file.
fn pages(file: &mut (impl Read + Seek), length: u64) -> io::Result<Option<u64>> {
    const LAST: u8 = 4;
    const SEGMENTS: usize = 26;
    let from = length.saturating_sub(LONGEST_PAGE);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.take(LONGEST_PAGE).read_to_end(&mut tail)?;
    let at = tail.windows(5).rposition(|start| start == b"OggS\0");
    let Some((at, [_, _, _, _, _, flags, rest @ ..])) = at.map(|at| (at, &tail[at..])) else { return Ok(Some(BEYOND)) };
    let Some([segments, table @ ..]) = rest.get(SEGMENTS - 6..).filter(|_| flags & LAST != 0) else {
        return Ok(Some(BEYOND));
    };
    let segments = usize::from(*segments);
    let content: u64 = table.iter().take(segments).map(|&part| u64::from(part)).sum();
    Ok(Some(from + (at + SEGMENTS + 1 + segments) as u64 + content))
}

/// YUV4MPEG2: a line, and frames of one size, each behind a line.
fn frames(file: &mut (impl BufRead + Seek), length: u64) -> io::Result<Option<u64>> {
    let mut line = Vec::new();
    let mut end = file.take(LONGEST_LINE).read_until(b'\n', &mut line)? as u64;
    let Some(size) = frame_size(&line) else { return Ok(None) };
    while end < length {
        line.clear();
        end += file.take(LONGEST_LINE).read_until(b'\n', &mut line)? as u64 + size;
        file.seek_relative(size as i64)?;
    }
    Ok(Some(end))
}

/// Copies what comes through a pipe. Answers whether it was YUV4MPEG2 that ended within a frame.
pub fn copy(from: impl Read, to: &mut impl Write) -> io::Result<bool> {
    let mut from = BufReader::new(from);
    let copy_line = |from: &mut BufReader<_>, to: &mut _| -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        from.take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        Write::write_all(to, &line)?;
        Ok(line)
    };
    let first = copy_line(&mut from, to)?;
    let Some(size) = frame_size(&first).filter(|_| first.starts_with(b"YUV4MPEG2 ")) else {
        io::copy(&mut from, to)?;
        return Ok(false);
    };
    while !copy_line(&mut from, to)?.is_empty() {
        if io::copy(&mut from.by_ref().take(size), to)? < size {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The bytes of a frame of a YUV4MPEG2 film, by its first line; None where they are not known.
fn frame_size(line: &[u8]) -> Option<u64> {
    let line = std::str::from_utf8(line).ok()?;
    let word = |name: char| line.split_ascii_whitespace().skip(1).find_map(|word| word.strip_prefix(name));
    let (width, height): (u64, u64) = (word('W')?.parse().ok()?, word('H')?.parse().ok()?);
    let colours = word('C').unwrap_or("420");
    let (across, down, planes) = match colours {
        _ if colours.starts_with("420") => (2, 2, 2),
        _ if colours.starts_with("411") => (4, 1, 2),
        _ if colours.starts_with("422") => (2, 1, 2),
        "444alpha" => (1, 1, 3),
        _ if colours.starts_with("444") => (1, 1, 2),
        _ if colours.starts_with("mono") => (1, 1, 0),
        _ => return None,
    };
    // 420p10 and mono16, but not 420jpeg, 420mpeg2 and 420paldv.
    let bits = colours.strip_prefix("mono").or_else(|| colours.rsplit_once('p').map(|(_, bits)| bits));
    let bytes = if bits.is_some_and(|bits| bits.parse::<u8>().is_ok()) { 2 } else { 1 };
    let pixels = width.checked_mul(height)?.checked_add(planes * width.div_ceil(across) * height.div_ceil(down))?;
    pixels.checked_mul(bytes).filter(|&size| size > 0 && size < 1 << 32)
}

/// Some bytes at a place, if they are in the file.
fn read<const N: usize>(file: &mut (impl Read + Seek), at: u64, length: u64) -> io::Result<Option<[u8; N]>> {
    if at.checked_add(N as u64).is_none_or(|end| end > length) {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_cut(bytes: &[u8]) -> bool {
        is_cut_off(io::Cursor::new(bytes)).unwrap()
    }

    fn sized(before: &[u8], size: u32, rest: &[u8]) -> Vec<u8> {
        [before, &size.to_be_bytes(), rest].concat()
    }

    /// Whole films of each kind, of 40 bytes of content at most behind the last size.
    fn films() -> Vec<(&'static str, Vec<u8>)> {
        let riff = |kind: &[u8]| [b"RIFF", &24_u32.to_le_bytes()[..], kind, &[7; 20]].concat();
        let mp4 = [sized(b"", 16, b"ftypisom\0\0\0\0"), sized(b"", 1, b"mdat\0\0\0\0\0\0\0\x20"), vec![7; 16]].concat();
        let mut page = [&b"OggS\0\x04"[..], &[0; 20], &[2, 20, 5], &[7; 25]].concat();
        page.splice(0..0, [&b"OggS\0\0"[..], &[0; 20], &[1, 9], &[7; 9]].concat());
        let matroska =
            [&[0x1a, 0x45, 0xdf, 0xa3, 0x83, 7, 7, 7, 0x18, 0x53, 0x80, 0x67, 0x40, 30][..], &[7; 30]].concat();
        let y4m = [&b"YUV4MPEG2 W3 H3 F10:1 C420jpeg\n"[..], &[b"FRAME\n", &[7; 17][..]].concat().repeat(2)].concat();
        let mpeg2 = [&b"YUV4MPEG2 W3 H3 C420mpeg2\n"[..], &[b"FRAME\n", &[7; 17][..]].concat().repeat(2)].concat();
        let deep = [&b"YUV4MPEG2 W3 H2 C422p10 Ip\n"[..], &[b"FRAME Ip\n", &[7; 28][..]].concat().repeat(2)].concat();
        vec![
            ("AVI", [riff(b"AVI "), riff(b"AVIX")].concat()),
            ("MP4", mp4),
            ("Ogg", page),
            ("QOI", [&b"qoif"[..], &[7; 30], &[0; 7], &[1]].concat()),
            ("Matroska", matroska),
            ("YUV4MPEG2", y4m),
            ("YUV4MPEG2 of MPEG-2's kind", mpeg2),
            ("YUV4MPEG2 of 10 bits", deep),
        ]
    }

    #[test]
    fn a_film_is_cut_off_if_its_last_part_is() {
        for (name, whole) in films() {
            assert!(!is_cut(&whole), "{name}");
            for length in (whole.len() - 15..whole.len()).filter(|&length| name != "AVI" || length + 1 != whole.len()) {
                assert!(is_cut(&whole[..length]), "{name} of {length} of {} bytes", whole.len());
            }
            for length in 0..whole.len() - 15 {
                is_cut_off(io::Cursor::new(&whole[..length])).ok();
            }
        }
    }

    #[test]
    fn a_pipe_is_copied_whole_and_a_film_in_it_held_to_its_frames() {
        let copied = |bytes: &[u8]| {
            let mut to = Vec::new();
            let cut = copy(bytes, &mut to).unwrap();
            assert_eq!(to, bytes);
            cut
        };
        for (name, whole) in films() {
            let first = whole.iter().position(|byte| *byte == b'\n').map_or(whole.len(), |at| at + 1);
            let frame = (whole.len() - first) / 2;
            for length in 0..=whole.len() {
                let is_within = name.starts_with("YUV4MPEG2") && length > first && (length - first) % frame > 0;
                assert_eq!(copied(&whole[..length]), is_within, "{name} of {length} of {} bytes", whole.len());
            }
        }
    }

    #[test]
    fn what_does_not_say_where_it_ends_is_not_cut_off() {
        let unknown = [&[0x1a, 0x45, 0xdf, 0xa3, 0x80, 0x18, 0x53, 0x80, 0x67, 1][..], &[255; 7], &[7; 9]].concat();
        assert!(!is_cut(&unknown), "Matroska from a pipe");
        assert!(!is_cut(b"RIFF\xff\xff\xff\xffAVI LIST"), "AVI from a pipe");
        assert!(!is_cut(&[sized(b"", 16, b"ftypisom\0\0\0\0"), sized(b"", 0, b"mdat1234")].concat()), "to the end");
        assert!(!is_cut(b"YUV4MPEG2 W3 H3 Cnew\nFRAME\n1") && !is_cut(b"\x47 some stream") && !is_cut(b""));
    }
}
