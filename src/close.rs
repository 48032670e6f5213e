//! Close codes and the body of a Close frame (RFC 6455 §5.5.1, §7.4).

// What peers send passes through here: nothing that could panic on it, and no sum
// that could overflow.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

use core::fmt;

use crate::error::ProtocolError;
use crate::payload::{Payload, PayloadTooLong};

/// A status code that may stand in a Close frame.
///
/// The set is open: the codes 3000 to 3999 are registered by libraries, 4000
/// to 4999 are private. What may not be sent cannot be made: codes below 1000,
/// 1004, 1005, 1006, 1015, 1016 to 2999 and 5000 up.
///
/// ```
/// use sansocket::CloseCode;
///
/// assert_eq!(CloseCode::NORMAL.get(), 1000);
/// assert_eq!(CloseCode::new(4001).unwrap().to_string(), "4001");
/// assert_eq!(CloseCode::new(1006), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: a server goes down, a browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a kind of data that this endpoint cannot take.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1007: data at odds with its type, such as text that is not UTF-8.
    pub const INVALID_DATA: Self = Self(1007);
    /// 1008: a message that violates this endpoint's policy.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message too big to process.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1010: the server did not negotiate an extension that the client needs.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: the server met an unexpected condition.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service restarts (IANA registry).
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: the service is overloaded, try again later (IANA registry).
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway had a bad answer from upstream (IANA registry).
    pub const BAD_GATEWAY: Self = Self(1014);

    /// The close code of this number, or `None` where no Close frame may
    /// carry it.
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            // > Status codes in the range 0-999 are not used. (§7.4.2)
            //
            // > 1005 is a reserved value and MUST NOT be set as a status code
            // > in a Close control frame by an endpoint. (§7.4.1; likewise
            // > 1006 and 1015)
            //
            // 1004 and 1016 to 2999 are reserved and not yet defined.
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The body of a Close frame: nothing, or a code and a reason of at most 123
/// bytes of UTF-8.
///
/// ```
/// use sansocket::{CloseCode, CloseFrame};
///
/// let close = CloseFrame::new(CloseCode::GOING_AWAY, "restarting at noon")?;
/// assert_eq!(close.code(), Some(CloseCode::GOING_AWAY));
/// assert_eq!(close.reason(), "restarting at noon");
/// # Ok::<(), sansocket::PayloadTooLong>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CloseFrame {
    /// Empty, or two bytes of a legal code and then UTF-8.
    payload: Payload,
}

impl CloseFrame {
    /// The Close frame without code and reason (the "1005" of other APIs).
    pub const EMPTY: Self = Self { payload: Payload::EMPTY };

    /// The longest reason, in bytes.
    pub const MAX_REASON: usize = Payload::MAX - 2;

    /// A code and a reason of at most [`CloseFrame::MAX_REASON`] bytes.
    pub fn new(code: CloseCode, reason: &str) -> Result<Self, PayloadTooLong> {
        let mut payload = Payload::new(&code.0.to_be_bytes())?;
        payload.extend(reason.as_bytes())?;
        Ok(Self { payload })
    }

    /// Judges the payload of a Close frame from the wire.
    pub fn parse(payload: Payload) -> Result<Self, ProtocolError> {
        match *payload {
            [] => {}
            // > If there is a body, the first two bytes of the body MUST be a
            // > 2-byte unsigned integer (in network byte order) representing
            // > a status code (§5.5.1)
            [_] => return Err(ProtocolError::ClosePayloadOfOneByte),
            [a, b, ref reason @ ..] => {
                CloseCode::new(u16::from_be_bytes([a, b])).ok_or(ProtocolError::BadCloseCode)?;
                // > Following the 2-byte integer, the body MAY contain
                // > UTF-8-encoded data (§5.5.1)
                core::str::from_utf8(reason).map_err(|_| ProtocolError::BadCloseReason)?;
            }
        }
        Ok(Self { payload })
    }

    /// The status code; `None` if the frame has no body.
    #[must_use]
    pub fn code(&self) -> Option<CloseCode> {
        match *self.payload {
            [a, b, ..] => CloseCode::new(u16::from_be_bytes([a, b])),
            _ => None,
        }
    }

    /// The reason, empty if there is none.
    #[must_use]
    pub fn reason(&self) -> &str {
        // Never the default: every constructor has seen that it is UTF-8.
        let reason = self.payload.get(2..).unwrap_or_default();
        core::str::from_utf8(reason).unwrap_or_default()
    }

    /// The body as it goes on the wire.
    #[must_use]
    pub fn payload(&self) -> Payload {
        self.payload
    }
}

/// A Close frame with the code and no reason.
impl From<CloseCode> for CloseFrame {
    fn from(code: CloseCode) -> Self {
        Self::new(code, "").unwrap_or(Self::EMPTY)
    }
}

/// The Close frame that tells the peer what it did wrong.
impl From<ProtocolError> for CloseFrame {
    fn from(error: ProtocolError) -> Self {
        // The code alone, should a text ever outgrow the frame.
        Self::new(error.close_code(), error.as_str()).unwrap_or(error.close_code().into())
    }
}

impl fmt::Debug for CloseFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloseFrame")
            .field("code", &self.code())
            .field("reason", &self.reason())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_against_the_table_of_the_rfc() {
        for code in 0..=u16::MAX {
            let reserved = [0..1000, 1004..1007, 1015..1016, 1016..3000];
            let legal = code < 5000 && !reserved.iter().any(|range| range.contains(&code));
            assert_eq!(CloseCode::new(code).map(CloseCode::get), legal.then_some(code));
        }
    }

    #[test]
    fn bodies_from_the_wire() {
        let parse = |bytes: &[u8]| CloseFrame::parse(Payload::new(bytes).unwrap());
        assert_eq!(parse(b""), Ok(CloseFrame::EMPTY));
        assert_eq!(parse(b"\x03"), Err(ProtocolError::ClosePayloadOfOneByte));
        assert_eq!(parse(b"\x03\xE8"), Ok(CloseCode::NORMAL.into()));
        assert_eq!(parse(b"\x03\xEE"), Err(ProtocolError::BadCloseCode));
        assert_eq!(parse(b"\x03\xE8\xC3"), Err(ProtocolError::BadCloseReason));
        let bye = parse(b"\x0F\xA1bye").unwrap();
        assert_eq!((bye.code(), bye.reason()), (CloseCode::new(4001), "bye"));
    }

    #[test]
    fn reasons_of_at_most_123_bytes() {
        let reason = "x".repeat(124);
        assert!(CloseFrame::new(CloseCode::NORMAL, &reason).is_err());
        let longest = CloseFrame::new(CloseCode::NORMAL, &reason[1..]).unwrap();
        assert_eq!(longest.payload().len(), 125);
        assert_eq!(longest.reason(), &reason[1..]);
    }
}
