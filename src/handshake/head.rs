//! The head of a request or a response as it arrives: a first line, fields, and
//! an empty line.

use crate::handshake::error::HandshakeError;
use crate::handshake::fields::{Fields, split};
use crate::handshake::lines::Lines;

/// The line that a head begins with.
pub(super) trait FirstLine: Sized {
    /// `line` begins at `start` of all bytes.
    fn parse(line: &[u8], start: usize) -> Result<Self, HandshakeError>;

    /// Whether the head is passed over, as another follows.
    fn is_interim(&self) -> bool {
        false
    }
}

/// Reads a head; keeps no bytes of it.
#[derive(Clone, Debug)]
pub(super) struct HeadReader<L> {
    lines: Lines,
    /// The first line and the position behind it, once it has come.
    first: Option<(L, usize)>,
    /// Where the empty line begins, once it has come.
    fields_end: Option<usize>,
    /// The first rule that was broken.
    failed: Option<HandshakeError>,
}

/// A head that is whole.
pub(super) struct Head<'r, 'b, L> {
    pub(super) first: &'r L,
    pub(super) fields: Fields<'b>,
    pub(super) len: usize,
}

impl<L: FirstLine> HeadReader<L> {
    pub(super) const fn new(limit: usize) -> Self {
        Self { lines: Lines::new(limit), first: None, fields_end: None, failed: None }
    }

    /// Goes on reading; `bytes` begins with all the bytes of the calls before.
    pub(super) fn read<'b>(
        &mut self,
        bytes: &'b [u8],
    ) -> Result<Option<Head<'_, 'b, L>>, HandshakeError> {
        if self.failed.is_none() {
            self.failed = self.advance(bytes).err();
        }
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.head(bytes)),
        }
    }

    fn advance(&mut self, bytes: &[u8]) -> Result<(), HandshakeError> {
        while self.fields_end.is_none() {
            let start = self.lines.position();
            let Some(line) = self.lines.next(bytes)? else { break };
            match &self.first {
                None => self.first = Some((L::parse(line, start)?, self.lines.position())),
                Some((first, _)) if line.is_empty() && first.is_interim() => self.first = None,
                Some(_) if line.is_empty() => self.fields_end = Some(start),
                Some(_) => {
                    split(line).ok_or(HandshakeError::MalformedHead)?;
                }
            }
        }
        Ok(())
    }

    fn head<'b>(&self, bytes: &'b [u8]) -> Option<Head<'_, 'b, L>> {
        let (first, fields_start) = self.first.as_ref()?;
        let fields = Fields::new(bytes.get(*fields_start..self.fields_end?)?);
        Some(Head { first, fields, len: self.lines.position() })
    }
}
