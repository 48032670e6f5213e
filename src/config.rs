//! The limits of a connection, in one place. (What needs a clock is in `keepalive`,
//! what compression needs in `deflate`, the length of a head is its reader's.)

/// What a connection bears and how it behaves; each limit is finite.
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
    /// `u32::MAX` is none.
    max_frame: u32,
    pub(crate) max_fragments: u32,
    /// The longest message that may be one frame, of those up to 64 KiB.
    pub(crate) max_whole: u16,
    pub(crate) drop_after_close: bool,
    /// Whether permessage-deflate is agreed.
    pub(crate) allow_compressed: bool,
    /// Whether pieces of data that are not compressed may be left masked, and their
    /// text unjudged, to layer 2: it unmasks as it copies, and judges as it makes
    /// the `str`.
    pub(crate) leave_data: bool,
}

impl Config {
    /// The defaults: messages of 16 MiB, in one frame or up to 131,072.
    pub const fn new() -> Self {
        Self {
            max_message: 16 << 20,
            max_frame: u32::MAX,
            max_fragments: 1 << 17,
            max_whole: u16::MAX,
            drop_after_close: false,
            allow_compressed: false,
            leave_data: false,
        }
    }

    /// The most bytes of payload in a message, all fragments together.
    ///
    /// A longer one fails with [`MessageTooBig`] at the header that passes the
    /// limit, before any of that frame's payload. Default: 16 MiB.
    ///
    /// [`MessageTooBig`]: crate::ProtocolError::MessageTooBig
    pub const fn max_message(self, bytes: u64) -> Self {
        Self { max_message: bytes, ..self }.with_max_whole()
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
        Self { max_frame: bytes, ..self }.with_max_whole()
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

    /// The most bytes in a frame, if that is limited.
    pub(crate) fn frame_limit(&self) -> Option<u64> {
        (self.max_frame < u32::MAX).then_some(self.max_frame.into())
    }

    const fn with_max_whole(self) -> Self {
        let Self { max_message, max_frame, .. } = self;
        let max = if max_message < max_frame as u64 { max_message } else { max_frame as u64 };
        let max_whole = if max < u16::MAX as u64 { max as u16 } else { u16::MAX };
        Self { max_whole, ..self }
    }

    /// Data is finished in layer 2.
    #[cfg(feature = "alloc")]
    pub(crate) const fn for_layer_2(self, allow_compressed: bool) -> Self {
        Self { leave_data: true, allow_compressed, ..self }
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
