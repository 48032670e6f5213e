//! A server's response, as the client reads it, and the client's own part.

use core::ops::Range;

use crate::base64;
use crate::config::Config;
use crate::deflate::Compression;
use crate::handshake::accept_key;
use crate::handshake::compose::RequestWriter;
use crate::handshake::error::HandshakeError;
use crate::handshake::fields::{Fields, lists};
use crate::handshake::head::{FirstLine, HeadReader};
use crate::handshake::negotiation::{Accepted, Wish, single};
use crate::handshake::request::http_version;
use crate::handshake::url::Url;

/// The client's part of a handshake: what it asked, and whether the answer
/// fits.
///
/// ```
/// use sansocket::handshake::{ClientHandshake, ResponseReader, Url};
/// # let nonce = *b"the sample nonce";
/// let url = Url::parse("ws://server.example.com/chat").unwrap();
/// let handshake = ClientHandshake::new(nonce).protocols(&["chat", "superchat"]);
/// let mut out = [0; 512];
/// let request = handshake.request(&url, &mut out).header("Origin", "http://example.com");
/// assert!(request.finish()?.starts_with(b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\n"));
///
/// let answer = b"HTTP/1.1 101 Switching Protocols\r\n\
///     Upgrade: websocket\r\n\
///     Connection: Upgrade\r\n\
///     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
///     Sec-WebSocket-Protocol: chat\r\n\
///     \r\n";
/// let response = ResponseReader::new().read(answer)?.unwrap();
/// assert_eq!(handshake.check(&response)?.protocol(), Some("chat"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ClientHandshake<'a> {
    key: [u8; 24],
    wish: Wish<'a>,
}

impl<'a> ClientHandshake<'a> {
    /// A handshake with a nonce of its own:
    ///
    /// > The nonce MUST be selected randomly for each connection.
    /// > (RFC 6455 §4.1)
    #[must_use]
    pub fn new(nonce: [u8; 16]) -> Self {
        let mut key = [0; 24];
        // Never too short: base64 makes 24 characters of 16 bytes.
        let _ = base64::encode(&nonce, &mut key);
        Self { key, wish: Wish::default() }
    }

    /// Offers subprotocols, the preferred one first.
    #[must_use]
    pub fn protocols(self, protocols: &'a [&'a str]) -> Self {
        Self { wish: Wish { protocols, ..self.wish }, ..self }
    }

    /// Offers permessage-deflate.
    #[must_use]
    pub fn compression(self, compression: Compression) -> Self {
        Self { wish: Wish { compression: Some(compression), ..self.wish }, ..self }
    }

    /// Offers extensions of the caller's own, given as the header lists them:
    /// `"x-own; level=3, x-other"`. They come behind permessage-deflate.
    #[must_use]
    pub fn extensions(self, list: &'a str) -> Self {
        Self { wish: Wish { extensions: list, ..self.wish }, ..self }
    }

    /// Starts the request for `url` in `out`.
    pub fn request<'o>(&self, url: &Url<'_>, out: &'o mut [u8]) -> RequestWriter<'o> {
        RequestWriter::new(url, &self.key, &self.wish, out)
    }

    /// Holds the server's response against what was asked (RFC 6455 §4.1).
    ///
    /// # Errors
    /// [`Refused`](HandshakeError::Refused) for a status other than 101, or
    /// the first rule that the response breaks.
    pub fn check<'b>(&self, response: &Response<'b>) -> Result<Accepted<'b>, HandshakeError> {
        // > If the status code received from the server is not 101, the client
        // > handles the response per HTTP [...] procedures.
        if response.status != 101 {
            return Err(HandshakeError::Refused(response.status));
        }
        if response.minor_version < 1 {
            return Err(HandshakeError::HttpVersion);
        }
        let fields = response.fields;
        // > If the response lacks an |Upgrade| header field or the |Upgrade|
        // > header field contains a value that is not an ASCII
        // > case-insensitive match for the value "websocket", the client MUST
        // > _Fail the WebSocket Connection_.
        let upgrade = single(&fields, "Upgrade");
        if !upgrade.is_some_and(|value| value.eq_ignore_ascii_case(b"websocket")) {
            return Err(HandshakeError::NotUpgrade);
        }
        // > If the response lacks a |Connection| header field or the
        // > |Connection| header field doesn't contain a token that is an ASCII
        // > case-insensitive match for the value "Upgrade", the client MUST
        // > _Fail the WebSocket Connection_.
        if !fields.named("Connection").any(|value| lists(value, "Upgrade")) {
            return Err(HandshakeError::ConnectionNotUpgrade);
        }
        // > If the response lacks a |Sec-WebSocket-Accept| header field or the
        // > |Sec-WebSocket-Accept| contains a value other than the
        // > base64-encoded SHA-1 of the concatenation of the
        // > |Sec-WebSocket-Key| (as a string, not base64-decoded) with the
        // > string "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" but ignoring any
        // > leading and trailing whitespace, the client MUST _Fail the
        // > WebSocket Connection_.
        if single(&fields, "Sec-WebSocket-Accept") != Some(&accept_key(&self.key)) {
            return Err(HandshakeError::BadAccept);
        }
        self.wish.check(fields)
    }
}

/// Reads the head of a response as it arrives.
///
/// Like the [`RequestReader`](crate::handshake::RequestReader) it keeps no bytes.
/// Interim responses (status 100 to 199, but for 101) are passed over.
#[derive(Clone, Debug)]
pub struct ResponseReader {
    head: HeadReader<StatusLine>,
}

#[derive(Clone, Debug)]
struct StatusLine {
    status: u16,
    minor_version: u8,
    reason: Range<usize>,
}

impl ResponseReader {
    /// A reader for heads of at most 16 KiB.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_config(Config::new())
    }

    /// A reader for heads of at most [`Config::max_head`], interim ones included.
    #[must_use]
    pub const fn with_config(config: Config) -> Self {
        Self { head: HeadReader::new(config.max_head) }
    }

    /// Goes on reading: `bytes` are all that has come so far, from the first
    /// on. Returns the response once its head is whole, and from then on.
    ///
    /// # Panics
    /// Where debug assertions are on, if `bytes` are fewer than before: passing
    /// the new bytes alone would never end.
    ///
    /// # Errors
    /// [`MalformedHead`](HandshakeError::MalformedHead),
    /// [`HeadTooLarge`](HandshakeError::HeadTooLarge) or
    /// [`HttpVersion`](HandshakeError::HttpVersion), at the byte or the line
    /// that decides it; every later call repeats it.
    pub fn read<'b>(&mut self, bytes: &'b [u8]) -> Result<Option<Response<'b>>, HandshakeError> {
        let Some(head) = self.head.read(bytes)? else { return Ok(None) };
        Ok(Some(Response {
            status: head.first.status,
            minor_version: head.first.minor_version,
            reason: bytes.get(head.first.reason.clone()).unwrap_or_default(),
            fields: head.fields,
            head_len: head.len,
        }))
    }
}

impl Default for ResponseReader {
    fn default() -> Self {
        Self::new()
    }
}

impl FirstLine for StatusLine {
    /// > status-line = HTTP-version SP status-code SP [ reason-phrase ]
    /// > (RFC 9112 §4)
    ///
    /// The second space is not insisted on where no phrase follows.
    fn parse(line: &[u8], start: usize) -> Result<Self, HandshakeError> {
        let (version, rest) = line.split_at_checked(8).ok_or(HandshakeError::MalformedHead)?;
        let minor_version = http_version(version)?;
        let (status, reason) = match rest {
            [b' ', status @ ..] if status.len() == 3 => (status, 0),
            [b' ', a, b, c, b' ', reason @ ..] => (&[*a, *b, *c][..], reason.len()),
            _ => return Err(HandshakeError::MalformedHead),
        };
        let status = match *status {
            [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
                u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0')
            }
            _ => return Err(HandshakeError::MalformedHead),
        };
        let line_end = start + line.len();
        Ok(Self { status, minor_version, reason: line_end - reason..line_end })
    }

    /// > A client MUST be able to parse one or more 1xx responses received prior
    /// > to a final response, even if the client does not expect one.
    /// > (RFC 9110 §15.2)
    fn is_interim(&self) -> bool {
        self.status < 200 && self.status != 101
    }
}

/// The head of an HTTP/1 response: well-formed, and not yet held against the
/// rules of a WebSocket handshake, which [`ClientHandshake::check`] does.
#[derive(Clone, Copy, Debug)]
pub struct Response<'b> {
    status: u16,
    minor_version: u8,
    reason: &'b [u8],
    fields: Fields<'b>,
    head_len: usize,
}

impl<'b> Response<'b> {
    /// The status: 101 if the server accepts.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The words that came with the status, maybe none.
    #[must_use]
    pub fn reason(&self) -> &'b [u8] {
        self.reason
    }

    /// The header fields in order.
    #[must_use]
    pub fn headers(&self) -> Fields<'b> {
        self.fields
    }

    /// The value of the first header called `name`, in upper or lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'b [u8]> {
        self.fields.named(name).next()
    }

    /// The length of the head in bytes. What follows in the buffer are the
    /// first bytes from the open WebSocket or, of a refusal, its body.
    #[must_use]
    pub fn head_len(&self) -> usize {
        self.head_len
    }
}
