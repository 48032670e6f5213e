//! How far back a match may reach.

/// The base-two logarithm of a window's size: 8 to 15, for 256 bytes to 32 KiB
/// (RFC 7692 §7.1.2).
///
/// ```
/// # use sansocket::deflate::WindowBits;
/// assert_eq!(WindowBits::new(12).unwrap().size(), 4096);
/// assert!(WindowBits::new(16).is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowBits(u8);

impl WindowBits {
    /// 256 bytes, the smallest window.
    pub const MIN: Self = Self(8);

    /// 32 KiB, the largest window, which holds when nothing else was
    /// negotiated.
    pub const MAX: Self = Self(15);

    /// 4 KiB: beyond it memory doubles for some percent of size.
    pub const DEFAULT: Self = Self(12);

    /// `None` unless `bits` is 8 to 15.
    #[must_use]
    pub const fn new(bits: u8) -> Option<Self> {
        if Self::MIN.0 <= bits && bits <= Self::MAX.0 { Some(Self(bits)) } else { None }
    }

    /// 8 to 15.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The window's size in bytes, which is also the largest distance of a
    /// match.
    #[must_use]
    pub const fn size(self) -> usize {
        1 << self.0
    }
}
