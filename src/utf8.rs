//! UTF-8 that arrives in pieces (RFC 6455 §8.1), judged at the first bad byte.
//!
//! Checking bytes and making a `str` of them is one act here: what
//! [`Decoder::decode`] accepts it also hands out, so text is never walked
//! twice. A character cut by the end of a piece waits in the decoder, three
//! bytes at most.

// What peers send passes through here: nothing that could panic on it.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

use core::fmt;

use crate::mask;

/// Text is unmasked and judged in blocks that stay in the nearest cache; a
/// multiple of the key's length.
const BLOCK: usize = 16 * 1024;

/// Turns pieces of UTF-8 into `str`s.
///
/// ```
/// use sansocket::utf8::Decoder;
///
/// let mut decoder = Decoder::new();
/// let first = decoder.decode(b"caf\xC3")?;
/// assert_eq!((first.completed, first.text), (None, "caf"));
/// let second = decoder.decode(b"\xA9!")?;
/// assert_eq!((second.completed, second.text), (Some('é'), "!"));
/// assert!(decoder.is_complete());
/// # Ok::<(), sansocket::utf8::InvalidUtf8>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Decoder {
    /// The bytes of a character that is not all there yet: always a proper
    /// prefix of some UTF-8 sequence.
    partial: [u8; 4],
    len: u8,
}

/// What a piece of UTF-8 decodes to: `completed`, then `text`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded<'b> {
    /// The character begun in an earlier piece and completed in this one.
    pub completed: Option<char>,
    /// The whole characters that lie in this piece.
    pub text: &'b str,
}

/// The bytes are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidUtf8 {
    /// Index in the piece of the first byte with which no UTF-8 text can go on.
    pub offset: usize,
}

impl Decoder {
    /// A decoder at the start of a text.
    #[must_use]
    pub const fn new() -> Self {
        Self { partial: [0; 4], len: 0 }
    }

    /// Decodes the next piece.
    ///
    /// After an error the text is beyond repair; the decoder should be
    /// dropped.
    #[inline]
    pub fn decode<'b>(&mut self, bytes: &'b [u8]) -> Result<Decoded<'b>, InvalidUtf8> {
        let (completed, used) = match self.len {
            0 => (None, 0),
            _ => self.complete(bytes)?,
        };
        let rest = bytes.get(used..).unwrap_or_default();
        let whole = rest.len() - cut_character(rest);
        // Never the default: what is cut is a part of the rest.
        let (whole, cut) = rest.split_at_checked(whole).unwrap_or((rest, &[]));
        match from_utf8(whole) {
            Ok(text) => {
                self.begin(cut);
                Ok(Decoded { completed, text })
            }
            Err(error) => Err(InvalidUtf8 { offset: used + offending(whole, error) }),
        }
    }

    /// Unmasks the next piece if there is a key, and decodes it for the verdict
    /// alone. After an error, what follows the bad byte may still be masked.
    #[inline]
    pub(crate) fn unmask(
        &mut self,
        bytes: &mut [u8],
        key: Option<[u8; 4]>,
    ) -> Result<(), InvalidUtf8> {
        let mut offset = 0;
        for block in bytes.chunks_mut(BLOCK) {
            let ascii = match key {
                Some(key) => mask::apply_is_ascii(block, key),
                None => is_short_ascii(block),
            };
            if !ascii || !self.is_complete() {
                self.check(block, offset)?;
            }
            offset += block.len();
        }
        Ok(())
    }

    #[inline(never)]
    fn check(&mut self, bytes: &[u8], before: usize) -> Result<(), InvalidUtf8> {
        match self.decode(bytes) {
            Ok(_) => Ok(()),
            Err(InvalidUtf8 { offset }) => Err(InvalidUtf8 { offset: before + offset }),
        }
    }

    /// Whether the text so far ends with a whole character.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.len == 0
    }

    /// Goes on with the character begun earlier; returns it if it is now
    /// whole, and the number of bytes taken.
    fn complete(&mut self, bytes: &[u8]) -> Result<(Option<char>, usize), InvalidUtf8> {
        for (offset, &byte) in bytes.iter().enumerate() {
            self.push(byte);
            match core::str::from_utf8(self.pending()) {
                Ok(text) => {
                    let completed = text.chars().next();
                    self.len = 0;
                    return Ok((completed, offset + 1));
                }
                Err(error) if error.error_len().is_none() => {}
                // What was pending could still become a character, so it is
                // this byte that rules it out.
                Err(_) => return Err(InvalidUtf8 { offset }),
            }
        }
        Ok((None, bytes.len()))
    }

    /// Keeps `cut`, a proper prefix of a character, for the next piece.
    fn begin(&mut self, cut: &[u8]) {
        for &byte in cut {
            self.push(byte);
        }
    }

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.partial.get_mut(usize::from(self.len)) {
            *slot = byte;
            self.len += 1;
        }
    }

    fn pending(&self) -> &[u8] {
        self.partial.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// Below this length it pays to look for ASCII first.
pub(crate) const SHORT: usize = 128;

/// Whether `bytes` are so few that it pays to look for ASCII first, and are it.
#[inline]
pub(crate) fn is_short_ascii(bytes: &mut [u8]) -> bool {
    // With a key of zeros nothing changes, and the fast way to look is shared.
    bytes.len() < SHORT && mask::apply_is_ascii(bytes, [0; 4])
}

/// From this length on vectors judge faster than the standard library.
#[cfg(feature = "simd")]
const LONG: usize = 64;

/// As [`core::str::from_utf8`], and faster where it can be.
#[inline]
pub(crate) fn from_utf8(bytes: &[u8]) -> Result<&str, core::str::Utf8Error> {
    #[cfg(feature = "simd")]
    if bytes.len() >= LONG {
        return crate::simd::from_utf8(bytes);
    }
    core::str::from_utf8(bytes)
}

/// The length of the unfinished character, 0 to 3, at the end of `bytes`.
#[inline]
fn cut_character(bytes: &[u8]) -> usize {
    // The last lead byte decides; a sequence of four is cut at three or fewer.
    for (trailing, &byte) in bytes.iter().rev().take(3).enumerate() {
        match byte {
            0x80..=0xBF => continue,
            0xC2..=0xF4 => {}
            _ => return 0,
        }
        let have = trailing + 1;
        let cut = bytes.get(bytes.len() - have..).unwrap_or_default();
        // E0 80 and the like are no prefix of anything: left for the judge.
        let unfinished = core::str::from_utf8(cut).is_err_and(|e| e.error_len().is_none());
        return if unfinished { have } else { 0 };
    }
    0
}

/// Index of the byte that made `bytes` invalid.
#[cold]
fn offending(bytes: &[u8], error: core::str::Utf8Error) -> usize {
    let start = error.valid_up_to();
    match bytes.get(start) {
        // A good lead byte: the fault is the byte after the good prefix, or,
        // where the prefix is all there is, the lead byte that follows.
        Some(0xC2..=0xF4) => start + error.error_len().unwrap_or(bytes.len() - start),
        _ => start,
    }
}

impl fmt::Display for InvalidUtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not UTF-8 from byte {} on", self.offset)
    }
}

impl core::error::Error for InvalidUtf8 {}

#[cfg(test)]
mod tests {
    use super::*;

    /// The plain twin: the shortest prefix that no continuation can save.
    fn naive_offset(bytes: &[u8]) -> Option<usize> {
        (0..bytes.len())
            .find(|&i| core::str::from_utf8(&bytes[..=i]).is_err_and(|e| e.error_len().is_some()))
    }

    fn verdict(pieces: &[&[u8]]) -> Result<bool, usize> {
        let mut decoder = Decoder::new();
        let mut before = 0;
        for piece in pieces {
            decoder.decode(piece).map_err(|e| before + e.offset)?;
            before += piece.len();
        }
        Ok(decoder.is_complete())
    }

    fn check(bytes: &[u8]) {
        let expected = match naive_offset(bytes) {
            Some(offset) => Err(offset),
            None => Ok(core::str::from_utf8(bytes).is_ok()),
        };
        assert_eq!(verdict(&[bytes]), expected, "{bytes:02x?}");
        for cut in 1..bytes.len() {
            let (head, tail) = bytes.split_at(cut);
            assert_eq!(verdict(&[head, tail]), expected, "{bytes:02x?} cut at {cut}");
        }
    }

    #[test]
    fn every_sequence_of_one_and_two_bytes() {
        for a in 0..=255 {
            check(&[a]);
            for b in 0..=255 {
                check(&[a, b]);
            }
        }
    }

    #[test]
    fn every_class_of_four_bytes_inside_a_text() {
        // Both ends of each class that the syntax of RFC 3629 §4 tells apart.
        const CLASSES: [u8; 24] = [
            0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1,
            0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
        ];
        for a in CLASSES {
            for b in CLASSES {
                for c in CLASSES {
                    for d in CLASSES {
                        check(&[a, b, c, d]);
                        check(&[b'-', a, b, c, d, b'-']);
                    }
                }
            }
        }
    }

    #[test]
    fn pieces_give_the_text() {
        let text = "aé€😀, κόσμε, 漢字, \u{10FFFF}";
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let mut decoder = Decoder::new();
                let mut out = [0; 64];
                let mut len = 0;
                let bytes = text.as_bytes();
                for piece in [&bytes[..first], &bytes[first..second], &bytes[second..]] {
                    let decoded = decoder.decode(piece).unwrap();
                    if let Some(c) = decoded.completed {
                        len += c.encode_utf8(&mut out[len..]).len();
                    }
                    out[len..len + decoded.text.len()].copy_from_slice(decoded.text.as_bytes());
                    len += decoded.text.len();
                }
                assert!(decoder.is_complete());
                assert_eq!(core::str::from_utf8(&out[..len]), Ok(text));
            }
        }
    }
}
