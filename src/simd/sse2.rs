//! SSE2, which every x86-64 has: vectors of 16 bytes.

use core::arch::x86_64::{
    __m128i, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi32, _mm_storeu_si128,
    _mm_xor_si128,
};
use core::mem::MaybeUninit;

use crate::simd::Simd;

/// Needs no proof: SSE2 is part of x86-64.
#[derive(Clone, Copy)]
pub(super) struct Sse2;

#[cfg(not(target_feature = "sse2"))]
compile_error!("x86-64 without SSE2: turn the feature `simd` off");

// SAFETY: each operation is the instruction that does it.
unsafe impl Simd<16> for Sse2 {
    type Vector = __m128i;

    #[inline(always)]
    fn load(self, bytes: &[u8; 16]) -> __m128i {
        // SAFETY: every x86-64 has SSE2; 16 bytes can be read, at any alignment.
        unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
    }

    #[inline(always)]
    fn put(self, vector: __m128i, room: &mut [MaybeUninit<u8>; 16]) {
        // SAFETY: every x86-64 has SSE2; 16 bytes can be written, at any alignment.
        unsafe { _mm_storeu_si128(room.as_mut_ptr().cast(), vector) }
    }

    #[inline(always)]
    fn repeat(self, word: [u8; 4]) -> __m128i {
        // SAFETY: every x86-64 has SSE2.
        unsafe { _mm_set1_epi32(i32::from_le_bytes(word)) }
    }

    #[inline(always)]
    fn xor(self, a: __m128i, b: __m128i) -> __m128i {
        // SAFETY: every x86-64 has SSE2.
        unsafe { _mm_xor_si128(a, b) }
    }

    #[inline(always)]
    fn or(self, a: __m128i, b: __m128i) -> __m128i {
        // SAFETY: every x86-64 has SSE2.
        unsafe { _mm_or_si128(a, b) }
    }

    #[inline(always)]
    fn is_ascii(self, vector: __m128i) -> bool {
        // SAFETY: every x86-64 has SSE2.
        unsafe { _mm_movemask_epi8(vector) == 0 }
    }
}
