//! From messages to frames. Every state transition of sending is in this file.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

use crate::close::CloseFrame;
use crate::connection::event::Kind;
use crate::connection::outbound::{ControlFrame, Frame};
use crate::connection::role::{Client, Role, Server};
use crate::error::SendError;
#[cfg(feature = "alloc")]
use crate::frame::MAX_HEADER;
use crate::frame::{Header, Opcode, Rsv};
use crate::keys::MaskingKeys;
use crate::mask;
use crate::payload::Payload;

/// The sending half of a connection.
///
/// It knows what was sent, and nothing of what arrived.
#[derive(Debug)]
pub struct Sender<R> {
    role: R,
    /// The message whose parts are being sent.
    message: Option<Message>,
    /// Whether our Close is sent.
    closed: bool,
    /// Whether permessage-deflate is agreed.
    allow_compressed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Message {
    kind: Kind,
    compressed: bool,
}

impl Message {
    const fn plain(kind: Kind) -> Self {
        Self { kind, compressed: false }
    }

    const fn compressed(kind: Kind) -> Self {
        Self { kind, compressed: true }
    }
}

impl Sender<Server> {
    /// Sends `payload` as a whole message, without copying it.
    #[inline]
    pub fn send<'p>(&mut self, kind: Kind, payload: &'p [u8]) -> Result<Frame<'p>, SendError> {
        self.between_messages()?;
        self.send_part(kind, true, payload)
    }

    /// Sends `payload` as the next part of a message, `last` or not, without
    /// copying it.
    #[inline]
    pub fn send_part<'p>(
        &mut self,
        kind: Kind,
        last: bool,
        payload: &'p [u8],
    ) -> Result<Frame<'p>, SendError> {
        self.frame(Message::plain(kind), last, payload)
    }

    /// Sends `payload`, which is compressed, as the next part of a compressed
    /// message, `last` or not, without copying it.
    pub fn send_compressed_part<'p>(
        &mut self,
        kind: Kind,
        last: bool,
        payload: &'p [u8],
    ) -> Result<Frame<'p>, SendError> {
        self.frame(Message::compressed(kind), last, payload)
    }

    #[inline]
    fn frame<'p>(
        &mut self,
        message: Message,
        last: bool,
        payload: &'p [u8],
    ) -> Result<Frame<'p>, SendError> {
        let header = self.data_header(message, last, payload.len())?;
        self.note_sent(message, last);
        Ok(Frame::new(header, payload))
    }
}

impl<K: MaskingKeys> Sender<Client<K>> {
    /// Sends `payload` as a whole message, masking it in place.
    ///
    /// On error `payload` is untouched.
    #[inline]
    pub fn send<'p>(&mut self, kind: Kind, payload: &'p mut [u8]) -> Result<Frame<'p>, SendError> {
        self.between_messages()?;
        self.send_part(kind, true, payload)
    }

    /// Sends `payload` as the next part of a message, `last` or not, masking
    /// it in place.
    ///
    /// On error `payload` is untouched.
    #[inline]
    pub fn send_part<'p>(
        &mut self,
        kind: Kind,
        last: bool,
        payload: &'p mut [u8],
    ) -> Result<Frame<'p>, SendError> {
        self.frame(Message::plain(kind), last, payload)
    }

    /// Sends `payload`, which is compressed, as the next part of a compressed
    /// message, `last` or not, masking it in place.
    pub fn send_compressed_part<'p>(
        &mut self,
        kind: Kind,
        last: bool,
        payload: &'p mut [u8],
    ) -> Result<Frame<'p>, SendError> {
        self.frame(Message::compressed(kind), last, payload)
    }

    #[inline]
    fn frame<'p>(
        &mut self,
        message: Message,
        last: bool,
        payload: &'p mut [u8],
    ) -> Result<Frame<'p>, SendError> {
        let header = self.data_header(message, last, payload.len())?;
        self.note_sent(message, last);
        mask::apply(payload, header.mask.unwrap_or_default());
        Ok(Frame::new(header, payload))
    }
}

impl<R: Role> Sender<R> {
    pub(crate) const fn new(role: R, allow_compressed: bool) -> Self {
        Self { role, message: None, closed: false, allow_compressed }
    }

    /// Writes `payload` as the next part of a message, `last` or not, to the
    /// front of `out`: copied and masked in one pass.
    ///
    /// Returns the whole frame. It is at most [`MAX_HEADER`] bytes longer than
    /// the payload.
    ///
    /// [`MAX_HEADER`]: crate::frame::MAX_HEADER
    #[expect(clippy::inline_always, reason = "a call would be half the cost of a short message")]
    #[inline(always)]
    pub fn encode<'o>(
        &mut self,
        kind: Kind,
        last: bool,
        payload: &[u8],
        out: &'o mut [u8],
    ) -> Result<&'o [u8], SendError> {
        let message = Message::plain(kind);
        let header = self.data_header(message, last, payload.len())?;
        let head = header.encode();
        let needed = head.len() + payload.len();
        let Some(out) = out.get_mut(..needed) else {
            return Err(SendError::BufferTooSmall { needed });
        };
        let Some(room) = head.write(out).and_then(|rest| rest.get_mut(..payload.len())) else {
            return Err(SendError::BufferTooSmall { needed });
        };
        match header.mask {
            Some(key) => mask::copy(payload, room, key),
            None => mask::copy_plain(payload, room),
        }
        self.note_sent(message, last);
        Ok(out)
    }

    /// Appends `payload` as a whole message to `out`.
    #[cfg(feature = "alloc")]
    pub(crate) fn append(
        &mut self,
        kind: Kind,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.between_messages()?;
        let header = self.data_header(Message::plain(kind), true, payload.len())?;
        let head = header.encode();
        head.append_to(out, payload.len());
        let Some(key) = header.mask else {
            out.extend_from_slice(payload);
            return Ok(());
        };
        mask::extend(out, payload, key);
        Ok(())
    }

    /// Appends a whole compressed message to `out`, for the payload of which
    /// `deflate` gets `room` bytes. If it gives up, nothing is appended and the
    /// answer is `false`.
    #[cfg(feature = "alloc")]
    pub(crate) fn append_compressed(
        &mut self,
        kind: Kind,
        room: usize,
        out: &mut Vec<u8>,
        deflate: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Result<bool, SendError> {
        self.between_messages()?;
        if self.closed {
            return Err(SendError::Closed);
        }
        // The payload first, behind room for the longest header.
        let start = out.len();
        let place = start + MAX_HEADER;
        out.resize(place + room, 0);
        let Some(len) = deflate(out.get_mut(place..).unwrap_or_default()) else {
            out.truncate(start);
            return Ok(false);
        };
        let header = self.data_header(Message::compressed(kind), true, len)?;
        let head = header.encode();
        let payload = start + head.len();
        out.copy_within(place..place + len, payload);
        out.truncate(payload + len);
        if let Some(room) = out.get_mut(start..payload) {
            room.copy_from_slice(&head);
        }
        mask::apply(out.get_mut(payload..).unwrap_or_default(), header.mask.unwrap_or_default());
        Ok(true)
    }

    /// A Ping, which the peer answers by a Pong of the same payload.
    #[inline]
    pub fn ping(&mut self, payload: Payload) -> ControlFrame {
        self.control(Opcode::Ping, payload)
    }

    /// A Pong, in answer to a Ping or as a sign of life.
    ///
    /// > A Pong frame sent in response to a Ping frame must have identical
    /// > "Application data" as found in the message body of the Ping frame
    /// > being replied to. (RFC 6455 §5.5.3)
    #[inline]
    pub fn pong(&mut self, payload: Payload) -> ControlFrame {
        self.control(Opcode::Pong, payload)
    }

    /// Our Close: a [`CloseCode`](crate::CloseCode) or a [`CloseFrame`] to
    /// start with, the peer's own to answer it, a
    /// [`ProtocolError`](crate::ProtocolError) to report it.
    ///
    /// `None` if it is sent already.
    ///
    /// > If an endpoint receives a Close frame and did not previously send a
    /// > Close frame, the endpoint MUST send a Close frame in response.
    /// > (RFC 6455 §5.5.1)
    #[must_use = "a frame is sent by writing its bytes"]
    pub fn close(&mut self, close: impl Into<CloseFrame>) -> Option<ControlFrame> {
        if self.closed {
            return None;
        }
        self.closed = true;
        Some(self.control(Opcode::Close, close.into().payload()))
    }

    /// Whether our Close is sent: no more data may be.
    #[must_use]
    pub fn has_sent_close(&self) -> bool {
        self.closed
    }

    /// The header of the next data frame, which [`note_sent`](Self::note_sent) is to
    /// follow.
    #[inline]
    fn data_header(
        &mut self,
        message: Message,
        fin: bool,
        len: usize,
    ) -> Result<Header, SendError> {
        // > The application MUST NOT send any more data frames after sending a
        // > Close frame. (§5.5.1)
        if self.closed {
            return Err(SendError::Closed);
        }
        if message.compressed && !self.allow_compressed {
            return Err(SendError::CompressionNotAgreed);
        }
        let (opcode, rsv) = match self.message {
            // The bit is set on the first frame alone (RFC 7692 §6.1).
            None if message.compressed => (message.kind.opcode(), Rsv::RSV1),
            None => (message.kind.opcode(), Rsv::NONE),
            Some(open) if open == message => (Opcode::Continuation, Rsv::NONE),
            Some(_) => return Err(SendError::KindChanged),
        };
        Ok(Header { rsv, ..self.header(opcode, fin, len) })
    }

    /// A data frame has opened, continued or ended `message`.
    #[inline]
    fn note_sent(&mut self, message: Message, fin: bool) {
        // Most messages are one frame: then nothing changes.
        if self.message.is_some() || !fin {
            self.message = if fin { None } else { Some(message) };
        }
    }

    #[inline]
    fn between_messages(&self) -> Result<(), SendError> {
        match self.message {
            None => Ok(()),
            Some(_) if self.closed => Err(SendError::Closed),
            Some(_) => Err(SendError::UnfinishedMessage),
        }
    }

    fn control(&mut self, opcode: Opcode, payload: Payload) -> ControlFrame {
        ControlFrame::new(self.header(opcode, true, payload.len()), &payload)
    }

    #[inline]
    fn header(&mut self, opcode: Opcode, fin: bool, len: usize) -> Header {
        let mask = self.role.next_key();
        Header { fin, rsv: Rsv::NONE, opcode, mask, len: len as u64 }
    }
}
