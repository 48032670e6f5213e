//! The limits of a connection, all in one place.

/// What a connection bears from its peer, and how it behaves; each limit is finite by
/// default.
///
/// All that a peer can make grow has its limit here: who reads a head, receives,
/// inflates or keeps deadlines is given the `Config` and takes what is for it. How
/// long to wait is in [`Timeouts`](crate::keepalive::Timeouts).
///
/// ```
/// use sansocket::{Config, Connection};
///
/// let config = Config::new().max_message(64 * 1024).max_fragments(16);
/// let ws = Connection::server(config);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Config {
    pub(crate) max_message: u64,
    pub(crate) max_frame: u32,
    pub(crate) max_fragments: u32,
    pub(crate) max_ratio: u32,
    pub(crate) max_control_frames: u32,
    pub(crate) max_head: usize,
    pub(crate) drop_after_close: bool,
    pub(crate) allow_compressed: bool,
}

impl Config {
    /// The defaults: heads of 16 KiB, messages of 16 MiB in one frame or up to
    /// 131,072 that inflate to 1,032 times their size at most, and 1,000 control
    /// frames a second.
    pub const fn new() -> Self {
        Self {
            max_message: 16 << 20,
            max_frame: u32::MAX,
            max_fragments: 1 << 17,
            max_ratio: 1_032,
            max_control_frames: 1_000,
            max_head: 16 << 10,
            drop_after_close: false,
            allow_compressed: false,
        }
    }

    /// The most bytes of payload in a message, all fragments together.
    ///
    /// A longer one fails with [`MessageTooBig`] at the header that passes the
    /// limit, before any of that frame's payload. Where messages are compressed,
    /// what they inflate to counts. Default: 16 MiB.
    ///
    /// [`MessageTooBig`]: crate::ProtocolError::MessageTooBig
    pub const fn max_message(self, bytes: u64) -> Self {
        Self { max_message: bytes, ..self }
    }

    /// The most bytes of payload in a frame, as they come, compressed or not.
    ///
    /// A longer one fails with [`FrameTooBig`] at its header, unless the message is
    /// too big with it, too. A frame takes no memory here; who passes frames on
    /// whole may want them small. Control frames have the RFC's limit. Default:
    /// `u32::MAX`, which leaves it to [`max_message`](Self::max_message).
    ///
    /// [`FrameTooBig`]: crate::ProtocolError::FrameTooBig
    pub const fn max_frame(self, bytes: u32) -> Self {
        Self { max_frame: bytes, ..self }
    }

    /// The most frames in a message, empty ones included; at least 1.
    ///
    /// A message in more fails with [`TooManyFragments`]. A fragment costs no
    /// memory here, only the peer's bytes and our time. Default: 131,072.
    ///
    /// [`TooManyFragments`]: crate::ProtocolError::TooManyFragments
    pub const fn max_fragments(self, frames: u32) -> Self {
        Self { max_fragments: frames, ..self }
    }

    /// The most that a message may inflate to in layer 2, as a multiple of its
    /// compressed size; up to 64 KiB, any multiple.
    ///
    /// A greater one fails with [`MessageTooBig`]. What it takes is bounded by
    /// [`max_message`](Self::max_message) already; with this, a few bytes cannot
    /// make it so much. Regular data, a log or a table, shrinks by more than a
    /// hundred. Default: 1,032, which is all that DEFLATE can do.
    ///
    /// [`MessageTooBig`]: crate::ProtocolError::MessageTooBig
    pub const fn max_ratio(self, ratio: u32) -> Self {
        Self { max_ratio: ratio, ..self }
    }

    /// How many Pings and Pongs may come in a second; more of them close the
    /// connection with 1008, and fail it if they go on. Default: 1,000; `u32::MAX`
    /// is no limit.
    ///
    /// A Ping is the one frame to which the protocol itself wants an answer. As
    /// a network may hold them up, those of ten seconds may come at once, and of ten
    /// more until the peer has read our Close. The answer to a Ping of ours does not
    /// count.
    ///
    /// A `WebSocket` hands it to its [`Keepalive`](crate::keepalive::Keepalive);
    /// beside a connection, or halves of one, give it by
    /// [`with_config`](crate::keepalive::Keepalive::with_config). Without a
    /// `Keepalive` there is no clock to count by: the caller sees each of them, and
    /// may stop reading.
    pub const fn max_control_frames(self, per_second: u32) -> Self {
        Self { max_control_frames: per_second, ..self }
    }

    /// The most bytes in the head of a request or a response, interim responses
    /// included.
    ///
    /// A longer one fails with [`HeadTooLarge`] at the byte that passes the limit.
    /// The default bears the cookies of a browser and what proxies add: 16 KiB.
    ///
    /// The buffer for a head should have as many bytes: then it is never full before
    /// the head is whole or refused. (Reading into a full buffer gives 0 bytes,
    /// which looks like the end.)
    ///
    /// For a [`RequestReader`] and a [`ResponseReader`] that are made by their
    /// `with_config` (`new` has the default); a head of HTTP/2 or 3 is its
    /// library's.
    ///
    /// [`HeadTooLarge`]: crate::handshake::HandshakeError::HeadTooLarge
    /// [`RequestReader`]: crate::handshake::RequestReader
    /// [`ResponseReader`]: crate::handshake::ResponseReader
    pub const fn max_head(self, bytes: usize) -> Self {
        Self { max_head: bytes, ..self }
    }

    /// Whether messages may be compressed, permessage-deflate being agreed.
    ///
    /// For layer 1, which passes compressed messages through as they are:
    /// see [`Data::is_compressed`](crate::Data::is_compressed). (Layer 2 is told
    /// of the agreement itself, and does not look at this.) Their
    /// compressed size may pass [`max_message`](Self::max_message) by an
    /// eighth, 64 bytes and 8 more a fragment, as the inflated one is what
    /// counts.
    /// Default: no.
    pub const fn allow_compressed(self, allow: bool) -> Self {
        Self { allow_compressed: allow, ..self }
    }

    /// Whether data that arrives after our own Close is dropped.
    ///
    /// The peer may have sent it before it saw the Close, so by default it is
    /// still delivered. What is dropped is held to the same rules.
    pub const fn drop_after_close(self, drop: bool) -> Self {
        Self { drop_after_close: drop, ..self }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}
