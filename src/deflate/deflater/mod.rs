//! Deflating: from the bytes of a message to its payload (RFC 1951, RFC 7692
//! §7.2.1).
//!
//! ```text
//!   text ──► matcher ──► tokens ──► block ──► payload
//!              ▲  │
//!       window └──┘ table
//! ```
//!
//! The text goes into the window, a [`matcher`] expresses it in [`tokens`], and
//! whenever those are full, or the text ends, a [`block`] of them is written in
//! the shortest way. Nothing waits but the bits of the last byte: the tokens
//! are the scratch's, and the scratch belongs to others between two calls.

mod bits;
mod block;
mod huffman;
mod matcher;
#[cfg(test)]
#[expect(clippy::large_stack_arrays, reason = "a test may use its stack")]
mod tests;
mod tokens;

use self::bits::{BitWriter, Leftover};
use self::block::{BlockWriter, Codes, MAX_STORED};
use self::matcher::Text;
use self::tokens::{Counts, Token, Tokens};
use super::window::WindowBits;

/// How much time to spend on finding what repeats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Level {
    /// One look for each position, at 1.75 bytes of memory for each byte of
    /// window.
    #[default]
    Fast,
    /// Up to 14 looks for each position, and a second thought, at 4.25 bytes of
    /// memory.
    Balanced,
    /// The same with up to 72 looks.
    Best,
}

impl Level {
    /// The bytes of table to lend to [`DeflateScratch::deflate_whole`] at this
    /// level. At [`Fast`](Self::Fast) more finds a little more, up to 64 KiB.
    #[must_use]
    pub const fn table_len(self, bits: WindowBits) -> usize {
        match self {
            // One entry of two bytes for four bytes of window, or for each byte
            // one and a half.
            Self::Fast => bits.size() / 2,
            Self::Balanced | Self::Best => 3 * bits.size(),
        }
    }

    /// The bytes of memory to lend to a [`Deflater`] of this level.
    #[must_use]
    pub const fn memory_len(self, bits: WindowBits) -> usize {
        buffer_len(bits) + self.table_len(bits)
    }
}

/// The bytes that hold a window and the text behind it: a quarter more than the
/// window, so that it moves but once in a while.
const fn buffer_len(bits: WindowBits) -> usize {
    bits.size() + bits.size() / 4
}

/// The most bytes that the payload of a message takes, or of a part of one,
/// when its text has `len` bytes: that is, five more for each 64 KiB of text
/// that cannot be compressed, and two for what ends it.
#[must_use]
pub const fn max_deflated_len(len: usize) -> usize {
    len + 5 * (len / MAX_STORED + 1) + 2
}

/// Why nothing was deflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeflateError {
    /// The payload does not fit the output. The state is that before the call.
    OutputFull,
    /// What another codec than ours could not do; see
    /// [`Deflate`](crate::deflate::Deflate).
    Other,
}

impl core::fmt::Display for DeflateError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::OutputFull => "compressed message does not fit the output",
            Self::Other => "refused by the codec",
        })
    }
}

impl core::error::Error for DeflateError {}

/// Tokens, counts and codes: working memory that any number of [`Deflater`]s
/// may share, one after the other, call by call.
///
/// It holds nothing between two calls. `TOKENS` is how many literals and
/// matches a block may have, four bytes each: 2 to 65536. Fewer make more blocks,
/// each with codes of its own.
pub struct DeflateScratch<const TOKENS: usize = 8192> {
    tokens: [Token; TOKENS],
    counts: Counts,
    codes: Codes,
}

impl<const TOKENS: usize> DeflateScratch<TOKENS> {
    /// Scratch, which is all zeros.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(2 <= TOKENS && TOKENS <= 1 << 16, "TOKENS is not 2 to 65536") }
        Self { tokens: [Token::NONE; TOKENS], counts: Counts::EMPTY, codes: Codes::NONE }
    }

    /// Deflates a whole message without context takeover and without a window:
    /// `message` is all the history there is.
    ///
    /// `table` is memory for the time of the call, whatever is in it.
    /// [`Level::table_len`] tells how much to lend; less is no error, but finds
    /// less. The result does not depend on what was deflated
    /// before. Returns the length of the payload.
    ///
    /// # Errors
    /// If the payload does not fit `output`. With `&mut
    /// output[..message.len()]`, that means: send the message as it is.
    pub fn deflate_whole(
        &mut self,
        level: Level,
        bits: WindowBits,
        table: &mut [u8],
        message: &[u8],
        output: &mut [u8],
    ) -> Result<usize, DeflateError> {
        let table_len = table.len().min(level.whole_table_len(message.len()));
        let table = &mut table[..table_len];
        table.fill(0);
        // Where the table is empty, it leads out of the window.
        let base = 1 << 15;
        let min_match = if message.len() <= SHORT { 3 } else { 4 };
        let text = Text { bytes: message, base, oldest: 0, max_distance: bits.size(), min_match };
        let mut tokens = Tokens::new(&mut self.tokens, &mut self.counts);
        let mut blocks = BlockWriter::new(BitWriter::new(Leftover::EMPTY, output), message);
        let mut at = 0;
        while at < message.len() {
            at = level.tokenize(text, at, table, &mut tokens);
            blocks.block(&mut tokens, &mut self.codes, at)?;
        }
        Ok(blocks.finish(true)?.0)
    }
}

/// In a message as short as this, matches of three bytes pay.
const SHORT: usize = 512;

impl Level {
    /// The bytes of table for a message of `len` bytes. They are cleared for
    /// each message, so there must not be many more than the message has.
    fn whole_table_len(self, len: usize) -> usize {
        let size = len.clamp(256, 1 << 15).next_power_of_two();
        match self {
            Self::Fast => 2 * size,
            Self::Balanced | Self::Best => 3 * size,
        }
    }
}

impl<const TOKENS: usize> Default for DeflateScratch<TOKENS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const TOKENS: usize> core::fmt::Debug for DeflateScratch<TOKENS> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("DeflateScratch").finish_non_exhaustive()
    }
}

/// The last bytes deflated, and where in them to look for what repeats: all
/// that deflating keeps from one message to the next, in memory `M` that the
/// caller lends.
///
/// `M` is any buffer of bytes: an array, a `&mut [u8]`, a `Box<[u8]>`, a
/// `Vec<u8>`. Without context takeover there is nothing to keep, and
/// [`DeflateScratch::deflate_whole`] deflates whole messages without a
/// `Deflater`.
#[derive(Clone)]
pub struct Deflater<M> {
    /// The window and the text behind it, then the table.
    memory: M,
    level: Level,
    bits: WindowBits,
    /// The position of the first byte of the memory, modulo 2^16.
    base: u16,
    /// The history is what lies from `oldest` to `end`.
    oldest: usize,
    end: usize,
    leftover: Leftover,
    /// `end` and `leftover` as they were before the last call.
    end_before: usize,
    leftover_before: Leftover,
}

impl<M: AsRef<[u8]> + AsMut<[u8]>> Deflater<M> {
    /// A deflater with no history, in the first
    /// [`level.memory_len(bits)`](Level::memory_len) bytes of `memory`,
    /// whatever they hold.
    ///
    /// # Panics
    /// If `memory` is shorter than that.
    #[must_use]
    pub fn new(level: Level, bits: WindowBits, memory: M) -> Self {
        assert!(
            memory.as_ref().len() >= level.memory_len(bits),
            "memory is shorter than the level needs"
        );
        Self {
            memory,
            level,
            bits,
            base: 0,
            oldest: 0,
            end: 0,
            leftover: Leftover::EMPTY,
            end_before: 0,
            leftover_before: Leftover::EMPTY,
        }
    }

    /// Deflates `part`, the whole of a message or the next part of it, into
    /// `output`; returns the length of its payload.
    ///
    /// With `is_last`, the message ends: the payload is flushed, without the
    /// bytes `00 00 FF FF` at its end (RFC 7692 §7.2.1). Until then a few bits
    /// may wait for the next call. The payload takes [`max_deflated_len`] bytes
    /// at most.
    ///
    /// # Errors
    /// If the payload does not fit `output`: then it is as if there had been no
    /// call. So with `&mut output[..message.len()]`, an error says that a
    /// message does not shrink, and is to be sent as it is; the history then is
    /// still that of the receiver.
    pub fn deflate<const TOKENS: usize>(
        &mut self,
        scratch: &mut DeflateScratch<TOKENS>,
        part: &[u8],
        is_last: bool,
        output: &mut [u8],
    ) -> Result<usize, DeflateError> {
        self.end_before = self.end;
        self.leftover_before = self.leftover;
        let written = self.write(scratch, part, is_last, output);
        written.inspect_err(|_| self.rollback())
    }

    /// Undoes the last call of [`deflate`](Self::deflate), when what it wrote
    /// will not be sent.
    ///
    /// Of the history, what a long part has overwritten stays lost: that costs
    /// some compression, but no agreement with the receiver.
    pub fn rollback(&mut self) {
        self.end = self.end_before;
        self.leftover = self.leftover_before;
    }

    /// Forgets everything, as between two messages without context takeover.
    pub fn clear(&mut self) {
        self.oldest = self.end;
        self.end_before = self.end;
        self.leftover = Leftover::EMPTY;
        self.leftover_before = Leftover::EMPTY;
    }

    /// The memory that was lent.
    #[must_use]
    pub fn into_memory(self) -> M {
        self.memory
    }

    fn write<const TOKENS: usize>(
        &mut self,
        scratch: &mut DeflateScratch<TOKENS>,
        part: &[u8],
        is_last: bool,
        output: &mut [u8],
    ) -> Result<usize, DeflateError> {
        let mut tokens = Tokens::new(&mut scratch.tokens, &mut scratch.counts);
        let mut blocks = BlockWriter::new(BitWriter::new(self.leftover, output), part);
        let mut rest = part;
        while !rest.is_empty() {
            let start = self.load(&mut rest);
            let (buffer, table) = self.memory.as_mut().split_at_mut(buffer_len(self.bits));
            let table = &mut table[..self.level.table_len(self.bits)];
            let text = Text {
                bytes: &buffer[..self.end],
                base: self.base,
                oldest: self.oldest,
                max_distance: self.bits.size(),
                min_match: 4,
            };
            let mut at = start;
            loop {
                at = self.level.tokenize(text, at, table, &mut tokens);
                if at == self.end {
                    break;
                }
                let end = part.len() - rest.len() - (self.end - at);
                blocks.block(&mut tokens, &mut scratch.codes, end)?;
            }
        }
        blocks.block(&mut tokens, &mut scratch.codes, part.len())?;
        let len;
        (len, self.leftover) = blocks.finish(is_last)?;
        Ok(len)
    }

    /// Moves bytes from the front of `rest` to the end of the buffer, as many
    /// as fit; returns where they begin there.
    fn load(&mut self, rest: &mut &[u8]) -> usize {
        let size = self.bits.size();
        let buffer = &mut self.memory.as_mut()[..buffer_len(self.bits)];
        if rest.len() > buffer.len() - self.end && self.end > size {
            let gone = self.end - size;
            buffer.copy_within(gone..self.end, 0);
            self.base = self.base.wrapping_add(gone as u16);
            self.end = size;
            self.oldest = self.oldest.saturating_sub(gone);
            // If the place to roll back to is gone, what remains is an empty
            // history.
            self.end_before = self.end_before.saturating_sub(gone);
        }
        let start = self.end;
        let (piece, after) = rest.split_at(rest.len().min(buffer.len() - start));
        self.end += piece.len();
        buffer[start..self.end].copy_from_slice(piece);
        *rest = after;
        start
    }
}

impl<M> core::fmt::Debug for Deflater<M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Deflater")
            .field("level", &self.level)
            .field("bits", &self.bits)
            .finish_non_exhaustive()
    }
}
