//! Bits into bytes, lowest first (RFC 1951 §3.1.1), across any cut between two
//! pieces of output.

use super::DeflateError;

/// A piece of output behind the bits left over from the pieces before it.
pub(super) struct BitWriter<'o> {
    output: &'o mut [u8],
    len: usize,
    bits: u64,
    count: u32,
}

/// The bits, fewer than 8, that wait for a byte to be complete.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Leftover {
    bits: u8,
    count: u8,
}

impl Leftover {
    pub(super) const EMPTY: Self = Self { bits: 0, count: 0 };
}

impl<'o> BitWriter<'o> {
    pub(super) fn new(leftover: Leftover, output: &'o mut [u8]) -> Self {
        Self { output, len: 0, bits: leftover.bits.into(), count: leftover.count.into() }
    }

    /// How many bytes were written, and what to go on with in the next piece.
    pub(super) fn suspend(self) -> (usize, Leftover) {
        (self.len, Leftover { bits: self.bits as u8, count: self.count as u8 })
    }

    /// An error unless there is room for `bits` more, with the byte in which they
    /// end.
    pub(super) fn reserve(&self, bits: usize) -> Result<(), DeflateError> {
        let bytes = (self.count as usize + bits).div_ceil(8);
        let room = self.output.len() - self.len;
        if bytes <= room { Ok(()) } else { Err(DeflateError::OutputFull) }
    }

    /// Bits missing to a byte's boundary once `bits` more are written.
    pub(super) fn padding(&self, bits: usize) -> usize {
        (self.count as usize + bits).wrapping_neg() % 8
    }

    /// Appends the low `count` bits of `value` (at most 56), which has none
    /// above them. There must be room.
    #[inline]
    pub(super) fn put(&mut self, value: u64, count: u32) {
        self.bits |= value << self.count;
        self.count += count;
        let bytes = (self.count / 8) as usize;
        let word = self.bits.to_le_bytes();
        let room = &mut self.output[self.len..];
        if let Some(room) = room.first_chunk_mut() {
            // What is written beyond `bytes` is written again by the next call.
            *room = word;
        } else {
            room[..bytes].copy_from_slice(&word[..bytes]);
        }
        self.len += bytes;
        self.bits >>= self.count & !7;
        self.count &= 7;
    }

    /// Fills up a byte begun with zeros.
    pub(super) fn align(&mut self) {
        self.put(0, self.count.wrapping_neg() % 8);
    }

    /// Appends whole bytes, at a byte's boundary. There must be room.
    pub(super) fn put_bytes(&mut self, bytes: &[u8]) {
        self.output[self.len..][..bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_go_lowest_first_across_cuts() {
        let mut output = [0xff; 4];
        let mut writer = BitWriter::new(Leftover::EMPTY, &mut output[..1]);
        assert!(writer.reserve(8).is_ok() && writer.reserve(9).is_err());
        writer.put(0b110, 3);
        assert_eq!(writer.padding(0), 5);
        let (len, leftover) = writer.suspend();
        assert_eq!(len, 0);
        let mut writer = BitWriter::new(leftover, &mut output);
        assert!(writer.reserve(29).is_ok() && writer.reserve(30).is_err());
        writer.put(0b011_0100, 7);
        writer.align();
        writer.put_bytes(b"ab");
        assert_eq!(writer.suspend().0, 4);
        assert_eq!(output, [0b1010_0110, 0b01, b'a', b'b']);
    }
}
