//! Reads a scan block by block. In: its bits and Huffman tables. Out: whether each block can be what a camera saw.

use super::flaw::Flaw;
use super::huffman::{Bits, Table};

/// One scan's state.
pub struct Scan<'a, 'b> {
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

impl<'a, 'b> Scan<'a, 'b> {
    pub fn new(bits: &'a mut Bits<'b>, band: (usize, usize), high: u8, low: u8) -> Self {
        Scan { bits, means: [0; 4], run: 0, band, high, low }
    }

    /// Moves behind the restart marker of this number, 0 to 7.
    pub fn restart(&mut self, number: u8) -> Result<(), Flaw> {
        self.finish()?;
        self.bits.restart(number)?;
        self.means = [0; 4];
        Ok(())
    }

    /// Moves to the next marker, after the last block.
    pub fn finish(&mut self) -> Result<(), Flaw> {
        if self.run > 0 { Err(Flaw::Damaged) } else { self.bits.finish() }
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
    pub fn block(&mut self, component: usize, step: i32, dc: &Table, ac: &Table) -> Result<(), Flaw> {
        self.mean(component, step, dc)?;
        let mut k = 1;
        while k < 64 {
            match self.bits.step(ac)? {
                Some(0) => break,
                Some(places) => {
                    k += places;
                    continue;
                }
                None => {}
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
    pub fn part_of_a_block(
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
