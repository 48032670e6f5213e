//! What another codec must do to take the place of ours.

// What peers send passes through here: nothing that could panic on it.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

use super::{DeflateError, InflateError, Inflated};

/// A deflater other than [`Deflater`](super::Deflater): another library's, or a
/// piece of hardware. It serves one connection.
///
/// [`WebSocket::deflate_with`](https://docs.rs/sansocket/latest/sansocket/struct.WebSocket.html#method.deflate_with)
/// puts it in place. With layer 1, call it and send what it gives as the payload
/// of a compressed message.
pub trait Deflate: Send + Sync {
    /// Deflates a whole `message` into `output`, as a sync flush ends it but
    /// without the bytes `00 00 FF FF` (RFC 7692 §7.2.1); returns the length of
    /// the payload. An empty message is the byte `00`.
    ///
    /// No match reaches further back than the window agreed on. After an error
    /// comes a call of [`clear`](Self::clear): the message will be sent as it
    /// is.
    ///
    /// # Errors
    /// If the payload does not fit `output`.
    fn deflate(&mut self, message: &[u8], output: &mut [u8]) -> Result<usize, DeflateError>;

    /// Forgets everything: the next message refers to none before it.
    fn clear(&mut self);
}

/// An inflater other than [`Inflater`](super::Inflater), its window and working
/// memory included. It serves one connection.
///
/// It need not care for limits, nor for how a message may end: [`Checked`] does.
/// [`WebSocket::inflate_with`](https://docs.rs/sansocket/latest/sansocket/struct.WebSocket.html#method.inflate_with)
/// puts it in place. With layer 1, use `Checked` as you would use `Inflater`.
pub trait Inflate: Send + Sync {
    /// Inflates the front of `input`, which may be cut anywhere, into `output`,
    /// which has room for a byte at least. Cuts off `input` what it consumed and
    /// returns how many bytes it wrote.
    ///
    /// Goes on until `output` is full, or until `input` is used up and all that
    /// follows from it is written. Behind a final block another stream begins,
    /// on a byte of its own and with the same history (RFC 7692 §7.2.3.4).
    ///
    /// # Errors
    /// If `input` is not DEFLATE; there will be no other call.
    /// [`InflateError::Other`] will do.
    fn inflate(&mut self, input: &mut &[u8], output: &mut [u8]) -> Result<usize, InflateError>;

    /// Whether what was consumed ends with a block and at a byte's boundary.
    fn is_between_blocks(&self) -> bool;

    /// Forgets everything: the next message refers to none before it.
    fn clear(&mut self);
}

/// An [`Inflate`] held to what [`Inflater`](super::Inflater) promises: that it
/// tells when a byte more is due than there is room for, and that a message
/// cannot end where it likes.
pub struct Checked<I: ?Sized> {
    /// A byte for which there was no room.
    ahead: Option<u8>,
    codec: I,
}

impl<I: Inflate> Checked<I> {
    /// This codec, before its first message.
    #[must_use]
    pub const fn new(codec: I) -> Self {
        Self { ahead: None, codec }
    }
}

impl<I: Inflate + ?Sized> Checked<I> {
    /// Inflates `input`, the next piece of a message's payload, into `output`;
    /// see [`Inflater::inflate`](super::Inflater::inflate).
    ///
    /// # Errors
    /// If the codec refuses the input or stops before its end. The connection
    /// has failed then.
    pub fn inflate(
        &mut self,
        input: &mut &[u8],
        output: &mut [u8],
    ) -> Result<Inflated, InflateError> {
        let mut len = 0;
        if let (Some(byte), Some(first)) = (self.ahead, output.first_mut()) {
            *first = byte;
            self.ahead = None;
            len = 1;
        }
        if len < output.len() {
            let room = output.get_mut(len..).unwrap_or_default();
            len += self.codec.inflate(input, room)?.min(room.len());
        }
        if len == output.len() && self.ahead.is_none() {
            // A codec says no more than that it is full. With room for one byte
            // it shows whether there is another.
            let mut next = [0];
            if self.codec.inflate(input, &mut next)? > 0 {
                self.ahead = Some(next[0]);
            }
        }
        let is_full = self.ahead.is_some();
        if is_full || input.is_empty() {
            Ok(Inflated { len, is_full })
        } else {
            Err(InflateError::Other)
        }
    }

    /// Ends the message: gives the codec the bytes `00 00 FF FF` that its sender
    /// removed (RFC 7692 §7.2.2), of which no byte may come and behind which no
    /// block may be open.
    ///
    /// # Errors
    /// [`InflateError::Truncated`] if the payload ends anywhere but behind the
    /// header of an empty stored block.
    pub fn finish(&mut self) -> Result<(), InflateError> {
        let tail = self.inflate(&mut &[0, 0, 0xff, 0xff][..], &mut []);
        match tail {
            Ok(Inflated { is_full: false, .. }) if self.codec.is_between_blocks() => Ok(()),
            _ => Err(InflateError::Truncated),
        }
    }

    /// Forgets everything, as between two messages without context takeover.
    pub fn clear(&mut self) {
        self.ahead = None;
        self.codec.clear();
    }
}

impl<I: ?Sized> core::fmt::Debug for Checked<I> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Checked").finish_non_exhaustive()
    }
}
