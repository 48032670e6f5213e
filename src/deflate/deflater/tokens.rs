//! What a block says, before it is decided how: literals and matches, and how
//! often each symbol occurs among them.

use super::super::symbols::{
    DISTANCE_SYMBOLS, END_OF_BLOCK, FIRST_LENGTH, LITLEN_SYMBOLS, MAX_MATCH, MIN_MATCH,
    distance_symbol, length_symbol,
};

/// A literal, or a match: `MATCH`, length - 3 in bits 16 to 23, distance - 1 in
/// bits 0 to 14.
#[derive(Clone, Copy)]
pub(super) struct Token(u32);

/// What a token says.
pub(super) enum Said {
    Literal(u8),
    Match { length: usize, distance: usize },
}

impl Token {
    const MATCH: u32 = 1 << 31;

    pub(super) const NONE: Self = Self(0);

    #[inline]
    pub(super) fn said(self) -> Said {
        if self.0 & Self::MATCH == 0 {
            return Said::Literal(self.0 as u8);
        }
        let length = (self.0 >> 16 & 0xff) as usize + MIN_MATCH;
        let distance = (self.0 & 0x7fff) as usize + 1;
        Said::Match { length, distance }
    }
}

/// How often each symbol occurs in a block.
#[derive(Clone)]
pub(super) struct Counts {
    pub(super) litlen: [u32; LITLEN_SYMBOLS],
    pub(super) distance: [u32; DISTANCE_SYMBOLS],
}

impl Counts {
    /// A block with nothing in it but its end.
    pub(super) const EMPTY: Self = {
        let mut counts = Self { litlen: [0; LITLEN_SYMBOLS], distance: [0; DISTANCE_SYMBOLS] };
        counts.litlen[END_OF_BLOCK] = 1;
        counts
    };
}

/// The tokens of the block being made, in memory that has room for a number of
/// them.
pub(super) struct Tokens<'t> {
    buffer: &'t mut [Token],
    len: usize,
    counts: &'t mut Counts,
}

impl<'t> Tokens<'t> {
    pub(super) fn new(buffer: &'t mut [Token], counts: &'t mut Counts) -> Self {
        *counts = Counts::EMPTY;
        Self { buffer, len: 0, counts }
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
        *self.counts = Counts::EMPTY;
    }

    pub(super) fn counts(&self) -> &Counts {
        self.counts
    }

    pub(super) fn as_slice(&self) -> &[Token] {
        &self.buffer[..self.len]
    }

    /// How many tokens more the block can take.
    #[inline]
    pub(super) fn room(&self) -> usize {
        self.buffer.len() - self.len
    }

    /// Appends a literal; there must be room.
    #[inline]
    pub(super) fn literal(&mut self, byte: u8) {
        self.counts.litlen[usize::from(byte)] += 1;
        self.buffer[self.len] = Token(byte.into());
        self.len += 1;
    }

    /// Appends a match of 3 to 258 bytes, 1 to 32768 bytes back; there must be
    /// room.
    #[inline]
    pub(super) fn copy(&mut self, length: usize, distance: usize) {
        self.counts.litlen[FIRST_LENGTH + length_symbol(length)] += 1;
        self.counts.distance[distance_symbol(distance)] += 1;
        self.buffer[self.len] =
            Token(Token::MATCH | ((length - MIN_MATCH) as u32) << 16 | (distance - 1) as u32);
        self.len += 1;
    }

    /// If the last token is a match, takes it back: its length and distance.
    pub(super) fn pop_match(&mut self) -> Option<(usize, usize)> {
        let Said::Match { length, distance } = self.as_slice().last()?.said() else { return None };
        if length == MAX_MATCH {
            return None;
        }
        self.len -= 1;
        self.counts.litlen[FIRST_LENGTH + length_symbol(length)] -= 1;
        self.counts.distance[distance_symbol(distance)] -= 1;
        Some((length, distance))
    }
}
