//! The header of a frame (RFC 6455 §5.2), parsed and written.
//!
//! ```text
//!   byte 0           byte 1           then
//!  +-+---+-------+  +-+------------+  +----------------+----------------+
//!  |F|RSV|opcode |  |M|  length    |  | 16 or 64 bits  | masking key,   |
//!  |1| 3 |   4   |  |1|     7      |  | if length is   | 4 bytes, if M  |
//!  | |   |       |  | |            |  | 126 or 127     |                |
//!  +-+---+-------+  +-+------------+  +----------------+----------------+
//! ```

// What peers send passes through here: nothing that could panic on it.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::fmt;
use core::ops::{BitOr, Deref};

use crate::error::ProtocolError;

/// The longest header in bytes: 2, a length of 8, a key of 4.
pub const MAX_HEADER: usize = 14;

/// What a frame is, from its lower four bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// 0: the next fragment of a message.
    Continuation = 0,
    /// 1: a text message, or its first fragment.
    Text = 1,
    /// 2: a binary message, or its first fragment.
    Binary = 2,
    /// 8: the beginning or the end of the closing handshake.
    Close = 8,
    /// 9: asks for a Pong.
    Ping = 9,
    /// 10: the answer to a Ping.
    Pong = 10,
}

impl Opcode {
    /// The opcode of this number; `None` for those that the RFC reserves.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    /// Whether this is Close, Ping or Pong.
    ///
    /// > Control frames are identified by opcodes where the most significant
    /// > bit of the opcode is 1. (§5.5)
    #[must_use]
    pub const fn is_control(self) -> bool {
        self as u8 & 8 != 0
    }
}

/// The three reserved bits of a frame, which extensions give a meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rsv(u8);

impl Rsv {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// RSV1, which permessage-deflate uses.
    pub const RSV1: Self = Self(0x40);
    /// RSV2.
    pub const RSV2: Self = Self(0x20);
    /// RSV3.
    pub const RSV3: Self = Self(0x10);

    /// Whether every bit of `other` is set in this one, too.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Rsv {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What the next frame may be, for [`Header::parse`] to hold it against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Whether it must be masked (to a server) or must not be (to a client).
    pub masked: bool,
    /// Whether a fragmented message is open, so that the next data frame
    /// must continue it.
    pub message_open: bool,
    /// The reserved bits that may be set on the first frame of a message. On
    /// continuations and control frames none ever may.
    pub rsv: Rsv,
}

/// A frame's header.
///
/// The fields are free: a test or a fuzzer can write headers that no peer may
/// send. What [`Header::parse`] returns kept every rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether this is the last frame of its message.
    pub fin: bool,
    /// The reserved bits.
    pub rsv: Rsv,
    /// What the frame is.
    pub opcode: Opcode,
    /// The masking key, if the payload is masked.
    pub mask: Option<[u8; 4]>,
    /// The payload's length in bytes.
    pub len: u64,
}

impl Header {
    /// Parses the header at the front of `bytes`: the header and its length
    /// in bytes, or `None` while it is not all there.
    ///
    /// Each rule is checked as soon as the byte that decides it is there, and
    /// in the order of the bytes, so that the verdict does not depend on how
    /// many of them are given at once.
    ///
    /// ```
    /// use sansocket::frame::{Expected, Header, Opcode, Rsv};
    ///
    /// let expected = Expected { masked: false, message_open: false, rsv: Rsv::NONE };
    /// let (header, used) = Header::parse(b"\x81\x05Hello", expected)?.unwrap();
    /// assert_eq!((header.opcode, header.fin, header.len, used), (Opcode::Text, true, 5, 2));
    /// # Ok::<(), sansocket::ProtocolError>(())
    /// ```
    #[inline]
    pub fn parse(bytes: &[u8], expected: Expected) -> Result<Option<(Self, usize)>, ProtocolError> {
        let &[first, ref bytes @ ..] = bytes else { return Ok(None) };
        let (fin, rsv, opcode) = first_byte(first, expected)?;

        let &[second, ref bytes @ ..] = bytes else { return Ok(None) };
        let (masked, short) = second_byte(second, opcode, expected)?;

        let Some((len, length_bytes)) = length(short, bytes)? else { return Ok(None) };
        let mut header = Self { fin, rsv, opcode, mask: None, len };
        let mut used = 2 + length_bytes;
        if masked {
            let key = bytes.get(length_bytes..).and_then(<[u8]>::first_chunk);
            let Some(&key) = key else { return Ok(None) };
            header.mask = Some(key);
            used += key.len();
        }
        Ok(Some((header, used)))
    }

    /// The header as it goes on the wire, its length in the shortest form.
    #[inline]
    #[must_use]
    pub fn encode(&self) -> EncodedHeader {
        // Put together in one number, of which the lowest byte is the first, so
        // that it is stored at once.
        let first = u128::from(u8::from(self.fin) << 7 | self.rsv.0 | self.opcode as u8);
        let (masked, key) = match self.mask {
            Some(key) => (0x8000, u128::from(u32::from_le_bytes(key))),
            None => (0, 0),
        };
        let (bits, len) = match self.len {
            0..=125 => (u128::from(self.len) << 8 | key << 16, 2),
            126..=0xFFFF => {
                (126 << 8 | u128::from((self.len as u16).swap_bytes()) << 16 | key << 32, 4)
            }
            _ => (127 << 8 | u128::from(self.len.swap_bytes()) << 16 | key << 80, 10),
        };
        let len = if masked == 0 { len } else { len + 4 };
        EncodedHeader { bytes: (first | masked | bits).to_le_bytes(), len }
    }
}

/// The header of a message that is a single frame of up to 65,535 bytes and
/// uses no extension.
///
/// Nearly every frame there is, and told by a few comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WholeMessage {
    /// Whether it is text, not binary.
    pub(crate) text: bool,
    /// The masking key; zero if nothing is masked.
    pub(crate) key: [u8; 4],
    /// Length of the header in bytes.
    pub(crate) header_len: usize,
    /// Length of the payload in bytes.
    pub(crate) len: usize,
}

impl WholeMessage {
    /// What [`Header::parse`] would make of `bytes` between two messages, if it is
    /// such a header; `None` whatever else it is, an error too.
    #[inline]
    pub(crate) fn parse(bytes: &[u8], masked: bool) -> Option<Self> {
        let &[first, second, ref rest @ ..] = bytes else { return None };
        let text = match first {
            0x81 => true,
            0x82 => false,
            _ => return None,
        };
        // What is wrongly masked, or not, is over 127 then.
        let short = if masked { second ^ 0x80 } else { second };
        let (len, rest, len_bytes) = match short {
            0..=125 => (usize::from(short), rest, 0),
            126 => {
                let (len, rest) = rest.split_first_chunk()?;
                (usize::from(u16::from_be_bytes(*len)), rest, 2)
            }
            _ => return None,
        };
        if len_bytes == 2 && len < 126 {
            return None;
        }
        let (key, key_bytes) = if masked { (*rest.first_chunk()?, 4) } else { ([0; 4], 0) };
        Some(Self { text, key, header_len: 2 + len_bytes + key_bytes, len })
    }
}

/// FIN, the reserved bits, the opcode, and which frame may follow which.
#[inline]
fn first_byte(byte: u8, expected: Expected) -> Result<(bool, Rsv, Opcode), ProtocolError> {
    let fin = byte & 0x80 != 0;
    let rsv = Rsv(byte & 0x70);
    // > If an unknown opcode is received, the receiving endpoint MUST _Fail
    // > the WebSocket Connection_. (§5.2)
    let opcode = Opcode::from_bits(byte & 0x0F).ok_or(ProtocolError::ReservedOpcode)?;
    // > MUST be 0 unless an extension is negotiated that defines meanings for
    // > non-zero values. (§5.2)
    let starts_message = matches!(opcode, Opcode::Text | Opcode::Binary);
    let allowed = if starts_message { expected.rsv } else { Rsv::NONE };
    if !allowed.contains(rsv) {
        return Err(ProtocolError::ReservedBits);
    }
    if opcode.is_control() {
        // > All control frames [...] MUST NOT be fragmented. (§5.5)
        if !fin {
            return Err(ProtocolError::FragmentedControl);
        }
    } else if starts_message == expected.message_open {
        // > The fragments of one message MUST NOT be interleaved between the
        // > fragments of another message (§5.4)
        return Err(if starts_message {
            ProtocolError::UnfinishedMessage
        } else {
            ProtocolError::UnexpectedContinuation
        });
    }
    Ok((fin, rsv, opcode))
}

/// The mask bit, and the seven bits of length.
#[inline]
fn second_byte(byte: u8, opcode: Opcode, expected: Expected) -> Result<(bool, u8), ProtocolError> {
    let masked = byte & 0x80 != 0;
    let short = byte & 0x7F;
    // > The server MUST close the connection upon receiving a frame that is
    // > not masked. (§5.1)
    if expected.masked && !masked {
        return Err(ProtocolError::Unmasked);
    }
    // > A client MUST close a connection if it detects a masked frame. (§5.1)
    if masked && !expected.masked {
        return Err(ProtocolError::Masked);
    }
    // > All control frames MUST have a payload length of 125 bytes or less
    // > (§5.5)
    if opcode.is_control() && short > 125 {
        return Err(ProtocolError::ControlTooLong);
    }
    // > If there is a body, the first two bytes of the body MUST be a 2-byte
    // > unsigned integer (§5.5.1)
    if opcode == Opcode::Close && short == 1 {
        return Err(ProtocolError::ClosePayloadOfOneByte);
    }
    Ok((masked, short))
}

/// The payload's length, and the number of bytes behind the second that it
/// took.
#[inline]
fn length(short: u8, bytes: &[u8]) -> Result<Option<(u64, usize)>, ProtocolError> {
    let (len, used, least) = match short {
        0..=125 => (short.into(), 0, 0),
        126 => {
            let Some(&len) = bytes.first_chunk() else { return Ok(None) };
            (u16::from_be_bytes(len).into(), 2, 126)
        }
        _ => {
            // > the most significant bit MUST be 0 (§5.2)
            if bytes.first().is_some_and(|&byte| byte >= 0x80) {
                return Err(ProtocolError::LengthOverflow);
            }
            let Some(&len) = bytes.first_chunk() else { return Ok(None) };
            (u64::from_be_bytes(len), 8, 0x1_0000)
        }
    };
    // > in all cases, the minimal number of bytes MUST be used to encode the
    // > length (§5.2)
    if len < least {
        return Err(ProtocolError::LengthNotMinimal);
    }
    Ok(Some((len, used)))
}

/// A header on its way to the wire: 2 to 14 bytes, held in place.
#[derive(Clone, Copy)]
pub struct EncodedHeader {
    /// As long as one store or two; the header, then zeros.
    bytes: [u8; 16],
    /// At most `MAX_HEADER`.
    len: u8,
}

impl EncodedHeader {
    /// Writes the header to the front of `out`, which is to hold the whole frame;
    /// returns what is behind it, of which the first bytes may have been
    /// written to.
    #[inline]
    pub(crate) fn write<'o>(&self, out: &'o mut [u8]) -> Option<&'o mut [u8]> {
        if let Some(front) = out.first_chunk_mut() {
            // In most cases there is room for a single store.
            *front = self.bytes;
        } else if self.len == 2 {
            *out.first_chunk_mut::<2>()? = *self.bytes.first_chunk()?;
        } else {
            // Of frames that are shorter, only those with a key have another
            // length of header.
            *out.first_chunk_mut::<6>()? = *self.bytes.first_chunk()?;
        }
        out.get_mut(usize::from(self.len)..)
    }
}

#[cfg(feature = "alloc")]
impl EncodedHeader {
    /// Appends the header to `out`, with room for a payload of `len` bytes.
    #[inline]
    pub(crate) fn append_to(&self, out: &mut Vec<u8>, len: usize) {
        let end = out.len() + usize::from(self.len);
        out.reserve(self.bytes.len() + len);
        // A single store, and what is too much taken back.
        out.extend_from_slice(&self.bytes);
        out.truncate(end);
    }
}

impl Deref for EncodedHeader {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl fmt::Debug for EncodedHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO_SERVER: Expected = Expected { masked: true, message_open: false, rsv: Rsv::NONE };
    const TO_CLIENT: Expected = Expected { masked: false, ..TO_SERVER };

    /// The rules of the first two bytes once more, as a table, in the order in
    /// which bytes and then rules are judged.
    fn verdict(first: u8, second: u8, expected: Expected) -> Option<ProtocolError> {
        use ProtocolError::*;
        let (fin, rsv, op) = (first >> 7 == 1, first & 0x70, first & 15);
        let (masked, short) = (second >> 7 == 1, second & 127);
        let control = (8..=10).contains(&op);
        let rules = [
            ((3..=7).contains(&op) || op > 10, ReservedOpcode),
            (rsv & !if op == 1 || op == 2 { expected.rsv.0 } else { 0 } != 0, ReservedBits),
            (control && !fin, FragmentedControl),
            (op == 0 && !expected.message_open, UnexpectedContinuation),
            ((op == 1 || op == 2) && expected.message_open, UnfinishedMessage),
            (masked && !expected.masked, Masked),
            (!masked && expected.masked, Unmasked),
            (control && short > 125, ControlTooLong),
            (op == 8 && short == 1, ClosePayloadOfOneByte),
        ];
        rules.into_iter().find_map(|(broken, error)| broken.then_some(error))
    }

    #[test]
    fn all_two_byte_headers_in_every_state() {
        for masked in [false, true] {
            for message_open in [false, true] {
                for rsv in [Rsv::NONE, Rsv::RSV1, Rsv::RSV2 | Rsv::RSV3] {
                    let expected = Expected { masked, message_open, rsv };
                    for [first, second] in (0..=u16::MAX).map(u16::to_be_bytes) {
                        // Followed by bytes that break no rule of their own.
                        let bytes = [first, second, 1, 1, 1, 1, 1, 1, 1, 1, 9, 9, 9, 9];
                        let parsed = Header::parse(&bytes, expected);
                        if let Some(error) = verdict(first, second, expected) {
                            assert_eq!(parsed, Err(error), "{first:02x} {second:02x}");
                            assert_eq!(Header::parse(&bytes[..2], expected), Err(error));
                        } else {
                            let (header, used) = parsed.unwrap().unwrap();
                            assert_eq!(*header.encode(), bytes[..used]);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_whole_message_is_told_as_the_parser_would() {
        for masked in [false, true] {
            let expected = Expected { masked, ..TO_SERVER };
            for [first, second] in (0..=u16::MAX).map(u16::to_be_bytes) {
                for third in [0, 125, 126, 255] {
                    let bytes = [first, second, 0, third, 1, 2, 3, 4];
                    for len in 0..=bytes.len() {
                        let Some(told) = WholeMessage::parse(&bytes[..len], masked) else {
                            continue;
                        };
                        let (header, used) =
                            Header::parse(&bytes[..len], expected).unwrap().unwrap();
                        let opcode = if told.text { Opcode::Text } else { Opcode::Binary };
                        assert!(header.fin && header.rsv == Rsv::NONE && header.opcode == opcode);
                        assert_eq!(header.len, told.len as u64);
                        assert_eq!(header.mask.unwrap_or_default(), told.key);
                        assert_eq!(used, told.header_len);
                    }
                }
            }
        }
        // And it does tell, what it is made for.
        assert!(WholeMessage::parse(b"\x81\x80abcd", true).is_some());
        assert!(WholeMessage::parse(b"\x82\xFE\x00\x7Eabcd", true).is_some());
        assert!(WholeMessage::parse(b"\x81\x7D", false).is_some());
        assert!(WholeMessage::parse(b"\x82\x7E\xFF\xFF", false).is_some());
    }

    #[test]
    fn an_error_shows_at_its_byte_and_stays_the_same() {
        for masked in [false, true] {
            for [first, second] in (0..=u16::MAX).map(u16::to_be_bytes) {
                for third in [0x00, 0x7F, 0x80] {
                    let bytes = [first, second, third, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
                    let expected = Expected { masked, ..TO_SERVER };
                    let whole = Header::parse(&bytes, expected);
                    let early = (0..14).map(|n| Header::parse(&bytes[..n], expected));
                    let decided = early.into_iter().find(|parsed| *parsed != Ok(None));
                    assert_eq!(decided.unwrap_or(whole), whole, "{bytes:02x?}");
                }
            }
        }
    }

    #[test]
    fn lengths_at_every_border_come_back() {
        for len in [0, 1, 125, 126, 127, 0xFFFF, 0x1_0000, u64::from(u32::MAX), (1 << 63) - 1] {
            for mask in [None, Some([1, 2, 3, 4])] {
                let header =
                    Header { fin: true, rsv: Rsv::NONE, opcode: Opcode::Binary, mask, len };
                let expected = if mask.is_some() { TO_SERVER } else { TO_CLIENT };
                let encoded = header.encode();
                assert_eq!(Header::parse(&encoded, expected), Ok(Some((header, encoded.len()))));
                for cut in 0..encoded.len() {
                    assert_eq!(Header::parse(&encoded[..cut], expected), Ok(None));
                }
            }
        }
    }

    #[test]
    fn lengths_that_are_too_long_for_their_value() {
        let parse = |bytes: &[u8]| Header::parse(bytes, TO_CLIENT);
        assert_eq!(parse(b"\x82\x7E\x00\x7D"), Err(ProtocolError::LengthNotMinimal));
        assert!(parse(b"\x82\x7E\x00\x7E").is_ok());
        let long = b"\x82\x7F\x00\x00\x00\x00\x00\x00\xFF\xFF";
        assert_eq!(parse(long), Err(ProtocolError::LengthNotMinimal));
        assert_eq!(parse(b"\x82\x7F\x80"), Err(ProtocolError::LengthOverflow));
    }
}
