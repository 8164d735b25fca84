//! The Huffman codes of a scan. In: its bytes and a table. Out: the symbols and numbers, one after the other.

use super::flaw::Flaw;

/// Cameras and webcams are known to write a few bytes too many before a marker.
const MOST_EXTRA: usize = 4;

/// The bits of a scan.
pub struct Bits<'a> {
    bytes: &'a [u8],
    /// The next byte to take.
    pub at: usize,
    /// The next bits, from the highest.
    next: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub fn new(bytes: &'a [u8]) -> Bits<'a> {
        Bits { bytes, at: 0, next: 0, count: 0 }
    }

    /// Takes bytes until there are enough bits for a code and its number, or a marker comes.
    #[inline]
    fn fill(&mut self) {
        if self.count < 32 {
            if let Some(&four) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk())
                && !four.contains(&0xff)
            {
                self.next |= u64::from(u32::from_be_bytes(four)) << (32 - self.count);
                (self.at, self.count) = (self.at + 4, self.count + 32);
            } else {
                self.fill_by_bytes();
            }
        }
    }

    fn fill_by_bytes(&mut self) {
        while self.count < 32 {
            let byte = match self.bytes.get(self.at..) {
                Some([0xff, 0, ..]) => {
                    self.at += 2;
                    0xff
                }
                Some([0xff, ..] | []) | None => return,
                Some([byte, ..]) => {
                    self.at += 1;
                    *byte
                }
            };
            self.next |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// Takes a code together with its number. Returns how many places it fills, 0 for all that are left; None where the
    /// code alone must be taken, by `symbol`.
    #[inline]
    pub fn step(&mut self, table: &Table) -> Result<Option<usize>, Flaw> {
        self.fill();
        let step = table.steps[(self.next >> (64 - QUICK)) as usize];
        if step.bits == 0 {
            return Ok(None);
        }
        self.drop(step.bits.into())?;
        Ok(Some(step.places.into()))
    }

    #[inline]
    pub fn symbol(&mut self, table: &Table) -> Result<u8, Flaw> {
        self.fill();
        let (length, symbol) = table.at((self.next >> 48) as u16).ok_or(Flaw::Damaged)?;
        self.drop(length.into())?;
        Ok(symbol)
    }

    #[inline]
    pub fn skip(&mut self, bits: u8) -> Result<(), Flaw> {
        if self.count < bits.into() {
            self.fill();
        }
        self.drop(bits.into())
    }

    pub fn unsigned(&mut self, bits: u8) -> Result<u32, Flaw> {
        if self.count < bits.into() {
            self.fill();
        }
        let value = if bits == 0 { 0 } else { self.next >> (64 - u32::from(bits)) };
        self.drop(bits.into())?;
        Ok(value as u32)
    }

    /// A number of that many bits, whose first one is 0 if it is negative.
    pub fn signed(&mut self, bits: u8) -> Result<i32, Flaw> {
        let value = self.unsigned(bits)? as i32;
        Ok(if bits > 0 && value >> (bits - 1) == 0 { value - (1 << bits) + 1 } else { value })
    }

    #[inline]
    fn drop(&mut self, bits: u32) -> Result<(), Flaw> {
        if bits > self.count {
            return Err(Flaw::Damaged);
        }
        self.next <<= bits;
        self.count -= bits;
        Ok(())
    }

    /// After the last block, moves to the next marker. More than padding may not be left over.
    pub fn finish(&mut self) -> Result<(), Flaw> {
        let mut extra = self.count as usize / 8;
        (self.next, self.count) = (0, 0);
        while let Some(&[byte, next]) = self.bytes.get(self.at..self.at + 2) {
            if byte == 0xff && next != 0 {
                break;
            }
            self.at += 1 + usize::from(byte == 0xff);
            extra += 1;
            if extra > MOST_EXTRA {
                return Err(Flaw::Damaged);
            }
        }
        Ok(())
    }

    /// Moves behind the restart marker of this number, 0 to 7, which must be the next one.
    pub fn restart(&mut self, number: u8) -> Result<(), Flaw> {
        while self.bytes.get(self.at + 1) == Some(&0xff) {
            self.at += 1;
        }
        if self.bytes.get(self.at..self.at + 2) != Some(&[0xff, 0xd0 + number]) {
            return Err(Flaw::Damaged);
        }
        *self = Bits { at: self.at + 2, ..Bits::new(self.bytes) };
        Ok(())
    }
}

/// Codes up to this length are looked up at once.
const QUICK: u32 = 10;

/// What a code in an ordinary scan means at once: how many bits it takes with its number, and how many places it fills;
/// 0 for all that are left.
#[derive(Clone, Copy, Default)]
struct Step {
    bits: u8,
    places: u8,
}

/// A Huffman table.
pub struct Table {
    /// By the next bits; none if the code is longer or has no meaning.
    steps: [Step; 1 << QUICK],
    /// By the next bits: the code's length and its symbol; length 0 if the code is longer.
    quick: [(u8, u8); 1 << QUICK],
    /// By a code's length: the first 16-bit number that is beyond it, and what leads from a code to its symbol's place.
    beyond: [u32; 17],
    places: [i32; 17],
    symbols: Vec<u8>,
}

impl Table {
    pub fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Table> {
        let (steps, quick) = ([Step::default(); 1 << QUICK], [(0, 0); 1 << QUICK]);
        let mut table = Table { steps, quick, beyond: [0; 17], places: [0; 17], symbols: symbols.to_vec() };
        let (mut code, mut place) = (0_u32, 0_usize);
        for (length, &count) in (1_u32..).zip(counts) {
            table.places[length as usize] = place as i32 - code as i32;
            for _ in 0..count {
                let symbol = *symbols.get(place)?;
                if code >> length != 0 {
                    return None;
                }
                if length <= QUICK {
                    let from = (code << (QUICK - length)) as usize;
                    let codes = from..from + (1 << (QUICK - length));
                    table.quick[codes.clone()].fill((length as u8, symbol));
                    let places = match (symbol >> 4, symbol & 15) {
                        (15, 0) => Some(16),
                        (0, 0) => Some(0),
                        (zeros, 1..11) => Some(zeros + 1),
                        _ => None,
                    };
                    if let Some(places) = places {
                        table.steps[codes].fill(Step { bits: length as u8 + (symbol & 15), places });
                    }
                }
                (code, place) = (code + 1, place + 1);
            }
            table.beyond[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Some(table)
    }

    /// The code at the start of these bits: its length and its symbol.
    #[inline]
    fn at(&self, bits: u16) -> Option<(u8, u8)> {
        match self.quick[usize::from(bits >> (16 - QUICK))] {
            (0, _) => self.long(bits),
            found => Some(found),
        }
    }

    fn long(&self, bits: u16) -> Option<(u8, u8)> {
        let length = (QUICK as usize + 1..17).find(|&length| u32::from(bits) < self.beyond[length])?;
        let place = i32::from(bits >> (16 - length)) + self.places[length];
        Some((length as u8, *self.symbols.get(usize::try_from(place).ok()?)?))
    }
}

/// The tables of the JPEG standard (K.3 to K.6), which motion JPEG may omit.
pub fn usual_tables(dc: &mut [Option<Box<Table>>; 4], ac: &mut [Option<Box<Table>>; 4]) {
    const MEANS: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
    const BRIGHTNESS: &[u8; 162] = b"\
        \x01\x02\x03\x00\x04\x11\x05\x12\x21\x31\x41\x06\x13\x51\x61\x07\x22\x71\x14\x32\x81\x91\xa1\x08\x23\x42\xb1\xc1\
        \x15\x52\xd1\xf0\x24\x33\x62\x72\x82\x09\x0a\x16\x17\x18\x19\x1a\x25\x26\x27\x28\x29\x2a\x34\x35\x36\x37\x38\x39\
        \x3a\x43\x44\x45\x46\x47\x48\x49\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\x75\
        \x76\x77\x78\x79\x7a\x83\x84\x85\x86\x87\x88\x89\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\xa6\xa7\
        \xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8\
        \xd9\xda\xe1\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa";
    const COLOUR: &[u8; 162] = b"\
        \x00\x01\x02\x03\x11\x04\x05\x21\x31\x06\x12\x41\x51\x07\x61\x71\x13\x22\x32\x81\x08\x14\x42\x91\xa1\xb1\xc1\x09\
        \x23\x33\x52\xf0\x15\x62\x72\xd1\x0a\x16\x24\x34\xe1\x25\xf1\x17\x18\x19\x1a\x26\x27\x28\x29\x2a\x35\x36\x37\x38\
        \x39\x3a\x43\x44\x45\x46\x47\x48\x49\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\
        \x75\x76\x77\x78\x79\x7a\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\
        \xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\
        \xd7\xd8\xd9\xda\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa";
    let table = |counts: [u8; 16], symbols: &[u8]| Table::new(&counts, symbols).map(Box::new);
    dc[0] = table([0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], &MEANS);
    dc[1] = table([0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], &MEANS);
    ac[0] = table([0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d], BRIGHTNESS);
    ac[1] = table([0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77], COLOUR);
}
