//! The header of a dynamic block, which tells the lengths of its codes (RFC
//! 1951 §3.2.7).

use super::bits::BitReader;
use super::error::InflateError;
use super::table::{PRECODE, PrecodeTable};
use crate::deflate::symbols::{
    DISTANCE_SYMBOLS, END_OF_BLOCK, LITLEN_SYMBOLS, PRECODE_ORDER, PRECODE_SYMBOLS, REPEATS,
};

/// The header of a dynamic block, as far as read.
#[derive(Clone, Debug)]
pub(super) struct Header {
    precode_count: u8,
    precode_done: u8,
    count: u16,
    done: u16,
    precode: [u8; PRECODE_SYMBOLS],
    lengths: CodeLengths,
}

/// The code lengths of a dynamic block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CodeLengths {
    litlen_count: u16,
    /// Literal/length codes first, distance codes after them, zeros after these.
    lengths: [u8; LITLEN_SYMBOLS + DISTANCE_SYMBOLS],
}

impl CodeLengths {
    pub(super) const NONE: Self =
        Self { litlen_count: 0, lengths: [0; LITLEN_SYMBOLS + DISTANCE_SYMBOLS] };

    /// Those of the literal/length codes, and those of the distance codes.
    pub(super) fn split(&self) -> (&[u8], &[u8]) {
        self.lengths.split_at_checked(self.litlen_count.into()).unwrap_or_default()
    }
}

impl Header {
    /// Begins with HLIT, HDIST and HCLEN, which come in one 14-bit field (RFC
    /// 1951 §3.2.7).
    pub(super) fn new(counts: u32) -> Result<Self, InflateError> {
        let litlen_count = (counts & 31) as usize + 257;
        let distance_count = (counts >> 5 & 31) as usize + 1;
        if litlen_count > LITLEN_SYMBOLS || distance_count > DISTANCE_SYMBOLS {
            return Err(InflateError::TooManyCodes);
        }
        Ok(Self {
            precode_count: (counts >> 10) as u8 + 4,
            precode_done: 0,
            count: (litlen_count + distance_count) as u16,
            done: 0,
            precode: [0; PRECODE_SYMBOLS],
            lengths: CodeLengths { litlen_count: litlen_count as u16, ..CodeLengths::NONE },
        })
    }

    /// What was read.
    pub(super) fn lengths(&self) -> &CodeLengths {
        &self.lengths
    }

    /// Reads on from where it stopped; says whether the header is whole.
    pub(super) fn read(&mut self, reader: &mut BitReader<'_>) -> Result<bool, InflateError> {
        let order = PRECODE_ORDER.iter().take(self.precode_count.into());
        for &symbol in order.skip(self.precode_done.into()) {
            let Some(length) = reader.take(3) else { return Ok(false) };
            if let Some(place) = self.precode.get_mut(usize::from(symbol)) {
                *place = length as u8;
            }
            self.precode_done += 1;
        }

        let lengths = &mut self.lengths.lengths;
        let (mut done, count) = (usize::from(self.done), usize::from(self.count));
        if done < count {
            let mut precode = PrecodeTable::new();
            precode.build(&self.precode, &PRECODE, true)?;
            while done < count {
                if reader.count() < 14 {
                    reader.refill();
                }
                let entry = precode.lookup(reader.peek());
                if entry.bits() > reader.count() {
                    self.done = done as u16;
                    return Ok(false);
                }
                let symbol = entry.base();
                let extra = entry.value(reader.peek()) - symbol;
                reader.consume(entry.bits());
                let (length, times) = match symbol {
                    0..16 => (symbol as u8, 1),
                    16 => {
                        let last = lengths.get(done.wrapping_sub(1));
                        let last = last.ok_or(InflateError::InvalidRepeat)?;
                        (*last, usize::from(REPEATS[0].base) + extra)
                    }
                    17 => (0, usize::from(REPEATS[1].base) + extra),
                    _ => (0, usize::from(REPEATS[2].base) + extra),
                };
                let run = done..done + times;
                done = run.end;
                if done > count {
                    return Err(InflateError::InvalidRepeat);
                }
                lengths.get_mut(run).unwrap_or_default().fill(length);
            }
            if lengths[END_OF_BLOCK] == 0 {
                return Err(InflateError::NoEndOfBlock);
            }
            self.done = done as u16;
        }
        Ok(true)
    }
}
