//! What can be wrong with a payload.

/// Why the payload of a message cannot be inflated. In WebSocket terms: fail
/// the connection with close code 1007.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InflateError {
    /// Block type 3 (RFC 1951 §3.2.3).
    InvalidBlockType,
    /// The length of a stored block and its complement do not match (§3.2.4).
    InvalidStoredLength,
    /// More than 286 literal/length codes or more than 30 distance codes
    /// (§3.2.7).
    TooManyCodes,
    /// Code lengths that repeat what is not there, or go on past the last code
    /// (§3.2.7).
    InvalidRepeat,
    /// No code for the end of the block.
    NoEndOfBlock,
    /// Code lengths with more codes than there can be.
    OversubscribedCode,
    /// Code lengths that leave codes without a meaning.
    IncompleteCode,
    /// A code without a meaning: literal/length 286 and 287, distance 30 and
    /// 31, or the unused half of a one-bit code.
    InvalidCode,
    /// A match begins before the first byte inflated, or further back than the
    /// window.
    DistanceTooFar,
    /// The message ended elsewhere than behind the header of the empty stored
    /// block whose rest the sender removed (RFC 7692 §7.2.1).
    Truncated,
    /// What another codec than ours refused; see
    /// [`Inflate`](crate::deflate::Inflate).
    Other,
}

impl core::fmt::Display for InflateError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::InvalidBlockType => "invalid block type",
            Self::InvalidStoredLength => "stored length does not match its complement",
            Self::TooManyCodes => "too many length or distance codes",
            Self::InvalidRepeat => "invalid repetition of code lengths",
            Self::NoEndOfBlock => "no code for the end of the block",
            Self::OversubscribedCode => "over-subscribed code",
            Self::IncompleteCode => "incomplete code",
            Self::InvalidCode => "invalid code",
            Self::DistanceTooFar => "distance too far back",
            Self::Truncated => "compressed message is truncated",
            Self::Other => "refused by the codec",
        })
    }
}

impl core::error::Error for InflateError {}
