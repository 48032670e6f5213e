//! What the two ends negotiate, whichever version of HTTP carries it:
//! subprotocols, extensions, the origin. Nothing here knows of request lines,
//! keys or pseudo-header fields.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use crate::deflate::{self, Agreement, Compression};
use crate::extensions::{Extension, Extensions, Malformed};
use crate::handshake::compose::{ComposeError, Head};
use crate::handshake::error::HandshakeError;
use crate::handshake::fields::{Fields, list, token};
use crate::handshake::text::cut;

/// Header fields in order: [`Fields`], or anything else that gives pairs of
/// name and value and can be walked more than once.
///
/// That is an array or a clonable iterator of `(&str, &str)` or `(&[u8], &[u8])`,
/// or a reference to a map such as `&http::HeaderMap`.
pub trait Headers<'b>: Clone {
    /// The fields, one by one.
    fn pairs(&self) -> impl Iterator<Item = (&'b [u8], &'b [u8])> + use<'b, Self>;

    /// The values of all fields called `name`, in upper or lower case.
    fn named<'n>(&self, name: &'n str) -> impl Iterator<Item = &'b [u8]> + use<'b, 'n, Self> {
        self.pairs()
            .filter_map(move |(n, value)| n.eq_ignore_ascii_case(name.as_bytes()).then_some(value))
    }
}

impl<'b, H, N, V> Headers<'b> for H
where
    H: Clone + IntoIterator<Item = (&'b N, &'b V)>,
    N: AsRef<[u8]> + ?Sized + 'b,
    V: AsRef<[u8]> + ?Sized + 'b,
{
    fn pairs(&self) -> impl Iterator<Item = (&'b [u8], &'b [u8])> + use<'b, H, N, V> {
        self.clone().into_iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }
}

/// The value of the only field called `name`; `None` if there is none or more
/// than one.
pub(super) fn single<'b>(headers: &impl Headers<'b>, name: &str) -> Option<&'b [u8]> {
    let mut values = headers.named(name);
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// The extensions that the fields called `Sec-WebSocket-Extensions` hold
/// together.
///
/// > The |Sec-WebSocket-Extensions| header field MAY appear multiple times
/// > in an HTTP request (which is logically the same as a single
/// > |Sec-WebSocket-Extensions| header field that contains all values.
/// > (RFC 6455 §11.3.2)
fn extensions<'b, H: Headers<'b>>(
    headers: &H,
) -> impl Iterator<Item = Result<Extension<'b>, Malformed>> + use<'b, H> {
    headers.named("Sec-WebSocket-Extensions").flat_map(Extensions::new)
}

/// What a client asks for, over any version of HTTP: all that an application
/// needs to decide.
///
/// It comes from [`Upgrade::offer`] or [`Connect::offer`], so one function can
/// decide for both:
///
/// ```
/// use sansocket::handshake::{Headers, Offer};
///
/// /// The subprotocol to speak, or the status to refuse with.
/// fn decide<'b>(offer: &Offer<'b, impl Headers<'b>>) -> Result<Option<&'static str>, u16> {
///     match (offer.path(), offer.origin()) {
///         ("/chat", Some("https://example.com")) => Ok(offer.choose_protocol(&["chat"])),
///         ("/chat", _) => Err(403),
///         _ => Err(404),
///     }
/// }
/// ```
///
/// [`Upgrade::offer`]: crate::handshake::Upgrade::offer
/// [`Connect::offer`]: crate::handshake::Connect::offer
#[derive(Clone, Copy, Debug)]
pub struct Offer<'b, H = Fields<'b>> {
    /// A path and a query.
    resource: &'b str,
    host: &'b str,
    headers: H,
}

impl<'b, H: Headers<'b>> Offer<'b, H> {
    pub(super) const fn new(resource: &'b str, host: &'b str, headers: H) -> Self {
        Self { resource, host, headers }
    }

    /// The path, without the query, `/` at least. Percent-encoding stays as it
    /// is.
    #[must_use]
    pub fn path(&self) -> &'b str {
        path(self.resource)
    }

    /// What follows the `?`.
    #[must_use]
    pub fn query(&self) -> Option<&'b str> {
        query(self.resource)
    }

    /// The host, with its port if one was given, that the client asks for.
    #[must_use]
    pub fn host(&self) -> &'b str {
        self.host
    }

    /// The header fields.
    #[must_use]
    pub fn headers(&self) -> &H {
        &self.headers
    }

    /// The value of the first header called `name`, in upper or lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'b [u8]> {
        self.headers.named(name).next()
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
        origin(&self.headers)
    }

    /// The subprotocols that the client offers, the one it likes best first.
    pub fn protocols(&self) -> impl Iterator<Item = &'b str> + use<'b, H> {
        protocols(&self.headers)
    }

    /// The first of `supported` that the client offers, too.
    #[must_use]
    pub fn choose_protocol<'s>(&self, supported: &[&'s str]) -> Option<&'s str> {
        let offered = |name: &&&str| self.protocols().any(|offer| offer == **name);
        supported.iter().find(offered).copied()
    }

    /// The extensions that the client offers, the one it likes best first.
    pub fn extensions(&self) -> impl Iterator<Item = Extension<'b>> + use<'b, H> {
        offered_extensions(&self.headers)
    }
}

/// The path of a path and query.
pub(super) fn path(resource: &str) -> &str {
    let (path, _) = cut(resource, b"?");
    if path.is_empty() { "/" } else { path }
}

/// The query of a path and query.
pub(super) fn query(resource: &str) -> Option<&str> {
    cut(resource, b"?").1.strip_prefix('?')
}

pub(super) fn origin<'b>(headers: &impl Headers<'b>) -> Option<&'b str> {
    core::str::from_utf8(single(headers, "Origin")?).ok()
}

pub(super) fn protocols<'b, H: Headers<'b>>(
    headers: &H,
) -> impl Iterator<Item = &'b str> + use<'b, H> {
    headers.named("Sec-WebSocket-Protocol").flat_map(list).filter_map(token)
}

/// Up to the first that is malformed.
pub(super) fn offered_extensions<'b, H: Headers<'b>>(
    headers: &H,
) -> impl Iterator<Item = Extension<'b>> + use<'b, H> {
    extensions(headers).map_while(Result::ok)
}

/// What a server chooses of an offer, on its way into `head`.
#[derive(Debug)]
pub(super) struct Choice<'b, 'o, H> {
    offer: Offer<'b, H>,
    protocol: bool,
    compression: Option<Agreement>,
    extensions: &'b str,
    head: Head<'o>,
}

impl<'b, 'o, H: Headers<'b>> Choice<'b, 'o, H> {
    pub(super) const fn new(offer: Offer<'b, H>, head: Head<'o>) -> Self {
        Self { offer, protocol: false, compression: None, extensions: "", head }
    }

    pub(super) fn protocol(mut self, protocol: Option<&str>) -> Self {
        if let Some(protocol) = protocol {
            let offered = self.offer.protocols().any(|offer| offer == protocol);
            if self.protocol || !offered {
                self.head.fail(ComposeError::BadProtocol);
            }
            self.protocol = true;
            self.head.push("Sec-WebSocket-Protocol: ").push(protocol).push("\r\n");
        }
        self
    }

    pub(super) fn compression(self, compression: Option<Agreement>) -> Self {
        Self { compression, ..self }
    }

    pub(super) fn extensions(self, extensions: &'b str) -> Self {
        Self { extensions, ..self }
    }

    pub(super) fn header(mut self, name: &str, value: &[u8]) -> Self {
        self.head.field(name, value);
        self
    }

    /// The head with all that was chosen.
    pub(super) fn finish(mut self) -> Head<'o> {
        let mut own = Extensions::new(self.extensions.as_bytes()).flatten();
        let own_is_offered = own.all(|own| self.is_offered(own.name()));
        if !own_is_offered || self.compression.is_some() && !self.is_offered(deflate::NAME) {
            self.head.fail(ComposeError::BadExtension);
        }
        let parameters = self.compression.map(|agreed| agreed.parameters());
        self.head.push_extensions(parameters, self.extensions);
        self.head
    }

    fn is_offered(&self, name: &str) -> bool {
        self.offer.extensions().any(|offer| offer.name() == name)
    }
}

/// What a client wishes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wish<'a> {
    pub(super) protocols: &'a [&'a str],
    pub(super) compression: Option<Compression>,
    /// Extensions of the caller's own.
    pub(super) extensions: &'a str,
}

impl Wish<'_> {
    /// Writes the header fields that tell it.
    pub(super) fn push(&self, head: &mut Head<'_>) {
        head.push("Sec-WebSocket-Version: 13\r\n");
        for (i, protocol) in self.protocols.iter().enumerate() {
            // > The elements that comprise this value MUST be non-empty
            // > strings [...] and MUST all be unique strings. (RFC 6455 §4.1)
            let repeated = self.protocols.iter().take(i).any(|earlier| earlier == protocol);
            if repeated || token(protocol.as_bytes()).is_none() {
                head.fail(ComposeError::BadProtocol);
            }
            head.push(if i == 0 { "Sec-WebSocket-Protocol: " } else { ", " }).push(protocol);
        }
        if !self.protocols.is_empty() {
            head.push("\r\n");
        }
        head.push_extensions(self.compression.map(|wish| wish.offer()), self.extensions);
    }

    /// Holds a response that accepts against the wish (RFC 6455 §4.1).
    pub(super) fn check<'b, H: Headers<'b>>(
        &self,
        headers: H,
    ) -> Result<Accepted<'b, H>, HandshakeError> {
        // > If the response includes a |Sec-WebSocket-Extensions| header field
        // > and this header field indicates the use of an extension that was
        // > not present in the client's handshake [...], the client MUST _Fail
        // > the WebSocket Connection_.
        let compression = self.check_extensions(&headers)?;
        // > If the response includes a |Sec-WebSocket-Protocol| header field
        // > and this header field indicates the use of a subprotocol that was
        // > not present in the client's handshake [...], the client MUST _Fail
        // > the WebSocket Connection_.
        let mut protocol = None;
        if headers.named("Sec-WebSocket-Protocol").next().is_some() {
            let chosen = single(&headers, "Sec-WebSocket-Protocol").and_then(token);
            protocol = chosen.filter(|chosen| self.protocols.contains(chosen));
            protocol.ok_or(HandshakeError::ProtocolNotOffered)?;
        }
        Ok(Accepted { protocol, compression, headers })
    }

    /// Holds the extensions of a response against the offers; returns what is
    /// agreed of permessage-deflate.
    fn check_extensions<'b>(
        &self,
        headers: &impl Headers<'b>,
    ) -> Result<Option<Agreement>, HandshakeError> {
        // > the |Sec-WebSocket-Extensions| header field MUST NOT appear more
        // > than once in an HTTP response. (§11.3.2)
        if headers.named("Sec-WebSocket-Extensions").count() > 1 {
            return Err(HandshakeError::BadExtensions);
        }
        let mut agreed = None;
        for (i, extension) in extensions(headers).enumerate() {
            let extension = extension.map_err(|_| HandshakeError::BadExtensions)?;
            let name = extension.name();
            let earlier = extensions(headers).take(i);
            let repeated = earlier.flatten().any(|earlier| earlier.name() == name);
            let own = Extensions::new(self.extensions.as_bytes());
            let fits = match self.compression {
                Some(compression) if name == deflate::NAME => {
                    agreed = compression.check(&extension);
                    agreed.is_some()
                }
                _ => own.flatten().any(|own| own.name() == name),
            };
            if repeated || !fits {
                return Err(HandshakeError::ExtensionNotOffered);
            }
        }
        Ok(agreed)
    }
}

/// What the server agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted<'b, H = Fields<'b>> {
    protocol: Option<&'b str>,
    compression: Option<Agreement>,
    headers: H,
}

impl<'b, H: Headers<'b>> Accepted<'b, H> {
    /// The subprotocol that the server chose, if it chose one.
    #[must_use]
    pub fn protocol(&self) -> Option<&'b str> {
        self.protocol
    }

    /// What is agreed of permessage-deflate, if the server accepted it.
    #[must_use]
    pub fn compression(&self) -> Option<Agreement> {
        self.compression
    }

    /// All extensions that the server chose.
    pub fn extensions(&self) -> impl Iterator<Item = Extension<'b>> + use<'b, H> {
        offered_extensions(&self.headers)
    }
}
