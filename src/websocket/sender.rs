//! From whole messages to bytes.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::close::CloseFrame;
use crate::connection::{Role, Sender};
use crate::error::SendError;
use crate::payload::Payload;
use crate::websocket::compression::{Compressor, Scratch};
use crate::websocket::message::Message;

/// The sending half of a [`WebSocket`](crate::WebSocket): whole messages to
/// bytes, which are appended to an `output` of the caller's.
#[derive(Debug)]
pub struct MessageSender<R> {
    sender: Sender<R>,
    compressor: Option<Box<Compressor>>,
}

impl<R> MessageSender<R> {
    pub(super) const fn new(sender: Sender<R>, compressor: Option<Box<Compressor>>) -> Self {
        Self { sender, compressor }
    }

    pub(super) fn compressor_mut(&mut self) -> Option<&mut Compressor> {
        self.compressor.as_deref_mut()
    }
}

impl<R: Role> MessageSender<R> {
    /// Appends a message to `output`, as a single frame: `&str` and `String`
    /// as text, bytes as binary, a [`Message`] as what it is. It is compressed
    /// if that was agreed and is worth it.
    #[inline]
    pub fn send<'m>(
        &mut self,
        message: impl Into<Message<'m>>,
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        let Some(own) = &mut self.compressor else {
            return self.send_uncompressed(message, output);
        };
        let mut scratch = core::mem::take(&mut own.scratch);
        let sent = self.send_with(message, output, &mut scratch);
        if let Some(own) = &mut self.compressor {
            own.scratch = scratch;
        }
        sent
    }

    /// As [`send`](Self::send), with working memory for compression that the
    /// connections of a thread share.
    pub fn send_with<'m>(
        &mut self,
        message: impl Into<Message<'m>>,
        output: &mut Vec<u8>,
        scratch: &mut Scratch,
    ) -> Result<(), SendError> {
        let message = message.into();
        let (kind, bytes) = (message.kind(), message.as_bytes());
        if let Some(own) = &mut self.compressor
            && own.is_worth_it(bytes.len())
        {
            let room = own.room(bytes.len());
            let deflate = |room: &mut [u8]| own.deflate(bytes, room, scratch);
            if self.sender.append_compressed(kind, room, output, deflate)? {
                return Ok(());
            }
        }
        self.sender.append(kind, bytes, output)
    }

    /// As [`send`](Self::send), but never compressed: for messages with
    /// secrets, of which the compressed size could tell.
    #[inline]
    pub fn send_uncompressed<'m>(
        &mut self,
        message: impl Into<Message<'m>>,
        output: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        let message = message.into();
        self.sender.append(message.kind(), message.as_bytes(), output)
    }

    /// Appends a Ping to `output`.
    pub fn ping(&mut self, payload: Payload, output: &mut Vec<u8>) {
        output.extend_from_slice(&self.sender.ping(payload));
    }

    /// Appends a Pong to `output`: the answer to a Ping that the other half
    /// received, or a sign of life.
    pub fn pong(&mut self, payload: Payload, output: &mut Vec<u8>) {
        output.extend_from_slice(&self.sender.pong(payload));
    }

    /// Appends our Close to `output`, unless it is sent already: the peer's own
    /// to answer it, its error to report it, or a code to start with.
    pub fn close(&mut self, close: impl Into<CloseFrame>, output: &mut Vec<u8>) {
        if let Some(frame) = self.sender.close(close) {
            output.extend_from_slice(&frame);
        }
    }

    /// Whether our Close is sent: no more messages may be.
    #[must_use]
    pub fn has_sent_close(&self) -> bool {
        self.sender.has_sent_close()
    }
}
