//! Canonical prefix codes (RFC 1951 §3.2.2), decoded by table.
//!
//! The next `ROOT_BITS` bits of the input index the table. Codes that are
//! longer lead from there to a subtable, indexed by the bits that follow. A
//! table is no larger than its code needs: with a longest code of 5 bits only
//! the first 32 entries are written.

use super::error::InflateError;
use crate::deflate::symbols::{
    Code, DISTANCE_SYMBOLS, DISTANCES, END_OF_BLOCK, FIRST_LENGTH, FIXED_DISTANCE_SYMBOLS,
    FIXED_LITLEN_SYMBOLS, LENGTHS, LITLEN_SYMBOLS, MAX_CODE_BITS, PRECODE_SYMBOLS, REPEATS, Range,
    fixed_distance, fixed_litlen,
};

/// What a code stands for.
///
/// | bits | |
/// |---|---|
/// | 0 to 5 | bits to consume: the code and its extra bits. In a link: bits that index the subtable |
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

    /// What is no code. To tell that takes one bit.
    const NONE: Self = Self(Self::INVALID).with_code(1);

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

    pub(super) const fn is_literal(self) -> bool {
        self.0 & Self::LITERAL != 0
    }

    const fn is_link(self) -> bool {
        self.0 & Self::LINK != 0
    }

    /// Whether this is neither a literal nor a length or distance.
    pub(super) const fn is_exceptional(self) -> bool {
        self.0 & (Self::LINK | Self::END | Self::INVALID) != 0
    }

    pub(super) const fn is_end(self) -> bool {
        self.0 & Self::END != 0
    }

    /// Bits to consume, the extra bits included.
    pub(super) const fn bits(self) -> u32 {
        self.0 & 63
    }

    pub(super) const fn base(self) -> usize {
        (self.0 >> 16) as usize
    }

    /// The length or distance: the base plus the extra bits, which follow the
    /// code in `bits`.
    pub(super) const fn value(self, bits: u64) -> usize {
        let code_bits = self.0 >> 8 & 15;
        let extra = (bits & ((1 << self.bits()) - 1)) >> code_bits;
        self.base() + extra as usize
    }
}

/// A decoding table of `N` entries, of which the first 2^`ROOT_BITS` are
/// indexed by the bits a code begins with.
pub(super) struct Table<const N: usize, const ROOT_BITS: usize> {
    entries: [Entry; N],
}

/// Lengths and literals. 852 entries are the most that 286 codes of at most 15
/// bits need behind a root of 9 bits.
pub(super) type LitlenTable = Table<852, 9>;

/// Distances. 400 entries are the most that 30 codes of at most 15 bits need
/// behind a root of 8 bits.
pub(super) type DistanceTable = Table<400, 8>;

/// Code lengths; their codes have at most 7 bits.
pub(super) type PrecodeTable = Table<128, 7>;

impl<const N: usize, const ROOT_BITS: usize> Table<N, ROOT_BITS> {
    const ROOT_LEN: usize = 1 << ROOT_BITS;

    pub(super) const fn new() -> Self {
        Self { entries: [Entry(Entry::INVALID); N] }
    }

    /// The entry for the code that `bits` begin with.
    pub(super) fn lookup(&self, bits: u64) -> Entry {
        self.follow(self.root(bits), bits)
    }

    /// The same, or a link if the code is long.
    pub(super) fn root(&self, bits: u64) -> Entry {
        self.entries[bits as usize % Self::ROOT_LEN]
    }

    /// Where `entry` leads, if it is a link.
    pub(super) fn follow(&self, entry: Entry, bits: u64) -> Entry {
        if !entry.is_link() {
            return entry;
        }
        let index = (bits >> ROOT_BITS) as usize & ((1 << entry.bits()) - 1);
        self.entries.get(entry.base() + index).copied().unwrap_or(Entry::NONE)
    }

    /// Makes this the table of the code with these `lengths`, where `symbols`
    /// tells what each symbol stands for.
    ///
    /// A code must be complete, with two exceptions that RFC 1951 §3.2.7 makes
    /// for distances and every decoder for literals too, unless `strict`: no
    /// code at all, and a single code of one bit.
    pub(super) fn build<const SYMBOLS: usize>(
        &mut self,
        lengths: &[u8],
        symbols: &[Entry; SYMBOLS],
        strict: bool,
    ) -> Result<(), InflateError> {
        let mut counts = [0u16; MAX_CODE_BITS + 1];
        each_code(lengths, symbols, |length, _| counts[length] += 1);

        // Count the codes of each length still free, and where in the order of
        // codes each length begins.
        let mut free = 1;
        let mut starts = [0u16; MAX_CODE_BITS + 1];
        let mut used = 0;
        for (start, &count) in starts.iter_mut().zip(&counts).skip(1) {
            free = 2 * free - i32::from(count);
            if free < 0 {
                return Err(InflateError::OversubscribedCode);
            }
            *start = used;
            used += count;
        }
        if free > 0 {
            if strict || used > counts[1] {
                return Err(InflateError::IncompleteCode);
            }
            self.entries[..Self::ROOT_LEN].fill(Entry::NONE);
        }

        // Sort the symbols by code: by length, then by value.
        let mut sorted = [Entry::NONE; SYMBOLS];
        each_code(lengths, symbols, |length, symbol| {
            if let Some(place) = sorted.get_mut(usize::from(starts[length])) {
                *place = symbol.with_code(length);
            }
            starts[length] += 1;
        });
        let mut sorted = sorted.iter();
        let mut code = ReversedCode(0);

        // Codes that the root decodes. The table doubles with each length: what
        // it holds so far repeats above.
        for (log, &count) in counts[1..=ROOT_BITS].iter().enumerate() {
            if code.0 != 0
                && let Some((low, high)) = self.entries.split_at_mut_checked(1 << log)
            {
                high.iter_mut().zip(low).for_each(|(high, low)| *high = *low);
            }
            for &entry in sorted.by_ref().take(count.into()) {
                self.entries[code.0 % Self::ROOT_LEN] = entry;
                code.increment(log + 1);
            }
        }

        // Longer codes. Those that share their first `ROOT_BITS` bits come one
        // after the other, and share a subtable.
        let mut subtable = Self::ROOT_LEN..Self::ROOT_LEN;
        let mut prefix = usize::MAX;
        for length in ROOT_BITS + 1..=MAX_CODE_BITS {
            for left in (1..=counts[length]).rev() {
                if code.0 % Self::ROOT_LEN != prefix {
                    prefix = code.0 % Self::ROOT_LEN;
                    // As many bits as it takes until the codes to come fill the
                    // subtable.
                    let mut index_bits = length - ROOT_BITS;
                    let mut filled = usize::from(left);
                    for &count in counts.iter().skip(length + 1) {
                        if filled >= 1 << index_bits {
                            break;
                        }
                        index_bits += 1;
                        filled = 2 * filled + usize::from(count);
                    }
                    subtable = subtable.end..subtable.end + (1 << index_bits);
                    self.entries[prefix] = Entry::link(subtable.start, index_bits);
                }
                let entries = self.entries.get_mut(subtable.clone()).unwrap_or_default();
                let step = 1 << (length - ROOT_BITS);
                let Some(&entry) = sorted.next() else { break };
                for place in entries.iter_mut().skip(code.0 >> ROOT_BITS).step_by(step) {
                    *place = entry;
                }
                code.increment(length);
            }
        }
        Ok(())
    }

    /// Enters a symbol wherever its code is what an index of the root begins
    /// with.
    const fn enter(&mut self, code: Code, symbol: Entry) {
        let mut index = code.bits as usize;
        while index < Self::ROOT_LEN {
            self.entries[index] = symbol.with_code(code.len as usize);
            index += 1 << code.len;
        }
    }
}

/// Calls `f` for each symbol that has a code, with the length of that and what
/// the symbol stands for.
fn each_code(lengths: &[u8], symbols: &[Entry], mut f: impl FnMut(usize, Entry)) {
    for (lengths, symbols) in lengths.chunks(8).zip(symbols.chunks(8)) {
        // Symbols without a code come in long runs: those are passed by eight.
        if lengths == [0; 8] {
            continue;
        }
        for (&length, &symbol) in lengths.iter().zip(symbols) {
            if length > 0 {
                f(usize::from(length) % (MAX_CODE_BITS + 1), symbol);
            }
        }
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
    let mut symbol = 0;
    while symbol < FIXED_LITLEN_SYMBOLS {
        codes.litlen.enter(fixed_litlen(symbol), LITLEN[symbol]);
        symbol += 1;
    }
    symbol = 0;
    while symbol < FIXED_DISTANCE_SYMBOLS {
        codes.distance.enter(fixed_distance(symbol), DISTANCE[symbol]);
        symbol += 1;
    }
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

/// What each symbol of the three alphabets stands for.
pub(super) const LITLEN: [Entry; FIXED_LITLEN_SYMBOLS] = {
    let mut entries = [Entry(Entry::INVALID); FIXED_LITLEN_SYMBOLS];
    let mut symbol = 0;
    while symbol <= u8::MAX as usize {
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

pub(super) const DISTANCE: [Entry; FIXED_DISTANCE_SYMBOLS] = {
    let mut entries = [Entry(Entry::INVALID); FIXED_DISTANCE_SYMBOLS];
    let mut symbol = 0;
    while symbol < DISTANCE_SYMBOLS {
        entries[symbol] = Entry::range(DISTANCES[symbol]);
        symbol += 1;
    }
    entries
};

/// Lengths stand for themselves; a repetition has its symbol as base, since its
/// count has a base of its own.
pub(super) const PRECODE: [Entry; PRECODE_SYMBOLS] = {
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

    fn build_distance(table: &mut DistanceTable, lengths: &[u8]) -> Result<(), InflateError> {
        table.build(lengths, &DISTANCE, false)
    }

    #[test]
    fn over_subscribed_and_incomplete_codes_are_refused() {
        let mut table = DistanceTable::new();
        assert_eq!(build_distance(&mut table, &[1, 1, 1]), Err(InflateError::OversubscribedCode));
        assert_eq!(build_distance(&mut table, &[2, 2, 2]), Err(InflateError::IncompleteCode));
        assert_eq!(build_distance(&mut table, &[2]), Err(InflateError::IncompleteCode));
        assert_eq!(build_distance(&mut table, &[1]), Ok(()));
        assert_eq!(build_distance(&mut table, &[]), Ok(()));
        assert_eq!(build_distance(&mut table, &[1, 2, 2]), Ok(()));
        let mut precode = [0; 19];
        precode[5] = 1;
        assert_eq!(
            PrecodeTable::new().build(&precode, &PRECODE, true),
            Err(InflateError::IncompleteCode)
        );
    }

    #[test]
    fn what_is_no_code_decodes_to_an_invalid_entry() {
        let mut table = DistanceTable::new();
        build_distance(&mut table, &[0, 1]).unwrap();
        assert_eq!(table.lookup(0).value(0), 2);
        assert!(table.lookup(1).is_exceptional());
        build_distance(&mut table, &[]).unwrap();
        assert!(table.lookup(0).is_exceptional() && table.lookup(1).is_exceptional());
        assert!(FIXED.distance.lookup(0b11111).is_exceptional());
    }

    #[test]
    fn long_codes_go_through_subtables() {
        // Lengths 1, 2, 3 ... 14, 15, 15: the code of symbol n is n ones and a
        // zero.
        let lengths: [u8; 16] = core::array::from_fn(|n| (n + 1).min(15) as u8);
        let mut table = DistanceTable::new();
        build_distance(&mut table, &lengths).unwrap();
        for (n, range) in DISTANCES[..15].iter().enumerate() {
            let entry = table.lookup((1 << n) - 1);
            assert_eq!(entry.base(), usize::from(range.base), "{n}");
            assert_eq!(entry.bits(), n as u32 + 1 + u32::from(range.extra_bits));
        }
        assert_eq!(table.lookup((1 << 15) - 1).base(), usize::from(DISTANCES[15].base));
    }

    /// The lengths of a complete code: a tree whose leaves are split until there are
    /// `symbols` of them, rather the deep ones if it is `slanted`.
    fn complete_code(
        symbols: usize,
        slanted: bool,
        mut pick: impl FnMut(usize) -> usize,
    ) -> Vec<u8> {
        let mut lengths = vec![1, 1];
        while lengths.len() < symbols {
            let last = lengths.len() - 1;
            let leaf = if slanted && pick(4) > 0 { last - pick(2) } else { pick(last + 1) };
            if lengths[leaf] < 15 {
                let length = lengths.remove(leaf) + 1;
                lengths.extend([length; 2]);
            }
        }
        for n in (1..lengths.len()).rev() {
            lengths.swap(n, pick(n + 1));
        }
        lengths
    }

    /// What `bits` begin with, taken bit by bit: the symbol, and the length of its code
    /// (RFC 1951 §3.2.2).
    fn decode_bitwise(lengths: &[u8], counts: &[usize; 16], bits: usize) -> (usize, usize) {
        let (mut code, mut first) = (0, 0);
        for length in 1..=15 {
            code = code << 1 | bits >> (length - 1) & 1;
            first = (first + if length > 1 { counts[length - 1] } else { 0 }) << 1;
            if code - first < counts[length] {
                let of_this_length = |&(_, &each): &(usize, &u8)| usize::from(each) == length;
                let mut symbols = lengths.iter().enumerate().filter(of_this_length);
                return (symbols.nth(code - first).unwrap().0, length);
            }
        }
        panic!("the code is not complete");
    }

    /// Makes `table` that of a complete code, looks up a third of all there is, and
    /// sees whether the subtables are as small as can be.
    fn check_code<const N: usize, const ROOT_BITS: usize, const SYMBOLS: usize>(
        table: &mut Table<N, ROOT_BITS>,
        lengths: &[u8],
        symbols: &[Entry; SYMBOLS],
    ) {
        let mut counts = [0; 16];
        for &length in lengths {
            counts[usize::from(length)] += 1;
        }
        table.build(lengths, symbols, true).unwrap();
        for bits in (0..1 << 15).step_by(3) {
            let (symbol, length) = decode_bitwise(lengths, &counts, bits);
            let entry = table.lookup(bits as u64);
            assert_eq!(entry.0, symbols[symbol].with_code(length).0, "{bits:b}");
        }
        for (prefix, link) in table.entries[..1 << ROOT_BITS].iter().enumerate() {
            if link.is_link() {
                let entries = &table.entries[link.base()..][..1 << link.bits()];
                let longest = entries.iter().map(|entry| entry.0 >> 8 & 15).max();
                assert_eq!(longest, Some(ROOT_BITS as u32 + link.bits()), "{prefix:b}");
            }
        }
    }

    #[test]
    fn every_code_decodes_as_bit_by_bit() {
        let mut seed = 1_u32;
        let mut pick = |n: usize| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as usize % n
        };
        // A table may be made where another was.
        let (mut litlen, mut distance) = (LitlenTable::new(), DistanceTable::new());
        for symbols in [2, 3, 19, 30, 257, 286] {
            for slanted in [false, true].repeat(6) {
                let lengths = complete_code(symbols, slanted, &mut pick);
                check_code(&mut litlen, &lengths, &LITLEN);
                if symbols <= 30 {
                    check_code(&mut distance, &lengths, &DISTANCE);
                }
            }
        }
    }

    /// Of all codes with so many symbols, these take the largest tables.
    #[test]
    fn the_codes_with_the_largest_tables_fit_them() {
        let lengths = |counts: [usize; 15]| -> Vec<u8> {
            (1..).zip(counts).flat_map(|(length, count)| vec![length; count]).collect()
        };
        let litlen = lengths([1, 1, 1, 0, 0, 0, 0, 0, 0, 73, 53, 89, 33, 33, 2]);
        let distance = lengths([0, 3, 1, 1, 1, 0, 0, 0, 13, 5, 1, 1, 1, 1, 2]);
        assert_eq!((litlen.len(), distance.len()), (LITLEN_SYMBOLS, DISTANCE_SYMBOLS));
        let (mut table, mut distances) = (LitlenTable::new(), DistanceTable::new());
        check_code(&mut table, &litlen, &LITLEN);
        check_code(&mut distances, &distance, &DISTANCE);
        // All of them are in use.
        assert!(table.entries[851].0 != Entry::INVALID);
        assert!(distances.entries[399].0 != Entry::INVALID);
    }
}
