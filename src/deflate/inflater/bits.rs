//! Bits out of bytes, lowest first (RFC 1951 §3.1.1), across any cut between
//! two pieces of input.

/// A piece of input behind the bits left over from the pieces before it.
#[derive(Clone, Copy)]
pub(super) struct BitReader<'i> {
    /// The next `count` bits (at most 63), the next one lowest. Above them there
    /// may be more bits of the input, read ahead but not counted: they are what
    /// the next refill will put there again.
    bits: u64,
    count: u32,
    input: &'i [u8],
}

impl<'i> BitReader<'i> {
    pub(super) fn new(leftover: Leftover, input: &'i [u8]) -> Self {
        Self { bits: leftover.bits, count: u32::from(leftover.count), input }
    }

    /// What to go on with when there is more input, and the input not looked
    /// at.
    pub(super) fn suspend(self) -> (Leftover, &'i [u8]) {
        let bits = self.bits & ((1 << self.count) - 1);
        (Leftover { bits, count: self.count as u8 }, self.input)
    }

    /// Fills the bit buffer to 56 bits or more, or with all the input there is.
    pub(super) fn refill(&mut self) {
        if let Some(word) = self.input.first_chunk() {
            // Shift in eight bytes, then count only those that fit whole: no
            // loop, no branch on how many.
            self.bits |= u64::from_le_bytes(*word) << self.count;
            let bytes = (63 - self.count) / 8 % 8;
            self.input = self.input.get(bytes as usize..).unwrap_or_default();
            // That makes 56 bits, and those of a byte begun.
            self.count |= 0b11_1000;
        } else {
            while self.count < 56
                && let Some((&byte, rest)) = self.input.split_first()
            {
                self.bits |= u64::from(byte) << self.count;
                self.count += 8;
                self.input = rest;
            }
        }
    }

    /// The next bits; of them only [`count`](Self::count) are known to be
    /// input.
    pub(super) fn peek(&self) -> u64 {
        self.bits
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Drops `n` bits, at most [`count`](Self::count) and less than 64.
    pub(super) fn consume(&mut self, n: u32) {
        self.bits >>= n;
        self.count -= n;
    }

    /// The next `n` bits (at most 32) as a number, or `None` and nothing
    /// consumed if the input ends before.
    pub(super) fn take(&mut self, n: u32) -> Option<u32> {
        if self.count < n {
            self.refill();
            if n > self.count {
                return None;
            }
        }
        let value = self.bits & ((1 << n) - 1);
        self.consume(n);
        Some(value as u32)
    }

    /// Whether there is a whole byte of input, at a byte's boundary.
    pub(super) fn has_byte(&self) -> bool {
        self.count >= 8 || !self.input.is_empty()
    }

    /// Drops what is left of a byte begun.
    pub(super) fn align(&mut self) {
        self.consume(self.count % 8);
    }

    /// Copies whole bytes into `output` until it is full or the input ends;
    /// returns how many. To be called at a byte's boundary.
    pub(super) fn copy_bytes(&mut self, output: &mut [u8]) -> usize {
        let room = output.len();
        let mut slots = output.iter_mut();
        while self.count >= 8
            && let Some(slot) = slots.next()
        {
            *slot = self.bits as u8;
            self.consume(8);
        }
        let rest = slots.into_slice();
        if !rest.is_empty() {
            // The bit buffer is empty; what it read ahead is about to be passed
            // over.
            self.bits = 0;
        }
        let n = self.input.len().min(rest.len());
        let (bytes, input) = self.input.split_at(n);
        rest[..n].copy_from_slice(bytes);
        self.input = input;
        room - rest.len() + n
    }
}

/// Bits of input consumed but not yet used: what a decoder keeps between two
/// pieces of input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leftover {
    bits: u64,
    count: u8,
}

impl Leftover {
    pub(super) const EMPTY: Self = Self { bits: 0, count: 0 };

    pub(super) fn is_empty(self) -> bool {
        self.count == 0
    }

    /// Whole bytes.
    pub(super) const fn len(self) -> usize {
        (self.count / 8) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_lowest_first_across_cuts() {
        let mut reader = BitReader::new(Leftover::EMPTY, &[0b1010_0110]);
        assert_eq!(reader.take(3), Some(0b110));
        assert_eq!(reader.take(7), None);
        let (leftover, rest) = reader.suspend();
        assert!(rest.is_empty());
        let mut reader = BitReader::new(leftover, &[0b01]);
        assert_eq!(reader.take(7), Some(0b011_0100));
        assert_eq!(reader.count(), 6);
    }

    #[test]
    fn bytes_are_copied_from_the_buffer_and_then_from_the_input() {
        let mut reader = BitReader::new(Leftover::EMPTY, b"\x07abcdefghijkl");
        assert_eq!(reader.take(3), Some(7));
        reader.align();
        let mut output = [0; 12];
        assert_eq!(reader.copy_bytes(&mut output[..2]), 2);
        assert_eq!(reader.copy_bytes(&mut output[2..]), 10);
        assert_eq!(&output, b"abcdefghijkl");
        assert_eq!(reader.take(1), None);
    }

    #[test]
    fn a_refill_leaves_room_for_no_byte_more() {
        let input = [0xff; 20];
        for begun in 0..=63 {
            for len in 0..=input.len() {
                let leftover = Leftover { bits: (1 << begun) - 1, count: begun };
                let mut reader = BitReader::new(leftover, &input[..len]);
                reader.refill();
                let all = usize::from(begun) + 8 * len;
                let expected = if all < 64 { all } else { 56 + usize::from(begun % 8) };
                assert_eq!(reader.count() as usize, expected, "{begun} {len}");
            }
        }
        assert_eq!(BitReader::new(Leftover::EMPTY, &[7]).take(8), Some(7));
    }
}
