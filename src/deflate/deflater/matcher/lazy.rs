//! Many looks for each position, along a chain of those before it that hash
//! alike, and a second thought: a match waits to see whether the next position
//! has a longer one.

use super::{Found, Newest, Slot, Text, WORD, slots};
use crate::deflate::deflater::tokens::Tokens;
use crate::deflate::symbols::MAX_MATCH;

/// How hard to look.
pub(super) struct Effort {
    /// How many positions of a chain are looked at.
    pub(super) depth: usize,
    /// A match this long is taken without a second thought.
    pub(super) enough: usize,
}

/// A match this long makes the second thought a brief one.
const GOOD: usize = 8;

pub(super) fn tokenize(
    effort: &Effort,
    text: Text<'_>,
    start: usize,
    table: &mut [u8],
    tokens: &mut Tokens<'_>,
) -> usize {
    let Some(mut chains) = Chains::new(table) else { return text.literals(start, tokens) };
    let end = text.bytes.len();
    let least = Found { length: text.min_match - 1, distance: 0 };
    let mut at = start;
    while at + WORD <= end && tokens.room() > 0 {
        let mut found = chains.find(text, at, least, effort.depth);
        if found.distance == 0 {
            tokens.literal(text.bytes[at]);
            at += 1;
            continue;
        }
        let mut remembered = at + 1;
        while found.length < effort.enough && tokens.room() > 1 && at + 1 + WORD <= end {
            remembered = at + 2;
            let depth = effort.depth / if found.length < GOOD { 2 } else { 4 };
            let next = chains.find(text, at + 1, found, depth);
            if next.length == found.length {
                break;
            }
            tokens.literal(text.bytes[at]);
            at += 1;
            found = next;
        }
        tokens.copy(found.length, found.distance);
        let after = at + found.length;
        for inside in remembered..after.min(end + 1 - WORD) {
            chains.insert(text, inside);
        }
        at = after;
    }
    text.literals(at, tokens)
}

/// The newest position for each hash, and for each position the one before it
/// with the same hash.
struct Chains<'t> {
    newest: Newest<'t>,
    before: &'t mut [Slot],
}

impl<'t> Chains<'t> {
    fn new(table: &'t mut [u8]) -> Option<Self> {
        let (newest, before) = table.split_at_mut(table.len() / 3);
        Some(Self { newest: Newest::new(newest)?, before: slots(before)? })
    }

    /// Remembers `at`; returns the newest position remembered before.
    #[inline]
    fn insert(&mut self, text: Text<'_>, at: usize) -> Slot {
        let slot = self.newest.replace(text, at);
        let mask = self.before.len() - 1;
        self.before[usize::from(text.position(at)) & mask] = slot;
        slot
    }

    /// The longest match at `at` that is longer than `best`, or else `best`.
    /// Remembers `at`.
    #[expect(clippy::inline_always, reason = "a tenth of the time")]
    #[inline(always)]
    fn find(&mut self, text: Text<'_>, at: usize, mut best: Found, depth: usize) -> Found {
        let mut slot = self.insert(text, at);
        let longest = MAX_MATCH.min(text.bytes.len() - at);
        if best.length >= longest {
            return best;
        }
        let reach = text.reach(at);
        let mask = self.before.len() - 1;
        // To be longer, a match must agree where the best so far ends.
        let mut tail = at + best.length - 1;
        let mut last = 0;
        for _ in 0..depth {
            let distance = text.distance(at, slot);
            // Positions along a chain get older. One that does not was
            // overwritten.
            if distance <= last || distance > reach {
                break;
            }
            last = distance;
            if text.pair(tail - distance) == text.pair(tail) {
                let length = text.match_len(at, distance);
                if best.length < length {
                    best = Found { length, distance };
                    if length == longest {
                        break;
                    }
                    tail = at + length - 1;
                }
            }
            slot = self.before[usize::from(u16::from_le_bytes(slot)) & mask];
        }
        best
    }
}
