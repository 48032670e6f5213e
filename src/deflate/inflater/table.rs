//! Canonical prefix codes (RFC 1951 §3.2.2), decoded by table.
//!
//! The next `ROOT_BITS` bits of the input index the table. Codes that are
//! longer lead from there to a subtable, indexed by the bits that follow. A
//! table is no larger than its code needs: with a longest code of 5 bits only
//! the first 32 entries are written.

use super::super::symbols::{
    DISTANCE_SYMBOLS, DISTANCES, END_OF_BLOCK, FIRST_LENGTH, FIXED_DISTANCE, FIXED_LITLEN, LENGTHS,
    LITLEN_SYMBOLS, MAX_CODE_BITS, PRECODE_SYMBOLS, REPEATS, Range,
};
use super::error::InflateError;

/// What a code stands for.
///
/// | bits | |
/// |---|---|
/// | 0 to 7 | bits to consume: the code and its extra bits. In a link: bits that index the subtable |
/// | 8 to 11 | bits of the code alone |
/// | 12 to 15 | one flag at most; none for a length, a distance, or a symbol of the code length code |
/// | 16 to 31 | the literal, the base of a length or distance, or the offset of the subtable |
#[derive(Clone, Copy)]
pub(super) struct Entry(u32);

impl Entry {
    const LITERAL: u32 = 1 << 12;
    const LINK: u32 = 1 << 13;
    const END: u32 = 1 << 14;
    const INVALID: u32 = 1 << 15;

    const fn literal(byte: u8) -> Self {
        Self(Self::LITERAL | (byte as u32) << 16)
    }

    const fn range(range: Range) -> Self {
        Self((range.base as u32) << 16 | range.extra_bits as u32)
    }

    const fn link(offset: usize, index_bits: usize) -> Self {
        Self(Self::LINK | (offset as u32) << 16 | index_bits as u32)
    }

    /// This symbol under a code of `bits` bits.
    const fn with_code(self, bits: usize) -> Self {
        Self(self.0 + (bits as u32) * 0x101)
    }

    #[inline]
    pub(super) const fn is_literal(self) -> bool {
        self.0 & Self::LITERAL != 0
    }

    #[inline]
    const fn is_link(self) -> bool {
        self.0 & Self::LINK != 0
    }

    /// Whether this is neither a literal nor a length or distance.
    #[inline]
    pub(super) const fn is_exceptional(self) -> bool {
        self.0 & (Self::END | Self::INVALID) != 0
    }

    #[inline]
    pub(super) const fn is_end(self) -> bool {
        self.0 & Self::END != 0
    }

    #[inline]
    pub(super) const fn is_invalid(self) -> bool {
        self.0 & Self::INVALID != 0
    }

    /// Bits to consume, the extra bits included.
    #[inline]
    pub(super) const fn bits(self) -> u32 {
        self.0 & 0xff
    }

    #[inline]
    pub(super) const fn base(self) -> usize {
        (self.0 >> 16) as usize
    }

    /// The length or distance: the base plus the extra bits, which follow the
    /// code in `bits`.
    #[inline]
    pub(super) const fn value(self, bits: u64) -> usize {
        let code_bits = self.0 >> 8 & 15;
        let extra = (bits & ((1 << self.bits()) - 1)) >> code_bits;
        self.base() + extra as usize
    }
}

/// A decoding table of `N` entries.
pub(super) struct Table<const N: usize, const ROOT_BITS: usize> {
    entries: [Entry; N],
    /// The bits of the index that count: as many as the longest code has, at
    /// most `ROOT_BITS`.
    root_mask: u32,
}

/// Lengths and literals. 852 entries are the most that 286 codes of at most 15
/// bits need behind a root of 9 bits.
pub(super) type LitlenTable = Table<852, 9>;

/// Distances. 402 entries are the most that 30 codes of at most 15 bits need
/// behind a root of 8 bits.
pub(super) type DistanceTable = Table<402, 8>;

/// Code lengths; their codes have at most 7 bits.
pub(super) type PrecodeTable = Table<128, 7>;

impl<const N: usize, const ROOT_BITS: usize> Table<N, ROOT_BITS> {
    pub(super) const fn new() -> Self {
        Self { entries: [Entry(Entry::INVALID); N], root_mask: 0 }
    }

    /// The entry for the code that `bits` begin with.
    #[inline]
    pub(super) fn lookup(&self, bits: u64) -> Entry {
        // The second mask repeats what `root_mask` ensures, so that the
        // compiler sees the index in range.
        let index = bits as u32 & self.root_mask & ((1 << ROOT_BITS) - 1);
        let entry = self.entries[index as usize];
        if entry.is_link() {
            let index = (bits >> ROOT_BITS) as usize & ((1 << entry.bits()) - 1);
            return self.entries[entry.base() + index];
        }
        entry
    }

    /// Makes this the table of the code with these `lengths`, where `symbols`
    /// tells what each symbol stands for.
    ///
    /// A code must be complete, with two exceptions that RFC 1951 §3.2.7 makes
    /// for distances and every decoder for literals too, unless `strict`: no
    /// code at all, and a single code of one bit.
    const fn build(
        &mut self,
        lengths: &[u8],
        symbols: &[Entry],
        strict: bool,
    ) -> Result<(), InflateError> {
        let mut counts = [0u16; MAX_CODE_BITS + 1];
        let mut symbol = next_used(lengths, 0);
        while symbol < lengths.len() {
            counts[lengths[symbol] as usize] += 1;
            symbol = next_used(lengths, symbol + 1);
        }
        let mut longest = MAX_CODE_BITS;
        while longest > 1 && counts[longest] == 0 {
            longest -= 1;
        }

        // Count the codes of each length still free, and where in the order of
        // codes each length begins.
        let mut free = 1i32;
        let mut starts = [0u16; MAX_CODE_BITS + 2];
        let mut length = 1;
        while length <= MAX_CODE_BITS {
            free = 2 * free - counts[length] as i32;
            if free < 0 {
                return Err(InflateError::OversubscribedCode);
            }
            starts[length + 1] = starts[length] + counts[length];
            length += 1;
        }
        if free > 0 {
            if strict || longest > 1 {
                return Err(InflateError::IncompleteCode);
            }
            self.entries[0] = Entry(Entry::INVALID).with_code(1);
            self.entries[1] = self.entries[0];
        }

        // Sort the symbols by code: by length, then by value.
        let mut sorted = [0u16; 288];
        symbol = next_used(lengths, 0);
        while symbol < lengths.len() {
            let length = lengths[symbol] as usize;
            sorted[starts[length] as usize] = symbol as u16;
            starts[length] += 1;
            symbol = next_used(lengths, symbol + 1);
        }

        let root_bits = if longest < ROOT_BITS { longest } else { ROOT_BITS };
        self.root_mask = (1 << root_bits) - 1;
        let mut code = ReversedCode(0);
        let mut next = 0;

        // Codes that the root decodes. The table doubles with each length: what
        // it holds so far repeats above.
        length = 1;
        while length <= root_bits {
            let half = 1 << (length - 1);
            if length > 1 {
                let (low, high) = self.entries.split_at_mut(half);
                high.split_at_mut(half).0.copy_from_slice(low);
            }
            let mut left = counts[length];
            while left > 0 {
                self.entries[code.0] = symbols[sorted[next] as usize].with_code(length);
                code.increment(length);
                next += 1;
                left -= 1;
            }
            length += 1;
        }

        // Longer codes. Those that share their first `ROOT_BITS` bits come one
        // after the other, and share a subtable.
        let mut end = 1 << ROOT_BITS;
        let mut start = end;
        let mut prefix = usize::MAX;
        while length <= longest {
            let mut left = counts[length];
            while left > 0 {
                if code.0 & ((1 << ROOT_BITS) - 1) != prefix {
                    prefix = code.0 & ((1 << ROOT_BITS) - 1);
                    start = end;
                    // As many bits as it takes until the codes to come fill the
                    // subtable.
                    let mut index_bits = length - ROOT_BITS;
                    let mut filled = left as usize;
                    while filled < 1 << index_bits {
                        index_bits += 1;
                        filled = 2 * filled + counts[ROOT_BITS + index_bits] as usize;
                    }
                    end = start + (1 << index_bits);
                    self.entries[prefix] = Entry::link(start, index_bits);
                }
                let entry = symbols[sorted[next] as usize].with_code(length);
                let mut index = start + (code.0 >> ROOT_BITS);
                while index < end {
                    self.entries[index] = entry;
                    index += 1 << (length - ROOT_BITS);
                }
                code.increment(length);
                next += 1;
                left -= 1;
            }
            length += 1;
        }
        Ok(())
    }
}

/// The first symbol from `symbol` on that has a code, or the number of symbols.
const fn next_used(lengths: &[u8], mut symbol: usize) -> usize {
    while symbol < lengths.len() && lengths[symbol] == 0 {
        // Symbols without a code come in long runs: go by eight.
        symbol += match lengths.split_at(symbol).1.first_chunk() {
            Some(eight) if u64::from_ne_bytes(*eight) == 0 => 8,
            _ => 1,
        };
    }
    symbol
}

impl LitlenTable {
    pub(super) const fn build_litlen(&mut self, lengths: &[u8]) -> Result<(), InflateError> {
        self.build(lengths, &LITLEN, false)
    }
}

impl DistanceTable {
    pub(super) const fn build_distance(&mut self, lengths: &[u8]) -> Result<(), InflateError> {
        self.build(lengths, &DISTANCE, false)
    }
}

impl PrecodeTable {
    pub(super) const fn build_precode(
        &mut self,
        lengths: &[u8; PRECODE_SYMBOLS],
    ) -> Result<(), InflateError> {
        self.build(lengths, &PRECODE, true)
    }
}

/// The tables of a block's two codes.
pub(super) struct Codes {
    pub(super) litlen: LitlenTable,
    pub(super) distance: DistanceTable,
}

impl Codes {
    pub(super) const fn new() -> Self {
        Self { litlen: Table::new(), distance: Table::new() }
    }
}

/// The fixed codes (RFC 1951 §3.2.6), made at compile time.
pub(super) static FIXED: Codes = {
    let mut codes = Codes::new();
    assert!(codes.litlen.build_litlen(&FIXED_LITLEN).is_ok());
    assert!(codes.distance.build_distance(&FIXED_DISTANCE).is_ok());
    codes
};

/// A code with its bits reversed, as they lie in the input: its first bit is
/// the lowest.
struct ReversedCode(usize);

impl ReversedCode {
    /// Goes on to the next code of `length` bits (or to some longer one, if
    /// none of that length is left).
    const fn increment(&mut self, length: usize) {
        let ones = (1 << length) - 1;
        if self.0 == ones {
            return;
        }
        // The carry runs downwards from the highest bit: it clears the ones
        // above the highest zero, and sets that.
        let zero = 1 << (self.0 ^ ones).ilog2();
        self.0 = self.0 & (zero - 1) | zero;
    }
}

const LITLEN: [Entry; 288] = {
    let mut entries = [Entry(Entry::INVALID); 288];
    let mut symbol = 0;
    while symbol < END_OF_BLOCK {
        entries[symbol] = Entry::literal(symbol as u8);
        symbol += 1;
    }
    entries[END_OF_BLOCK] = Entry(Entry::END);
    symbol = FIRST_LENGTH;
    while symbol < LITLEN_SYMBOLS {
        entries[symbol] = Entry::range(LENGTHS[symbol - FIRST_LENGTH]);
        symbol += 1;
    }
    entries
};

const DISTANCE: [Entry; 32] = {
    let mut entries = [Entry(Entry::INVALID); 32];
    let mut symbol = 0;
    while symbol < DISTANCE_SYMBOLS {
        entries[symbol] = Entry::range(DISTANCES[symbol]);
        symbol += 1;
    }
    entries
};

/// Lengths stand for themselves; a repetition has its symbol as base, since its
/// count has a base of its own.
const PRECODE: [Entry; PRECODE_SYMBOLS] = {
    let mut entries = [Entry(0); PRECODE_SYMBOLS];
    let mut symbol = 0;
    while symbol < PRECODE_SYMBOLS {
        let extra_bits = if symbol < 16 { 0 } else { REPEATS[symbol - 16].extra_bits };
        entries[symbol] = Entry::range(Range { base: symbol as u16, extra_bits });
        symbol += 1;
    }
    entries
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_subscribed_and_incomplete_codes_are_refused() {
        let mut table = DistanceTable::new();
        assert_eq!(table.build_distance(&[1, 1, 1]), Err(InflateError::OversubscribedCode));
        assert_eq!(table.build_distance(&[2, 2, 2]), Err(InflateError::IncompleteCode));
        assert_eq!(table.build_distance(&[2]), Err(InflateError::IncompleteCode));
        assert_eq!(table.build_distance(&[1]), Ok(()));
        assert_eq!(table.build_distance(&[]), Ok(()));
        assert_eq!(table.build_distance(&[1, 2, 2]), Ok(()));
        let mut precode = [0; 19];
        precode[5] = 1;
        assert_eq!(PrecodeTable::new().build_precode(&precode), Err(InflateError::IncompleteCode));
    }

    #[test]
    fn what_is_no_code_decodes_to_an_invalid_entry() {
        let mut table = DistanceTable::new();
        table.build_distance(&[0, 1]).unwrap();
        assert_eq!(table.lookup(0).value(0), 2);
        assert!(table.lookup(1).is_invalid());
        table.build_distance(&[]).unwrap();
        assert!(table.lookup(0).is_invalid() && table.lookup(1).is_invalid());
        assert!(FIXED.distance.lookup(0b11111).is_invalid());
    }

    #[test]
    fn long_codes_go_through_subtables() {
        // Lengths 1, 2, 3 ... 14, 15, 15: the code of symbol n is n ones and a
        // zero.
        let lengths: [u8; 16] = core::array::from_fn(|n| (n + 1).min(15) as u8);
        let mut table = DistanceTable::new();
        table.build_distance(&lengths).unwrap();
        for (n, range) in DISTANCES[..15].iter().enumerate() {
            let entry = table.lookup((1 << n) - 1);
            assert_eq!(entry.base(), usize::from(range.base), "{n}");
            assert_eq!(entry.bits(), n as u32 + 1 + u32::from(range.extra_bits));
        }
        assert_eq!(table.lookup((1 << 15) - 1).base(), usize::from(DISTANCES[15].base));
    }
}
