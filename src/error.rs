//! Errors by culprit: [`ProtocolError`] is the peer's, [`SendError`] the
//! caller's. (`handshake` has its own two.)

use core::error::Error;
use core::fmt;

use crate::close::CloseCode;

/// The peer broke a rule of RFC 6455 or a limit of this endpoint.
///
/// It comes from receiving alone, and it is final: the receiver repeats it
/// from then on. [`Connection::close`](crate::Connection::close) takes it and
/// gives the Close frame that tells the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProtocolError {
    /// RSV1, RSV2 or RSV3 set, and no extension that defines it (§5.2).
    ReservedBits,
    /// An opcode of 3 to 7 or 11 to 15 (§5.2).
    ReservedOpcode,
    /// A Ping, Pong or Close without FIN (§5.5).
    FragmentedControl,
    /// A Ping, Pong or Close of more than 125 bytes (§5.5).
    ControlTooLong,
    /// A continuation frame with no message to continue (§5.4).
    UnexpectedContinuation,
    /// A new message inside a fragmented one (§5.4).
    UnfinishedMessage,
    /// An unmasked frame from a client (§5.1).
    Unmasked,
    /// A masked frame from a server (§5.1).
    Masked,
    /// A length in more bytes than it needs (§5.2).
    LengthNotMinimal,
    /// A length of 2^63 or more (§5.2).
    LengthOverflow,
    /// A Close whose body is a single byte (§5.5.1).
    ClosePayloadOfOneByte,
    /// A Close with a code that may not be sent (§7.4).
    BadCloseCode,
    /// A Close with a reason that is not UTF-8 (§5.5.1).
    BadCloseReason,
    /// A compressed message that cannot be inflated (RFC 7692 §7.2.2).
    BadCompression,
    /// A text message that is not UTF-8 (§8.1).
    TextNotUtf8,
    /// A message over [`Config::max_message`](crate::Config::max_message).
    MessageTooBig,
    /// A frame of data over [`Config::max_frame`](crate::Config::max_frame).
    FrameTooBig,
    /// A message over [`Config::max_fragments`](crate::Config::max_fragments).
    TooManyFragments,
}

impl ProtocolError {
    /// The close code that RFC 6455 §7.4.1 has for it.
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::TextNotUtf8 | Self::BadCloseReason | Self::BadCompression => {
                CloseCode::INVALID_DATA
            }
            Self::MessageTooBig | Self::FrameTooBig | Self::TooManyFragments => {
                CloseCode::MESSAGE_TOO_BIG
            }
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }

    /// The error in words, short enough for the reason of a Close frame.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReservedBits => "reserved bit set",
            Self::ReservedOpcode => "reserved opcode",
            Self::FragmentedControl => "fragmented control frame",
            Self::ControlTooLong => "control frame over 125 bytes",
            Self::UnexpectedContinuation => "continuation without a message",
            Self::UnfinishedMessage => "new message inside a fragmented one",
            Self::Unmasked => "unmasked frame from a client",
            Self::Masked => "masked frame from a server",
            Self::LengthNotMinimal => "length not in its shortest form",
            Self::LengthOverflow => "length of 2^63 or more",
            Self::ClosePayloadOfOneByte => "close frame with half a code",
            Self::BadCloseCode => "close code that may not be sent",
            Self::BadCloseReason => "close reason is not UTF-8",
            Self::BadCompression => "compressed message cannot be inflated",
            Self::TextNotUtf8 => "text is not UTF-8",
            Self::MessageTooBig => "message too big",
            Self::FrameTooBig => "frame too big",
            Self::TooManyFragments => "message in too many fragments",
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Error for ProtocolError {}

/// The caller asked for what may not be sent.
///
/// It comes from sending alone. Nothing was sent and nothing changed: the
/// connection goes on as if the call had not been made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendError {
    /// A data frame after our Close (§5.5.1).
    Closed,
    /// A whole message while the parts of another are being sent (§5.4).
    UnfinishedMessage,
    /// A part of another kind than the message it belongs to (§5.4), or
    /// compressed and the message is not, or the other way round.
    KindChanged,
    /// A compressed message without permessage-deflate being agreed.
    CompressionNotAgreed,
    /// The lent buffer is too small; `needed` bytes would do.
    BufferTooSmall {
        /// The length of the frame, header included.
        needed: usize,
    },
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("data after our Close frame"),
            Self::UnfinishedMessage => f.write_str("a fragmented message is not finished"),
            Self::KindChanged => f.write_str("parts of different kinds in one message"),
            Self::CompressionNotAgreed => f.write_str("permessage-deflate is not agreed"),
            Self::BufferTooSmall { needed } => {
                write!(f, "buffer too small, {needed} bytes needed")
            }
        }
    }
}

impl Error for SendError {}
