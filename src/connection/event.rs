//! What a receiver reports. An event borrows the input or nothing.

use crate::close::CloseFrame;
use crate::frame::Opcode;
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
#[derive(Debug, PartialEq, Eq)]
pub struct Data<'b> {
    pub(super) kind: Kind,
    pub(super) first: bool,
    pub(super) last: bool,
    pub(super) compressed: bool,
    pub(super) payload: &'b mut [u8],
}

impl<'b> Data<'b> {
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
}
