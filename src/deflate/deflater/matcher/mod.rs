//! Finding what to repeat: from text to tokens, in ways that trade time for
//! size.
//!
//! All of them remember positions in a table, and all of them take what they
//! remember as a hint: an entry says where to look, and what is found there is
//! compared byte by byte and checked against the window. So a table may hold
//! anything: positions from before a rollback, positions that left the window
//! long ago, or those of another text. That is why positions need no more than
//! 16 bits, counted round and round, and why nothing has to be moved or cleared
//! when the window moves.

mod fast;
mod lazy;

use self::lazy::Effort;
use super::Level;
use super::tokens::Tokens;
use crate::deflate::symbols::MAX_MATCH;

/// An entry of a table: a position modulo 2^16, little-endian, so that tables
/// can lie in memory lent as bytes.
type Slot = [u8; 2];

/// Text to find matches in: history first, and what is to be expressed behind
/// it.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) bytes: &'a [u8],
    /// The position of `bytes[0]`, modulo 2^16.
    pub(super) base: u16,
    /// Where in `bytes` the history begins.
    pub(super) oldest: usize,
    pub(super) max_distance: usize,
    /// The shortest match looked for: three bytes or four. The shorter pay where
    /// they are found nearby; further back, they cost more than their literals.
    pub(super) min_match: usize,
}

/// A match.
#[derive(Clone, Copy)]
struct Found {
    length: usize,
    distance: usize,
}

/// Bytes read at a position, all of them or three of which are hashed.
const WORD: usize = 4;

const BALANCED: Effort = Effort { depth: 14, enough: 24 };
const BEST: Effort = Effort { depth: 72, enough: 128 };

impl Level {
    /// Expresses `text` from `start` in tokens, as far as they have room;
    /// returns how far that is.
    ///
    /// When `tokens` end at `start` with a match that the end of the text cut
    /// off, the match goes on.
    pub(super) fn tokenize(
        self,
        text: Text<'_>,
        start: usize,
        table: &mut [u8],
        tokens: &mut Tokens<'_>,
    ) -> usize {
        let start = text.resume_match(start, tokens);
        match self {
            Self::Fast => fast::tokenize(text, start, table, tokens),
            Self::Balanced => lazy::tokenize(&BALANCED, text, start, table, tokens),
            Self::Best => lazy::tokenize(&BEST, text, start, table, tokens),
        }
    }
}

impl Text<'_> {
    #[inline]
    fn position(&self, at: usize) -> u16 {
        self.base.wrapping_add(at as u16)
    }

    /// How far before `at` a remembered position is. What is not within
    /// [`reach`](Self::reach) is no match.
    #[inline]
    fn distance(&self, at: usize, slot: Slot) -> usize {
        // 0 stands for 65536.
        usize::from(self.position(at).wrapping_sub(u16::from_le_bytes(slot)).wrapping_sub(1)) + 1
    }

    /// The largest distance of a match at `at`.
    #[inline]
    fn reach(&self, at: usize) -> usize {
        self.max_distance.min(at - self.oldest)
    }

    #[inline]
    fn word(&self, at: usize) -> u32 {
        u32::from_le_bytes(*self.bytes[at..].first_chunk().expect("four bytes before the end"))
    }

    /// The bytes of the shortest match looked for, which are hashed.
    #[inline]
    fn key(&self, at: usize) -> u32 {
        self.word(at) << (8 * (WORD - self.min_match))
    }

    #[inline]
    fn pair(&self, at: usize) -> u16 {
        u16::from_le_bytes(*self.bytes[at..].first_chunk().expect("two bytes before the end"))
    }

    /// How many bytes at `at` equal those `distance` before, up to the longest
    /// match or the end of the text.
    #[inline]
    fn match_len(&self, at: usize, distance: usize) -> usize {
        let now = &self.bytes[at..];
        let now = &now[..now.len().min(MAX_MATCH)];
        let then = &self.bytes[at - distance..][..now.len()];
        let (now_words, now_tail) = now.as_chunks::<8>();
        let (then_words, then_tail) = then.as_chunks::<8>();
        for (n, (a, b)) in now_words.iter().zip(then_words).enumerate() {
            let difference = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
            if difference != 0 {
                return 8 * n + difference.trailing_zeros() as usize / 8;
            }
        }
        let equal = now_tail.iter().zip(then_tail).take_while(|(a, b)| a == b).count();
        8 * now_words.len() + equal
    }

    fn resume_match(&self, start: usize, tokens: &mut Tokens<'_>) -> usize {
        let Some((length, distance)) = tokens.pop_match() else { return start };
        let longer = self.match_len(start, distance).min(MAX_MATCH - length);
        tokens.copy(length + longer, distance);
        start + longer
    }

    /// Expresses what is too near the end of the text to be looked up.
    fn literals(&self, start: usize, tokens: &mut Tokens<'_>) -> usize {
        let end = self.bytes.len().min(start + tokens.room());
        for &byte in &self.bytes[start..end] {
            tokens.literal(byte);
        }
        end
    }
}

/// The newest position for each hash.
struct Newest<'t> {
    slots: &'t mut [Slot],
    shift: u32,
}

impl<'t> Newest<'t> {
    fn new(memory: &'t mut [u8]) -> Option<Self> {
        let slots = slots(memory)?;
        let shift = 32 - slots.len().trailing_zeros();
        Some(Self { slots, shift })
    }

    /// Remembers `at`; returns what was remembered for the same hash.
    #[inline]
    fn replace(&mut self, text: Text<'_>, at: usize) -> Slot {
        let hash = text.key(at).wrapping_mul(0x9e37_79b1) >> self.shift;
        core::mem::replace(&mut self.slots[hash as usize], text.position(at).to_le_bytes())
    }
}

/// Memory as slots: as many as fit and are a power of two. `None` if that is
/// less than two.
fn slots(memory: &mut [u8]) -> Option<&mut [Slot]> {
    let slots = memory.as_chunks_mut().0;
    let log = slots.len().checked_ilog2().filter(|&log| log > 0)?;
    Some(&mut slots[..1 << log])
}
