//! What the header fields of a request say, gathered once.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use crate::extensions::Extensions;
use crate::handshake::error::HandshakeError;
use crate::handshake::fields::{list, lists, token};

/// The fields of a request on which a handshake depends, found in one walk over
/// all of them.
#[expect(clippy::struct_excessive_bools, reason = "each is the answer to a question of its own")]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Summary<'b> {
    pub(super) host: Occurrence<'b>,
    pub(super) origin: Occurrence<'b>,
    pub(super) version: Occurrence<'b>,
    pub(super) key: Occurrence<'b>,
    /// `Upgrade` lists `websocket`.
    pub(super) websocket: bool,
    /// `Connection` lists `Upgrade`.
    pub(super) upgrade: bool,
    /// There is a body, or may be.
    pub(super) body: bool,
    /// Some `Sec-WebSocket-Protocol` is not a list of tokens.
    bad_protocols: bool,
    /// Some `Sec-WebSocket-Extensions` is malformed.
    bad_extensions: bool,
}

/// A field that may come once at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Occurrence<'b> {
    #[default]
    Never,
    Once(&'b [u8]),
    Repeatedly,
}

impl<'b> Summary<'b> {
    pub(super) fn of(headers: impl Iterator<Item = (&'b [u8], &'b [u8])>) -> Self {
        let mut summary = Self::default();
        for (name, value) in headers {
            summary.add(name, value);
        }
        summary
    }

    /// Holds the fields against the rules that every version of HTTP shares
    /// (RFC 6455 §4.2.1).
    pub(super) fn check(&self) -> Result<(), HandshakeError> {
        // > Optionally, an |Origin| header field.
        let is_ascii = |origin: &[u8]| origin.iter().all(|byte| matches!(byte, b' '..=b'~'));
        if self.origin != Occurrence::Never && !self.origin.single().is_some_and(is_ascii) {
            return Err(HandshakeError::BadOrigin);
        }
        // > A |Sec-WebSocket-Version| header field, with a value of 13.
        if self.version.single() != Some(b"13") {
            return Err(HandshakeError::WebSocketVersion);
        }
        // > Optionally, a |Sec-WebSocket-Protocol| header field, with a list of
        // > values indicating which protocols the client would like to speak
        if self.bad_protocols {
            return Err(HandshakeError::BadProtocols);
        }
        // > Optionally, a |Sec-WebSocket-Extensions| header field, with a list
        // > of values indicating which extensions the client would like to
        // > speak.
        //
        // > If a value is received by either the client or the server during
        // > negotiation that does not conform to the ABNF below, the recipient
        // > of such malformed data MUST immediately _Fail the WebSocket
        // > Connection_. (§9.1)
        if self.bad_extensions {
            return Err(HandshakeError::BadExtensions);
        }
        Ok(())
    }

    #[inline]
    fn add(&mut self, name: &[u8], value: &'b [u8]) {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        // By length, as comparing with all names would take longer than all
        // else here.
        match name.len() {
            4 if is("Host") => self.host.count(value),
            6 if is("Origin") => self.origin.count(value),
            7 if is("Upgrade") => self.websocket |= lists(value, "websocket"),
            10 if is("Connection") => self.upgrade |= lists(value, "Upgrade"),
            14 if is("Content-Length") => self.body |= value != b"0",
            17 if is("Sec-WebSocket-Key") => self.key.count(value),
            17 if is("Transfer-Encoding") => self.body = true,
            21 if is("Sec-WebSocket-Version") => self.version.count(value),
            22 if is("Sec-WebSocket-Protocol") => {
                self.bad_protocols |= list(value).any(|protocol| token(protocol).is_none());
            }
            24 if is("Sec-WebSocket-Extensions") => {
                self.bad_extensions |= Extensions::new(value).any(|offer| offer.is_err());
            }
            _ => {}
        }
    }
}

impl<'b> Occurrence<'b> {
    fn count(&mut self, value: &'b [u8]) {
        *self = if *self == Self::Never { Self::Once(value) } else { Self::Repeatedly };
    }

    /// The value, if the field came just once.
    pub(super) fn single(self) -> Option<&'b [u8]> {
        match self {
            Self::Once(value) => Some(value),
            Self::Never | Self::Repeatedly => None,
        }
    }
}
