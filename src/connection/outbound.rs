//! What a sender returns: frames on their way to the wire.

use core::fmt;
use core::ops::Deref;

use crate::frame::{EncodedHeader, Header};
use crate::mask;
use crate::payload::Payload;

/// A data frame: a header, and the caller's own bytes as the payload.
///
/// Made for vectored writes, which may be short:
///
/// ```
/// use std::io::{self, IoSlice, Write};
/// use sansocket::Frame;
///
/// fn write_frame(io: &mut impl Write, mut frame: Frame<'_>) -> io::Result<()> {
///     while !frame.is_empty() {
///         let written = io.write_vectored(&frame.as_slices().map(IoSlice::new))?;
///         if written == 0 {
///             return Err(io::ErrorKind::WriteZero.into());
///         }
///         frame.advance(written);
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a frame is sent by writing its bytes"]
pub struct Frame<'p> {
    header: EncodedHeader,
    payload: &'p [u8],
    /// Bytes of the header that are written.
    written: usize,
}

impl<'p> Frame<'p> {
    #[inline]
    pub(super) fn new(header: Header, payload: &'p [u8]) -> Self {
        Self { header: header.encode(), payload, written: 0 }
    }

    /// What is left to write: of the header, then of the payload.
    #[inline]
    #[must_use]
    pub fn as_slices(&self) -> [&[u8]; 2] {
        [self.header.get(self.written..).unwrap_or_default(), self.payload]
    }

    /// The number of bytes left to write.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.header.len() - self.written + self.payload.len()
    }

    /// Whether all is written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Notes that the next `n` bytes are written; all, if fewer are left.
    #[inline]
    pub fn advance(&mut self, n: usize) {
        let header = n.min(self.header.len() - self.written);
        self.written += header;
        self.payload = self.payload.get(n - header..).unwrap_or_default();
    }
}

/// A Ping, Pong or Close, whole, as the bytes to write.
#[derive(Clone, Copy)]
#[must_use = "a frame is sent by writing its bytes"]
pub struct ControlFrame {
    bytes: [u8; Self::MAX],
    /// At most `MAX`.
    len: u8,
}

impl ControlFrame {
    /// The longest control frame: a header of 2 bytes, a key, a payload.
    const MAX: usize = 2 + 4 + Payload::MAX;

    pub(super) fn new(header: Header, payload: &[u8]) -> Self {
        let mut frame = Self { bytes: [0; Self::MAX], len: 0 };
        let head = header.encode();
        if let Some((start, rest)) = frame.bytes.split_at_mut_checked(head.len()) {
            start.copy_from_slice(&head);
            mask::copy(payload, rest, header.mask.unwrap_or_default());
            frame.len = (head.len() + payload.len()) as u8;
        }
        frame
    }
}

impl Deref for ControlFrame {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl AsRef<[u8]> for ControlFrame {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for ControlFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ControlFrame(b\"{}\")", self.escape_ascii())
    }
}
