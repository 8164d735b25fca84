//! Reads the part of Matroska that ffmpeg writes for one track of raw pictures. In: bytes from a pipe. Out: the
//! pictures' size, and each one's time and position.
//!
//! Raw video alone has neither size nor times. Matroska has both, also at a variable frame rate, without a second
//! process to ask. An element is an id, a length and a value; some contain others (RFC 8794, RFC 9559).

use std::io::{self, ErrorKind, Read};
use std::time::Duration;

pub struct Matroska<R> {
    stream: R,
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// How many films there are. Only a single one can be read.
    pub tracks: usize,
    /// The cluster's time, in units of `unit`: milliseconds, unless the file says otherwise.
    cluster: u64,
    unit: Duration,
}

/// A picture, whose bytes come next in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    pub time: Duration,
    pub bytes: u64,
}

impl<R: Read> Matroska<R> {
    pub fn new(stream: R) -> Matroska<R> {
        Matroska { stream, size: (0, 0), tracks: 0, cluster: 0, unit: Duration::from_millis(1) }
    }

    /// Advances to the next picture; None at the stream's end.
    pub fn next_block(&mut self) -> io::Result<Option<Block>> {
        const TRACK: u64 = 0xae;
        /// Elements to descend into: segment, information, tracks, track, video, cluster, group of blocks.
        const HOLDERS: [u64; 7] = [0x1853_8067, 0x1549_a966, 0x1654_ae6b, TRACK, 0xe0, 0x1f43_b675, 0xa0];
        while let Some(name) = self.name()? {
            let length = self.number()?;
            match name {
                name if HOLDERS.contains(&name) => self.tracks += usize::from(name == TRACK),
                0x2a_d7b1 => self.unit = Duration::from_nanos(self.value(length)?),
                0xb0 => self.size.0 = self.value(length)? as u32,
                0xba => self.size.1 = self.value(length)? as u32,
                0xe7 => self.cluster = self.value(length)?,
                // A block, alone or in a group: the track's number, the time relative to the cluster's, flags, the
                // picture.
                0xa3 | 0xa1 => return self.block(length).map(Some),
                _ => self.skip(length)?,
            }
        }
        Ok(None)
    }

    /// Reads the bytes of the picture that [`Matroska::next_block`] has found.
    pub fn read_picture(&mut self, picture: &mut [u8]) -> io::Result<()> {
        self.stream.read_exact(picture)
    }

    fn block(&mut self, length: u64) -> io::Result<Block> {
        const TRACK_TIME_FLAGS: u64 = 4;
        let [_track, high, low, _flags] = self.bytes()?;
        let time = self.cluster.saturating_add_signed(i16::from_be_bytes([high, low]).into());
        let time = Duration::from_nanos(time.saturating_mul(self.unit.as_nanos() as u64));
        Ok(Block { time, bytes: length.saturating_sub(TRACK_TIME_FLAGS) })
    }

    /// An element's id; the leading zeros of its first byte tell how many bytes follow. None at the end.
    fn name(&mut self) -> io::Result<Option<u64>> {
        let first = match self.bytes::<1>() {
            Ok([first]) => first,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        };
        self.rest(first.into(), first.leading_zeros()).map(Some)
    }

    /// A length, encoded like an id, but without the marker bit after the zeros.
    fn number(&mut self) -> io::Result<u64> {
        let [first] = self.bytes()?;
        let more = first.leading_zeros();
        self.rest(u64::from(first) & (0x7f >> more), more)
    }

    fn rest(&mut self, first: u64, more: u32) -> io::Result<u64> {
        (0..more).try_fold(first, |number, _| Ok(number << 8 | u64::from(self.bytes::<1>()?[0])))
    }

    fn value(&mut self, length: u64) -> io::Result<u64> {
        if length > 8 {
            return Err(ErrorKind::InvalidData.into());
        }
        self.rest(0, length as u32)
    }

    fn skip(&mut self, length: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.stream.by_ref().take(length), &mut io::sink())?;
        if skipped == length { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A 2x1 picture at 3.005 s and one at 2.995 s, with an element to skip and a cluster of unknown length.
    fn stream() -> Vec<u8> {
        let mut bytes = vec![0x1a, 0x45, 0xdf, 0xa3, 0x82, 9, 9];
        bytes.extend([0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        bytes.extend([0x16, 0x54, 0xae, 0x6b, 0x8a, 0xae, 0x88, 0xe0, 0x86, 0xb0, 0x81, 2, 0xba, 0x81, 1]);
        bytes.extend([0x1f, 0x43, 0xb6, 0x75, 0xff, 0xe7, 0x82, 0x0b, 0xb8]);
        bytes.extend([0xa3, 0x8a, 0x81, 0, 5, 0x80, 1, 2, 3, 4, 5, 6]);
        bytes.extend([0xa0, 0x8c, 0xa1, 0x40, 0x0a, 0x81, 0xff, 0xfb, 0, 7, 7, 7, 7, 7, 7]);
        bytes
    }

    #[test]
    fn pictures_come_with_size_and_time() {
        let stream = stream();
        let mut matroska = Matroska::new(&stream[..]);
        let mut picture = [0; 6];
        assert_eq!(matroska.next_block().unwrap(), Some(Block { time: Duration::from_millis(3005), bytes: 6 }));
        assert_eq!(matroska.size, (2, 1));
        matroska.read_picture(&mut picture).unwrap();
        assert_eq!(picture, [1, 2, 3, 4, 5, 6]);
        assert_eq!(matroska.next_block().unwrap(), Some(Block { time: Duration::from_millis(2995), bytes: 6 }));
        matroska.read_picture(&mut picture).unwrap();
        assert_eq!(matroska.next_block().unwrap(), None);
    }

    #[test]
    fn a_stream_that_breaks_off_or_is_none_never_panics() {
        let stream = stream();
        let mut picture = [0; 6];
        for length in 0..stream.len() {
            let mut matroska = Matroska::new(&stream[..length]);
            while let Ok(Some(_)) = matroska.next_block() {
                if matroska.read_picture(&mut picture).is_err() {
                    break;
                }
            }
        }
        for byte in 0..=255 {
            let _ = Matroska::new(&[byte; 40][..]).next_block();
        }
    }
}
