//! A client's request, as the server reads it.

use core::ops::Range;

use crate::base64;
use crate::config::Config;
use crate::extensions::Extension;
use crate::handshake::authority::host_and_port;
use crate::handshake::compose::Accept;
use crate::handshake::error::HandshakeError;
use crate::handshake::fields::{Fields, token};
use crate::handshake::head::{FirstLine, HeadReader};
use crate::handshake::negotiation::{self, Offer, single};
use crate::handshake::summary::{Occurrence, Summary};
use crate::handshake::text::{cut, has};

/// Reads the head of a request as it arrives.
///
/// It keeps no bytes: the caller gathers them in a buffer, and passes all that
/// has come so far. However they are cut up, each is looked at once.
///
/// ```
/// use sansocket::handshake::RequestReader;
///
/// let bytes = b"GET /chat HTTP/1.1\r\nHost: example.com\r\n\r\n";
/// let mut reader = RequestReader::new();
/// assert!(reader.read(&bytes[..20])?.is_none());
/// let request = reader.read(bytes)?.unwrap();
/// assert_eq!((request.method(), request.target()), ("GET", "/chat"));
/// assert_eq!(request.header("host"), Some(&b"example.com"[..]));
/// # Ok::<(), sansocket::handshake::HandshakeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RequestReader {
    head: HeadReader<RequestLine>,
}

/// Where the parts of the request line lie.
#[derive(Clone, Debug)]
struct RequestLine {
    method: Range<usize>,
    target: Range<usize>,
    /// Of HTTP/1.
    minor_version: u8,
}

impl RequestReader {
    /// A reader for heads of at most 16 KiB.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_config(Config::new())
    }

    /// A reader for heads of at most [`Config::max_head`].
    #[must_use]
    pub const fn with_config(config: Config) -> Self {
        Self { head: HeadReader::new(config.max_head) }
    }

    /// Goes on reading: `bytes` are all that has come so far, from the first
    /// on. Returns the request once its head is whole, and from then on.
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
    pub fn read<'b>(&mut self, bytes: &'b [u8]) -> Result<Option<Request<'b>>, HandshakeError> {
        let Some(head) = self.head.read(bytes)? else { return Ok(None) };
        let text = |range: &Range<usize>| {
            // It has been seen to be ASCII.
            core::str::from_utf8(bytes.get(range.clone()).unwrap_or_default()).unwrap_or_default()
        };
        Ok(Some(Request {
            method: text(&head.first.method),
            target: text(&head.first.target),
            minor_version: head.first.minor_version,
            fields: head.fields,
            head_len: head.len,
        }))
    }
}

impl Default for RequestReader {
    fn default() -> Self {
        Self::new()
    }
}

impl FirstLine for RequestLine {
    /// > request-line = method SP request-target SP HTTP-version
    /// > (RFC 9112 §3)
    fn parse(line: &[u8], start: usize) -> Result<Self, HandshakeError> {
        let mut parts = line.split(|&byte| byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(HandshakeError::MalformedHead);
        };
        let target_is_visible = target.iter().all(u8::is_ascii_graphic);
        if token(method).is_none() || target.is_empty() || !target_is_visible {
            return Err(HandshakeError::MalformedHead);
        }
        let method = start..start + method.len();
        let target = method.end + 1..method.end + 1 + target.len();
        Ok(Self { method, target, minor_version: http_version(version)? })
    }
}

/// The minor version of HTTP/1.
pub(super) fn http_version(version: &[u8]) -> Result<u8, HandshakeError> {
    match *version {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ b'0'..=b'9'] => Ok(minor - b'0'),
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
            Err(HandshakeError::HttpVersion)
        }
        _ => Err(HandshakeError::MalformedHead),
    }
}

/// The head of an HTTP/1 request: well-formed, and not yet held against the
/// rules of a WebSocket handshake, which [`upgrade`](Self::upgrade) does.
///
/// So a server can answer other requests on the same port, with a [`Reply`].
///
/// [`Reply`]: crate::handshake::Reply
#[derive(Clone, Copy, Debug)]
pub struct Request<'b> {
    method: &'b str,
    target: &'b str,
    minor_version: u8,
    fields: Fields<'b>,
    head_len: usize,
}

impl<'b> Request<'b> {
    /// The method: `GET` in a handshake.
    #[must_use]
    pub fn method(&self) -> &'b str {
        self.method
    }

    /// The request's target as it was sent: usually a path and a query.
    #[must_use]
    pub fn target(&self) -> &'b str {
        self.target
    }

    /// The target's path, without the query, `/` at least. Percent-encoding
    /// stays as it is.
    #[must_use]
    pub fn path(&self) -> &'b str {
        negotiation::path(self.split_target().1)
    }

    /// What follows the `?` of the target.
    #[must_use]
    pub fn query(&self) -> Option<&'b str> {
        negotiation::query(self.split_target().1)
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

    /// The host, with its port if one was given, that the client asks for: the
    /// `Host` header if there is just one, but
    ///
    /// > When an origin server receives a request with an absolute-form of
    /// > request-target, the origin server MUST ignore the received Host header
    /// > field (if any) and instead use the host information of the
    /// > request-target. (RFC 9112 §3.2.2)
    #[must_use]
    pub fn host(&self) -> Option<&'b str> {
        let (authority, _) = self.split_target();
        authority.or_else(|| core::str::from_utf8(single(&self.fields, "Host")?).ok())
    }

    /// The `Origin`: the page whose script opened the connection. Browsers
    /// always send it, and it is all that keeps a foreign page from using its
    /// visitor's cookies here:
    ///
    /// > Servers that are not intended to process input from any web page but
    /// > only for certain sites SHOULD verify the |Origin| field is an origin
    /// > they expect. (RFC 6455 §10.2)
    #[must_use]
    pub fn origin(&self) -> Option<&'b str> {
        negotiation::origin(&self.fields)
    }

    /// The subprotocols that the client offers, the one it likes best first.
    pub fn protocols(&self) -> impl Iterator<Item = &'b str> + use<'b> {
        negotiation::protocols(&self.fields)
    }

    /// The extensions that the client offers, the one it likes best first,
    /// up to the first that is malformed.
    pub fn extensions(&self) -> impl Iterator<Item = Extension<'b>> + use<'b> {
        negotiation::offered_extensions(&self.fields)
    }

    /// The length of the head in bytes. What follows in the buffer are the
    /// first bytes from the open WebSocket.
    #[must_use]
    pub fn head_len(&self) -> usize {
        self.head_len
    }

    /// Holds the request against the rules of a handshake (RFC 6455 §4.2.1).
    ///
    /// # Errors
    /// The first rule that it breaks; [`HandshakeError::reply`] answers it.
    pub fn upgrade(self) -> Result<Upgrade<'b>, HandshakeError> {
        // > An HTTP/1.1 or higher GET request
        //
        // The method first, as the answer to HEAD must have no body, whatever
        // else is wrong.
        if self.method != "GET" {
            return Err(HandshakeError::MethodNotGet);
        }
        if self.minor_version < 1 {
            return Err(HandshakeError::HttpVersion);
        }
        // > including a "Request-URI" [...] that should be interpreted as a
        // > /resource name/ defined in Section 3
        let (authority, resource) = self.split_target();
        let good = match authority {
            Some(authority) => host_and_port(authority).is_ok(),
            None => resource.starts_with('/'),
        };
        if !good || has(self.target, b'#') {
            return Err(HandshakeError::BadTarget);
        }
        // What comes behind the head must be frames for everyone who looks.
        let summary = Summary::of(self.fields.raw());
        if summary.body {
            return Err(HandshakeError::RequestHasBody);
        }
        let host = self.check_single_host(summary.host)?;
        let host = authority.unwrap_or(host);
        // > An |Upgrade| header field containing the value "websocket",
        // > treated as an ASCII case-insensitive value.
        if !summary.websocket {
            return Err(HandshakeError::NotUpgrade);
        }
        // > A |Connection| header field that includes the token "Upgrade",
        // > treated as an ASCII case-insensitive value.
        if !summary.upgrade {
            return Err(HandshakeError::ConnectionNotUpgrade);
        }
        summary.check()?;
        // > A |Sec-WebSocket-Key| header field with a base64-encoded [...]
        // > value that, when decoded, is 16 bytes in length.
        //
        // > The |Sec-WebSocket-Key| header field MUST NOT appear more than
        // > once in an HTTP request. (§11.3.1)
        let key = summary.key.single().and_then(|key| key.try_into().ok());
        let Some(key) = key.filter(is_key) else { return Err(HandshakeError::BadKey) };
        Ok(Upgrade { request: self, host, key })
    }

    /// Holds the request against the rule for its `Host`, which a server that
    /// answers requests of another kind has to keep, too;
    /// [`upgrade`](Self::upgrade) does it by itself.
    ///
    /// > A server MUST respond with a 400 (Bad Request) status code to any
    /// > HTTP/1.1 request message that lacks a Host header field and to any
    /// > request message that contains more than one Host header field line
    /// > or a Host header field with an invalid field value.
    /// > (RFC 9112 §3.2)
    ///
    /// # Errors
    /// [`BadHost`](HandshakeError::BadHost).
    pub fn check_host(&self) -> Result<(), HandshakeError> {
        self.check_single_host(Summary::of(self.fields.raw()).host).map(drop)
    }

    fn check_single_host(&self, host: Occurrence<'b>) -> Result<&'b str, HandshakeError> {
        let host = match host {
            Occurrence::Never if self.minor_version < 1 => return Ok(""),
            Occurrence::Once(host) => core::str::from_utf8(host).ok(),
            _ => None,
        };
        let is_host = |host: &&str| host_and_port(host).is_ok();
        host.filter(is_host).ok_or(HandshakeError::BadHost)
    }

    /// The authority, if the target is an absolute address, and the rest.
    fn split_target(&self) -> (Option<&'b str>, &'b str) {
        // > a server MUST accept the absolute-form in requests
        // > (RFC 9112 §3.2.2)
        let known = ["http", "https", "ws", "wss"];
        if self.target.starts_with('/') {
            return (None, self.target);
        }
        let (scheme, rest) = cut(self.target, b":");
        match rest.strip_prefix("://") {
            Some(rest) if known.iter().any(|s| s.eq_ignore_ascii_case(scheme)) => {
                let (authority, resource) = cut(rest, b"/?");
                // An empty path is the path "/".
                (Some(authority), if resource.is_empty() { "/" } else { resource })
            }
            _ => (None, self.target),
        }
    }
}

fn is_key(key: &[u8; 24]) -> bool {
    // 24 characters that fit 16 bytes are 16 bytes.
    base64::decode(key, &mut [0; 16]).is_some()
}

/// A request that is a WebSocket handshake and awaits the application's word.
///
/// ```
/// # use sansocket::handshake::{HandshakeError, RequestReader, Reply};
/// # let head = b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
/// # Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
/// # Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n";
/// # let request = RequestReader::new().read(head)?.unwrap();
/// let upgrade = request.upgrade()?;
/// let mut out = [0; 512];
/// let response = match request.path() {
///     "/chat" => {
///         let protocol = upgrade.choose_protocol(&["superchat", "chat"]);
///         upgrade.accept(&mut out).protocol(protocol).header("X-Served-By", "me").finish()
///     }
///     _ => Reply::new(404, &mut out).body(b"no such thing here"),
/// };
/// # let text = core::str::from_utf8(response.unwrap()).unwrap();
/// # assert!(text.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
/// # assert!(text.contains("Sec-WebSocket-Protocol: superchat\r\n"));
/// # Ok::<(), HandshakeError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Upgrade<'b> {
    request: Request<'b>,
    host: &'b str,
    key: [u8; 24],
}

impl<'b> Upgrade<'b> {
    /// The request.
    #[must_use]
    pub fn request(&self) -> &Request<'b> {
        &self.request
    }

    /// The client's `Sec-WebSocket-Key`.
    #[must_use]
    pub fn key(&self) -> &[u8; 24] {
        &self.key
    }

    /// What the client asks for, without what HTTP/1.1 adds.
    #[must_use]
    pub fn offer(&self) -> Offer<'b> {
        Offer::new(self.request.split_target().1, self.host, self.request.fields)
    }

    /// The first of `supported` that the client offers, too.
    #[must_use]
    pub fn choose_protocol<'s>(&self, supported: &[&'s str]) -> Option<&'s str> {
        self.offer().choose_protocol(supported)
    }

    /// Starts the response that accepts, in `out`, for which 512 bytes are
    /// enough unless a subprotocol or headers of great length are added.
    pub fn accept<'o>(&self, out: &'o mut [u8]) -> Accept<'b, 'o> {
        Accept::new(self, out)
    }
}
