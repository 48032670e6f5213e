//! Deflating whole messages.

use alloc::boxed::Box;
use alloc::vec;
use core::fmt;

use crate::deflate::{Agreement, Deflate, Deflater, Direction, Settings};
use crate::websocket::compression::Scratch;

/// What a connection keeps to compress what it sends.
#[derive(Debug)]
pub(in crate::websocket) struct Compressor {
    settings: Settings,
    direction: Direction,
    codec: Codec,
    /// For the calls that are lent none.
    pub(in crate::websocket) scratch: Scratch,
}

/// The codec and its context.
enum Codec {
    Ours(Option<Deflater<Box<[u8]>>>),
    Another(Box<dyn Deflate>),
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours(deflater) => f.debug_tuple("Ours").field(deflater).finish(),
            Self::Another(_) => f.debug_tuple("Another").finish_non_exhaustive(),
        }
    }
}

impl Compressor {
    /// For what goes in `direction` of those agreed on.
    pub(in crate::websocket) fn new(agreement: Agreement, direction: Direction) -> Self {
        Self {
            settings: agreement.settings,
            direction,
            codec: Codec::Ours(None),
            scratch: Scratch::new(),
        }
    }

    pub(super) fn replace_codec<D: Deflate + 'static>(
        &mut self,
        make: impl FnOnce(Direction) -> D,
    ) {
        self.codec = Codec::Another(Box::new(make(self.direction)));
    }

    /// Whether a message of `len` bytes may get shorter.
    pub(in crate::websocket) fn is_worth_it(&self, len: usize) -> bool {
        let default = if self.direction.takeover { 16 } else { 128 };
        len >= self.settings.threshold.unwrap_or(default).max(1)
    }

    /// The most bytes that a message of `len` bytes, which is worth it, may
    /// take compressed: fewer than it has.
    ///
    /// But with takeover short ones may get longer by a few: they shrink the
    /// next of their kind, which they could not if they went out as they are.
    pub(in crate::websocket) fn room(&self, len: usize) -> usize {
        if self.direction.takeover && len <= 1024 { len + 8 } else { len - 1 }
    }

    /// Deflates `message` into `room`; `None` if it does not fit.
    pub(in crate::websocket) fn deflate(
        &mut self,
        message: &[u8],
        room: &mut [u8],
        scratch: &mut Scratch,
    ) -> Option<usize> {
        let Direction { window, takeover } = self.direction;
        let level = self.settings.level;
        let ours = match &mut self.codec {
            Codec::Ours(deflater) => deflater,
            Codec::Another(codec) => {
                if !takeover {
                    codec.clear();
                }
                // No payload is empty: that of an empty message is the byte 00.
                let deflated = codec.deflate(message, room).ok();
                let deflated = deflated.filter(|len| (1..=room.len()).contains(len));
                if deflated.is_none() {
                    // The receiver will not see this message in its history.
                    codec.clear();
                }
                return deflated;
            }
        };
        let working = scratch.deflate.get_or_insert_with(Box::default);
        let deflated = if takeover {
            let deflater = ours.get_or_insert_with(|| {
                Deflater::new(level, window, vec![0; level.memory_len(window)].into_boxed_slice())
            });
            deflater.deflate(working, message, true, room)
        } else {
            // As long as for this connection, whatever others made of it.
            let len = level.table_len(window);
            if scratch.table.len() < len {
                scratch.table.resize(len, 0);
            }
            let table = scratch.table.get_mut(..len).unwrap_or_default();
            working.deflate_whole(level, window, table, message, room)
        };
        deflated.ok()
    }
}
