//! The tables of the block under way, made when they are needed.

use super::error::InflateError;
use super::header::CodeLengths;
use super::table::Codes;
use crate::deflate::symbols::{DISTANCE_SYMBOLS, LITLEN_SYMBOLS};

/// Decoding tables: working memory (about 5 KiB) that any number of
/// [`Inflater`](super::Inflater)s may share, one after the other, call by call.
///
/// They are a cache, which serves best if a message is inflated in few calls. They remember from which code lengths they were made, and
/// are made again when the next call needs others.
pub struct InflateScratch {
    codes: Codes,
    lengths: [u8; LITLEN_SYMBOLS + DISTANCE_SYMBOLS],
    litlen_count: u16,
}

impl InflateScratch {
    /// Tables made for nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            codes: Codes::new(),
            lengths: [0; LITLEN_SYMBOLS + DISTANCE_SYMBOLS],
            litlen_count: 0,
        }
    }

    /// The tables for these lengths; an error if there can be none.
    pub(super) fn load(&mut self, lengths: &CodeLengths) -> Result<&Codes, InflateError> {
        if self.litlen_count != lengths.litlen_count || self.lengths != lengths.lengths {
            self.litlen_count = 0;
            let (litlen, distance) = lengths.lengths.split_at(usize::from(lengths.litlen_count));
            self.codes.litlen.build_litlen(litlen)?;
            self.codes.distance.build_distance(&distance[..usize::from(lengths.distance_count)])?;
            self.lengths = lengths.lengths;
            self.litlen_count = lengths.litlen_count;
        }
        Ok(&self.codes)
    }
}

impl Default for InflateScratch {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for InflateScratch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("InflateScratch").finish_non_exhaustive()
    }
}
