//! The loop of those who lend payload out of the caller's buffer as it comes.
//!
//! sansocket and the limit share it, so that only the codec differs. The caller
//! reads into the whole of one buffer each time and moves nothing, as the
//! decoder takes input that is cut anywhere.

use crate::buffer::Buffer;
use crate::source::Source;
use crate::work::{Application, Receiver};

/// A decoder in a caller's loop.
pub trait Decoder {
    /// The next piece of a message off the front of `input`.
    fn next<'b>(&mut self, input: &mut &'b mut [u8]) -> Option<Piece<'b>>;
}

pub struct Piece<'b> {
    pub first: bool,
    pub last: bool,
    pub bytes: &'b mut [u8],
}

pub struct Lending<D> {
    decoder: D,
    source: Source,
    buffer: Buffer,
}

impl<D> Lending<D> {
    pub fn new(decoder: D, source: Source, read: usize) -> Self {
        Self { decoder, source, buffer: Buffer::new(read) }
    }
}

impl<D: Decoder> Receiver for Lending<D> {
    #[inline(never)]
    fn receive(&mut self, application: &mut impl Application) {
        let buffer = &mut *self.buffer;
        loop {
            let n = self.source.read(buffer);
            if n == 0 {
                return;
            }
            let mut input = &mut buffer[..n];
            while let Some(piece) = self.decoder.next(&mut input) {
                application.piece(piece.first, piece.last, piece.bytes);
            }
        }
    }
}
