//! What a receiver holds its peer to.

use crate::config::Config;

/// Of a [`Config`] what a receiver looks at, and what a layer above asks of it.
pub(crate) struct Rules {
    pub(super) max_message: u64,
    max_frame: u32,
    pub(super) max_fragments: u32,
    /// The longest message that may be one frame, of those up to 64 KiB.
    pub(super) max_whole: u16,
    pub(super) drop_after_close: bool,
    /// Whether permessage-deflate is agreed.
    pub(super) allow_compressed: bool,
    /// Whether pieces of data that are not compressed may be left masked, and their
    /// text unjudged, to layer 2: it unmasks as it copies, and judges as it makes
    /// the `str`.
    pub(super) leave_data: bool,
}

impl Rules {
    pub(super) const fn new(config: &Config) -> Self {
        let Config { max_message, max_frame, max_fragments, .. } = *config;
        let max = if max_message < max_frame as u64 { max_message } else { max_frame as u64 };
        Self {
            max_message,
            max_frame,
            max_fragments,
            max_whole: if max < u16::MAX as u64 { max as u16 } else { u16::MAX },
            drop_after_close: config.drop_after_close,
            allow_compressed: config.allow_compressed,
            leave_data: false,
        }
    }

    /// Data is finished in layer 2.
    #[cfg(feature = "alloc")]
    pub(crate) const fn for_layer_2(config: &Config, allow_compressed: bool) -> Self {
        Self { leave_data: true, allow_compressed, ..Self::new(config) }
    }

    /// The most bytes in a frame, if that is limited.
    pub(super) fn frame_limit(&self) -> Option<u64> {
        (self.max_frame < u32::MAX).then_some(self.max_frame.into())
    }
}
