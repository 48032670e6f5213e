//! `miniz_oxide`, with its own sync flush and its own idea of where a block ends.

use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, TDEFLStatus, compress, create_comp_flags_from_zip_params,
};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY,
    TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};

pub struct Deflate(Box<CompressorOxide>);

impl Deflate {
    /// `strategy`: 0 default, 1 filtered, 2 Huffman only, 3 runs, 4 fixed codes.
    pub fn new(level: i32, strategy: i32) -> Self {
        Self(Box::new(CompressorOxide::new(create_comp_flags_from_zip_params(level, 0, strategy))))
    }
}

impl crate::Compressor for Deflate {
    fn message(&mut self, message: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        if message.is_empty() {
            return out.push(0);
        }
        let mut end = start;
        let mut rest = message;
        loop {
            // One call may not flush everything, even with room to spare.
            out.resize(end + message.len() + message.len() / 8 + 128, 0);
            let (status, read, written) =
                compress(&mut self.0, rest, &mut out[end..], TDEFLFlush::Sync);
            assert_eq!(status, TDEFLStatus::Okay);
            rest = &rest[read..];
            end += written;
            if rest.is_empty() && end < out.len() {
                break;
            }
        }
        assert_eq!(out[end - 4..end], [0, 0, 0xff, 0xff]);
        out.truncate(end - 4);
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

pub struct Inflate(Box<InflateState>);

impl Default for Inflate {
    fn default() -> Self {
        Self(InflateState::new_boxed(DataFormat::Raw))
    }
}

impl crate::Decompressor for Inflate {
    fn message(&mut self, payload: &[u8], out: &mut [u8]) -> usize {
        let (mut read, mut written) = (0, 0);
        while read < payload.len() {
            let result = inflate(&mut self.0, &payload[read..], &mut out[written..], MZFlush::None);
            assert_eq!(result.status, Ok(MZStatus::Ok));
            read += result.bytes_consumed;
            written += result.bytes_written;
        }
        written
    }

    fn reset(&mut self) {
        self.0.reset(DataFormat::Raw);
    }
}

/// What `miniz_oxide` makes of the payload of a first message, as [`zlib`](crate::zlib::c::verdict) has it.
pub fn verdict(payload: &[u8], out: &mut Vec<u8>) -> Option<()> {
    const FLAGS: u32 = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF
        | TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY
        | TINFL_FLAG_HAS_MORE_INPUT;
    let mut state = DecompressorOxide::new();
    let (mut read, mut written) = (0, 0);
    let input = [payload, &[0, 0, 0xff, 0xff]].concat();
    let mut message_end = 0;
    loop {
        // First the payload, then the tail.
        let end = if read < payload.len() { payload.len() } else { input.len() };
        if out.len() - written < 1 << 16 {
            out.resize(out.len() * 2, 0);
        }
        let (status, n, m) = decompress(&mut state, &input[read..end], out, written, FLAGS);
        read += n;
        written += m;
        match status {
            TINFLStatus::Done if read == payload.len() || read == input.len() => {
                out.truncate(written);
                return (read == payload.len() || written == message_end).then_some(());
            }
            TINFLStatus::Done => state = DecompressorOxide::new(),
            TINFLStatus::BlockBoundary if read == input.len() => {
                out.truncate(written);
                let bits = state.block_boundary_state().map(|state| state.num_bits);
                return (written == message_end && bits == Some(0)).then_some(());
            }
            TINFLStatus::BlockBoundary | TINFLStatus::HasMoreOutput => {}
            TINFLStatus::NeedsMoreInput if end == payload.len() => {}
            _ => {
                out.truncate(written);
                return None;
            }
        }
        if read == payload.len() {
            message_end = written;
        }
    }
}
