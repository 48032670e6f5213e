//! Base64 (RFC 4648 §4), for the key and the accept value of the handshake.

// What peers send passes through here: nothing that could panic on it.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

/// The length of `len` bytes in base64, padding included.
#[must_use]
pub const fn encoded_len(len: usize) -> usize {
    len.div_ceil(3).saturating_mul(4)
}

/// Writes `bytes` in base64 to the front of `out` and returns what it wrote;
/// `None` if `out` is shorter than [`encoded_len`].
///
/// ```
/// let mut out = [0; 8];
/// assert_eq!(sansocket::base64::encode(b"fooba", &mut out), Some("Zm9vYmE="));
/// ```
pub fn encode<'o>(bytes: &[u8], out: &'o mut [u8]) -> Option<&'o str> {
    let out = out.get_mut(..encoded_len(bytes.len()))?;
    let (threes, rest) = bytes.as_chunks();
    let (fours, _) = out.as_chunks_mut();
    let mut fours = fours.iter_mut();
    for (three, four) in threes.iter().zip(&mut fours) {
        *four = symbols(*three);
    }
    if let (Some(four), &[first, ref rest @ ..]) = (fours.next(), rest) {
        *four = symbols([first, rest.first().copied().unwrap_or(0), 0]);
        four[3] = b'=';
        if rest.is_empty() {
            four[2] = b'=';
        }
    }
    core::str::from_utf8(out).ok()
}

#[expect(clippy::indexing_slicing, reason = "six bits are less than 64")]
fn symbols([a, b, c]: [u8; 3]) -> [u8; 4] {
    let bits = u32::from_be_bytes([0, a, b, c]);
    [18, 12, 6, 0].map(|shift| ALPHABET[(bits >> shift & 63) as usize])
}

/// Writes the bytes that `text` encodes to the front of `out` and returns
/// them.
///
/// Strict: `None` for characters outside the alphabet, padding that is missing
/// or misplaced, bits set behind the last byte (RFC 4648 §3.5), and when `out`
/// is too short.
pub fn decode<'o>(text: &[u8], out: &'o mut [u8]) -> Option<&'o [u8]> {
    let padding = text.iter().rev().take(2).take_while(|&&symbol| symbol == b'=').count();
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let symbols = text.get(..text.len() - padding)?;
    let out = out.get_mut(..symbols.len() * 3 / 4)?;
    for (four, three) in symbols.chunks(4).zip(out.chunks_mut(3)) {
        let mut bits = 0;
        for &symbol in four {
            bits = bits << 6 | value(symbol)?;
        }
        // To the top of 32 bits, wherever the group ends.
        bits <<= 32 - 6 * four.len();
        for byte in three {
            *byte = (bits >> 24) as u8;
            bits <<= 8;
        }
        if bits != 0 {
            return None;
        }
    }
    Some(out)
}

/// The six bits that a symbol stands for.
#[expect(clippy::indexing_slicing, reason = "a byte is less than 256")]
fn value(symbol: u8) -> Option<u32> {
    let value = VALUES[usize::from(symbol)];
    (value != NONE).then_some(value.into())
}

/// In place of the bits of what is no symbol.
const NONE: u8 = 0xFF;

/// By symbol, the six bits that it stands for.
#[expect(clippy::indexing_slicing, reason = "evaluated when compiled")]
static VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut i = 0;
    while i < ALPHABET.len() {
        values[ALPHABET[i] as usize] = i as u8;
        i += 1;
    }
    values
};

const ALPHABET: [u8; 64] = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_4648_section_10() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes(), &mut [0; 8]), Some(text));
            assert_eq!(decode(text.as_bytes(), &mut [0; 6]), Some(bytes.as_bytes()));
        }
    }

    #[test]
    fn every_byte_value_comes_back() {
        let bytes: [u8; 256] = core::array::from_fn(|i| i as u8);
        for start in 0..3 {
            let (mut text, mut back) = ([0; 344], [0; 256]);
            let text = encode(&bytes[start..], &mut text).unwrap();
            assert_eq!(decode(text.as_bytes(), &mut back), Some(&bytes[start..]));
        }
    }

    #[test]
    fn strict_about_what_it_decodes() {
        for bad in [
            "Zg", "Zg=", "Zg===", "Z===", "====", "=", "Zm9v=", "Zm9v====", "Zg==Zg==", "Z=g=",
            "Zm 9", "Zm9-", "Zm9_", "Zh==", "Zm9=", "Zm\n9",
        ] {
            assert_eq!(decode(bad.as_bytes(), &mut [0; 9]), None, "{bad}");
        }
    }

    #[test]
    fn short_buffers_are_refused() {
        assert_eq!(encode(b"foo", &mut [0; 3]), None);
        assert_eq!(decode(b"Zm9v", &mut [0; 2]), None);
    }
}
