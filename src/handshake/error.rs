//! What can be wrong with a handshake: by the peer's fault, or the caller's.

use core::error::Error;
use core::fmt;

use crate::handshake::compose::{ComposeError, Reply};

/// The peer's request or response is not a WebSocket handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HandshakeError {
    /// Not the head of an HTTP message.
    MalformedHead,
    /// A head over the limit.
    HeadTooLarge,
    /// A version of HTTP other than 1.1 (or a later 1.x).
    HttpVersion,
    /// A request whose method is not GET.
    MethodNotGet,
    /// A request over HTTP/2 or HTTP/3 whose method is not CONNECT.
    MethodNotConnect,
    /// A CONNECT request whose `:protocol` is not `websocket`.
    NotWebSocket,
    /// A header over HTTP/2 or HTTP/3 that only HTTP/1.1 has, such as
    /// `Connection`.
    ConnectionHeader,
    /// A request for something other than a path, such as `*`.
    BadTarget,
    /// A request that brings a body.
    RequestHasBody,
    /// A request without a `Host`, with several, or a bad one.
    BadHost,
    /// A request with several `Origin`s, or a bad one.
    BadOrigin,
    /// `Upgrade` is missing or does not name `websocket`.
    NotUpgrade,
    /// `Connection` does not name `upgrade`.
    ConnectionNotUpgrade,
    /// A request whose `Sec-WebSocket-Version` is not 13.
    WebSocketVersion,
    /// A request without a `Sec-WebSocket-Key`, with several, or one that is
    /// not 16 bytes in base64.
    BadKey,
    /// A request whose `Sec-WebSocket-Protocol` is not a list of tokens.
    BadProtocols,
    /// `Sec-WebSocket-Extensions` is not a list of extensions.
    BadExtensions,
    /// A response with a status other than 101, or over HTTP/2 and HTTP/3 other
    /// than 200 to 299: this one. Status, headers and body are with the
    /// [`Response`](crate::handshake::Response).
    Refused(u16),
    /// A response whose `Sec-WebSocket-Accept` does not answer our key.
    BadAccept,
    /// A response with a subprotocol that we did not offer, or several.
    ProtocolNotOffered,
    /// A response with an extension that we did not offer, or with parameters
    /// that do not fit our offer.
    ExtensionNotOffered,
}

impl HandshakeError {
    /// The HTTP status that goes with it: what a server answers to such a
    /// request; the response's own where it is a refusal; and for any other
    /// fault of a response 502 (Bad Gateway), as a gateway would say.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::MalformedHead
            | Self::ConnectionHeader
            | Self::BadTarget
            | Self::RequestHasBody
            | Self::BadHost
            | Self::BadOrigin
            | Self::NotUpgrade
            | Self::ConnectionNotUpgrade
            | Self::BadKey
            | Self::BadProtocols
            | Self::BadExtensions => 400,
            Self::MethodNotGet | Self::MethodNotConnect => 405,
            Self::WebSocketVersion => 426,
            Self::HeadTooLarge => 431,
            // > If a server advertises support for Extended CONNECT but
            // > receives an Extended CONNECT request with a ":protocol" value
            // > that is unknown or is not supported, the server SHOULD respond
            // > to the request with a 501 (Not Implemented) status code
            // > (RFC 9220 §3)
            Self::NotWebSocket => 501,
            Self::HttpVersion => 505,
            Self::Refused(status) => status,
            Self::BadAccept | Self::ProtocolNotOffered | Self::ExtensionNotOffered => 502,
        }
    }

    /// Writes the response by which a server refuses such a request to the
    /// front of `out`, for which 512 bytes are enough.
    pub fn reply(self, out: &mut [u8]) -> Result<&[u8], ComposeError> {
        let reply = Reply::new(self.status(), out);
        // > The origin server MUST generate an Allow header field in a 405
        // > response (RFC 9110 §15.5.6)
        //
        // > The HEAD method is identical to GET except that the server MUST NOT
        // > send content in the response. (§9.3.2)
        //
        // It is one of these methods, so none of them gets a body.
        match self {
            Self::MethodNotGet => reply.header("Allow", "GET").body(b""),
            Self::MethodNotConnect => reply.header("Allow", "CONNECT").body(b""),
            _ => reply.header("Content-Type", "text/plain").body(self.as_str().as_bytes()),
        }
    }

    /// The status by which a server refuses such a request over HTTP/2 or
    /// HTTP/3, and the header that goes with it, if one does.
    ///
    /// It is [`status`](Self::status), but for another version of the WebSocket
    /// protocol: a 426 would have to name an `Upgrade`, which these versions of
    /// HTTP do not have.
    #[must_use]
    pub const fn connect_refusal(self) -> (u16, Option<(&'static str, &'static str)>) {
        match self {
            Self::WebSocketVersion => (400, Some(("sec-websocket-version", "13"))),
            Self::MethodNotConnect => (405, Some(("allow", "CONNECT"))),
            _ => (self.status(), None),
        }
    }

    /// The error in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MalformedHead => "not the head of an HTTP message",
            Self::HeadTooLarge => "head too large",
            Self::HttpVersion => "HTTP version is not 1.1",
            Self::MethodNotGet => "method is not GET",
            Self::MethodNotConnect => "method is not CONNECT",
            Self::NotWebSocket => ":protocol is not websocket",
            Self::ConnectionHeader => "header of HTTP/1.1 alone",
            Self::BadTarget => "target is not a path",
            Self::RequestHasBody => "request with a body",
            Self::BadHost => "Host missing, repeated or malformed",
            Self::BadOrigin => "Origin repeated or malformed",
            Self::NotUpgrade => "Upgrade is not websocket",
            Self::ConnectionNotUpgrade => "Connection is not upgrade",
            Self::WebSocketVersion => "Sec-WebSocket-Version is not 13",
            Self::BadKey => "Sec-WebSocket-Key missing, repeated or not 16 bytes in base64",
            Self::BadProtocols => "Sec-WebSocket-Protocol is not a list of tokens",
            Self::BadExtensions => "Sec-WebSocket-Extensions is not a list of extensions",
            Self::Refused(_) => "refused by the server",
            Self::BadAccept => "Sec-WebSocket-Accept does not answer the key",
            Self::ProtocolNotOffered => "subprotocol that was not offered",
            Self::ExtensionNotOffered => "extension that was not offered in this way",
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(status) => write!(f, "{} with status {status}", self.as_str()),
            _ => f.write_str(self.as_str()),
        }
    }
}

impl Error for HandshakeError {}
