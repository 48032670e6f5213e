//! All that the window holds: for each position, a chain of those before it
//! that hash alike, and a second thought as long as it pays.

use super::{Found, Slot, Text, entries, hash};
use crate::deflate::deflater::tokens::Tokens;

/// The shortest match looked for.
const MIN: usize = 3;

/// Bytes read at a position, of which `MIN` are hashed.
const WORD: usize = 4;

/// A match of three bytes from further back costs more than its literals.
const NEAR: usize = 4096;

/// How many positions of a chain are looked at.
const DEPTH: usize = 128;

/// To beat a match this long, only a quarter as many are looked at.
const GOOD: usize = 8;

pub(super) fn tokenize(
    text: Text<'_>,
    start: usize,
    table: &mut [u8],
    tokens: &mut Tokens<'_>,
) -> usize {
    let Some(mut chains) = Chains::new(table) else { return text.literals(start, tokens) };
    let end = text.bytes.len();
    let mut at = start;
    while at + WORD <= end && tokens.room() > 0 {
        let Some(mut found) = chains.find(text, at, MIN - 1, DEPTH) else {
            tokens.literal(text.bytes[at]);
            at += 1;
            continue;
        };
        let mut remembered = at + 1;
        while tokens.room() > 1 && at + 1 + WORD <= end {
            remembered = at + 2;
            let depth = if found.length < GOOD { DEPTH } else { DEPTH / 4 };
            let Some(longer) = chains.find(text, at + 1, found.length, depth) else { break };
            tokens.literal(text.bytes[at]);
            at += 1;
            found = longer;
        }
        tokens.copy(found.length, found.distance);
        let after = at + found.length;
        for inside in remembered..after.min(end + 1 - WORD) {
            chains.insert(text, inside);
        }
        at = after;
    }
    if at + WORD <= end { at } else { text.literals(at, tokens) }
}

pub(super) fn catch_up(text: Text<'_>, start: usize, table: &mut [u8]) {
    let Some(mut chains) = Chains::new(table) else { return };
    let end = text.bytes.len().saturating_sub(WORD - 1).min(start);
    for at in start.saturating_sub(WORD - 1).max(text.oldest)..end {
        chains.insert(text, at);
    }
}

/// The newest position for each hash, and for each position the one before it
/// with the same hash.
struct Chains<'t> {
    newest: &'t mut [Slot],
    before: &'t mut [Slot],
}

impl<'t> Chains<'t> {
    fn new(table: &'t mut [u8]) -> Option<Self> {
        let (newest, before) = table.split_at_mut(table.len() / 3);
        Some(Self { newest: entries(newest)?, before: entries(before)? })
    }

    /// Remembers `at`; returns the newest position remembered before.
    #[inline]
    fn insert(&mut self, text: Text<'_>, at: usize) -> Slot {
        let newest = &mut self.newest[hash(text.word(at) << 8, self.newest.len())];
        let slot = *newest;
        let position = text.position(at);
        *newest = position.to_le_bytes();
        let mask = self.before.len() - 1;
        self.before[usize::from(position) & mask] = slot;
        slot
    }

    /// The longest match at `at`, if it is longer than `length`. Remembers
    /// `at`.
    #[inline]
    fn find(&mut self, text: Text<'_>, at: usize, length: usize, depth: usize) -> Option<Found> {
        let mut slot = self.insert(text, at);
        let longest = text.bytes.len() - at;
        let reach = text.reach(at);
        let mask = self.before.len() - 1;
        let mut best = Found { length, distance: 0 };
        let mut last = 0;
        for _ in 0..depth {
            let distance = text.distance(at, slot);
            // Positions along a chain get older. One that does not was
            // overwritten.
            if distance <= last || distance > reach || best.length >= longest {
                break;
            }
            last = distance;
            // To be longer, a match must agree where the best so far
            // ends.
            let tail = at + best.length - 1;
            if text.pair(tail) == text.pair(tail - distance) {
                let length = text.match_len(at, distance);
                if length > best.length && (length > MIN || distance <= NEAR) {
                    best = Found { length, distance };
                }
            }
            slot = self.before[usize::from(u16::from_le_bytes(slot)) & mask];
        }
        (best.distance > 0).then_some(best)
    }
}
