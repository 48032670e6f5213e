//! Heads on their way to the wire, written into memory that the caller lends.
//!
//! Nothing that a caller passes can end a line early: names must be tokens,
//! values free of control characters.

use core::error::Error;
use core::fmt;

use crate::deflate::{self, Agreement, Parameters};
use crate::extensions::Extensions;
use crate::handshake::accept_key;
use crate::handshake::connect::Pairs;
use crate::handshake::fields::{Fields, is_value, token};
use crate::handshake::negotiation::{Choice, Wish};
use crate::handshake::request::Upgrade;
use crate::handshake::url::Url;

/// The caller asked for a head that cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ComposeError {
    /// A name that is no token, or a value with control characters.
    BadHeader,
    /// A header that is the handshake's own to write.
    ReservedHeader,
    /// A subprotocol that is no token, is named twice, or was not offered.
    BadProtocol,
    /// An extension that is malformed or was not offered.
    BadExtension,
    /// A status that is not 200 to 599, or one that has no body (204, 304).
    BadStatus,
    /// The lent buffer is too small; `needed` bytes would do.
    BufferTooSmall {
        /// The length of the whole.
        needed: usize,
    },
}

impl fmt::Display for ComposeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadHeader => f.write_str("header with characters that may not be sent"),
            Self::ReservedHeader => f.write_str("header that is the handshake's own"),
            Self::BadProtocol => f.write_str("subprotocol malformed, repeated or not offered"),
            Self::BadExtension => f.write_str("extension malformed or not offered"),
            Self::BadStatus => f.write_str("status is not 200 to 599, or has no body"),
            Self::BufferTooSmall { needed } => {
                write!(f, "buffer too small, {needed} bytes needed")
            }
        }
    }
}

impl Error for ComposeError {}

/// A client's request on its way: extra headers, then [`finish`](Self::finish).
///
/// Made by [`ClientHandshake::request`](crate::handshake::ClientHandshake::request).
#[derive(Debug)]
#[must_use = "a request is sent by writing its bytes"]
pub struct RequestWriter<'o> {
    head: Head<'o>,
}

impl<'o> RequestWriter<'o> {
    pub(super) fn new(url: &Url<'_>, key: &[u8], wish: &Wish<'_>, out: &'o mut [u8]) -> Self {
        let mut head = Head::new(out);
        head.push("GET ").push_resource(url);
        head.push(" HTTP/1.1\r\nHost: ").push_host(url).push("\r\n");
        head.push("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ");
        head.push(key).push("\r\n");
        wish.push(&mut head);
        Self { head }
    }

    /// Adds a header: `Origin`, `Authorization`, `Cookie` and the like.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.head.field(name, value.as_ref());
        self
    }

    /// The whole request.
    pub fn finish(self) -> Result<&'o [u8], ComposeError> {
        self.head.finish()
    }
}

/// A server's 101 response on its way: a subprotocol, extra headers, then
/// [`finish`](Self::finish).
///
/// Made by [`Upgrade::accept`].
#[derive(Debug)]
#[must_use = "a response is sent by writing its bytes"]
pub struct Accept<'b, 'o> {
    choice: Choice<'b, 'o, Fields<'b>>,
}

impl<'b, 'o> Accept<'b, 'o> {
    pub(super) fn new(upgrade: &Upgrade<'b>, out: &'o mut [u8]) -> Self {
        let mut head = Head::new(out);
        head.push("HTTP/1.1 101 Switching Protocols\r\n");
        head.push("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ");
        head.push(accept_key(upgrade.key())).push("\r\n");
        Self { choice: Choice::new(upgrade.offer(), head) }
    }

    /// Chooses a subprotocol, which must be one that the client offered; none
    /// for `None`. See [`Upgrade::choose_protocol`].
    ///
    /// > if the server does not wish to agree to one of the suggested
    /// > subprotocols, it MUST NOT send back a |Sec-WebSocket-Protocol| header
    /// > field in its response (RFC 6455 §4.2.2)
    pub fn protocol<'p>(self, protocol: impl Into<Option<&'p str>>) -> Self {
        Self { choice: self.choice.protocol(protocol.into()) }
    }

    /// Accepts permessage-deflate as [`Compression::accept`] agreed to; not for
    /// `None`.
    ///
    /// [`Compression::accept`]: crate::deflate::Compression::accept
    pub fn compression(self, agreement: impl Into<Option<Agreement>>) -> Self {
        Self { choice: self.choice.compression(agreement.into()) }
    }

    /// Accepts extensions of the application's own, given as the header lists
    /// them: `"x-own; level=3, x-other"`. The client must have offered some of
    /// these names.
    pub fn extensions(self, list: &'b str) -> Self {
        Self { choice: self.choice.extensions(list) }
    }

    /// Adds a header: `Set-Cookie` and the like.
    pub fn header(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        Self { choice: self.choice.header(name, value.as_ref()) }
    }

    /// The whole response. Once it is written the connection is open.
    pub fn finish(self) -> Result<&'o [u8], ComposeError> {
        self.choice.finish().finish()
    }
}

/// A server's response to a request that it does not upgrade: headers, then
/// [`body`](Self::body).
///
/// It announces that the server closes the connection once it is sent, so that
/// nothing the client pipelined behind the request is taken for another one.
///
/// ```
/// use sansocket::handshake::Reply;
///
/// let mut out = [0; 512];
/// let reply = Reply::new(401, &mut out)
///     .header("WWW-Authenticate", "Basic")
///     .body(b"who are you?")?;
/// assert!(reply.starts_with(b"HTTP/1.1 401 Unauthorized\r\nConnection: close"));
/// # Ok::<(), sansocket::handshake::ComposeError>(())
/// ```
#[derive(Debug)]
#[must_use = "a response is sent by writing its bytes"]
pub struct Reply<'o> {
    head: Head<'o>,
}

impl<'o> Reply<'o> {
    /// A response of the given status, 200 to 599; not 204 or 304, which have no
    /// body.
    pub fn new(status: u16, out: &'o mut [u8]) -> Self {
        let mut head = Head::new(out);
        if !(200..600).contains(&status) || matches!(status, 204 | 304) {
            head.fail(ComposeError::BadStatus);
        }
        head.push("HTTP/1.1 ").push_number(status.into()).push(" ").push(reason(status));
        head.push("\r\nConnection: close");
        if status == 426 {
            // > The server MUST send an Upgrade header field in a 426 response
            // > to indicate the required protocol(s) (RFC 9110 §15.5.22)
            //
            // > a |Sec-WebSocket-Version| header field indicating the
            // > version(s) the server is capable of understanding
            // > (RFC 6455 §4.2.2)
            head.push(", Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13");
        }
        head.push("\r\n");
        Self { head }
    }

    /// Adds a header: `Content-Type`, `Location`, `WWW-Authenticate` and the
    /// like.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.head.field(name, value.as_ref());
        self
    }

    /// The whole response, with this body and its `Content-Length`.
    pub fn body(mut self, body: &[u8]) -> Result<&'o [u8], ComposeError> {
        self.head.push("Content-Length: ").push_number(body.len()).push("\r\n\r\n").push(body);
        self.head.bytes()
    }
}

/// Whether this is a list of one extension or more, none of them named twice,
/// and not permessage-deflate if that is there already.
fn is_list(list: &str, with_compression: bool) -> bool {
    let names = || Extensions::new(list.as_bytes()).map_while(Result::ok).map(|e| e.name());
    let is_new = |(i, name)| {
        !(with_compression && name == deflate::NAME || names().take(i).any(|n| n == name))
    };
    Extensions::new(list.as_bytes()).all(|extension| extension.is_ok())
        && names().count() > 0
        && names().enumerate().all(is_new)
}

/// A head being written. What goes wrong is kept for the end.
#[derive(Debug)]
pub(super) struct Head<'o> {
    out: &'o mut [u8],
    /// The length of what was pushed; past `out`, it only counts.
    len: usize,
    error: Option<ComposeError>,
}

impl<'o> Head<'o> {
    pub(super) fn new(out: &'o mut [u8]) -> Self {
        Self { out, len: 0, error: None }
    }

    pub(super) fn push(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let bytes = bytes.as_ref();
        let room = self.out.get_mut(self.len..).unwrap_or_default();
        if let Some(room) = room.get_mut(..bytes.len()) {
            room.copy_from_slice(bytes);
        }
        self.len = self.len.saturating_add(bytes.len());
        self
    }

    /// Adds `name: value` as a line.
    pub(super) fn push_line(&mut self, name: &str, value: impl AsRef<[u8]>) -> &mut Self {
        self.push(name).push(": ").push(value).push("\r\n")
    }

    /// The lines as pairs, their names in lower case.
    pub(super) fn into_pairs(self) -> Result<Pairs<'o>, ComposeError> {
        let Self { out, len: needed, error } = self;
        let too_small = ComposeError::BufferTooSmall { needed };
        let lines = out.get_mut(..needed).ok_or(error.unwrap_or(too_small))?;
        for line in lines.split_mut(|&byte| byte == b'\n') {
            let name = line.iter().position(|&byte| byte == b':').unwrap_or_default();
            line.get_mut(..name).unwrap_or_default().make_ascii_lowercase();
        }
        error.map_or(Ok(Pairs::new(lines)), Err)
    }

    pub(super) fn push_number(&mut self, number: usize) -> &mut Self {
        let mut digits = [0; 20];
        let (mut rest, mut first) = (number, digits.len());
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            (rest, first) = (rest / 10, first - 1);
            if rest == 0 {
                break;
            }
        }
        self.push(digits.get(first..).unwrap_or_default())
    }

    pub(super) fn push_resource(&mut self, url: &Url<'_>) -> &mut Self {
        self.push(url.path());
        if let Some(query) = url.query() {
            self.push("?").push(query);
        }
        self
    }

    /// > The request MUST contain a |Host| header field whose value contains
    /// > /host/ plus optionally ":" followed by /port/ (when not using the
    /// > default port). (RFC 6455 §4.1)
    pub(super) fn push_host(&mut self, url: &Url<'_>) -> &mut Self {
        if url.is_ipv6() {
            self.push("[").push(url.host()).push("]");
        } else {
            self.push(url.host());
        }
        if url.port() != url.default_port() {
            self.push(":").push_number(url.port().into());
        }
        self
    }

    /// Writes permessage-deflate with these parameters, if there are any, and the
    /// list of the caller's own extensions, as one header:
    ///
    /// > the |Sec-WebSocket-Extensions| header field MUST NOT appear more than
    /// > once in an HTTP response. (RFC 6455 §11.3.2)
    pub(super) fn push_extensions(&mut self, deflate: Option<Parameters>, own: &str) {
        if !own.is_empty() && !is_list(own, deflate.is_some()) {
            self.fail(ComposeError::BadExtension);
        }
        let mut separator = "Sec-WebSocket-Extensions: ";
        if let Some(parameters) = deflate {
            self.push(separator).push(deflate::NAME);
            for (name, value) in parameters.pairs() {
                self.push("; ").push(name);
                if let Some(value) = value {
                    self.push("=").push_number(value.into());
                }
            }
            separator = ", ";
        }
        if !own.is_empty() {
            self.push(separator).push(own);
        }
        if deflate.is_some() || !own.is_empty() {
            self.push("\r\n");
        }
    }

    pub(super) fn field(&mut self, name: &str, value: &[u8]) {
        if token(name.as_bytes()).is_none() || !value.iter().all(|&byte| is_value(byte)) {
            self.fail(ComposeError::BadHeader);
        }
        if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
            self.fail(ComposeError::ReservedHeader);
        }
        self.push_line(name, value);
    }

    /// Keeps the first error.
    pub(super) fn fail(&mut self, error: ComposeError) {
        self.error.get_or_insert(error);
    }

    pub(super) fn finish(mut self) -> Result<&'o [u8], ComposeError> {
        self.push("\r\n");
        self.bytes()
    }

    fn bytes(self) -> Result<&'o [u8], ComposeError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let needed = self.len;
        self.out.get(..needed).ok_or(ComposeError::BufferTooSmall { needed })
    }
}

/// Headers that decide how the peer understands the rest.
const RESERVED: [&str; 13] = [
    "Connection",
    "Content-Length",
    "Host",
    "Keep-Alive",
    "Proxy-Connection",
    "Sec-WebSocket-Accept",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Version",
    "TE",
    "Transfer-Encoding",
    "Upgrade",
];

/// The usual words for a status; none are needed.
const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
