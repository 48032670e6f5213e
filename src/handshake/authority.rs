//! A host and a port (RFC 3986 §3.2), as addresses and the `Host` header have
//! them.

use core::net::Ipv6Addr;

/// What is wrong with `host:port`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadAuthority {
    Host,
    Port,
}

/// Takes `host:port` apart: the host, an IPv6 address without its brackets, and
/// the port if there is one.
pub(super) fn host_and_port(authority: &str) -> Result<(&str, Option<u16>), BadAuthority> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(BadAuthority::Host)?;
            host.parse::<Ipv6Addr>().map_err(|_| BadAuthority::Host)?;
            (host, port)
        }
        None => {
            let colon = authority.find(':').unwrap_or(authority.len());
            let (host, port) = authority.split_at_checked(colon).ok_or(BadAuthority::Host)?;
            if host.is_empty() || !is_written_in(host, b"-._~!$&'()*+,;=") {
                return Err(BadAuthority::Host);
            }
            (host, port)
        }
    };
    let port = match port.strip_prefix(':') {
        // > port = *DIGIT (RFC 3986 §3.2.3), so it may be empty
        Some("") => None,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(digits.parse().ok().filter(|&port| port != 0).ok_or(BadAuthority::Port)?)
        }
        None if port.is_empty() => None,
        _ => return Err(BadAuthority::Port),
    };
    Ok((host, port))
}

/// Whether `text` is of letters, digits, `marks`, and bytes in
/// percent-encoding.
pub(super) fn is_written_in(text: &str, marks: &[u8]) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut is_digit = || bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit());
        let good = match byte {
            b'%' => is_digit() && is_digit(),
            _ => byte.is_ascii_alphanumeric() || marks.contains(&byte),
        };
        if !good {
            return false;
        }
    }
    true
}
