//! What was inflated before, for matches to reach back into.

use super::super::window::WindowBits;

/// The last bytes inflated: all that inflating keeps from one message to the
/// next, in memory `M` that the caller lends.
///
/// `M` is any buffer of bytes: an array, a `&mut [u8]`, a `Box<[u8]>`, a
/// `Vec<u8>`. Without context takeover no window is needed when each message is
/// inflated into one buffer (see
/// [`Inflater::inflate_whole`](super::Inflater::inflate_whole)).
#[derive(Clone)]
pub struct InflateWindow<M> {
    /// The first `size` bytes are a ring.
    memory: M,
    bits: WindowBits,
    /// Where in the ring the next byte goes.
    next: u16,
    /// How many bytes the ring holds.
    len: u16,
}

impl<M: AsRef<[u8]> + AsMut<[u8]>> InflateWindow<M> {
    /// A window with nothing in it, in the first
    /// [`bits.size()`](WindowBits::size) bytes of `memory`.
    ///
    /// # Panics
    /// If `memory` is shorter than that.
    #[must_use]
    pub fn new(bits: WindowBits, memory: M) -> Self {
        assert!(memory.as_ref().len() >= bits.size(), "memory is shorter than the window");
        Self { memory, bits, next: 0, len: 0 }
    }

    /// Forgets everything, as between two messages without context takeover.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// The memory that was lent.
    #[must_use]
    pub fn into_memory(self) -> M {
        self.memory
    }

    pub(super) fn bits(&self) -> WindowBits {
        self.bits
    }

    pub(super) fn history(&self) -> History<'_> {
        let ring = self.memory.as_ref().get(..self.bits.size()).unwrap_or_default();
        History { ring, next: usize::from(self.next), len: usize::from(self.len) }
    }

    /// Appends `bytes`, of which only as many matter as the window holds.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let size = self.bits.size();
        let ring = self.memory.as_mut().get_mut(..size).unwrap_or_default();
        let bytes = bytes.rchunks(size).next().unwrap_or_default();
        let next = usize::from(self.next);
        let mut rest = bytes;
        for start in [next, 0] {
            let room = ring.get_mut(start..).unwrap_or_default();
            let (piece, after) = rest.split_at(rest.len().min(room.len()));
            room[..piece.len()].copy_from_slice(piece);
            rest = after;
        }
        // A window has at most 2^15 bytes, so both fit 16 bits.
        self.next = ((next + bytes.len()) & (size - 1)) as u16;
        self.len = (usize::from(self.len) + bytes.len()).min(size) as u16;
    }
}

impl<M> core::fmt::Debug for InflateWindow<M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("InflateWindow")
            .field("bits", &self.bits)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// A window to read from.
#[derive(Clone, Copy)]
pub(super) struct History<'w> {
    ring: &'w [u8],
    next: usize,
    len: usize,
}

impl<'w> History<'w> {
    pub(super) const NONE: Self = Self { ring: &[], next: 0, len: 0 };

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// `length` bytes from `back` bytes before the end (1 to `len`) on, and what
    /// lies behind them in memory, `padded` in all; `None` if the end or the edge
    /// of the ring is before.
    pub(super) fn get(&self, back: usize, length: usize, padded: usize) -> Option<&'w [u8]> {
        if length > back || back > self.len {
            return None;
        }
        // The size of a window is a power of two.
        let start = self.next.wrapping_sub(back) & self.ring.len().wrapping_sub(1);
        self.ring.get(start..start + padded)
    }

    /// The bytes from `back` bytes before the end (at most `len`) up to the
    /// end, in two pieces of which the second may be empty.
    pub(super) fn last(&self, back: usize) -> (&'w [u8], &'w [u8]) {
        let (newest, oldest) = self.ring.split_at_checked(self.next).unwrap_or_default();
        if back <= self.next {
            (newest.get(newest.len() - back..).unwrap_or_default(), &[])
        } else {
            (oldest.get(self.ring.len() - back..).unwrap_or_default(), newest)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_keeps_the_last_bytes() {
        let mut window = InflateWindow::new(WindowBits::MIN, [0; 300]);
        let mut all = [0u8; 1000];
        for (n, byte) in all.iter_mut().enumerate() {
            *byte = (n * 7 % 251) as u8;
        }
        let mut end = 0;
        for n in [0, 1, 200, 55, 0, 300, 256, 3, 100] {
            window.push(&all[end..end + n]);
            end += n;
            let history = window.history();
            assert_eq!(history.len(), end.min(256));
            for back in 1..=history.len() {
                let (first, second) = history.last(back);
                let expected = &all[end - back..end];
                assert_eq!((first, second), expected.split_at(first.len()));
            }
        }
        window.clear();
        assert_eq!(window.history().len(), 0);
    }
}
