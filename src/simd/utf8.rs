//! UTF-8 by three table lookups a byte.
//!
//! The method is that of John Keiser and Daniel Lemire, *Validating UTF-8 In
//! Less Than One Instruction Per Byte* (2021). Every fault but a missing or surplus
//! third or fourth byte shows in two adjacent bytes: in the two halves of the
//! first and the upper half of the second. Each of the three selects from a
//! table the faults that it allows, as bits; a fault that all three allow is
//! there.

use crate::simd::Shuffle;

/// A lead byte or ASCII where a continuation must come.
const TOO_SHORT: u8 = 1;
/// A continuation after ASCII.
const TOO_LONG: u8 = 1 << 1;
/// E0 80..9F: three bytes for what fits in two.
const OVERLONG_3: u8 = 1 << 2;
/// F4 90.., and F5.. 90..: above U+10FFFF.
const TOO_LARGE: u8 = 1 << 3;
/// ED A0..BF: half of a UTF-16 pair.
const SURROGATE: u8 = 1 << 4;
/// C0 and C1: two bytes for what fits in one.
const OVERLONG_2: u8 = 1 << 5;
/// F5.. 80..8F: above U+10FFFF, too; and F0 80..8F: four bytes for what fits in three.
const OUT_OF_RANGE_4: u8 = 1 << 6;
/// Two continuations: right or wrong, as the bytes before them tell.
const TWO_CONTINUATIONS: u8 = 1 << 7;
/// Faults that do not depend on the lower half of the first byte.
const CARRY: u8 = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS;

const FIRST_HIGH: [u8; 16] = [
    // 0_ to 7_: ASCII
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    // 8_ to B_: continuations
    TWO_CONTINUATIONS,
    TWO_CONTINUATIONS,
    TWO_CONTINUATIONS,
    TWO_CONTINUATIONS,
    // C_, D_
    TOO_SHORT | OVERLONG_2,
    TOO_SHORT,
    // E_
    TOO_SHORT | OVERLONG_3 | SURROGATE,
    // F_
    TOO_SHORT | TOO_LARGE | OUT_OF_RANGE_4,
];

const FIRST_LOW: [u8; 16] = [
    // _0, _1
    CARRY | OVERLONG_3 | OVERLONG_2 | OUT_OF_RANGE_4,
    CARRY | OVERLONG_2,
    // _2, _3
    CARRY,
    CARRY,
    // _4
    CARRY | TOO_LARGE,
    // _5 to _F
    CARRY | TOO_LARGE | OUT_OF_RANGE_4,
    CARRY | TOO_LARGE | OUT_OF_RANGE_4,
    CARRY | TOO_LARGE | OUT_OF_RANGE_4,
    CARRY | TOO_LARGE | OUT_OF_RANGE_4,
    CARRY | TOO_LARGE | OUT_OF_RANGE_4,
    CARRY | TOO_LARGE | OUT_OF_RANGE_4,
    CARRY | TOO_LARGE | OUT_OF_RANGE_4,
    CARRY | TOO_LARGE | OUT_OF_RANGE_4,
    // _D
    CARRY | TOO_LARGE | OUT_OF_RANGE_4 | SURROGATE,
    CARRY | TOO_LARGE | OUT_OF_RANGE_4,
    CARRY | TOO_LARGE | OUT_OF_RANGE_4,
];

const SECOND_HIGH: [u8; 16] = [
    // 0_ to 7_: ASCII
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    // 8_, 9_, A_ and B_: continuations
    TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | OVERLONG_3 | OUT_OF_RANGE_4,
    TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | OVERLONG_3 | TOO_LARGE,
    TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | SURROGATE | TOO_LARGE,
    TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | SURROGATE | TOO_LARGE,
    // C_ to F_
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
];

/// Whether `bytes` are UTF-8.
#[inline(always)]
pub(super) fn is_utf8<S: Shuffle<N>, const N: usize>(cpu: S, bytes: &[u8]) -> bool {
    let mut faults = cpu.splat(0);
    let mut before = cpu.splat(0);
    let (vectors, tail) = bytes.as_chunks::<N>();
    let (fours, rest) = vectors.as_chunks::<4>();
    for four in fours {
        let [a, b, c, d] = four.each_ref().map(|bytes| cpu.load(bytes));
        if cpu.is_ascii(cpu.or(cpu.or(a, b), cpu.or(c, d))) {
            faults = cpu.or(faults, unfinished(cpu, before));
        } else {
            faults = cpu.or(faults, check(cpu, before, a));
            faults = cpu.or(faults, check(cpu, a, b));
            faults = cpu.or(faults, check(cpu, b, c));
            faults = cpu.or(faults, check(cpu, c, d));
        }
        before = d;
    }
    for bytes in rest {
        let vector = cpu.load(bytes);
        faults = cpu.or(faults, check(cpu, before, vector));
        before = vector;
    }
    // The zeros behind the tail, or all of them where there is none, end what
    // is unfinished.
    faults = cpu.or(faults, check(cpu, before, cpu.load_part(tail)));
    cpu.is_zero(faults)
}

/// Where `vector`, which comes after `before`, has faults: not zero.
#[inline(always)]
fn check<S: Shuffle<N>, const N: usize>(cpu: S, before: S::Vector, vector: S::Vector) -> S::Vector {
    let [one, two, three] = cpu.previous(before, vector);
    let first_high = cpu.look_up(FIRST_HIGH, cpu.high_nibbles(one));
    let first_low = cpu.look_up(FIRST_LOW, cpu.and(one, cpu.splat(0x0F)));
    let second_high = cpu.look_up(SECOND_HIGH, cpu.high_nibbles(vector));
    let faults = cpu.and(cpu.and(first_high, first_low), second_high);
    // Two continuations are right where a lead of three or four bytes came two
    // or three before: there this has the same bit, and the two cancel out.
    let third = cpu.saturating_sub(two, cpu.splat(0xE0 - 0x80));
    let fourth = cpu.saturating_sub(three, cpu.splat(0xF0 - 0x80));
    let continues = cpu.and(cpu.or(third, fourth), cpu.splat(0x80));
    cpu.xor(faults, continues)
}

/// Not zero where `vector` ends within a character.
#[inline(always)]
fn unfinished<S: Shuffle<N>, const N: usize>(cpu: S, vector: S::Vector) -> S::Vector {
    let mut most = [0xFF; N];
    if let Some(end) = most.last_chunk_mut() {
        *end = [0xF0 - 1, 0xE0 - 1, 0xC0 - 1];
    }
    cpu.saturating_sub(vector, cpu.load(&most))
}

#[cfg(test)]
mod tests {
    use crate::simd::available::judges;

    fn check(bytes: &[u8]) {
        // In an allocation that ends where they do: the address sanitizer sees what
        // is read beyond.
        let bytes = &*Box::<[u8]>::from(bytes);
        let expected = core::str::from_utf8(bytes).is_ok();
        for (name, is_utf8) in judges() {
            assert_eq!(is_utf8(bytes), expected, "{name}: {bytes:02x?}");
        }
    }

    /// Both ends of each class of bytes that the syntax of RFC 3629 §4 tells
    /// apart.
    const CLASSES: [u8; 24] = [
        0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC,
        0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
    ];

    /// `bytes` at the end of a text, and at each place around the ends of the
    /// first vectors of every size, in ASCII and among other characters.
    fn check_around_edges(bytes: &[u8]) {
        check(bytes);
        for filler in ["a", "é", "漢", "😀"] {
            let filler = filler.as_bytes();
            let text = filler.repeat(320 / filler.len() + 1);
            for edge in [16, 32, 64, 128, 256] {
                for before in edge - 4..=edge + 1 {
                    let before = before - before % filler.len();
                    let mut text = [&text[..before], bytes, &text].concat();
                    check(&text[..before + bytes.len()]);
                    text.truncate(300 - 300 % filler.len() + bytes.len());
                    check(&text);
                }
            }
        }
    }

    #[test]
    fn every_pair_and_every_class_of_three_and_four() {
        for a in 0..=255 {
            for b in 0..=255 {
                check(&[a, b]);
                check(&[a, b, 0x80]);
                check(&[a, b, 0x80, 0x80]);
            }
        }
        for a in CLASSES {
            for b in CLASSES {
                for c in CLASSES {
                    check(&[a, b, c]);
                    for d in CLASSES {
                        check(&[a, b, c, d]);
                    }
                }
            }
        }
    }

    #[test]
    fn every_class_of_two_around_the_edges_of_vectors() {
        for a in CLASSES {
            check_around_edges(&[a]);
            for b in CLASSES {
                check_around_edges(&[a, b]);
            }
        }
        // Four bytes of which the last is missing.
        for unfinished in [[0xF0, 0x90, 0x80], [0xF1, 0x80, 0x80], [0xF4, 0x8F, 0xBF]] {
            check_around_edges(&unfinished);
        }
        for [a, b, c] in [[0xE0, 0xA0, 0x80], [0xED, 0x9F, 0xBF], [0xEF, 0xBF, 0xBF]] {
            check_around_edges(&[a, b, c]);
            for wrong in CLASSES {
                check_around_edges(&[a, b, wrong]);
                check_around_edges(&[a, b, c, wrong]);
                check_around_edges(&[0xF1, 0x80, b, wrong]);
                check_around_edges(&[0xF1, 0x80, b, 0x80, wrong]);
            }
        }
    }

    #[test]
    fn one_changed_byte_anywhere() {
        let text = "naïve κόσμε, 漢字とかな, 😀😃😄 and plain ASCII for a while. ".repeat(8);
        for at in 0..text.len() {
            for class in CLASSES {
                let mut bytes = text.clone().into_bytes();
                bytes[at] = class;
                check(&bytes);
                check(&bytes[at..]);
                check(&bytes[..=at]);
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_whole_or_damaged(
            text in ".{0,400}",
            at: proptest::sample::Index,
            with: u8,
            cut: proptest::sample::Index,
        ) {
            let mut bytes = text.into_bytes();
            check(&bytes);
            check(&bytes[cut.index(bytes.len() + 1)..]);
            check(&bytes[..cut.index(bytes.len() + 1)]);
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = with;
                check(&bytes);
            }
        }
    }
}
