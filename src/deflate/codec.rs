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
/// puts it in place: it is then asked for each message that is long enough.
/// With layer 1, call it and send what it gives as the payload of a compressed
/// message.
///
/// What it gives goes to the peer unseen. Were it no DEFLATE, or did a match
/// reach further back than the window agreed on or to a message before
/// [`clear`](Self::clear), the peer would fail the connection.
///
/// A `WebSocket` may go from thread to thread; hence `Send` and `Sync`.
pub trait Deflate: Send + Sync {
    /// Deflates a whole `message` into `output`, as a sync flush ends it but
    /// without the bytes `00 00 FF FF` (RFC 7692 §7.2.1); returns the length of
    /// the payload. An empty message is the byte `00`.
    ///
    /// # Errors
    /// If the payload does not fit `output`, or cannot be made for a reason of
    /// the codec's own. The message is then sent as it is, and so is it if the
    /// length is 0 or more than `output` has. The next call is one of
    /// [`clear`](Self::clear), since the peer has not seen this message.
    fn deflate(&mut self, message: &[u8], output: &mut [u8]) -> Result<usize, DeflateError>;

    /// Forgets everything: the next message refers to none before it. Called
    /// before each message if there is no context takeover, and after an error.
    fn clear(&mut self);
}

/// An inflater other than [`Inflater`](super::Inflater), its window and working
/// memory included. It serves one connection.
///
/// It need not care for limits, nor for how a message may end: [`Checked`] does.
/// [`WebSocket::inflate_with`](https://docs.rs/sansocket/latest/sansocket/struct.WebSocket.html#method.inflate_with)
/// puts it in place. With layer 1, use `Checked` as you would use `Inflater`.
///
/// A `WebSocket` may go from thread to thread; hence `Send` and `Sync`.
pub trait Inflate: Send + Sync {
    /// Inflates from the front of `input`, which may be cut anywhere and be
    /// empty, into `output`, which has room for a byte at least. Cuts off
    /// `input` what it consumed and returns how many bytes it wrote.
    ///
    /// It may stop before the one is used up or the other is full, and is then
    /// called again; but if it has consumed all and left room, no byte may follow
    /// from what it has been given. Behind a final block another stream begins,
    /// on a byte of its own and with the same history (RFC 7692 §7.2.3.4).
    ///
    /// # Errors
    /// If `input` is not DEFLATE; [`InflateError::Other`] will do. The connection
    /// has then failed, and there will be no other call but of
    /// [`clear`](Self::clear).
    fn inflate(&mut self, input: &mut &[u8], output: &mut [u8]) -> Result<usize, InflateError>;

    /// Whether what was consumed ends with a block and at a byte's boundary.
    /// Asked when all of a message has been consumed, the bytes `00 00 FF FF`
    /// with it.
    fn is_between_blocks(&self) -> bool;

    /// Forgets everything: the next message refers to none before it. Called
    /// before each message if there is no context takeover.
    fn clear(&mut self);
}

/// An [`Inflate`] held to what [`Inflater`](super::Inflater) promises: that it
/// tells when a byte more is due than there is room for, that a message cannot
/// end where it likes, and that an error stays.
///
/// A codec that breaks its own promises is an error, too: one that claims to
/// have written more than there was room for, or will not consume its input.
pub struct Checked<I: ?Sized> {
    /// A byte for which there was no room.
    ahead: Option<u8>,
    failed: Option<InflateError>,
    codec: I,
}

impl<I: Inflate> Checked<I> {
    /// This codec, before its first message.
    #[must_use]
    pub const fn new(codec: I) -> Self {
        Self { ahead: None, failed: None, codec }
    }
}

impl<I: Inflate + ?Sized> Checked<I> {
    /// Inflates `input`, the next piece of a message's payload, into `output`;
    /// see [`Inflater::inflate`](super::Inflater::inflate).
    ///
    /// # Errors
    /// If the codec refuses the input or breaks a promise; all later calls give
    /// the same error.
    pub fn inflate(
        &mut self,
        input: &mut &[u8],
        output: &mut [u8],
    ) -> Result<Inflated, InflateError> {
        match self.failed {
            Some(error) => Err(error),
            None => self.run(input, output).inspect_err(|&error| self.failed = Some(error)),
        }
    }

    fn run(&mut self, input: &mut &[u8], output: &mut [u8]) -> Result<Inflated, InflateError> {
        let mut len = 0;
        if let (Some(byte), Some(first)) = (self.ahead, output.first_mut()) {
            *first = byte;
            self.ahead = None;
            len = 1;
        }
        // A codec says no more than that it is full. With room for one byte it
        // shows whether there is another.
        let mut next = [0];
        while self.ahead.is_none() {
            let is_full = len == output.len();
            let room = if is_full { &mut next } else { output.get_mut(len..).unwrap_or_default() };
            let before = input.len();
            let n = self.codec.inflate(input, room)?;
            if n > room.len() || input.len() > before {
                return Err(InflateError::Other);
            }
            let is_idle = n == 0 && input.len() == before;
            let is_done = n < room.len() && input.is_empty();
            if is_full {
                self.ahead = (n > 0).then_some(next[0]);
            } else {
                len += n;
            }
            if is_idle || is_done {
                break;
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
    /// block may be open. The next message may follow.
    ///
    /// # Errors
    /// [`InflateError::Truncated`] if the payload ends anywhere but behind the
    /// header of an empty stored block, or the error that an earlier call gave.
    pub fn finish(&mut self) -> Result<(), InflateError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let tail = self.inflate(&mut &[0, 0, 0xff, 0xff][..], &mut []);
        match tail {
            Ok(Inflated { is_full: false, .. }) if self.codec.is_between_blocks() => Ok(()),
            _ => {
                self.failed = Some(InflateError::Truncated);
                Err(InflateError::Truncated)
            }
        }
    }

    /// Forgets everything, as between two messages without context takeover.
    pub fn clear(&mut self) {
        self.ahead = None;
        self.failed = None;
        self.codec.clear();
    }
}

impl<I: ?Sized> core::fmt::Debug for Checked<I> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Checked").finish_non_exhaustive()
    }
}
