//! DEFLATE against another implementation.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
use sansocket::deflate::InflateError;

use crate::targets;
use crate::targets::compression::{Deflated, Inflated};

/// What a sender removed from the end of a payload (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];

/// As [`targets::inflate`], and `miniz_oxide` gives the same bytes and verdict.
pub fn inflate(data: &[u8]) {
    let Inflated { payload, message, error, limit, is_full } = targets::inflate(data);
    // Room for one byte more than ours takes, to see whether it comes.
    let (theirs, status) = miniz(payload, limit + 1);
    if is_full {
        assert!(message.len() == limit && theirs.len() > limit && theirs.starts_with(&message));
        return;
    }
    // It goes on with such a block, until something else is wrong.
    if error == Some(InflateError::NoEndOfBlock) {
        assert!(theirs.starts_with(&message) && !is_whole(payload, &message, status));
        return;
    }
    assert!(message == theirs, "{error:?}, but {status:?}");
    match error {
        None => assert!(is_whole(payload, &message, status)),
        // It may see that a code is wrong before all of it has come.
        Some(InflateError::Truncated) => {
            assert!(matches!(status, TINFLStatus::NeedsMoreInput | TINFLStatus::Failed));
            assert!(!is_whole(payload, &message, status));
        }
        Some(error) => assert!(status == TINFLStatus::Failed, "{error}, but {status:?}"),
    }
}

/// Whether the payload of `message` ends as one may: with a final block, or where
/// the length of a stored block is due, so that such a block could follow.
fn is_whole(payload: &[u8], message: &[u8], status: TINFLStatus) -> bool {
    let (followed, _) = miniz(&[payload, &[4, 0, 0xFB, 0xFF], b"tail"].concat(), message.len() + 5);
    status == TINFLStatus::Done || followed == [message, b"tail"].concat()
}

/// As [`targets::deflate`], and `miniz_oxide` inflates it to the same bytes.
pub fn deflate(data: &[u8]) {
    let Deflated { messages, takeover } = targets::deflate(data);
    // What shares a window is one stream.
    let streams = messages.chunks(if takeover { messages.len().max(1) } else { 1 });
    for stream in streams {
        let (mut all, mut payloads) = (Vec::new(), Vec::new());
        for (message, payload) in stream {
            all.extend(message);
            payloads.extend(payload);
            payloads.extend(TAIL);
        }
        let (inflated, status) = miniz(&payloads, all.len() + 1);
        // It wants the next block.
        assert!(inflated == all && status == TINFLStatus::NeedsMoreInput);
    }
}

/// At most `limit` bytes of what `payload` inflates to, and how its last stream
/// ends; behind a final block comes the next stream.
fn miniz(mut payload: &[u8], limit: usize) -> (Vec<u8>, TINFLStatus) {
    let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF | TINFL_FLAG_HAS_MORE_INPUT;
    let (mut output, mut len) = (vec![0; limit], 0);
    loop {
        let mut stream = DecompressorOxide::new();
        let (status, read, written) = decompress(&mut stream, payload, &mut output, len, flags);
        payload = &payload[read..];
        len += written;
        if status != TINFLStatus::Done || payload.is_empty() {
            output.truncate(len);
            return (output, status);
        }
    }
}
