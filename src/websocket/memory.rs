//! The most memory that a connection takes, as a number.

use crate::config::Config;
use crate::connection::Role;
use crate::deflate::{Agreement, DeflateScratch, InflateScratch};
use crate::keepalive::Keepalive;
use crate::websocket::WebSocket;
use crate::websocket::compression::{Compressor, Decompressor};

impl<R: Role> WebSocket<R> {
    /// The most bytes that a connection takes, on the heap and itself, whatever
    /// its peer sends, with `keepalive` and the crate's own codec.
    ///
    /// The message that is arriving takes the most, three times
    /// [`Config::max_message`]: it is gathered in a buffer that doubles, and while
    /// one half moves to the next, both are there. Not counted is what the caller
    /// holds: the input, the `output`, and the messages that it keeps.
    ///
    /// ```
    /// use sansocket::{Config, Server, WebSocket};
    ///
    /// const CONFIG: Config = Config::new().max_message(16 * 1024);
    /// const _: () = assert!(WebSocket::<Server>::max_memory(&CONFIG, None) < 50_000);
    /// ```
    #[must_use]
    pub const fn max_memory(config: &Config, agreement: Option<&Agreement>) -> u64 {
        let message = config.max_message.saturating_mul(3);
        let itself = size_of::<Self>() + size_of::<Keepalive>();
        let rest = itself + SMALLEST + compression::<R>(agreement);
        message.saturating_add(rest as u64)
    }
}

/// What a buffer takes, even if less is asked for, and while it grows.
const SMALLEST: usize = 64;

const fn compression<R: Role>(agreement: Option<&Agreement>) -> usize {
    let Some(agreement) = agreement else { return 0 };
    let (server, client) = (agreement.server(), agreement.client());
    let (send, receive) = if R::RECEIVES_MASKED { (server, client) } else { (client, server) };
    let level = agreement.settings.level;
    let scratch = size_of::<InflateScratch>() + size_of::<DeflateScratch>();
    let inflating = if receive.takeover { receive.window.size() } else { 0 };
    let deflating =
        if send.takeover { level.memory_len(send.window) } else { level.table_len(send.window) };
    size_of::<Compressor>() + size_of::<Decompressor>() + scratch + inflating + deflating
}
