//! Four looks for each position, and a second thought: a match waits to see
//! whether the next position has a longer one.

use super::{Found, Text, entries, hash};
use crate::deflate::deflater::tokens::Tokens;

/// The shortest match looked for.
const MIN: usize = 4;

/// A match this long is taken without a second thought.
const GOOD: usize = 32;

pub(super) fn tokenize(
    text: Text<'_>,
    start: usize,
    table: &mut [u8],
    tokens: &mut Tokens<'_>,
) -> usize {
    let Some(mut buckets) = entries(table).map(Buckets) else {
        return text.literals(start, tokens);
    };
    let end = text.bytes.len();
    let mut at = start;
    // A turn may make two tokens.
    while at + MIN <= end && tokens.room() > 1 {
        let Some(mut found) = buckets.find(text, at, MIN - 1) else {
            tokens.literal(text.bytes[at]);
            at += 1;
            continue;
        };
        let mut remembered = at + 1;
        if found.length < GOOD && at + 1 + MIN <= end {
            remembered = at + 2;
            if let Some(longer) = buckets.find(text, at + 1, found.length) {
                tokens.literal(text.bytes[at]);
                at += 1;
                found = longer;
            }
        }
        tokens.copy(found.length, found.distance);
        let after = at + found.length;
        for inside in remembered..after.min(end + 1 - MIN) {
            buckets.insert(text, inside);
        }
        at = after;
    }
    if at + MIN <= end { at } else { text.literals(at, tokens) }
}

pub(super) fn catch_up(text: Text<'_>, start: usize, table: &mut [u8]) {
    let Some(mut buckets) = entries(table).map(Buckets) else { return };
    let end = text.bytes.len().saturating_sub(MIN - 1).min(start);
    for at in start.saturating_sub(MIN - 1).max(text.oldest)..end {
        buckets.insert(text, at);
    }
}

/// The last four positions for each hash, the newest lowest.
struct Buckets<'t>(&'t mut [[u8; 8]]);

impl Buckets<'_> {
    /// Remembers `at` and returns what was remembered before.
    #[inline]
    fn insert(&mut self, text: Text<'_>, at: usize) -> u64 {
        let bucket = &mut self.0[hash(text.word(at), self.0.len())];
        let positions = u64::from_le_bytes(*bucket);
        *bucket = (positions << 16 | u64::from(text.position(at))).to_le_bytes();
        positions
    }

    /// The longest match at `at`, if it is longer than `length`. Remembers
    /// `at`.
    #[inline]
    fn find(&mut self, text: Text<'_>, at: usize, length: usize) -> Option<Found> {
        let positions = self.insert(text, at).to_le_bytes();
        let reach = text.reach(at);
        let word = text.word(at);
        let mut best = Found { length, distance: 0 };
        for &slot in positions.as_chunks::<2>().0 {
            let distance = text.distance(at, slot);
            if distance > reach || text.word(at - distance) != word {
                continue;
            }
            let length = text.match_len(at, distance);
            if length > best.length {
                best = Found { length, distance };
            }
        }
        (best.distance > 0).then_some(best)
    }
}
