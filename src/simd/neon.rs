//! NEON: vectors of 16 bytes.

use core::arch::aarch64::{
    uint8x16_t, vandq_u8, vdupq_n_u8, vdupq_n_u32, veorq_u8, vextq_u8, vld1q_u8, vmaxvq_u8,
    vorrq_u8, vqsubq_u8, vqtbl1q_u8, vreinterpretq_u8_u32, vshrq_n_u8, vst1q_u8,
};
use core::mem::MaybeUninit;

use crate::simd::{Shuffle, Simd};

/// Proof that the CPU has NEON.
#[derive(Clone, Copy)]
pub(super) struct Neon(());

impl Neon {
    #[inline]
    pub(super) fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Self(()))
    }
}

kernels!(Neon, "neon");

// SAFETY: each operation is the instruction that does it.
unsafe impl Simd<16> for Neon {
    type Vector = uint8x16_t;

    #[inline(always)]
    fn load(self, bytes: &[u8; 16]) -> uint8x16_t {
        // SAFETY: `self` proves the feature; 16 bytes can be read, at any alignment.
        unsafe { vld1q_u8(bytes.as_ptr()) }
    }

    #[inline(always)]
    fn put(self, vector: uint8x16_t, room: &mut [MaybeUninit<u8>; 16]) {
        // SAFETY: `self` proves the feature; 16 bytes can be written, at any alignment.
        unsafe { vst1q_u8(room.as_mut_ptr().cast(), vector) }
    }

    #[inline(always)]
    fn repeat(self, word: [u8; 4]) -> uint8x16_t {
        // SAFETY: `self` proves the feature.
        let words = unsafe { vdupq_n_u32(u32::from_ne_bytes(word)) };
        // SAFETY: `self` proves the feature.
        unsafe { vreinterpretq_u8_u32(words) }
    }

    #[inline(always)]
    fn xor(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        // SAFETY: `self` proves the feature.
        unsafe { veorq_u8(a, b) }
    }

    #[inline(always)]
    fn or(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        // SAFETY: `self` proves the feature.
        unsafe { vorrq_u8(a, b) }
    }

    #[inline(always)]
    fn is_ascii(self, vector: uint8x16_t) -> bool {
        // SAFETY: `self` proves the feature.
        unsafe { vmaxvq_u8(vector) < 0x80 }
    }
}

// SAFETY: each operation is the instruction that does it.
unsafe impl Shuffle<16> for Neon {
    #[inline(always)]
    fn splat(self, byte: u8) -> uint8x16_t {
        // SAFETY: `self` proves the feature.
        unsafe { vdupq_n_u8(byte) }
    }

    #[inline(always)]
    fn and(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        // SAFETY: `self` proves the feature.
        unsafe { vandq_u8(a, b) }
    }

    #[inline(always)]
    fn saturating_sub(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        // SAFETY: `self` proves the feature.
        unsafe { vqsubq_u8(a, b) }
    }

    #[inline(always)]
    fn high_nibbles(self, vector: uint8x16_t) -> uint8x16_t {
        // SAFETY: `self` proves the feature.
        unsafe { vshrq_n_u8::<4>(vector) }
    }

    #[inline(always)]
    fn look_up(self, table: [u8; 16], indices: uint8x16_t) -> uint8x16_t {
        let table = self.load(&table);
        // SAFETY: `self` proves the feature.
        unsafe { vqtbl1q_u8(table, indices) }
    }

    #[inline(always)]
    fn previous(self, before: uint8x16_t, vector: uint8x16_t) -> [uint8x16_t; 3] {
        [
            // SAFETY: `self` proves the feature.
            unsafe { vextq_u8::<15>(before, vector) },
            // SAFETY: `self` proves the feature.
            unsafe { vextq_u8::<14>(before, vector) },
            // SAFETY: `self` proves the feature.
            unsafe { vextq_u8::<13>(before, vector) },
        ]
    }

    #[inline(always)]
    fn is_zero(self, vector: uint8x16_t) -> bool {
        // SAFETY: `self` proves the feature.
        unsafe { vmaxvq_u8(vector) == 0 }
    }
}
