//! Masking keys, which every frame of a client needs afresh.
//!
//! > The masking key needs to be unpredictable; thus, the masking key MUST be
//! > derived from a strong source of entropy (RFC 6455 §5.3)
//!
//! So there is no default that could be weak: a client brings a closure of its
//! own, or a [`ChaChaKeys`] with a seed that nobody can guess.

use core::fmt;

/// A source of masking keys; every `FnMut() -> [u8; 4]` is one.
pub trait MaskingKeys {
    /// A new key, which must not be predictable from those before it.
    fn next_key(&mut self) -> [u8; 4];
}

impl<F: FnMut() -> [u8; 4]> MaskingKeys for F {
    #[inline]
    fn next_key(&mut self) -> [u8; 4] {
        self()
    }
}

/// Masking keys from the key stream of `ChaCha12`: RFC 8439 §2.3 with 12 rounds,
/// which is also what the standard generator of the `rand` crate is.
///
/// It needs a seed of 32 unpredictable bytes, once: with the `std` feature
/// `ChaChaKeys::from_os` asks the operating system for it. The same seed gives
/// the same keys, so a seed is used once.
pub struct ChaChaKeys {
    seed: [u32; 8],
    /// Number of the next block.
    counter: u64,
    block: [u32; 16],
    /// Words of `block` already handed out.
    used: u8,
}

impl ChaChaKeys {
    /// Keys from a seed that must be unpredictable and used for nothing else.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let mut words = [0; 8];
        for (word, bytes) in words.iter_mut().zip(seed.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        Self { seed: words, counter: 0, block: [0; 16], used: 16 }
    }

    /// Keys from a seed of the operating system's making.
    ///
    /// On Unix the seed is read from `/dev/urandom`. On Windows it is drawn
    /// through [`RandomState`](std::hash::RandomState): 128 bits of the system's
    /// randomness, which is all that `std` gives access to there. Elsewhere the error is
    /// [`Unsupported`](std::io::ErrorKind::Unsupported), as `std` has no
    /// randomness to offer that deserves the name.
    #[cfg(feature = "std")]
    pub fn from_os() -> std::io::Result<Self> {
        os_seed().map(Self::from_seed)
    }

    /// Unpredictable bytes of another use, such as the handshake's nonce.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(4) {
            let key = self.next_key();
            for (byte, random) in chunk.iter_mut().zip(key) {
                *byte = random;
            }
        }
    }
}

impl MaskingKeys for ChaChaKeys {
    #[inline]
    fn next_key(&mut self) -> [u8; 4] {
        if usize::from(self.used) >= self.block.len() {
            self.block = block(&self.seed, self.counter);
            self.counter = self.counter.wrapping_add(1);
            self.used = 0;
        }
        // The remainder changes nothing, and shows that this cannot panic.
        let word = self.block[usize::from(self.used) % self.block.len()];
        self.used += 1;
        word.to_le_bytes()
    }
}

/// Says nothing of the keys.
impl fmt::Debug for ChaChaKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChaChaKeys").finish_non_exhaustive()
    }
}

/// One block of the key stream, the nonce being zero and the counter of 64
/// bits: one seed lasts for 2^68 keys.
fn block(seed: &[u32; 8], counter: u64) -> [u32; 16] {
    let [a, b, c, d, e, f, g, h] = *seed;
    let (low, high) = (counter as u32, (counter >> 32) as u32);
    permute::<12>([
        0x6170_7865,
        0x3320_646E,
        0x7962_2D32,
        0x6B20_6574,
        a,
        b,
        c,
        d,
        e,
        f,
        g,
        h,
        low,
        high,
        0,
        0,
    ])
}

/// The `ChaCha` block function: rounds, an even number of them, then the sum with
/// the input.
///
/// The four quarter rounds of a round are done side by side, on the rows of the
/// state, which the compiler keeps in a vector each.
fn permute<const ROUNDS: usize>(input: [u32; 16]) -> [u32; 16] {
    let mut rows = [[0; 4]; 4];
    for (row, words) in rows.iter_mut().zip(input.as_chunks().0) {
        *row = *words;
    }
    let [mut a, mut b, mut c, mut d] = rows;
    for _ in 0..ROUNDS / 2 {
        quarter_rounds(&mut a, &mut b, &mut c, &mut d);
        // The diagonals become columns, and go back.
        (b, c, d) = (turn::<1>(b), turn::<2>(c), turn::<3>(d));
        quarter_rounds(&mut a, &mut b, &mut c, &mut d);
        (b, c, d) = (turn::<3>(b), turn::<2>(c), turn::<1>(d));
    }
    let mut output = input;
    for (word, add) in output.iter_mut().zip([a, b, c, d].as_flattened()) {
        *word = word.wrapping_add(*add);
    }
    output
}

#[inline]
fn quarter_rounds(a: &mut [u32; 4], b: &mut [u32; 4], c: &mut [u32; 4], d: &mut [u32; 4]) {
    step::<16>(a, b, d);
    step::<12>(c, d, b);
    step::<8>(a, b, d);
    step::<7>(c, d, b);
}

/// `sum += add; mix = (mix ^ sum) <<< N`
#[inline]
fn step<const N: u32>(sum: &mut [u32; 4], add: &[u32; 4], mix: &mut [u32; 4]) {
    for i in 0..4 {
        sum[i] = sum[i].wrapping_add(add[i]);
        mix[i] = (mix[i] ^ sum[i]).rotate_left(N);
    }
}

/// The row with each word moved `N` places to the front.
#[inline]
fn turn<const N: usize>(row: [u32; 4]) -> [u32; 4] {
    [row[N % 4], row[(N + 1) % 4], row[(N + 2) % 4], row[(N + 3) % 4]]
}

#[cfg(all(feature = "std", unix))]
fn os_seed() -> std::io::Result<[u8; 32]> {
    use std::io::Read;

    let mut seed = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut seed)?;
    Ok(seed)
}

#[cfg(all(feature = "std", windows))]
#[expect(clippy::unnecessary_wraps, reason = "one signature on every system")]
fn os_seed() -> std::io::Result<[u8; 32]> {
    use std::hash::{BuildHasher, RandomState};

    // Its 128 secret bits come from the system's generator; SipHash spreads
    // them over four words.
    let state = RandomState::new();
    let mut seed = [0; 32];
    for (i, word) in seed.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        *word = state.hash_one(i).to_le_bytes();
    }
    Ok(seed)
}

#[cfg(all(feature = "std", not(any(unix, windows))))]
fn os_seed() -> std::io::Result<[u8; 32]> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_function_of_rfc_8439_section_2_3_2() {
        // Key 00 01 .. 1f, counter 1, nonce 000000090000004a00000000.
        let input = [
            0x6170_7865,
            0x3320_646E,
            0x7962_2D32,
            0x6B20_6574,
            0x0302_0100,
            0x0706_0504,
            0x0B0A_0908,
            0x0F0E_0D0C,
            0x1312_1110,
            0x1716_1514,
            0x1B1A_1918,
            0x1F1E_1D1C,
            0x0000_0001,
            0x0900_0000,
            0x4A00_0000,
            0x0000_0000,
        ];
        let output = [
            0xE4E7_F110,
            0x1559_3BD1,
            0x1FDD_0F50,
            0xC471_20A3,
            0xC7F4_D1C7,
            0x0368_C033,
            0x9AAA_2204,
            0x4E6C_D4C3,
            0x4664_82D2,
            0x09AA_9F07,
            0x05D7_C214,
            0xA202_8BD9,
            0xD19C_12B5,
            0xB94E_16DE,
            0xE883_D0CB,
            0x4E3C_50A2,
        ];
        assert_eq!(permute::<20>(input), output);
    }

    #[test]
    fn key_stream_of_the_zero_seed() {
        // draft-strombergson-chacha-test-vectors, TC1, 12 rounds: blocks 0 and 1.
        let mut keys = ChaChaKeys::from_seed([0; 32]);
        assert_eq!(keys.next_key(), [0x9b, 0xf4, 0x9a, 0x6a]);
        let mut rest = [0; 60];
        keys.fill(&mut rest);
        assert_eq!(keys.next_key(), [0x0b, 0xd5, 0x88, 0x41]);
    }

    #[test]
    fn every_bit_of_the_seed_matters() {
        let first = |seed| ChaChaKeys::from_seed(seed).next_key();
        let zero = first([0; 32]);
        for bit in 0..256 {
            let mut seed = [0; 32];
            seed[bit / 8] = 1 << (bit % 8);
            assert_ne!(first(seed), zero, "bit {bit}");
        }
    }

    #[test]
    fn blocks_differ_in_all_64_bits_of_the_counter() {
        let blocks = [0, 1, 1 << 31, 1 << 32, 1 << 63].map(|counter| block(&[0; 8], counter));
        for (i, one) in blocks.iter().enumerate() {
            assert!(!blocks[..i].contains(one), "{i}");
        }
    }

    /// As it would if the counter began again, after 16 or after 32 bits.
    #[test]
    fn no_block_comes_again() {
        let mut blocks = Vec::new();
        for (counter, len) in [(0, (1 << 16) + 1), ((1 << 32) - 1, 2)] {
            let mut keys = ChaChaKeys { counter, ..ChaChaKeys::from_seed([7; 32]) };
            blocks.extend((0..len).map(|_| [(); 16].map(|()| keys.next_key())));
        }
        let drawn = blocks.len();
        blocks.sort_unstable();
        blocks.dedup();
        assert_eq!(blocks.len(), drawn);
    }

    #[cfg(feature = "std")]
    #[test]
    fn two_streams_of_the_system_differ() {
        let key = || {
            let mut bytes = [0; 16];
            ChaChaKeys::from_os().unwrap().fill(&mut bytes);
            bytes
        };
        assert_ne!(key(), key());
    }
}
