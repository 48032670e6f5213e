//! SHA-1 (FIPS 180-4), for the opening handshake alone.
//!
//! RFC 6455 uses it to show that the server read the request, not to keep a
//! secret: its weakness against collisions does not matter there, and it
//! should be used for nothing else.

/// The SHA-1 digest of `message`.
///
/// ```
/// let digest = sansocket::sha1::digest(b"abc");
/// assert_eq!(digest[..4], [0xA9, 0x99, 0x3E, 0x36]);
/// ```
#[must_use]
pub fn digest(message: &[u8]) -> [u8; 20] {
    let mut state = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0];
    let (blocks, rest) = message.as_chunks::<64>();
    for block in blocks {
        compress(&mut state, block);
    }

    // The padding: a one bit, zeros, and the length in bits in the last 8 bytes.
    let mut last = [0; 64];
    if let Some((start, [end, ..])) = last.split_at_mut_checked(rest.len()) {
        start.copy_from_slice(rest);
        *end = 0x80;
    }
    if rest.len() >= 56 {
        compress(&mut state, &last);
        last = [0; 64];
    }
    if let Some(length) = last.last_chunk_mut() {
        *length = (message.len() as u64 * 8).to_be_bytes();
    }
    compress(&mut state, &last);

    let mut digest = [0; 20];
    for (bytes, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    digest
}

/// One application of the compression function (FIPS 180-4 §6.1.2).
fn compress(state: &mut [u32; 5], block: &[u8; 64]) {
    #[cfg(feature = "simd")]
    if crate::simd::sha1_compress(state, block) {
        return;
    }
    portable(state, block);
}

/// [`compress`] for any CPU.
fn portable(state: &mut [u32; 5], block: &[u8; 64]) {
    // The 80 words of the schedule, the last 16 of them at a time.
    let mut w = [0; 16];
    for (word, bytes) in w.iter_mut().zip(block.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for t in 0..80 {
        let (f, k) = match t {
            0..20 => ((b & c) | (!b & d), 0x5A82_7999),
            20..40 => (b ^ c ^ d, 0x6ED9_EBA1),
            40..60 => ((b & c) | (b & d) | (c & d), 0x8F1B_BCDC),
            _ => (b ^ c ^ d, 0xCA62_C1D6),
        };
        let word = w[t % 16];
        let next = word ^ w[(t + 2) % 16] ^ w[(t + 8) % 16] ^ w[(t + 13) % 16];
        w[t % 16] = next.rotate_left(1);
        let sum = a.rotate_left(5).wrapping_add(f).wrapping_add(e);
        let sum = sum.wrapping_add(k).wrapping_add(word);
        (a, b, c, d, e) = (sum, a, b.rotate_left(30), c, d);
    }
    for (word, add) in state.iter_mut().zip([a, b, c, d, e]) {
        *word = word.wrapping_add(add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(digest: [u8; 20]) -> String {
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn examples_of_fips_180() {
        assert_eq!(hex(digest(b"")), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(hex(digest(b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(
            hex(digest(b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
        );
        let million = vec![b'a'; 1_000_000];
        assert_eq!(hex(digest(&million)), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    }

    #[test]
    fn lengths_around_the_padding() {
        // Digests of 55, 56, 63, 64 and 65 letters "a", from sha1sum.
        for (len, expected) in [
            (55, "c1c8bbdc22796e28c0e15163d20899b65621d65a"),
            (56, "c2db330f6083854c99d4b5bfb6e8f29f201be699"),
            (63, "03f09f5b158a7a8cdad920bddc29b81c18a551f5"),
            (64, "0098ba824b5c16427bd7a1122a5a442a25ec644d"),
            (65, "11655326c708d70319be2610e8a57d9a5b959d3b"),
        ] {
            assert_eq!(hex(digest(&[b'a'; 65][..len])), expected, "length {len}");
        }
    }

    #[test]
    fn the_compression_function_is_the_same_on_every_cpu() {
        let mut state = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0];
        let mut twin = state;
        for round in 0..200_u32 {
            // Each block depends on all before it.
            let block = core::array::from_fn(|i| (state[i % 5] >> (i / 5)) as u8 ^ round as u8);
            compress(&mut state, &block);
            portable(&mut twin, &block);
            assert_eq!(state, twin, "round {round}");
        }
    }
}
