//! Inflating: from the payload of a message to its bytes (RFC 1951, RFC 7692
//! §7.2.2).
//!
//! ```text
//!            ┌──────── block ended ◄──────────────────────────────┐
//!            ▼                                                    │
//!   ─────► Header ── 00 ──► StoredLength ──► Stored ──────────────┤
//!            │                   └─► the message may end here     │
//!            ├────── 01 ───────────────────┐                      │
//!            │                             ▼                      │
//!            └────── 10 ──► Codes ──► Symbols ────────────────────┘
//!                                      │   ▲
//!                                      ▼   │
//!                                      Match
//! ```
//!
//! Each step either completes or leaves everything as it was, so that input and
//! output can be cut anywhere.

mod bits;
mod decode;
mod error;
mod header;
mod output;
mod scratch;
mod table;
#[cfg(test)]
#[expect(clippy::large_stack_arrays, reason = "a test may use its stack")]
mod tests;
mod window;

pub use self::error::InflateError;
pub use self::scratch::InflateScratch;
pub use self::window::InflateWindow;

use self::bits::{BitReader, Leftover};
use self::decode::{Decoded, decode};
use self::header::Header;
use self::output::Output;
use self::table::FIXED;
use self::window::History;
use super::window::WindowBits;

/// One message being inflated: made when its first frame arrives, gone when it
/// ends. It takes at most 384 bytes.
///
/// Between messages there is nothing to keep but the [`InflateWindow`], and
/// without context takeover not even that. While a message is under way, other
/// messages may be inflated with the same [`InflateScratch`].
#[derive(Clone, Debug)]
pub struct Inflater {
    step: Step,
    leftover: Leftover,
    /// Whether the block under way is the last of its stream. Another stream
    /// may follow in the same message (RFC 7692 §7.2.3.4).
    is_final: bool,
    /// Bytes of the message inflated so far.
    len: usize,
    /// The header of the dynamic block under way; of any other, none.
    header: Option<Header>,
}

/// Where a message goes on; `NextStream` is a `Header` behind the final block of
/// a stream.
#[derive(Clone, Copy, Debug)]
enum Step {
    Header,
    NextStream,
    StoredLength,
    Stored { left: u16 },
    Codes,
    Symbols,
    Match { distance: u16, left: u16 },
    Failed(InflateError),
}

/// How much a call of [`Inflater::inflate`] wrote, and why it ended.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inflated {
    /// Bytes written.
    pub len: usize,
    /// Whether at least one byte more would have come, had there been room. If
    /// not, the input was used up.
    pub is_full: bool,
}

/// Whether a step ran out of input or out of room.
enum Stop {
    Input,
    Output,
}

impl Inflater {
    /// The beginning of a message.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            step: Step::Header,
            leftover: Leftover::EMPTY,
            is_final: false,
            len: 0,
            header: None,
        }
    }

    /// Inflates `input`, the next piece of the message's payload, into
    /// `output`, the place for the next bytes of the message.
    ///
    /// Goes on until the input is used up or the output is full and a further
    /// byte is due: so an `output` cut to what a limit leaves is never
    /// exceeded, and [`is_full`](Inflated::is_full) says that the message is
    /// too big. What was inflated is also appended to `window`, where later
    /// calls and, with context takeover, later messages find it.
    ///
    /// The input may be cut anywhere. What was consumed of it is cut off its
    /// front.
    ///
    /// # Errors
    /// If the input is not DEFLATE; all later calls give the same error. By how
    /// much [`len`](Self::len) has grown tells what was written before it.
    pub fn inflate<M: AsRef<[u8]> + AsMut<[u8]>>(
        &mut self,
        scratch: &mut InflateScratch,
        window: &mut InflateWindow<M>,
        input: &mut &[u8],
        output: &mut [u8],
    ) -> Result<Inflated, InflateError> {
        let mut target = Output::new(output, 0, window.history(), window.bits().size());
        let is_full = self.run(scratch, input, &mut target)?;
        let len = target.len();
        window.push(output.get(..len).unwrap_or_default());
        Ok(Inflated { len, is_full })
    }

    /// As [`inflate`](Self::inflate), but without context takeover and without
    /// a window: `message` is the place for the whole message from its first
    /// byte on, and so is all the history there is.
    ///
    /// The bytes go where the call before stopped, at [`len`](Self::len).
    /// Between two calls `message` may grow or move, but must keep what was
    /// written.
    ///
    /// # Errors
    /// As [`inflate`](Self::inflate).
    pub fn inflate_whole(
        &mut self,
        scratch: &mut InflateScratch,
        bits: WindowBits,
        input: &mut &[u8],
        message: &mut [u8],
    ) -> Result<Inflated, InflateError> {
        let before = self.len.min(message.len());
        let mut target = Output::new(message, before, History::NONE, bits.size());
        let is_full = self.run(scratch, input, &mut target)?;
        Ok(Inflated { len: target.len() - before, is_full })
    }

    /// The number of bytes inflated since the message began.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// The number of bytes that were taken off the input ahead of being
    /// decoded, 7 at most.
    #[must_use]
    pub const fn ahead(&self) -> usize {
        self.leftover.len()
    }

    /// Whether no byte was inflated yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Ends the message, as if the four bytes `00 00 FF FF` that its sender
    /// removed had come (RFC 7692 §7.2.2).
    ///
    /// They are the length of an empty stored block, so all that is to be done
    /// is to see whether such a block was begun. A payload that ends with a
    /// final block, without the byte for that header, is accepted too.
    ///
    /// # Errors
    /// [`InflateError::Truncated`] if the payload ends anywhere else, or the
    /// error that an earlier call gave.
    pub fn finish(self) -> Result<(), InflateError> {
        match self.step {
            Step::Failed(error) => Err(error),
            Step::StoredLength | Step::NextStream if self.leftover.is_empty() => Ok(()),
            _ => Err(InflateError::Truncated),
        }
    }

    fn run(
        &mut self,
        scratch: &mut InflateScratch,
        input: &mut &[u8],
        output: &mut Output<'_, '_>,
    ) -> Result<bool, InflateError> {
        let before = output.len();
        let mut reader = BitReader::new(self.leftover, input);
        let stop = self.steps(scratch, &mut reader, output);
        (self.leftover, *input) = reader.suspend();
        self.len = self.len.saturating_add(output.len() - before);
        match stop {
            Ok(stop) => Ok(matches!(stop, Stop::Output)),
            Err(error) => {
                self.step = Step::Failed(error);
                Err(error)
            }
        }
    }

    /// Runs step after step until one stops.
    fn steps(
        &mut self,
        scratch: &mut InflateScratch,
        reader: &mut BitReader<'_>,
        output: &mut Output<'_, '_>,
    ) -> Result<Stop, InflateError> {
        loop {
            match self.step {
                Step::Header | Step::NextStream => {
                    let Some(header) = reader.take(3) else { return Ok(Stop::Input) };
                    self.is_final = header & 1 != 0;
                    self.header = None;
                    self.step = match header >> 1 {
                        0 => {
                            reader.align();
                            Step::StoredLength
                        }
                        1 => Step::Symbols,
                        2 => Step::Codes,
                        _ => return Err(InflateError::InvalidBlockType),
                    };
                }
                Step::StoredLength => {
                    let Some(lengths) = reader.take(32) else { return Ok(Stop::Input) };
                    let left = lengths as u16;
                    if (lengths >> 16) as u16 != !left {
                        return Err(InflateError::InvalidStoredLength);
                    }
                    self.step = Step::Stored { left };
                    if left == 0 {
                        self.end_block(reader);
                    }
                }
                Step::Stored { left } => {
                    let copied = output.fill(left.into(), |room| reader.copy_bytes(room));
                    let left = left - copied as u16;
                    self.step = Step::Stored { left };
                    if left == 0 {
                        self.end_block(reader);
                    } else if reader.has_byte() {
                        return Ok(Stop::Output);
                    } else {
                        return Ok(Stop::Input);
                    }
                }
                Step::Codes => {
                    let header = match &mut self.header {
                        Some(header) => header,
                        None => {
                            let Some(counts) = reader.take(14) else { return Ok(Stop::Input) };
                            self.header.insert(Header::new(counts)?)
                        }
                    };
                    if !header.read(reader)? {
                        return Ok(Stop::Input);
                    }
                    self.step = Step::Symbols;
                }
                Step::Symbols => {
                    let codes = match &self.header {
                        None => &FIXED,
                        Some(header) => scratch.load(header.lengths())?,
                    };
                    match decode(codes, reader, output)? {
                        Decoded::Block => self.end_block(reader),
                        Decoded::Match { length, distance } => {
                            output.check_distance(distance)?;
                            let (distance, left) = (distance as u16, length as u16);
                            self.step = Step::Match { distance, left };
                        }
                        Decoded::Nothing(stop) => return Ok(stop),
                    }
                }
                Step::Match { distance, left } => {
                    let left = left - output.copy(distance.into(), left.into()) as u16;
                    if left > 0 {
                        self.step = Step::Match { distance, left };
                        return Ok(Stop::Output);
                    }
                    self.step = Step::Symbols;
                }
                Step::Failed(error) => return Err(error),
            }
        }
    }

    fn end_block(&mut self, reader: &mut BitReader<'_>) {
        self.step = if self.is_final {
            // What follows begins with a byte of its own.
            reader.align();
            Step::NextStream
        } else {
            Step::Header
        };
    }
}

impl Default for Inflater {
    fn default() -> Self {
        Self::new()
    }
}
