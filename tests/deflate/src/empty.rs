//! Payloads of blocks with nothing in them: the most work that a byte of input can make.

struct Bits {
    bytes: Vec<u8>,
    bits: u64,
    count: u32,
}

impl Bits {
    fn put(&mut self, value: u64, count: u32) {
        self.bits |= value << self.count;
        self.count += count;
        while self.count >= 8 {
            self.bytes.push(self.bits as u8);
            self.bits >>= 8;
            self.count -= 8;
        }
    }
}

/// `count` blocks, each put by `block`, and the header that ends a message.
fn payload(count: usize, mut block: impl FnMut(usize, &mut Bits)) -> Vec<u8> {
    let mut bits = Bits { bytes: Vec::new(), bits: 0, count: 0 };
    for n in 0..count {
        block(n, &mut bits);
    }
    bits.put(0, 3);
    bits.put(0, 7);
    bits.bytes
}

/// Stored blocks, five bytes each.
pub fn stored(count: usize) -> Vec<u8> {
    payload(count, |_, bits| bits.put(0xff_ff00_0000, 40))
}

/// Blocks with the fixed codes, ten bits each.
pub fn fixed(count: usize) -> Vec<u8> {
    payload(count, |_, bits| bits.put(0b010, 10))
}

/// The shortest blocks with codes of their own, 11.5 bytes each. No two that follow each other have the same.
pub fn dynamic(count: usize) -> Vec<u8> {
    payload(count, |n, bits| {
        bits.put(0b100, 3);
        bits.put(14 << 10, 14);
        // Code lengths 18, 0 and 1 have codes of 1, 2 and 2 bits.
        for length in [0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2] {
            bits.put(length, 3);
        }
        // 256 zeros, a one, and a length that differs from block to block.
        bits.put(127 << 1, 8);
        bits.put(107 << 1, 8);
        bits.put(0b11, 2);
        bits.put(if n % 2 == 0 { 0b01 } else { 0b11 }, 2);
        bits.put(0, 1);
    })
}

/// Blocks whose codes fill the largest tables: 286 codes and 30, up to 15 bits long.
pub fn large(count: usize) -> Vec<u8> {
    payload(count, |n, bits| {
        bits.put(0b100, 3);
        bits.put(29 | 29 << 5 | 15 << 10, 14);
        // Each of the 16 lengths has a code of four bits, in their order.
        for symbol in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15] {
            bits.put(if symbol < 16 { 4 } else { 0 }, 3);
        }
        // One code each of 1 to 6 bits, and the last 64th filled with 280 of 14 and 15 bits.
        let mut lengths: Vec<u64> = (1..=6).collect();
        lengths.extend([14; 232]);
        lengths.extend([15; 48]);
        lengths[..6].rotate_left(n % 2);
        // The block ends with a code of one bit, which is 0.
        let one = lengths.iter().position(|&length| length == 1).unwrap();
        lengths.swap(one, 256);
        lengths.extend(1..=14);
        lengths.extend([15, 15]);
        lengths.extend([0; 14]);
        for length in lengths {
            bits.put(u64::from((length as u8).reverse_bits() >> 4), 4);
        }
        bits.put(0, 1);
    })
}
