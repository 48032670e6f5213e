//! Masking (RFC 6455 §5.3): XOR with a key of four bytes that repeats.
//!
//! Masking and unmasking are the same operation. A payload that arrives in
//! pieces is unmasked piece by piece: [`advance`] turns the key to where the
//! next piece begins.
//!
//! What does not fill whole words is done as a word that overlaps the one
//! before: read before that is written, and written after. A loop over single
//! bytes would cost more than all the rest of a short frame, and stores of single
//! bytes would keep waiting whoever then reads the payload by words.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

#[cfg(feature = "simd")]
use crate::simd;

/// XORs `data` with `key`, the first byte of `data` with `key[0]`.
#[inline]
pub fn apply(data: &mut [u8], key: [u8; 4]) {
    #[cfg(feature = "simd")]
    simd::unmask(data, key);
    #[cfg(not(feature = "simd"))]
    portable(data, key);
}

/// As [`apply`]; whether all of `data` is then ASCII, which costs next to
/// nothing to find out on the way.
///
/// Only what is very short is done without a call: more code in the hot path of
/// receiving would slow that down.
#[inline]
pub(crate) fn apply_is_ascii(data: &mut [u8], key: [u8; 4]) -> bool {
    #[cfg(feature = "simd")]
    return simd::unmask_small(data, key);
    #[cfg(not(feature = "simd"))]
    portable(data, key)
}

/// Writes `source` to `target`, which is as long.
///
/// With a key of zeros masking is copying, and a short copy needs no call then.
#[inline]
pub(crate) fn copy_plain(source: &[u8], target: &mut [u8]) {
    /// From this length on a call costs less than what it does.
    const LONG: usize = 128;
    if source.len() < LONG {
        copy(source, target, [0; 4]);
    } else if let Some(target) = target.get_mut(..source.len()) {
        target.copy_from_slice(source);
    }
}

/// What was unmasked, and what was seen of it on the way.
#[cfg(feature = "alloc")]
pub(crate) enum Unmasked<'b> {
    /// All of it is ASCII.
    #[cfg_attr(not(feature = "simd"), expect(dead_code, reason = "saying so takes `unsafe`"))]
    Ascii(&'b str),
    /// Anything else, and whatever was not looked at.
    Bytes(&'b [u8]),
}

/// As [`apply_is_ascii`].
#[cfg(feature = "alloc")]
#[inline]
pub(crate) fn unmask(data: &mut [u8], key: [u8; 4]) -> Unmasked<'_> {
    #[cfg(feature = "simd")]
    return simd::unmask_str(data, key);
    #[cfg(not(feature = "simd"))]
    {
        portable(data, key);
        Unmasked::Bytes(data)
    }
}

/// Writes `source` XOR `key` to `target`, in one pass over the bytes.
///
/// The first byte meets `key[0]`. As many bytes are written as the
/// shorter of the two holds.
#[inline]
pub fn copy(source: &[u8], target: &mut [u8], key: [u8; 4]) {
    let len = source.len().min(target.len());
    let (source, target) = (&source[..len], &mut target[..len]);
    #[cfg(feature = "simd")]
    simd::copy_masked(source, target, key);
    #[cfg(not(feature = "simd"))]
    portable_copy(source, target, key);
}

/// Appends `source` XOR `key` to `target`.
#[cfg(feature = "alloc")]
#[inline]
pub(crate) fn extend(target: &mut Vec<u8>, source: &[u8], key: [u8; 4]) {
    #[cfg(feature = "simd")]
    simd::extend_masked(target, source, key);
    #[cfg(not(feature = "simd"))]
    portable_extend(target, source, key);
}

/// The key as it stands after `len` bytes were masked with it.
#[inline]
#[must_use]
pub const fn advance(key: [u8; 4], len: usize) -> [u8; 4] {
    // In memory order key[0] is the least significant byte of a little-endian
    // number, so turning the key left by a byte turns that number right by 8.
    u32::from_le_bytes(key).rotate_right(8 * (len % 4) as u32).to_le_bytes()
}

/// [`apply_is_ascii`] for any CPU. A `str` is made, unseen, of what this says is
/// ASCII.
#[inline]
pub(crate) fn portable(data: &mut [u8], key: [u8; 4]) -> bool {
    let turned = advance(key, data.len());
    match data.len() {
        0..4 => {
            let mut seen = 0;
            for (byte, key) in data.iter_mut().zip(key) {
                *byte ^= key;
                seen |= *byte;
            }
            seen < 0x80
        }
        4..8 => {
            let first = data.first_chunk().map_or(0, |word| u32::from_ne_bytes(*word));
            let last = data.last_chunk().map_or(0, |word| u32::from_ne_bytes(*word));
            let first = first ^ u32::from_ne_bytes(key);
            let last = last ^ u32::from_ne_bytes(turned);
            put_first(data, first.to_ne_bytes());
            put_last(data, last.to_ne_bytes());
            (first | last) & HIGH_BITS as u32 == 0
        }
        8..=16 => {
            let first = data.first_chunk().map_or(0, |word| u64::from_ne_bytes(*word));
            let last = data.last_chunk().map_or(0, |word| u64::from_ne_bytes(*word));
            let first = first ^ repeat(key) as u64;
            let last = last ^ repeat(turned) as u64;
            put_first(data, first.to_ne_bytes());
            put_last(data, last.to_ne_bytes());
            (first | last) & HIGH_BITS as u64 == 0
        }
        _ => {
            let last = data.last_chunk().map_or(0, |word| u128::from_ne_bytes(*word));
            let last = last ^ repeat(turned);
            let mut seen = last;
            let key = repeat(key);
            for bytes in data.as_chunks_mut().0 {
                let word = u128::from_ne_bytes(*bytes) ^ key;
                *bytes = word.to_ne_bytes();
                seen |= word;
            }
            put_last(data, last.to_ne_bytes());
            seen & HIGH_BITS == 0
        }
    }
}

/// [`copy`] for any CPU; `target` is as long as `source`.
#[inline]
pub(crate) fn portable_copy(source: &[u8], target: &mut [u8], key: [u8; 4]) {
    let turned = advance(key, source.len());
    match source.len() {
        0..4 => {
            for ((from, to), key) in source.iter().zip(target).zip(key) {
                *to = from ^ key;
            }
        }
        4..8 => {
            let first = source.first_chunk().map_or(0, |word| u32::from_ne_bytes(*word));
            let last = source.last_chunk().map_or(0, |word| u32::from_ne_bytes(*word));
            put_first(target, (first ^ u32::from_ne_bytes(key)).to_ne_bytes());
            put_last(target, (last ^ u32::from_ne_bytes(turned)).to_ne_bytes());
        }
        8..=16 => {
            let first = source.first_chunk().map_or(0, |word| u64::from_ne_bytes(*word));
            let last = source.last_chunk().map_or(0, |word| u64::from_ne_bytes(*word));
            put_first(target, (first ^ repeat(key) as u64).to_ne_bytes());
            put_last(target, (last ^ repeat(turned) as u64).to_ne_bytes());
        }
        _ => {
            let last = source.last_chunk().map_or(0, |word| u128::from_ne_bytes(*word));
            let key = repeat(key);
            for (from, to) in source.as_chunks().0.iter().zip(target.as_chunks_mut().0) {
                *to = (u128::from_ne_bytes(*from) ^ key).to_ne_bytes();
            }
            put_last(target, (last ^ repeat(turned)).to_ne_bytes());
        }
    }
}

/// [`extend`] for any CPU.
#[cfg(feature = "alloc")]
#[inline]
pub(crate) fn portable_extend(target: &mut Vec<u8>, source: &[u8], key: [u8; 4]) {
    // What was just copied is masked while it lies in the nearest cache. The
    // pieces' length is a multiple of the key's: each begins with its first byte.
    for piece in source.chunks(8 * 1024) {
        let start = target.len();
        target.extend_from_slice(piece);
        portable(target.get_mut(start..).unwrap_or_default(), key);
    }
}

/// The bits that no ASCII has.
const HIGH_BITS: u128 = u128::MAX / 0xFF * 0x80;

/// The key four times over, in memory order.
const fn repeat(key: [u8; 4]) -> u128 {
    u32::from_ne_bytes(key) as u128 * (u128::MAX / 0xFFFF_FFFF)
}

fn put_first<const N: usize>(bytes: &mut [u8], word: [u8; N]) {
    if let Some(first) = bytes.first_chunk_mut() {
        *first = word;
    }
}

fn put_last<const N: usize>(bytes: &mut [u8], word: [u8; N]) {
    if let Some(last) = bytes.last_chunk_mut() {
        *last = word;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Buffer length with room for every tested length at every offset.
    const ROOM: usize = 64 + 300;

    fn naive(data: &mut [u8], key: [u8; 4]) {
        for (i, byte) in data.iter_mut().enumerate() {
            *byte ^= key[i % 4];
        }
    }

    fn pattern() -> [u8; ROOM] {
        core::array::from_fn(|i| (i * 7 + 3) as u8)
    }

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    /// Every offset in a cache line, with every phase of the key.
    fn places() -> impl Iterator<Item = (usize, [u8; 4])> {
        (0..64).flat_map(|start| (0..4).map(move |phase| (start, advance(KEY, phase))))
    }

    #[test]
    fn rfc_5_7_masked_hello() {
        let mut data = *b"Hello";
        apply(&mut data, KEY);
        assert_eq!(data, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    #[test]
    fn apply_equals_naive_at_every_length_and_alignment() {
        for (start, key) in places() {
            for len in 0..=300 {
                let (mut fast, mut slow) = (pattern(), pattern());
                apply(&mut fast[start..start + len], key);
                naive(&mut slow[start..start + len], key);
                assert_eq!(fast, slow, "start {start}, length {len}");
            }
        }
    }

    #[test]
    fn copy_equals_naive_and_touches_nothing_else() {
        for (start, key) in places() {
            for len in 0..=300 {
                let (mut fast, mut slow) = ([0; ROOM], [0; ROOM]);
                slow[start..start + len].copy_from_slice(&pattern()[..len]);
                copy_plain(&pattern()[..len], &mut fast[start..start + len]);
                assert_eq!(fast, slow, "start {start}, length {len}, plain");
                naive(&mut slow[start..start + len], key);
                copy(&pattern()[..len], &mut fast[start..start + len], key);
                assert_eq!(fast, slow, "start {start}, length {len}");
            }
        }
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn extend_appends_what_naive_makes_and_leaves_what_is_there() {
        for source in [&pattern()[..], &[7; 10_000]] {
            for len in (0..=ROOM.min(source.len())).chain([source.len()]) {
                let (mut fast, mut slow) = (b"before".to_vec(), source[..len].to_vec());
                extend(&mut fast, &source[..len], KEY);
                naive(&mut slow, KEY);
                assert_eq!((&fast[..6], &fast[6..]), (&b"before"[..], &slow[..]), "length {len}");
            }
        }
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn what_is_said_to_be_ascii_is() {
        for len in 0..=ROOM {
            for odd in (0..len).map(Some).chain([None]) {
                let mut plain = [b'x'; ROOM];
                if let Some(odd) = odd {
                    plain[odd] = 0xE9;
                }
                let mut data = plain;
                naive(&mut data[..len], KEY);
                match unmask(&mut data[..len], KEY) {
                    Unmasked::Ascii(text) => {
                        assert_eq!((text.as_bytes(), odd), (&plain[..len], None));
                    }
                    Unmasked::Bytes(bytes) => {
                        assert_eq!(bytes, &plain[..len]);
                        assert!(odd.is_some() || cfg!(not(feature = "simd")), "{len}");
                    }
                }
            }
        }
    }

    #[test]
    fn copy_stops_at_the_shorter_side() {
        let mut target = [0xee; 3];
        copy(b"Hello", &mut target, KEY);
        assert_eq!(target, [0x7f, 0x9f, 0x4d]);
        let mut target = [0xee; 3];
        copy(b"H", &mut target, KEY);
        assert_eq!(target, [0x7f, 0xee, 0xee]);
    }

    #[test]
    fn advance_continues_where_the_last_piece_ended() {
        let mut whole = pattern();
        naive(&mut whole, KEY);
        for cut in 0..ROOM {
            let mut pieces = pattern();
            let (head, tail) = pieces.split_at_mut(cut);
            apply(head, KEY);
            apply(tail, advance(KEY, cut));
            assert_eq!(pieces, whole, "cut at {cut}");
        }
    }
}
