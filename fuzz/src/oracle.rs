//! DEFLATE against another implementation.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
use sansocket::deflate::InflateError;

use crate::targets;

/// What a sender removed from the end of a payload (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];

/// As [`targets::inflate`], and `miniz_oxide` gives the same bytes and verdict.
pub fn inflate(data: &[u8]) {
    let ours = targets::inflate(data);
    let (theirs, status) = miniz(ours.payload, ours.message.len());
    let shared = theirs.len().min(ours.message.len());
    assert!(ours.message[..shared] == theirs[..shared]);
    match (ours.error, status) {
        // It wants the next block: the message is whole.
        (None, TINFLStatus::NeedsMoreInput) if !ours.is_full => {
            assert!(ours.message == theirs);
        }
        // It has all of ours, and more would come.
        (_, TINFLStatus::HasMoreOutput) => assert!(ours.message == theirs),
        // It ends with the first stream, behind which we go on.
        (_, TINFLStatus::Done) => {}
        // It does not insist that the message ends where a block does; and it
        // counts what is missing from the tail as missing.
        (Some(InflateError::Truncated), TINFLStatus::NeedsMoreInput) => {}
        (Some(_), TINFLStatus::Failed) => {}
        (Some(error), TINFLStatus::NeedsMoreInput) => {
            panic!("refused for {error}, and not by miniz_oxide")
        }
        (error, status) => panic!("{error:?} (full: {}), but {status:?}", ours.is_full),
    }
}

/// As [`targets::deflate`], and `miniz_oxide` inflates it to the same bytes.
pub fn deflate(data: &[u8]) {
    let deflated = targets::deflate(data);
    let (mut all, mut payloads) = (Vec::new(), Vec::new());
    for (message, payload) in deflated.messages {
        if !deflated.takeover {
            all.clear();
            payloads.clear();
        }
        all.extend(message);
        payloads.extend(payload);
        let (inflated, status) = miniz(&payloads, all.len());
        assert!(matches!(status, TINFLStatus::NeedsMoreInput | TINFLStatus::HasMoreOutput));
        assert!(inflated == all);
        payloads.extend(TAIL);
    }
}

/// At most `limit` bytes of what `payload` inflates to.
fn miniz(payload: &[u8], limit: usize) -> (Vec<u8>, TINFLStatus) {
    let mut decompressor = DecompressorOxide::new();
    let input = [payload, &TAIL].concat();
    let mut output = vec![0; limit];
    let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF | TINFL_FLAG_HAS_MORE_INPUT;
    let (status, _, len) = decompress(&mut decompressor, &input, &mut output, 0, flags);
    output.truncate(len);
    (output, status)
}
