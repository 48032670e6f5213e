//! The handshake over HTTP/2 (RFC 8441) and HTTP/3 (RFC 9220), whose stack is
//! the caller's: an extended CONNECT request and its answer, as pairs of name
//! and value.
//!
//! > The semantics of the pseudo-header fields and setting are identical to
//! > those in HTTP/2 as defined in [RFC8441]. (RFC 9220 §3)

use core::iter::FusedIterator;

use crate::deflate::{Agreement, Compression};
use crate::handshake::authority::host_and_port;
use crate::handshake::compose::{ComposeError, Head};
use crate::handshake::error::HandshakeError;
use crate::handshake::fields::{Fields, is_value, token};
use crate::handshake::negotiation::{Accepted, Choice, Headers, Offer, Wish};
use crate::handshake::summary::Summary;
use crate::handshake::url::Url;

/// A request over HTTP/2 or HTTP/3, as the server's HTTP stack hands it over.
///
/// Stacks that keep the pseudo-header fields apart fill in the fields; for those
/// that list them with the others there is [`read`](Self::read). The server
/// must have sent the setting `SETTINGS_ENABLE_CONNECT_PROTOCOL` = 1, or no
/// client asks.
///
/// ```
/// use sansocket::deflate::Compression;
/// use sansocket::handshake::{ConnectRequest, HandshakeError};
/// use sansocket::{Config, Connection};
///
/// let request = ConnectRequest {
///     method: "CONNECT",
///     protocol: Some("websocket"),
///     scheme: Some("https"),
///     authority: Some("server.example.com"),
///     path: Some("/chat"),
///     headers: [
///         ("sec-websocket-protocol", "chat, superchat"),
///         ("sec-websocket-extensions", "permessage-deflate"),
///         ("sec-websocket-version", "13"),
///         ("origin", "http://www.example.com"),
///     ],
/// };
/// let connect = request.connect()?; // or `error.connect_refusal()`
/// let offer = connect.offer();
/// assert_eq!((offer.path(), offer.origin()), ("/chat", Some("http://www.example.com")));
///
/// let compression = Compression::new().accept(offer.extensions());
/// let mut out = [0; 512];
/// let protocol = offer.choose_protocol(&["chat"]);
/// let response = connect.accept(&mut out).protocol(protocol).compression(compression).finish();
/// let mut pairs = response.unwrap().into_iter(); // to be sent
/// assert_eq!(pairs.next(), Some((":status", &b"200"[..])));
/// assert_eq!(pairs.next(), Some(("sec-websocket-protocol", &b"chat"[..])));
///
/// // The stream's bytes are those of a WebSocket, masked as over TCP.
/// let ws = Connection::server(Config::new().allow_compressed(compression.is_some()));
/// # Ok::<(), HandshakeError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ConnectRequest<'b, H> {
    /// `:method`
    pub method: &'b str,
    /// `:protocol`
    pub protocol: Option<&'b str>,
    /// `:scheme`
    pub scheme: Option<&'b str>,
    /// `:authority`
    pub authority: Option<&'b str>,
    /// `:path`
    pub path: Option<&'b str>,
    /// The other fields, their names in lower case: a `&HeaderMap` of the `http`
    /// crate, an array or an iterator of pairs; see [`Headers`].
    pub headers: H,
}

impl<'b, H: Headers<'b>> ConnectRequest<'b, H> {
    /// Takes the pseudo-header fields out of a list of all.
    ///
    /// # Errors
    /// [`MalformedHead`](HandshakeError::MalformedHead) where one of them is
    /// unknown, repeated, behind a field of another kind, not text, or if there
    /// is no `:method`.
    pub fn read(pairs: H) -> Result<Self, HandshakeError> {
        let [method, protocol, scheme, authority, path] = pseudo_headers(&pairs, PSEUDO_HEADERS)?;
        let method = method.ok_or(HandshakeError::MalformedHead)?;
        Ok(Self { method, protocol, scheme, authority, path, headers: pairs })
    }

    /// Holds the request against the rules of a handshake (RFC 8441 §4 and §5).
    ///
    /// # Errors
    /// The first rule that it breaks; [`HandshakeError::connect_refusal`] says
    /// how to answer it.
    pub fn connect(self) -> Result<Connect<'b, H>, HandshakeError> {
        if self.method != "CONNECT" {
            return Err(HandshakeError::MethodNotConnect);
        }
        // > The :protocol pseudo-header field MUST be included in the CONNECT
        // > request, and it MUST have a value of "websocket" (§5)
        if self.protocol != Some("websocket") {
            return Err(HandshakeError::NotWebSocket);
        }
        check_fields(&self.headers)?;
        // Those that are in the list, too, must be the same.
        let own = [Some(self.method), self.protocol, self.scheme, self.authority, self.path];
        let listed = pseudo_headers(&self.headers, PSEUDO_HEADERS)?;
        if listed.iter().zip(own).any(|(listed, own)| listed.is_some() && *listed != own) {
            return Err(HandshakeError::MalformedHead);
        }
        // > On requests that contain the :protocol pseudo-header field, the
        // > :scheme and :path pseudo-header fields of the target URI [...] MUST
        // > also be included. (§4)
        //
        // > The scheme of the target URI [...] MUST be "https" for
        // > "wss"-schemed WebSockets and "http" for "ws"-schemed WebSockets. (§5)
        let secure = match self.scheme {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(HandshakeError::BadTarget),
        };
        // > "http" or "https" URIs that do not contain a path component MUST
        // > include a value of '/' (RFC 9113 §8.3.1)
        let is_path = |path: &&str| {
            path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic() && b != b'#')
        };
        let path = self.path.filter(is_path).ok_or(HandshakeError::BadTarget)?;
        // > The Host information is conveyed as part of the :authority
        // > pseudo-header field, which is required on every HTTP/2 transaction.
        // > (§5)
        let is_host = |host: &&str| host_and_port(host).is_ok();
        let host = self.authority.filter(is_host).ok_or(HandshakeError::BadHost)?;
        // > A server SHOULD treat a request as malformed if it contains a Host
        // > header field that identifies an entity that differs from the entity
        // > in the ":authority" pseudo-header field. (RFC 9113 §8.3.1)
        let mut hosts = self.headers.named("Host");
        if !hosts.all(|other| other.eq_ignore_ascii_case(host.as_bytes())) {
            return Err(HandshakeError::BadHost);
        }
        // The frames of the WebSocket are the stream's DATA, and by RFC 9113
        // §8.1.1 all of it counts.
        if self.headers.named("Content-Length").next().is_some() {
            return Err(HandshakeError::RequestHasBody);
        }
        // > The Origin [RFC6454], Sec-WebSocket-Version, Sec-WebSocket-Protocol,
        // > and Sec-WebSocket-Extensions header fields are used in the CONNECT
        // > request and response-header fields as defined in [RFC6455]. (§5)
        //
        // > Implementations using this extended CONNECT to bootstrap WebSockets
        // > do not do the processing of the Sec-WebSocket-Key and
        // > Sec-WebSocket-Accept header fields (§5)
        Summary::of(self.headers.pairs()).check()?;
        Ok(Connect { secure, offer: Offer::new(path, host, self.headers) })
    }
}

/// A request over HTTP/2 or HTTP/3 that is a WebSocket handshake and awaits the
/// application's word.
///
/// To refuse it, send any status from 300 up.
#[derive(Clone, Copy, Debug)]
pub struct Connect<'b, H> {
    secure: bool,
    offer: Offer<'b, H>,
}

impl<'b, H: Headers<'b>> Connect<'b, H> {
    /// What the client asks for.
    #[must_use]
    pub fn offer(&self) -> &Offer<'b, H> {
        &self.offer
    }

    /// Whether the client asked for a `wss:` address.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Starts the response that accepts, in `out`, for which 512 bytes are
    /// enough unless a subprotocol or headers of great length are added.
    pub fn accept<'o>(&self, out: &'o mut [u8]) -> ConnectAccept<'b, 'o, H> {
        let mut head = Head::new(out);
        head.push_line(":status", "200");
        ConnectAccept { choice: Choice::new(self.offer.clone(), head) }
    }
}

/// A server's 200 response on its way: a subprotocol, extra headers, then
/// [`finish`](Self::finish).
///
/// Made by [`Connect::accept`]; it takes what
/// [`Accept`](crate::handshake::Accept) takes.
#[derive(Debug)]
#[must_use = "a response is sent by sending its pairs"]
pub struct ConnectAccept<'b, 'o, H> {
    choice: Choice<'b, 'o, H>,
}

impl<'b, 'o, H: Headers<'b>> ConnectAccept<'b, 'o, H> {
    /// Chooses a subprotocol, which must be one that the client offered; none
    /// for `None`.
    pub fn protocol<'p>(self, protocol: impl Into<Option<&'p str>>) -> Self {
        Self { choice: self.choice.protocol(protocol.into()) }
    }

    /// Accepts permessage-deflate as [`Compression::accept`] agreed to; not for
    /// `None`.
    pub fn compression(self, agreement: impl Into<Option<Agreement>>) -> Self {
        Self { choice: self.choice.compression(agreement.into()) }
    }

    /// Accepts extensions of the application's own; see
    /// [`Accept::extensions`](crate::handshake::Accept::extensions).
    pub fn extensions(self, list: &'b str) -> Self {
        Self { choice: self.choice.extensions(list) }
    }

    /// Adds a header: `Set-Cookie` and the like.
    pub fn header(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        Self { choice: self.choice.header(name, value.as_ref()) }
    }

    /// The whole response. Once it is sent the connection is open.
    pub fn finish(self) -> Result<Pairs<'o>, ComposeError> {
        self.choice.finish().into_pairs()
    }
}

/// The client's part of a handshake over HTTP/2 or HTTP/3: what it asked, and
/// whether the answer fits.
///
/// The server must have sent the setting `SETTINGS_ENABLE_CONNECT_PROTOCOL` = 1.
///
/// ```
/// use sansocket::handshake::{ClientConnect, ConnectResponse, Url};
///
/// let url = Url::parse("wss://server.example.com/chat").unwrap();
/// let handshake = ClientConnect::new().protocols(&["chat", "superchat"]);
/// let mut out = [0; 512];
/// let request = handshake.request(&url, &mut out).header("Origin", "https://example.com");
/// let pairs: Vec<(&str, &[u8])> = request.finish()?.into_iter().collect(); // to be sent
/// assert_eq!(pairs[0], (":method", &b"CONNECT"[..]));
/// assert_eq!(pairs[7], ("origin", &b"https://example.com"[..]));
///
/// let headers = [("sec-websocket-protocol", "chat")];
/// let response = ConnectResponse { status: 200, headers };
/// assert_eq!(handshake.check(&response)?.protocol(), Some("chat"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientConnect<'a> {
    wish: Wish<'a>,
}

impl<'a> ClientConnect<'a> {
    /// A handshake that offers nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Offers subprotocols, the preferred one first.
    #[must_use]
    pub fn protocols(self, protocols: &'a [&'a str]) -> Self {
        Self { wish: Wish { protocols, ..self.wish } }
    }

    /// Offers permessage-deflate.
    #[must_use]
    pub fn compression(self, compression: Compression) -> Self {
        Self { wish: Wish { compression: Some(compression), ..self.wish } }
    }

    /// Offers extensions of the caller's own, given as the header lists them:
    /// `"x-own; level=3, x-other"`. They come behind permessage-deflate.
    #[must_use]
    pub fn extensions(self, list: &'a str) -> Self {
        Self { wish: Wish { extensions: list, ..self.wish } }
    }

    /// Starts the request for `url` in `out`.
    pub fn request<'o>(&self, url: &Url<'_>, out: &'o mut [u8]) -> ConnectWriter<'o> {
        let mut head = Head::new(out);
        head.push_line(":method", "CONNECT").push_line(":protocol", "websocket");
        head.push_line(":scheme", if url.is_secure() { "https" } else { "http" });
        head.push(":authority: ").push_host(url).push("\r\n");
        head.push(":path: ").push_resource(url).push("\r\n");
        self.wish.push(&mut head);
        ConnectWriter { head }
    }

    /// Holds the server's response against what was asked.
    ///
    /// # Errors
    /// [`Refused`](HandshakeError::Refused) for a status other than 200 to 299
    /// (those below are interim, and another response follows), or the first rule
    /// that the response breaks.
    pub fn check<'b, H: Headers<'b>>(
        &self,
        response: &ConnectResponse<H>,
    ) -> Result<Accepted<'b, H>, HandshakeError> {
        // > Any 2xx (Successful) response indicates that the sender (and all
        // > inbound proxies) will switch to tunnel mode immediately after the
        // > response header section (RFC 9110 §9.3.6)
        if !(200..300).contains(&response.status) {
            return Err(HandshakeError::Refused(response.status));
        }
        check_fields(&response.headers)?;
        self.wish.check(response.headers.clone())
    }
}

/// A client's request on its way: extra headers, then [`finish`](Self::finish).
///
/// Made by [`ClientConnect::request`].
#[derive(Debug)]
#[must_use = "a request is sent by sending its pairs"]
pub struct ConnectWriter<'o> {
    head: Head<'o>,
}

impl<'o> ConnectWriter<'o> {
    /// Adds a header: `Origin`, `Authorization`, `Cookie` and the like.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.head.field(name, value.as_ref());
        self
    }

    /// The whole request.
    pub fn finish(self) -> Result<Pairs<'o>, ComposeError> {
        self.head.into_pairs()
    }
}

/// A response over HTTP/2 or HTTP/3, as the client's HTTP stack hands it over.
#[derive(Clone, Copy, Debug)]
pub struct ConnectResponse<H> {
    /// `:status`
    pub status: u16,
    /// The other fields; see [`Headers`].
    pub headers: H,
}

impl<'b, H: Headers<'b>> ConnectResponse<H> {
    /// Takes the `:status` out of a list of all fields.
    ///
    /// # Errors
    /// [`MalformedHead`](HandshakeError::MalformedHead) where there is none, or
    /// another pseudo-header field.
    pub fn read(pairs: H) -> Result<Self, HandshakeError> {
        let [status] = pseudo_headers(&pairs, [":status"])?;
        let digits = |status: &&str| status.len() == 3 && !status.starts_with(['+', '0']);
        let status = status.filter(digits).and_then(|status| status.parse().ok());
        Ok(Self { status: status.ok_or(HandshakeError::MalformedHead)?, headers: pairs })
    }
}

/// A request or a response to send over HTTP/2 or HTTP/3: names, in lower case,
/// and values, the pseudo-header fields first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pairs<'o> {
    lines: &'o [u8],
}

/// Iterator over [`Pairs`].
#[derive(Clone, Debug)]
pub struct PairsIter<'o> {
    lines: &'o [u8],
}

impl<'o> Pairs<'o> {
    pub(super) const fn new(lines: &'o [u8]) -> Self {
        Self { lines }
    }

    /// The value of a pseudo-header field: `":path"`, say, for an HTTP stack that
    /// wants it apart.
    #[must_use]
    pub fn pseudo(self, name: &str) -> Option<&'o str> {
        let (_, value) = self.into_iter().find(|pair| pair.0 == name)?;
        core::str::from_utf8(value).ok()
    }

    /// The fields without the pseudo-header fields.
    #[must_use]
    pub fn fields(self) -> Fields<'o> {
        let mut rest = self.into_iter();
        let mut lines = rest.lines;
        while lines.starts_with(b":") && rest.next().is_some() {
            lines = rest.lines;
        }
        Fields::new(lines)
    }
}

impl<'o> IntoIterator for Pairs<'o> {
    type Item = (&'o str, &'o [u8]);
    type IntoIter = PairsIter<'o>;

    fn into_iter(self) -> PairsIter<'o> {
        PairsIter { lines: self.lines }
    }
}

impl<'o> Iterator for PairsIter<'o> {
    type Item = (&'o str, &'o [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let end = self.lines.iter().position(|&byte| byte == b'\n')?;
        let (line, rest) = self.lines.split_at_checked(end + 1)?;
        self.lines = rest;
        let line = line.strip_suffix(b"\r\n")?;
        // The colon that a pseudo-header's name begins with is not its end.
        let colon = 1 + line.iter().skip(1).position(|&byte| byte == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        Some((core::str::from_utf8(name).ok()?, value.get(1..)?.trim_ascii()))
    }
}

impl FusedIterator for PairsIter<'_> {}

/// Those of a request, in the order of [`ConnectRequest`].
const PSEUDO_HEADERS: [&str; 5] = [":method", ":protocol", ":scheme", ":authority", ":path"];

/// The values of the pseudo-header fields of these names.
fn pseudo_headers<'b, const N: usize>(
    pairs: &impl Headers<'b>,
    names: [&str; N],
) -> Result<[Option<&'b str>; N], HandshakeError> {
    let mut values = [None; N];
    let mut others = false;
    for (name, value) in pairs.pairs() {
        if !name.starts_with(b":") {
            others = true;
            continue;
        }
        // > All pseudo-header fields MUST appear in a field block before all
        // > regular field lines. (RFC 9113 §8.3)
        //
        // > Endpoints MUST treat a request or response that contains undefined
        // > or invalid pseudo-header fields as malformed (§8.3)
        //
        // > The same pseudo-header field name MUST NOT appear more than once in
        // > a field block. (§8.3)
        let known = names.iter().zip(&mut values).find(|(known, _)| known.as_bytes() == name);
        match (known, core::str::from_utf8(value)) {
            (Some((_, slot @ None)), Ok(value)) if !others => *slot = Some(value),
            _ => return Err(HandshakeError::MalformedHead),
        }
    }
    Ok(values)
}

/// Holds the fields against what HTTP/2 and HTTP/3 demand of them.
fn check_fields<'b>(headers: &impl Headers<'b>) -> Result<(), HandshakeError> {
    for (name, value) in headers.pairs().filter(|(name, _)| !name.starts_with(b":")) {
        // > A field name MUST NOT contain characters in the ranges 0x00-0x20,
        // > 0x41-0x5a, or 0x7f-0xff (RFC 9113 §8.2.1)
        if token(name).is_none() || name.iter().any(u8::is_ascii_uppercase) {
            return Err(HandshakeError::MalformedHead);
        }
        // > A field value MUST NOT contain the zero value (ASCII NUL, 0x00),
        // > line feed (ASCII LF, 0x0a), or carriage return (ASCII CR, 0x0d) at
        // > any position. (§8.2.1)
        //
        // > A field value MUST NOT start or end with an ASCII whitespace
        // > character (§8.2.1)
        let space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
        if !value.iter().all(|&byte| is_value(byte)) || space(value.first()) || space(value.last())
        {
            return Err(HandshakeError::MalformedHead);
        }
        // > An endpoint MUST NOT generate an HTTP/2 message containing
        // > connection-specific header fields. (§8.2.2)
        //
        // > The only exception to this is the TE header field, which MAY be
        // > present in an HTTP/2 request; when it is, it MUST NOT contain any
        // > value other than "trailers". (§8.2.2)
        let of_a_connection = match name {
            b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding"
            | b"upgrade" => true,
            b"te" => value != b"trailers",
            _ => false,
        };
        if of_a_connection {
            return Err(HandshakeError::ConnectionHeader);
        }
    }
    Ok(())
}
