//! Inflating whole messages, no byte past the limits.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use crate::config::Config;
use crate::connection::{Data, Kind};
use crate::deflate::{Checked, Direction, Inflate, InflateWindow, Inflater};
use crate::error::ProtocolError;
use crate::utf8::Decoder;
use crate::websocket::compression::Scratch;
use crate::websocket::message::Message;

/// What a connection keeps to inflate what it receives.
#[derive(Debug)]
pub(in crate::websocket) struct Decompressor {
    direction: Direction,
    max_message: u64,
    max_ratio: u32,
    codec: Codec,
    /// For the calls that are lent none.
    pub(in crate::websocket) scratch: Scratch,
    incoming: Incoming,
}

/// The codec and its context.
#[derive(Debug)]
enum Codec {
    Ours(Option<InflateWindow<Box<[u8]>>>),
    Another(Box<Checked<dyn Inflate>>),
}

/// The message that is being inflated.
#[derive(Default)]
struct Incoming {
    inflater: Inflater,
    /// What it is so far.
    message: Vec<u8>,
    /// The compressed bytes so far.
    taken: u64,
    /// The last end of a piece at which text and ratio were judged.
    piece_judged: usize,
    /// Judges text before the message is whole, so far as it is.
    text: Decoder,
    judged: usize,
}

/// Without the message.
impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("len", &self.message.len()).finish_non_exhaustive()
    }
}

impl Incoming {
    fn judge(&mut self, kind: Kind) -> Result<(), ProtocolError> {
        if kind == Kind::Text {
            let new = self.message.get(self.judged..).unwrap_or_default();
            self.judged = self.message.len();
            self.text.decode(new).map_err(|_| ProtocolError::TextNotUtf8)?;
        }
        Ok(())
    }
}

impl Decompressor {
    /// For what comes in `direction` of those agreed on.
    pub(in crate::websocket) fn new(direction: Direction, config: &Config) -> Self {
        let (codec, incoming) = (Codec::Ours(None), Incoming::default());
        Self {
            direction,
            max_message: config.max_message,
            max_ratio: config.max_ratio,
            codec,
            incoming,
            scratch: Scratch::new(),
        }
    }

    pub(super) fn replace_codec<I: Inflate + 'static>(
        &mut self,
        make: impl FnOnce(Direction) -> I,
    ) {
        self.codec = Codec::Another(Box::new(Checked::new(make(self.direction))));
    }

    /// Inflates a piece of a compressed message; returns the message if it was
    /// the last.
    pub(in crate::websocket) fn add(
        &mut self,
        data: &Data<'_>,
        scratch: &mut Scratch,
    ) -> Result<Option<Message<'static>>, ProtocolError> {
        if data.is_first() {
            self.incoming = Incoming::default();
            if let Codec::Another(codec) = &mut self.codec
                && !self.direction.takeover
            {
                codec.clear();
            }
        }
        // However the message is cut up, what is wrong first is reported: the
        // text before an error in the compression.
        let kind = data.kind();
        if let Err(error) = self.inflate(kind, data.payload(), scratch) {
            self.incoming.judge(kind)?;
            return Err(error);
        }
        if !data.is_last() {
            self.incoming.judge(kind)?;
            return Ok(None);
        }
        let Incoming { inflater, message, taken, .. } = core::mem::take(&mut self.incoming);
        let ratio = check_ratio(message.len(), taken, self.max_ratio);
        let message = match kind {
            Kind::Binary => Message::Binary(Cow::Owned(message)),
            Kind::Text => {
                let text = String::from_utf8(message).map_err(|_| ProtocolError::TextNotUtf8)?;
                Message::Text(Cow::Owned(text))
            }
        };
        let finished = match &mut self.codec {
            Codec::Ours(_) => inflater.finish(),
            Codec::Another(codec) => codec.finish(),
        };
        finished.map_err(|_| ProtocolError::BadCompression)?;
        ratio.map(|()| Some(message))
    }

    /// Inflates `input` to the end of the message, no byte past the limits.
    fn inflate(
        &mut self,
        kind: Kind,
        mut input: &[u8],
        scratch: &mut Scratch,
    ) -> Result<(), ProtocolError> {
        let incoming = &mut self.incoming;
        incoming.taken += input.len() as u64;
        loop {
            let start = incoming.message.len();
            let left = self.max_message.saturating_sub(start as u64);
            // Pieces end at the same places however the input is cut, and the
            // first call there asks no more than whether another byte is due:
            // so text and ratio are judged at the same bytes, too.
            let at_end = start.is_multiple_of(PIECE) && start != incoming.piece_judged;
            let to_end = if at_end { 0 } else { PIECE - start % PIECE };
            let room = input.len().saturating_mul(4).max(512).min(to_end);
            let room = left.min(room as u64) as usize;
            incoming.message.resize(start + room, 0);
            let inflated = match &mut self.codec {
                Codec::Another(codec) => {
                    codec.inflate(&mut input, incoming.message.get_mut(start..).unwrap_or_default())
                }
                Codec::Ours(window) => {
                    let working = scratch.inflate.get_or_insert_with(Box::default);
                    let bits = self.direction.window;
                    if self.direction.takeover {
                        let window = window.get_or_insert_with(|| {
                            InflateWindow::new(bits, vec![0; bits.size()].into_boxed_slice())
                        });
                        let place = incoming.message.get_mut(start..).unwrap_or_default();
                        incoming.inflater.inflate(working, window, &mut input, place)
                    } else {
                        incoming.inflater.inflate_whole(
                            working,
                            bits,
                            &mut input,
                            &mut incoming.message,
                        )
                    }
                }
            };
            // What came before an error is there, too, if the codec is ours.
            incoming.message.truncate(
                inflated.map_or(incoming.inflater.len().max(start), |new| start + new.len),
            );
            let inflated = inflated.map_err(|_| ProtocolError::BadCompression)?;
            if !inflated.is_full {
                return Ok(());
            }
            if at_end {
                incoming.piece_judged = start;
                incoming.judge(kind)?;
                let decoded = incoming.taken - (input.len() + incoming.inflater.ahead()) as u64;
                check_ratio(start, decoded, self.max_ratio)?;
            }
            if left == 0 {
                return Err(ProtocolError::MessageTooBig);
            }
        }
    }

    /// Lets go of the message under way, as no more of it will come.
    pub(in crate::websocket) fn forget(&mut self) {
        self.incoming = Incoming::default();
    }
}

/// The most bytes inflated before they are judged: few enough to stay in the nearest caches,
/// and a divisor of `RATIO_FREE`.
const PIECE: usize = 16 * 1024;

/// The inflated bytes for which no ratio is asked: short messages may shrink
/// a lot.
const RATIO_FREE: u64 = 64 * 1024;
const _: () = assert!((RATIO_FREE as usize).is_multiple_of(PIECE));

/// Whether `compressed` bytes may have made `inflated` ones.
fn check_ratio(inflated: usize, compressed: u64, max_ratio: u32) -> Result<(), ProtocolError> {
    let allowed = compressed.saturating_mul(max_ratio.into()).max(RATIO_FREE);
    if inflated as u64 > allowed { Err(ProtocolError::MessageTooBig) } else { Ok(()) }
}
