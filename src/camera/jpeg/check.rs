//! Reads a JPEG to its end. In: its bytes. Out: whether it has its own Huffman tables, or what is wrong with it.

use super::flaw::Flaw;
use super::huffman::{Bits, Table, usual_tables};
use super::markers::{END, SCAN, START, TABLES, next, segment};
use super::scan::Scan;

/// Reads all scans of the picture at the start of `bytes`; more may follow. Returns whether it contains Huffman tables:
/// motion JPEG may omit them, since they are always the same.
pub fn check(bytes: &[u8]) -> Result<bool, Flaw> {
    if bytes.get(..2) != Some(&[0xff, START]) {
        return Err(Flaw::Header);
    }
    let mut at = 2;
    let mut jpeg = Headers::default();
    loop {
        let marker = next(bytes, &mut at)?;
        // Markers without a length: a restart after the last block, which some encoders write, and TEM.
        if matches!(marker, 0xd0..=0xd7 | 0x01) {
            continue;
        }
        if marker == END {
            jpeg.is_complete()?;
            return Ok(jpeg.has_tables);
        }
        if marker == START {
            return Err(Flaw::NoEnd);
        }
        let segment = segment(bytes, &mut at)?;
        match marker {
            0xc0..=0xc2 => jpeg.frame(segment, marker == 0xc2)?,
            TABLES => jpeg.tables(segment)?,
            // Lossless, hierarchical and arithmetic JPEG.
            0xc3 | 0xc5..=0xcf => return Err(Flaw::Kind),
            0xdb => jpeg.quantization(segment)?,
            0xdd => jpeg.interval = segment.get(..2).map_or(0, |n| u16::from_be_bytes([n[0], n[1]]).into()),
            SCAN => {
                let mut bits = Bits::new(&bytes[at..]);
                jpeg.scan(segment, &mut bits)?;
                at += bits.at;
            }
            _ => {}
        }
    }
}

#[derive(Clone, Copy)]
struct Component {
    id: u8,
    /// Blocks across and down in a group of blocks (an MCU).
    across: usize,
    down: usize,
    quantization: usize,
    /// The lowest bit that was read of each coefficient; None if none was.
    read: [Option<u8>; 64],
}

/// What the segments before a scan have said.
#[derive(Default)]
struct Headers {
    width: usize,
    height: usize,
    progressive: bool,
    components: Vec<Component>,
    /// Progressive pictures only: which coefficients are not zero, a bit each, for each component's blocks.
    nonzero: Vec<Vec<u64>>,
    /// How much one step of a block's mean is worth.
    steps: [i32; 4],
    dc: [Option<Box<Table>>; 4],
    ac: [Option<Box<Table>>; 4],
    /// Groups of blocks between restart markers; 0 if there are none.
    interval: usize,
    has_tables: bool,
}

impl Headers {
    fn frame(&mut self, segment: &[u8], progressive: bool) -> Result<(), Flaw> {
        let &[precision, h1, h0, w1, w0, count, ref rest @ ..] = segment else {
            return Err(Flaw::Header);
        };
        if precision != 8 {
            return Err(Flaw::Kind);
        }
        (self.width, self.height) = (u16::from_be_bytes([w1, w0]).into(), u16::from_be_bytes([h1, h0]).into());
        let count = usize::from(count);
        let sane = self.width > 0 && self.height > 0 && (1..=4).contains(&count) && rest.len() >= 3 * count;
        if !sane || !self.components.is_empty() {
            return Err(Flaw::Header);
        }
        self.progressive = progressive;
        for part in rest.chunks_exact(3).take(count) {
            let (across, down) = (usize::from(part[1] >> 4), usize::from(part[1] & 15));
            if !(1..=4).contains(&across) || !(1..=4).contains(&down) || part[2] > 3 {
                return Err(Flaw::Header);
            }
            let quantization = part[2].into();
            self.components.push(Component { id: part[0], across, down, quantization, read: [None; 64] });
        }
        if progressive {
            let (wide, high) = self.groups();
            self.nonzero = self.components.iter().map(|c| vec![0; wide * c.across * high * c.down]).collect();
        }
        Ok(())
    }

    /// The most blocks of a component across and down in a group.
    fn most(&self) -> (usize, usize) {
        let most = |of: fn(&Component) -> usize| self.components.iter().map(of).max().unwrap_or(1);
        (most(|c| c.across), most(|c| c.down))
    }

    /// Groups of blocks across and down.
    fn groups(&self) -> (usize, usize) {
        let (across, down) = self.most();
        (self.width.div_ceil(8 * across), self.height.div_ceil(8 * down))
    }

    fn tables(&mut self, mut segment: &[u8]) -> Result<(), Flaw> {
        self.has_tables = true;
        while let [kind, rest @ ..] = segment {
            let counts: &[u8; 16] = rest.first_chunk().ok_or(Flaw::Header)?;
            let total = counts.iter().map(|&n| usize::from(n)).sum::<usize>();
            let symbols = rest.get(16..16 + total).ok_or(Flaw::Header)?;
            let table = Box::new(Table::new(counts, symbols).ok_or(Flaw::Header)?);
            let tables = if kind >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *tables.get_mut(usize::from(kind & 15)).ok_or(Flaw::Header)? = Some(table);
            segment = &rest[16 + total..];
        }
        Ok(())
    }

    fn quantization(&mut self, mut segment: &[u8]) -> Result<(), Flaw> {
        while let [kind, rest @ ..] = segment {
            let wide = kind >> 4 != 0;
            let table = rest.get(..if wide { 128 } else { 64 }).ok_or(Flaw::Header)?;
            let step = if wide { u16::from_be_bytes([table[0], table[1]]) } else { table[0].into() };
            *self.steps.get_mut(usize::from(kind & 15)).ok_or(Flaw::Header)? = step.into();
            segment = &rest[table.len()..];
        }
        Ok(())
    }

    /// Reads one scan up to the marker behind it.
    fn scan(&mut self, segment: &[u8], bits: &mut Bits<'_>) -> Result<(), Flaw> {
        if !self.has_tables {
            usual_tables(&mut self.dc, &mut self.ac);
        }
        let (&count, rest) = segment.split_first().ok_or(Flaw::Header)?;
        let count = usize::from(count);
        let (parts, range) = rest.split_at_checked(2 * count).ok_or(Flaw::Header)?;
        let &[first, last, approximation, ..] = range else {
            return Err(Flaw::Header);
        };
        let (high, low) = (approximation >> 4, approximation & 15);
        let band = if self.progressive { (first.into(), last.into()) } else { (0, 63) };
        let sane = if band.0 == 0 { band.1 == 0 || !self.progressive } else { count == 1 && band.1 < 64 };
        if !(1..=4).contains(&count) || !sane || band.0 > band.1 || low > 13 {
            return Err(Flaw::Header);
        }
        let mut taken = Vec::with_capacity(count);
        for part in parts.chunks_exact(2) {
            let index = self.components.iter().position(|c| c.id == part[0]).ok_or(Flaw::Header)?;
            taken.push((index, usize::from(part[1] >> 4), usize::from(part[1] & 15)));
            for read in &mut self.components[index].read[band.0..=band.1] {
                // Each scan of a progressive picture adds one bit to what was read; an ordinary one has all at once.
                if self.progressive && *read != (high > 0).then_some(high) || !self.progressive && read.is_some() {
                    return Err(Flaw::Damaged);
                }
                *read = Some(if self.progressive { low } else { 0 });
            }
        }
        let (most_across, most_down) = self.most();
        let (wide, tall) = self.groups();
        // A component alone has no groups: its blocks come row by row, without those that only fill up a group.
        let alone = |c: &Component| {
            let blocks = |side: usize, own: usize, most: usize| (side * own).div_ceil(8 * most);
            (blocks(self.width, c.across, most_across), blocks(self.height, c.down, most_down))
        };
        let (columns, rows) = if count == 1 { alone(&self.components[taken[0].0]) } else { (wide, tall) };
        let low = if self.progressive { low } else { 0 };
        let mut scan = Scan::new(bits, band, high, low);
        let (mut until, mut restart) = (self.interval, 0);
        for row in 0..rows {
            for column in 0..columns {
                if self.interval > 0 && until == 0 {
                    scan.restart(restart)?;
                    (until, restart) = (self.interval, (restart + 1) % 8);
                }
                until = until.saturating_sub(1);
                for &(index, dc, ac) in &taken {
                    let component = &self.components[index];
                    let step = self.steps[component.quantization].max(1);
                    let (dc, ac) = (self.dc.get(dc), self.ac.get(ac));
                    let (dc, ac) = (dc.and_then(Option::as_deref), ac.and_then(Option::as_deref));
                    let (across, down) = if count == 1 { (1, 1) } else { (component.across, component.down) };
                    for y in row * down..(row + 1) * down {
                        for x in column * across..(column + 1) * across {
                            if self.progressive {
                                let block = &mut self.nonzero[index][y * wide * component.across + x];
                                scan.part_of_a_block(index, step, dc, ac, block)?;
                            } else {
                                scan.block(index, step, dc.ok_or(Flaw::Header)?, ac.ok_or(Flaw::Header)?)?;
                            }
                        }
                    }
                }
            }
        }
        scan.finish()
    }

    /// Whether all of every component was read.
    fn is_complete(&self) -> Result<(), Flaw> {
        let whole = |c: &Component| c.read.iter().all(|&read| read == Some(0));
        if !self.components.is_empty() && self.components.iter().all(whole) { Ok(()) } else { Err(Flaw::Damaged) }
    }
}
