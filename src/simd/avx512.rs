//! AVX-512: vectors of 64 bytes.

use core::arch::x86_64::{
    __m512i, _mm_loadu_si128, _mm512_alignr_epi8, _mm512_alignr_epi64, _mm512_and_si512,
    _mm512_broadcast_i32x4, _mm512_loadu_si512, _mm512_maskz_loadu_epi8, _mm512_movepi8_mask,
    _mm512_or_si512, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_shuffle_epi8, _mm512_srli_epi16,
    _mm512_storeu_si512, _mm512_subs_epu8, _mm512_test_epi8_mask, _mm512_xor_si512,
};
use core::mem::MaybeUninit;

use crate::simd::{Shuffle, Simd};

/// Proof that the CPU has AVX-512 F and BW.
#[derive(Clone, Copy)]
pub(super) struct Avx512(());

impl Avx512 {
    #[inline]
    pub(super) fn detect() -> Option<Self> {
        let all =
            std::is_x86_feature_detected!("avx512f") && std::is_x86_feature_detected!("avx512bw");
        all.then_some(Self(()))
    }
}

kernels!(Avx512, "avx512f,avx512bw");

// SAFETY: each operation is the instruction that does it.
unsafe impl Simd<64> for Avx512 {
    type Vector = __m512i;

    #[inline(always)]
    fn load(self, bytes: &[u8; 64]) -> __m512i {
        // SAFETY: `self` proves the features; 64 bytes can be read, at any alignment.
        unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
    }

    #[inline(always)]
    fn put(self, vector: __m512i, room: &mut [MaybeUninit<u8>; 64]) {
        // SAFETY: `self` proves the features; 64 bytes can be written, at any alignment.
        unsafe { _mm512_storeu_si512(room.as_mut_ptr().cast(), vector) }
    }

    #[inline(always)]
    fn repeat(self, word: [u8; 4]) -> __m512i {
        // SAFETY: `self` proves the features.
        unsafe { _mm512_set1_epi32(i32::from_le_bytes(word)) }
    }

    #[inline(always)]
    fn xor(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves the features.
        unsafe { _mm512_xor_si512(a, b) }
    }

    #[inline(always)]
    fn or(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves the features.
        unsafe { _mm512_or_si512(a, b) }
    }

    #[inline(always)]
    fn is_ascii(self, vector: __m512i) -> bool {
        // SAFETY: `self` proves the features.
        unsafe { _mm512_movepi8_mask(vector) == 0 }
    }
}

// SAFETY: each operation is the instruction that does it.
unsafe impl Shuffle<64> for Avx512 {
    #[inline(always)]
    fn load_part(self, bytes: &[u8]) -> __m512i {
        let mask = u64::MAX.checked_shr(64_u32.saturating_sub(bytes.len() as u32)).unwrap_or(0);
        // SAFETY: `self` proves the features; `mask` has at most as many bits
        // as there are bytes, and what is masked out is not read.
        unsafe { _mm512_maskz_loadu_epi8(mask, bytes.as_ptr().cast()) }
    }

    #[inline(always)]
    fn splat(self, byte: u8) -> __m512i {
        // SAFETY: `self` proves the features.
        unsafe { _mm512_set1_epi8(byte.cast_signed()) }
    }

    #[inline(always)]
    fn and(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves the features.
        unsafe { _mm512_and_si512(a, b) }
    }

    #[inline(always)]
    fn saturating_sub(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves the features.
        unsafe { _mm512_subs_epu8(a, b) }
    }

    #[inline(always)]
    fn high_nibbles(self, vector: __m512i) -> __m512i {
        // SAFETY: `self` proves the features.
        let shifted = unsafe { _mm512_srli_epi16::<4>(vector) };
        self.and(shifted, self.splat(0x0F))
    }

    #[inline(always)]
    fn look_up(self, table: [u8; 16], indices: __m512i) -> __m512i {
        // SAFETY: `self` proves the features; 16 bytes can be read, at any alignment.
        let table = unsafe { _mm_loadu_si128(table.as_ptr().cast()) };
        // SAFETY: `self` proves the features.
        let tables = unsafe { _mm512_broadcast_i32x4(table) };
        // SAFETY: `self` proves the features.
        unsafe { _mm512_shuffle_epi8(tables, indices) }
    }

    #[inline(always)]
    fn previous(self, before: __m512i, vector: __m512i) -> [__m512i; 3] {
        // The instruction that shifts by bytes does so in each 16 bytes alone,
        // so it is given the 16 before them.
        // SAFETY: `self` proves the features.
        let lanes = unsafe { _mm512_alignr_epi64::<6>(vector, before) };
        [
            // SAFETY: `self` proves the features.
            unsafe { _mm512_alignr_epi8::<15>(vector, lanes) },
            // SAFETY: `self` proves the features.
            unsafe { _mm512_alignr_epi8::<14>(vector, lanes) },
            // SAFETY: `self` proves the features.
            unsafe { _mm512_alignr_epi8::<13>(vector, lanes) },
        ]
    }

    #[inline(always)]
    fn is_zero(self, vector: __m512i) -> bool {
        // SAFETY: `self` proves the features.
        unsafe { _mm512_test_epi8_mask(vector, vector) == 0 }
    }
}
