//! The alphabets of RFC 1951 §3.2.5 to §3.2.7: all that the two directions must
//! agree on.

/// Symbol of the literal/length alphabet that ends a block.
pub(super) const END_OF_BLOCK: usize = 256;

/// First symbol of the literal/length alphabet that stands for a length.
pub(super) const FIRST_LENGTH: usize = 257;

/// Symbols of the literal/length alphabet that may occur. The fixed code has
/// two more (286 and 287), never used.
pub(super) const LITLEN_SYMBOLS: usize = 286;

/// Symbols of the distance alphabet that may occur. The fixed code has two more
/// (30 and 31), never used.
pub(super) const DISTANCE_SYMBOLS: usize = 30;

/// Symbols of the alphabet in which a dynamic block writes its code lengths.
pub(super) const PRECODE_SYMBOLS: usize = 19;

/// The shortest and the longest string a match can repeat, in bytes.
pub(super) const MIN_MATCH: usize = 3;
pub(super) const MAX_MATCH: usize = 258;

/// The longest code of the literal/length and distance alphabets, in bits.
pub(super) const MAX_CODE_BITS: usize = 15;

/// The longest code of the code length alphabet, in bits.
pub(super) const MAX_PRECODE_BITS: usize = 7;

/// In which order a dynamic block lists the lengths of the code length code:
/// the rarest last, so that they can be left out.
pub(super) const PRECODE_ORDER: [u8; PRECODE_SYMBOLS] =
    [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Code length symbols 16, 17 and 18 repeat: by how many extra bits the count
/// is given, and what count 0 means.
pub(super) const REPEATS: [Range; 3] = [
    Range { base: 3, extra_bits: 2 },
    Range { base: 3, extra_bits: 3 },
    Range { base: 11, extra_bits: 7 },
];

/// What a symbol stands for: `base` plus the value of `extra_bits` bits that
/// follow its code.
#[derive(Clone, Copy)]
pub(super) struct Range {
    pub(super) base: u16,
    pub(super) extra_bits: u8,
}

/// Lengths, by symbol from [`FIRST_LENGTH`].
pub(super) const LENGTHS: [Range; 29] = {
    let mut ranges = [Range { base: 0, extra_bits: 0 }; 29];
    let mut base = 3;
    let mut symbol = 0;
    while symbol < 29 {
        let extra_bits = if symbol < 8 { 0 } else { symbol as u8 / 4 - 1 };
        ranges[symbol] = Range { base, extra_bits };
        base += 1 << extra_bits;
        symbol += 1;
    }
    // The longest match has a symbol of its own, though the one before could
    // express it.
    ranges[28] = Range { base: 258, extra_bits: 0 };
    ranges
};

/// Distances, by symbol.
pub(super) const DISTANCES: [Range; DISTANCE_SYMBOLS] = {
    let mut ranges = [Range { base: 0, extra_bits: 0 }; DISTANCE_SYMBOLS];
    let mut base = 1;
    let mut symbol = 0;
    while symbol < DISTANCE_SYMBOLS {
        let extra_bits = if symbol < 4 { 0 } else { symbol as u8 / 2 - 1 };
        ranges[symbol] = Range { base, extra_bits };
        base += 1 << extra_bits;
        symbol += 1;
    }
    ranges
};

/// Symbols of the fixed codes, those never used among them.
pub(super) const FIXED_LITLEN_SYMBOLS: usize = 288;
pub(super) const FIXED_DISTANCE_SYMBOLS: usize = 32;

/// A code as it lies in the payload: its bits reversed, since a code's first
/// bit goes lowest (RFC 1951 §3.1.1).
#[derive(Clone, Copy)]
pub(super) struct Code {
    pub(super) bits: u16,
    /// 0 for a symbol that does not occur.
    pub(super) len: u8,
}

impl Code {
    pub(super) const NONE: Self = Self { bits: 0, len: 0 };

    /// The code `bits`, its first bit the highest of `len`.
    pub(super) const fn new(bits: u16, len: u8) -> Self {
        debug_assert!(bits >> len == 0, "a code is as long as it says");
        Self { bits: bits.reverse_bits() >> (16 - len), len }
    }
}

/// The fixed code of a literal/length `symbol` (RFC 1951 §3.2.6).
pub(super) const fn fixed_litlen(symbol: usize) -> Code {
    let n = symbol as u16;
    match symbol {
        0..144 => Code::new(0b0011_0000 + n, 8),
        144..256 => Code::new(0b1_1001_0000 + (n - 144), 9),
        256..280 => Code::new(n - 256, 7),
        _ => Code::new(0b1100_0000 + (n - 280), 8),
    }
}

/// The fixed code of a distance `symbol`.
pub(super) const fn fixed_distance(symbol: usize) -> Code {
    Code::new(symbol as u16, 5)
}

/// The symbol, counted from [`FIRST_LENGTH`], for a match of `length` bytes (3
/// to 258).
#[inline]
pub(super) const fn length_symbol(length: usize) -> usize {
    if length == MAX_MATCH {
        return 28;
    }
    // From 8 on, four symbols share each power of two: the two bits below the
    // highest tell which.
    let offset = length - MIN_MATCH;
    if offset < 8 {
        return offset;
    }
    let log = offset.ilog2() as usize;
    4 * (log - 1) + (offset >> (log - 2) & 3)
}

/// The symbol for a `distance` of 1 to 32768 bytes.
#[inline]
pub(super) const fn distance_symbol(distance: usize) -> usize {
    // As for lengths, but two symbols share each power of two.
    let offset = distance - 1;
    if offset < 4 {
        return offset;
    }
    let log = offset.ilog2() as usize;
    2 * log + (offset >> (log - 1) & 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_has_the_symbol_whose_range_holds_it() {
        for length in MIN_MATCH..MAX_MATCH {
            let Range { base, extra_bits } = LENGTHS[length_symbol(length)];
            let offset = length - usize::from(base);
            assert!(offset < 1 << extra_bits, "{length}");
        }
        assert_eq!(length_symbol(257), 27);
        assert_eq!(length_symbol(258), 28);
    }

    #[test]
    fn every_distance_has_the_symbol_whose_range_holds_it() {
        for distance in 1..=32768 {
            let Range { base, extra_bits } = DISTANCES[distance_symbol(distance)];
            let offset = distance - usize::from(base);
            assert!(offset < 1 << extra_bits, "{distance}");
        }
    }

    #[test]
    fn the_tables_agree_with_rfc_1951() {
        assert_eq!((LENGTHS[8].base, LENGTHS[8].extra_bits), (11, 1));
        assert_eq!((LENGTHS[27].base, LENGTHS[27].extra_bits), (227, 5));
        assert_eq!((DISTANCES[4].base, DISTANCES[4].extra_bits), (5, 1));
        assert_eq!((DISTANCES[29].base, DISTANCES[29].extra_bits), (24577, 13));
    }
}
