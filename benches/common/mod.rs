//! What the benches have in common.

#![allow(dead_code, reason = "each bench takes what it needs")]

use std::time::Duration;

use criterion::Criterion;

/// Payload lengths: those of chat and ticks, the longest with a header of two
/// bytes, and those that pass caches.
pub(crate) const SIZES: [usize; 6] = [0, 16, 125, 1024, 16 * 1024, 1024 * 1024];

pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Many short measurements: there are many cases, and a busy machine tells more
/// by their spread than by their length.
pub(crate) fn criterion() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(400))
        .sample_size(20)
        .configure_from_args()
}

/// What messages are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Binary,
    Ascii,
    /// CJK characters and emoji.
    Cjk,
}

impl Content {
    pub(crate) const ALL: [Self; 3] = [Self::Binary, Self::Ascii, Self::Cjk];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Ascii => "ascii",
            Self::Cjk => "cjk",
        }
    }

    /// A message of `len` bytes.
    pub(crate) fn message(self, len: usize) -> Vec<u8> {
        match self {
            Self::Binary => (0..len).map(|i| (i * 131) as u8).collect(),
            Self::Ascii => (0..len).map(|i| b'a' + (i % 26) as u8).collect(),
            Self::Cjk => {
                let mut text = String::new();
                for character in "無線電報😀沒有插座的網路通訊🚀".chars().cycle() {
                    if text.len() + character.len_utf8() > len {
                        break;
                    }
                    text.push(character);
                }
                let mut bytes = text.into_bytes();
                bytes.resize(len, b'.');
                bytes
            }
        }
    }
}
