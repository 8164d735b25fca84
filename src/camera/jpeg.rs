//! Checks that a JPEG's scans fill its picture. In: a JPEG's bytes, from its start marker. Out: where it ends, or what is
//! wrong with it. Pure.
//!
//! Decoders paint whatever a damaged scan still says, in grey or in shifted blocks, and a hand there is miscounted. So
//! the Huffman codes are read here as a decoder reads them, without computing pixels: all blocks must be there, each in
//! its range, and nothing may be left over.

/// What is wrong with a JPEG.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("its end is missing")]
    NoEnd,
    #[error("a part of it is missing or damaged")]
    Damaged,
    #[error("its header makes no sense")]
    Header,
    #[error("it is a kind of JPEG that handwave does not read")]
    Kind,
}

/// A whole picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    /// Its length in bytes. More may follow.
    pub length: usize,
    /// Whether it contains Huffman tables. Motion JPEG may omit them, since they are always the same.
    pub has_tables: bool,
}

/// Cameras and webcams are known to write a few bytes too many before a marker.
const MOST_EXTRA: usize = 4;
const START: u8 = 0xd8;
const END: u8 = 0xd9;

/// A picture without its own Huffman tables, with an AVI1 marker, which tells the decoder that it is motion JPEG with
/// the standard ones.
pub fn with_usual_tables(jpeg: &[u8]) -> Vec<u8> {
    let (start, rest) = jpeg.split_at(jpeg.len().min(2));
    [start, b"\xff\xe0\0\x08AVI1\0\0", rest].concat()
}

/// Reads all scans of the picture at the start of `bytes`.
pub fn check(bytes: &[u8]) -> Result<Whole, Flaw> {
    if bytes.get(..2) != Some(&[0xff, START]) {
        return Err(Flaw::Header);
    }
    let mut at = 2;
    let mut jpeg = Headers::default();
    loop {
        let marker = next_marker(bytes, &mut at)?;
        // Markers without a length: a restart after the last block, which some encoders write, and TEM.
        if matches!(marker, 0xd0..=0xd7 | 0x01) {
            continue;
        }
        if marker == END {
            jpeg.is_complete()?;
            return Ok(Whole { length: at, has_tables: jpeg.has_tables });
        }
        if marker == START {
            return Err(Flaw::NoEnd);
        }
        let length = bytes.get(at..at + 2).map_or(0, |length| usize::from(u16::from_be_bytes([length[0], length[1]])));
        let segment = bytes.get(at + 2..at + length.max(2)).ok_or(Flaw::NoEnd)?;
        at += length.max(2);
        match marker {
            0xc0..=0xc2 => jpeg.frame(segment, marker == 0xc2)?,
            0xc4 => jpeg.tables(segment)?,
            // Lossless, hierarchical and arithmetic JPEG.
            0xc3 | 0xc5..=0xcf => return Err(Flaw::Kind),
            0xdb => jpeg.quantization(segment)?,
            0xdd => jpeg.interval = segment.get(..2).map_or(0, |n| u16::from_be_bytes([n[0], n[1]]).into()),
            0xda => {
                let mut bits = Bits::new(&bytes[at..]);
                jpeg.scan(segment, &mut bits)?;
                at += bits.at;
            }
            _ => {}
        }
    }
}

/// Where the picture at the start of `bytes` ends, by its markers alone; None if its end is not among these bytes.
pub fn length(bytes: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        let marker = next_marker(bytes, &mut at).ok()?;
        match marker {
            0xd0..=0xd7 | 0x01 => {}
            END => return Some(at),
            // The picture was cut off here, and the next one begins.
            START => return Some(at - 2),
            _ => at += usize::from(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?])).max(2),
        }
    }
}

/// The next marker that stands for something; `at` is moved behind it. Other bytes are skipped: padding between
/// segments, and a scan, in which a zero follows each 0xff that is no marker.
fn next_marker(bytes: &[u8], at: &mut usize) -> Result<u8, Flaw> {
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

/// Whether a picture announces that others follow which belong to it: a preview, a gain map, a second view.
pub fn has_companions(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Ok(marker) = next_marker(bytes, &mut at) {
        let length = bytes.get(at..at + 2).map_or(0, |length| usize::from(u16::from_be_bytes([length[0], length[1]])));
        match marker {
            0xda | END => return false,
            0xe1 | 0xe2 if bytes.get(at + 2..at + length.max(2)).is_some_and(announces_companions) => return true,
            _ => at += length,
        }
    }
    false
}

/// Whether a segment is a directory of several pictures (MPF), or the description of a gain map or depth map.
fn announces_companions(segment: &[u8]) -> bool {
    let says = |word: &[u8]| segment.windows(word.len()).any(|part| part == word);
    segment.starts_with(b"MPF\0")
        || segment.starts_with(b"http://ns.adobe.com/x") && (says(b"Container:") || says(b"hdrgm:"))
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
        let mut scan = Scan { bits, means: [0; 4], run: 0, band, high, low };
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
        if scan.run > 0 { Err(Flaw::Damaged) } else { scan.bits.finish() }
    }

    /// Whether all of every component was read.
    fn is_complete(&self) -> Result<(), Flaw> {
        let whole = |c: &Component| c.read.iter().all(|&read| read == Some(0));
        if !self.components.is_empty() && self.components.iter().all(whole) { Ok(()) } else { Err(Flaw::Damaged) }
    }
}

/// One scan's state.
struct Scan<'a, 'b> {
    bits: &'a mut Bits<'b>,
    /// The last block's mean, by component: the next one's is coded as a difference.
    means: [i32; 4],
    /// How many more blocks have nothing but zeros in this scan.
    run: u32,
    /// The first and last coefficient of this scan.
    band: (usize, usize),
    /// The bit above those of this scan, 0 if this is a coefficient's first scan; and the lowest bit of this scan.
    high: u8,
    low: u8,
}

impl Scan<'_, '_> {
    fn restart(&mut self, number: u8) -> Result<(), Flaw> {
        self.bits.finish()?;
        let bits = &mut *self.bits;
        while bits.bytes.get(bits.at + 1) == Some(&0xff) {
            bits.at += 1;
        }
        if self.run > 0 || bits.bytes.get(bits.at..bits.at + 2) != Some(&[0xff, 0xd0 + number]) {
            return Err(Flaw::Damaged);
        }
        *bits = Bits { at: bits.at + 2, ..Bits::new(bits.bytes) };
        self.means = [0; 4];
        Ok(())
    }

    /// A block's mean. Eight-bit pictures keep it within 1024, and rounding adds a step at most.
    fn mean(&mut self, component: usize, step: i32, table: &Table) -> Result<(), Flaw> {
        const MOST: i64 = 1024 + 1024 / 8;
        let size = self.bits.symbol(table)?;
        if size > 11 {
            return Err(Flaw::Damaged);
        }
        self.means[component] += self.bits.signed(size)?;
        let step = i64::from(step) << self.low;
        if i64::from(self.means[component]).abs() * step > MOST + step { Err(Flaw::Damaged) } else { Ok(()) }
    }

    /// A whole block of an ordinary scan.
    fn block(&mut self, component: usize, step: i32, dc: &Table, ac: &Table) -> Result<(), Flaw> {
        self.mean(component, step, dc)?;
        let mut k = 1;
        while k < 64 {
            self.bits.fill();
            let step = ac.steps[(self.bits.next >> (64 - QUICK)) as usize];
            if step.bits > 0 {
                self.bits.drop(step.bits.into())?;
                if step.places == 0 {
                    break;
                }
                k += usize::from(step.places);
                continue;
            }
            let symbol = self.bits.symbol(ac)?;
            match (symbol >> 4, symbol & 15) {
                (15, 0) => k += 16,
                (0, 0) => break,
                (_, 0 | 11..) => return Err(Flaw::Damaged),
                (zeros, size) => {
                    k += usize::from(zeros) + 1;
                    self.bits.skip(size)?;
                }
            }
        }
        if k > 64 { Err(Flaw::Damaged) } else { Ok(()) }
    }

    /// What a progressive scan says about one block.
    fn part_of_a_block(
        &mut self,
        component: usize,
        step: i32,
        dc: Option<&Table>,
        ac: Option<&Table>,
        nonzero: &mut u64,
    ) -> Result<(), Flaw> {
        match (self.band.0, self.high) {
            (0, 0) => self.mean(component, step, dc.ok_or(Flaw::Header)?),
            (0, _) => self.bits.skip(1),
            (_, 0) => self.first_bits(ac.ok_or(Flaw::Header)?, nonzero),
            _ => self.further_bits(ac.ok_or(Flaw::Header)?, nonzero),
        }
    }

    fn first_bits(&mut self, table: &Table, nonzero: &mut u64) -> Result<(), Flaw> {
        if self.run > 0 {
            self.run -= 1;
            return Ok(());
        }
        let (mut k, last) = self.band;
        while k <= last {
            let symbol = self.bits.symbol(table)?;
            let (zeros, size) = (symbol >> 4, symbol & 15);
            match (zeros, size) {
                (15, 0) => k += 16,
                (_, 0) => {
                    self.run = (1 << zeros) - 1 + self.bits.unsigned(zeros)?;
                    return Ok(());
                }
                (_, 11..) => return Err(Flaw::Damaged),
                _ => {
                    k += usize::from(zeros);
                    if k > last {
                        return Err(Flaw::Damaged);
                    }
                    *nonzero |= 1 << k;
                    self.bits.skip(size)?;
                    k += 1;
                }
            }
        }
        if k > last + 1 { Err(Flaw::Damaged) } else { Ok(()) }
    }

    /// One more bit of each coefficient that is not zero, between the codes of those that begin to differ from zero.
    fn further_bits(&mut self, table: &Table, nonzero: &mut u64) -> Result<(), Flaw> {
        let (mut k, last) = self.band;
        if self.run == 0 {
            while k <= last {
                let symbol = self.bits.symbol(table)?;
                let (mut zeros, size) = (symbol >> 4, symbol & 15);
                match (zeros, size) {
                    (15, 0) => {}
                    (_, 0) => {
                        self.run = (1 << zeros) + self.bits.unsigned(zeros)?;
                        break;
                    }
                    (_, 1) => self.bits.skip(1)?,
                    _ => return Err(Flaw::Damaged),
                }
                // Up to the place of the new coefficient, or behind the sixteenth zero.
                loop {
                    if k > last {
                        return Err(Flaw::Damaged);
                    }
                    if *nonzero & 1 << k != 0 {
                        self.bits.skip(1)?;
                    } else if zeros == 0 {
                        break;
                    } else {
                        zeros -= 1;
                    }
                    k += 1;
                }
                if size == 1 {
                    *nonzero |= 1 << k;
                }
                k += 1;
            }
        }
        if self.run > 0 {
            self.run -= 1;
            for k in k..=last {
                self.bits.skip((*nonzero >> k & 1) as u8)?;
            }
        }
        Ok(())
    }
}

/// The bits of a scan.
struct Bits<'a> {
    bytes: &'a [u8],
    /// The next byte to take.
    at: usize,
    /// The next bits, from the highest.
    next: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Bits<'a> {
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

    #[inline]
    fn symbol(&mut self, table: &Table) -> Result<u8, Flaw> {
        self.fill();
        let (length, symbol) = table.at((self.next >> 48) as u16).ok_or(Flaw::Damaged)?;
        self.drop(length.into())?;
        Ok(symbol)
    }

    #[inline]
    fn skip(&mut self, bits: u8) -> Result<(), Flaw> {
        if self.count < bits.into() {
            self.fill();
        }
        self.drop(bits.into())
    }

    fn unsigned(&mut self, bits: u8) -> Result<u32, Flaw> {
        if self.count < bits.into() {
            self.fill();
        }
        let value = if bits == 0 { 0 } else { self.next >> (64 - u32::from(bits)) };
        self.drop(bits.into())?;
        Ok(value as u32)
    }

    /// A number of that many bits, whose first one is 0 if it is negative.
    fn signed(&mut self, bits: u8) -> Result<i32, Flaw> {
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
    fn finish(&mut self) -> Result<(), Flaw> {
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
struct Table {
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
    fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Table> {
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
fn usual_tables(dc: &mut [Option<Box<Table>>; 4], ac: &mut [Option<Box<Table>>; 4]) {
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
