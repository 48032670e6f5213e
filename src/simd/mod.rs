//! Masking, UTF-8 and SHA-1 with the vectors of the CPU at hand: all the
//! `unsafe` code of the crate.
//!
//! ```text
//!  cpu              which instruction sets are there
//!  sse2 avx2 avx512 neon
//!                   an instruction set as a value, and its operations
//!  mask utf8        the kernels, written once for all of them, without `unsafe`
//!  sha1             the accept key's compression function
//! ```
//!
//! A value of [`Avx2`](avx2::Avx2) and its like proves that the CPU has those
//! instructions, since its `detect` alone makes one, and looks first. So its
//! methods are safe to call, and a kernel that is given the value needs no `unsafe`.
//! For each there is portable code that gives the same, with which it is compared
//! by tests: [`crate::mask`], `core::str::from_utf8`, [`crate::sha1`].

#![expect(unsafe_code, reason = "CPU instructions; each use says why it is sound")]
#![expect(clippy::inline_always, reason = "see `Simd`")]
#![deny(clippy::undocumented_unsafe_blocks, clippy::multiple_unsafe_ops_per_block)]

/// What is done with the vectors of `$vectors`, whose features are named: each a
/// function that has them enabled, into which the kernel is inlined.
macro_rules! kernels {
    ($vectors:ident, $features:literal) => {
        impl $vectors {
            #[inline]
            pub(super) fn unmask(self, data: &mut [u8], key: [u8; 4]) -> bool {
                #[target_feature(enable = $features)]
                fn run(cpu: $vectors, data: &mut [u8], key: [u8; 4]) -> bool {
                    $crate::simd::mask::unmask(cpu, data, key)
                }
                // SAFETY: `self` proves the features.
                unsafe { run(self, data, key) }
            }

            #[inline]
            pub(super) fn copy_masked(
                self,
                source: &[u8],
                target: &mut [MaybeUninit<u8>],
                key: [u8; 4],
            ) -> bool {
                #[target_feature(enable = $features)]
                fn run(
                    cpu: $vectors,
                    source: &[u8],
                    target: &mut [MaybeUninit<u8>],
                    key: [u8; 4],
                ) -> bool {
                    $crate::simd::mask::copy(cpu, source, target, key)
                }
                // SAFETY: `self` proves the features.
                unsafe { run(self, source, target, key) }
            }

            #[inline]
            pub(super) fn is_utf8(self, bytes: &[u8]) -> bool {
                #[target_feature(enable = $features)]
                fn run(cpu: $vectors, bytes: &[u8]) -> bool {
                    $crate::simd::utf8::is_utf8(cpu, bytes)
                }
                // SAFETY: `self` proves the features.
                unsafe { run(self, bytes) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod cpu;
mod mask;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod sha1;
#[cfg(target_arch = "x86_64")]
mod sse2;
mod utf8;

use alloc::vec::Vec;
use core::mem::MaybeUninit;
use core::str::Utf8Error;

use self::cpu::{Vectors, vectors};
#[cfg(target_arch = "x86_64")]
use self::sse2::Sse2;
use crate::mask::Unmasked;

/// What words of the portable code do best.
const WORDS: usize = 16;

/// From this length on it pays to ask which vectors the CPU has, in place of taking
/// those that each has.
#[cfg(target_arch = "x86_64")]
const ASK_CPU: usize = 128;

/// XORs `data` with `key`. Whether all of it is then ASCII.
#[inline]
pub(crate) fn unmask(data: &mut [u8], key: [u8; 4]) -> bool {
    match data.len() {
        0..=WORDS => crate::mask::portable(data, key),
        #[cfg(target_arch = "x86_64")]
        0..ASK_CPU if !cpu::PORTABLE => mask::unmask(Sse2, data, key),
        _ => unmask_long(data, key),
    }
}

/// The same, with less code where it is inlined.
#[inline]
pub(crate) fn unmask_small(data: &mut [u8], key: [u8; 4]) -> bool {
    #[inline(never)]
    fn unmask_more(data: &mut [u8], key: [u8; 4]) -> bool {
        unmask(data, key)
    }
    match data.len() {
        0..=WORDS => crate::mask::portable(data, key),
        #[cfg(target_arch = "x86_64")]
        0..=32 if !cpu::PORTABLE => mask::unmask(Sse2, data, key),
        _ => unmask_more(data, key),
    }
}

fn unmask_long(data: &mut [u8], key: [u8; 4]) -> bool {
    match vectors() {
        #[cfg(target_arch = "x86_64")]
        Vectors::Avx512(cpu) => cpu.unmask(data, key),
        #[cfg(target_arch = "x86_64")]
        Vectors::Avx2(cpu) => cpu.unmask(data, key),
        #[cfg(target_arch = "aarch64")]
        Vectors::Neon(cpu) => cpu.unmask(data, key),
        Vectors::Portable => crate::mask::portable(data, key),
    }
}

/// Writes `source` XOR `key` to `target`, which is as long.
#[inline]
pub(crate) fn copy_masked(source: &[u8], target: &mut [u8], key: [u8; 4]) {
    // SAFETY: bytes alone are written there.
    let room = unsafe { as_room(target) };
    if !copy_by_vectors(source, room, key) {
        crate::mask::portable_copy(source, target, key);
    }
}

/// Appends `source` XOR `key` to `target`.
#[inline]
pub(crate) fn extend_masked(target: &mut Vec<u8>, source: &[u8], key: [u8; 4]) {
    let len = source.len();
    target.reserve(len);
    let room = target.spare_capacity_mut().split_at_mut(len).0;
    if copy_by_vectors(source, room, key) {
        // SAFETY: `room` is `len` bytes of the capacity behind `target`, and all of
        // them have just been written.
        unsafe { target.set_len(target.len() + len) };
    } else {
        crate::mask::portable_extend(target, source, key);
    }
}

/// Writes `source` XOR `key` to `target`, which is as long, if there are vectors for
/// so many bytes. Whether it did: then each byte of `target` is written.
#[inline]
fn copy_by_vectors(source: &[u8], target: &mut [MaybeUninit<u8>], key: [u8; 4]) -> bool {
    match source.len() {
        0..WORDS => false,
        #[cfg(target_arch = "x86_64")]
        0..ASK_CPU if !cpu::PORTABLE => mask::copy(Sse2, source, target, key),
        _ => copy_long(source, target, key),
    }
}

/// Out of line, for the sake of callers that are inlined.
#[inline(never)]
fn copy_long(source: &[u8], target: &mut [MaybeUninit<u8>], key: [u8; 4]) -> bool {
    match vectors() {
        #[cfg(target_arch = "x86_64")]
        Vectors::Avx512(cpu) => cpu.copy_masked(source, target, key),
        #[cfg(target_arch = "x86_64")]
        Vectors::Avx2(cpu) => cpu.copy_masked(source, target, key),
        #[cfg(target_arch = "aarch64")]
        Vectors::Neon(cpu) => cpu.copy_masked(source, target, key),
        Vectors::Portable => false,
    }
}

/// `bytes` as a place to write to.
///
/// # Safety
/// Nothing but bytes may be written there: no `MaybeUninit::uninit()`.
unsafe fn as_room(bytes: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    let room: *mut [u8] = bytes;
    // SAFETY: the same bytes, with the same layout, borrowed for as long; the
    // caller sees to it that they stay initialised.
    unsafe { &mut *(room as *mut [MaybeUninit<u8>]) }
}

/// As [`core::str::from_utf8`].
#[inline]
pub(crate) fn from_utf8(bytes: &[u8]) -> Result<&str, Utf8Error> {
    let valid = match vectors() {
        #[cfg(target_arch = "x86_64")]
        Vectors::Avx512(cpu) => cpu.is_utf8(bytes),
        #[cfg(target_arch = "x86_64")]
        Vectors::Avx2(cpu) => cpu.is_utf8(bytes),
        #[cfg(target_arch = "aarch64")]
        Vectors::Neon(cpu) => cpu.is_utf8(bytes),
        Vectors::Portable => false,
    };
    if valid {
        // SAFETY: the kernel has just found that they are UTF-8.
        return Ok(unsafe { core::str::from_utf8_unchecked(bytes) });
    }
    // The standard library says where the fault is.
    core::str::from_utf8(bytes)
}

/// XORs `data` with `key`; a `str` if the result is ASCII.
#[inline]
pub(crate) fn unmask_str(data: &mut [u8], key: [u8; 4]) -> Unmasked<'_> {
    if unmask_small(data, key) {
        // SAFETY: it has just been seen that all of them are ASCII, by a kernel or by
        // `mask::portable`.
        Unmasked::Ascii(unsafe { core::str::from_utf8_unchecked(data) })
    } else {
        Unmasked::Bytes(data)
    }
}

/// SHA-1's compression function, where the CPU has instructions for it:
/// whether it was applied.
#[inline]
pub(crate) fn sha1_compress(state: &mut [u32; 5], block: &[u8; 64]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if let Some(cpu) = cpu::sha_extensions() {
        cpu.compress(state, block);
        return true;
    }
    let _ = (state, block);
    false
}

/// An instruction set with vectors of `N` bytes.
///
/// Inlined always: the operations become single instructions only inside a
/// function that has the instruction set enabled.
///
/// # Safety
/// Each operation does what is said of it: kernels are believed that bytes were
/// written, that they are ASCII, and that they are UTF-8.
unsafe trait Simd<const N: usize>: Copy {
    type Vector: Copy;

    fn load(self, bytes: &[u8; N]) -> Self::Vector;

    /// Writes each byte of `room`.
    fn put(self, vector: Self::Vector, room: &mut [MaybeUninit<u8>; N]);

    #[inline(always)]
    fn store(self, vector: Self::Vector, bytes: &mut [u8; N]) {
        let room: *mut [u8; N] = bytes;
        // SAFETY: the same bytes, with the same layout; `put` leaves them
        // initialised.
        self.put(vector, unsafe { &mut *room.cast::<[MaybeUninit<u8>; N]>() });
    }

    /// `word`, in memory order, again and again.
    fn repeat(self, word: [u8; 4]) -> Self::Vector;

    fn xor(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;

    fn or(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;

    fn is_ascii(self, vector: Self::Vector) -> bool;
}

/// What UTF-8 needs besides.
///
/// # Safety
/// As for [`Simd`].
unsafe trait Shuffle<const N: usize>: Simd<N> {
    /// The bytes, of which there are at most `N`, then zeros.
    #[inline(always)]
    fn load_part(self, bytes: &[u8]) -> Self::Vector {
        let mut padded = [0; N];
        for (slot, byte) in padded.iter_mut().zip(bytes) {
            *slot = *byte;
        }
        self.load(&padded)
    }

    /// `byte` in each place.
    fn splat(self, byte: u8) -> Self::Vector;

    fn and(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;

    /// Differences of bytes, negative ones being 0.
    fn saturating_sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;

    /// The upper four bits of each byte.
    fn high_nibbles(self, vector: Self::Vector) -> Self::Vector;

    /// `table[i]` for each byte `i`, all being less than 16.
    fn look_up(self, table: [u8; 16], indices: Self::Vector) -> Self::Vector;

    /// The bytes one, two and three places before those of `vector`, which
    /// comes after `before`.
    fn previous(self, before: Self::Vector, vector: Self::Vector) -> [Self::Vector; 3];

    fn is_zero(self, vector: Self::Vector) -> bool;
}

/// Every kernel that this CPU can run, by name, for the tests that compare them
/// with their twins.
#[cfg(test)]
#[expect(clippy::type_complexity, reason = "signatures as they are read best")]
mod available {
    #[cfg(target_arch = "aarch64")]
    use super::neon::Neon;
    use super::{MaybeUninit, Unmasked};
    #[cfg(target_arch = "x86_64")]
    use super::{Sse2, avx2::Avx2, avx512::Avx512};
    use crate::mask;

    type Named<F> = Vec<(&'static str, Box<F>)>;

    pub(super) fn unmaskers() -> Named<dyn Fn(&mut [u8], [u8; 4]) -> bool> {
        let mut all: Named<dyn Fn(&mut [u8], [u8; 4]) -> bool> =
            vec![("portable", Box::new(mask::portable)), ("chosen", Box::new(super::unmask))];
        all.push(("chosen where inlined", Box::new(super::unmask_small)));
        all.push((
            "as text",
            Box::new(|data, key| match super::unmask_str(data, key) {
                Unmasked::Ascii(text) => text.is_ascii(),
                Unmasked::Bytes(_) => false,
            }),
        ));
        #[cfg(target_arch = "x86_64")]
        {
            all.push(("SSE2", Box::new(|data, key| super::mask::unmask(Sse2, data, key))));
            if let Some(cpu) = Avx2::detect() {
                all.push(("AVX2", Box::new(move |data, key| cpu.unmask(data, key))));
            }
            if let Some(cpu) = Avx512::detect() {
                all.push(("AVX-512", Box::new(move |data, key| cpu.unmask(data, key))));
            }
        }
        #[cfg(target_arch = "aarch64")]
        if let Some(cpu) = Neon::detect() {
            all.push(("NEON", Box::new(move |data, key| cpu.unmask(data, key))));
        }
        all
    }

    pub(super) fn copies() -> Named<dyn Fn(&[u8], &mut [u8], [u8; 4])> {
        let mut all: Named<dyn Fn(&[u8], &mut [u8], [u8; 4])> = vec![
            ("portable", Box::new(mask::portable_copy)),
            ("chosen", Box::new(super::copy_masked)),
            (
                "appended",
                Box::new(|from, to, key| {
                    let mut appended = b"before".to_vec();
                    super::extend_masked(&mut appended, from, key);
                    assert_eq!(&appended[..6], b"before");
                    to.copy_from_slice(&appended[6..]);
                }),
            ),
        ];
        #[cfg(target_arch = "x86_64")]
        {
            all.push(vectors(|from, to, key| super::mask::copy(Sse2, from, to, key), "SSE2"));
            if let Some(cpu) = Avx2::detect() {
                all.push(vectors(move |from, to, key| cpu.copy_masked(from, to, key), "AVX2"));
            }
            if let Some(cpu) = Avx512::detect() {
                all.push(vectors(move |from, to, key| cpu.copy_masked(from, to, key), "AVX-512"));
            }
        }
        #[cfg(target_arch = "aarch64")]
        if let Some(cpu) = Neon::detect() {
            all.push(vectors(move |from, to, key| cpu.copy_masked(from, to, key), "NEON"));
        }
        all
    }

    /// A copy that is to be done by vectors, from the length of one on.
    fn vectors(
        copy: impl Fn(&[u8], &mut [MaybeUninit<u8>], [u8; 4]) -> bool + 'static,
        name: &'static str,
    ) -> (&'static str, Box<dyn Fn(&[u8], &mut [u8], [u8; 4])>) {
        let copy = move |from: &[u8], to: &mut [u8], key| {
            // SAFETY: bytes alone are written there.
            let is_done = copy(from, unsafe { super::as_room(to) }, key);
            assert!(is_done || from.len() < 64, "{name} {}", from.len());
            if !is_done {
                mask::portable_copy(from, to, key);
            }
        };
        (name, Box::new(copy))
    }

    pub(super) fn judges() -> Named<dyn Fn(&[u8]) -> bool> {
        let mut all: Named<dyn Fn(&[u8]) -> bool> =
            vec![("chosen", Box::new(|bytes| super::from_utf8(bytes).is_ok()))];
        #[cfg(target_arch = "x86_64")]
        if let Some(cpu) = Avx2::detect() {
            all.push(("AVX2", Box::new(move |bytes| cpu.is_utf8(bytes))));
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(cpu) = Avx512::detect() {
            all.push(("AVX-512", Box::new(move |bytes| cpu.is_utf8(bytes))));
        }
        #[cfg(target_arch = "aarch64")]
        if let Some(cpu) = Neon::detect() {
            all.push(("NEON", Box::new(move |bytes| cpu.is_utf8(bytes))));
        }
        all
    }
}
