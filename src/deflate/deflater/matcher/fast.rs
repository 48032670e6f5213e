//! One look for each position: the last place where the same four bytes hashed
//! alike.

use super::{Text, entries, hash};
use crate::deflate::deflater::tokens::Tokens;

/// The shortest match looked for.
const MIN: usize = 4;

/// After so many bytes without a match (as a power of two), the look-ups become
/// one byte sparser.
const PATIENCE: u32 = 6;

pub(super) fn tokenize(
    text: Text<'_>,
    start: usize,
    table: &mut [u8],
    tokens: &mut Tokens<'_>,
) -> usize {
    let Some(table) = entries::<2>(table) else { return text.literals(start, tokens) };
    let len = table.len();
    let end = text.bytes.len();
    let mut at = start;
    let mut misses = 0;
    while at + MIN <= end && tokens.room() > 0 {
        let word = text.word(at);
        let slot = &mut table[hash(word, len)];
        let distance = text.distance(at, *slot);
        *slot = text.position(at).to_le_bytes();
        if distance <= text.reach(at) && text.word(at - distance) == word {
            let length = text.match_len(at, distance);
            tokens.copy(length, distance);
            misses = 0;
            // Every other position inside the match is remembered too. All of
            // them would take more time than they save space.
            let after = at + length;
            for inside in (at + 1..after.min(end + 1 - MIN)).step_by(2) {
                let slot = &mut table[hash(text.word(inside), len)];
                *slot = text.position(inside).to_le_bytes();
            }
            at = after;
        } else {
            let step = 1 + (misses >> PATIENCE);
            misses += 1;
            let after = end.min(at + step.min(tokens.room()));
            for &byte in &text.bytes[at..after] {
                tokens.literal(byte);
            }
            at = after;
        }
    }
    text.literals(at, tokens)
}
