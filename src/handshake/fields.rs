//! Header fields (RFC 9110 §5), read in place.

use core::iter::FusedIterator;

use crate::extensions::is_token;

/// The header fields of a request or a response, in the order they came:
/// name and value.
///
/// Names are tokens of ASCII. A value has neither white space at its ends nor
/// control characters but for tabs; it need not be UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields<'b> {
    /// Lines that `split` accepted, each with its CR LF.
    lines: &'b [u8],
}

/// Iterator over the names and values of [`Fields`].
#[derive(Clone, Debug)]
pub struct FieldsIter<'b> {
    lines: &'b [u8],
}

impl<'b> Fields<'b> {
    /// `lines` must be such that [`split`] accepts each.
    pub(super) const fn new(lines: &'b [u8]) -> Self {
        Self { lines }
    }

    /// The values of all fields called `name`, in upper or lower case.
    pub fn named<'n>(self, name: &'n str) -> impl Iterator<Item = &'b [u8]> + use<'b, 'n> {
        self.into_iter().filter_map(move |(n, value)| n.eq_ignore_ascii_case(name).then_some(value))
    }
}

impl<'b> IntoIterator for Fields<'b> {
    type Item = (&'b str, &'b [u8]);
    type IntoIter = FieldsIter<'b>;

    fn into_iter(self) -> FieldsIter<'b> {
        FieldsIter { lines: self.lines }
    }
}

impl<'b> Iterator for FieldsIter<'b> {
    type Item = (&'b str, &'b [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let end = self.lines.iter().position(|&byte| byte == b'\n')?;
        let (line, rest) = self.lines.split_at_checked(end + 1)?;
        self.lines = rest;
        split(line.strip_suffix(b"\r\n")?)
    }
}

impl FusedIterator for FieldsIter<'_> {}

/// Splits a line without its CR LF into name and value; `None` if it is not a
/// field, or if it is the continuation of one, which is obsolete:
///
/// > A server that receives an obs-fold in a request message [...] MUST either
/// > reject the message [...] or replace each received obs-fold
/// > (RFC 9112 §5.2)
pub(super) fn split(line: &[u8]) -> Option<(&str, &[u8])> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    // > No whitespace is allowed between the field name and colon.
    // > (RFC 9112 §5.1)
    let name = token(name)?;
    Some((name, trim(value.get(1..)?)))
}

/// The elements of a comma-separated list (RFC 9110 §5.6.1), empty ones left
/// out as that section demands.
pub(super) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim).filter(|element| !element.is_empty())
}

/// `bytes` as a token (RFC 9110 §5.6.2).
pub(super) fn token(bytes: &[u8]) -> Option<&str> {
    let all = !bytes.is_empty() && bytes.iter().all(|&byte| is_token(byte));
    if all { core::str::from_utf8(bytes).ok() } else { None }
}

/// Whether `byte` may stand in a field's value.
///
/// > Field values containing CR, LF, or NUL characters are invalid and
/// > dangerous (RFC 9110 §5.5)
///
/// The other control characters are no better. Bytes from 80 up are opaque.
pub(super) const fn is_value(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

/// Without the white space around it, which in HTTP is space and tab.
fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::negotiation::{lists, single};

    #[test]
    fn fields_in_order_and_by_name() {
        let fields = Fields::new(b"Host: a\r\nX-A:1\r\nx-a: \t2 \r\nEmpty:\r\n");
        let all: Vec<_> = fields.into_iter().collect();
        let expected: [(&str, &[u8]); 4] =
            [("Host", b"a"), ("X-A", b"1"), ("x-a", b"2"), ("Empty", b"")];
        assert_eq!(all, expected);
        assert_eq!(fields.named("X-a").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!(single(&fields, "host"), Some(&b"a"[..]));
        assert_eq!(single(&fields, "x-a"), None);
    }

    #[test]
    fn lines_that_are_no_fields() {
        for line in
            ["", "no colon", ": no name", "sp ace: 1", "space : 1", " fold: 1", "\tx", "ä: 1"]
        {
            assert_eq!(split(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn tokens_not_substrings() {
        let fields = Fields::new(b"Connection: keep-alive, ,UPGRADE\r\nConnection: notclose\r\n");
        assert!(lists(&fields, "connection", "upgrade"));
        assert!(lists(&fields, "connection", "keep-alive"));
        assert!(!lists(&fields, "connection", "close"));
        assert!(!lists(&fields, "connection", "keep"));
    }

    #[test]
    fn characters_of_tokens_and_values() {
        let separators = b"()<>@,;:\\\"/[]?={} \t";
        for byte in 0..=255u8 {
            let visible = (0x21..=0x7E).contains(&byte);
            assert_eq!(is_token(byte), visible && !separators.contains(&byte), "{byte:02x}");
            assert_eq!(is_value(byte), !byte.is_ascii_control() || byte == b'\t', "{byte:02x}");
        }
    }
}
