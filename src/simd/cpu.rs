//! Which instruction sets this CPU has: the one place that asks.
//!
//! For tests, `--cfg sansocket_cpu="avx2"`, `"sse2"` or `"portable"` in `RUSTFLAGS`
//! names the most that may be used.

#[cfg(target_arch = "aarch64")]
use crate::simd::neon::Neon;
#[cfg(target_arch = "x86_64")]
use crate::simd::{avx2::Avx2, avx512::Avx512, sha1::ShaExtensions};

/// The widest vectors there are.
pub(super) enum Vectors {
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
    /// None that this crate has code for.
    Portable,
}

/// Whether none may be used.
pub(super) const PORTABLE: bool = cfg!(sansocket_cpu = "portable");
#[cfg(target_arch = "x86_64")]
const AT_MOST_SSE2: bool = PORTABLE || cfg!(sansocket_cpu = "sse2");
#[cfg(target_arch = "x86_64")]
const AT_MOST_AVX2: bool = AT_MOST_SSE2 || cfg!(sansocket_cpu = "avx2");

/// The CPU is asked once; later calls read a variable.
#[inline]
pub(super) fn vectors() -> Vectors {
    #[cfg(target_arch = "x86_64")]
    if !AT_MOST_AVX2 && let Some(cpu) = Avx512::detect() {
        return Vectors::Avx512(cpu);
    }
    #[cfg(target_arch = "x86_64")]
    if !AT_MOST_SSE2 && let Some(cpu) = Avx2::detect() {
        return Vectors::Avx2(cpu);
    }
    #[cfg(target_arch = "aarch64")]
    if !PORTABLE && let Some(cpu) = Neon::detect() {
        return Vectors::Neon(cpu);
    }
    Vectors::Portable
}

/// The instructions for SHA-1, if there are any.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn sha_extensions() -> Option<ShaExtensions> {
    if PORTABLE { None } else { ShaExtensions::detect() }
}
