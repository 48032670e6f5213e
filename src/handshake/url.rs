//! `ws:` and `wss:` addresses (RFC 6455 §3).

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use core::error::Error;
use core::fmt;

use crate::handshake::authority::{BadAuthority, host_and_port, is_written_in};
use crate::handshake::text::{cut, has};

/// The parts of a WebSocket address.
///
/// ```
/// use sansocket::handshake::Url;
///
/// let url = Url::parse("wss://[::1]:8443/chat?room=7").unwrap();
/// assert!(url.is_secure());
/// assert_eq!((url.host(), url.port()), ("::1", 8443)); // as `TcpStream::connect` takes it
/// assert_eq!((url.path(), url.query()), ("/chat", Some("room=7")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Url<'a> {
    secure: bool,
    host: &'a str,
    port: u16,
    path: &'a str,
    query: Option<&'a str>,
}

/// What is wrong with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UrlError {
    /// Neither `ws://` nor `wss://`.
    Scheme,
    /// No host, or one with characters that need percent-encoding.
    Host,
    /// Not a port from 1 to 65535.
    Port,
    /// `user@` or `user:password@`, which this scheme does not have.
    UserInfo,
    /// A fragment (`#`):
    ///
    /// > Fragment identifiers are meaningless in the context of WebSocket URIs
    /// > and MUST NOT be used on these URIs. (RFC 6455 §3)
    Fragment,
    /// A path or query with characters that need percent-encoding.
    Resource,
}

impl<'a> Url<'a> {
    /// Takes an address apart.
    pub fn parse(url: &'a str) -> Result<Self, UrlError> {
        let (scheme, rest) = cut(url, b":");
        let rest = rest.strip_prefix("://").ok_or(UrlError::Scheme)?;
        let secure = match scheme {
            _ if scheme.eq_ignore_ascii_case("ws") => false,
            _ if scheme.eq_ignore_ascii_case("wss") => true,
            _ => return Err(UrlError::Scheme),
        };
        if has(rest, b'#') {
            return Err(UrlError::Fragment);
        }
        let (authority, resource) = cut(rest, b"/?");
        if has(authority, b'@') {
            return Err(UrlError::UserInfo);
        }
        if !is_written_in(resource, b"-._~!$&'()*+,;=:@/?") {
            return Err(UrlError::Resource);
        }
        let (host, port) = host_and_port(authority).map_err(|bad| match bad {
            BadAuthority::Host => UrlError::Host,
            BadAuthority::Port => UrlError::Port,
        })?;
        let (path, query) = cut(resource, b"?");
        Ok(Self {
            secure,
            host,
            port: port.unwrap_or(default_port(secure)),
            // > "/" if the path component is empty (§3)
            path: if path.is_empty() { "/" } else { path },
            query: query.strip_prefix('?'),
        })
    }

    /// Whether the address is `wss:`, to be spoken over TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host: a name, or an IP address without brackets.
    #[must_use]
    pub fn host(&self) -> &'a str {
        self.host
    }

    /// The port, by default 80 for `ws:` and 443 for `wss:`.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path, `/` at least.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// What follows the `?`.
    #[must_use]
    pub fn query(&self) -> Option<&'a str> {
        self.query
    }

    pub(super) fn is_ipv6(&self) -> bool {
        has(self.host, b':')
    }

    pub(super) fn default_port(&self) -> u16 {
        default_port(self.secure)
    }
}

const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "address is neither ws:// nor wss://",
            Self::Host => "address with a bad host",
            Self::Port => "address with a bad port",
            Self::UserInfo => "address with a user name",
            Self::Fragment => "address with a fragment",
            Self::Resource => "address with characters that need percent-encoding",
        })
    }
}

impl Error for UrlError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> Result<(bool, &str, u16, &str, Option<&str>), UrlError> {
        Url::parse(url).map(|u| (u.secure, u.host, u.port, u.path, u.query))
    }

    #[test]
    fn addresses() {
        for (url, expected) in [
            ("ws://example.com", (false, "example.com", 80, "/", None)),
            ("wss://example.com/", (true, "example.com", 443, "/", None)),
            ("WS://Example.com:8080/a/b", (false, "Example.com", 8080, "/a/b", None)),
            ("ws://h?q", (false, "h", 80, "/", Some("q"))),
            ("ws://h/?", (false, "h", 80, "/", Some(""))),
            ("ws://h/p?a=b?c/d", (false, "h", 80, "/p", Some("a=b?c/d"))),
            ("ws://h:/", (false, "h", 80, "/", None)),
            ("wss://127.0.0.1:9001/", (true, "127.0.0.1", 9001, "/", None)),
            ("ws://[::1]", (false, "::1", 80, "/", None)),
            ("wss://[2001:db8::7]:65535/x", (true, "2001:db8::7", 65535, "/x", None)),
        ] {
            assert_eq!(parts(url), Ok(expected), "{url}");
        }
    }

    #[test]
    fn what_is_wrong() {
        for (url, error) in [
            ("", UrlError::Scheme),
            ("example.com", UrlError::Scheme),
            ("http://example.com", UrlError::Scheme),
            ("wsss://example.com", UrlError::Scheme),
            ("ws:/example.com", UrlError::Scheme),
            ("ws://", UrlError::Host),
            ("ws:///path", UrlError::Host),
            ("ws://:80/", UrlError::Host),
            ("ws://a b/", UrlError::Host),
            ("ws://exämple.com/", UrlError::Host),
            ("ws://[::1", UrlError::Host),
            ("ws://[::g]/", UrlError::Host),
            ("ws://[127.0.0.1]/", UrlError::Host),
            ("ws://h\r\nX: y/", UrlError::Host),
            ("ws://h:0/", UrlError::Port),
            ("ws://h:65536/", UrlError::Port),
            ("ws://h:+80/", UrlError::Port),
            ("ws://h:80:80/", UrlError::Port),
            ("ws://[::1]80/", UrlError::Port),
            ("ws://user@h/", UrlError::UserInfo),
            ("ws://user:secret@h/", UrlError::UserInfo),
            ("ws://h/#top", UrlError::Fragment),
            ("ws://h#", UrlError::Fragment),
            ("ws://h/a b", UrlError::Resource),
            ("ws://h/\r\nX: y", UrlError::Resource),
            ("ws://h/?ü", UrlError::Resource),
            ("ws://h/<x>", UrlError::Resource),
            ("ws://h/%zz", UrlError::Resource),
            ("ws://h/%2", UrlError::Resource),
            ("ws://%/", UrlError::Host),
        ] {
            assert_eq!(parts(url), Err(error), "{url:?}");
        }
    }
}
