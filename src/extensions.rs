//! The list of extensions in a `Sec-WebSocket-Extensions` header
//! (RFC 6455 §9.1): what a client offers, and what a server agrees to.
//!
//! ```text
//! extension-list  = 1#extension
//! extension       = extension-token *( ";" extension-param )
//! extension-param = token [ "=" (token | quoted-string) ]
//! ```
//!
//! Parsing takes one pass and time in proportion to the bytes, whatever they
//! are.

// What peers send passes through here: nothing that could panic on it.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

use core::fmt;
use core::iter::FusedIterator;

/// The extensions of one header value, in the order of preference.
///
/// ```
/// use sansocket::extensions::Extensions;
///
/// let value = b"permessage-deflate; client_max_window_bits=\"10\", x-own";
/// let mut extensions = Extensions::new(value);
/// let deflate = extensions.next().unwrap()?;
/// assert_eq!(deflate.name(), "permessage-deflate");
/// let (name, value) = deflate.params().next().unwrap();
/// assert_eq!(name, "client_max_window_bits");
/// assert!(value.unwrap() == "10");
/// assert_eq!(extensions.next().unwrap()?.name(), "x-own");
/// # Ok::<(), sansocket::extensions::Malformed>(())
/// ```
#[derive(Clone, Debug)]
pub struct Extensions<'b> {
    cursor: Cursor<'b>,
}

/// The value of the header is not a list of extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a list of extensions")
    }
}

impl core::error::Error for Malformed {}

impl<'b> Extensions<'b> {
    /// The list that `value` holds.
    #[must_use]
    pub const fn new(value: &'b [u8]) -> Self {
        Self { cursor: Cursor { rest: value } }
    }

    fn extension(&mut self) -> Result<Extension<'b>, Malformed> {
        let name = self.cursor.token().ok_or(Malformed)?;
        let params = self.cursor.clone();
        while self.cursor.skip(b';') {
            self.cursor.param().ok_or(Malformed)?;
        }
        // An element ends with a comma or with the list.
        match self.cursor.rest {
            [] | [b',', ..] => Ok(Extension { name, params }),
            _ => Err(Malformed),
        }
    }
}

impl<'b> Iterator for Extensions<'b> {
    type Item = Result<Extension<'b>, Malformed>;

    /// The next extension. After an error nothing comes.
    fn next(&mut self) -> Option<Self::Item> {
        // Empty elements are no error (RFC 9110 §5.6.1).
        while self.cursor.skip(b',') {}
        if self.cursor.rest.is_empty() {
            return None;
        }
        let extension = self.extension();
        if extension.is_err() {
            self.cursor.rest = &[];
        }
        Some(extension)
    }
}

impl FusedIterator for Extensions<'_> {}

/// An extension: a name and parameters.
#[derive(Clone, Debug)]
pub struct Extension<'b> {
    name: &'b str,
    params: Cursor<'b>,
}

impl<'b> Extension<'b> {
    /// The name, which is case-sensitive.
    #[must_use]
    pub fn name(&self) -> &'b str {
        self.name
    }

    /// The parameters in order, each with its value if it has one.
    pub fn params(&self) -> impl Iterator<Item = (&'b str, Option<Value<'b>>)> + use<'b> {
        let mut cursor = self.params.clone();
        // It stops at the comma, the end, or never at an error: the parameters
        // have been parsed before.
        core::iter::from_fn(move || if cursor.skip(b';') { cursor.param() } else { None })
    }
}

/// The value of a parameter, given as a token or, with the same meaning, as a
/// quoted string:
///
/// > When using the quoted-string syntax variant, the value after
/// > quoted-string unescaping MUST conform to the 'token' ABNF.
/// > (RFC 6455 §9.1)
#[derive(Clone, Copy, Debug)]
pub struct Value<'b> {
    /// Without the quotes; a backslash, which no token has, quotes the next
    /// byte.
    escaped: &'b [u8],
}

impl<'b> Value<'b> {
    /// The value's bytes, all ASCII, unescaped.
    pub fn bytes(self) -> impl Iterator<Item = u8> + use<'b> {
        let mut bytes = self.escaped.iter().copied();
        core::iter::from_fn(move || bytes.find(|&byte| byte != b'\\'))
    }
}

impl PartialEq<str> for Value<'_> {
    fn eq(&self, other: &str) -> bool {
        self.bytes().eq(other.bytes())
    }
}

impl PartialEq<&str> for Value<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

/// What is left to parse. Each method moves it behind what it recognised.
#[derive(Clone, Debug)]
struct Cursor<'b> {
    rest: &'b [u8],
}

impl<'b> Cursor<'b> {
    /// Skips `separator` and the white space around it; without it, white space
    /// alone.
    fn skip(&mut self, separator: u8) -> bool {
        self.skip_space();
        let found = self.rest.first() == Some(&separator);
        if found {
            self.rest = self.rest.get(1..).unwrap_or_default();
            self.skip_space();
        }
        found
    }

    fn skip_space(&mut self) {
        while let [b' ' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    fn token(&mut self) -> Option<&'b str> {
        let end = self.rest.iter().position(|&byte| !is_token(byte)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        if token.is_empty() { None } else { core::str::from_utf8(token).ok() }
    }

    fn param(&mut self) -> Option<(&'b str, Option<Value<'b>>)> {
        let name = self.token()?;
        let value = match self.rest {
            [b'=', b'"', rest @ ..] => {
                self.rest = rest;
                Some(self.quoted()?)
            }
            [b'=', rest @ ..] => {
                self.rest = rest;
                Some(Value { escaped: self.token()?.as_bytes() })
            }
            _ => None,
        };
        Some((name, value))
    }

    /// A quoted string behind its first quote.
    fn quoted(&mut self) -> Option<Value<'b>> {
        let mut end = 0;
        loop {
            end += match *self.rest.get(end..)? {
                [b'"', ref rest @ ..] if end > 0 => {
                    let escaped = self.rest.get(..end)?;
                    self.rest = rest;
                    return Some(Value { escaped });
                }
                [b'\\', byte, ..] if is_token(byte) => 2,
                [byte, ..] if is_token(byte) => 1,
                _ => return None,
            };
        }
    }
}

/// Whether `byte` may stand in a token (RFC 9110 §5.6.2).
#[expect(clippy::indexing_slicing, reason = "a byte is less than 256")]
pub(crate) const fn is_token(byte: u8) -> bool {
    TOKEN[byte as usize]
}

/// By byte, whether it may stand in a token.
#[expect(clippy::indexing_slicing, reason = "evaluated when compiled")]
static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = b'!';
    while byte <= b'~' {
        // Visible, and none of the delimiters.
        table[byte as usize] = !matches!(
            byte,
            b'"' | b'(' | b')' | b',' | b'/' | b':'..=b'@' | b'['..=b']' | b'{' | b'}'
        );
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Back to text, one extension a string; `None` for the one that is bad.
    fn parse(value: &str) -> Vec<Option<String>> {
        let text = |extension: Extension<'_>| {
            extension.params().fold(extension.name().to_owned(), |text, (name, value)| {
                let value = value.map(|value| value.bytes().map(char::from).collect::<String>());
                text + ";" + name + &value.map_or(String::new(), |value| "=".to_owned() + &value)
            })
        };
        Extensions::new(value.as_bytes()).map(|extension| extension.ok().map(text)).collect()
    }

    #[test]
    fn lists() {
        for (value, expected) in [
            ("", &[][..]),
            (" , ,", &[]),
            ("a", &["a"]),
            ("a,b", &["a", "b"]),
            (",a ,\t, b,", &["a", "b"]),
            ("a;x", &["a;x"]),
            ("a ; x = 1", &[""]),
            ("a ; x=1 ; y\t;z=\"2\", b;x", &["a;x=1;y;z=2", "b;x"]),
            ("a;x=\"\\1\\0\"", &["a;x=10"]),
            ("a;x=\"1,2\"", &[""]),
            ("a;x;x=1", &["a;x;x=1"]),
        ] {
            let expected: Vec<_> = expected
                .iter()
                .map(|text| (!text.is_empty()).then(|| (*text).to_owned()))
                .collect();
            assert_eq!(parse(value), expected, "{value}");
        }
    }

    #[test]
    fn values_are_compared_unescaped() {
        for (value, is_ten) in [
            ("a;x=10", true),
            ("a;x=\"10\"", true),
            ("a;x=\"\\1\\0\"", true),
            ("a;x=1", false),
            ("a;x=100", false),
            ("a;x=\"1\\00\"", false),
        ] {
            let extension = Extensions::new(value.as_bytes()).next().unwrap().unwrap();
            let (_, value) = extension.params().next().unwrap();
            assert_eq!(value.unwrap() == "10", is_ten, "{value:?}");
        }
    }

    #[test]
    fn malformed_lists_end_there() {
        for bad in [
            "a;",
            "a; ",
            "a;;x",
            "a; =1",
            "a;x=",
            "a;x=\"",
            "a;x=\"\"",
            "a;x=\"1",
            "a;x=\"1\\",
            "a;x=\"1\\\"\"",
            "a;x=\"1 0\"",
            "a;x=1 0",
            "a b",
            ";a",
            "=1",
            "a;x=\"1\"2",
            "ä",
            "a/b",
        ] {
            assert_eq!(parse(bad).last(), Some(&None), "{bad}");
            assert_eq!(parse(&format!("good, {bad}, after"))[0], Some("good".to_owned()));
            assert_eq!(parse(&format!("good, {bad}")).len(), 2, "{bad}");
        }
    }
}
