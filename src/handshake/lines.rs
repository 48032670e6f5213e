//! The lines of a head that is still arriving, each byte looked at once.

use crate::handshake::error::HandshakeError;
use crate::handshake::fields::value_len;

/// Cuts lines off a growing prefix of the peer's bytes.
///
/// It remembers how far it has looked, so that cutting the bytes up costs
/// nothing.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    /// The most bytes of the head, the empty line included.
    limit: usize,
    /// Where the current line begins.
    start: usize,
    /// The bytes before it have been looked at.
    seen: usize,
}

impl Lines {
    pub(super) const fn new(limit: usize) -> Self {
        Self { limit, start: 0, seen: 0 }
    }

    /// The next line of `bytes` without its CR LF, once it is whole.
    ///
    /// `bytes` begins with all the bytes of the calls before.
    ///
    /// # Panics
    /// Where debug assertions are on, if there are fewer than before.
    pub(super) fn next<'b>(&mut self, bytes: &'b [u8]) -> Result<Option<&'b [u8]>, HandshakeError> {
        debug_assert!(
            bytes.len() >= self.seen,
            "all bytes so far must be passed, not the new ones"
        );
        let arrived = bytes.get(..bytes.len().min(self.limit)).unwrap_or_default();
        let unseen = arrived.get(self.seen..).unwrap_or_default();
        let end = self.seen + value_len(unseen);
        match arrived.get(end..).unwrap_or_default() {
            [b'\r', b'\n', ..] => {
                let line = arrived.get(self.start..end);
                self.start = end + 2;
                self.seen = self.start;
                return Ok(line);
            }
            // The rest has to come.
            [] | [b'\r'] => self.seen = end,
            // > A sender MUST NOT generate a bare CR (RFC 9112 §2.2)
            //
            // A bare LF may be borne there, and is not here: two parsers that
            // disagree on where a line ends can be played off against each
            // other.
            _ => return Err(HandshakeError::MalformedHead),
        }
        if arrived.len() >= self.limit {
            return Err(HandshakeError::HeadTooLarge);
        }
        Ok(None)
    }

    /// Where the line after the last one begins.
    pub(super) const fn position(&self) -> usize {
        self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8], limit: usize, step: usize) -> Result<Vec<&[u8]>, HandshakeError> {
        let mut lines = Lines::new(limit);
        let mut found = Vec::new();
        for end in (0..bytes.len()).step_by(step).chain([bytes.len()]) {
            while let Some(line) = lines.next(&bytes[..end])? {
                found.push(line);
            }
        }
        Ok(found)
    }

    #[test]
    fn any_step_gives_the_same_lines() {
        let bytes = b"one\r\ntwo\tand \xFF\r\n\r\nrest";
        for step in 1..=bytes.len() {
            let expected: [&[u8]; 3] = [b"one", b"two\tand \xFF", b""];
            assert_eq!(lines(bytes, 100, step).unwrap(), expected);
        }
    }

    #[test]
    fn bare_line_ends_and_control_characters() {
        for bad in ["a\n", "\n", "a\rb", "a\r\r\n", "a\0", "\x16\x03\x01", "a\x7F", "a\r\n\n"] {
            for step in 1..=bad.len() {
                let found = lines(bad.as_bytes(), 100, step);
                assert_eq!(found, Err(HandshakeError::MalformedHead), "{bad:?}");
            }
        }
    }

    #[test]
    fn the_limit_is_exact() {
        for step in 1..=6 {
            assert_eq!(lines(b"abc\r\n", 6, step).unwrap(), [b"abc"]);
            assert_eq!(lines(b"abc\r\n..", 6, step), Err(HandshakeError::HeadTooLarge));
            assert_eq!(lines(b"abc\r\n", 4, step), Err(HandshakeError::HeadTooLarge));
        }
    }
}
