//! AVX2: vectors of 32 bytes.

use core::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm256_alignr_epi8, _mm256_and_si256, _mm256_broadcastsi128_si256,
    _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_permute2x128_si256,
    _mm256_set1_epi8, _mm256_set1_epi32, _mm256_shuffle_epi8, _mm256_srli_epi16,
    _mm256_storeu_si256, _mm256_subs_epu8, _mm256_testz_si256, _mm256_xor_si256,
};
use core::mem::MaybeUninit;

use crate::simd::{Shuffle, Simd};

/// Proof that the CPU has AVX2.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    #[inline]
    pub(super) fn detect() -> Option<Self> {
        std::is_x86_feature_detected!("avx2").then_some(Self(()))
    }
}

kernels!(Avx2, "avx2");

// SAFETY: each operation is the instruction that does it.
unsafe impl Simd<32> for Avx2 {
    type Vector = __m256i;

    #[inline(always)]
    fn load(self, bytes: &[u8; 32]) -> __m256i {
        // SAFETY: `self` proves the feature; 32 bytes can be read, at any alignment.
        unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
    }

    #[inline(always)]
    fn put(self, vector: __m256i, room: &mut [MaybeUninit<u8>; 32]) {
        // SAFETY: `self` proves the feature; 32 bytes can be written, at any alignment.
        unsafe { _mm256_storeu_si256(room.as_mut_ptr().cast(), vector) }
    }

    #[inline(always)]
    fn repeat(self, word: [u8; 4]) -> __m256i {
        // SAFETY: `self` proves the feature.
        unsafe { _mm256_set1_epi32(i32::from_le_bytes(word)) }
    }

    #[inline(always)]
    fn xor(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` proves the feature.
        unsafe { _mm256_xor_si256(a, b) }
    }

    #[inline(always)]
    fn or(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` proves the feature.
        unsafe { _mm256_or_si256(a, b) }
    }

    #[inline(always)]
    fn is_ascii(self, vector: __m256i) -> bool {
        // SAFETY: `self` proves the feature.
        unsafe { _mm256_movemask_epi8(vector) == 0 }
    }
}

// SAFETY: each operation is the instruction that does it.
unsafe impl Shuffle<32> for Avx2 {
    #[inline(always)]
    fn splat(self, byte: u8) -> __m256i {
        // SAFETY: `self` proves the feature.
        unsafe { _mm256_set1_epi8(byte.cast_signed()) }
    }

    #[inline(always)]
    fn and(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` proves the feature.
        unsafe { _mm256_and_si256(a, b) }
    }

    #[inline(always)]
    fn saturating_sub(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` proves the feature.
        unsafe { _mm256_subs_epu8(a, b) }
    }

    #[inline(always)]
    fn high_nibbles(self, vector: __m256i) -> __m256i {
        // SAFETY: `self` proves the feature.
        let shifted = unsafe { _mm256_srli_epi16::<4>(vector) };
        self.and(shifted, self.splat(0x0F))
    }

    #[inline(always)]
    fn look_up(self, table: [u8; 16], indices: __m256i) -> __m256i {
        // SAFETY: `self` proves the feature; 16 bytes can be read, at any alignment.
        let table = unsafe { _mm_loadu_si128(table.as_ptr().cast()) };
        // SAFETY: `self` proves the feature.
        let tables = unsafe { _mm256_broadcastsi128_si256(table) };
        // SAFETY: `self` proves the feature.
        unsafe { _mm256_shuffle_epi8(tables, indices) }
    }

    #[inline(always)]
    fn previous(self, before: __m256i, vector: __m256i) -> [__m256i; 3] {
        // The instruction that shifts by bytes does so in each 16 bytes alone,
        // so it is given the 16 before them.
        // SAFETY: `self` proves the feature.
        let lanes = unsafe { _mm256_permute2x128_si256::<0x21>(before, vector) };
        [
            // SAFETY: `self` proves the feature.
            unsafe { _mm256_alignr_epi8::<15>(vector, lanes) },
            // SAFETY: `self` proves the feature.
            unsafe { _mm256_alignr_epi8::<14>(vector, lanes) },
            // SAFETY: `self` proves the feature.
            unsafe { _mm256_alignr_epi8::<13>(vector, lanes) },
        ]
    }

    #[inline(always)]
    fn is_zero(self, vector: __m256i) -> bool {
        // SAFETY: `self` proves the feature.
        unsafe { _mm256_testz_si256(vector, vector) == 1 }
    }
}
