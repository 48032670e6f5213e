//! The payload of a control frame: at most 125 bytes, by construction.

// What peers send passes through here: nothing that could panic on it.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

use core::fmt;
use core::ops::Deref;

/// The payload of a Ping, a Pong or a Close: 0 to 125 bytes, held in place.
///
/// > All control frames MUST have a payload length of 125 bytes or less
/// > (RFC 6455 §5.5)
///
/// A longer one cannot be made, which is why sending a Ping or a Pong cannot
/// fail.
///
/// ```
/// use sansocket::Payload;
///
/// let payload = Payload::new(b"are you there?").unwrap();
/// assert_eq!(&*payload, b"are you there?");
/// assert!(Payload::new(&[0; 126]).is_err());
/// ```
#[derive(Clone, Copy)]
pub struct Payload {
    /// Zero from `len` on.
    bytes: [u8; Self::MAX],
    /// At most `MAX`.
    len: u8,
}

/// More than the bytes that fit in a control frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PayloadTooLong;

impl Payload {
    /// The most bytes a control frame carries.
    pub const MAX: usize = 125;

    /// The payload of no bytes.
    pub const EMPTY: Self = Self { bytes: [0; Self::MAX], len: 0 };

    /// A copy of `bytes`, of which there may be at most [`Payload::MAX`].
    pub fn new(bytes: &[u8]) -> Result<Self, PayloadTooLong> {
        let mut payload = Self::EMPTY;
        payload.extend(bytes)?;
        Ok(payload)
    }

    /// Appends `bytes`, all of them or, where they do not fit, none.
    pub(crate) fn extend(&mut self, bytes: &[u8]) -> Result<(), PayloadTooLong> {
        let start = usize::from(self.len);
        let room = self.bytes.get_mut(start..start + bytes.len()).ok_or(PayloadTooLong)?;
        room.copy_from_slice(bytes);
        self.len += bytes.len() as u8;
        Ok(())
    }
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl TryFrom<&[u8]> for Payload {
    type Error = PayloadTooLong;

    fn try_from(bytes: &[u8]) -> Result<Self, PayloadTooLong> {
        Self::new(bytes)
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Payload {}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload(b\"{}\")", self.escape_ascii())
    }
}

impl fmt::Display for PayloadTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a control frame carries at most 125 bytes")
    }
}

impl core::error::Error for PayloadTooLong {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_0_to_125_bytes() {
        let bytes = [7; 126];
        for len in 0..=125 {
            assert_eq!(&*Payload::new(&bytes[..len]).unwrap(), &bytes[..len]);
        }
        assert_eq!(Payload::new(&bytes), Err(PayloadTooLong));
    }

    #[test]
    fn a_failed_extend_changes_nothing() {
        let mut payload = Payload::new(&[1; 100]).unwrap();
        assert_eq!(payload.extend(&[2; 26]), Err(PayloadTooLong));
        assert_eq!(payload, Payload::new(&[1; 100]).unwrap());
        payload.extend(&[2; 25]).unwrap();
        assert_eq!(payload.len(), 125);
    }
}
