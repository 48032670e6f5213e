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
        let is_named = |found: &[u8]| found.eq_ignore_ascii_case(name.as_bytes());
        self.raw().filter_map(move |(found, value)| is_named(found).then_some(value))
    }

    /// The names and values as bytes.
    pub(super) fn raw(self) -> impl Iterator<Item = (&'b [u8], &'b [u8])> + use<'b> {
        let mut lines = self.lines;
        core::iter::from_fn(move || next_line(&mut lines))
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
        let (name, value) = next_line(&mut self.lines)?;
        Some((core::str::from_utf8(name).ok()?, value))
    }
}

impl FusedIterator for FieldsIter<'_> {}

/// Takes a line off lines that [`split`] accepted.
#[inline]
fn next_line<'b>(lines: &mut &'b [u8]) -> Option<(&'b [u8], &'b [u8])> {
    let (name, rest) = lines.split_at_checked(find(lines, b':'))?;
    let rest = rest.get(1..)?;
    let (value, rest) = rest.split_at_checked(find(rest, b'\r'))?;
    *lines = rest.strip_prefix(b"\r\n")?;
    Some((name, trim(value)))
}

/// Splits a line without its CR LF into name and value; `None` if it is not a
/// field, or if it is the continuation of one, which is obsolete:
///
/// > A server that receives an obs-fold in a request message [...] MUST either
/// > reject the message [...] or replace each received obs-fold
/// > (RFC 9112 §5.2)
#[inline]
pub(super) fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    // > No whitespace is allowed between the field name and colon.
    // > (RFC 9112 §5.1)
    let colon = line.iter().position(|&byte| !is_token(byte)).filter(|&colon| colon > 0)?;
    let (name, rest) = line.split_at_checked(colon)?;
    Some((name, trim(rest.strip_prefix(b":")?)))
}

/// The elements of a comma-separated list (RFC 9110 §5.6.1), empty ones left
/// out as that section demands.
pub(super) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim).filter(|element| !element.is_empty())
}

/// Whether `token`, in upper or lower case, is on the list that `value` is.
pub(super) fn lists(value: &[u8], token: &str) -> bool {
    list(value).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
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

/// The number of bytes at the front that may stand in a field's value.
#[inline]
pub(super) fn value_len(bytes: &[u8]) -> usize {
    let below_space = |word: u64| word.wrapping_sub(each(b' ')) & !word;
    position(bytes, |word| below_space(word) | equal(word, 0x7F), |byte| !is_value(byte))
}

/// The number of bytes before the first `wanted`.
#[inline]
fn find(bytes: &[u8], wanted: u8) -> usize {
    position(bytes, |word| equal(word, wanted), |byte| byte == wanted)
}

/// Where the first byte is that `is_it`, or the end.
///
/// Eight bytes are passed over at once if none of them has its highest bit set in
/// `suspects` of them all, as one number.
#[inline]
fn position(bytes: &[u8], suspects: impl Fn(u64) -> u64, is_it: impl Fn(u8) -> bool) -> usize {
    let (words, tail) = bytes.as_chunks::<8>();
    let mut start = 0;
    for word in words {
        if suspects(u64::from_ne_bytes(*word)) & each(0x80) != 0
            && let Some(offset) = word.iter().position(|&byte| is_it(byte))
        {
            return start + offset;
        }
        start += word.len();
    }
    start + tail.iter().position(|&byte| is_it(byte)).unwrap_or(tail.len())
}

/// Has the highest bit set of each byte of `word` that is `byte`, and, if there is
/// one, maybe of others.
const fn equal(word: u64, byte: u8) -> u64 {
    let difference = word ^ each(byte);
    difference.wrapping_sub(each(1)) & !difference
}

/// A number of which each byte is `byte`.
const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
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
    use crate::handshake::negotiation::single;

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
        let value = b"keep-alive, ,UPGRADE\t, notclose";
        assert!(lists(value, "upgrade"));
        assert!(lists(value, "keep-alive"));
        assert!(!lists(value, "close"));
        assert!(!lists(value, "keep"));
    }

    #[test]
    fn the_length_of_a_value_at_every_end() {
        for end in 0..=255 {
            for len in 0..40 {
                // A word of eight bytes may also be of such bytes alone.
                for times in [1, 20] {
                    let mut bytes =
                        b"\tvalue, \x80\xFF~ value, of all that may stand in one"[..len].to_vec();
                    bytes.extend([end].repeat(times));
                    bytes.extend(b"and on\r\n");
                    let naive = bytes.iter().take_while(|&&byte| is_value(byte)).count();
                    assert_eq!(value_len(&bytes), naive, "{end:02x} after {len}");
                    assert_eq!(value_len(&bytes[..len]), len);
                }
            }
        }
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
