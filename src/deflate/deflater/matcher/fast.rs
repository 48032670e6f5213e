//! One look for each position: the last place that hashed alike.

use super::{Newest, Text, WORD};
use crate::deflate::deflater::tokens::Tokens;

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
        let distance = text.distance(at, newest.replace(text, at));
        if distance <= text.reach(at) && text.key(at - distance) == text.key(at) {
            let length = text.match_len(at, distance);
            tokens.copy(length, distance);
            misses = 0;
            let after = at + length;
            for inside in at + 1..after.min(end + 1 - WORD) {
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
