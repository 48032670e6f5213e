//! Masking (RFC 6455 §5.3): XOR with a key of four bytes that repeats.
//!
//! Masking and unmasking are the same operation. A payload that arrives in
//! pieces is unmasked piece by piece: [`advance`] turns the key to where the
//! next piece begins.

/// XORs `data` with `key`, the first byte of `data` with `key[0]`.
#[inline]
pub fn apply(data: &mut [u8], key: [u8; 4]) {
    // Whole words first: the loop has no remainder, so the compiler
    // vectorises it as wide as the target allows.
    let (words, tail) = data.as_chunks_mut::<8>();
    let wide = widen(key);
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(wide.to_ne_bytes()) {
        *byte ^= key;
    }
}

/// Writes `source` XOR `key` to `target`, in one pass over the bytes.
///
/// The first byte meets `key[0]`. As many bytes are written as the
/// shorter of the two holds.
#[inline]
pub fn copy(source: &[u8], target: &mut [u8], key: [u8; 4]) {
    let len = source.len().min(target.len());
    let (source_words, source_tail) = source[..len].as_chunks::<8>();
    let (target_words, target_tail) = target[..len].as_chunks_mut::<8>();
    let wide = widen(key);
    for (source, target) in source_words.iter().zip(target_words) {
        *target = (u64::from_ne_bytes(*source) ^ wide).to_ne_bytes();
    }
    let tails = source_tail.iter().zip(target_tail);
    for ((source, target), key) in tails.zip(wide.to_ne_bytes()) {
        *target = source ^ key;
    }
}

/// The key as it stands after `len` bytes were masked with it.
#[inline]
#[must_use]
pub const fn advance(key: [u8; 4], len: usize) -> [u8; 4] {
    // In memory order key[0] is the least significant byte of a little-endian
    // number, so turning the key left by a byte turns that number right by 8.
    u32::from_le_bytes(key).rotate_right(8 * (len % 4) as u32).to_le_bytes()
}

/// The key twice over, in memory order.
const fn widen([a, b, c, d]: [u8; 4]) -> u64 {
    u64::from_ne_bytes([a, b, c, d, a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Buffer length with room for every tested length at every offset.
    const ROOM: usize = 320;

    fn naive(data: &mut [u8], key: [u8; 4]) {
        for (i, byte) in data.iter_mut().enumerate() {
            *byte ^= key[i % 4];
        }
    }

    fn pattern() -> [u8; ROOM] {
        core::array::from_fn(|i| (i * 7 + 3) as u8)
    }

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    #[test]
    fn rfc_5_7_masked_hello() {
        let mut data = *b"Hello";
        apply(&mut data, KEY);
        assert_eq!(data, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    #[test]
    fn apply_equals_naive_at_every_length_and_alignment() {
        for start in 0..16 {
            for len in 0..=300 {
                let (mut fast, mut slow) = (pattern(), pattern());
                apply(&mut fast[start..start + len], KEY);
                naive(&mut slow[start..start + len], KEY);
                assert_eq!(fast, slow, "start {start}, length {len}");
            }
        }
    }

    #[test]
    fn copy_equals_naive_and_touches_nothing_else() {
        for start in 0..16 {
            for len in 0..=300 {
                let (mut fast, mut slow) = ([0; ROOM], [0; ROOM]);
                slow[start..start + len].copy_from_slice(&pattern()[..len]);
                naive(&mut slow[start..start + len], KEY);
                copy(&pattern()[..len], &mut fast[start..start + len], KEY);
                assert_eq!(fast, slow, "start {start}, length {len}");
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
