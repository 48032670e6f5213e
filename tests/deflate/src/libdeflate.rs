//! libdeflate, which knows whole streams alone: no context takeover, and a final block at the end.

use libdeflater::{CompressionLvl, Compressor, Decompressor};

pub struct Deflate(Compressor);
pub struct Inflate(Decompressor);

impl Deflate {
    pub fn new(level: i32) -> Self {
        Self(Compressor::new(CompressionLvl::new(level).unwrap()))
    }
}

impl crate::Compressor for Deflate {
    fn message(&mut self, message: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + self.0.deflate_compress_bound(message.len()), 0);
        let n = self.0.deflate_compress(message, &mut out[start..]).unwrap();
        out.truncate(start + n);
        // The header of the empty block behind a final one (RFC 7692 §7.2.3.4).
        out.push(0);
    }

    fn reset(&mut self) {}
}

impl Default for Inflate {
    fn default() -> Self {
        Self(Decompressor::new())
    }
}

impl crate::Decompressor for Inflate {
    const TAIL: &[u8] = &[0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff];

    fn message(&mut self, payload: &[u8], out: &mut [u8]) -> usize {
        self.0.deflate_decompress(payload, out).unwrap()
    }

    fn reset(&mut self) {}
}
