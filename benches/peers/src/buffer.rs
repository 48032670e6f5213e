//! Memory whose place is not left to luck.

use std::ops::{Deref, DerefMut};

/// Memory that begins where it is told to in a page.
///
/// A store and a later load that are a multiple of 4 KiB apart wait for one
/// another, so where two buffers lie can cost a contender five times its time.
pub struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

impl Buffer {
    /// `len` bytes from the start of a page on.
    pub fn new(len: usize) -> Self {
        Self::at(0, len)
    }

    /// `len` bytes for frames of payload that lies in a [`Buffer::new`]: half a
    /// page from it.
    pub fn output(len: usize) -> Self {
        Self::at(2048, len)
    }

    fn at(offset: usize, len: usize) -> Self {
        let bytes = vec![0; len + 2 * 4096];
        let start = bytes.as_ptr().align_offset(4096) + offset;
        Self { bytes, start, len }
    }
}

impl From<&[u8]> for Buffer {
    fn from(bytes: &[u8]) -> Self {
        let mut buffer = Self::new(bytes.len());
        buffer.copy_from_slice(bytes);
        buffer
    }
}

impl Deref for Buffer {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[self.start..][..self.len]
    }
}

impl DerefMut for Buffer {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..][..self.len]
    }
}
