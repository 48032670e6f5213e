//! The header of a dynamic block, which tells the lengths of its codes (RFC
//! 1951 §3.2.7).

use super::bits::BitReader;
use super::error::InflateError;
use super::table::PrecodeTable;
use crate::deflate::symbols::{DISTANCE_SYMBOLS, LITLEN_SYMBOLS, PRECODE_SYMBOLS, REPEATS};

/// The code lengths of a dynamic block, as far as read.
#[derive(Clone, Debug)]
pub(super) struct CodeLengths {
    pub(super) litlen_count: u16,
    pub(super) distance_count: u8,
    pub(super) precode_count: u8,
    pub(super) precode: [u8; PRECODE_SYMBOLS],
    /// Literal/length codes first, distance codes after them.
    pub(super) lengths: [u8; LITLEN_SYMBOLS + DISTANCE_SYMBOLS],
}

impl CodeLengths {
    pub(super) const NONE: Self = Self {
        litlen_count: 0,
        distance_count: 0,
        precode_count: 0,
        precode: [0; PRECODE_SYMBOLS],
        lengths: [0; LITLEN_SYMBOLS + DISTANCE_SYMBOLS],
    };

    /// Begins with HLIT, HDIST and HCLEN, which come in one 14-bit field (RFC
    /// 1951 §3.2.7).
    pub(super) fn begin(&mut self, counts: u32) -> Result<(), InflateError> {
        let litlen_count = (counts & 31) as usize + 257;
        let distance_count = (counts >> 5 & 31) as usize + 1;
        if litlen_count > LITLEN_SYMBOLS || distance_count > DISTANCE_SYMBOLS {
            return Err(InflateError::TooManyCodes);
        }
        *self = Self {
            litlen_count: litlen_count as u16,
            distance_count: distance_count as u8,
            precode_count: (counts >> 10) as u8 + 4,
            ..Self::NONE
        };
        Ok(())
    }

    /// Reads the lengths from number `done` on; returns whether the input ended
    /// before the last.
    pub(super) fn read(
        &mut self,
        done: &mut usize,
        reader: &mut BitReader<'_>,
    ) -> Result<bool, InflateError> {
        let mut precode = PrecodeTable::new();
        precode.build_precode(&self.precode)?;
        let count = usize::from(self.litlen_count) + usize::from(self.distance_count);
        while *done < count {
            if reader.count() < 14 {
                reader.refill();
            }
            let entry = precode.lookup(reader.peek());
            if entry.bits() > reader.count() {
                return Ok(true);
            }
            let symbol = entry.base();
            let extra = entry.value(reader.peek()) - symbol;
            let (length, times) = match symbol {
                0..16 => (symbol as u8, 1),
                16 => (
                    *self.lengths[..*done].last().ok_or(InflateError::InvalidRepeat)?,
                    usize::from(REPEATS[0].base) + extra,
                ),
                _ => (0, usize::from(REPEATS[symbol - 16].base) + extra),
            };
            if times > count - *done {
                return Err(InflateError::InvalidRepeat);
            }
            self.lengths[*done..*done + times].fill(length);
            reader.consume(entry.bits());
            *done += times;
        }
        Ok(false)
    }
}
