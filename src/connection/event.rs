//! What a receiver reports. An event borrows the input or nothing.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::fmt;

use crate::close::CloseFrame;
use crate::frame::Opcode;
#[cfg(feature = "alloc")]
use crate::mask;
use crate::payload::Payload;

/// Something that came from the peer.
///
/// Exhaustive: RFC 6455 has no other frames.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'b> {
    /// The next piece of a message, unmasked where it lay in the input.
    Data(Data<'b>),
    /// A Ping, to be answered by [`Connection::pong`](crate::Connection::pong).
    Ping(Payload),
    /// A Pong, asked for or not.
    Pong(Payload),
    /// The peer's Close, to be answered by
    /// [`Connection::close`](crate::Connection::close). Nothing comes after it.
    Close(CloseFrame),
}

/// What a message is: the type of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Bytes of the application's own meaning.
    Binary,
}

impl Kind {
    pub(super) const fn opcode(self) -> Opcode {
        match self {
            Self::Text => Opcode::Text,
            Self::Binary => Opcode::Binary,
        }
    }
}

/// A piece of a message.
///
/// Pieces come as the bytes do: a piece ends where its frame or the input
/// ends. A message is the pieces from one that [`is_first`](Data::is_first) to
/// one that [`is_last`](Data::is_last), often a single one that is both.
/// They are not the peer's frames: who forwards each as a part of a message cuts
/// it anew. Text has been checked as far as it is delivered, but a character may be cut
/// between two pieces.
#[derive(PartialEq, Eq)]
pub struct Data<'b> {
    pub(super) kind: Kind,
    pub(super) first: bool,
    pub(super) last: bool,
    pub(super) compressed: bool,
    pub(super) payload: &'b mut [u8],
    /// The key, where it is left to layer 2 to unmask the payload.
    pub(super) masked: Option<[u8; 4]>,
}

impl<'b> Data<'b> {
    /// A message in a single piece.
    #[inline]
    pub(super) fn whole(kind: Kind, payload: &'b mut [u8]) -> Self {
        Self { kind, first: true, last: true, compressed: false, payload, masked: None }
    }

    /// Whether the message is text or binary.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether the message begins with this piece.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.first
    }

    /// Whether the message ends with this piece.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.last
    }

    /// Whether the message is compressed, and these are bytes to inflate. Text
    /// is then not checked.
    #[must_use]
    pub fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// The piece's bytes.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.payload
    }

    /// The piece's bytes, to be changed in place.
    #[must_use]
    pub fn payload_mut(&mut self) -> &mut [u8] {
        self.payload
    }

    /// The piece's bytes for as long as the input lives.
    #[must_use]
    pub fn into_payload(self) -> &'b mut [u8] {
        self.payload
    }

    /// The piece's bytes, after unmasking them if that is left to do.
    #[cfg(feature = "alloc")]
    pub(crate) fn into_unmasked(self) -> &'b mut [u8] {
        if let Some(key) = self.masked {
            mask::apply(self.payload, key);
        }
        self.payload
    }

    /// Appends the piece's bytes, unmasking them if that is left to do.
    #[cfg(feature = "alloc")]
    pub(crate) fn append_to(&self, bytes: &mut Vec<u8>) {
        match self.masked {
            Some(key) => mask::extend(bytes, self.payload, key),
            None => bytes.extend_from_slice(self.payload),
        }
    }
}

impl fmt::Debug for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Data")
            .field("kind", &self.kind)
            .field("first", &self.first)
            .field("last", &self.last)
            .field("compressed", &self.compressed)
            .field("payload", &self.payload)
            .finish()
    }
}
