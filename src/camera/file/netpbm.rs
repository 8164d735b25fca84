//! Pictures of the netpbm family (PBM, PGM, PPM, PAM), which old sets of hand pictures come in. In: a file's bytes.
//! Out: its pixels. Pure.

use image::{Rgb, RgbImage};

/// What is wrong with a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("its header makes no sense")]
    Header,
    #[error("its end is missing")]
    NoEnd,
    #[error("a number in it is out of range")]
    Number,
    #[error("more follows its end")]
    More,
}

/// What a picture's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub width: u32,
    pub height: u32,
    /// Samples per pixel.
    depth: usize,
    /// The largest value of a sample.
    most: u32,
    coding: Coding,
    /// Where the pixels begin.
    start: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    /// Numbers in decimal.
    Text,
    /// Digits 0 and 1; 1 is black.
    TextBits,
    /// Eight pixels a byte; 1 is black.
    Bits,
    /// One or two bytes a sample.
    Bytes,
}

impl Header {
    /// Reads a header; None if these bytes begin with none, or with a part of one.
    pub fn read(bytes: &[u8]) -> Option<Header> {
        let &[b'P', kind, space, ..] = bytes else {
            return None;
        };
        if !space.is_ascii_whitespace() && space != b'#' {
            return None;
        }
        let mut words = Words { bytes, at: 2 };
        if kind == b'7' {
            return words.arbitrary();
        }
        let (depth, coding) = match kind {
            b'1' => (1, Coding::TextBits),
            b'2' => (1, Coding::Text),
            b'3' => (3, Coding::Text),
            b'4' => (1, Coding::Bits),
            b'5' => (1, Coding::Bytes),
            b'6' => (3, Coding::Bytes),
            _ => return None,
        };
        let (width, height) = (words.number()?, words.number()?);
        let most = if matches!(kind, b'1' | b'4') { 1 } else { words.number()? };
        // One space ends the header.
        let start = words.at + 1;
        let sane = width > 0 && height > 0 && (1..=0xffff).contains(&most) && start <= bytes.len();
        sane.then_some(Header { width, height, depth, most, coding, start })
    }

    /// The picture's length in bytes; None if only its pixels tell.
    pub fn length(&self) -> Option<usize> {
        let (width, height) = (self.width as usize, self.height as usize);
        let pixels = match self.coding {
            Coding::Text | Coding::TextBits => return None,
            Coding::Bits => width.div_ceil(8).checked_mul(height)?,
            Coding::Bytes => width.checked_mul(height)?.checked_mul(self.depth * self.bytes_each())?,
        };
        self.start.checked_add(pixels)
    }

    fn bytes_each(&self) -> usize {
        if self.most > 0xff { 2 } else { 1 }
    }

    /// Reads the pixels.
    pub fn pixels(&self, bytes: &[u8]) -> Result<RgbImage, Flaw> {
        let mut picture = RgbImage::new(self.width, self.height);
        let bytes = bytes.get(self.start..self.length().unwrap_or(bytes.len())).ok_or(Flaw::NoEnd)?;
        match self.coding {
            Coding::Text => {
                let mut words = Words { bytes, at: 0 };
                self.fill(&mut picture, || words.next_number())?;
                if !words.word().is_empty() {
                    return Err(Flaw::More);
                }
            }
            Coding::TextBits => {
                let mut digits = bytes.iter().filter(|byte| !byte.is_ascii_whitespace());
                self.fill(&mut picture, || match digits.next() {
                    Some(b'0') => Ok(1),
                    Some(b'1') => Ok(0),
                    Some(_) => Err(Flaw::Number),
                    None => Err(Flaw::NoEnd),
                })?;
                if digits.next().is_some() {
                    return Err(Flaw::More);
                }
            }
            Coding::Bits => {
                for (row, y) in bytes.chunks_exact((self.width as usize).div_ceil(8)).zip(0..) {
                    for x in 0..self.width {
                        let black = row[x as usize / 8] >> (7 - x % 8) & 1 == 1;
                        picture.put_pixel(x, y, Rgb([if black { 0 } else { 255 }; 3]));
                    }
                }
            }
            Coding::Bytes => {
                let mut samples = bytes.chunks_exact(self.bytes_each());
                self.fill(&mut picture, || match samples.next() {
                    Some(&[sample]) => Ok(sample.into()),
                    Some(&[high, low, ..]) => Ok(u16::from_be_bytes([high, low]).into()),
                    _ => Err(Flaw::NoEnd),
                })?;
            }
        }
        Ok(picture)
    }

    /// Colours pixels by their samples: grey or RGB, and perhaps opacity, which is ignored.
    fn fill(&self, picture: &mut RgbImage, mut sample: impl FnMut() -> Result<u32, Flaw>) -> Result<(), Flaw> {
        let mut samples = [0; 4];
        for pixel in picture.pixels_mut() {
            for level in &mut samples[..self.depth] {
                let value = sample()?;
                if value > self.most {
                    return Err(Flaw::Number);
                }
                *level = ((value * 255 + self.most / 2) / self.most) as u8;
            }
            let [a, b, c, _] = samples;
            *pixel = Rgb(if self.depth < 3 { [a; 3] } else { [a, b, c] });
        }
        Ok(())
    }
}

/// Words between spaces, and comments from `#` to the line's end.
struct Words<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Words<'a> {
    fn word(&mut self) -> &'a [u8] {
        let mut comment = false;
        while let Some(&byte) =
            self.bytes.get(self.at).filter(|byte| comment || byte.is_ascii_whitespace() || **byte == b'#')
        {
            comment = byte == b'#' || comment && byte != b'\n' && byte != b'\r';
            self.at += 1;
        }
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'#').unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn number(&mut self) -> Option<u32> {
        std::str::from_utf8(self.word()).ok()?.parse().ok()
    }

    /// A number among the pixels.
    fn next_number(&mut self) -> Result<u32, Flaw> {
        match self.word() {
            [] => Err(Flaw::NoEnd),
            word => std::str::from_utf8(word).ok().and_then(|word| word.parse().ok()).ok_or(Flaw::Number),
        }
    }

    /// A PAM's header: names and values.
    fn arbitrary(&mut self) -> Option<Header> {
        let [mut width, mut height, mut depth, mut most] = [0; 4];
        loop {
            match self.word() {
                b"WIDTH" => width = self.number()?,
                b"HEIGHT" => height = self.number()?,
                b"DEPTH" => depth = self.number()?,
                b"MAXVAL" => most = self.number()?,
                b"TUPLTYPE" => drop(self.word()),
                b"ENDHDR" => break,
                _ => return None,
            }
        }
        let start = self.at + 1;
        let sane = width > 0 && height > 0 && (1..=4).contains(&depth) && (1..=0xffff).contains(&most);
        let depth = depth as usize;
        (sane && start <= self.bytes.len()).then_some(Header {
            width,
            height,
            depth,
            most,
            coding: Coding::Bytes,
            start,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<u8>, Flaw> {
        let header = Header::read(bytes).ok_or(Flaw::Header)?;
        header.pixels(bytes).map(RgbImage::into_raw)
    }

    #[test]
    fn all_kinds_are_read() {
        let grey = [0, 255, 102].map(|grey| [grey; 3]).concat();
        assert_eq!(read(b"P2\n# a comment\n3 1\n15\n0 15\n6\n").unwrap(), grey);
        assert_eq!(read(b"P5 3 1 255\n\0\xff\x66").unwrap(), grey);
        assert_eq!(read(b"P5\n3 1\n65535\n\0\0\xff\xff\x66\x66").unwrap(), grey);
        assert_eq!(
            read(b"P7\nWIDTH 3\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nTUPLTYPE GRAYSCALE\nENDHDR\n\0\xff\x66").unwrap(),
            grey
        );
        let colours = [1, 2, 3, 255, 0, 9];
        assert_eq!(read(b"P3 2 1 255 1 2 3 255 0 9").unwrap(), colours);
        assert_eq!(read(b"P6#x\n2\t1 255\n\x01\x02\x03\xff\0\x09").unwrap(), colours);
        assert_eq!(
            read(b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nENDHDR\n\x01\x02\x03\x04\xff\0\x09\x04").unwrap(),
            colours
        );
        let bits = [0, 255, 0].map(|grey| [grey; 3]).concat();
        assert_eq!(read(b"P1 3 1\n10 1\n").unwrap(), bits);
        assert_eq!(read(b"P4 3 1\n\xa0").unwrap(), bits);
    }

    #[test]
    fn broken_ones_are_refused() {
        for bytes in
            [&b"P5 3 1 255\n\0\xff"[..], b"P2 3 1 15 0 15", b"P4 9 1\n\xa0", b"P1 3 1 10", b"P6 1 1 65535\n\0\0\0\0\0"]
        {
            assert_eq!(read(bytes), Err(Flaw::NoEnd));
        }
        for bytes in [&b"P2 1 1 15 1 2"[..], b"P1 2 1 101", b"P3 1 1 9 1 2 3 P3 1 1 9 1 2 3"] {
            assert_eq!(read(bytes), Err(Flaw::More));
        }
        for bytes in [&b"P2 1 1 15 16"[..], b"P5 1 1 15\n\x10", b"P1 2 1 12", b"P3 1 1 255 a b c"] {
            assert_eq!(read(bytes), Err(Flaw::Number));
        }
        for bytes in
            [&b"P"[..], b"P5", b"P5 0 1 255\n", b"P5 1 1 0\n0", b"P5 1 1 65536\n00", b"P8 1 1 1\n0", b"P7\nWIDTH 1\n"]
        {
            assert_eq!(read(bytes), Err(Flaw::Header));
        }
    }
}
