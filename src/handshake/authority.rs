//! A host and a port (RFC 3986 §3.2), as addresses and the `Host` header have
//! them.

use crate::handshake::text::cut;

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
            let (host, rest) = cut(rest, b"]");
            let port = rest.strip_prefix(']').filter(|_| is_ipv6(host.as_bytes()));
            (host, port.ok_or(BadAuthority::Host)?)
        }
        None => {
            let (host, port) = cut(authority, b":");
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

/// Whether `text` is an IPv6 address (RFC 3986 §3.2.2): eight groups, or fewer
/// where `::` stands for those that are zero.
///
/// (`core` parses them, too, by code that cannot be seen not to panic.)
fn is_ipv6(text: &[u8]) -> bool {
    match text.windows(2).position(|pair| pair == b"::") {
        None => groups(text) == Some(8),
        Some(at) => {
            let (before, after) = text.split_at_checked(at).unwrap_or_default();
            let after = after.get(2..).unwrap_or_default();
            // An IPv4 address is the end of the whole.
            let before = if before.contains(&b'.') { None } else { groups(before) };
            matches!((before, groups(after)), (Some(before), Some(after)) if before + after <= 7)
        }
    }
}

/// The number of groups of 16 bits in `text`; an IPv4 address at the end is two.
fn groups(text: &[u8]) -> Option<usize> {
    let mut parts = text.split(|&byte| byte == b':').peekable();
    let mut count = 0;
    while let Some(part) = parts.next() {
        count += match part {
            // `text` itself is empty.
            [] if count == 0 && parts.peek().is_none() => 0,
            [] => return None,
            _ if part.len() <= 4 && part.iter().all(u8::is_ascii_hexdigit) => 1,
            _ if parts.peek().is_none() && is_ipv4(part) => 2,
            _ => return None,
        };
    }
    Some(count)
}

/// Whether `text` is four numbers up to 255, without leading zeros.
fn is_ipv4(text: &[u8]) -> bool {
    let is_octet = |part: &[u8]| match *part {
        [b'0'..=b'9'] | [b'1'..=b'9', b'0'..=b'9'] | [b'1', b'0'..=b'9', b'0'..=b'9'] => true,
        [b'2', tens, ones] => {
            matches!((tens, ones), (b'0'..=b'4', b'0'..=b'9') | (b'5', b'0'..=b'5'))
        }
        _ => false,
    };
    let mut parts = text.split(|&byte| byte == b'.');
    parts.by_ref().take(4).filter(|part| is_octet(part)).count() == 4 && parts.next().is_none()
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

#[cfg(test)]
mod tests {
    use core::net::Ipv6Addr;

    use proptest::prelude::*;

    use super::*;

    fn check(text: &str) {
        let expected = text.parse::<Ipv6Addr>().is_ok();
        assert_eq!(is_ipv6(text.as_bytes()), expected, "{text:?}");
    }

    #[test]
    fn ipv6_addresses() {
        for text in [
            "::",
            "::1",
            "1::",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7:8::",
            "1:2:3:4:5:6::8:9",
            "::1.2.3.4",
            "1:2:3:4:5:6:1.2.3.4",
            "1:2:3:4:5:6:7:1.2.3.4",
            "1.2.3.4::",
            "::1.2.3.4:5",
            "1::2::3",
            ":::",
            "",
            ":",
            "1:",
            ":1",
            "12345::",
            "g::",
            "::1.2.3",
            "::1.2.3.256",
            "::1.2.3.04",
            "::1.2.3.4.5",
            "::%1",
        ] {
            check(text);
        }
    }

    #[test]
    fn every_octet_in_an_ipv6_address() {
        for n in 0..=999 {
            check(&format!("::{n}.2.3.4"));
            check(&format!("::1.2.3.{n:02}"));
            check(&format!("::1.{n:03}.3.4"));
        }
    }

    proptest! {
        #[test]
        fn ipv6_as_core_has_it(
            text in prop_oneof![
                "([0-9a-f]{1,4}:){0,8}[0-9a-f]{0,4}",
                "[0-9a-fA-F:.]{0,24}",
                "([0-9a-f]{0,4}:){0,6}(:[0-9a-f]{1,4}){0,4}",
                "([0-9a-f]{0,2}:){2,7}([0-9]{1,3}\\.){3}[0-9]{1,3}",
            ],
        ) {
            check(&text);
        }
    }
}
