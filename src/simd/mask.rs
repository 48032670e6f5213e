//! Masking, a vector at a time.

use core::mem::MaybeUninit;

use crate::mask::{self, advance};
use crate::simd::Simd;

/// From this length on the vectors are aligned first: a store that crosses a
/// cache line costs two, but with fewer of them aligning costs more.
const ALIGN_FROM: usize = 1024;

/// XORs `data` with `key`. Whether all of it is then ASCII.
#[inline(always)]
pub(super) fn unmask<S: Simd<N>, const N: usize>(cpu: S, data: &mut [u8], key: [u8; 4]) -> bool {
    let len = data.len();
    if len < N {
        mask::portable(data, key)
    } else if len <= 2 * N {
        unmask_ends::<S, N, 1>(cpu, data, key)
    } else if len <= 4 * N {
        unmask_ends::<S, N, 2>(cpu, data, key)
    } else if len <= 8 * N {
        unmask_ends::<S, N, 4>(cpu, data, key)
    } else {
        unmask_long(cpu, data, key)
    }
}

/// XORs the first `V` vectors of `data` and the last `V`, which together are all
/// of it and may overlap: all are read before the first is written.
#[inline(always)]
fn unmask_ends<S: Simd<N>, const N: usize, const V: usize>(
    cpu: S,
    data: &mut [u8],
    key: [u8; 4],
) -> bool {
    let turned = cpu.repeat(advance(key, data.len()));
    let key = cpu.repeat(key);
    let end = data.len() - V * N;
    let Some(first) = data.as_chunks().0.first_chunk::<V>() else { return false };
    let first = first.each_ref().map(|bytes| cpu.xor(cpu.load(bytes), key));
    let Some(last) = data[end..].as_chunks().0.first_chunk::<V>() else { return false };
    let last = last.each_ref().map(|bytes| cpu.xor(cpu.load(bytes), turned));
    let mut seen = first[0];
    for (bytes, vector) in data.as_chunks_mut().0.iter_mut().zip(first) {
        cpu.store(vector, bytes);
        seen = cpu.or(seen, vector);
    }
    for (bytes, vector) in data[end..].as_chunks_mut().0.iter_mut().zip(last) {
        cpu.store(vector, bytes);
        seen = cpu.or(seen, vector);
    }
    cpu.is_ascii(seen)
}

#[inline(always)]
fn unmask_long<S: Simd<N>, const N: usize>(cpu: S, data: &mut [u8], key: [u8; 4]) -> bool {
    // The ends overlap other vectors, too.
    let turned = cpu.repeat(advance(key, data.len()));
    let Some(last) = data.last_chunk() else { return false };
    let last = cpu.xor(cpu.load(last), turned);
    let Some(first) = data.first_chunk() else { return false };
    let first = cpu.xor(cpu.load(first), cpu.repeat(key));
    let mut seen = cpu.or(first, last);

    let lead = lead::<_, N>(data);
    let key = cpu.repeat(advance(key, lead));
    let (vectors, _) = data.get_mut(lead..).unwrap_or_default().as_chunks_mut::<N>();
    let (fours, rest) = vectors.as_chunks_mut::<4>();
    for four in fours {
        for bytes in four {
            let vector = cpu.xor(cpu.load(bytes), key);
            cpu.store(vector, bytes);
            seen = cpu.or(seen, vector);
        }
    }
    for bytes in rest {
        let vector = cpu.xor(cpu.load(bytes), key);
        cpu.store(vector, bytes);
        seen = cpu.or(seen, vector);
    }

    if let Some(bytes) = data.first_chunk_mut() {
        cpu.store(first, bytes);
    }
    if let Some(bytes) = data.last_chunk_mut() {
        cpu.store(last, bytes);
    }
    cpu.is_ascii(seen)
}

/// Writes `source` XOR `key` to `target`, which is as long, unless it is shorter
/// than a vector. Whether it did: then each byte of `target` is written.
#[inline(always)]
pub(super) fn copy<S: Simd<N>, const N: usize>(
    cpu: S,
    source: &[u8],
    target: &mut [MaybeUninit<u8>],
    key: [u8; 4],
) -> bool {
    let len = source.len();
    if len < N {
        false
    } else if len <= 2 * N {
        copy_ends::<S, N, 1>(cpu, source, target, key)
    } else if len <= 4 * N {
        copy_ends::<S, N, 2>(cpu, source, target, key)
    } else if len <= 8 * N {
        copy_ends::<S, N, 4>(cpu, source, target, key)
    } else {
        copy_long(cpu, source, target, key)
    }
}

/// Writes the first `V` vectors and the last `V`, which together are all and may
/// overlap.
#[inline(always)]
fn copy_ends<S: Simd<N>, const N: usize, const V: usize>(
    cpu: S,
    source: &[u8],
    target: &mut [MaybeUninit<u8>],
    key: [u8; 4],
) -> bool {
    let end = source.len().saturating_sub(V * N);
    for (start, key) in [(0, key), (end, advance(key, source.len()))] {
        let key = cpu.repeat(key);
        let from = source.get(start..).and_then(|rest| rest.as_chunks().0.first_chunk::<V>());
        let to = target.get_mut(start..).and_then(|rest| rest.as_chunks_mut().0.first_chunk_mut());
        let (Some(from), Some(to)): (_, Option<&mut [_; V]>) = (from, to) else { return false };
        for (from, to) in from.iter().zip(to) {
            cpu.put(cpu.xor(cpu.load(from), key), to);
        }
    }
    true
}

#[inline(always)]
fn copy_long<S: Simd<N>, const N: usize>(
    cpu: S,
    source: &[u8],
    target: &mut [MaybeUninit<u8>],
    key: [u8; 4],
) -> bool {
    let (Some(from), Some(to)) = (source.first_chunk(), target.first_chunk_mut()) else {
        return false;
    };
    cpu.put(cpu.xor(cpu.load(from), cpu.repeat(key)), to);
    let lead = lead::<_, N>(target);
    let turned = cpu.repeat(advance(key, lead));
    let (from, _) = source.get(lead..).unwrap_or_default().as_chunks::<N>();
    let (to, _) = target.get_mut(lead..).unwrap_or_default().as_chunks_mut::<N>();
    for (from, to) in from.iter().zip(to) {
        cpu.put(cpu.xor(cpu.load(from), turned), to);
    }
    let (Some(from), Some(to)) = (source.last_chunk(), target.last_chunk_mut()) else {
        return false;
    };
    let turned = cpu.repeat(advance(key, source.len()));
    cpu.put(cpu.xor(cpu.load(from), turned), to);
    true
}

/// The bytes of `data`, fewer than `N`, before the first aligned vector, where
/// it pays to begin there.
#[inline(always)]
fn lead<T, const N: usize>(data: &[T]) -> usize {
    if data.len() < ALIGN_FROM {
        return 0;
    }
    // It may answer that it cannot tell.
    let lead = data.as_ptr().align_offset(N);
    if lead < N { lead } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::available::{copies, unmaskers};

    const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];
    /// Buffer length with room for every tested length at every offset.
    const ROOM: usize = 64 + 1300;
    /// All lengths to beyond the largest case of its own, and some around where
    /// vectors are aligned.
    fn lengths() -> impl Iterator<Item = usize> {
        (0..=300).chain(510..=516).chain(ALIGN_FROM - 4..ALIGN_FROM + 132)
    }

    fn naive(bytes: &[u8], key: [u8; 4]) -> Vec<u8> {
        bytes.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect()
    }

    #[test]
    fn every_length_offset_and_phase_of_the_key() {
        let plain: [u8; ROOM] = core::array::from_fn(|i| (i * 7 + i / 256) as u8);
        for offset in 0..64 {
            for phase in 0..4 {
                let key = advance(KEY, phase);
                let masked = naive(&plain[offset..], key);
                for len in lengths() {
                    let end = offset + len;
                    for (name, unmask) in unmaskers() {
                        let mut bytes = plain;
                        let ascii = unmask(&mut bytes[offset..end], key);
                        assert_eq!(bytes[offset..end], masked[..len], "{name} {offset} {len}");
                        assert_eq!(bytes[..offset], plain[..offset], "{name} before it");
                        assert_eq!(bytes[end..], plain[end..], "{name} behind it");
                        assert_eq!(ascii, masked[..len].is_ascii(), "{name} {offset} {len}");
                    }
                    for (name, copy) in copies() {
                        let mut bytes = [0xEE; ROOM];
                        copy(&plain[offset..end], &mut bytes[offset..end], key);
                        assert_eq!(bytes[offset..end], masked[..len], "{name} {offset} {len}");
                        assert!(bytes[..offset].iter().all(|&byte| byte == 0xEE), "{name}");
                        assert!(bytes[end..].iter().all(|&byte| byte == 0xEE), "{name}");
                    }
                }
            }
        }
    }

    /// In allocations that end where the bytes do, and, without an offset, begin where
    /// they do: the address sanitizer sees what is read or written beyond.
    #[test]
    fn every_length_and_offset_in_an_allocation_of_its_own() {
        let plain: [u8; ROOM] = core::array::from_fn(|i| (i * 7 + i / 256) as u8);
        let masked = naive(&plain, KEY);
        for offset in [0, 1, 3, 8, 31, 63] {
            for len in lengths() {
                let own = |fill: &[u8]| [&[0; 63][..offset], fill].concat().into_boxed_slice();
                let (plain, masked) = (&plain[..len], &masked[..len]);
                for (name, unmask) in unmaskers() {
                    let mut bytes = own(plain);
                    unmask(&mut bytes[offset..], KEY);
                    assert_eq!(bytes[offset..], *masked, "{name} {offset} {len}");
                }
                for (name, copy) in copies() {
                    let mut target = own(&[0xEE; ROOM][..len]);
                    copy(&own(plain)[offset..], &mut target[offset..], KEY);
                    assert_eq!(target[offset..], *masked, "{name} {offset} {len}");
                }
            }
        }
    }

    #[test]
    fn a_single_byte_that_is_not_ascii_shows_anywhere() {
        for len in lengths() {
            for (name, unmask) in unmaskers() {
                let ascii = naive(&vec![b'a'; len], KEY);
                assert!(unmask(&mut ascii.clone(), KEY), "{name} {len}");
                for at in 0..len {
                    let mut bytes = ascii.clone();
                    bytes[at] ^= 0x80;
                    assert!(!unmask(&mut bytes, KEY), "{name} {len} {at}");
                }
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_and_any_key(
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..5000),
            offset in 0..64_usize,
            key: [u8; 4],
        ) {
            let start = offset.min(bytes.len());
            let plain = &bytes[start..];
            let masked = naive(plain, key);
            for (name, unmask) in unmaskers() {
                let mut bytes = bytes.clone();
                let place = &mut bytes[start..];
                let ascii = unmask(place, key);
                proptest::prop_assert_eq!(&*place, &masked, "{}", name);
                proptest::prop_assert_eq!(ascii, masked.is_ascii(), "{}", name);
            }
            for (name, copy) in copies() {
                let mut target = vec![0; plain.len()];
                copy(plain, &mut target, key);
                proptest::prop_assert_eq!(&target, &masked, "{}", name);
            }
        }
    }
}
