//! Masking by hand: overlapping vectors for short payloads, AVX-512 or AVX2 for
//! long ones.
//!
//! A payload's end is not a loop of its own but a last vector that overlaps the
//! one before. All that overlaps is loaded before any of it is stored.

/// XORs `data` with `key`.
#[inline]
pub fn apply(data: &mut [u8], key: [u8; 4]) {
    let target = data.as_mut_ptr();
    // SAFETY: `target` is good for reads and writes of all of `data`.
    unsafe { xor(target, target, data.len(), u32::from_le_bytes(key)) }
}

/// Writes `source` XOR `key` to `target`, which is as long.
#[inline]
pub fn copy(source: &[u8], target: &mut [u8], key: [u8; 4]) {
    assert_eq!(source.len(), target.len());
    // SAFETY: both are good for their length, and apart.
    unsafe { xor(source.as_ptr(), target.as_mut_ptr(), source.len(), u32::from_le_bytes(key)) }
}

/// # Safety
/// `source` is good for reads and `target` for writes of `len` bytes; they are
/// the same or apart.
#[inline]
unsafe fn xor(source: *const u8, target: *mut u8, len: usize, key: u32) {
    // SAFETY: the caller's promises; each has the length it asks for.
    unsafe {
        match len {
            ..4 => bytes(source, target, len, key),
            4..8 => halves::<u32, 1>(source, target, len, key),
            8..16 => halves::<u64, 1>(source, target, len, key),
            16..=32 => halves::<Vector, 1>(source, target, len, key),
            33..=64 => halves::<Vector, 2>(source, target, len, key),
            65..=128 => halves::<Vector, 4>(source, target, len, key),
            _ => long(source, target, len, key),
        }
    }
}

/// The key as it stands `len` bytes on.
#[inline]
fn turned(key: u32, len: usize) -> u32 {
    key.rotate_right(8 * (len as u32 % 4))
}

/// Up to 3 bytes: the first, the middle and the last.
#[inline]
unsafe fn bytes(source: *const u8, target: *mut u8, len: usize, key: u32) {
    if len > 0 {
        let key = key.to_le_bytes();
        let (middle, last) = (len / 2, len - 1);
        // SAFETY: all three are below `len`.
        unsafe {
            let bytes = [*source, *source.add(middle), *source.add(last)];
            *target = bytes[0] ^ key[0];
            *target.add(middle) = bytes[1] ^ key[middle];
            *target.add(last) = bytes[2] ^ key[last];
        }
    }
}

/// What is XORed at once.
trait Word: Copy {
    fn splat(key: u32) -> Self;
    fn xor(self, other: Self) -> Self;
}

impl Word for u32 {
    #[inline]
    fn splat(key: u32) -> Self {
        key
    }

    #[inline]
    fn xor(self, other: Self) -> Self {
        self ^ other
    }
}

impl Word for u64 {
    #[inline]
    fn splat(key: u32) -> Self {
        Self::from(key) << 32 | Self::from(key)
    }

    #[inline]
    fn xor(self, other: Self) -> Self {
        self ^ other
    }
}

#[cfg(target_arch = "x86_64")]
type Vector = core::arch::x86_64::__m128i;
#[cfg(not(target_arch = "x86_64"))]
type Vector = [u64; 2];

#[cfg(target_arch = "x86_64")]
impl Word for Vector {
    #[inline]
    fn splat(key: u32) -> Self {
        // SAFETY: x86-64 has SSE2.
        unsafe { core::arch::x86_64::_mm_set1_epi32(key as i32) }
    }

    #[inline]
    fn xor(self, other: Self) -> Self {
        // SAFETY: x86-64 has SSE2.
        unsafe { core::arch::x86_64::_mm_xor_si128(self, other) }
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl Word for Vector {
    #[inline]
    fn splat(key: u32) -> Self {
        [u64::splat(key); 2]
    }

    #[inline]
    fn xor(self, other: Self) -> Self {
        [self[0] ^ other[0], self[1] ^ other[1]]
    }
}

/// `N` words from the front and as many from the back.
///
/// # Safety
/// As for [`xor`], and `len` is `N` words to twice as many.
#[inline]
unsafe fn halves<W: Word, const N: usize>(
    source: *const u8,
    target: *mut u8,
    len: usize,
    key: u32,
) {
    let back = len - N * size_of::<W>();
    // SAFETY: no word ends behind `len`.
    unsafe {
        let load = |at: usize, i: usize| source.add(at).cast::<W>().add(i).read_unaligned();
        let store = |at: usize, i: usize, word| {
            target.add(at).cast::<W>().add(i).write_unaligned(word);
        };
        let front: [W; N] = std::array::from_fn(|i| load(0, i));
        let rear: [W; N] = std::array::from_fn(|i| load(back, i));
        for (i, word) in front.into_iter().enumerate() {
            store(0, i, word.xor(W::splat(key)));
        }
        for (i, word) in rear.into_iter().enumerate() {
            store(back, i, word.xor(W::splat(turned(key, back))));
        }
    }
}

/// More than 128 bytes.
///
/// # Safety
/// As for [`xor`].
#[inline]
unsafe fn long(source: *const u8, target: *mut u8, len: usize, key: u32) {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: the caller's promises, and the CPU has been asked.
        if is_x86_feature_detected!("avx512f") {
            return unsafe { avx512::long(source, target, len, key) };
        }
        if is_x86_feature_detected!("avx2") {
            return unsafe { avx2::long(source, target, len, key) };
        }
    }
    let mut at = 0;
    // SAFETY: pieces of the caller's memory, each but the last a multiple of
    // the key long.
    unsafe {
        while len - at > 128 {
            halves::<Vector, 4>(source.add(at), target.add(at), 128, key);
            at += 128;
        }
        xor(source.add(at), target.add(at), len - at, key);
    }
}

/// The same loop for either width.
#[cfg(target_arch = "x86_64")]
macro_rules! long {
    ($feature:literal, $width:literal, $splat:ident, $load:ident, $store:ident, $xor:ident) => {
        use core::arch::x86_64::{$load, $splat, $store, $xor};

        const WIDTH: usize = $width;

        /// # Safety
        /// As for [`xor`](super::xor), of at least `WIDTH` bytes.
        #[target_feature(enable = $feature)]
        pub unsafe fn long(source: *const u8, target: *mut u8, len: usize, key: u32) {
            let splat = |at: usize| $splat(super::turned(key, at) as i32);
            // From 1 KiB up it pays to align the stores.
            let begin = if len < 1024 { 0 } else { target.align_offset(WIDTH) };
            let end = len - WIDTH;
            let mut at = begin;
            // SAFETY: nothing is touched at or behind `len`; what overlaps the
            // loop is loaded before it and stored after it.
            unsafe {
                let first = $load(source.cast());
                let last = $load(source.add(end).cast());
                let key = splat(begin);
                while at + 4 * WIDTH <= len {
                    let (source, target) = (source.add(at), target.add(at));
                    let a = $xor($load(source.cast()), key);
                    let b = $xor($load(source.add(WIDTH).cast()), key);
                    let c = $xor($load(source.add(2 * WIDTH).cast()), key);
                    let d = $xor($load(source.add(3 * WIDTH).cast()), key);
                    $store(target.cast(), a);
                    $store(target.add(WIDTH).cast(), b);
                    $store(target.add(2 * WIDTH).cast(), c);
                    $store(target.add(3 * WIDTH).cast(), d);
                    at += 4 * WIDTH;
                }
                while at < end {
                    $store(target.add(at).cast(), $xor($load(source.add(at).cast()), key));
                    at += WIDTH;
                }
                $store(target.cast(), $xor(first, splat(0)));
                $store(target.add(end).cast(), $xor(last, splat(end)));
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    long!(
        "avx512f",
        64,
        _mm512_set1_epi32,
        _mm512_loadu_si512,
        _mm512_storeu_si512,
        _mm512_xor_si512
    );
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    long!("avx2", 32, _mm256_set1_epi32, _mm256_loadu_si256, _mm256_storeu_si256, _mm256_xor_si256);
}

#[cfg(test)]
mod tests {
    #[test]
    fn equals_the_naive_loop() {
        let key = [1, 2, 3, 4];
        for len in (0..700).chain([1024, 1100, 5000]) {
            for start in 0..8 {
                let mut data: Vec<u8> = (0..start + len + 8).map(|i| (i * 7) as u8).collect();
                let mut naive = data.clone();
                for (i, byte) in naive[start..start + len].iter_mut().enumerate() {
                    *byte ^= key[i % 4];
                }
                let mut copied = data.clone();
                super::copy(&data[start..start + len], &mut copied[start..start + len], key);
                assert_eq!(copied, naive, "copy, {start}, {len}");
                super::apply(&mut data[start..start + len], key);
                assert_eq!(data, naive, "{start}, {len}");
            }
        }
    }
}
