//! The tables of the block under way, made when they are needed.

use super::error::InflateError;
use super::header::CodeLengths;
use super::table::{Codes, DISTANCE, LITLEN};

/// Decoding tables: working memory (about 5 KiB) that any number of
/// [`Inflater`](super::Inflater)s may share, one after the other, call by call.
///
/// They are a cache, which serves best if a message is inflated in few calls.
/// They remember from which code lengths they were made, and are made again when
/// the next call needs others.
pub struct InflateScratch {
    codes: Codes,
    made_from: CodeLengths,
}

impl InflateScratch {
    /// Tables made for nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { codes: Codes::new(), made_from: CodeLengths::NONE }
    }

    /// The tables for these lengths; an error if there can be none.
    pub(super) fn load(&mut self, lengths: &CodeLengths) -> Result<&Codes, InflateError> {
        if self.made_from != *lengths {
            self.made_from = CodeLengths::NONE;
            let (litlen, distance) = lengths.split();
            self.codes.litlen.build(litlen, &LITLEN, false)?;
            self.codes.distance.build(distance, &DISTANCE, false)?;
            self.made_from = lengths.clone();
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
