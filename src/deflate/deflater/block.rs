//! Blocks: how a piece of text is written, whichever of the three ways takes
//! the fewest bits (RFC 1951 §3.2.3).

use core::ops::Range;

use super::DeflateError;
use super::bits::{BitWriter, Leftover};
use super::huffman::make_codes;
use super::tokens::{Counts, Said, Token, Tokens};
use crate::deflate::symbols::{
    Code, DISTANCE_SYMBOLS, DISTANCES, END_OF_BLOCK, FIRST_LENGTH, LENGTHS, LITLEN_SYMBOLS,
    MAX_CODE_BITS, MAX_PRECODE_BITS, PRECODE_ORDER, PRECODE_SYMBOLS, REPEATS, distance_symbol,
    fixed_distance, fixed_litlen, length_symbol,
};

/// Writes the blocks of one piece of text.
pub(super) struct BlockWriter<'o, 't> {
    bits: BitWriter<'o>,
    /// The whole piece, which stored blocks copy from.
    text: &'t [u8],
    /// Where in `text` the next block begins.
    next: usize,
    /// Where a stored block begins that waits to grow: its five bytes are to be
    /// paid once in 64 KiB, not once for each block here.
    stored: Option<usize>,
}

/// The codes that a block's tokens are written in.
#[derive(Clone)]
pub(super) struct Codes {
    litlen: [Code; LITLEN_SYMBOLS],
    distance: [Code; DISTANCE_SYMBOLS],
}

impl Codes {
    pub(super) const NONE: Self =
        Self { litlen: [Code::NONE; LITLEN_SYMBOLS], distance: [Code::NONE; DISTANCE_SYMBOLS] };
}

impl<'o, 't> BlockWriter<'o, 't> {
    pub(super) fn new(bits: BitWriter<'o>, text: &'t [u8]) -> Self {
        Self { bits, text, next: 0, stored: None }
    }

    /// Ends the block at `end` in the text, which `tokens` express from the
    /// last block's end on, and empties them.
    pub(super) fn block(
        &mut self,
        tokens: &mut Tokens<'_>,
        codes: &mut Codes,
        end: usize,
    ) -> Result<(), DeflateError> {
        let text = self.next..end;
        if text.is_empty() {
            return Ok(());
        }
        self.next = end;
        let extra_bits = extra_bits(tokens.counts());
        let fixed_bits = HEADER_BITS + extra_bits + coded_bits(tokens.counts(), &FIXED);
        let mut header = None;
        if may_pay(tokens.counts(), fixed_bits - extra_bits) {
            make_codes(&tokens.counts().litlen, MAX_CODE_BITS, &mut codes.litlen);
            make_codes(&tokens.counts().distance, MAX_CODE_BITS, &mut codes.distance);
            let dynamic = Header::new(codes);
            let dynamic_bits =
                HEADER_BITS + dynamic.bits + extra_bits + coded_bits(tokens.counts(), codes);
            if dynamic_bits < fixed_bits {
                header = Some((dynamic, dynamic_bits));
            }
        }

        let bits = header.as_ref().map_or(fixed_bits, |header| header.1);
        if self.is_worth(bits, &text) {
            self.flush_stored(text.start)?;
            self.bits.reserve(bits)?;
            if let Some((header, _)) = header {
                self.bits.put(DYNAMIC, 3);
                header.write(&mut self.bits);
                write_tokens(&mut self.bits, tokens.as_slice(), codes);
            } else {
                self.bits.put(STATIC, 3);
                write_tokens(&mut self.bits, tokens.as_slice(), &FIXED);
            }
        } else {
            self.stored.get_or_insert(text.start);
        }
        tokens.clear();
        Ok(())
    }

    /// Whether to write a block in `bits` bits rather than store its text.
    fn is_worth(&self, bits: usize, text: &Range<usize>) -> bool {
        let raw = 8 * text.len();
        let is_last = text.end == self.text.len();
        match (self.stored.is_some(), is_last) {
            (false, true) => {
                bits < HEADER_BITS + self.bits.padding(HEADER_BITS) + STORED_LENGTH_BITS + raw
            }
            (true, true) => bits < raw,
            // What follows may have to be stored, with a header of its own that
            // this block has to pay for. Its padding is then paid, too: that takes
            // what was saved beyond whole bytes.
            (_, false) => bits + HEADER_BITS + STORED_LENGTH_BITS < raw,
        }
    }

    /// Writes the stored blocks that were put off, up to `end`.
    fn flush_stored(&mut self, end: usize) -> Result<(), DeflateError> {
        let Some(start) = self.stored.take() else { return Ok(()) };
        for chunk in self.text[start..end].chunks(MAX_STORED) {
            self.bits.reserve(HEADER_BITS + 7 + STORED_LENGTH_BITS + 8 * chunk.len())?;
            let len = chunk.len() as u16;
            self.bits.put(STORED, 3);
            self.bits.align();
            self.bits.put(u64::from(len) | u64::from(!len) << 16, 32);
            self.bits.put_bytes(chunk);
        }
        Ok(())
    }

    /// Ends the piece; with `is_last`, writes the header of an empty stored
    /// block, whose length the receiver knows (RFC 7692 §7.2.1).
    pub(super) fn finish(mut self, is_last: bool) -> Result<(usize, Leftover), DeflateError> {
        self.flush_stored(self.text.len())?;
        if is_last {
            self.bits.reserve(HEADER_BITS)?;
            self.bits.put(STORED, 3);
            self.bits.align();
        }
        Ok(self.bits.suspend())
    }
}

/// BFINAL, always 0, and BTYPE.
const HEADER_BITS: usize = 3;
const STORED: u64 = 0b000;
const STATIC: u64 = 0b010;
const DYNAMIC: u64 = 0b100;

/// LEN and NLEN of a stored block.
const STORED_LENGTH_BITS: usize = 32;

/// The most bytes a stored block holds.
pub(super) const MAX_STORED: usize = 65535;

/// The codes of RFC 1951 §3.2.6.
static FIXED: Codes = {
    let mut codes = Codes::NONE;
    let mut symbol = 0;
    while symbol < LITLEN_SYMBOLS {
        codes.litlen[symbol] = fixed_litlen(symbol);
        symbol += 1;
    }
    symbol = 0;
    while symbol < DISTANCE_SYMBOLS {
        codes.distance[symbol] = fixed_distance(symbol);
        symbol += 1;
    }
    codes
};

/// The extra bits of all lengths and distances: the same in whatever code.
fn extra_bits(counts: &Counts) -> usize {
    let lengths = counts.litlen[FIRST_LENGTH..].iter().zip(&LENGTHS);
    let distances = counts.distance.iter().zip(&DISTANCES);
    lengths.chain(distances).map(|(&count, range)| count * u32::from(range.extra_bits)).sum::<u32>()
        as usize
}

/// The bits of all codes.
fn coded_bits(counts: &Counts, codes: &Codes) -> usize {
    let litlen = counts.litlen.iter().zip(&codes.litlen);
    let distance = counts.distance.iter().zip(&codes.distance);
    litlen.chain(distance).map(|(&count, code)| count * u32::from(code.len)).sum::<u32>() as usize
}

/// A guess whether codes made for these counts could save more than they take
/// to describe, given the bits of the fixed codes.
///
/// The entropy of the counts is what no code can beat; what a header takes is
/// measured on text. To make codes only to throw them away would be half of the
/// time that a small message takes.
fn may_pay(counts: &Counts, fixed_bits: usize) -> bool {
    60 + estimated_bits(&counts.litlen) + estimated_bits(&counts.distance) < fixed_bits
}

/// The entropy of an alphabet, and six bits for each symbol that the header
/// describes.
fn estimated_bits(counts: &[u32]) -> usize {
    let (mut total, mut used, mut sum) = (0, 0, 0);
    for &count in counts.iter().filter(|&&count| count > 0) {
        total += count;
        used += 1;
        sum += weighted_log(count);
    }
    if used == 0 { 0 } else { 6 * used + ((weighted_log(total) - sum) >> LOG_FRACTION) as usize }
}

const LOG_FRACTION: u32 = 8;

/// `count` times its base-two logarithm, in 1/256. Between powers of two it is
/// interpolated.
fn weighted_log(count: u32) -> u64 {
    let log = count.ilog2();
    let mantissa = (u64::from(count) << LOG_FRACTION) >> log;
    // The mantissa is at least one, and so stands for one more than what
    // follows the point.
    u64::from(count) * ((u64::from(log) << LOG_FRACTION) + mantissa - (1 << LOG_FRACTION))
}

fn write_tokens(bits: &mut BitWriter<'_>, tokens: &[Token], codes: &Codes) {
    for token in tokens {
        match token.said() {
            Said::Literal(byte) => put(bits, codes.litlen[usize::from(byte)]),
            Said::Match { length, distance } => {
                let symbol = length_symbol(length);
                let code = codes.litlen[FIRST_LENGTH + symbol];
                let range = LENGTHS[symbol];
                let mut value =
                    u64::from(code.bits) | ((length - usize::from(range.base)) as u64) << code.len;
                let mut count = u32::from(code.len + range.extra_bits);

                let symbol = distance_symbol(distance);
                let code = codes.distance[symbol];
                let range = DISTANCES[symbol];
                value |= u64::from(code.bits) << count;
                count += u32::from(code.len);
                value |= ((distance - usize::from(range.base)) as u64) << count;
                count += u32::from(range.extra_bits);
                bits.put(value, count);
            }
        }
    }
    put(bits, codes.litlen[END_OF_BLOCK]);
}

fn put(bits: &mut BitWriter<'_>, code: Code) {
    bits.put(code.bits.into(), code.len.into());
}

/// How a dynamic block describes its codes (RFC 1951 §3.2.7).
struct Header {
    litlen_count: usize,
    distance_count: usize,
    precode_count: usize,
    precode: [Code; PRECODE_SYMBOLS],
    /// Symbols of the precode, each with the value of its extra bits.
    symbols: [(u8, u8); LITLEN_SYMBOLS + DISTANCE_SYMBOLS],
    len: usize,
    bits: usize,
}

impl Header {
    fn new(codes: &Codes) -> Self {
        let litlen_count = trimmed(&codes.litlen, FIRST_LENGTH);
        let distance_count = trimmed(&codes.distance, 1);
        let mut lengths = [0; LITLEN_SYMBOLS + DISTANCE_SYMBOLS];
        let all = codes.litlen[..litlen_count].iter().chain(&codes.distance[..distance_count]);
        for (length, code) in lengths.iter_mut().zip(all) {
            *length = code.len;
        }
        let mut symbols = [(0, 0); LITLEN_SYMBOLS + DISTANCE_SYMBOLS];
        let len = run_lengths(&lengths[..litlen_count + distance_count], &mut symbols);

        let mut counts = [0; PRECODE_SYMBOLS];
        for &(symbol, _) in &symbols[..len] {
            counts[usize::from(symbol)] += 1;
        }
        let mut precode = [Code::NONE; PRECODE_SYMBOLS];
        make_codes(&counts, MAX_PRECODE_BITS, &mut precode);
        let mut precode_count = PRECODE_SYMBOLS;
        while precode_count > 4 && precode[usize::from(PRECODE_ORDER[precode_count - 1])].len == 0 {
            precode_count -= 1;
        }
        let mut bits = 5 + 5 + 4 + 3 * precode_count;
        for (symbol, (&count, code)) in counts.iter().zip(&precode).enumerate() {
            bits += count as usize * usize::from(code.len + repeat_bits(symbol));
        }
        Self { litlen_count, distance_count, precode_count, precode, symbols, len, bits }
    }

    fn write(&self, bits: &mut BitWriter<'_>) {
        bits.put((self.litlen_count - 257) as u64, 5);
        bits.put((self.distance_count - 1) as u64, 5);
        bits.put((self.precode_count - 4) as u64, 4);
        for &symbol in &PRECODE_ORDER[..self.precode_count] {
            bits.put(self.precode[usize::from(symbol)].len.into(), 3);
        }
        for &(symbol, extra) in &self.symbols[..self.len] {
            put(bits, self.precode[usize::from(symbol)]);
            bits.put(extra.into(), repeat_bits(symbol.into()).into());
        }
    }
}

/// The number of codes up to the last that occurs, but at least `min`.
fn trimmed(codes: &[Code], min: usize) -> usize {
    codes.iter().rposition(|code| code.len > 0).map_or(min, |last| min.max(last + 1))
}

/// The extra bits of a symbol of the precode.
fn repeat_bits(symbol: usize) -> u8 {
    if symbol < 16 { 0 } else { REPEATS[symbol - 16].extra_bits }
}

/// Expresses code lengths in symbols of the precode; returns how many.
fn run_lengths(lengths: &[u8], symbols: &mut [(u8, u8)]) -> usize {
    let mut len = 0;
    let mut push = |symbol: u8, extra: usize| {
        symbols[len] = (symbol, extra as u8);
        len += 1;
    };
    for run in lengths.chunk_by(|a, b| a == b) {
        let length = run[0];
        let mut left = run.len();
        if length == 0 {
            while left >= 11 {
                let n = left.min(138);
                push(18, n - 11);
                left -= n;
            }
            if left >= 3 {
                push(17, left - 3);
                left = 0;
            }
        } else {
            // What is repeated must be there once.
            push(length, 0);
            left -= 1;
            while left >= 3 {
                let n = left.min(6);
                push(16, n - 3);
                left -= n;
            }
        }
        for _ in 0..left {
            push(length, 0);
        }
    }
    len
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_expressed_as_rfc_1951_says() {
        let mut lengths = [0; 200];
        lengths[..5].fill(8);
        lengths[150..].fill(4);
        lengths[157] = 0;
        let mut symbols = [(0, 0); 200];
        let n = run_lengths(&lengths, &mut symbols);
        let expected: &[(u8, u8)] =
            &[(8, 0), (16, 1), (18, 127), (17, 4), (4, 0), (16, 3), (0, 0), (4, 0)];
        assert_eq!(&symbols[..8], expected);
        let mut total = 0;
        for &(symbol, extra) in &symbols[..n] {
            total += match symbol {
                16 | 17 => 3 + usize::from(extra),
                18 => 11 + usize::from(extra),
                _ => 1,
            };
        }
        assert_eq!(total, 200);
    }

    /// A block of 100 different literals, of which the `dear` ones take nine bits in the
    /// fixed codes, and of so many matches of four bytes, which take twelve.
    #[derive(Clone, Copy)]
    struct Block {
        dear: u8,
        matches: usize,
    }

    impl Block {
        fn text_len(self) -> usize {
            100 + 4 * self.matches
        }

        fn coded_bits(self) -> usize {
            HEADER_BITS + 800 + usize::from(self.dear) + 12 * self.matches + 7
        }
    }

    /// The bytes of a payload of these blocks.
    fn write_blocks(blocks: &[Block]) -> usize {
        let (mut buffer, mut counts) = ([Token::NONE; 200], Counts::EMPTY);
        let mut tokens = Tokens::new(&mut buffer, &mut counts);
        let (text, mut output) = ([0; 1000], [0; 1100]);
        let text = &text[..blocks.iter().map(|block| block.text_len()).sum()];
        let mut writer = BlockWriter::new(BitWriter::new(Leftover::EMPTY, &mut output), text);
        let mut end = 0;
        for block in blocks {
            (0..100 - block.dear).chain(144..144 + block.dear).for_each(|n| tokens.literal(n));
            (0..block.matches).for_each(|_| tokens.copy(4, 4));
            end += block.text_len();
            writer.block(&mut tokens, &mut Codes::NONE.clone(), end).unwrap();
        }
        writer.finish(true).unwrap().0
    }

    #[test]
    fn a_block_among_stored_ones_is_stored_too_unless_that_takes_more() {
        // The bits up to the end of a stored block, and the bytes up to that of the payload.
        let store =
            |bits: usize, len: usize| (bits + HEADER_BITS).next_multiple_of(8) + 32 + 8 * len;
        let finish = |bits: usize| (bits + HEADER_BITS).div_ceil(8);
        let noise = Block { dear: 60, matches: 0 };
        for (dear, matches) in (0..60).flat_map(|dear| (0..9).map(move |matches| (dear, matches))) {
            let block = Block { dear, matches };
            let (len, bits) = (block.text_len(), block.coded_bits());
            let cases = [
                (write_blocks(&[block]), store(0, len), bits),
                (write_blocks(&[noise, block]), store(0, 100 + len), store(0, 100) + bits),
                (
                    write_blocks(&[noise, block, noise]),
                    store(0, 100 + len + 100),
                    store(store(0, 100) + bits, 100),
                ),
            ];
            for (n, stored, coded) in cases {
                assert_eq!(n, finish(stored).min(finish(coded)), "{dear} {matches}");
            }
        }
    }

    #[test]
    fn the_fixed_codes_are_those_of_rfc_1951() {
        let code = |symbol: usize| {
            FIXED.litlen[symbol].bits.reverse_bits() >> (16 - FIXED.litlen[symbol].len)
        };
        assert_eq!(
            [code(0), code(143), code(144), code(255)],
            [0b0011_0000, 0b1011_1111, 0b1_1001_0000, 0b1_1111_1111]
        );
        assert_eq!(
            [code(256), code(279), code(280), code(285)],
            [0, 0b001_0111, 0b1100_0000, 0b1100_0101]
        );
    }
}
