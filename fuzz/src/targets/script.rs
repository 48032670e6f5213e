//! The choices of a test, taken off the front of its bytes.

/// Bytes to choose by. Where none are left, every choice is the first one.
pub(super) struct Script<'b> {
    rest: &'b [u8],
}

impl<'b> Script<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    /// Two bytes, the higher first.
    pub(super) fn word(&mut self) -> u16 {
        u16::from(self.byte()) << 8 | u16::from(self.byte())
    }

    /// At most `len` bytes.
    pub(super) fn take(&mut self, len: usize) -> &'b [u8] {
        let (taken, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// As many bytes as the next byte says, if there are as many.
    pub(super) fn string(&mut self) -> &'b [u8] {
        let len = self.byte();
        self.take(len.into())
    }

    /// The lengths of pieces: up to 15 bytes, whose number comes first.
    pub(super) fn cuts(&mut self) -> &'b [u8] {
        let count = self.byte() % 16;
        self.take(count.into())
    }

    pub(super) fn rest(self) -> &'b [u8] {
        self.rest
    }
}

/// `bytes` in pieces of these lengths, and a last one of what is left.
pub(super) fn pieces<'b>(mut bytes: &'b [u8], lengths: &[u8]) -> Vec<&'b [u8]> {
    let mut pieces = Vec::new();
    for &len in lengths {
        let (piece, rest) = bytes.split_at(usize::from(len).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces.push(bytes);
    pieces
}
