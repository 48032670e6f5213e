//! SHA-1 with the instructions that x86-64 has for it.

use core::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_extract_epi32, _mm_loadu_si128, _mm_set_epi32, _mm_set_epi64x,
    _mm_sha1msg1_epu32, _mm_sha1msg2_epu32, _mm_sha1nexte_epu32, _mm_sha1rnds4_epu32,
    _mm_shuffle_epi8, _mm_xor_si128,
};

/// Proof that the CPU has SHA, SSSE3 and SSE4.1.
#[derive(Clone, Copy)]
pub(super) struct ShaExtensions(());

impl ShaExtensions {
    #[inline]
    pub(super) fn detect() -> Option<Self> {
        let all = std::is_x86_feature_detected!("sha")
            && std::is_x86_feature_detected!("ssse3")
            && std::is_x86_feature_detected!("sse4.1");
        all.then_some(Self(()))
    }

    /// One application of the compression function (FIPS 180-4 §6.1.2).
    #[expect(clippy::unused_self, reason = "it is the proof")]
    #[inline]
    pub(super) fn compress(self, state: &mut [u32; 5], block: &[u8; 64]) {
        // SAFETY: `self` proves the features.
        unsafe { compress(state, block) }
    }
}

/// The five words in registers: A to D in one, A uppermost, and in another,
/// uppermost, what the next four rounds make E of.
#[derive(Clone, Copy)]
struct State {
    abcd: __m128i,
    e: __m128i,
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
fn compress(state: &mut [u32; 5], block: &[u8; 64]) {
    let [a, b, c, d, e] = state.map(u32::cast_signed);
    let initial = State { abcd: _mm_set_epi32(a, b, c, d), e: _mm_set_epi32(e, 0, 0, 0) };
    // Each four words of the schedule, the first uppermost.
    let mut schedule = [_mm_set_epi64x(0, 0); 4];
    for (words, bytes) in schedule.iter_mut().zip(block.as_chunks::<16>().0) {
        // SAFETY: 16 bytes can be read, at any alignment.
        let loaded = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
        let reversed = _mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0A0B_0C0D_0E0F);
        *words = _mm_shuffle_epi8(loaded, reversed);
    }
    // The first four rounds take E as it is, all others as E stands after the rotation
    // of an earlier A.
    let first = _mm_add_epi32(initial.e, schedule[0]);
    let mut now = State { abcd: _mm_sha1rnds4_epu32::<0>(initial.abcd, first), e: initial.abcd };
    step(&mut schedule);
    for _ in 1..5 {
        now = rounds::<0>(now, &mut schedule);
    }
    for _ in 5..10 {
        now = rounds::<1>(now, &mut schedule);
    }
    for _ in 10..15 {
        now = rounds::<2>(now, &mut schedule);
    }
    for _ in 15..20 {
        now = rounds::<3>(now, &mut schedule);
    }
    let abcd = _mm_add_epi32(now.abcd, initial.abcd);
    let e = _mm_sha1nexte_epu32(now.e, initial.e);
    *state = [
        _mm_extract_epi32::<3>(abcd),
        _mm_extract_epi32::<2>(abcd),
        _mm_extract_epi32::<1>(abcd),
        _mm_extract_epi32::<0>(abcd),
        _mm_extract_epi32::<3>(e),
    ]
    .map(i32::cast_unsigned);
}

/// Four rounds, with function and constant number `F`.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn rounds<const F: i32>(now: State, schedule: &mut [__m128i; 4]) -> State {
    let e = _mm_sha1nexte_epu32(now.e, schedule[0]);
    step(schedule);
    State { abcd: _mm_sha1rnds4_epu32::<F>(now.abcd, e), e: now.abcd }
}

/// The next four words of the schedule for the first four.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn step(schedule: &mut [__m128i; 4]) {
    let [a, b, c, d] = *schedule;
    let next = _mm_sha1msg2_epu32(_mm_xor_si128(_mm_sha1msg1_epu32(a, b), c), d);
    *schedule = [b, c, d, next];
}
