//! Cutting text at ASCII characters.
//!
//! The searches of `core::str` are made for any pattern, and a compiler cannot
//! see that they never panic. That of bytes it can.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

/// What lies before the first byte of `marks`, which are ASCII, and the rest
/// from there on, empty if there is none.
pub(super) fn cut<'b>(text: &'b str, marks: &[u8]) -> (&'b str, &'b str) {
    let end = text.bytes().position(|byte| marks.contains(&byte)).unwrap_or(text.len());
    // An ASCII byte is a character of its own.
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Whether `mark`, which is ASCII, is in `text`.
pub(super) fn has(text: &str, mark: u8) -> bool {
    text.as_bytes().contains(&mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_before_the_first_mark() {
        assert_eq!(cut("häst?ä/b", b"?"), ("häst", "?ä/b"));
        assert_eq!(cut("a/b?c", b"?/"), ("a", "/b?c"));
        assert_eq!(cut("ähm", b"?"), ("ähm", ""));
        assert_eq!(cut("", b"?"), ("", ""));
        assert!(has("a#", b'#') && !has("a", b'#'));
    }
}
