//! One look for each position, at the last place that hashed alike, and a second
//! thought where that gave but a short match.

use super::{Found, Newest, Text, WORD};
use crate::deflate::deflater::tokens::Tokens;

/// A match shorter than this waits to see whether the next position has a longer
/// one.
const SHORT: usize = 6;

/// After so many bytes without a match (as a power of two), the look-ups become
/// one byte sparser.
const PATIENCE: u32 = 6;

pub(super) fn tokenize(
    text: Text<'_>,
    start: usize,
    table: &mut [u8],
    tokens: &mut Tokens<'_>,
) -> usize {
    let Some(mut newest) = Newest::new(table) else { return text.literals(start, tokens) };
    let end = text.bytes.len();
    let mut at = start;
    let mut misses = 0;
    while at + WORD <= end && tokens.room() > 0 {
        if let Some(mut found) = newest.find(text, at) {
            misses = 0;
            let mut remembered = at + 1;
            if found.length < SHORT && tokens.room() > 1 && at + 1 + WORD <= end {
                remembered = at + 2;
                if let Some(next) = newest.find(text, at + 1)
                    && next.length > found.length
                {
                    tokens.literal(text.bytes[at]);
                    at += 1;
                    found = next;
                }
            }
            tokens.copy(found.length, found.distance);
            let after = at + found.length;
            for inside in remembered..after.min(end + 1 - WORD) {
                newest.replace(text, inside);
            }
            at = after;
        } else {
            tokens.literal(text.bytes[at]);
            at += 1;
            misses += 1;
            let after = end.min(at + (misses >> PATIENCE).min(tokens.room()));
            for &byte in &text.bytes[at..after] {
                tokens.literal(byte);
            }
            at = after;
        }
    }
    text.literals(at, tokens)
}

impl Newest<'_> {
    /// The match at the newest position that hashes as `at` does, if it is one.
    /// Remembers `at`.
    #[expect(clippy::inline_always, reason = "a tenth of the time")]
    #[inline(always)]
    fn find(&mut self, text: Text<'_>, at: usize) -> Option<Found> {
        let distance = text.distance(at, self.replace(text, at));
        if distance > text.reach(at) || text.key(at - distance) != text.key(at) {
            return None;
        }
        Some(Found { length: text.match_len(at, distance), distance })
    }
}
