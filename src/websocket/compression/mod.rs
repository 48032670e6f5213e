//! permessage-deflate for whole messages, in memory allocated when the first
//! compressed message needs it.

mod compressor;
mod decompressor;

pub(super) use self::compressor::Compressor;
pub(super) use self::decompressor::Decompressor;

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::deflate::{Deflate, DeflateScratch, Direction, Inflate, InflateScratch};
use crate::websocket::WebSocket;

/// Working memory for compression, about 40 KiB, made when it is first needed;
/// and without takeover a table of half the window or three times the window, by
/// [`Level`](crate::deflate::Level).
///
/// It holds nothing between two calls, so that the connections of a thread can
/// share one: see [`WebSocket::receive_with`](crate::WebSocket::receive_with)
/// and [`WebSocket::send_with`](crate::WebSocket::send_with). A connection for
/// which that is not done has one of its own. (When another has used it, the
/// tables of a block under way are made up again, which takes some microseconds: so
/// read more than a few bytes at a time.)
#[derive(Debug, Default)]
pub struct Scratch {
    inflate: Option<Box<InflateScratch>>,
    deflate: Option<Box<DeflateScratch>>,
    /// For messages without context takeover.
    table: Vec<u8>,
}

impl Scratch {
    /// Working memory that takes nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { inflate: None, deflate: None, table: Vec::new() }
    }
}

/// Another codec in the place of ours. Negotiation, thresholds, limits and the
/// check of how a message ends stay what they are.
impl<R> WebSocket<R> {
    /// Compresses with what `make` makes, which is told the window agreed on;
    /// if compression was not agreed, it is not called. To be called before the
    /// first message is sent.
    ///
    /// ```
    /// use sansocket::deflate::{Agreement, Deflate, WindowBits};
    /// use sansocket::{Config, Server, WebSocket};
    ///
    /// fn open<D: Deflate + 'static>(
    ///     agreement: Option<Agreement>,
    ///     make: impl FnOnce(WindowBits) -> D,
    /// ) -> WebSocket<Server> {
    ///     WebSocket::server_with_compression(Config::new(), agreement)
    ///         .deflate_with(|direction| make(direction.window))
    /// }
    /// ```
    #[must_use]
    pub fn deflate_with<D: Deflate + 'static>(mut self, make: impl FnOnce(Direction) -> D) -> Self {
        if let Some(compressor) = self.sender.compressor_mut() {
            compressor.replace_codec(make);
        }
        self
    }

    /// Inflates with what `make` makes, which is told the window agreed on; if
    /// compression was not agreed, it is not called. To be called before the
    /// first message is received.
    #[must_use]
    pub fn inflate_with<I: Inflate + 'static>(mut self, make: impl FnOnce(Direction) -> I) -> Self {
        if let Some(decompressor) = self.receiver.decompressor_mut() {
            decompressor.replace_codec(make);
        }
        self
    }
}
